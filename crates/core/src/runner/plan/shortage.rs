//! What fails because the machine lacks something that may come back: space on the disk for the output of a process, file
//! descriptors, memory or processes. Like commits that fail, starts and looks at earlier processes are tried again for a time, and
//! then the run is given up.

use super::session::{Phase, SessionIndex};
use super::timers::Timer;
use super::{Command, Outcome, Run, planted};

/// Time until sessions start again.
const RETRY_MS: u64 = 5_000;

impl Run {
    /// The commanded process was not started, or an earlier one not looked at, for lack of something. The start is taken back.
    pub(super) fn has_shortage(&mut self, session: SessionIndex) {
        let is_look = match self.session(session).phase {
            Phase::Spawning => {
                self.withdraw(session);
                false
            }
            Phase::Looking => true,
            _ => return,
        };
        let now = self.now.monotonic;
        let since = *self.shortage_since.get_or_insert(now);
        let left_ms = self.options.give_up_ms.saturating_sub(now.since(since));
        if left_ms == 0 {
            self.abandon(Outcome::WriteFailed);
        } else {
            self.timers.set(Timer::Shortage, now.after(left_ms.min(RETRY_MS)));
        }
        if is_look && self.abandoned.is_some() {
            // Left alone, for the next run.
            self.session_mut(session).phase = Phase::Unknown;
            self.reindex(session);
        } else if is_look && !planted!(self, LookNotRepeated) {
            self.must_look_again.insert(session);
        }
    }

    /// The time has come to try again. Starts go on by themselves.
    pub(super) fn shortage_may_be_over(&mut self) {
        for session in std::mem::take(&mut self.must_look_again) {
            self.commands.push_back(Command::Look(session));
        }
    }
}
