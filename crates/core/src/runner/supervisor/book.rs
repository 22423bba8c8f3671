//! The group as the runner knows it: the fields of others as they are stored, and its own as they were last decided.
//!
//! The plan decides with numbers; the book adds what people and later runs need: ids, times, texts, tokens.

use std::collections::HashMap;

use uuid::Uuid;

use crate::claude::ClaudeStream;
use crate::json::Json;
use crate::model::number::{Count, Milliseconds, Positive, Usd};
use crate::model::patch::Change;
use crate::model::run::{Attempt, AttemptKind, AttemptOutcome, ProcessIdentity, RunnerRecord};
use crate::model::time::IsoTime;
use crate::model::{GroupPatch, GroupSession, GroupStatus, SessionGroup, SessionPatch, SessionStatus};
use crate::repository::Document;
use crate::runner::plan::{AttemptRecord, Failure, GroupRecord, Nanos, SessionChange, SessionIndex};
use crate::runner::process::{Mark, SessionDirectoryNames, directory_names};
use crate::runner::supervisor::texts;

/// Largest difference between two costs that rounding explains, in nano-dollars.
const ROUNDING: u64 = 2;

/// A group and its sessions.
pub struct Book {
    /// The group without its sessions.
    pub group: SessionGroup,
    /// The group as it was last read.
    document: Document,
    entries: Vec<Entry>,
    index_of: HashMap<String, SessionIndex>,
}

/// A session.
pub struct Entry {
    /// The session, with the runner's fields as they were last decided.
    pub session: GroupSession,
    /// Its text, once it has disappeared from the stored group.
    removed: Option<String>,
    /// The process of its newest attempt.
    pub process: Option<ProcessIdentity>,
    /// The cost of the session by its output.
    pub cost: Option<Usd>,
    /// What its newest attempt printed, once that has ended.
    pub finished: Option<Finished>,
    /// Its conversation does not exist, and nothing was ever said in it: its id is used again.
    pub begins_again: bool,
}

/// What an attempt printed.
pub struct Finished {
    changes: SessionPatch,
    error: Option<String>,
}

impl Finished {
    /// The result of reading the whole output of an attempt. `errors` is its error output, which says why where the output
    /// itself is empty.
    pub fn new(stream: &ClaudeStream, is_silent: bool, errors: &[u8]) -> Self {
        let said = texts::last_lines(errors);
        let error = stream.error().map(|error| {
            if said.is_empty() || !is_silent { error.to_owned() } else { format!("{error}: {said}") }
        });
        Self { changes: stream.changes(), error }
    }

    /// An attempt that could not be started.
    pub fn not_started(reason: String) -> Self {
        Self { changes: SessionPatch::default(), error: Some(reason) }
    }
}

impl Entry {
    fn new(session: GroupSession) -> Self {
        Self { session, removed: None, process: None, cost: None, finished: None, begins_again: false }
    }

    /// The newest attempt.
    pub fn attempt(&self) -> Option<&Attempt> {
        self.session.attempts.as_ref()?.last()
    }

    /// The mark of the newest attempt; `None` if it has none that a runner can have made.
    pub fn mark(&self) -> Option<Mark> {
        self.attempt()?.uuid.parse().ok()
    }

    /// Takes over what was decided about the session.
    fn decide(&mut self, change: &SessionChange, now: &IsoTime) {
        let record = &change.record;
        let session = &mut self.session;
        session.status = record.status;
        session.waits_until = record.waits_until.map(|at| wall_time(at.0));
        session.run_ms = milliseconds(record.run_ms).filter(|ms| ms.get() > 0.0 || session.run_ms.is_some());
        let exact = self.cost.filter(|cost| Nanos::from(*cost).0.abs_diff(record.cost.0) <= ROUNDING);
        let is_known = record.cost > Nanos::ZERO || session.cost.is_some();
        session.cost = exact.or_else(|| is_known.then(|| record.cost.into()));
        if !record.conversation {
            session.claude_session_id = None;
        }
        let had_attempts = session.attempts.take();
        let mut earlier = had_attempts.unwrap_or_default();
        let mut attempts = Vec::new();
        for decided in &record.attempts {
            let known = earlier.iter().position(|attempt| attempt.n.get() == decided.n);
            let attempt = match known {
                Some(place) => earlier.swap_remove(place),
                None => self.begin(decided, now),
            };
            attempts.push(self.end(attempt, decided, now));
        }
        self.session.error = match (record.status, change.failure) {
            (SessionStatus::Failed, Some(failure)) => Some(self.reason(failure)),
            (SessionStatus::Failed, None) => self.session.error.take(),
            _ => None,
        };
        let session = &mut self.session;
        let newest = attempts.last();
        if newest.is_some() || !earlier.is_empty() {
            session.started_at = newest.map(|attempt| attempt.started_at.clone());
            session.completed_at = newest.and_then(|attempt| attempt.ended_at.clone());
        }
        session.attempts = (!attempts.is_empty()).then_some(attempts);
    }

    /// Chooses what identifies a new attempt, before anything is started.
    fn begin(&mut self, decided: &AttemptRecord, now: &IsoTime) -> Attempt {
        let is_continued = decided.how == AttemptKind::Resume || std::mem::take(&mut self.begins_again);
        let known = self.session.claude_session_id.take().filter(|_| is_continued);
        let conversation = known.unwrap_or_else(|| Uuid::new_v4().to_string());
        self.session.claude_session_id = Some(conversation.clone());
        self.process = None;
        self.finished = None;
        Attempt {
            n: Positive::clamped(decided.n),
            uuid: Uuid::new_v4().to_string(),
            how: decided.how,
            started_at: now.clone(),
            reserved_usd: decided.reserved.into(),
            claude_session_id: conversation,
            ended_at: None,
            cost_usd: None,
            estimated: None,
            outcome: None,
            error: None,
            process: None,
        }
    }

    /// Brings an attempt up to date. What its output says of the session counts from its end on.
    fn end(&mut self, mut attempt: Attempt, decided: &AttemptRecord, now: &IsoTime) -> Attempt {
        attempt.reserved_usd = decided.reserved.into();
        attempt.estimated = decided.estimated.then_some(true);
        let has_cost = decided.cost > Nanos::ZERO || decided.outcome.is_some();
        attempt.cost_usd = has_cost.then(|| decided.cost.into());
        if decided.has_process && attempt.process.is_none() {
            attempt.process.clone_from(&self.process);
        }
        if attempt.outcome.is_none() && decided.outcome.is_some() && attempt.ended_at.is_none() {
            attempt.ended_at = Some(now.clone());
            if let Some(finished) = &self.finished {
                let changes = &finished.changes;
                let session = &mut self.session;
                apply(&mut session.tokens, &changes.tokens);
                apply(&mut session.usage_counters, &changes.usage_counters);
                apply(&mut session.denied_tools, &changes.denied_tools);
                let has_failed = decided.outcome != Some(AttemptOutcome::Completed);
                attempt.error = finished.error.clone().filter(|_| has_failed);
            }
        }
        attempt.outcome = decided.outcome;
        attempt
    }

    fn reason(&self, failure: Failure) -> String {
        let said = self.finished.as_ref().and_then(|finished| finished.error.as_deref());
        texts::failure(failure, &self.session, said)
    }

    /// All fields that the runner writes.
    fn patch(&self) -> SessionPatch {
        let session = &self.session;
        SessionPatch {
            status: Some(session.status),
            claude_session_id: set_or_remove(session.claude_session_id.as_ref()),
            started_at: set_or_remove(session.started_at.as_ref()),
            completed_at: set_or_remove(session.completed_at.as_ref()),
            cost: set_or_remove(session.cost.as_ref()),
            tokens: set_or_remove(session.tokens.as_ref()),
            run_ms: set_or_remove(session.run_ms.as_ref()),
            error: set_or_remove(session.error.as_ref()),
            denied_tools: set_or_remove(session.denied_tools.as_ref()),
            usage_counters: set_or_remove(session.usage_counters.as_ref()),
            attempts: set_or_remove(session.attempts.as_ref()),
            waits_until: set_or_remove(session.waits_until.as_ref()),
            ..SessionPatch::default()
        }
    }

    /// Takes over the fields of others, and keeps the runner's own.
    fn take_over(&mut self, stored: GroupSession) {
        let own = std::mem::replace(&mut self.session, stored);
        let session = &mut self.session;
        session.status = own.status;
        session.claude_session_id = own.claude_session_id;
        session.started_at = own.started_at;
        session.completed_at = own.completed_at;
        session.cost = own.cost;
        session.tokens = own.tokens;
        session.run_ms = own.run_ms;
        session.error = own.error;
        session.denied_tools = own.denied_tools;
        session.usage_counters = own.usage_counters;
        session.attempts = own.attempts;
        session.waits_until = own.waits_until;
        self.removed = None;
    }
}

/// The changes of one session.
pub struct SessionWrite {
    /// The session's id.
    pub id: String,
    /// The fields to write.
    pub patch: SessionPatch,
    /// Its text, if it has disappeared from the stored group and is to be put back.
    pub removed: Option<String>,
}

impl Book {
    /// The book of a stored group.
    pub fn new(mut group: SessionGroup, document: Document) -> Self {
        let entries: Vec<Entry> = std::mem::take(&mut group.sessions).into_iter().map(Entry::new).collect();
        let ids = entries.iter().enumerate();
        let index_of = ids.map(|(place, entry)| (entry.session.id.clone(), index(place))).collect();
        Self { group, document, entries, index_of }
    }

    /// A session.
    pub fn entry(&self, session: SessionIndex) -> &Entry {
        &self.entries[session.get()]
    }

    /// A session.
    pub fn entry_mut(&mut self, session: SessionIndex) -> &mut Entry {
        &mut self.entries[session.get()]
    }

    /// The session with an id.
    pub fn find(&self, id: &str) -> Option<&GroupSession> {
        self.index_of.get(id).map(|index| &self.entry(*index).session)
    }

    /// All sessions, in the order of their indices.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = &GroupSession> {
        self.entries.iter().map(|entry| &entry.session)
    }

    /// The group with its sessions.
    pub fn whole_group(&self) -> SessionGroup {
        SessionGroup { sessions: self.sessions().cloned().collect(), ..self.group.clone() }
    }

    /// Names of a session's directory.
    pub fn names(&self, session: SessionIndex) -> SessionDirectoryNames {
        directory_names(&self.entry(session).session.id, self.sessions().map(|session| session.id.as_str()))
    }

    /// US dollars that all sessions have cost.
    pub fn total_cost(&self) -> Usd {
        self.sessions().filter_map(|session| session.cost).map(Nanos::from).sum::<Nanos>().into()
    }

    /// Number of sessions with a status.
    pub fn count(&self, status: SessionStatus) -> Count {
        (self.sessions().filter(|session| session.status == status).count() as u64).into()
    }

    /// Takes over what others have stored. New sessions come last, as in the plan.
    pub fn take_over(&mut self, mut stored: SessionGroup, document: Document) {
        let mut is_stored = vec![false; self.entries.len()];
        for session in std::mem::take(&mut stored.sessions) {
            if let Some(index) = self.index_of.get(&session.id) {
                is_stored[index.get()] = true;
                self.entries[index.get()].take_over(session);
            } else {
                self.index_of.insert(session.id.clone(), index(self.entries.len()));
                self.entries.push(Entry::new(session));
            }
        }
        for (place, _) in is_stored.iter().enumerate().filter(|(_, is_stored)| !**is_stored) {
            let entry = &mut self.entries[place];
            if entry.removed.is_none() {
                entry.removed = text_of(&self.document, &entry.session.id);
            }
        }
        stored.started_at = self.group.started_at.take();
        stored.completed_at = self.group.completed_at.take();
        (stored.status, stored.cause) = (self.group.status, self.group.cause);
        self.group = stored;
        self.document = document;
    }

    /// Takes over a group that only this runner has changed.
    pub fn keep(&mut self, document: Document) {
        self.document = document;
        self.entries.iter_mut().for_each(|entry| entry.removed = None);
    }

    /// Takes over what was decided about a session, and returns what is to be written.
    pub fn decide(&mut self, change: &SessionChange, now: &IsoTime) -> SessionWrite {
        let entry = self.entry_mut(change.session);
        entry.decide(change, now);
        let dropped = if change.is_revived { Change::Remove } else { Change::Keep };
        SessionWrite {
            id: entry.session.id.clone(),
            patch: SessionPatch { dropped, ..entry.patch() },
            removed: entry.removed.clone().filter(|_| change.record.open_attempt().is_some()),
        }
    }

    /// Takes over what was decided about the group, and returns what is to be written.
    pub fn decide_group(&mut self, record: &GroupRecord, now: &IsoTime) -> GroupPatch {
        let group = &mut self.group;
        (group.status, group.cause) = (record.status, record.cause);
        if record.status == GroupStatus::Running && group.started_at.is_none() {
            group.started_at = Some(now.clone());
        }
        if !record.status.has_ended() {
            group.completed_at = None;
        } else if group.completed_at.is_none() {
            group.completed_at = Some(now.clone());
        }
        GroupPatch {
            status: Some(record.status),
            cause: set_or_remove(record.cause.as_ref()),
            started_at: group.started_at.clone().into(),
            completed_at: set_or_remove(group.completed_at.as_ref()),
            control_seen: Some(record.control_seen).filter(|seen| *seen > 0).map(Count::from).into(),
            budget_warned: set_or_remove(record.budget_warned.then_some(true).as_ref()),
            ..GroupPatch::default()
        }
    }
}

/// A change of the record of the group's runner.
pub fn runner_change(record: Option<RunnerRecord>) -> GroupPatch {
    GroupPatch { runner: record.map_or(Change::Remove, Change::Set), ..GroupPatch::default() }
}

/// The text of a session in a group.
pub fn text_of(document: &Document, id: &str) -> Option<String> {
    let mut sessions = document.json().get("sessions").into_iter().flat_map(Json::elements);
    let session = sessions.find(|session| session.get("id").and_then(Json::string).as_deref() == Some(id))?;
    Some(session.text().to_owned())
}

fn index(place: usize) -> SessionIndex {
    SessionIndex(u32::try_from(place).unwrap_or(u32::MAX))
}

fn set_or_remove<T: Clone>(value: Option<&T>) -> Change<T> {
    value.cloned().map_or(Change::Remove, Change::Set)
}

fn apply<T: Clone>(field: &mut Option<T>, change: &Change<T>) {
    match change {
        Change::Keep => {}
        Change::Set(value) => *field = Some(value.clone()),
        Change::Remove => *field = None,
    }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of this millennium are exact")]
fn wall_time(unix_ms: u64) -> IsoTime {
    IsoTime::of_unix_ms(unix_ms as f64)
}

#[allow(clippy::cast_precision_loss, reason = "exact below 285,000 years")]
fn milliseconds(ms: u64) -> Option<Milliseconds> {
    Milliseconds::new(ms as f64)
}
