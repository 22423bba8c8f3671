//! Running a group from the command line: its runner on a thread, its events on the screen, and signals to control it.

#[cfg(unix)]
mod drive;
#[cfg(unix)]
mod signals;
pub mod take_up;
#[cfg(unix)]
pub mod terminal;

#[cfg(unix)]
pub use drive::drive;
#[cfg(unix)]
pub use signals::listen;

/// Runs a group until it has ended.
#[cfg(not(unix))]
pub fn drive(
    _: &session_groups::repository::FileGroupRepository,
    _: &session_groups::model::GroupId,
    _: session_groups::runner::RunnerOptions,
    _: &mut crate::output::Output,
) -> crate::error::Result<crate::exit::Exit> {
    Err(crate::error::Failure::unexpected("running groups is not supported on this system yet"))
}
