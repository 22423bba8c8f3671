//! All knowledge of Claude Code: what it prints becomes the progress and the accounts of its session.
//!
//! ```
//! use session_groups::claude::{ClaudeStream, Exit};
//! use session_groups::model::{GroupSession, SessionStatus, time::IsoTime};
//!
//! let created_at = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
//! let mut run = ClaudeStream::new(GroupSession::new("001-a", "/projects/a", "Add logging", created_at));
//! run.push(br#"{ "type": "result", "subtype": "error_max_turns", "is_error": true, "#);
//! run.push(br#""total_cost_usd": 0.25 }"#);
//! run.end(&Exit { code: Some(1), signal: None });
//!
//! let progress = run.progress();
//! assert_eq!((progress.status, progress.cost.get()), (SessionStatus::Failed, 0.25));
//! ```

mod accounts;
mod arguments;
pub mod command;
pub mod conversation;
mod counters;
pub mod environment;
pub mod input;
mod line;
pub(crate) mod lines;
mod meaning;
mod messages;
mod outcome;
pub mod signs;
mod stream;
mod tokens;
mod tools;
mod version;
pub mod work;

pub use stream::{ClaudeStream, Exit};
pub use version::ClaudeVersion;
