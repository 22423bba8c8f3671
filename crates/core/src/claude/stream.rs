//! The output of a running session becomes its progress: what `claude -p … --output-format stream-json --verbose`
//! prints goes in, in any chunks; status, cost, tokens and the current tool come out.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::claude::accounts::Accounts;
use crate::claude::line::{Content, Kind, Line, objects, plain_text};
use crate::claude::lines::Lines;
use crate::claude::messages::Messages;
use crate::claude::outcome::{self, Outcome};
use crate::claude::tools::OpenTools;
use crate::json;
use crate::model::number::{Milliseconds, Usd};
use crate::model::patch::Change;
use crate::model::time::{self, IsoTime};
use crate::model::{GroupSession, SessionPatch, SessionStatus};
use crate::progress::SessionProgress;

/// The end of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exit {
    /// The exit code, where it exited by itself.
    pub code: Option<i64>,
    /// The signal that ended it, e.g. `SIGTERM`.
    pub signal: Option<String>,
}

impl Exit {
    /// Returns `true` if the process could not save anything. Shells report the signal as an exit code.
    fn is_sigkill(&self) -> bool {
        self.signal.as_deref() == Some("SIGKILL") || self.code == Some(128 + 9)
    }
}

/// Reads what one run of Claude Code prints and keeps the progress of its session.
#[derive(Debug)]
pub struct ClaudeStream {
    /// The session as it was stored before this run.
    before: GroupSession,
    lines: Lines,
    status: SessionStatus,
    started_at: Option<IsoTime>,
    completed_at: Option<IsoTime>,
    claude_session_id: Option<String>,
    accounts: Accounts,
    messages: Messages,
    open_tools: OpenTools,
    denied_tools: Vec<String>,
    /// The last result, those left out that answer nothing and come after another.
    last_result: Option<Outcome>,
    /// A turn has begun after the last result.
    is_in_turn: bool,
    error: Option<String>,
    warning: Option<String>,
    has_lines: bool,
    ignored_lines: u64,
    plain_lines: PlainLines,
    phase: Phase,
    /// The number of Claude Code's session ids in this run.
    session_ids: usize,
    /// Time of the newest chunk, in Unix milliseconds.
    now_ms: f64,
}

/// Maximum number of refused tools that are named.
const MAX_DENIED_TOOLS: usize = 100;

/// The phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has been printed yet.
    Waiting,
    Running,
    Ended,
}

/// The last lines that are not JSON. A program that cannot work says so in plain words.
#[derive(Debug, Default)]
struct PlainLines(VecDeque<String>);

impl PlainLines {
    const MAX_LINES: usize = 5;
    const MAX_LENGTH: usize = 200;

    fn push(&mut self, line: &str) {
        let line = plain_text(line);
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        if self.0.len() == Self::MAX_LINES {
            self.0.pop_front();
        }
        self.0.push_back(json::shortened(line, Self::MAX_LENGTH));
    }

    /// The lines, one below the other. `None` if there are none.
    fn text(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.iter().map(String::as_str).collect::<Vec<_>>().join("\n"))
    }
}

impl ClaudeStream {
    /// A reader for a run of this session, which may have run before.
    pub fn new(session: GroupSession) -> Self {
        Self::with_relatives(session, &[])
    }

    /// A reader for a run of a session that may have been forked from one of its relatives.
    pub fn with_relatives(session: GroupSession, relatives: &[GroupSession]) -> Self {
        Self {
            lines: Lines::default(),
            status: session.status,
            started_at: session.started_at.clone(),
            completed_at: session.completed_at.clone(),
            claude_session_id: None,
            accounts: Accounts::new(&session, relatives),
            messages: Messages::default(),
            open_tools: OpenTools::default(),
            denied_tools: Vec::new(),
            last_result: None,
            is_in_turn: false,
            error: None,
            warning: None,
            has_lines: false,
            ignored_lines: 0,
            plain_lines: PlainLines::default(),
            phase: Phase::Waiting,
            session_ids: 0,
            now_ms: 0.0,
            before: session,
        }
    }

    /// Takes the next piece of output by the system clock.
    pub fn push(&mut self, chunk: &[u8]) -> bool {
        self.push_at(chunk, time::now_ms())
    }

    /// Takes the next piece of output, which was read at a time in Unix milliseconds. Returns `true` if the progress or the
    /// changes have changed.
    pub fn push_at(&mut self, chunk: &[u8], now_ms: f64) -> bool {
        let before = self.state();
        self.push_for(chunk, now_ms, |_| {});
        self.state() != before
    }

    /// Takes the next piece of output as [`push_at`](Self::push_at) does, and passes each of its objects on, so that no line is
    /// parsed twice.
    pub(crate) fn push_for(&mut self, chunk: &[u8], now_ms: f64, mut other: impl FnMut(&Line<'_>)) {
        if self.phase == Phase::Ended {
            return;
        }
        self.now_ms = now_ms;
        let mut lines = std::mem::take(&mut self.lines);
        let dropped = lines.push(chunk, |line| self.read(line, &mut other));
        self.lines = lines;
        if dropped > 0 {
            self.start(None);
        }
        self.ignored_lines += dropped;
    }

    /// Returns `true` if there has been a line of any kind.
    pub(crate) fn has_lines(&self) -> bool {
        self.has_lines
    }

    /// All that `progress` and `changes` are made of, in a form that is cheap to compare.
    fn state(&self) -> impl PartialEq + use<> {
        let cost = self.accounts.cost().map(f64::to_bits);
        let used = self.messages.used().all();
        let tool = self.open_tools.newest().map(str::to_owned);
        let counts = (self.messages.count(), self.denied_tools.len(), self.session_ids);
        (
            self.status,
            cost,
            self.accounts.tokens(self.messages.used()),
            used,
            self.accounts.state(),
            tool,
            counts,
        )
    }

    /// Takes the end of the output by the system clock.
    pub fn end(&mut self, exit: &Exit) {
        self.end_at(exit, time::now_ms());
    }

    /// Takes the end of the output, and how the process ended at a time in Unix milliseconds. The session has completed if
    /// its last result is a success and no turn has begun after it.
    pub fn end_at(&mut self, exit: &Exit, now_ms: f64) {
        self.end_for(exit, now_ms, |_| {});
    }

    /// Takes the end of the output as [`end_at`](Self::end_at) does, and passes the objects of a last line without its end on.
    pub(crate) fn end_for(&mut self, exit: &Exit, now_ms: f64, mut other: impl FnMut(&Line<'_>)) {
        if self.phase == Phase::Ended {
            return;
        }
        self.now_ms = now_ms;
        let mut lines = std::mem::take(&mut self.lines);
        self.ignored_lines += lines.end(|line| self.read(line, &mut other));
        if self.ignored_lines > 0 {
            self.start(None);
        }
        self.open_tools.clear();
        let now = IsoTime::of_unix_ms(now_ms);
        if self.phase == Phase::Waiting {
            // The run said nothing: its time is now, not that of an earlier run.
            self.started_at = Some(now.clone());
        }
        self.completed_at = Some(now);
        if exit.is_sigkill() {
            self.accounts.kill();
        }
        if self.has_completed() {
            self.status = SessionStatus::Completed;
            self.warning = outcome::warning(exit, &self.denied_tools);
        } else {
            self.status = SessionStatus::Failed;
            self.error = Some(self.reason_of_failure(exit));
        }
        self.phase = Phase::Ended;
    }

    fn has_completed(&self) -> bool {
        matches!(self.last_result, Some(Outcome::Success)) && !self.is_in_turn
    }

    /// Returns a reason a person can act on: what the program said of itself before how it ended.
    fn reason_of_failure(&self, exit: &Exit) -> String {
        if let Some(Outcome::Failure(reason)) = &self.last_result {
            return reason.clone();
        }
        let ended = match (&self.last_result, self.plain_lines.text()) {
            (Some(Outcome::NoTurn), None) => "the run ended without an answer".to_owned(),
            (Some(Outcome::Success), _) => {
                "the run ended in a further turn, after a successful result".to_owned()
            }
            (_, Some(said)) => format!("the run ended without a result and said: {said}"),
            (_, None) => "the run ended without a result".to_owned(),
        };
        match (&exit.signal, exit.code) {
            (Some(signal), _) if self.plain_lines.0.is_empty() => format!("killed by {signal}"),
            (Some(signal), _) => format!("killed by {signal}: {ended}"),
            (None, Some(0)) => ended,
            // `child_process` reports a negative code if there was no process.
            (None, Some(error)) if error < 0 && self.phase == Phase::Waiting => {
                format!("the program did not start: error {error}")
            }
            (None, Some(code)) => format!("exit code {code}: {ended}"),
            (None, None) => format!("its exit code is not known: {ended}"),
        }
    }

    /// The session's progress by the system clock.
    pub fn progress(&self) -> SessionProgress {
        self.progress_at(time::now_ms())
    }

    /// The session's progress at a time in Unix milliseconds.
    pub fn progress_at(&self, now_ms: f64) -> SessionProgress {
        SessionProgress {
            id: self.before.id.clone(),
            project_path: self.before.project_path.clone(),
            status: self.status,
            cost: self.accounts.cost().map(Usd::clamped).or(self.before.cost).unwrap_or(Usd::clamped(0.0)),
            tokens: self.accounts.tokens(self.messages.used()).into(),
            message_count: self.messages.count().into(),
            current_tool: self.open_tools.newest().map(str::to_owned),
            started_at: self.started_at.as_deref().map(str::to_owned),
            duration_ms: self.duration_ms(now_ms).map(Milliseconds::clamped),
        }
    }

    /// Milliseconds spent running, over all runs.
    fn duration_ms(&self, now_ms: f64) -> Option<f64> {
        let earlier = self.before.ran_ms();
        if self.phase == Phase::Waiting {
            return earlier;
        }
        let until = self.completed_at.clone().unwrap_or_else(|| IsoTime::of_unix_ms(now_ms));
        let run = time::milliseconds_between(self.started_at.as_ref()?.instant(), until.instant());
        Some(earlier.unwrap_or(0.0) + run)
    }

    /// The fields of the session to store.
    pub fn changes(&self) -> SessionPatch {
        if self.phase == Phase::Waiting {
            return SessionPatch::default();
        }
        let used = self.messages.used();
        let has_counted = self.accounts.has_counted() || !used.all().is_zero();
        let denied = Some(self.denied_tools.clone()).filter(|denied| !denied.is_empty());
        SessionPatch {
            status: Some(self.status),
            claude_session_id: self.claude_session_id.clone().into(),
            started_at: self.started_at.clone().into(),
            completed_at: set_or_removed(&self.completed_at, &self.before.completed_at),
            cost: self.accounts.cost().map(Usd::clamped).into(),
            tokens: has_counted.then(|| self.accounts.tokens(used).into()).into(),
            run_ms: self
                .duration_ms(self.now_ms)
                .filter(|_| self.phase == Phase::Ended)
                .map(Milliseconds::clamped)
                .into(),
            error: set_or_removed(&self.error, &self.before.error),
            denied_tools: set_or_removed(&denied, &self.before.denied_tools),
            usage_counters: has_counted
                .then(|| self.accounts.counters(self.session_id(), used).to_stored())
                .into(),
            ..SessionPatch::default()
        }
    }

    /// Reason why the session failed.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// A warning about a completed session.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Names of the tools that were refused in this run.
    pub fn denied_tools(&self) -> &[String] {
        &self.denied_tools
    }

    /// Number of lines that are not JSON objects, of an unknown type, or too long.
    pub fn ignored_lines(&self) -> u64 {
        self.ignored_lines
    }

    fn session_id(&self) -> &str {
        let known = self.claude_session_id.as_deref().or(self.before.claude_session_id.as_deref());
        known.unwrap_or_default()
    }

    fn read(&mut self, bytes: &[u8], other: &mut impl FnMut(&Line<'_>)) {
        self.has_lines = true;
        // The check alone is several times as fast as replacing invalid bytes.
        let text = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
        let ignored_before = self.ignored_lines;
        let content = objects(&text, |line| {
            self.read_object(&line);
            other(&line);
        });
        if content == Content::NoObject {
            self.start(None);
            self.plain_lines.push(&text);
        }
        if content != Content::Objects && self.ignored_lines == ignored_before {
            self.ignored_lines += 1;
        }
    }

    fn read_object(&mut self, line: &Line<'_>) {
        self.start(Some(line));
        match line.kind {
            Kind::Init => self.init(line),
            Kind::Assistant => self.assistant(line),
            Kind::User => self.user(line),
            Kind::StreamEvent => self.stream_event(line),
            Kind::ConversationReset => self.conversation_reset(),
            Kind::Result => self.result(line),
            Kind::System | Kind::Other => {}
            Kind::Unknown => self.ignored_lines += 1,
        }
        // A result without an `init` before it can have an invented id.
        if self.claude_session_id.is_none() && line.kind != Kind::Result {
            self.set_session_id(line);
        }
    }

    fn set_session_id(&mut self, line: &Line<'_>) {
        let id = line.string("session_id").filter(|id| !id.is_empty());
        if let Some(id) = id.filter(|id| Some(id.as_ref()) != self.claude_session_id.as_deref()) {
            self.claude_session_id = Some(id.into_owned());
            self.session_ids += 1;
        }
    }

    /// The session runs as soon as there is a line of any kind.
    fn start(&mut self, line: Option<&Line<'_>>) {
        if self.phase != Phase::Waiting {
            return;
        }
        let timestamp = line.and_then(|line| IsoTime::parse(&line.string("timestamp")?));
        self.phase = Phase::Running;
        self.status = SessionStatus::Active;
        self.completed_at = None;
        self.started_at = Some(timestamp.unwrap_or_else(|| IsoTime::of_unix_ms(self.now_ms)));
    }

    fn init(&mut self, line: &Line<'_>) {
        self.set_session_id(line);
        self.accounts.set_version(line.string("claude_code_version").as_deref());
        self.messages.begin_turn();
        self.is_in_turn = true;
    }

    fn assistant(&mut self, line: &Line<'_>) {
        let Some(message) = &line.message else { return };
        let is_model = self.messages.assistant(line, message);
        let is_main = !line.is_of_subagent();
        self.is_in_turn |= is_main && is_model;
        for block in message.blocks("tool_use") {
            let id = block.text("id").unwrap_or_default();
            self.messages.tool_use(&id);
            if let Some(name) = block.text("name").filter(|_| is_main) {
                self.open_tools.begin(id, name);
            }
        }
    }

    fn user(&mut self, line: &Line<'_>) {
        let Some(message) = &line.message else { return };
        let results =
            message.blocks("tool_result").map(|block| block.text("tool_use_id").unwrap_or_default());
        let results: Vec<String> = results.collect();
        self.messages.tool_results(line, &results);
        for id in &results {
            self.open_tools.end(id);
        }
    }

    fn stream_event(&mut self, line: &Line<'_>) {
        let begins_message = self.messages.stream_event(line);
        self.is_in_turn |= begins_message && !line.is_of_subagent();
    }

    fn conversation_reset(&mut self) {
        let used = self.messages.take_used();
        self.accounts.reset(&used);
    }

    fn result(&mut self, line: &Line<'_>) {
        self.is_in_turn = false;
        self.open_tools.clear();
        let used = self.messages.take_used();
        let session_id = self.session_id().to_owned();
        self.accounts.result(line, &session_id, &used);
        for name in outcome::denied_tools(line) {
            if !self.denied_tools.contains(&name) && self.denied_tools.len() < MAX_DENIED_TOOLS {
                self.denied_tools.push(name);
            }
        }
        let outcome = Outcome::of(line);
        if !matches!(outcome, Outcome::NoTurn) || self.last_result.is_none() {
            self.last_result = Some(outcome);
        }
    }
}

/// The change of an optional field: to its value, or to none where one was stored. What was stored while the run went on
/// may be either.
#[allow(clippy::ref_option, reason = "two fields that are compared")]
fn set_or_removed<T: Clone>(now: &Option<T>, before: &Option<T>) -> Change<T> {
    match (now, before) {
        (Some(now), _) => Change::Set(now.clone()),
        (None, Some(_)) => Change::Remove,
        (None, None) => Change::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> GroupSession {
        GroupSession::new("a", "/p", "x", IsoTime::parse("2026-01-01T00:00:00Z").unwrap())
    }

    fn run(session: GroupSession, name: &str, exit: &Exit) -> ClaudeStream {
        let path = format!("{}/../../examples/captures/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let mut stream = ClaudeStream::new(session);
        // A prime number of bytes, so that chunks end everywhere.
        for chunk in std::fs::read(path).unwrap().chunks(97) {
            stream.push(chunk);
        }
        stream.end(exit);
        stream
    }

    fn exit(code: i64) -> Exit {
        Exit { code: Some(code), signal: None }
    }

    #[test]
    fn a_run_and_its_resumption_cost_what_was_paid() {
        let first = run(session(), "2.1.330-tools", &exit(0));
        assert_eq!(first.progress().status, SessionStatus::Completed);
        assert_eq!(first.progress().cost.get().to_bits(), 0.008_802_f64.to_bits());
        assert_eq!(first.progress().message_count.get(), 3);
        let changes = first.changes();
        let resumed = GroupSession {
            cost: changes.cost.value().copied(),
            tokens: changes.tokens.value().copied(),
            claude_session_id: changes.claude_session_id.value().cloned(),
            completed_at: changes.completed_at.value().cloned(),
            ..session()
        };
        let second = run(resumed, "2.1.330-resume", &exit(0));
        assert_eq!(second.progress().cost.get().to_bits(), 0.013_206_f64.to_bits());
        assert_eq!(second.progress().tokens.input.get(), 3_603);
    }

    #[test]
    fn sub_agents_are_paid_for_once() {
        let stream = run(session(), "2.1.330-subagent", &exit(0));
        assert_eq!(stream.progress().tokens.input.get(), 6_004);
        assert_eq!(stream.progress().cost.get().to_bits(), 0.022_008_f64.to_bits());
        assert_eq!(stream.ignored_lines(), 0);
    }

    #[test]
    fn failures_have_a_reason() {
        let max_turns = run(session(), "2.1.330-maxturns", &exit(1));
        assert_eq!(
            max_turns.error(),
            Some("error_max_turns after 4 turns: Reached maximum number of turns (3)")
        );
        let refused = run(session(), "2.1.330-badrequest", &exit(1));
        assert_eq!(refused.error(), Some("API Error: 400 scenario badrequest"));
        let killed = Exit { code: None, signal: Some("SIGTERM".to_owned()) };
        let killed = run(session(), "2.1.330-killed", &killed);
        assert_eq!(killed.error(), Some("killed by SIGTERM"));
        assert_eq!(killed.progress().tokens.input.get(), 1_200);
    }
}
