//! Signals that ask the program to end.

use std::mem::MaybeUninit;
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::{Failure, Result};

/// Time after a signal in which the same signal is a copy of it.
///
/// A terminal sends Ctrl-C to this program and to npm or the launcher, which send theirs on to this program.
const COPIES: Duration = Duration::from_millis(150);

/// Calls a function on a thread of its own for each SIGINT, SIGTERM and SIGHUP, which then no longer end the process.
/// Copies of a signal are left out. A SIGHUP that is ignored, as by `nohup`, stays ignored.
pub fn listen(mut received: impl FnMut(u8) + Send + 'static) -> Result<()> {
    let failed = |error: std::io::Error| Failure::unexpected(format!("cannot handle signals: {error}"));
    let hangup = if is_ignored(SIGHUP) { None } else { Some(SIGHUP) };
    let mut signals = Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup)).map_err(failed)?;
    let mut copies = Copies::default();
    let listen = move || {
        for signal in signals.forever() {
            if !copies.contain(signal, Instant::now()) {
                received(u8::try_from(signal).unwrap_or(u8::MAX));
            }
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(listen).map(drop).map_err(failed)
}

/// Returns `true` if this process ignores a signal.
fn is_ignored(signal: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action, the call only writes the present one.
    let is_known = unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) } == 0;
    // SAFETY: the call has succeeded and so has written it.
    is_known && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Recognizes copies of signals by their time.
#[derive(Default)]
struct Copies {
    newest: Option<(i32, Instant)>,
}

impl Copies {
    /// Returns whether a signal is a copy of the one before it.
    fn contain(&mut self, signal: i32, now: Instant) -> bool {
        let before = self.newest.replace((signal, now));
        before.is_some_and(|(kind, at)| kind == signal && now.saturating_duration_since(at) < COPIES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_is_sent_on_counts_once() {
        let begun = Instant::now();
        let mut copies = Copies::default();
        let mut counted = |signal, ms| !copies.contain(signal, begun + Duration::from_millis(ms));
        assert!(counted(SIGINT, 0));
        assert!(!counted(SIGINT, 20), "sent on by the launcher");
        assert!(!counted(SIGINT, 40), "sent on by npm");
        assert!(counted(SIGINT, 300), "the second Ctrl-C");
        assert!(counted(SIGTERM, 310), "another signal");
        assert!(counted(SIGINT, 320));
    }
}
