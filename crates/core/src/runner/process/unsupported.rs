//! Systems without sessions, signals and inherited locks.

use crate::error::{Error, Result};
use crate::model::run::ProcessIdentity;
use crate::runner::process::ProcessOptions;

/// Processes of one runner. Not supported on this system.
#[derive(Debug)]
pub enum Processes {}

impl Processes {
    /// Fails with `UNSUPPORTED`.
    pub fn new(_options: ProcessOptions) -> Result<Self> {
        Err(unsupported())
    }
}

/// Fails with `UNSUPPORTED`.
pub fn current_identity() -> Result<ProcessIdentity> {
    Err(unsupported())
}

/// Returns `None`: nothing is known about processes.
pub fn is_running(_recorded: &ProcessIdentity) -> Result<Option<bool>> {
    Ok(None)
}

fn unsupported() -> Error {
    Error::unsupported("cannot run sessions on this system: running groups is supported on Linux and macOS")
}
