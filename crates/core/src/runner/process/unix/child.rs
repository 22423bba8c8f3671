//! A child of this process. It is reaped only after the sweep, since until then its pid and its process group cannot be
//! given to anyone else.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, waitid};

use crate::claude::Exit;
use crate::executor;
use crate::runner::process::exit::signal_name;

/// Time between two looks at a child that nobody waits for any more.
const ABANDONED_PAUSE: Duration = Duration::from_secs(1);

/// A child that has not been reaped.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    /// Becomes readable when it ends.
    descriptor: Option<OwnedFd>,
    is_reaped: bool,
}

impl Child {
    /// Takes care of a child that was just spawned, which nobody else waits for.
    pub fn new(pid: Pid) -> Self {
        #[cfg(target_os = "linux")]
        let descriptor = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok();
        #[cfg(not(target_os = "linux"))]
        let descriptor = None;
        Self { pid, descriptor, is_reaped: false }
    }

    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// The id of its process group, which is its pid. `None` once that may be given to others.
    pub fn group(&self) -> Option<i32> {
        (!self.is_reaped).then(|| self.pid())
    }

    /// Becomes readable when it ends. `None` if it has to be polled.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(AsFd::as_fd)
    }

    /// Returns the end of the process, without reaping it. `None` while it runs.
    pub fn exit(&mut self) -> Option<Exit> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            return match waitid(WaitId::Pid(self.pid), options) {
                Ok(status) => status.as_ref().map(exit_of),
                Err(Errno::INTR) => continue,
                // Something else in this process has reaped it: its exit code is not known, and its pid is not ours.
                Err(_) => {
                    self.is_reaped = true;
                    Some(Exit::default())
                }
            };
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if !self.is_reaped {
            let _ = rustix::process::kill_process(self.pid, signal);
        }
    }

    /// Sends a signal to its process group.
    pub fn signal_group(&self, signal: Signal) {
        // Afterwards the number may name another group.
        if !self.is_reaped {
            let _ = rustix::process::kill_process_group(self.pid, signal);
        }
    }

    /// Reaps it after its end.
    pub fn reap(mut self) {
        self.try_reap();
    }

    fn try_reap(&mut self) {
        let reaped = waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        self.is_reaped |= !matches!(reaped, Ok(None) | Err(Errno::INTR));
    }
}

/// A runner that ends early leaves its processes running; somebody still has to reap them.
impl Drop for Child {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.try_reap();
        }
        if !self.is_reaped {
            let abandoned = Self { pid: self.pid, descriptor: None, is_reaped: false };
            executor::run_later(ABANDONED_PAUSE, move || drop(abandoned));
        }
    }
}

fn exit_of(status: &WaitIdStatus) -> Exit {
    Exit { code: status.exit_status().map(i64::from), signal: status.terminating_signal().map(signal_name) }
}
