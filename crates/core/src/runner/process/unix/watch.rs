//! Notices that output files have grown.

use std::collections::HashSet;
use std::os::fd::BorrowedFd;

use crate::runner::process::Mark;
use crate::runner::process::unix::tail::Tail;

#[cfg(target_os = "linux")]
pub use linux::Watch;
#[cfg(not(target_os = "linux"))]
pub use other::Watch;

#[cfg(target_os = "linux")]
mod linux {
    use super::{BorrowedFd, HashSet, Mark, Tail};
    use std::collections::HashMap;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd, AsRawFd, OwnedFd};

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

    /// The watched files. Where the kernel grants no watches, everything may have changed at any time.
    pub struct Watch {
        descriptor: Option<OwnedFd>,
        files: HashMap<i32, Mark>,
    }

    impl Watch {
        pub fn new() -> Self {
            let descriptor = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok();
            Self { descriptor, files: HashMap::new() }
        }

        /// Watches an output file of a process.
        pub fn add(&mut self, tail: &Tail, mark: Mark) {
            let Some(descriptor) = &self.descriptor else { return };
            let path = format!("/proc/self/fd/{}", tail.file().as_raw_fd());
            match inotify::add_watch(descriptor, path, WatchFlags::MODIFY) {
                Ok(watch) => {
                    self.files.insert(watch, mark);
                }
                Err(_) => self.descriptor = None,
            }
        }

        pub fn remove(&mut self, mark: Mark) {
            let Some(descriptor) = &self.descriptor else { return };
            self.files.retain(|watch, watched| {
                if *watched == mark {
                    let _ = inotify::remove_watch(descriptor, *watch);
                }
                *watched != mark
            });
        }

        /// Becomes readable when a file has grown. `None` if they have to be polled.
        pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
            self.descriptor.as_ref().map(AsFd::as_fd)
        }

        /// Returns the processes whose files have grown since the last call; `None` if it may be any.
        pub fn changed(&mut self) -> Option<HashSet<Mark>> {
            let descriptor = self.descriptor.as_ref()?;
            let mut changed = HashSet::new();
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = Reader::new(descriptor, &mut buffer);
            while let Ok(event) = reader.next() {
                if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                    return None;
                }
                changed.extend(self.files.get(&event.wd()));
            }
            Some(changed)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use super::{BorrowedFd, HashSet, Mark, Tail};

    /// Files are polled.
    pub struct Watch;

    #[allow(clippy::unused_self, reason = "the same functions as on Linux")]
    impl Watch {
        pub fn new() -> Self {
            Self
        }

        pub fn add(&mut self, _tail: &Tail, _mark: Mark) {}

        pub fn remove(&mut self, _mark: Mark) {}

        pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
            None
        }

        pub fn changed(&mut self) -> Option<HashSet<Mark>> {
            None
        }
    }
}
