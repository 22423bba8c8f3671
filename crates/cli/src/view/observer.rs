//! The activity of running sessions, read from their outputs. Works the same for the process that runs a group and for one
//! that only watches it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use session_groups::claude::ClaudeStream;
use session_groups::claude::conversation::{Conversation, Entry};
use session_groups::model::{GroupSession, SessionGroup, SessionStatus};
use session_groups::repository::FileGroupRepository;
use session_groups::runner::process::{SessionDirectory, directory_names};

use crate::view::{GroupView, Tool};

/// Maximum number of bytes that are read from one output at a time, so that a huge one does not hold up the view.
const MAX_READ: usize = 4 * 1024 * 1024;

/// Reads the outputs of the running sessions of a group.
pub struct Observer {
    directory: PathBuf,
    sessions: HashMap<String, Observed>,
}

/// The output of one attempt.
struct Observed {
    attempt: u64,
    file: Option<File>,
    conversation: Conversation,
    stream: ClaudeStream,
    /// The tools of the main conversation that run, the newest last.
    tools: Vec<(String, Tool)>,
}

impl Observer {
    /// An observer of a group.
    pub fn new(store: &FileGroupRepository, group: &SessionGroup) -> Self {
        Self { directory: store.base().join(group.id.as_str()), sessions: HashMap::new() }
    }

    /// Reads what is new, and shows it in the view of the same group.
    pub fn look(&mut self, group: &SessionGroup, view: &mut GroupView, now: f64) {
        self.sessions.retain(|id, _| {
            group.sessions.iter().any(|session| session.id == *id && session.status == SessionStatus::Active)
        });
        let mut spent = 0.0;
        for (session, shown) in group.sessions.iter().zip(&mut view.sessions) {
            let Some(attempt) = running_attempt(session) else { continue };
            let observed =
                self.sessions.entry(session.id.clone()).or_insert_with(|| Observed::new(session, attempt));
            if observed.attempt != attempt {
                *observed = Observed::new(session, attempt);
            }
            if observed.file.is_none() {
                observed.file = open(&self.directory, group, &session.id, attempt);
            }
            observed.read(now);
            let progress = observed.stream.progress_at(now);
            spent += (progress.cost.get() - shown.cost).max(0.0);
            shown.cost = shown.cost.max(progress.cost.get());
            let tokens = progress.tokens.input.get().saturating_add(progress.tokens.output.get());
            shown.tokens = shown.tokens.max(tokens);
            shown.tool = observed.tools.last().map(|(_, tool)| tool.clone());
        }
        view.spent += spent;
    }
}

/// The number of the attempt that runs.
fn running_attempt(session: &GroupSession) -> Option<u64> {
    let attempt = session.attempts.as_ref()?.last()?;
    (session.status == SessionStatus::Active && attempt.ended_at.is_none()).then(|| attempt.n.get())
}

fn open(directory: &std::path::Path, group: &SessionGroup, id: &str, attempt: u64) -> Option<File> {
    let names = directory_names(id, group.sessions.iter().map(|session| session.id.as_str()));
    // The output is there soon after the start is stored.
    SessionDirectory::of_output(directory, &names, attempt).ok()??.output(attempt).ok()
}

impl Observed {
    fn new(session: &GroupSession, attempt: u64) -> Self {
        Self {
            attempt,
            file: None,
            conversation: Conversation::default(),
            stream: ClaudeStream::new(session.before_attempt()),
            tools: Vec::new(),
        }
    }

    fn read(&mut self, now: f64) {
        let Some(file) = &mut self.file else { return };
        let mut buffer = Vec::new();
        // An output that cannot be read is not shown; the runner reports it.
        if file.take(MAX_READ as u64).read_to_end(&mut buffer).is_err() || buffer.is_empty() {
            return;
        }
        self.stream.push_at(&buffer, now);
        for entry in self.conversation.push(&buffer) {
            self.note(entry, now);
        }
    }

    fn note(&mut self, entry: Entry, now: f64) {
        match entry {
            Entry::ToolUse { id, name, brief, is_of_subagent: false } => {
                let text = if brief.is_empty() { name } else { format!("{name} {brief}") };
                self.tools.push((id, Tool { text, since: now }));
            }
            Entry::ToolResult { id, is_of_subagent: false, .. } => self.tools.retain(|(open, _)| *open != id),
            Entry::End { .. } | Entry::Reset => self.tools.clear(),
            _ => {}
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use session_groups::model::GroupId;
    use session_groups::model::number::{Positive, Usd};
    use session_groups::model::run::{Attempt, AttemptKind};
    use session_groups::model::time::IsoTime;
    use session_groups::repository::file::FileOptions;

    /// As while a session's background work goes on after its result.
    #[test]
    fn what_an_open_attempt_has_booked_is_not_counted_twice() {
        let base = tempfile::tempdir().unwrap();
        let store = FileGroupRepository::new(Some(base.path()), FileOptions::default()).unwrap();
        let at = IsoTime::parse("2026-08-22T10:15:00.000Z").unwrap();
        let attempt = Attempt {
            n: Positive::clamped(1),
            uuid: "f8583c87-dcc3-4521-834e-d68f75432474".to_owned(),
            how: AttemptKind::Fresh,
            started_at: at.clone(),
            reserved_usd: Usd::clamped(1.0),
            claude_session_id: "c0ffee00-0000-4000-8000-000000000000".to_owned(),
            ended_at: None,
            cost_usd: Some(Usd::clamped(0.25)),
            estimated: None,
            outcome: None,
            error: None,
            process: None,
        };
        let mut session = GroupSession::new("a", "/p", "Do it.", at.clone());
        session.status = SessionStatus::Active;
        session.cost = Some(Usd::clamped(1.25));
        session.attempts = Some(vec![attempt]);
        let mut group = SessionGroup::new(GroupId::new("g").unwrap(), "G", "g", at);
        group.sessions = vec![session];
        let names = directory_names("a", ["a"]);
        let directory = SessionDirectory::create(&base.path().join("g"), &names).unwrap();
        let result = r#"{"type":"result","subtype":"success","num_turns":1,"total_cost_usd":0.25}"#;
        std::fs::write(directory.path().join("1.jsonl"), format!("{result}\n")).unwrap();
        let mut view = GroupView::of(&group, 0.0);
        Observer::new(&store, &group).look(&group, &mut view, 0.0);
        assert_eq!((view.sessions[0].cost, view.spent), (1.25, 1.25));
    }
}
