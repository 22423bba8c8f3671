//! Requests to the runner of a group, from any process. The group itself carries them: `control` is the newest request, and
//! the runner notes its number in `controlSeen` when it acts.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::feed::Commit;
use crate::model::number::{Count, Usd};
use crate::model::patch::Change as FieldChange;
use crate::model::run::{Control, ControlRequest};
use crate::model::time::IsoTime;
use crate::model::{GroupPatch, GroupSession, GroupStatus, SessionGroup, SessionPatch, SessionStatus};
use crate::repository::{Changes, Document};
use crate::runner::options::{RunnerOptions, check_named};
use crate::runner::plan::Request;
use crate::runner::store::{RunStore, commit_and_wait};
use crate::runner::supervisor::{json_of, with_config};
use crate::runner::{RunEnd, Runner};

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
        Self {
            sessions: None,
            drain: false,
            now: false,
            fresh: false,
            budget: None,
            reason: None,
            by: None,
            wait: Some(PATIENCE),
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
/// Fails with `NOT_FOUND`, with `INVALID_TRANSITION` if the group is archived or deleted, with `INVALID_ARGUMENT` if a named
/// session is not part of it, and with the errors of the store.
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
        check_named("sessions", options.sessions.as_deref().unwrap_or_default(), &group)?;
        if store.is_claimed()? {
            match ask(store, request, options)? {
                Some(asked) => return Ok(asked),
                // The runner ended before it has seen the request.
                None => continue,
            }
        }
        if let Some(budget) = options.budget {
            let change = move |document: &Document| Ok(Commit::new(with_budget(document, budget)));
            commit_and_wait(store, Box::new(change))?;
        }
        match settle(store, request, options, run) {
            // A runner has come in between.
            Err(error) if error.is(ErrorKind::AlreadyRunning) => {}
            settled => return settled,
        }
    }
    Err(Error::invalid_state(format!(
        "cannot {} group {:?}: its runners come and go",
        request.name(),
        store.id().as_str()
    )))
}

/// Time that a runner gets to act if the caller does not say how long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Number of runners that may come and go meanwhile.
const MAX_TRIES: usize = 5;

fn load(store: &impl RunStore) -> Result<SessionGroup> {
    store.load()?.ok_or_else(|| Error::group_not_found(store.id().as_str()))?.group()
}

/// Stores the request for a live runner, and waits until it has acted. Returns `None` if the runner ends before that.
///
/// The group has room for one request: one that the runner has not seen is replaced only if that takes too long.
fn ask(
    store: &(impl RunStore + Clone + 'static),
    request: ControlRequest,
    options: &ControlOptions,
) -> Result<Option<Controlled>> {
    let deadline = Instant::now() + options.wait.unwrap_or(PATIENCE);
    loop {
        let must_wait = Instant::now() < deadline;
        match store_request(store, request, options, must_wait)? {
            Stored::As(seq) if options.wait.is_none() => {
                return Ok(Some(Controlled::Requested { seq, seen: false }));
            }
            Stored::As(seq) => {
                let seen = await_seen(store, seq, deadline)?;
                return Ok(seen.map(|seen| Controlled::Requested { seq, seen }));
            }
            Stored::After(seq) => {
                if await_seen(store, seq, deadline)?.is_none() {
                    return Ok(None);
                }
            }
        }
    }
}

/// What became of a request.
enum Stored {
    /// It is stored under this number.
    As(u64),
    /// It is not, because the runner has to see the request with this number first.
    After(u64),
}

fn store_request(
    store: &(impl RunStore + Clone + 'static),
    request: ControlRequest,
    options: &ControlOptions,
    must_wait: bool,
) -> Result<Stored> {
    let (wanted, (sender, unseen)) = (options.clone(), channel());
    let change = move |document: &Document| {
        let group = document.group()?;
        let seen = group.control_seen.map_or(0, Count::get);
        let newest = group.control.map_or(0, |control| control.seq.get());
        if must_wait && newest > seen {
            // The receiver waits for the commit.
            let _ = sender.send(newest);
            return Err(Error::invalid_state("the runner has not seen the request before"));
        }
        let control = Control {
            request,
            sessions: wanted.sessions,
            drain: wanted.drain.then_some(true),
            now: wanted.now.then_some(true),
            fresh: wanted.fresh.then_some(true),
            reason: wanted.reason,
            at: IsoTime::now(),
            by: wanted.by,
            seq: (newest.max(seen) + 1).into(),
        };
        let patch = GroupPatch { control: FieldChange::Set(control), ..GroupPatch::default() };
        let changes = Changes::from(patch);
        Ok(Commit::new(match wanted.budget {
            Some(budget) => with_changed_budget(&changes, document, budget),
            None => changes,
        }))
    };
    let stored = commit_and_wait(store, Box::new(change));
    if let Ok(seq) = unseen.try_recv() {
        return Ok(Stored::After(seq));
    }
    Ok(Stored::As(stored?.group.group()?.control.map_or(0, |control| control.seq.get())))
}

/// Waits until the runner has acted on a request. Returns `None` if it is gone and has not.
fn await_seen(store: &impl RunStore, seq: u64, deadline: Instant) -> Result<Option<bool>> {
    let (sender, receiver) = channel();
    let _watch = store.watch(Arc::new(move || {
        // Fails if nobody waits any more.
        let _ = sender.send(());
    }))?;
    loop {
        // Looked at first: a runner may act and end in between.
        let is_claimed = store.is_claimed()?;
        if load(store)?.control_seen.map_or(0, Count::get) >= seq {
            return Ok(Some(true));
        }
        if !is_claimed {
            return Ok(None);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Some(false));
        }
        let _ = crate::executor::block(|| receiver.recv_timeout(left.min(PAUSE)));
    }
}

/// Time between two looks at whether the runner is still there.
const PAUSE: Duration = Duration::from_millis(200);

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
    let runner = || Runner::new(store.clone(), run.clone());
    if let (ControlRequest::Pause, Some(ids)) = (request, &options.sessions) {
        let pause = |group: &SessionGroup| {
            if is_orphaned(group) { Ok(None) } else { pause_sessions(store, ids.clone()).map(Some) }
        };
        // A runner that began meanwhile would undo it.
        if let Some(paused) = runner().claimed(|_, group, _| pause(&group))? {
            return Ok(paused);
        }
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
    runner().settle(request, |_| {}).map(Controlled::Settled)
}

/// Returns `true` for a group that nobody runs, but that a runner has left as running.
fn is_orphaned(group: &SessionGroup) -> bool {
    let is_active = |session: &GroupSession| session.status == SessionStatus::Active;
    group.status == GroupStatus::Running || group.sessions.iter().any(is_active)
}

/// Pauses sessions that do not run, in a group that nobody else can run meanwhile.
fn pause_sessions(store: &(impl RunStore + Clone + 'static), ids: Vec<String>) -> Result<Controlled> {
    let change = move |document: &Document| {
        let is_meant =
            |session: &GroupSession| ids.contains(&session.id) && session.status == SessionStatus::Pending;
        let mut commit = Commit::new(GroupPatch::default());
        for session in document.group()?.sessions.into_iter().filter(is_meant) {
            let patch = SessionPatch { status: Some(SessionStatus::Paused), ..SessionPatch::default() };
            commit = commit.with_session(session.id, patch);
        }
        Ok(commit)
    };
    let group = commit_and_wait(store, Box::new(change))?.group.group()?;
    Ok(Controlled::Settled(RunEnd { status: group.status, cause: group.cause }))
}
