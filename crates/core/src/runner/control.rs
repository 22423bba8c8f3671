//! Requests to the runner of a group, from any process. The group itself carries them: `control` is the newest request, and
//! the runner notes its number in `controlSeen` when it acts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::feed::Commit;
use crate::model::number::{Count, Usd};
use crate::model::patch::Change as FieldChange;
use crate::model::run::{Control, ControlRequest};
use crate::model::time::IsoTime;
use crate::model::{GroupPatch, GroupStatus, SessionGroup, SessionStatus};
use crate::repository::{Changes, Document};
use crate::runner::RunEnd;
use crate::runner::options::RunnerOptions;
use crate::runner::plan::Request;
use crate::runner::store::{Claim, RunStore, commit_and_wait};
use crate::runner::supervisor::{json_of, with_config};

/// A request to the runner of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlOptions {
    /// Ids of the sessions it concerns; all when absent.
    pub sessions: Option<Vec<String>>,
    /// `true` to let running sessions finish their turns.
    pub drain: bool,
    /// `true` to terminate running sessions without an interrupt.
    pub now: bool,
    /// `true` to begin new conversations for retried sessions.
    pub fresh: bool,
    /// Another budget of the group, stored with the request.
    pub budget: Option<Usd>,
    /// The reason, for people.
    pub reason: Option<String>,
    /// The author, for people.
    pub by: Option<String>,
    /// Maximum time to wait until a live runner has acted. `None` to return once the request is stored.
    pub wait: Option<Duration>,
}

impl Default for ControlOptions {
    fn default() -> Self {
        let wait = Some(Duration::from_secs(10));
        Self {
            sessions: None,
            drain: false,
            now: false,
            fresh: false,
            budget: None,
            reason: None,
            by: None,
            wait,
        }
    }
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controlled {
    /// A live runner was asked. `seen` tells if it has acted by now.
    Requested {
        /// Number of the request.
        seq: u64,
        /// The runner has acted.
        seen: bool,
    },
    /// There was no runner: this call has taken the group over, ended what ran, and stored the status.
    Settled(RunEnd),
    /// There was no runner and nothing to end. Run the group to carry the request out.
    NeedsRunner,
}

/// Asks the runner of a group to pause, resume, stop or retry.
///
/// With a live runner, the request is stored and the runner acts. Without one, a pause or stop is carried out by this call:
/// it takes over what an earlier runner left and ends it. A resume or retry needs a runner then; a new budget is stored in
/// any case.
///
/// Fails with `NOT_FOUND`, with `INVALID_TRANSITION` if the group is archived or deleted, and with the errors of the store.
pub fn control(
    store: &(impl RunStore + Clone + 'static),
    request: ControlRequest,
    options: &ControlOptions,
    run: &RunnerOptions,
) -> Result<Controlled> {
    for _ in 0..MAX_TRIES {
        let group = load(store)?;
        if matches!(group.status, GroupStatus::Archived | GroupStatus::Deleted) {
            let problem = format!("cannot {}: it is {}", request.name(), group.status.name());
            return Err(Error::invalid_transition(group.id.as_str(), &problem));
        }
        match claim(store, &group)? {
            Some(claim) => {
                if let Some(budget) = options.budget {
                    let change = move |document: &Document| Ok(Commit::new(with_budget(document, budget)));
                    commit_and_wait(store, Box::new(change))?;
                }
                drop(claim);
                match settle(store, request, options, run) {
                    // A runner has come in between.
                    Err(error) if error.is(ErrorKind::AlreadyRunning) => {}
                    settled => return settled,
                }
            }
            None => return ask(store, request, options),
        }
    }
    Err(Error::invalid_state(format!(
        "cannot {} group {:?}: its runners come and go",
        request.name(),
        store.id().as_str()
    )))
}

/// Number of runners that may come and go meanwhile.
const MAX_TRIES: usize = 5;

fn load(store: &impl RunStore) -> Result<SessionGroup> {
    store.load()?.ok_or_else(|| Error::group_not_found(store.id().as_str()))?.group()
}

/// Takes the group if no runner has it. A group without kernel locks has one if its record says so.
fn claim(store: &impl RunStore, group: &SessionGroup) -> Result<Option<Claim>> {
    match store.claim() {
        Ok(Claim::Record) => {
            let now_ms = IsoTime::now().unix_ms();
            let runner = group.runner.as_ref();
            let is_free =
                runner.is_none_or(|record| crate::ownership::check_record(&group.id, record, now_ms).is_ok());
            Ok(is_free.then_some(Claim::Record))
        }
        Ok(claim) => Ok(Some(claim)),
        Err(error) if error.is(ErrorKind::AlreadyRunning) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Stores the request for a live runner, and waits until it has acted.
fn ask(
    store: &(impl RunStore + Clone + 'static),
    request: ControlRequest,
    options: &ControlOptions,
) -> Result<Controlled> {
    let wanted = options.clone();
    let change = move |document: &Document| {
        let group = document.group()?;
        let seen = group.control_seen.map_or(0, Count::get);
        let seq = group.control.map_or(0, |control| control.seq.get()).max(seen) + 1;
        let control = Control {
            request,
            sessions: wanted.sessions,
            drain: wanted.drain.then_some(true),
            now: wanted.now.then_some(true),
            fresh: wanted.fresh.then_some(true),
            reason: wanted.reason,
            at: IsoTime::now(),
            by: wanted.by,
            seq: seq.into(),
        };
        let patch = GroupPatch { control: FieldChange::Set(control), ..GroupPatch::default() };
        let changes = Changes::from(patch);
        Ok(Commit::new(match wanted.budget {
            Some(budget) => with_changed_budget(&changes, document, budget),
            None => changes,
        }))
    };
    let stored = commit_and_wait(store, Box::new(change))?.group.group()?;
    let seq = stored.control.map_or(0, |control| control.seq.get());
    let seen = match options.wait {
        Some(wait) => await_seen(store, seq, wait)?,
        None => false,
    };
    Ok(Controlled::Requested { seq, seen })
}

/// Waits until the runner has acted on a request, or is gone.
fn await_seen(store: &impl RunStore, seq: u64, wait: Duration) -> Result<bool> {
    let deadline = Instant::now() + wait;
    let (sender, receiver) = channel();
    let _watch = store.watch(Arc::new(move || {
        // Fails if nobody waits any more.
        let _ = sender.send(());
    }))?;
    loop {
        let Some(group) = store.load()? else { return Ok(true) };
        if group.group()?.control_seen.map_or(0, Count::get) >= seq {
            return Ok(true);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || crate::executor::block(|| receiver.recv_timeout(left)).is_err() {
            return Ok(false);
        }
    }
}

fn with_budget(document: &Document, budget: Usd) -> Changes {
    with_changed_budget(&Changes::from(GroupPatch::default()), document, budget)
}

fn with_changed_budget(changes: &Changes, document: &Document, budget: Usd) -> Changes {
    changes.with("config", with_config(document, [("maxBudgetUsd", json_of(&budget))]))
}

/// Carries a pause or a stop out in place of a runner.
fn settle(
    store: &(impl RunStore + Clone + 'static),
    request: ControlRequest,
    options: &ControlOptions,
    run: &RunnerOptions,
) -> Result<Controlled> {
    if matches!(request, ControlRequest::Resume | ControlRequest::Retry) {
        return Ok(Controlled::NeedsRunner);
    }
    let is_orphaned = {
        let group = load(store)?;
        let runs = |status: SessionStatus| status == SessionStatus::Active;
        group.status == GroupStatus::Running || group.sessions.iter().any(|session| runs(session.status))
    };
    if let Some(ids) = options.sessions.as_ref().filter(|_| !is_orphaned && request == ControlRequest::Pause)
    {
        return pause_sessions(store, ids.clone());
    }
    let request = Request {
        seq: 0,
        action: request,
        // Without its runner the group as a whole is paused.
        sessions: None,
        drain: options.drain,
        now: options.now,
        fresh: false,
    };
    let runner = crate::runner::Runner::new(store.clone(), run.clone());
    runner.settle(request, |_| {}).map(Controlled::Settled)
}

/// Pauses sessions that do not run, in a group that does not.
fn pause_sessions(store: &(impl RunStore + Clone + 'static), ids: Vec<String>) -> Result<Controlled> {
    let is_any = Arc::new(AtomicBool::new(false));
    let found = Arc::clone(&is_any);
    let change = move |document: &Document| {
        let group = document.group()?;
        let mut commit = Commit::new(GroupPatch::default());
        let is_meant = |session: &&crate::model::GroupSession| {
            ids.contains(&session.id) && session.status == SessionStatus::Pending
        };
        for session in group.sessions.iter().filter(is_meant) {
            found.store(true, Ordering::Relaxed);
            let patch = crate::model::SessionPatch {
                status: Some(SessionStatus::Paused),
                ..crate::model::SessionPatch::default()
            };
            commit = commit.with_session(session.id.clone(), patch);
        }
        Ok(commit)
    };
    let group = commit_and_wait(store, Box::new(change))?.group.group()?;
    Ok(Controlled::Settled(RunEnd { status: group.status, cause: group.cause }))
}
