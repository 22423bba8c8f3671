//! Signals that ask the program to end.

use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::{Failure, Result};

/// Calls a function on a thread of its own for each SIGINT, SIGTERM and SIGHUP, which then no longer end the process.
pub fn listen(mut received: impl FnMut(u8) + Send + 'static) -> Result<()> {
    let failed = |error: std::io::Error| Failure::unexpected(format!("cannot handle signals: {error}"));
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
    let listen = move || {
        for signal in signals.forever() {
            received(u8::try_from(signal).unwrap_or(u8::MAX));
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(listen).map(drop).map_err(failed)
}
