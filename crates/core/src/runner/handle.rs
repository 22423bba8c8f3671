//! Controls a run from other threads, and shows its state.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::model::number::Usd;
use crate::model::run::{ControlRequest, GroupCause};
use crate::model::time;
use crate::progress::{GroupOutline, GroupProgress, ProgressAggregator};
use crate::runner::options::check_ids;
use crate::runner::plan::Request;

/// The state of a runner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RunnerState {
    /// It has not run yet.
    #[default]
    Idle,
    /// It runs.
    Running,
    /// It has ended; the group is paused.
    Paused,
    /// It has ended; the group was stopped by request.
    Stopped,
    /// It has ended in any other way.
    Completed,
}

/// A message to the loop.
pub(super) enum Order {
    /// Carry out a request.
    Request(Request),
    /// Change the budget, then carry out a request.
    Budget(Usd, Request),
    /// Leave everything as it is and end.
    Detach,
}

impl Order {
    /// Returns `true` if it asks for more work, and so comes in time as long as the run has not ended.
    pub fn is_for_work(&self) -> bool {
        match self {
            Self::Request(request) => request.is_for_work(),
            Self::Budget(..) => true,
            Self::Detach => false,
        }
    }
}

/// Delivers messages to the loop; `false` if it has ended.
pub(super) type Deliver = Box<dyn Fn(Order) -> bool + Send>;

/// What a runner and its handles share.
#[derive(Default)]
pub(super) struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    phase: RunnerState,
    cause: Option<GroupCause>,
    /// Orders that came before the loop could take them.
    waiting: Vec<Order>,
    deliver: Option<Deliver>,
    progress: Option<(ProgressAggregator, GroupOutline)>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is whole before the lock is released.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the run begins. Orders are kept until it can take them.
    pub fn begin(&self) {
        let mut state = self.lock();
        state.phase = RunnerState::Running;
        state.cause = None;
    }

    /// Connects the loop.
    pub fn connect(&self, deliver: Deliver) {
        let mut state = self.lock();
        for order in std::mem::take(&mut state.waiting) {
            deliver(order);
        }
        state.deliver = Some(deliver);
    }

    /// Refuses all further orders, unless `has_orders` finds some that came before. Returns `true` if they are refused.
    pub fn disconnect_unless(&self, has_orders: impl FnOnce() -> bool) -> bool {
        let mut state = self.lock();
        // No order can come in between.
        let is_over = !has_orders();
        if is_over {
            state.deliver = Some(Box::new(|_| false));
        }
        is_over
    }

    /// Notes the end of the run.
    pub fn end(&self, end: RunnerState, cause: Option<GroupCause>) {
        let mut state = self.lock();
        state.phase = end;
        state.cause = cause;
        state.waiting.clear();
        state.deliver = None;
    }

    /// Changes the progress that handles see.
    pub fn update(&self, update: impl FnOnce(&mut ProgressAggregator, &mut GroupOutline)) {
        if let Some((aggregator, outline)) = &mut self.lock().progress {
            update(aggregator, outline);
        }
    }

    /// Replaces the progress that handles see.
    pub fn set_progress(&self, aggregator: ProgressAggregator, outline: GroupOutline) {
        self.lock().progress = Some((aggregator, outline));
    }
}

/// Controls a run from any thread. A clone controls the same run.
///
/// The calls return at once; the run ends, or goes on, when everything has happened that they ask for.
#[derive(Clone)]
pub struct RunHandle(pub(super) Arc<Shared>);

impl RunHandle {
    /// Pauses the run: running sessions are interrupted, or finish their turns with `drain`. Fails with `INVALID_STATE` if
    /// it does not run.
    pub fn pause(&self, drain: bool) -> Result<()> {
        self.send(Order::Request(Request { drain, ..request(ControlRequest::Pause) }), "pause")
    }

    /// Takes up a run that is being paused, with another budget if one is given. A run that has ended is taken up by another
    /// run. Fails with `INVALID_STATE` if it does not run.
    pub fn resume(&self, budget: Option<Usd>) -> Result<()> {
        let request = request(ControlRequest::Resume);
        self.send(
            match budget {
                Some(budget) => Order::Budget(budget, request),
                None => Order::Request(request),
            },
            "resume",
        )
    }

    /// Stops the run: running sessions are interrupted, or terminated with `now`. They can be resumed by a later run. Fails
    /// with `INVALID_STATE` if it does not run.
    pub fn stop(&self, now: bool) -> Result<()> {
        self.send(Order::Request(Request { now, ..request(ControlRequest::Stop) }), "stop")
    }

    /// Runs failed sessions again: those with these ids, or all. With `fresh` they begin new conversations. Fails with
    /// `INVALID_STATE` if the run has ended, and with `INVALID_ARGUMENT` for an id that the group is known not to have.
    pub fn retry(&self, sessions: Option<&[String]>, fresh: bool) -> Result<()> {
        if let Some((_, group)) = &self.0.lock().progress {
            let has = |id: &str| group.sessions.iter().any(|session| session.id == id);
            check_ids("sessions", sessions.unwrap_or_default(), &group.id, has)?;
        }
        let sessions = sessions.map(|ids| ids.iter().map(|id| id.as_str().into()).collect());
        self.send(Order::Request(Request { sessions, fresh, ..request(ControlRequest::Retry) }), "retry")
    }

    /// Ends the run without ending its sessions: they finish their turns by themselves, and the next run of the group takes
    /// them up. The run fails with `INVALID_STATE`. Does nothing if there is no run.
    pub fn detach(&self) {
        let _ = self.send(Order::Detach, "detach");
    }

    /// Returns the state of the runner.
    pub fn state(&self) -> RunnerState {
        self.0.lock().phase
    }

    /// Returns the reason why the group is paused or was stopped, once the run has ended.
    pub fn cause(&self) -> Option<GroupCause> {
        self.0.lock().cause
    }

    /// Returns the progress of the group, with that of its running sessions. `None` before the run has begun.
    pub fn progress(&self) -> Option<GroupProgress> {
        let state = self.0.lock();
        let (aggregator, outline) = state.progress.as_ref()?;
        Some(aggregator.compute_progress(outline, time::now_ms()))
    }

    fn send(&self, order: Order, action: &str) -> Result<()> {
        let mut state = self.0.lock();
        let refused = || Error::invalid_state(format!("Cannot {action}: runner is not running"));
        if state.phase != RunnerState::Running {
            return Err(refused());
        }
        if let Some(deliver) = &state.deliver {
            return deliver(order).then_some(()).ok_or_else(refused);
        }
        state.waiting.push(order);
        Ok(())
    }
}

fn request(action: ControlRequest) -> Request {
    Request { seq: 0, action, sessions: None, drain: false, now: false, fresh: false }
}
