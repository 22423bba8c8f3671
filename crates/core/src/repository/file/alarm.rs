//! Lets the thread that watches a store wait for the next change.

#[cfg(target_os = "linux")]
pub use linux::Alarm;
#[cfg(not(target_os = "linux"))]
pub use other::Alarm;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::time::Duration;

    use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

    use crate::repository::file::inotify::Source;

    /// Wakes a thread.
    pub struct Alarm(OwnedFd);

    impl Alarm {
        /// An alarm that has not been rung.
        pub fn new(_base: &Path) -> io::Result<Self> {
            Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
        }

        /// Wakes the thread, or lets its next wait end at once.
        pub fn ring(&self) {
            let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }

        /// Waits until the kernel reports a change, the alarm is rung or the time is over.
        pub fn wait(&self, source: Option<&Source>, time: Duration) {
            let mut waits_for = vec![PollFd::new(&self.0, PollFlags::IN)];
            waits_for.extend(source.map(|source| PollFd::new(source, PollFlags::IN)));
            let time = Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) };
            let _ = poll(&mut waits_for, Some(&time));
            let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, Condvar, Mutex, PoisonError};
    use std::time::Duration;

    use notify::{RecommendedWatcher, RecursiveMode, Watcher};

    use crate::repository::file::inotify::Source;
    use crate::repository::file::live::is_polling_forced;

    /// Wakes a thread.
    pub struct Alarm {
        base: PathBuf,
        bell: Arc<Bell>,
        /// The system's notifications, while the base directory is there.
        notifications: Mutex<Option<RecommendedWatcher>>,
    }

    #[derive(Default)]
    struct Bell {
        is_rung: Mutex<bool>,
        wake: Condvar,
    }

    impl Bell {
        fn ring(&self) {
            *self.is_rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.wake.notify_all();
        }
    }

    impl Alarm {
        /// An alarm that has not been rung.
        #[allow(clippy::unnecessary_wraps, reason = "it can fail on Linux")]
        pub fn new(base: &Path) -> io::Result<Self> {
            Ok(Self { base: base.to_owned(), bell: Arc::default(), notifications: Mutex::default() })
        }

        /// Wakes the thread, or lets its next wait end at once.
        pub fn ring(&self) {
            self.bell.ring();
        }

        /// Waits until the system reports a change, the alarm is rung or the time is over.
        pub fn wait(&self, _source: Option<&Source>, time: Duration) {
            self.listen();
            let is_rung = self.bell.is_rung.lock().unwrap_or_else(PoisonError::into_inner);
            let woken = self.bell.wake.wait_timeout_while(is_rung, time, |is_rung| !*is_rung);
            *woken.unwrap_or_else(PoisonError::into_inner).0 = false;
        }

        /// Has changes of the base directory reported while it is there. A new one in its place is noticed by polling, and
        /// its changes are, too.
        fn listen(&self) {
            let mut notifications = self.notifications.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.base.is_dir() || is_polling_forced() {
                *notifications = None;
            } else if notifications.is_none() {
                let bell = Arc::clone(&self.bell);
                let watcher = notify::recommended_watcher(move |_| bell.ring());
                *notifications = watcher.ok().and_then(|mut watcher| {
                    watcher.watch(&self.base, RecursiveMode::Recursive).ok().map(|()| watcher)
                });
                // What has changed before is seen by another look.
                self.bell.ring();
            }
        }
    }
}
