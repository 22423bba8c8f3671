//! The view of groups: state as a value, and drawing as functions of the state, the width and the height.

pub mod conversation;
pub mod lines;
pub mod live;
#[cfg(unix)]
pub mod observer;
pub mod screen;
mod state;
pub mod table;

pub use state::{GroupView, SessionState, SessionView, Tool};
