//! Usage limits of the account: all sessions wait, then one probe starts first.

use super::jitter::jitter;
use super::process::Force;
use super::session::SessionIndex;
use super::time::Wall;
use super::timers::Timer;
use super::wait::Wait;
use super::{Command, Event, Run, planted};
use crate::model::GroupStatus;
use crate::model::run::GroupCause;

/// Waits in minutes where no end of the limit is given. The last one repeats.
const WAIT_MINUTES: [u64; 4] = [5, 15, 30, 60];

/// Time between checks of the wall clock, which may be set or run on while the machine sleeps.
const CHECK_MS: u64 = 60_000;

/// Time to the end of the longest limit, that of a month, and one day more.
const MAX_LIMIT_MS: u64 = 32 * 24 * 60 * 60_000;

/// Jitter after the end of a limit: 30 to 90 seconds.
const MIN_JITTER_MS: u64 = 30_000;
const JITTER_RANGE_MS: u64 = 60_000;

/// The usage limit of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct AccountLimit {
    pub state: LimitState,
    /// Number of limits in a row without an answer of the model in between.
    pub strikes: usize,
    /// The limit that holds is one of them.
    pub is_counted: bool,
}

/// Whether the account may be used. `Open` → `Closed` (limit) → `Probing` (its end has passed) → `Open` (the probe was
/// answered) or `Closed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum LimitState {
    /// It may be used.
    #[default]
    Open,
    /// It may not be used until then.
    Closed(Wall),
    /// One session tries; `None` before it has started.
    Probing(Option<SessionIndex>),
}

impl AccountLimit {
    /// The end of the limit, while there is one.
    pub fn until(&self) -> Option<Wall> {
        match self.state {
            LimitState::Closed(until) => Some(until),
            LimitState::Open | LimitState::Probing(_) => None,
        }
    }
}

impl Run {
    /// The reason why the limit lets no session start.
    pub(super) fn limit_gate(&self) -> Option<Wait> {
        match self.limit.state {
            LimitState::Closed(until) if !planted!(self, LimitIgnored) => Some(Wait::UsageLimit(until)),
            LimitState::Probing(Some(probe)) if !planted!(self, AllProbe) => Some(Wait::Probe(probe)),
            _ => None,
        }
    }

    /// Returns `true` if the limit lets a decided start go on.
    pub(super) fn limit_permits(&self, session: SessionIndex) -> bool {
        match self.limit.state {
            LimitState::Open => true,
            LimitState::Closed(_) => planted!(self, LimitIgnored),
            LimitState::Probing(probe) => probe == Some(session) || planted!(self, AllProbe),
        }
    }

    /// A session hit the limit.
    pub(super) fn limit_reached(&mut self, session: SessionIndex, until: Option<Wall>) {
        if !std::mem::replace(&mut self.limit.is_counted, true) {
            self.limit.strikes += 1;
        }
        let before = self.limit.strikes.saturating_sub(1);
        let wait_ms = WAIT_MINUTES[before.min(WAIT_MINUTES.len() - 1)] * 60_000;
        let until = self.plausible(until).unwrap_or_else(|| self.now.wall.after(wait_ms));
        self.close_limit(until.after(MIN_JITTER_MS + self.jitter(session, JITTER_RANGE_MS)));
        self.commands.push_back(Command::ShareLimit(self.limit.until()));
    }

    /// Another group of the account, or an event of a running session, reports a limit.
    pub(super) fn limit_reported(&mut self, until: Option<Wall>) {
        let until = self.plausible(until);
        let until = until.unwrap_or_else(|| self.now.wall.after(WAIT_MINUTES[0] * 60_000));
        let jitter_ms = MIN_JITTER_MS + jitter(self.options.seed, u32::MAX, 0, JITTER_RANGE_MS);
        self.close_limit(until.after(jitter_ms));
    }

    /// The end of a limit as it was given, unless it is over, as by a clock that is fast, or so far away that it is none.
    fn plausible(&self, until: Option<Wall>) -> Option<Wall> {
        until.filter(|until| (1..=MAX_LIMIT_MS).contains(&until.since(self.now.wall)))
    }

    fn close_limit(&mut self, until: Wall) {
        let until = self.limit.until().map_or(until, |earlier| earlier.max(until));
        self.limit.state = LimitState::Closed(until);
        self.check_limit();
        if !self.options.wait_for_limits {
            self.halt(GroupCause::UsageLimit, GroupStatus::Paused, Force::Drain);
        }
    }

    /// Compares the limit with the wall clock, each minute and after a sleep of the machine.
    pub(super) fn check_limit(&mut self) {
        let Some(until) = self.limit.until() else { return };
        let left_ms = until.since(self.now.wall);
        if left_ms == 0 {
            self.limit.state = LimitState::Probing(None);
            self.limit.is_counted = false;
            self.timers.stop(Timer::LimitCheck);
        } else {
            self.timers.set(Timer::LimitCheck, self.now.monotonic.after(left_ms.min(CHECK_MS)));
        }
    }

    /// The account may be used again.
    pub(super) fn lift_limit(&mut self) {
        if self.limit.state != LimitState::Open {
            self.limit = AccountLimit::default();
            self.timers.stop(Timer::LimitCheck);
            self.commits.report(Event::LimitLifted);
        }
    }

    /// The first start after a limit is the probe.
    pub(super) fn probe_starts(&mut self, session: SessionIndex) {
        if self.limit.state == LimitState::Probing(None) {
            self.limit.state = LimitState::Probing(Some(session));
        }
    }

    /// The model answered the probe: the limit is lifted for all.
    pub(super) fn probe_answered(&mut self, session: SessionIndex) {
        if self.limit.state == LimitState::Probing(Some(session)) {
            self.lift_limit();
            self.commands.push_back(Command::ShareLimit(None));
        }
    }

    /// The probe ended without an answer: another session may probe.
    pub(super) fn probe_ended(&mut self, session: SessionIndex) {
        if self.limit.state == LimitState::Probing(Some(session)) {
            self.limit.state = LimitState::Probing(None);
        }
    }
}
