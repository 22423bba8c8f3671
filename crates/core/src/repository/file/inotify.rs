//! The kernel's notifications about a store on Linux. On a local file system the kernel queues a notification before the
//! system call that it reports returns, so an empty queue proves that nothing has changed.

use std::collections::HashMap;
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use crate::model::GroupId;
use crate::repository::file::dir::Dir;
use crate::repository::file::paths::META;

/// Changes of the base directory that are reported.
const BASE: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// Changes of a group's directory that are reported. `CLOSE_WRITE` reports what was written through a mapping.
const GROUP: WatchFlags =
    BASE.union(WatchFlags::MODIFY).union(WatchFlags::CLOSE_WRITE).union(WatchFlags::DONT_FOLLOW);

/// File systems whose changes all go through this kernel, by the magic numbers of statfs(2).
const LOCAL_FILE_SYSTEMS: &[u32] = &[
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // btrfs
    0x0102_1994, // tmpfs
    0x794c_7630, // overlayfs
    0xf2f5_2010, // F2FS
    0x2fc1_2fc1, // ZFS
    0xca45_1a4e, // bcachefs
];

/// Number of groups that this process watches.
static WATCHED: AtomicUsize = AtomicUsize::new(0);

/// A quarter of the watches that the system grants a user, since others need some, too.
static MAX_WATCHED: LazyLock<usize> = LazyLock::new(|| {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").ok();
    limit.and_then(|limit| limit.trim().parse::<usize>().ok()).unwrap_or(0) / 4
});

/// A reported change.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Anything may have changed: notifications were lost.
    Overflow,
    /// The base directory is no longer the one that was watched.
    BaseGone,
    /// A directory came into the base directory.
    Came(GroupId),
    /// A group's directory left the base directory.
    Went(GroupId),
    /// A group's file or directory changed.
    Changed(GroupId),
    /// A group's directory was moved or deleted, and is no longer watched.
    Unwatched(GroupId),
}

impl Event {
    /// The group that may have changed.
    pub fn id(&self) -> Option<&GroupId> {
        match self {
            Self::Overflow | Self::BaseGone => None,
            Self::Came(id) | Self::Went(id) | Self::Changed(id) | Self::Unwatched(id) => Some(id),
        }
    }
}

/// What becomes readable with the next change.
pub type Source = Arc<OwnedFd>;

/// The watches of a store's base directory and of the directories of its groups.
pub struct Inotify {
    descriptor: Arc<OwnedFd>,
    /// Device and inode of the base directory.
    identity: (u64, u64),
    base: i32,
    groups: HashMap<i32, GroupId>,
}

impl Inotify {
    /// Returns `true` if no more groups may be watched.
    pub fn is_full() -> bool {
        WATCHED.load(Ordering::Relaxed) >= *MAX_WATCHED
    }

    /// Watches a base directory; `None` where notifications prove nothing, or no more watches are granted.
    pub fn new(base: &Dir) -> Option<Self> {
        let file_system = rustix::fs::fstatfs(base.as_fd()).ok()?.f_type;
        if !LOCAL_FILE_SYSTEMS.iter().any(|magic| i128::from(*magic) == i128::from(file_system)) {
            return None;
        }
        let descriptor = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        let stat = rustix::fs::fstat(base.as_fd()).ok()?;
        let watched = inotify::add_watch(&descriptor, path_of(base), BASE).ok()?;
        let (descriptor, identity) = (Arc::new(descriptor), (stat.st_dev, stat.st_ino));
        Some(Self { descriptor, identity, base: watched, groups: HashMap::new() })
    }

    /// Returns `true` if this is the watched base directory.
    pub fn watches(&self, base: &Dir) -> bool {
        rustix::fs::fstat(base.as_fd()).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == self.identity)
    }

    /// Returns `true` if the watched base directory is still found under its path.
    pub fn is_at(&self, path: &Path) -> bool {
        rustix::fs::stat(path).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == self.identity)
    }

    /// Watches a group's directory. Returns the watch, and the group that it was of until now: the directory may have been
    /// renamed. `None` if it does not exist or no more watches are granted.
    pub fn add(&mut self, base: &Dir, id: &GroupId) -> Option<(i32, Option<GroupId>)> {
        if WATCHED.fetch_add(1, Ordering::Relaxed) >= *MAX_WATCHED {
            WATCHED.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let added = inotify::add_watch(&self.descriptor, format!("{}/{id}", path_of(base)), GROUP);
        let former = added.ok().and_then(|watch| self.groups.insert(watch, id.clone()));
        if added.is_err() || former.is_some() {
            WATCHED.fetch_sub(1, Ordering::Relaxed);
        }
        Some((added.ok()?, former.filter(|former| former != id)))
    }

    /// Ends the watch of a group.
    pub fn remove(&mut self, watch: i32, id: &GroupId) {
        if self.groups.get(&watch) == Some(id) {
            self.forget(watch);
            // Fails if the directory is gone.
            let _ = inotify::remove_watch(&self.descriptor, watch);
        }
    }

    fn forget(&mut self, watch: i32) -> Option<GroupId> {
        let id = self.groups.remove(&watch)?;
        WATCHED.fetch_sub(1, Ordering::Relaxed);
        Some(id)
    }

    /// Returns all changes that were reported since the last call. Most often there are none, and this is one system call.
    pub fn changes(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let descriptor = Arc::clone(&self.descriptor);
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&*descriptor, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| name.to_str().unwrap_or_default());
                    events.extend(self.change(event.wd(), event.events(), name));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return events,
                // safeguard: notifications that cannot be read prove nothing
                Err(_) => {
                    events.push(Event::BaseGone);
                    return events;
                }
            }
        }
    }

    fn change(&mut self, watch: i32, flags: ReadFlags, name: Option<&str>) -> Option<Event> {
        let is_gone = flags.intersects(
            ReadFlags::IGNORED | ReadFlags::UNMOUNT | ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF,
        );
        // safeguard: lost notifications
        if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            return Some(Event::Overflow);
        }
        if watch == self.base {
            let Some(name) = name else {
                return Some(if is_gone { Event::BaseGone } else { Event::Overflow });
            };
            let id = GroupId::new(name).ok()?;
            let is_dir = flags.contains(ReadFlags::ISDIR);
            return Some(if flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
                Event::Went(id)
            } else if is_dir && flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
                Event::Came(id)
            } else {
                Event::Changed(id)
            });
        }
        if is_gone {
            // Fails if the directory is gone.
            let _ = inotify::remove_watch(&self.descriptor, watch);
            return self.forget(watch).map(Event::Unwatched);
        }
        let id = self.groups.get(&watch)?;
        name.is_none_or(|name| name == META).then(|| Event::Changed(id.clone()))
    }

    /// What becomes readable with the next change.
    pub fn source(&self) -> Source {
        Arc::clone(&self.descriptor)
    }
}

impl Drop for Inotify {
    fn drop(&mut self) {
        WATCHED.fetch_sub(self.groups.len(), Ordering::Relaxed);
    }
}

/// A path to exactly this directory, however it is moved.
fn path_of(directory: &Dir) -> String {
    format!("/proc/self/fd/{}", directory.as_fd().as_raw_fd())
}
