//! Systems without processes of Claude Code.

use crate::error::{Error, Result};
use crate::model::SessionGroup;
use crate::runner::plan::Request;
use crate::runner::process::Processes;
use crate::runner::{ExecutionPlan, RunEnd, RunNotice, Runner};

impl Runner {
    /// Fails with `UNSUPPORTED`.
    pub fn run(self, _notice: impl FnMut(RunNotice<'_>)) -> Result<RunEnd> {
        Err(self.unsupported())
    }

    /// Fails with `UNSUPPORTED`.
    pub fn settle(self, _request: Request, _notice: impl FnMut(RunNotice<'_>)) -> Result<RunEnd> {
        Err(self.unsupported())
    }

    /// Fails with `UNSUPPORTED`.
    pub fn plan(self, _unstored: Option<SessionGroup>) -> Result<ExecutionPlan> {
        Err(self.unsupported())
    }

    /// Does nothing: no runner can have left anything on this system.
    #[allow(clippy::unused_self, reason = "the same function as on other systems")]
    pub fn end_processes(self) -> Result<()> {
        Ok(())
    }

    /// Calls a function: no runner can have the group on this system.
    #[allow(clippy::unused_self, reason = "the same function as on other systems")]
    pub(super) fn end_and<T>(self, then: impl FnOnce() -> Result<T>) -> Result<T> {
        then()
    }

    fn unsupported(self) -> Error {
        match Processes::new(self.options.process) {
            Err(error) => error,
            Ok(processes) => match processes {},
        }
    }
}
