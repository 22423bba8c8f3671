//! What must be true after every step, by the world's own accounts.

use super::super::halt::Halt;
use super::super::process::Force;
use super::super::session::{Phase, Stage, Standing, StopReason};
use super::super::timers::Timer;
use super::super::*;
use super::Check;
use super::world::{CALL, ProcState, World};
use crate::model::run::{AttemptOutcome, GroupCause};
use crate::model::{BudgetAction, GroupStatus, SessionStatus};

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(message()) }
}

impl World {
    /// What must be true when a start is commanded.
    pub fn check_start(&self, session: SessionIndex, attempt: u64, cap: Option<Nanos>) -> Check {
        let number = self.number(session);
        let entry = self.run.session(session);
        ensure(!self.truth.is_deleted, || format!("session {number} starts after the group was deleted"))?;
        ensure(!self.truth.is_halted, || format!("session {number} starts although the group is halted"))?;
        self.check_recorded(number, attempt, cap)?;
        let process = &self.processes[number];
        ensure(!process.is_alive() && process.state != ProcState::Commanded, || {
            format!("session {number} starts while its process runs")
        })?;
        let threshold = self.run.settings.error_threshold;
        ensure(threshold.is_none_or(|threshold| self.truth.failures < threshold), || {
            format!("session {number} starts although the error threshold is reached")
        })?;
        let now = self.now.monotonic;
        let troubles = self.truth.troubles.iter().filter(|(at, _)| now.since(*at) < 120_000).count();
        ensure(troubles < 3, || format!("session {number} starts after a mass failure"))?;
        self.check_slots(number, entry)?;
        self.check_dependencies(number, entry)?;
        self.check_limit_at_start(number)?;
        self.check_spacing()?;
        self.check_money(number, entry, cap)
    }

    /// No start before its commit.
    fn check_recorded(&self, number: usize, attempt: u64, cap: Option<Nanos>) -> Check {
        let id = number.to_string();
        let stored = self.stored.sessions.iter().find(|session| *session.id == *id);
        let open = stored.and_then(|stored| stored.record.open_attempt());
        let is_active = stored.is_some_and(|stored| stored.record.status == SessionStatus::Active);
        ensure(
            is_active
                && open.is_some_and(|open| open.n == attempt && cap.is_none_or(|cap| open.reserved >= cap)),
            || format!("session {number} starts attempt {attempt} before it is stored"),
        )
    }

    fn check_slots(&self, number: usize, entry: &session::Session) -> Check {
        // A session that was removed and lost in a crash is beyond what a runner can know.
        let occupies = |other: &usize| {
            let process = &self.processes[*other];
            let is_lost = self.truth.lost.contains(other);
            !is_lost && (process.is_alive() || process.state == ProcState::Commanded)
        };
        let taken = (0..self.processes.len()).filter(occupies).count();
        let max = self.run.settings.max_concurrent as usize;
        ensure(taken < max, || format!("session {number} starts beside {taken} others, of {max} at most"))?;
        if !self.run.settings.exclusive_directories {
            return Ok(());
        }
        let shares = |other: usize| {
            let other = self.index(other).map(|other| self.run.session(other));
            other.is_some_and(|other| other.settings.directory == entry.settings.directory)
        };
        let mut others = (0..self.processes.len()).filter(|other| *other != number && occupies(other));
        ensure(!others.any(shares), || format!("session {number} shares its directory"))
    }

    /// No dependant before its dependencies.
    fn check_dependencies(&self, number: usize, entry: &session::Session) -> Check {
        if !self.run.settings.respect_dependencies {
            return Ok(());
        }
        for id in &entry.settings.depends_on {
            let need: usize = id.parse().unwrap_or(usize::MAX);
            let other = self.index(need).map(|index| self.run.session(index));
            let is_allowed = other.is_some_and(|other| {
                other.settings.allow_failure && other.record.status == SessionStatus::Failed
            });
            let is_gone = self.processes.get(need).is_some_and(|process| !process.is_alive());
            let has_succeeded = self.truth.succeeded.get(need).copied().unwrap_or(false);
            ensure(is_gone && (has_succeeded || is_allowed), || {
                format!("session {number} starts before session {need} has completed")
            })?;
        }
        Ok(())
    }

    fn check_limit_at_start(&self, number: usize) -> Check {
        let Some(until) = self.truth.limited_until else { return Ok(()) };
        ensure(self.now.wall >= until, || format!("session {number} starts during a usage limit"))?;
        let probe = self.truth.probe;
        ensure(probe.is_none(), || {
            format!("session {number} starts while session {probe:?} probes the limit")
        })
    }

    fn check_spacing(&self) -> Check {
        let Some(spacing) = self.options.spacing else { return Ok(()) };
        let now = self.now.monotonic;
        let newest = self.truth.starts.iter().filter(|start| now.since(**start) < spacing.window_ms).count();
        ensure(newest < spacing.starts, || format!("{} starts within {} ms", newest + 1, spacing.window_ms))
    }

    /// `spent + reserved ≤ limit`, but for what single calls cost beyond their caps.
    fn check_money(&self, number: usize, entry: &session::Session, cap: Option<Nanos>) -> Check {
        let rest = entry.settings.max_budget.map(|own| own - self.printed(number));
        let min = self.options.min_reservation;
        ensure(rest.is_none_or(|rest| rest >= min && cap.is_some_and(|cap| cap <= rest)), || {
            format!("session {number} starts with {cap:?} of its own {rest:?}")
        })?;
        if self.run.settings.on_budget_exceeded == BudgetAction::Warn {
            return Ok(());
        }
        let cap = cap.ok_or_else(|| format!("session {number} starts without a cap"))?;
        let spent = self.known_spent();
        let reserved: Nanos = (0..self.processes.len())
            .filter(|&other| other != number)
            .map(|other| self.at_stake(other))
            .sum();
        let limit = self.run.settings.budget + self.unknown_calls();
        ensure(cap >= min, || format!("session {number} starts with {cap:?} only"))?;
        ensure(spent + reserved + cap <= limit, || {
            format!(
                "session {number} starts with {cap:?}, though {spent:?} are spent and {reserved:?} reserved of {limit:?}"
            )
        })
    }

    /// Money that was printed by sessions that the run can know.
    fn known_spent(&self) -> Nanos {
        let known = (0..self.processes.len()).filter(|number| !self.truth.lost.contains(number));
        known.map(|number| self.printed(number)).sum()
    }

    /// What calls cost beyond caps, as far as no runner has read it yet.
    fn unknown_calls(&self) -> Nanos {
        let is_unread = |number: &usize| {
            let process = &self.processes[*number];
            let session = self.index(*number).map(|index| self.run.session(index));
            // Also while the look waits for what it lacks.
            let is_to_be_looked_at = session.is_some_and(|session| session.phase == Phase::Looking);
            process.printed.is_some() && (process.state == ProcState::Spawned || is_to_be_looked_at)
        };
        (0..self.processes.len()).filter(is_unread).map(|_| CALL).sum()
    }

    /// Money that a session may still spend, or may have spent without printing it.
    fn at_stake(&self, number: usize) -> Nanos {
        let process = &self.processes[number];
        let is_lost = self.truth.lost.contains(&number);
        let status = self.index(number).map(|index| self.run.session(index).record.status);
        let is_finished = matches!(status, Some(SessionStatus::Completed | SessionStatus::Failed) | None);
        // A decided start has taken over the money of the process before it.
        let open = self.index(number).and_then(|index| self.run.session(index).record.open_attempt());
        let taken_over = open.filter(|open| open.n > process.attempt && process.state == ProcState::Gone);
        match process.state {
            _ if is_lost => Nanos::ZERO,
            _ if taken_over.is_some() => taken_over.map_or(Nanos::ZERO, |open| open.reserved),
            ProcState::Commanded | ProcState::Spawned | ProcState::Running => process.may_spend(),
            ProcState::Gone if process.printed.is_none() && !is_finished => process.may_spend(),
            ProcState::Gone | ProcState::None => Nanos::ZERO,
        }
    }

    /// What must be true when the group is at its limit.
    pub fn check_budget_halt(&self) -> Check {
        let limit = self.run.settings.budget;
        let spent = self.known_spent();
        let is_alone = self.run.tally.live.is_empty();
        ensure(spent >= limit || is_alone, || {
            "the group is at its limit while sessions may give money back".into()
        })
    }

    pub fn check_interrupt(&self, session: SessionIndex) -> Check {
        let (number, process) = (self.number(session), self.proc(session));
        ensure(!process.is_orphan, || format!("the adopted session {number} is interrupted"))?;
        let reason = self.run.session(session).process().and_then(|process| process.stop);
        let is_stalled = reason == Some(StopReason::Stall);
        let waits = process.is_busy || process.has_background;
        ensure(!is_stalled || !waits, || format!("session {number} stalls while its tool runs"))
    }

    /// Background tasks that go on when standard input is closed would lead to a further turn.
    pub fn check_close(&self, session: SessionIndex) -> Check {
        let process = self.proc(session);
        ensure(!process.has_background || process.are_tasks_stopped, || {
            let number = self.number(session);
            format!("standard input of session {number} is closed while its background tasks go on")
        })
    }

    /// What must be true after every step.
    pub fn check(&self) -> Check {
        for session in self.run.indices() {
            self.check_session(session)?;
        }
        if let Some(Halt { force: Force::Interrupt | Force::Terminate, .. }) = self.run.halt {
            self.check_all_stopping()?;
        }
        ensure(self.outcome.is_some() || !self.run.is_done, || "the run is done without an outcome".into())
    }

    fn check_all_stopping(&self) -> Check {
        for &session in &self.run.tally.live {
            let process = self.run.session(session).process();
            ensure(process.is_none_or(|process| process.stage != Stage::Working), || {
                format!("session {} goes on although the group is halted", self.number(session))
            })?;
        }
        Ok(())
    }

    fn check_session(&self, session: SessionIndex) -> Check {
        let entry = self.run.session(session);
        let number = self.number(session);
        if self.run.has_begun && !self.run.is_done {
            self.check_wait(session)?;
        }
        let is_settled = entry.phase == Phase::Idle && self.processes[number].state != ProcState::Spawned;
        if is_settled && self.run.has_begun && !self.truth.lost.contains(&number) {
            let printed = self.printed(number);
            ensure(entry.record.cost == printed, || {
                format!("session {number} cost {:?}, but {printed:?} were printed", entry.record.cost)
            })?;
        }
        if self.truth.was_retried {
            return Ok(());
        }
        let limits = [
            (AttemptOutcome::Crashed, self.options.max_crashes),
            (AttemptOutcome::Stalled, 1),
            (AttemptOutcome::Failed, entry.settings.retries),
        ];
        for (outcome, times) in limits {
            let is_over = entry.record.in_a_row(outcome) > times && entry.phase == Phase::Idle;
            ensure(
                !is_over
                    || entry.record.status == SessionStatus::Failed
                    || entry.record.open_attempt().is_some(),
                || format!("session {number} is tried again after {times} times {outcome:?}"),
            )?;
        }
        Ok(())
    }

    /// Nothing waits without a reason, and what is waited for can come.
    fn check_wait(&self, session: SessionIndex) -> Check {
        let number = self.number(session);
        let entry = self.run.session(session);
        let is_finished = entry.record.status.has_ended() && entry.phase == Phase::Idle;
        let Some(wait) = self.run.wait(session) else {
            return ensure(is_finished, || format!("session {number} waits without a reason"));
        };
        let timer = |timer| self.run.timers.get(timer).is_some();
        let tally = &self.run.tally;
        let stage = entry.process().map(|process| process.stage);
        let can_come = match wait {
            Wait::Store => self.commit.is_some() || timer(Timer::CommitRetry) || self.run.abandoned.is_some(),
            Wait::Exit => stage == Some(Stage::Killed) || timer(Timer::Stage(session)),
            Wait::Look => self.processes[number].is_looked_at,
            Wait::Spawn => {
                matches!(self.processes[number].state, ProcState::Commanded | ProcState::Spawned)
            }
            Wait::UsageLimit(_) => timer(Timer::LimitCheck),
            Wait::Probe(probe) => tally.live.contains(&probe),
            Wait::Slot => tally.live.len() >= self.run.settings.max_concurrent as usize,
            Wait::Shortage => timer(Timer::Shortage),
            Wait::Spacing => timer(Timer::Spacing) || tally.starting > 0,
            Wait::Budget => !tally.live.is_empty() || self.run.has_held_start(),
            Wait::Directory => !tally.live.is_empty(),
            Wait::Halted(_) => self.run.halt.is_some(),
            Wait::Dependencies(_) => self.has_open_dependency(entry) && !self.is_hopeless(session, 0),
            Wait::Unreachable => self.has_open_dependency(entry) && self.is_hopeless(session, 0),
            _ => true,
        };
        ensure(can_come, || format!("session {number} waits for {wait:?}, which cannot come"))
    }

    /// Returns `true` if a dependency of the session, or of one that it waits for, can never complete.
    fn is_hopeless(&self, session: SessionIndex, depth: usize) -> bool {
        // A cycle.
        if depth > self.run.sessions.len() {
            return true;
        }
        self.run.session(session).settings.depends_on.iter().any(|id| {
            let need = self.run.indices().find(|&other| self.run.session(other).id == *id);
            need.is_none_or(|need| {
                let other = self.run.session(need);
                let is_idle = other.phase == Phase::Idle;
                let is_dropped = other.settings.dropped && !other.is_revived;
                match other.record.status {
                    _ if other.is_removed => true,
                    _ if !is_idle => false,
                    SessionStatus::Completed => false,
                    _ if is_dropped => true,
                    SessionStatus::Failed => !other.settings.allow_failure,
                    _ => self.is_hopeless(need, depth + 1),
                }
            })
        })
    }

    fn has_open_dependency(&self, entry: &session::Session) -> bool {
        entry.settings.depends_on.iter().any(|id| {
            let need: usize = id.parse().unwrap_or(usize::MAX);
            let has_succeeded = self.truth.succeeded.get(need).copied().unwrap_or(false);
            let other = self.index(need).map(|index| self.run.session(index));
            let is_allowed = other.is_some_and(|other| {
                other.settings.allow_failure && other.record.status == SessionStatus::Failed
            });
            let is_idle = other.is_some_and(|other| other.phase == Phase::Idle && !other.is_removed);
            !(is_idle && (is_allowed || has_succeeded))
        })
    }

    /// What must be true at the end of a run.
    pub fn check_done(&self, outcome: Outcome) -> Check {
        for (number, process) in self.processes.iter().enumerate() {
            let session = self.index(number);
            let is_unknown = session.is_some_and(|session| self.run.session(session).phase == Phase::Unknown);
            let is_lost = self.truth.lost.contains(&number);
            ensure(is_unknown || is_lost || !process.is_alive(), || {
                format!("the run is done while the process of session {number} lives")
            })?;
        }
        let Outcome::Ended(status, cause) = outcome else { return Ok(()) };
        ensure(!self.truth.is_deleted, || "a deleted group ends like any other".into())?;
        self.check_stored(status, cause)?;
        self.check_conclusion(status, cause)
    }

    fn check_stored(&self, status: GroupStatus, cause: Option<GroupCause>) -> Check {
        let record = self.stored.record;
        ensure((record.status, record.cause) == (status, cause), || {
            format!("the run ends {status:?}, {cause:?}, but {record:?} is stored")
        })?;
        if let Some(newest) = self.stored.request.as_ref() {
            let is_seen = record.control_seen == newest.seq;
            ensure(is_seen || self.run.needs_another_run(newest), || {
                format!("request {} was not marked as seen", newest.seq)
            })?;
        }
        for session in self.run.indices() {
            let entry = self.run.session(session);
            let stored = self.stored.sessions.iter().find(|stored| stored.id == entry.id);
            ensure(entry.is_removed || stored.is_some_and(|stored| stored.record == entry.record), || {
                format!("session {} ends as {:?}, but {stored:?} is stored", entry.id, entry.record)
            })?;
            let was_reported = self.truth.completions[self.number(session)] == 1;
            let has_run = entry.record.attempts.last().is_some_and(|last| last.outcome.is_some());
            let is_complete = entry.record.status == SessionStatus::Completed && has_run;
            ensure(!is_complete || was_reported || self.truth.crashes > 0, || {
                format!("session {} completed, but that was not reported", entry.id)
            })?;
        }
        Ok(())
    }

    /// Compares the end with what the sessions' own states demand.
    fn check_conclusion(&self, status: GroupStatus, cause: Option<GroupCause>) -> Check {
        let is_done = |session: &session::Session| {
            let status = session.record.status;
            status == SessionStatus::Completed
                || session.is_removed
                || session.settings.dropped && !session.is_revived
                || session.settings.allow_failure && status == SessionStatus::Failed
        };
        let all_done = self.run.sessions.iter().all(is_done);
        let reached =
            self.run.settings.error_threshold.is_some_and(|threshold| self.truth.failures >= threshold);
        if reached && !self.truth.is_halted {
            // Of two reasons to end, the first one is told. The budget may stop the group.
            let stops = self.run.settings.on_budget_exceeded == BudgetAction::Stop;
            let is_halt = match cause {
                Some(GroupCause::BudgetExceeded) if stops => status == GroupStatus::Failed,
                Some(cause) => cause != GroupCause::Manual && status == GroupStatus::Paused,
                None => false,
            };
            return ensure(is_halt, || {
                format!("the error threshold is reached, but the group is {status:?}")
            });
        }
        ensure((status == GroupStatus::Completed) == all_done, || {
            format!("the group is {status:?}, {cause:?}; all done: {all_done}")
        })?;
        let idle = |standing| self.run.tally.count(standing);
        let can_move = idle(Standing::Ready) + idle(Standing::Scheduled) > 0;
        ensure(!can_move || self.run.halt.is_some(), || "the run ends though a session could start".into())?;
        if cause == Some(GroupCause::BudgetExceeded) {
            let spent = self.known_spent();
            // The run cannot know that a start it had recorded was never carried out.
            let held = |number| {
                self.index(number).map_or(Nanos::ZERO, |index| self.run.session(index).record.held())
            };
            let stake: Nanos =
                (0..self.processes.len()).map(|number| self.at_stake(number).max(held(number))).sum();
            let slots = u64::from(self.truth.slots);
            let least = Nanos(self.options.min_reservation.0 * slots);
            let limit = self.run.settings.budget;
            let all = self.run.sessions.len() as u64;
            ensure(limit < spent + stake + least + Nanos(CALL.0 * all), || {
                format!("the group is at its limit of {limit:?} after {spent:?} and {stake:?}")
            })?;
        }
        Ok(())
    }

    /// The sums of the run are those that counting anew gives.
    pub fn check_sums(&self) -> Check {
        let run = &self.run;
        if !run.has_begun {
            return Ok(());
        }
        let mut counted = Tally::default();
        for session in run.indices() {
            let entry = run.session(session);
            let anew = run.contribution(session);
            let is_same = (entry.unmet, entry.counted) == (run.unmet(session), anew);
            ensure(is_same, || {
                let number = self.number(session);
                format!("session {number} is counted as {:?} instead of {anew:?}", entry.counted)
            })?;
            counted.add(session, run.dependencies.path(session), anew);
        }
        ensure(counted == run.tally, || format!("sums differ: {:?} instead of {counted:?}", run.tally))
    }
}
