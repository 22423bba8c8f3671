//! The data of a session group and the rules it obeys. No input or output, no clock.

pub mod event;
pub mod money;
pub mod run;
pub mod time;
pub mod types;
pub mod validate;

pub use types::{GroupId, GroupSession, GroupStatus, SessionGroup, SessionStatus, TokenUsage};
