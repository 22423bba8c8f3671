//! The end of an attempt, by what its result says and why it was stopped.

use super::input::Verdict;
use super::nanos::Nanos;
use super::process::Force;
use super::session::{Process, SessionIndex, StopReason};
use super::stored::MAX_STORED_ATTEMPTS;
use super::timers::Timer;
use super::{Event, Failure, Run, planted};
use crate::model::run::{AttemptOutcome, GroupCause};
use crate::model::{GroupStatus, SessionStatus};

/// Delay of the first retry of a transient failure; each further one doubles it.
const FIRST_RETRY_MS: u64 = 30_000;

/// Maximum delay of a retry: 15 minutes.
const MAX_RETRY_MS: u64 = 15 * 60_000;

/// What becomes of a session after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It completed.
    Complete,
    /// It failed.
    Fail(Failure),
    /// It goes on, or is paused by request.
    GoOn,
    /// It is tried again after a delay.
    Retry,
    /// It waits for the end of a usage limit.
    AwaitLimit,
}

impl Run {
    /// Ends the open attempt of a session whose process is gone.
    pub(super) fn end_attempt(&mut self, session: SessionIndex, process: &Process, cost: Nanos) {
        let booked = self.session(session).record.open_attempt().map_or(Nanos::ZERO, |attempt| attempt.cost);
        self.book(session, cost.max(booked));
        let ran_ms = process.ran_before_ms.saturating_add(self.now.monotonic.since(process.since));
        let (outcome, next) = self.judge(session, process);
        let entry = self.session_mut(session);
        entry.record.run_ms = entry.record.run_ms.saturating_add(ran_ms);
        if let Some(attempt) = entry.record.attempts.last_mut().filter(|attempt| attempt.outcome.is_none()) {
            attempt.outcome = Some(outcome);
            attempt.estimated = process.has_open_turn;
        }
        self.probe_ended(session);
        self.follow(session, next);
        self.changed(session);
    }

    /// The outcome of the attempt, and what becomes of the session.
    ///
    /// A result that says more than "interrupted" counts, even for a session that is being stopped. Otherwise the reason for
    /// the stop decides, and without one the attempt crashed.
    fn judge(&mut self, session: SessionIndex, process: &Process) -> (AttemptOutcome, Next) {
        let is_final = |verdict: &Verdict| {
            !matches!(
                verdict,
                Verdict::Interrupted | Verdict::Transient | Verdict::Cap | Verdict::UsageLimit { .. }
            )
        };
        match (process.verdict.filter(is_final), process.stop) {
            (Some(verdict), _) => self.judge_final(session, verdict),
            (None, Some(reason)) => self.judge_stopped(session, process, reason),
            (None, None) => self.judge_unfinished(session, process),
        }
    }

    fn judge_final(&mut self, session: SessionIndex, verdict: Verdict) -> (AttemptOutcome, Next) {
        match verdict {
            Verdict::Success => (AttemptOutcome::Completed, Next::Complete),
            Verdict::Turns => (AttemptOutcome::Failed, Next::Fail(Failure::Turns)),
            Verdict::Login | Verdict::Billing => {
                let cause = if verdict == Verdict::Login { GroupCause::Login } else { GroupCause::Billing };
                self.halt(cause, GroupStatus::Paused, Force::Interrupt);
                (AttemptOutcome::Interrupted, Next::GoOn)
            }
            Verdict::ConversationGone { answered: true } => {
                self.halt(GroupCause::ConversationGone, GroupStatus::Paused, Force::Drain);
                (AttemptOutcome::Failed, Next::Fail(Failure::ConversationGone))
            }
            // Nothing was ever said in it: the same conversation begins again.
            Verdict::ConversationGone { answered: false } => {
                self.session_mut(session).starts_over = true;
                let next = self.again_unless(AttemptOutcome::Crashed, session, self.options.max_crashes);
                (AttemptOutcome::Crashed, if next { Next::GoOn } else { Next::Fail(Failure::Crashed) })
            }
            _ => (AttemptOutcome::Failed, Next::Fail(Failure::Refused)),
        }
    }

    fn judge_stopped(
        &mut self,
        session: SessionIndex,
        process: &Process,
        reason: StopReason,
    ) -> (AttemptOutcome, Next) {
        match reason {
            StopReason::Pause if process.verdict.is_none() => (AttemptOutcome::Killed, Next::GoOn),
            StopReason::Pause => (AttemptOutcome::Interrupted, Next::GoOn),
            StopReason::Timeout => (AttemptOutcome::Timeout, Next::Fail(Failure::Timeout)),
            StopReason::OutputLimit => (AttemptOutcome::OutputLimit, Next::Fail(Failure::OutputLimit)),
            // Nothing can make progress while the machine sleeps.
            StopReason::Stall if process.slept && !planted!(self, SleepCountsAsStall) => {
                (AttemptOutcome::Interrupted, Next::GoOn)
            }
            StopReason::Stall => {
                self.count_trouble(session);
                let again = self.again_unless(AttemptOutcome::Stalled, session, 1);
                (AttemptOutcome::Stalled, if again { Next::GoOn } else { Next::Fail(Failure::Stalled) })
            }
        }
    }

    fn judge_unfinished(&mut self, session: SessionIndex, process: &Process) -> (AttemptOutcome, Next) {
        match process.verdict {
            Some(Verdict::UsageLimit { .. }) => (AttemptOutcome::Limited, Next::AwaitLimit),
            Some(Verdict::Cap) if self.own_budget_is_spent(session) => {
                (AttemptOutcome::Cap, Next::Fail(Failure::OwnBudget))
            }
            Some(Verdict::Cap) => (AttemptOutcome::Cap, Next::GoOn),
            Some(Verdict::Transient) => {
                let retries = self.session(session).settings.retries;
                let again = self.again_unless(AttemptOutcome::Failed, session, retries);
                (AttemptOutcome::Failed, if again { Next::Retry } else { Next::Fail(Failure::Transient) })
            }
            // Its earlier runner interrupted it, and did not live to store why.
            Some(Verdict::Interrupted) if process.is_adopted => (AttemptOutcome::Interrupted, Next::GoOn),
            _ => {
                // A reboot ends all sessions at once, which says nothing about them.
                if !process.was_gone {
                    self.count_trouble(session);
                }
                let again = self.again_unless(AttemptOutcome::Crashed, session, self.options.max_crashes);
                (AttemptOutcome::Crashed, if again { Next::GoOn } else { Next::Fail(Failure::Crashed) })
            }
        }
    }

    /// Returns `true` if the session may be tried again after one more attempt with this outcome: at most `times` in a row.
    /// Every `times + 1` of them end the session, so a retry by request begins to count anew.
    fn again_unless(&self, outcome: AttemptOutcome, session: SessionIndex, times: u32) -> bool {
        if planted!(self, RetriesNeverEnd) {
            return true;
        }
        let in_a_row = self.session(session).record.in_a_row(outcome) + 1;
        let is_last = in_a_row.checked_rem(times.saturating_add(1)) == Some(0);
        !is_last && (in_a_row as usize) < MAX_STORED_ATTEMPTS
    }

    fn follow(&mut self, session: SessionIndex, next: Next) {
        match next {
            Next::Complete => self.complete(session),
            Next::Fail(failure) => self.fail(session, failure),
            Next::GoOn => self.go_on(session),
            Next::Retry => {
                self.go_on(session);
                if self.session(session).record.status == SessionStatus::Pending {
                    self.retry_later(session);
                }
            }
            Next::AwaitLimit => {
                self.go_on(session);
                self.session_mut(session).record.waits_until = self.limit.until();
                self.commits.report(Event::SessionWaitingLimit(session));
            }
        }
    }

    fn complete(&mut self, session: SessionIndex) {
        self.session_mut(session).record.status = SessionStatus::Completed;
        self.session_mut(session).pause = None;
        self.commits.report(Event::SessionCompleted(session));
    }

    /// The session's work is not done: it is pending, or paused by request.
    pub(super) fn go_on(&mut self, session: SessionIndex) {
        let status = self.status_between_attempts(session);
        self.session_mut(session).record.status = status;
        self.session_mut(session).pause = None;
        let is_paused = status == SessionStatus::Paused;
        self.commits.report(if is_paused {
            Event::SessionInterrupted(session)
        } else {
            Event::SessionRetrying(session)
        });
    }

    /// Schedules a retry after 30 s × 2ⁿ, at most 15 minutes, of which up to a half is left out by jitter.
    fn retry_later(&mut self, session: SessionIndex) {
        let before = self.session(session).record.in_a_row(AttemptOutcome::Failed).saturating_sub(1);
        let full_ms = FIRST_RETRY_MS.saturating_mul(1 << before.min(10)).min(MAX_RETRY_MS);
        let delay_ms = full_ms - self.jitter(session, full_ms / 2);
        self.timers.set(Timer::Retry(session), self.now.monotonic.after(delay_ms));
        self.session_mut(session).record.waits_until = Some(self.now.wall.after(delay_ms));
    }

    /// Continues the wait that an earlier runner stored.
    pub(super) fn wait_as_stored(&mut self, session: SessionIndex) {
        let Some(until) = self.session(session).record.waits_until else { return };
        let left_ms = until.since(self.now.wall).min(MAX_RETRY_MS);
        if left_ms > 0 {
            self.timers.set(Timer::Retry(session), self.now.monotonic.after(left_ms));
            self.reindex(session);
        }
    }
}
