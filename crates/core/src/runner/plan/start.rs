//! The next session to start: the first ready one in order for which there is a slot, a directory and money.

use super::budget::Claim;
use super::nanos::Nanos;
use super::session::{Phase, SessionIndex, Standing};
use super::stored::{AttemptRecord, MAX_STORED_ATTEMPTS};
use super::timers::Timer;
use super::wait::Wait;
use super::{Failure, Run, planted};
use crate::model::SessionStatus;
use crate::model::run::AttemptKind;

/// The next thing to do with the ready sessions.
enum Step {
    /// Start a session.
    Start { session: SessionIndex, reserve: Nanos, cap: Option<Nanos> },
    /// A session has used up its own budget.
    Fail(SessionIndex),
    /// The group's budget is used up.
    BudgetExceeded,
}

impl Run {
    /// Decides as many starts as there is room for.
    pub(super) fn start_sessions(&mut self) {
        self.forget_old_starts();
        while self.gate().is_none() {
            match self.next_step() {
                Some(Step::Start { session, reserve, cap }) => self.begin_attempt(session, reserve, cap),
                Some(Step::Fail(session)) => {
                    self.fail(session, Failure::OwnBudget);
                    self.changed(session);
                }
                Some(Step::BudgetExceeded) => return self.budget_exceeded(),
                None => return,
            }
        }
        self.set_spacing_timer();
    }

    /// The reason why no session at all may start now.
    pub(super) fn gate(&self) -> Option<Wait> {
        if !self.has_begun || self.abandoned.is_some() || self.commits.are_failing() {
            return Some(Wait::Store);
        }
        if let Some(halt) = self.halt {
            return Some(Wait::Halted(halt.cause));
        }
        if self.timers.get(Timer::Shortage).is_some() {
            return Some(Wait::Shortage);
        }
        if let Some(wait) = self.limit_gate() {
            return Some(wait);
        }
        if self.free_slots() == 0 {
            return Some(Wait::Slot);
        }
        self.is_too_fast().then_some(Wait::Spacing)
    }

    /// Number of sessions that could start beside those that occupy a slot.
    pub(super) fn free_slots(&self) -> u64 {
        let taken = if planted!(self, LimitCountsOnlyRunning) {
            self.tally.live.iter().filter(|session| self.session(**session).process().is_some()).count()
        } else {
            self.tally.live.len()
        };
        u64::from(self.settings.max_concurrent).saturating_sub(taken as u64)
    }

    /// The first ready session that can start, in order. When the share has become too small, only sessions with held money
    /// can; if none does and nothing runs that could give money back, the group is at its limit.
    fn next_step(&self) -> Option<Step> {
        for &(_, session) in &self.tally.ready {
            if self.directory_is_busy(session) {
                continue;
            }
            match self.claim(session) {
                Claim::Granted { reserve, cap } => return Some(Step::Start { session, reserve, cap }),
                Claim::OwnBudgetSpent => return Some(Step::Fail(session)),
                Claim::TooSmall => return self.step_with_held_money(),
            }
        }
        None
    }

    fn step_with_held_money(&self) -> Option<Step> {
        for &session in &self.tally.held {
            let is_ready = self.session(session).counted.standing == Some(Standing::Ready);
            if is_ready
                && !self.directory_is_busy(session)
                && let Claim::Granted { reserve, cap } = self.claim(session)
            {
                return Some(Step::Start { session, reserve, cap });
            }
        }
        let may_return = !self.tally.live.is_empty() || self.has_held_start();
        (!may_return || planted!(self, AtLimitWhileRunning)).then_some(Step::BudgetExceeded)
    }

    /// Returns `true` if another session works in the same directory and the group forbids that.
    pub(super) fn directory_is_busy(&self, session: SessionIndex) -> bool {
        let directory = &self.session(session).settings.directory;
        let is_same =
            |&other: &SessionIndex| other != session && self.session(other).settings.directory == *directory;
        self.settings.exclusive_directories
            && self.tally.live.iter().any(is_same)
            && !planted!(self, DirectoriesShared)
    }

    /// Records an attempt. It is commanded once the record is stored.
    fn begin_attempt(&mut self, session: SessionIndex, reserved: Nanos, cap: Option<Nanos>) {
        let entry = self.session_mut(session);
        let record = &mut entry.record;
        let how =
            if record.conversation && !entry.starts_over { AttemptKind::Resume } else { AttemptKind::Fresh };
        let n = record.next_number();
        let cost = Nanos::ZERO;
        let (estimated, has_process, outcome) = (false, false, None);
        record.attempts.push(AttemptRecord { n, how, reserved, cost, estimated, has_process, outcome });
        if record.attempts.len() > MAX_STORED_ATTEMPTS {
            record.attempts.remove(0);
        }
        record.conversation = true;
        record.status = SessionStatus::Active;
        record.waits_until = None;
        entry.failure = None;
        entry.phase = Phase::Starting { commit: None, cap };
        self.probe_starts(session);
        self.changed(session);
    }

    /// Returns `true` if a decided start still fits, now that it is stored: the group may have changed meanwhile.
    pub(super) fn may_still_start(&self, session: SessionIndex) -> bool {
        let has_slot = u64::from(self.settings.max_concurrent) >= self.tally.live.len() as u64
            || planted!(self, LimitCountsOnlyRunning);
        let waits = self.session(session).unmet > 0 && self.settings.respect_dependencies;
        let is_hindered = waits || self.directory_is_busy(session) || self.is_over_budget();
        has_slot && self.limit_permits(session) && !is_hindered
    }

    /// Returns `true` if the spacing of starts does not allow another one yet. A start counts from its decision until the
    /// window after its command is over.
    fn is_too_fast(&self) -> bool {
        let Some(spacing) = self.options.spacing else { return false };
        self.recent_starts.len() + self.tally.starting >= spacing.starts && !planted!(self, SpacingIgnored)
    }

    fn forget_old_starts(&mut self) {
        let window_ms = self.options.spacing.map_or(0, |spacing| spacing.window_ms);
        let now = self.now.monotonic;
        while self.recent_starts.front().is_some_and(|start| now.since(*start) >= window_ms) {
            self.recent_starts.pop_front();
        }
    }

    fn set_spacing_timer(&mut self) {
        let Some(spacing) = self.options.spacing else { return };
        if self.is_too_fast()
            && !self.tally.ready.is_empty()
            && let Some(oldest) = self.recent_starts.front()
        {
            self.timers.set(Timer::Spacing, oldest.after(spacing.window_ms));
        }
    }
}
