//! The sums over all sessions, kept in step with each change so that no decision looks at every session.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::nanos::Nanos;
use super::session::{Counted, Phase, Session, SessionIndex, Standing};
use super::timers::Timer;
use super::{Event, Run, planted};
use crate::model::SessionStatus;

/// The sums over all sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Tally {
    counts: [u32; Standing::COUNT],
    /// Sessions that may start as soon as there is room: longest remaining path first, ties in the group's order.
    pub ready: BTreeSet<(Reverse<u32>, SessionIndex)>,
    /// Sessions that occupy a slot.
    pub live: BTreeSet<SessionIndex>,
    /// Sessions with held money.
    pub held: BTreeSet<SessionIndex>,
    /// Number of sessions whose start is decided but not commanded.
    pub starting: usize,
    /// Number of sessions that are still to run and have no reservation.
    pub unreserved: u64,
    /// Money spent by all sessions.
    pub spent: Nanos,
    /// Reservations of open attempts, and held money.
    pub reserved: Nanos,
}

impl Tally {
    /// Number of sessions of a standing.
    pub fn count(&self, standing: Standing) -> u32 {
        self.counts[standing as usize]
    }

    /// Adds a session's contribution. `path` is the length of the path that it begins.
    pub fn add(&mut self, session: SessionIndex, path: u32, counted: Counted) {
        let Some(standing) = counted.standing else { return };
        self.counts[standing as usize] += 1;
        match standing {
            Standing::Ready => {
                self.ready.insert((Reverse(path), session));
            }
            Standing::Live => {
                self.live.insert(session);
            }
            _ => {}
        }
        if standing != Standing::Live && counted.reserved > Nanos::ZERO {
            self.held.insert(session);
        }
        self.unreserved += u64::from(counted.is_unreserved());
        self.starting += usize::from(counted.is_starting);
        self.spent += counted.cost;
        self.reserved += counted.reserved;
    }

    /// Takes back a contribution that was added.
    fn remove(&mut self, session: SessionIndex, path: u32, counted: Counted) {
        let Some(standing) = counted.standing else { return };
        self.counts[standing as usize] -= 1;
        self.ready.remove(&(Reverse(path), session));
        self.live.remove(&session);
        self.held.remove(&session);
        self.unreserved -= u64::from(counted.is_unreserved());
        self.starting -= usize::from(counted.is_starting);
        self.spent -= counted.cost;
        self.reserved -= counted.reserved;
    }
}

impl Run {
    /// Marks a session to be committed and brings the sums into step.
    pub(super) fn changed(&mut self, session: SessionIndex) {
        self.commits.change_session(session);
        self.reindex(session);
    }

    /// Brings the sums into step with a session, and its dependants with its status.
    pub(super) fn reindex(&mut self, session: SessionIndex) {
        let before = self.session(session).counted;
        let after = self.contribution(session);
        if before == after {
            return;
        }
        let path = self.dependencies.path(session);
        self.tally.remove(session, path, before);
        self.tally.add(session, path, after);
        self.session_mut(session).counted = after;
        self.must_look_for_unreachable |= after.standing == Some(Standing::Blocked);
        if before.is_satisfied != after.is_satisfied {
            self.tell_dependants(session, after.is_satisfied);
        }
    }

    /// Number of dependencies that a session waits for, counted anew.
    pub(super) fn unmet(&self, session: SessionIndex) -> u32 {
        let needs = self.dependencies.needs(session).iter();
        let open = needs.filter(|&&on| !self.is_satisfied(self.session(on))).count();
        let missing = self.dependencies.missing(session);
        u32::try_from(open).unwrap_or(u32::MAX).saturating_add(missing)
    }

    /// A session's contribution to the sums, determined anew.
    pub(super) fn contribution(&self, index: SessionIndex) -> Counted {
        let session = self.session(index);
        let (held, is_looking) = (session.record.held(), session.phase == Phase::Looking);
        let reserved = match session.record.reserved() {
            reserved if planted!(self, HeldMoneyForgotten) => reserved - held,
            _ if planted!(self, ReservationLostInCrash) && is_looking => Nanos::ZERO,
            reserved => reserved,
        };
        Counted {
            standing: Some(self.standing(index)),
            cost: session.record.cost,
            reserved,
            is_satisfied: self.is_satisfied(session),
            is_starting: matches!(session.phase, Phase::Starting { .. }),
        }
    }

    #[allow(clippy::unused_self, reason = "a test may plant a defect here")]
    fn is_satisfied(&self, session: &Session) -> bool {
        match session.record.status {
            SessionStatus::Completed => {
                !(planted!(self, DoneWorkForgotten) && session.record.attempts.is_empty())
            }
            SessionStatus::Failed => session.settings.allow_failure || planted!(self, FailedCountsAsDone),
            _ => false,
        }
    }

    fn standing(&self, index: SessionIndex) -> Standing {
        let session = self.session(index);
        match &session.phase {
            Phase::Idle => {}
            Phase::Unknown => return Standing::Unknown,
            Phase::Running(process) if planted!(self, SlotFreedAtResult) && process.verdict.is_some() => {}
            _ => return Standing::Live,
        }
        let is_dropped = session.settings.dropped && !session.is_revived;
        match session.record.status {
            SessionStatus::Completed => Standing::Completed,
            _ if session.is_removed || is_dropped => Standing::Gone,
            SessionStatus::Failed if session.settings.allow_failure => Standing::Tolerated,
            SessionStatus::Failed => Standing::Failed,
            _ if session.is_excluded => Standing::Excluded,
            SessionStatus::Paused => Standing::Paused,
            _ if session.unmet > 0 && self.settings.respect_dependencies => Standing::Blocked,
            _ if self.timers.get(Timer::Retry(index)).is_some() => Standing::Scheduled,
            _ => Standing::Ready,
        }
    }

    /// Tells the dependants of a session that they no longer wait for it, or wait again after a retry.
    fn tell_dependants(&mut self, session: SessionIndex, is_satisfied: bool) {
        let dependencies = std::sync::Arc::clone(&self.dependencies);
        for &dependant in dependencies.dependants(session) {
            let unmet = &mut self.session_mut(dependant).unmet;
            *unmet = if is_satisfied { unmet.saturating_sub(1) } else { *unmet + 1 };
            let is_resolved = *unmet == 0;
            self.reindex(dependant);
            if is_resolved && self.session(dependant).record.status == SessionStatus::Pending {
                self.commits.report(Event::DependencyResolved(dependant));
            }
        }
    }

    /// Counts everything anew, after the dependencies have changed.
    pub(super) fn recount(&mut self) {
        self.tally = super::Tally::default();
        self.must_look_for_unreachable = true;
        for session in self.indices() {
            self.session_mut(session).unmet = self.unmet(session);
        }
        for session in self.indices() {
            let counted = self.contribution(session);
            self.tally.add(session, self.dependencies.path(session), counted);
            self.session_mut(session).counted = counted;
        }
    }
}

impl Counted {
    /// Returns `true` if the session is still to run and has no reservation, so that a share is left for it.
    fn is_unreserved(&self) -> bool {
        matches!(self.standing, Some(Standing::Ready | Standing::Scheduled | Standing::Blocked))
            && self.reserved == Nanos::ZERO
    }
}
