//! Starts that fail because the machine lacks something that may come back: space on the disk for the output of a process, file
//! descriptors, memory or processes. Like commits that fail, they are tried again for a time, and then the run is given up.

use super::session::{Phase, SessionIndex};
use super::timers::Timer;
use super::{Outcome, Run};

/// Time until sessions start again.
const RETRY_MS: u64 = 5_000;

impl Run {
    /// The commanded process was not started for lack of something. The start is taken back.
    pub(super) fn has_shortage(&mut self, session: SessionIndex) {
        if self.session(session).phase != Phase::Spawning {
            return;
        }
        self.withdraw(session);
        let now = self.now.monotonic;
        let since = *self.shortage_since.get_or_insert(now);
        let left_ms = self.options.give_up_ms.saturating_sub(now.since(since));
        if left_ms == 0 {
            self.abandon(Outcome::WriteFailed);
        } else {
            self.timers.set(Timer::Shortage, now.after(left_ms.min(RETRY_MS)));
        }
    }
}
