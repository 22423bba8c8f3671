//! Processes of an earlier runner: looked at before anything is decided about them.

use super::input::Look;
use super::nanos::Nanos;
use super::process::Force;
use super::session::{Phase, Process, SessionIndex};
use super::{Command, Event, Run, planted};
use crate::model::run::{AttemptKind, AttemptOutcome, GroupCause};
use crate::model::{GroupStatus, SessionStatus};

impl Run {
    /// Asks for the state of an earlier process. The session occupies a slot until the answer is known.
    pub(super) fn look(&mut self, session: SessionIndex) {
        self.session_mut(session).phase = Phase::Looking;
        self.commands.push_back(Command::Look(session));
        self.reindex(session);
    }

    /// Acts on the state of an earlier process: a living one is adopted, a result settles its session, a dead one is swept and
    /// resumed, and one that nobody can tell is left alone.
    pub(super) fn looked(&mut self, session: SessionIndex, look: Look) {
        if self.session(session).phase != Phase::Looking {
            return;
        }
        self.shortage_since = None;
        match look {
            Look::Alive { ran_ms } => self.adopt(session, ran_ms),
            Look::Settled { result, ran_ms } => {
                self.take_over_gone(session, ran_ms);
                self.result(session, result);
                self.settle(session, result.cost);
            }
            Look::Dead { cost, ran_ms } => {
                self.take_over_gone(session, ran_ms);
                self.settle(session, cost);
            }
            Look::NeverStarted => self.take_back(session),
            Look::CannotTell if self.is_assumed_dead(session) => {
                self.looked(session, Look::Dead { cost: Nanos::ZERO, ran_ms: 0 });
            }
            Look::CannotTell => {
                self.session_mut(session).phase = Phase::Unknown;
                self.reindex(session);
                self.halt(GroupCause::UnknownProcess, GroupStatus::Paused, Force::Drain);
            }
        }
    }

    /// Treats a process of an earlier runner that is gone like one whose exit is reported now, and sweeps what it left.
    fn take_over_gone(&mut self, session: SessionIndex, ran_ms: u64) {
        self.commands.push_back(Command::Sweep(session));
        let process = Process { was_gone: true, ..self.process_of_earlier_runner(ran_ms) };
        self.session_mut(session).phase = Phase::Running(process);
    }

    /// Ends an attempt that never became a process. It spent nothing and says nothing about its session.
    fn take_back(&mut self, session: SessionIndex) {
        self.commands.push_back(Command::Sweep(session));
        let entry = self.session_mut(session);
        entry.phase = Phase::Idle;
        if let Some(attempt) = entry.record.attempts.last_mut().filter(|attempt| attempt.outcome.is_none()) {
            attempt.outcome = Some(AttemptOutcome::Killed);
            // Nothing was ever said in its conversation.
            entry.record.conversation &= attempt.how == AttemptKind::Resume;
        }
        self.go_on(session);
        self.changed(session);
    }

    fn settle(&mut self, session: SessionIndex, cost: Nanos) {
        let phase = std::mem::replace(&mut self.session_mut(session).phase, Phase::Idle);
        if let Phase::Running(process) = phase {
            self.timers.stop_process(session);
            self.end_attempt(session, &process, cost);
        }
    }

    fn adopt(&mut self, session: SessionIndex, ran_ms: u64) {
        let process = self.process_of_earlier_runner(ran_ms);
        self.session_mut(session).record.status = SessionStatus::Active;
        self.commits.report(Event::SessionAdopted(session));
        self.watch(session, process);
    }

    fn process_of_earlier_runner(&self, ran_ms: u64) -> Process {
        Process { is_adopted: true, ran_before_ms: ran_ms, ..Process::new(self.now.monotonic) }
    }

    fn is_assumed_dead(&self, session: SessionIndex) -> bool {
        self.options.assume_dead.contains(&self.session(session).id) || planted!(self, UnknownTakenForDead)
    }
}
