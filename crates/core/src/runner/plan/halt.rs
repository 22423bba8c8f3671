//! No more starts: the reason, and what happens to the sessions that run.

use super::process::Force;
use super::session::{Phase, SessionIndex, StopReason};
use super::{Outcome, Run, planted};
use crate::model::run::GroupCause;
use crate::model::{GroupStatus, SessionStatus};

/// The decision to start no more sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Halt {
    /// The group's cause once the run has ended.
    pub cause: GroupCause,
    /// The group's status once the run has ended.
    pub status: GroupStatus,
    /// What happens to running sessions.
    pub force: Force,
}

impl Run {
    /// Starts no more sessions. A request replaces the cause of an earlier halt; otherwise the first cause stays. The
    /// greater force counts.
    pub(super) fn halt(&mut self, cause: GroupCause, status: GroupStatus, force: Force) {
        let is_request = matches!(cause, GroupCause::Manual | GroupCause::Stopped);
        let halt = match self.halt {
            Some(earlier) if !is_request => Halt { force: force.max(earlier.force), ..earlier },
            Some(earlier) => Halt { cause, status, force: force.max(earlier.force) },
            None => Halt { cause, status, force },
        };
        self.halt = Some(halt);
        for session in self.tally.live.clone() {
            self.hold_back(session);
        }
    }

    /// Gives up the group, whose store is lost. Running sessions are interrupted; nothing is committed any more.
    pub(super) fn abandon(&mut self, outcome: Outcome) {
        if self.abandoned.is_some() || planted!(self, DeletionIgnored) {
            return;
        }
        self.abandoned = Some(outcome);
        for session in self.tally.live.clone() {
            self.hold_back(session);
        }
    }

    /// Applies a pause, a halt or the loss of the store to a session that occupies a slot.
    pub(super) fn hold_back(&mut self, session: SessionIndex) {
        let Some(force) = self.force_on(session) else { return };
        match self.session(session).phase {
            Phase::Starting { .. } if planted!(self, WithdrawalForgotten) => {}
            Phase::Starting { .. } => self.withdraw(session),
            Phase::Running(_) if force > Force::Drain => self.stop(session, StopReason::Pause, force),
            // These come back here with their next fact.
            Phase::Spawning | Phase::Looking | Phase::Running(_) | Phase::Idle | Phase::Unknown => {}
        }
    }

    /// The force on a session's process; `None` if it may go on.
    fn force_on(&self, session: SessionIndex) -> Option<Force> {
        let own = self.session(session).pause;
        let halt = self.halt.map(|halt| halt.force);
        let abandoned = self.abandoned.map(|_| Force::Interrupt);
        own.max(halt).max(abandoned)
    }

    /// The status of a session that ended between two attempts: paused by request, alone or with its group, else pending.
    pub(super) fn status_between_attempts(&self, session: SessionIndex) -> SessionStatus {
        let is_paused = self.session(session).pause.is_some() || self.force_on(session) > Some(Force::Drain);
        if is_paused { SessionStatus::Paused } else { SessionStatus::Pending }
    }
}
