//! The view of groups: state as a value, and drawing as functions of the state, the width and the height.

pub mod conversation;
pub mod live;
mod state;
pub mod table;

pub use state::{GroupView, SessionState, SessionView, Tool};
