//! The reason why a session waits. Every session that is neither running its turn nor finished has one.

use super::budget::Claim;
use super::session::{Phase, SessionIndex, Stage, Standing};
use super::time::{Monotonic, Wall};
use super::timers::Timer;
use super::{Run, planted};
use crate::model::run::GroupCause;

/// What a session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wait {
    /// A commit, or the store, which fails.
    Store,
    /// Something that the machine lacked for the start of a process or the look at an earlier one.
    Shortage,
    /// Its process to start.
    Spawn,
    /// The result of its turn.
    Turn,
    /// Its process to end.
    Exit,
    /// The state of an earlier process.
    Look,
    /// A person: nobody can tell whether an earlier process runs.
    UnknownProcess,
    /// Other sessions, this many of them.
    Dependencies(u32),
    /// Nothing: the sessions it waits for cannot complete.
    Unreachable,
    /// The time of its retry.
    Retry(Monotonic),
    /// The end of the account's usage limit.
    UsageLimit(Wall),
    /// The session that tries whether the limit is over.
    Probe(SessionIndex),
    /// A slot: as many sessions run as may run at once.
    Slot,
    /// The session's directory, in which another one works.
    Directory,
    /// The spacing of starts.
    Spacing,
    /// Money: a running session may give some back.
    Budget,
    /// A resume of the session.
    Paused,
    /// A resume of the group, which starts no more sessions.
    Halted(GroupCause),
    /// Another run: this one does not include it.
    NotInRun,
    /// A retry: its plan file dropped it, or it was removed.
    Gone,
}

impl Run {
    /// Returns the reason why a session waits; `None` if it is finished. A session that could start has none either, but that
    /// never lasts beyond [`handle`](Self::handle).
    pub fn wait(&self, session: SessionIndex) -> Option<Wait> {
        let entry = self.sessions.get(session.get())?;
        match entry.counted.standing? {
            Standing::Completed | Standing::Tolerated | Standing::Failed => None,
            Standing::Live => Some(self.wait_of_live(session)),
            Standing::Unknown => Some(Wait::UnknownProcess),
            Standing::Paused => Some(Wait::Paused),
            Standing::Excluded => Some(Wait::NotInRun),
            Standing::Gone => Some(Wait::Gone),
            Standing::Blocked if entry.is_told_unreachable => Some(Wait::Unreachable),
            Standing::Blocked => Some(Wait::Dependencies(entry.unmet)),
            Standing::Scheduled => self.timers.get(Timer::Retry(session)).map(Wait::Retry),
            Standing::Ready => self.wait_of_ready(session),
        }
    }

    fn wait_of_live(&self, session: SessionIndex) -> Wait {
        match &self.session(session).phase {
            Phase::Starting { .. } => Wait::Store,
            Phase::Spawning => Wait::Spawn,
            Phase::Running(process) if process.stage == Stage::Working => Wait::Turn,
            Phase::Running(_) => Wait::Exit,
            Phase::Looking if self.must_look_again.contains(&session) => Wait::Shortage,
            Phase::Looking | Phase::Idle | Phase::Unknown => Wait::Look,
        }
    }

    fn wait_of_ready(&self, session: SessionIndex) -> Option<Wait> {
        if let Some(wait) = self.gate() {
            return Some(wait);
        }
        if self.directory_is_busy(session) {
            return Some(Wait::Directory);
        }
        // A session whose own budget is used up is told so when its turn comes, so it waits like those before it.
        let gives_back = !self.tally.live.is_empty() || self.has_held_start();
        let can_start = matches!(self.claim(session), Claim::Granted { .. });
        (!can_start && gives_back && !planted!(self, AtLimitWhileRunning)).then_some(Wait::Budget)
    }
}
