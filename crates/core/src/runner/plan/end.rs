//! The end of a run: nothing ready, nothing running, nothing scheduled.

use super::session::{SessionIndex, Standing};
use super::{Command, Event, Outcome, Run, planted};
use crate::model::GroupStatus;
use crate::model::run::GroupCause;

impl Run {
    /// Stores the group's final status as soon as nothing can move. Something that moves again, such as an added session or a
    /// resume, takes that back until the run is done.
    pub(super) fn end_if_nothing_can_move(&mut self) {
        let (status, cause) = self.conclusion().unwrap_or((GroupStatus::Running, None));
        if (status, cause) == (self.group.status, self.group.cause) {
            return;
        }
        self.group.status = status;
        self.group.cause = cause;
        self.commits.change_group();
        self.commits.report(match (status, cause) {
            (GroupStatus::Completed, _) => Event::GroupCompleted,
            (GroupStatus::Paused, Some(cause)) => Event::GroupPaused(cause),
            (GroupStatus::Failed, cause) => {
                let unreachable = u32::try_from(self.unreachable().len()).unwrap_or(u32::MAX);
                Event::GroupFailed { cause, failed: self.tally.count(Standing::Failed), unreachable }
            }
            _ => Event::GroupResumed,
        });
    }

    /// Ends the run once its final status is stored and no process runs, or once no process runs after the store was lost.
    pub(super) fn finish(&mut self) {
        let is_idle = self.tally.live.is_empty() || planted!(self, DoneWhileRunning);
        let outcome = match self.abandoned {
            Some(outcome) => Some(outcome),
            None if self.commits.is_clean() || planted!(self, DoneBeforeStored) => {
                self.conclusion().map(|(status, cause)| Outcome::Ended(status, cause))
            }
            None => None,
        };
        if let Some(outcome) = outcome.filter(|_| is_idle) {
            self.is_done = true;
            self.commands.push_back(Command::Done(outcome));
        }
    }

    /// The group's final status and its cause; `None` while something can move.
    fn conclusion(&self) -> Option<(GroupStatus, Option<GroupCause>)> {
        let count = |standing| self.tally.count(standing);
        if !self.tally.live.is_empty() && !planted!(self, DoneWhileRunning) {
            return None;
        }
        let stopped = [Standing::Paused, Standing::Excluded].map(count).iter().sum::<u32>();
        let waiting = [Standing::Ready, Standing::Scheduled].map(count).iter().sum::<u32>();
        let blocked = count(Standing::Blocked);
        let failed = count(Standing::Failed)
            + if planted!(self, AllowedFailureFails) { count(Standing::Tolerated) } else { 0 };
        let is_complete = stopped + waiting + blocked + failed + count(Standing::Unknown) == 0;
        // A halt comes too late if everything is done. The error threshold wins even when nothing else is left to do.
        if let Some(halt) = self.halt.filter(|_| !is_complete)
            && !(planted!(self, ThresholdLosesAtEnd) && waiting + blocked == 0)
        {
            return Some((halt.status, Some(halt.cause)));
        }
        if is_complete {
            return Some((GroupStatus::Completed, None));
        }
        if waiting > 0 {
            return None;
        }
        if failed == 0 && stopped > 0 {
            return Some((GroupStatus::Paused, Some(GroupCause::Manual)));
        }
        let cause = (blocked > 0).then_some(GroupCause::Unreachable);
        Some((GroupStatus::Failed, cause))
    }

    /// The sessions that can never start: they wait for one that failed or does not exist, for each other, or for such a
    /// session. A paused session may be resumed.
    pub(super) fn unreachable(&self) -> Vec<SessionIndex> {
        if !self.settings.respect_dependencies {
            return Vec::new();
        }
        let standing = |session: SessionIndex| self.session(session).counted.standing;
        let waits = |session: SessionIndex| {
            self.session(session).unmet > 0
                && matches!(
                    standing(session),
                    Some(Standing::Blocked | Standing::Paused | Standing::Excluded)
                )
        };
        let is_open = |session: SessionIndex| {
            use Standing::{Completed, Failed, Gone, Tolerated};
            !matches!(standing(session), None | Some(Completed | Tolerated | Failed | Gone))
        };
        let mut unmet: Vec<u32> = self.sessions.iter().map(|session| session.unmet).collect();
        let mut can_start: Vec<bool> =
            self.indices().map(|session| is_open(session) && !waits(session)).collect();
        let mut found: Vec<SessionIndex> =
            self.indices().filter(|session| can_start[session.get()]).collect();
        while let Some(session) = found.pop() {
            for &dependant in self.dependencies.dependants(session) {
                let open = &mut unmet[dependant.get()];
                *open = open.saturating_sub(1);
                if *open == 0 && waits(dependant) {
                    can_start[dependant.get()] = true;
                    found.push(dependant);
                }
            }
        }
        let is_blocked = |session: &SessionIndex| standing(*session) == Some(Standing::Blocked);
        self.indices().filter(|session| is_blocked(session) && !can_start[session.get()]).collect()
    }
}
