//! Lets the loop sleep until something happens.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// Wakes the loop from any thread.
#[derive(Debug, Clone)]
pub struct Waker(Arc<PipeWriter>);

impl Waker {
    /// Lets the current or the next [`Processes::wait`](super::Processes::wait) return.
    pub fn wake(&self) {
        // Fails if the pipe is full: then the loop is woken anyway.
        let _ = (&*self.0).write(&[0]);
    }
}

/// Notices that the loop was woken.
#[derive(Debug)]
pub struct Alarm {
    reader: PipeReader,
    waker: Waker,
}

impl Alarm {
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        for end in [reader.as_fd(), writer.as_fd()] {
            fcntl_setfl(end, fcntl_getfl(end)? | OFlags::NONBLOCK)?;
        }
        Ok(Self { reader, waker: Waker(Arc::new(writer)) })
    }

    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Becomes readable when the loop is woken.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    /// Returns `true` if the loop was woken since the last call.
    pub fn take(&self) -> bool {
        let mut is_woken = false;
        while (&self.reader).read(&mut [0; 64]).is_ok_and(|length| length > 0) {
            is_woken = true;
        }
        is_woken
    }
}

/// Waits until one of the descriptors is ready or the time is over. Returns which are ready.
pub fn poll(descriptors: &[(BorrowedFd<'_>, PollFlags)], time: Option<Duration>) -> Vec<bool> {
    let mut waits_for: Vec<_> =
        descriptors.iter().map(|(descriptor, flags)| PollFd::new(descriptor, *flags)).collect();
    let time = time.map(|time| Timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    });
    // An error is an interruption by a signal: everything is looked at again.
    if rustix::event::poll(&mut waits_for, time.as_ref()).is_err() {
        return vec![true; descriptors.len()];
    }
    waits_for.iter().map(|descriptor| !descriptor.revents().is_empty()).collect()
}
