//! The timers of a run: one table, and the earliest one is the run's deadline.

use std::collections::{BTreeMap, BTreeSet};

use super::session::SessionIndex;
use super::time::Monotonic;

/// A timer. Each is set at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    /// A failed commit is tried again.
    CommitRetry,
    /// Commits have failed for too long.
    CommitsFailed,
    /// The usage limit is checked against the wall clock.
    LimitCheck,
    /// A start or a look is tried again for which the machine lacked something.
    Shortage,
    /// The spacing allows another start.
    Spacing,
    /// A session's retry is due.
    Retry(SessionIndex),
    /// A session has made no progress for too long.
    Stall(SessionIndex),
    /// A session has run for too long.
    Timeout(SessionIndex),
    /// The time of a process's stage is over.
    Stage(SessionIndex),
}

/// All timers that are set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Timers {
    times: BTreeMap<Timer, Monotonic>,
    order: BTreeSet<(Monotonic, Timer)>,
}

impl Timers {
    /// Sets a timer, in place of an earlier time.
    pub fn set(&mut self, timer: Timer, at: Monotonic) {
        if let Some(earlier) = self.times.insert(timer, at) {
            self.order.remove(&(earlier, timer));
        }
        self.order.insert((at, timer));
    }

    /// Stops a timer.
    pub fn stop(&mut self, timer: Timer) {
        if let Some(at) = self.times.remove(&timer) {
            self.order.remove(&(at, timer));
        }
    }

    /// Stops the watchdogs of a session's process.
    pub fn stop_process(&mut self, session: SessionIndex) {
        self.stop(Timer::Stall(session));
        self.stop(Timer::Timeout(session));
        self.stop(Timer::Stage(session));
    }

    /// The time of a timer that is set.
    pub fn get(&self, timer: Timer) -> Option<Monotonic> {
        self.times.get(&timer).copied()
    }

    /// The time of the earliest timer.
    pub fn next(&self) -> Option<Monotonic> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Removes and returns the earliest timer that is due.
    pub fn take_due(&mut self, now: Monotonic) -> Option<Timer> {
        let (at, timer) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.stop(timer);
        Some(timer)
    }

    /// The earliest timer.
    #[cfg(test)]
    pub fn next_timer(&self) -> Option<Timer> {
        self.order.first().map(|(_, timer)| *timer)
    }

    /// Moves all timers, so that states at different times can be compared.
    #[cfg(test)]
    pub fn shift(&mut self, shift: impl Fn(Monotonic) -> Monotonic) {
        self.times.values_mut().for_each(|at| *at = shift(*at));
        self.order = self.times.iter().map(|(timer, at)| (*at, *timer)).collect();
    }
}
