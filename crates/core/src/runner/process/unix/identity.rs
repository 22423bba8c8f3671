//! Identity of processes beyond the reuse of a pid.

use std::io;
use std::path::Path;

use crate::error::{Error, Result};
use crate::model::number::Positive;
use crate::model::run::ProcessIdentity;
use crate::runner::process::unix::table::{self, Entry};

/// Returns the identity of this process.
pub fn current_identity() -> Result<ProcessIdentity> {
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    let entry = table::entry(pid).map_err(cannot_look)?;
    let entry = entry.ok_or_else(|| Error::internal("this process is not in the table of processes"))?;
    identity_of(entry).map_err(cannot_look)
}

/// The error of looking at the processes of the machine.
pub fn cannot_look(source: io::Error) -> Error {
    Error::io(None, Path::new("/proc"), "reading", source)
}

/// Returns the identity of a process.
pub fn identity_of(entry: Entry) -> io::Result<ProcessIdentity> {
    Ok(ProcessIdentity {
        pid: Positive::clamped(u64::try_from(entry.pid).unwrap_or(1)),
        start_time: entry.start.to_string(),
        boot_id: table::boot_id()?,
        host: host(),
    })
}

/// Returns the name of this machine.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The state of a process that was recorded earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The pid and the start time are those of a process that runs.
    Running(Entry),
    /// It has ended.
    Ended,
    /// It belongs to another machine.
    Foreign,
}

/// Returns the state of a recorded process. A pid alone is not trusted.
pub fn state_of(recorded: &ProcessIdentity) -> io::Result<State> {
    state_in(recorded, &table::boot_id()?, &host())
}

fn state_in(recorded: &ProcessIdentity, boot_id: &str, host: &str) -> io::Result<State> {
    let is_same_host = recorded.host == host;
    // A boot has the same id for nobody else, even if the machine was renamed since. A sandbox may hide it.
    let is_known = !recorded.boot_id.is_empty() && !boot_id.is_empty();
    let is_same_boot = if is_known { recorded.boot_id == boot_id } else { is_same_host };
    if !is_same_boot {
        return Ok(if is_same_host { State::Ended } else { State::Foreign });
    }
    let pid = i32::try_from(recorded.pid.get()).unwrap_or(0);
    Ok(match table::entry(pid)? {
        Some(entry) if entry.start.to_string() == recorded.start_time && !entry.is_zombie => {
            State::Running(entry)
        }
        _ => State::Ended,
    })
}

/// Returns `true` if a process was recorded under another host name in this boot. It may belong to another container, whose
/// processes cannot be seen.
pub fn may_be_hidden(recorded: &ProcessIdentity) -> io::Result<bool> {
    Ok(recorded.host != host() && recorded.boot_id == table::boot_id()?)
}

/// Returns whether a recorded process runs; `None` if it belongs to another machine. Fails with `IO` if it cannot be looked at.
pub fn is_running(recorded: &ProcessIdentity) -> Result<Option<bool>> {
    Ok(match state_of(recorded).map_err(cannot_look)? {
        State::Running(_) => Some(true),
        State::Ended => Some(false),
        State::Foreign => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_process_is_known_by_all_its_fields() {
        let own = current_identity().unwrap();
        assert!(matches!(state_of(&own).unwrap(), State::Running(_)));
        let reused = ProcessIdentity { start_time: "1".to_owned(), ..own.clone() };
        assert_eq!(state_of(&reused).unwrap(), State::Ended);
        let rebooted = ProcessIdentity { boot_id: "other".to_owned(), ..own.clone() };
        assert_eq!(state_of(&rebooted).unwrap(), State::Ended);
        let elsewhere = ProcessIdentity { host: "other".to_owned(), ..rebooted };
        assert_eq!(state_of(&elsewhere).unwrap(), State::Foreign);
        let renamed = ProcessIdentity { host: "other".to_owned(), ..own };
        assert!(matches!(state_of(&renamed).unwrap(), State::Running(_)) && may_be_hidden(&renamed).unwrap());
    }

    #[test]
    fn without_a_boot_id_the_host_has_to_be_the_same() {
        let own = current_identity().unwrap();
        let unknown = ProcessIdentity { boot_id: String::new(), ..own.clone() };
        for (recorded, boot_id) in [(&unknown, "x"), (&unknown, ""), (&own, "")] {
            assert!(matches!(state_in(recorded, boot_id, &own.host).unwrap(), State::Running(_)));
            assert_eq!(state_in(recorded, boot_id, "other").unwrap(), State::Foreign);
        }
        let reused = ProcessIdentity { start_time: "1".to_owned(), ..unknown };
        assert_eq!(state_in(&reused, "", &own.host).unwrap(), State::Ended);
    }
}
