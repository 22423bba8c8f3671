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
            stream: ClaudeStream::new(session.clone()),
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
