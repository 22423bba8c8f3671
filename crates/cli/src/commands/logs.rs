use std::fs::File;
use std::io::Read;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use session_groups::claude::conversation::{Conversation, Entry};
use session_groups::model::number::Positive;
use session_groups::model::run::Attempt;
use session_groups::model::{GroupSession, GroupStatus, SessionGroup};
use session_groups::repository::FileGroupRepository;
use session_groups::runner::process::{SessionDirectory, directory_names};

use crate::arguments::Global;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::numbers;
use crate::output::{Format, Output, escape};
use crate::selection::{find_group, find_session, open_store};
use crate::view::conversation;

/// Time between two looks at a growing file.
const POLL: Duration = Duration::from_millis(200);
/// Size of the buffer for one read, in bytes.
const BUFFER: usize = 64 * 1024;

/// Show the conversation of a session
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  session-groups logs payments client-python\n  session-groups logs latest api -f\n  session-groups logs payments api --raw | jq .type"
)]
pub struct Logs {
    /// Id of the group, a unique beginning or end of it, or `latest`
    group: String,
    /// Id of the session
    session: String,
    /// Go on while the session runs
    #[arg(short = 'f', long)]
    follow: bool,
    /// Number of the attempt [default: the newest]
    #[arg(long, value_name = "N", value_parser = numbers::whole, allow_negative_numbers = true)]
    attempt: Option<u64>,
    /// Print the output as it is
    #[arg(long, conflicts_with_all = ["json", "jsonl"])]
    raw: bool,
}

impl Logs {
    /// Prints the conversation.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let store = open_store(global.store.as_deref())?;
        let mut group = find_group(&store, &self.group)?.group()?;
        let mut session = find_session(&group, &self.session)?.clone();
        let mut shown = None;
        loop {
            let attempt = self.attempt.or_else(|| newest_attempt(&session));
            match attempt.filter(|attempt| shown != Some(*attempt)) {
                Some(attempt) => {
                    match self.open(&store, &group, attempt)? {
                        Some(file) => self.print(file, attempt, &store, &group, output)?,
                        None if self.follow && self.attempt.is_none() => {}
                        None => return Err(no_output(&session, attempt)),
                    }
                    shown = Some(attempt);
                }
                None if !self.follow => return Err(self.no_attempt()),
                None => {}
            }
            if !self.follow || self.attempt.is_some() || !may_go_on(&group, &session) {
                break;
            }
            output.flush()?;
            std::thread::sleep(POLL);
            group = find_group(&store, group.id.as_str())?.group()?;
            session = find_session(&group, &self.session)?.clone();
        }
        Ok(Exit::Success)
    }

    fn open(&self, store: &FileGroupRepository, group: &SessionGroup, attempt: u64) -> Result<Option<File>> {
        let ids = group.sessions.iter().map(|session| session.id.as_str());
        let names = directory_names(&self.session, ids);
        let directory = store.base().join(group.id.as_str());
        let directory = SessionDirectory::of_output(&directory, &names, attempt)?;
        Ok(directory.map(|directory| directory.output(attempt)).transpose()?)
    }

    /// Prints a file to its end, and with `--follow` until the attempt ends.
    fn print(
        &self,
        mut file: File,
        attempt: u64,
        store: &FileGroupRepository,
        group: &SessionGroup,
        output: &mut Output,
    ) -> Result<()> {
        let mut group = group.clone();
        let mut printer = Printer::new(self, attempt, output);
        let mut buffer = vec![0; BUFFER];
        let mut is_last_look = !self.follow;
        loop {
            let length = file
                .read(&mut buffer)
                .map_err(|error| Failure::unexpected(format!("cannot read the output: {error}")))?;
            if length > 0 {
                printer.push(&buffer[..length], output)?;
                continue;
            }
            if is_last_look {
                printer.end(output)?;
                return match error_of(&group, &self.session, attempt) {
                    Some(error) if !printer.has_result() => output.lines(&[conversation::failure(error)]),
                    _ => Ok(()),
                };
            }
            output.flush()?;
            std::thread::sleep(POLL);
            // The last lines were written before the attempt ended.
            group = find_group(store, group.id.as_str())?.group()?;
            is_last_look = !is_running(&group, &self.session, attempt);
        }
    }

    fn no_attempt(&self) -> Failure {
        let message = format!("session {:?} has not run yet", self.session);
        Failure::new(Exit::NothingToRun, message).with_help("`-f` waits for it")
    }
}

fn no_output(session: &GroupSession, attempt: u64) -> Failure {
    let message = format!("there is no output of attempt {attempt} of session {:?}", session.id);
    let newest = newest_attempt(session);
    let help = newest
        .map_or_else(|| "it has not run yet".to_owned(), |newest| format!("the newest attempt is {newest}"));
    Failure::new(Exit::NotFound, message).with_help(help)
}

fn newest_attempt(session: &GroupSession) -> Option<u64> {
    session.attempts.as_ref()?.last().map(|attempt| Positive::get(attempt.n))
}

fn attempt_of<'a>(group: &'a SessionGroup, session: &str, attempt: u64) -> Option<&'a Attempt> {
    let session = group.sessions.iter().find(|known| known.id == session)?;
    session.attempts.iter().flatten().find(|known| known.n.get() == attempt)
}

/// Returns `true` if the attempt has not ended.
fn is_running(group: &SessionGroup, session: &str, attempt: u64) -> bool {
    group.status == GroupStatus::Running
        && attempt_of(group, session, attempt).is_some_and(|attempt| attempt.ended_at.is_none())
}

/// The reason why an attempt failed, which is not in its output if its process printed none.
fn error_of<'a>(group: &'a SessionGroup, session: &str, attempt: u64) -> Option<&'a str> {
    attempt_of(group, session, attempt)?.error.as_deref()
}

/// Returns `true` if a further attempt may come.
fn may_go_on(group: &SessionGroup, session: &GroupSession) -> bool {
    matches!(group.status, GroupStatus::Created | GroupStatus::Running) && !session.status.has_ended()
}

/// Prints chunks of an output.
enum Printer {
    /// As a conversation for people.
    Conversation {
        conversation: Conversation,
        /// `true` once a result was printed.
        has_result: bool,
    },
    /// As it is.
    Raw {
        /// `true` to escape what a terminal would act on.
        is_escaped: bool,
    },
    /// Each line in an object.
    Lines(Lines),
    /// All lines in one document.
    Document(Lines, Vec<serde_json::Value>),
}

/// The lines of an attempt's output.
struct Lines {
    session: String,
    attempt: u64,
    rest: Vec<u8>,
}

impl Lines {
    /// Returns the lines that a chunk completes.
    fn push(&mut self, chunk: &[u8]) -> Vec<serde_json::Value> {
        let begun = self.rest.len();
        self.rest.extend_from_slice(chunk);
        let Some(end) = self.rest[begun..].iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let whole: Vec<u8> = self.rest.drain(..=begun + end).collect();
        whole.split(|byte| *byte == b'\n').filter_map(line_value).collect()
    }

    /// Returns the last line, if it has no end.
    fn end(&mut self) -> Option<serde_json::Value> {
        line_value(&std::mem::take(&mut self.rest))
    }

    fn print(&self, line: &serde_json::Value, output: &mut Output) -> Result<()> {
        let line = json!({ "session": self.session, "attempt": self.attempt, "line": line }).to_string();
        output.json_line(&format!("{{\"v\":1,{}", &line[1..]))
    }
}

/// A line as JSON, or as a string if it is not; `None` if it is blank.
fn line_value(line: &[u8]) -> Option<serde_json::Value> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    (!text.trim().is_empty()).then(|| serde_json::from_str(text).unwrap_or_else(|_| json!(text)))
}

impl Printer {
    fn new(logs: &Logs, attempt: u64, output: &Output) -> Self {
        if logs.raw {
            Self::Raw { is_escaped: output.is_terminal() }
        } else if output.format() == Format::Text {
            Self::Conversation { conversation: Conversation::default(), has_result: false }
        } else {
            let lines = Lines { session: logs.session.clone(), attempt, rest: Vec::new() };
            let is_document = output.format() == Format::Json && !logs.follow;
            if is_document { Self::Document(lines, Vec::new()) } else { Self::Lines(lines) }
        }
    }

    /// Returns `false` for a conversation without a result.
    fn has_result(&self) -> bool {
        !matches!(self, Self::Conversation { has_result: false, .. })
    }

    fn push(&mut self, chunk: &[u8], output: &mut Output) -> Result<()> {
        match self {
            Self::Conversation { conversation, has_result } => {
                let entries = conversation.push(chunk);
                *has_result |= entries.iter().any(|entry| matches!(entry, Entry::End { .. }));
                print_entries(&entries, output)
            }
            Self::Raw { is_escaped: false } => output.write(chunk),
            Self::Raw { is_escaped: true } => {
                for part in String::from_utf8_lossy(chunk).split_inclusive('\n') {
                    let line = part.strip_suffix('\n');
                    output.write(escape(line.unwrap_or(part)).as_bytes())?;
                    if line.is_some() {
                        output.write(b"\n")?;
                    }
                }
                Ok(())
            }
            Self::Lines(lines) => lines.push(chunk).iter().try_for_each(|line| lines.print(line, output)),
            Self::Document(lines, all) => {
                all.extend(lines.push(chunk));
                Ok(())
            }
        }
    }

    fn end(&mut self, output: &mut Output) -> Result<()> {
        match self {
            Self::Conversation { conversation, has_result } => {
                let entries = conversation.end();
                *has_result |= entries.iter().any(|entry| matches!(entry, Entry::End { .. }));
                print_entries(&entries, output)
            }
            Self::Raw { .. } => Ok(()),
            Self::Lines(lines) => lines.end().iter().try_for_each(|line| lines.print(line, output)),
            Self::Document(lines, all) => {
                all.extend(lines.end());
                output.json(&json!({ "session": lines.session, "attempt": lines.attempt, "lines": all }))
            }
        }
    }
}

fn print_entries(entries: &[Entry], output: &mut Output) -> Result<()> {
    entries.iter().try_for_each(|entry| output.lines(&conversation::lines(entry)))
}
