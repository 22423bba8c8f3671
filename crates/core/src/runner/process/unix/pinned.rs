//! A process that is not a child, held so that its pid cannot come to mean another one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::process::{Pid, Signal};

use crate::runner::process::unix::table::{self, Entry};

/// A process that runs.
#[derive(Debug)]
pub struct Pinned {
    entry: Entry,
    /// Refers to the process itself. `None` where the system does not have such descriptors.
    descriptor: Option<OwnedFd>,
}

impl Pinned {
    /// Pins a process; `None` if it has ended or is protected. Everything that was known of it is to be checked again afterwards.
    pub fn new(entry: Entry) -> io::Result<Option<Self>> {
        let Some(pid) = pid_of(entry.pid) else { return Ok(None) };
        // A stored pid may name any process, even this one.
        if table::protected()?.contains(&entry.pid) {
            return Ok(None);
        }
        #[cfg(target_os = "linux")]
        let descriptor = {
            use rustix::io::Errno;
            match rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
                Ok(descriptor) => Some(descriptor),
                Err(Errno::SRCH | Errno::INVAL) => return Ok(None),
                Err(_) => None,
            }
        };
        #[cfg(not(target_os = "linux"))]
        let (descriptor, _) = (None, pid);
        let pinned = Self { entry, descriptor };
        // The pid may have been reused before it was pinned.
        Ok(pinned.entry.runs()?.then_some(pinned))
    }

    /// The process as it was found.
    pub fn entry(&self) -> Entry {
        self.entry
    }

    /// Returns `true` if it has not ended, or that cannot be seen.
    pub fn runs(&self) -> bool {
        self.entry.runs().unwrap_or(true)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        #[cfg(target_os = "linux")]
        if let Some(descriptor) = &self.descriptor {
            let _ = rustix::process::pidfd_send_signal(descriptor, signal);
            return;
        }
        if let Some(pid) = pid_of(self.entry.pid).filter(|_| self.entry.runs().unwrap_or(false)) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Becomes readable when the process ends. `None` if it has to be polled.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(AsFd::as_fd)
    }
}

/// Returns a pid that names one process: neither a group, nor all processes, nor init.
fn pid_of(pid: i32) -> Option<Pid> {
    // A negative pid would name a group, 0 the own one, and 1 is init.
    if pid > 1 { Pid::from_raw(pid) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_init_nor_this_process_nor_its_parent_can_be_pinned() {
        let own = table::entry(rustix::process::getpid().as_raw_nonzero().get()).unwrap().unwrap();
        for pid in [own.pid, own.parent, 1, 0, -1, -own.pid, i32::MIN] {
            assert!(Pinned::new(Entry { pid, ..own }).unwrap().is_none(), "{pid}");
        }
    }

    #[test]
    fn a_reused_pid_cannot_be_pinned() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let entry = table::entry(child.id().try_into().unwrap()).unwrap().unwrap();
        assert!(Pinned::new(Entry { start: entry.start + 1, ..entry }).unwrap().is_none());
        let pinned = Pinned::new(entry).unwrap().unwrap();
        assert!(pinned.runs());
        pinned.signal(Signal::KILL);
        child.wait().unwrap();
        assert!(!pinned.runs());
        pinned.signal(Signal::KILL);
    }
}
