//! Who runs a group: at most one runner, by a kernel lock where the repository has one, else by a record in the group.
//!
//! ```
//! use session_groups::model::{GroupId, SessionGroup, time::IsoTime};
//! use session_groups::ownership;
//! use session_groups::repository::file::FileOptions;
//! use session_groups::repository::{Condition, Document, FileGroupRepository, GroupRepository};
//!
//! let base = tempfile::tempdir()?;
//! let repository = FileGroupRepository::new(Some(base.path()), FileOptions::default())?;
//! let id = GroupId::new("auth")?;
//! let created_at = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
//! let group = SessionGroup::new(id.clone(), "Authentication", "auth", created_at);
//! repository.save(Document::from_group(&group)?, Condition::None)?;
//!
//! let lock = ownership::lock(&repository, &id)?;
//! assert_eq!(ownership::lock(&repository, &id).unwrap_err().code(), "ALREADY_RUNNING");
//! drop(lock);
//! assert!(ownership::lock(&repository, &id).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::error::{Error, Result};
use crate::model::GroupId;
use crate::model::number::Positive;
use crate::model::run::{ProcessIdentity, RunnerRecord};
use crate::model::time::{self, IsoTime};
use crate::repository::file::{RunLock, TryRunLock};
use crate::repository::{Document, FileGroupRepository};
use crate::runner::process::{current_identity, is_running};

/// Time between two renewals of a record, in milliseconds.
pub const RENEWAL_MS: u64 = 10_000;

/// Age from which the record of another machine no longer counts, in milliseconds.
const FOREIGN_PATIENCE_MS: f64 = 60_000.0;

/// Takes the lock of a group's run, which is held until it is dropped or its process ends. Fails with `ALREADY_RUNNING`,
/// which names the process that has it.
pub fn lock(repository: &FileGroupRepository, id: &GroupId) -> Result<RunLock> {
    let own = serde_json::to_string(&record(IsoTime::now())?).map_err(Error::internal)?;
    let is_runner = |holder: &str| {
        let record = crate::model::from_json::<RunnerRecord>(holder);
        record.is_ok_and(|record| matches!(is_running(&identity(record)), Ok(Some(true))))
    };
    match repository.try_run_lock(id, &own, is_runner)? {
        TryRunLock::Acquired(lock) => Ok(lock),
        TryRunLock::Held(owner) => {
            let owner = crate::model::from_json::<RunnerRecord>(&owner).ok();
            let owner = owner.map_or_else(|| "another process".to_owned(), |owner| shown(&owner));
            Err(Error::already_running(id.as_str(), &owner))
        }
    }
}

/// The runner of a group, as another process sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Owner {
    /// No runner has the group.
    None,
    /// This process runs it.
    ThisProcess,
    /// Another process runs it.
    Other {
        /// Text that names the process.
        name: String,
        /// Its id; `None` if it is not known.
        pid: Option<Positive>,
    },
}

/// Returns the runner of a group.
pub fn owner(repository: &FileGroupRepository, id: &GroupId) -> Owner {
    let Some(holder) = repository.run_lock_holder(id) else { return Owner::None };
    match crate::model::from_json::<RunnerRecord>(&holder) {
        Ok(record) if is_own(&record) => Owner::ThisProcess,
        Ok(record) => other(&record),
        Err(_) => Owner::Other { name: "another process".to_owned(), pid: None },
    }
}

/// Returns the runner that a record in a group stands for, where the repository has no kernel locks.
pub fn recorded(id: &GroupId, stored: Option<&RunnerRecord>, now_ms: f64) -> Owner {
    let Some(stored) = stored.filter(|stored| check_record(id, stored, now_ms).is_err()) else {
        return Owner::None;
    };
    if is_own(stored) { Owner::ThisProcess } else { other(stored) }
}

/// Returns `true` if a record is one of this process. Processes of two containers may have the same pid.
fn is_own(record: &RunnerRecord) -> bool {
    let own = current_identity().ok();
    own.is_some_and(|own| own == ProcessIdentity { host: own.host.clone(), ..identity(record.clone()) })
}

/// Returns the error `ALREADY_RUNNING` for a group that this process runs since a time.
pub fn runs_here(id: &str, since: IsoTime) -> Error {
    let owner = record(since).map_or_else(|_| "this process".to_owned(), |record| shown(&record));
    Error::already_running(id, &owner)
}

/// Checks that no other runner has taken a group whose record of this one was lost, as by a save of an older state. Fails with
/// `ALREADY_RUNNING`.
pub fn check_still_ours(group: &Document) -> Result<()> {
    let stored = group.json().get("runner");
    let stored = stored.and_then(|record| crate::model::from_json::<RunnerRecord>(record.text()).ok());
    match recorded(group.id(), stored.as_ref(), time::now_ms()) {
        Owner::Other { name, .. } => Err(Error::already_running(group.id().as_str(), &name)),
        Owner::None | Owner::ThisProcess => Ok(()),
    }
}

/// Returns the record of this process as a runner.
pub fn record(now: IsoTime) -> Result<RunnerRecord> {
    let ProcessIdentity { pid, start_time, boot_id, host } = current_identity()?;
    Ok(RunnerRecord { pid, start_time, boot_id, host, at: now })
}

/// Checks that a record which is stored in a group leaves the group to a new runner: its process is gone, or it belongs to
/// another machine and was not renewed for a minute. Fails with `ALREADY_RUNNING`, and with `IO` if its process cannot be looked
/// at.
pub fn check_record(id: &GroupId, stored: &RunnerRecord, now_ms: f64) -> Result<()> {
    let is_free = match is_running(&identity(stored.clone()))? {
        Some(is_running) => !is_running,
        None => now_ms - stored.at.unix_ms() > FOREIGN_PATIENCE_MS,
    };
    if is_free { Ok(()) } else { Err(Error::already_running(id.as_str(), &shown(stored))) }
}

fn identity(record: RunnerRecord) -> ProcessIdentity {
    let RunnerRecord { pid, start_time, boot_id, host, at: _ } = record;
    ProcessIdentity { pid, start_time, boot_id, host }
}

fn other(owner: &RunnerRecord) -> Owner {
    Owner::Other { name: shown(owner), pid: Some(owner.pid) }
}

fn shown(owner: &RunnerRecord) -> String {
    let RunnerRecord { pid, host, at, .. } = owner;
    format!("process {} on {host} since {}", pid.get(), &**at)
}

/// Processes have no identity on Windows.
#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::repository::file::FileOptions;

    #[test]
    fn a_record_counts_while_its_process_lives() {
        let id = GroupId::new("a").unwrap();
        let now = IsoTime::now();
        let own = record(now.clone()).unwrap();
        let check = |record: &RunnerRecord, ms: f64| check_record(&id, record, now.unix_ms() + ms).is_ok();
        assert!(!check(&own, 1e9));
        assert!(check(&RunnerRecord { start_time: "1".to_owned(), ..own.clone() }, 0.0));
        let owner = |record: &RunnerRecord| recorded(&id, Some(record), now.unix_ms());
        assert_eq!(owner(&own), Owner::ThisProcess);
        assert_eq!(recorded(&id, None, now.unix_ms()), Owner::None);
        let foreign = RunnerRecord { boot_id: "x".to_owned(), host: "other".to_owned(), ..own.clone() };
        assert!(matches!(owner(&foreign), Owner::Other { name, .. } if name.contains("on other")));
        let rebooted = RunnerRecord { boot_id: "other".to_owned(), ..own };
        assert!(check(&rebooted, 0.0));
        let elsewhere = RunnerRecord { host: "other".to_owned(), ..rebooted };
        assert!(!check(&elsewhere, 59_000.0) && check(&elsewhere, 61_000.0));
    }

    #[test]
    fn a_process_with_the_same_pid_in_another_container_is_another_one() {
        let base = tempfile::tempdir().unwrap();
        let repository = FileGroupRepository::new(Some(base.path()), FileOptions::default()).unwrap();
        let id = GroupId::new("a").unwrap();
        let own = record(IsoTime::now()).unwrap();
        for (start_time, is_own) in [(own.start_time.clone(), true), ("1".to_owned(), false)] {
            let holder = serde_json::to_string(&RunnerRecord { start_time, ..own.clone() }).unwrap();
            let TryRunLock::Acquired(_lock) = repository.try_run_lock(&id, &holder, |_| true).unwrap() else {
                panic!("nobody else has the lock");
            };
            assert_eq!(owner(&repository, &id) == Owner::ThisProcess, is_own);
        }
    }
}
