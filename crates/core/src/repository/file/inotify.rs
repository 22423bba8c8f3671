//! The kernel's notifications about a store on Linux. On a local file system the kernel queues a notification before the
//! system call that it reports returns, so an empty queue proves that nothing has changed.
//!
//! Watched are the base directory, for the directories in it, and the file of each group; as long as it has none, its
//! directory, if someone waits for the group. The file itself, because it can
//! be written under another name: through a hard link, or by a program that opened it before it was linked into place.
//! Such a write is not reported to the group's directory.
//!
//! No notification reports:
//! - a write through a memory mapping or `io_submit(2)`, before the file is closed and the mapping ends
//! - another file system mounted over a group's directory or file
//! - a rollback of a whole file system, and changes of the layers below a mounted overlayfs
//! - what depends on a rename that has not returned: a write to a file that another process is just renaming into place
//!   is reported when that rename returns

use std::collections::HashMap;
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use rustix::fs::IFlags;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use crate::executor;
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

/// Changes of a group's file that are reported. `ATTRIB` reports permissions and also the number of links: a file that is
/// deleted or replaced while it is open elsewhere. `CLOSE_WRITE` reports what was written through a mapping.
const FILE: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CLOSE_WRITE)
    // safeguard: a file that is replaced while it is open elsewhere
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::DONT_FOLLOW);

/// Changes of a group's directory that are reported while it has no file.
const DIRECTORY: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

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

/// The attribute of directories that ignore case, where a notification may spell a name in another way.
const CASEFOLD: IFlags = IFlags::from_bits_retain(0x4000_0000);

/// Groups that this process watches.
static WATCHES: Budget = Budget::new("max_user_watches");
/// Stores that this process watches.
static INSTANCES: Budget = Budget::new("max_user_instances");

/// Number of times that this process or its ancestors were forked off. Asking for the id of the process would take a system
/// call for each answer.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// Counts forks from now on. Returns `false` if that cannot be done.
fn counts_forks() -> bool {
    extern "C" fn count() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler only adds to an atomic number, which is allowed in a forked process.
    static IS_COUNTING: LazyLock<bool> =
        LazyLock::new(|| unsafe { libc::pthread_atfork(None, None, Some(count)) } == 0);
    *IS_COUNTING
}

/// A quarter of what the system grants a user, since others need some, too.
struct Budget {
    /// Name of the system's limit.
    name: &'static str,
    limit: OnceLock<usize>,
    used: AtomicUsize,
}

impl Budget {
    const fn new(name: &'static str) -> Self {
        Self { name, limit: OnceLock::new(), used: AtomicUsize::new(0) }
    }

    fn limit(&self) -> usize {
        *self.limit.get_or_init(|| {
            let limit = fs::read_to_string(format!("/proc/sys/fs/inotify/{}", self.name)).ok();
            limit.and_then(|limit| limit.trim().parse::<usize>().ok()).unwrap_or(0) / 4
        })
    }

    fn is_used_up(&self) -> bool {
        self.used.load(Ordering::Relaxed) >= self.limit()
    }

    fn take(&self) -> bool {
        let is_granted = self.used.fetch_add(1, Ordering::Relaxed) < self.limit();
        if !is_granted {
            self.give_back(1);
        }
        is_granted
    }

    fn give_back(&self, count: usize) {
        self.used.fetch_sub(count, Ordering::Relaxed);
    }
}

/// A reported change.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Notifications were lost, or the base directory is no longer the one that was watched: nothing is certain, and no
    /// watch.
    Lost,
    /// A directory came into the base directory.
    Came(GroupId),
    /// A group's directory left the base directory.
    Went(GroupId),
    /// A group's file or directory changed.
    Changed(GroupId),
    /// A group's file may be another one now, and is no longer watched.
    Unwatched(GroupId),
}

impl Event {
    /// The group that may have changed.
    pub fn id(&self) -> Option<&GroupId> {
        match self {
            Self::Lost => None,
            Self::Came(id) | Self::Went(id) | Self::Changed(id) | Self::Unwatched(id) => Some(id),
        }
    }
}

/// What becomes readable with the next change.
pub type Source = Arc<OwnedFd>;

/// A watch of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    number: i32,
    /// `true` if the file is watched; else its directory is, where a file may be created.
    pub is_of_file: bool,
}

/// The watches of a store's base directory and of the files of its groups.
pub struct Inotify {
    descriptor: Arc<OwnedFd>,
    /// `FORKS` of the process that began to watch. One that was forked off shares its queue.
    forks: usize,
    /// Device and inode of the base directory.
    identity: (u64, u64),
    base: i32,
    groups: HashMap<i32, GroupId>,
}

impl Inotify {
    /// Watches a base directory; `None` where notifications prove nothing, or no more watches are granted.
    pub fn new(base: &Dir) -> Option<Self> {
        let file_system = rustix::fs::fstatfs(base.as_fd()).ok()?.f_type;
        let is_local = LOCAL_FILE_SYSTEMS.iter().any(|magic| i128::from(*magic) == i128::from(file_system));
        let ignores_case =
            rustix::fs::ioctl_getflags(base.as_fd()).is_ok_and(|flags| flags.contains(CASEFOLD));
        if !is_local || ignores_case || !counts_forks() || !INSTANCES.take() {
            return None;
        }
        let watching = Self::watch(base);
        if watching.is_none() {
            INSTANCES.give_back(1);
        }
        watching
    }

    fn watch(base: &Dir) -> Option<Self> {
        let descriptor = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        let stat = rustix::fs::fstat(base.as_fd()).ok()?;
        let watched = inotify::add_watch(&descriptor, path_of(base), BASE).ok()?;
        Some(Self {
            descriptor: Arc::new(descriptor),
            forks: FORKS.load(Ordering::Relaxed),
            identity: (stat.st_dev, stat.st_ino),
            base: watched,
            groups: HashMap::new(),
        })
    }

    /// Returns `true` if this process watches this base directory.
    pub fn watches(&self, base: &Dir) -> bool {
        self.is_own() && rustix::fs::fstat(base.as_fd()).is_ok_and(|stat| self.is_base(&stat))
    }

    /// Returns `true` if this process watches the base directory that is found under a path.
    pub fn is_at(&self, path: &Path) -> bool {
        self.is_own() && rustix::fs::stat(path).is_ok_and(|stat| self.is_base(&stat))
    }

    fn is_own(&self) -> bool {
        // safeguard: a process that was forked off leaves the queue to its parent
        self.forks == FORKS.load(Ordering::Relaxed)
    }

    fn is_base(&self, stat: &rustix::fs::Stat) -> bool {
        (stat.st_dev, stat.st_ino) == self.identity
    }

    /// Returns the device of the base directory.
    pub fn device(&self) -> u64 {
        self.identity.0
    }

    /// Returns the number of watched groups.
    pub fn watched(&self) -> usize {
        self.groups.len()
    }

    /// Returns `true` if no more groups may be watched.
    pub fn is_full() -> bool {
        WATCHES.is_used_up()
    }

    /// Watches a group's file, or while there is none its directory, if that is asked for. Returns the watch, and the group
    /// that it was of until now: the file may have been renamed. `None` if neither exists or no more watches are granted.
    pub fn add(&mut self, base: &Dir, id: &GroupId, or_directory: bool) -> Option<(Watch, Option<GroupId>)> {
        if !WATCHES.take() {
            return None;
        }
        let watch = self.watch_group(base, id, or_directory);
        let former = watch.and_then(|watch| self.groups.insert(watch.number, id.clone()));
        if watch.is_none() || former.is_some() {
            WATCHES.give_back(1);
        }
        Some((watch?, former.filter(|former| former != id)))
    }

    fn watch_group(&self, base: &Dir, id: &GroupId, or_directory: bool) -> Option<Watch> {
        // safeguard: no link followed on the way to a file that is watched
        let directory = base.open_dir(id.as_str()).ok()?;
        let watch_file = || {
            let file = format!("{}/{META}", path_of(&directory));
            let number = inotify::add_watch(&self.descriptor, file, FILE).ok()?;
            Some(Watch { number, is_of_file: true })
        };
        let file = watch_file();
        if file.is_some() || !or_directory {
            return file;
        }
        let number = inotify::add_watch(&self.descriptor, path_of(&directory), DIRECTORY);
        let number = number.ok()?;
        // The file may have been created just before.
        let file = watch_file();
        if file.is_some() {
            let _ = inotify::remove_watch(&self.descriptor, number);
        }
        Some(file.unwrap_or(Watch { number, is_of_file: false }))
    }

    /// Ends the watch of a group.
    pub fn remove(&mut self, watch: Watch, id: &GroupId) {
        if self.groups.get(&watch.number) == Some(id) {
            self.end(watch.number);
        }
    }

    fn end(&mut self, watch: i32) -> Option<GroupId> {
        let id = self.groups.remove(&watch)?;
        WATCHES.give_back(1);
        // Fails if the file is gone.
        let _ = inotify::remove_watch(&self.descriptor, watch);
        Some(id)
    }

    /// Returns all changes that were reported since the last call. Most often there are none, and this is one system call.
    pub fn changes(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        // Takes less time than to read nothing. If it fails, so does reading.
        if rustix::io::ioctl_fionread(&self.descriptor).is_ok_and(|length| length == 0) {
            return events;
        }
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
                    events.push(Event::Lost);
                    return events;
                }
            }
        }
    }

    fn change(&mut self, watch: i32, flags: ReadFlags, name: Option<&str>) -> Option<Event> {
        // safeguard: lost notifications
        if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            return Some(Event::Lost);
        }
        if watch != self.base {
            // Of a directory: another file came into it.
            if name.is_some_and(|name| name != META) {
                return None;
            }
            return if flags.intersects(ReadFlags::MODIFY | ReadFlags::CLOSE_WRITE) {
                self.groups.get(&watch).cloned().map(Event::Changed)
            } else {
                self.end(watch).map(Event::Unwatched)
            };
        }
        // Without a name it is the base directory itself that changed.
        let Some(name) = name else { return Some(Event::Lost) };
        let id = GroupId::new(name).ok()?;
        let is_dir = flags.contains(ReadFlags::ISDIR);
        Some(if flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
            Event::Went(id)
        } else if is_dir && flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
            Event::Came(id)
        } else {
            Event::Changed(id)
        })
    }

    /// What becomes readable with the next change.
    pub fn source(&self) -> Source {
        Arc::clone(&self.descriptor)
    }
}

impl Drop for Inotify {
    fn drop(&mut self) {
        INSTANCES.give_back(1);
        WATCHES.give_back(self.groups.len());
        // The kernel takes some milliseconds to close it.
        let descriptor = Arc::clone(&self.descriptor);
        executor::run(move || drop(descriptor));
    }
}

/// A path to exactly this directory, however it is moved.
fn path_of(directory: &Dir) -> String {
    format!("/proc/self/fd/{}", directory.as_fd().as_raw_fd())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn used() -> (usize, usize) {
        (WATCHES.used.load(Ordering::Relaxed), INSTANCES.used.load(Ordering::Relaxed))
    }

    fn id(number: usize) -> GroupId {
        GroupId::new(&format!("g-{number}")).unwrap()
    }

    #[test]
    fn everything_that_was_granted_is_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = |id: &GroupId| directory.path().join(id.as_str());
        let base = Dir::open(directory.path()).unwrap();
        for round in 0..10 {
            let mut inotify = Inotify::new(&base).unwrap();
            for number in 0..20 {
                fs::create_dir_all(path(&id(number))).unwrap();
                fs::write(path(&id(number)).join(META), "").unwrap();
                let (watch, former) = inotify.add(&base, &id(number), false).unwrap();
                assert_eq!((former, inotify.add(&base, &id(number), false)), (None, Some((watch, None))));
                match number % 5 {
                    0 => fs::remove_dir_all(path(&id(number))).unwrap(),
                    1 => {
                        fs::rename(path(&id(number)), path(&id(number + 100))).unwrap();
                        assert_eq!(
                            inotify.add(&base, &id(number + 100), false),
                            Some((watch, Some(id(number))))
                        );
                        fs::remove_dir_all(path(&id(number + 100))).unwrap();
                    }
                    2 => inotify.remove(watch, &id(number)),
                    3 => inotify.remove(watch, &id(number + 1)),
                    _ => assert_eq!(inotify.add(&base, &id(number + 200), false), None),
                }
                if number % 3 == round % 3 {
                    inotify.changes();
                }
            }
            inotify.changes();
            assert_eq!(inotify.watched(), 8);
        }
        drop(base);
        // Other tests watch, too.
        let end = Instant::now() + Duration::from_secs(60);
        while used() != (0, 0) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(used(), (0, 0));
    }

    #[test]
    fn what_cannot_be_read_reports_that_everything_may_have_changed() {
        let directory = tempfile::tempdir().unwrap();
        let base = Dir::open(directory.path()).unwrap();
        let mut inotify = Inotify::new(&base).unwrap();
        assert_eq!(inotify.changes(), []);
        inotify.descriptor = Arc::new(fs::File::open(directory.path()).unwrap().into());
        assert_eq!(inotify.changes(), [Event::Lost]);
    }
}
