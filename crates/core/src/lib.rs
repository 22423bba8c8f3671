//! Groups of coding-agent sessions: the data model, a durable store, and the accounting of what sessions cost.
//!
//! - [`model`]: what a session group is. Pure data and rules.
//! - [`graph`]: the order in which its sessions can run.
//! - [`progress`]: the progress of one session and of a group.
//! - [`claude`]: the output of a running session becomes its progress.
//! - [`repository`]: where groups are kept, in memory or in files that several processes share.
//! - [`ownership`]: who runs a group.
//! - [`feed`]: the events of a group, numbered and stored with what they report.
//! - [`generate`]: the configuration files and the command line of a session.
//! - [`manager`]: the checks that a change of a group has to pass, and the events that report it.
//! - [`runner`]: running a group: its decisions, its processes, and how it is taken up and controlled.
//! - [`executor`]: the thread pool of the process.
//! - [`error`]: every way to fail, with its code.
//! - [`json`]: JSON text, read and edited in place.
//!
//! ```
//! use session_groups::claude::{ClaudeStream, Exit};
//! use session_groups::model::{GroupId, GroupSession, SessionGroup, time::IsoTime};
//! use session_groups::progress::{GroupOutline, ProgressAggregator};
//! use session_groups::repository::{Condition, Document, GroupRepository, InMemoryGroupRepository};
//!
//! let created_at = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
//! let id = GroupId::new("20260115-103000-auth")?;
//! let mut group = SessionGroup::new(id.clone(), "Authentication", "auth", created_at.clone());
//! group.sessions.push(GroupSession::new("001-api", "/projects/api", "Add a login", created_at));
//! let repository = InMemoryGroupRepository::new();
//! repository.save(Document::from_group(&group)?, Condition::None)?;
//!
//! let mut run = ClaudeStream::new(group.sessions[0].clone());
//! run.push(br#"{ "type": "result", "subtype": "success", "result": "Done.", "total_cost_usd": 0.25 }"#);
//! run.end(&Exit { code: Some(0), signal: None });
//! repository.update_session(&id, "001-api", run.changes().into())?;
//!
//! let stored = repository.find_by_id(&id)?.unwrap().group()?;
//! let progress = ProgressAggregator::new(None).compute_progress(&GroupOutline::from(&stored), 0.0);
//! assert_eq!((progress.summary.completed, progress.summary.total_cost), (1, 0.25));
//! # Ok::<(), session_groups::Error>(())
//! ```

pub mod claude;
pub mod error;
pub mod executor;
pub mod feed;
pub mod generate;
pub mod graph;
pub mod json;
pub mod manager;
pub mod model;
pub mod ownership;
pub mod progress;
pub mod repository;
pub mod runner;

pub use error::{Error, Result};
