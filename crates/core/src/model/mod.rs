//! The data of a session group and the rules it obeys. No input or output, no clock.
//!
//! Each object is declared once, by its type: the names of its fields, which of them may be absent, the range of each
//! value, and its patch. Reading JSON is checking it.
//!
//! ```
//! use session_groups::model::{SessionGroup, from_json};
//!
//! let error = from_json::<SessionGroup>(r#"{ "id": "a", "name": "A", "slug": "a", "status": "new" }"#).unwrap_err();
//! assert_eq!(error.field, "status");
//! ```

pub(crate) mod check;
pub mod config;
pub mod event;
pub mod group;
pub mod id;
pub mod money;
pub mod number;
pub mod patch;
pub(crate) mod reading;
pub(crate) mod record;
pub mod run;
pub mod session;
pub mod status;
pub mod summary;
#[cfg(test)]
pub(crate) mod tests;
pub mod time;
pub mod totals;

pub use group::{GroupPatch, SessionGroup};
pub use id::GroupId;
pub use reading::{Model, from_json, from_older_json};
pub use record::{Field, Recent, Shape};
pub use session::{GroupSession, SessionPatch, TokenUsage};
pub use status::{BudgetAction, GroupStatus, SessionStatus};
pub use summary::GroupSummary;
