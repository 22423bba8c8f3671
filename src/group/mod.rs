//! What a session group is: its data, the rules it obeys, and how its progress is counted. Nothing here reads,
//! writes or waits.

pub mod budget;
mod estimate;
pub mod events;
pub mod progress;
pub mod run;
pub mod time;
pub mod types;
pub mod validate;

pub use progress::{
    GroupOutline, GroupProgress, ProgressAggregator, ProgressSummary, SessionOutline, SessionProgress,
};
pub use types::{GroupId, GroupSession, GroupStatus, SessionGroup, SessionStatus, TokenUsage};
