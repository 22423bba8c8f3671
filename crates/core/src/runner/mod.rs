//! Running a group: from the stored group to processes and back.
//!
//! - [`Runner`]: runs a stored group; [`RunHandle`] controls it from other threads, [`control`] from other processes.
//! - [`plan`]: the decisions. A state machine that takes facts and returns commands, without input or output.
//! - [`process`]: one process of Claude Code: its command line, its files, its end, and what it leaves behind.
//! - [`RunStore`] and [`SessionProcesses`]: what a runner needs of a repository and of processes.
//!
//! ```
//! # #[cfg(unix)] {
//! use std::os::unix::fs::PermissionsExt;
//!
//! use session_groups::model::{GroupId, GroupSession, GroupStatus, SessionGroup, time::IsoTime};
//! use session_groups::repository::{Condition, Document, GroupRepository, InMemoryGroupRepository};
//! use session_groups::runner::{MemoryRunStore, RunNotice, Runner, RunnerOptions};
//!
//! let base = tempfile::tempdir()?;
//! // In place of Claude Code: it reads its prompt and prints a result.
//! let claude = base.path().join("claude");
//! let result = r#"{ "type": "result", "subtype": "success", "num_turns": 1, "total_cost_usd": 0.25 }"#;
//! let script = format!("#!/bin/sh\n[ \"$1\" = --version ] && exec echo 2.1.332\nread prompt; echo '{result}'\n");
//! std::fs::write(&claude, script)?;
//! std::fs::set_permissions(&claude, std::fs::Permissions::from_mode(0o755))?;
//!
//! let (id, now) = (GroupId::new("20260115-103000-auth")?, IsoTime::now());
//! let project = base.path().join("project");
//! std::fs::create_dir(&project)?;
//! let session = |id, prompt| GroupSession::new(id, project.to_str().unwrap(), prompt, now.clone());
//! let mut group = SessionGroup::new(id.clone(), "Authentication", "auth", now.clone());
//! group.sessions = vec![session("001-api", "Add a login"), session("002-web", "Use it")];
//! group.sessions[1].depends_on = vec!["001-api".to_owned()];
//! let repository = InMemoryGroupRepository::new();
//! repository.save(Document::from_group(&group)?, Condition::None)?;
//!
//! let options = RunnerOptions {
//!     claude_path: Some(claude),
//!     work_dir: Some(base.path().join("work")),
//!     ..RunnerOptions::default()
//! };
//! let runner = Runner::new(MemoryRunStore::new(repository.clone(), id.clone()), options);
//! let handle = runner.handle();
//! let mut events = Vec::new();
//! let end = runner.run(|notice| {
//!     if let RunNotice::Event { event, .. } = notice {
//!         events.push(event.type_name());
//!     }
//! })?;
//!
//! assert_eq!(end.status, GroupStatus::Completed);
//! assert_eq!((events[0], events.last()), ("group_started", Some(&"group_progress")));
//! assert_eq!(handle.progress().unwrap().summary.total_cost, 0.5);
//! let stored = repository.find_by_id(&id)?.unwrap().group()?;
//! assert_eq!(stored.sessions[1].cost.unwrap().get(), 0.25);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod changed_limits;
mod claims;
#[cfg(unix)]
mod claude_processes;
#[cfg(unix)]
mod claude_runs;
mod control;
mod handle;
mod limits;
mod options;
mod owners;
pub mod plan;
mod preview;
pub mod process;
mod projects;
mod recovery;
#[allow(clippy::module_inception, reason = "the runner itself, beside its parts")]
mod runner;
mod sessions;
mod store;
mod supervisor;
#[cfg(not(unix))]
mod unsupported_runs;

#[cfg(unix)]
pub use claude_processes::ClaudeProcesses;
pub use control::{ControlOptions, Controlled, control};
pub use handle::{RunHandle, RunnerState};
pub use options::{ChangedLimits, Clock, RunnerOptions};
pub use owners::FileOwnership;
pub use preview::{
    ExecutionPlan, PlannedSession, PlannedStart, UnreachableSession, planned_starts, remaining_waves,
};
pub use projects::check_projects;
pub use runner::{RunEnd, RunNotice, Runner};
pub use sessions::{EarlierAttempt, Found, SessionProcesses, Start, Wake};
pub use store::{Change, Claim, Done, FileRunStore, MemoryRunStore, RunStore, has_recorded_runner};
