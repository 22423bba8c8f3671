//! Linux and macOS: everything goes through the directory's descriptor.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
#[cfg(not(target_os = "linux"))]
use std::time::SystemTime;

use rustix::fs::{AtFlags, Dir as Entries, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::repository::file::dir::{Identity, Kind};
use crate::repository::file::fingerprint::FileFingerprint;

const PRIVATE_DIR: Mode = Mode::RWXU;
const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// An open directory.
#[derive(Debug)]
pub struct Dir {
    file: File,
    path: PathBuf,
}

impl Dir {
    /// Opens a directory by its path. Only here links are followed: where the base lies is the user's choice.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        Ok(Self { file, path: path.to_owned() })
    }

    /// Opens a directory in this one; a link is an error.
    pub fn open_dir(&self, name: &str) -> io::Result<Self> {
        // safeguard: no link followed to a directory
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.file, name, flags, Mode::empty())?);
        Ok(Self { file, path: self.path.join(name) })
    }

    /// Makes a private directory in this one. `false` if it was there.
    pub fn make_dir(&self, name: &str) -> io::Result<bool> {
        match rustix::fs::mkdirat(&self.file, name, PRIVATE_DIR) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens a file for reading; a link is an error, and a pipe does not wait for its writer.
    pub fn open_file(&self, name: &str) -> io::Result<File> {
        // safeguard: no link followed to a file that is read
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.file, name, flags, Mode::empty())?))
    }

    /// Opens a file in a directory of this one for reading, in one step where the system can do that; any link on the
    /// way is an error.
    #[cfg(target_os = "linux")]
    pub fn open_beneath(&self, directory: &str, name: &str) -> io::Result<File> {
        use rustix::fs::{ResolveFlags, openat2};
        // safeguard: no waiting for the writer of a pipe
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let path = format!("{directory}/{name}");
        // safeguard: no link followed on the way to a file that is read
        Ok(File::from(openat2(&self.file, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?))
    }

    /// Opens a file in a directory of this one for reading; any link on the way is an error.
    #[cfg(not(target_os = "linux"))]
    pub fn open_beneath(&self, directory: &str, name: &str) -> io::Result<File> {
        self.open_dir(directory)?.open_file(name)
    }

    /// Makes a private file that was not there.
    pub fn create_file(&self, name: &str) -> io::Result<File> {
        // safeguard: the exclusive creation of the temporary file
        // safeguard: no link followed when the temporary file is made
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.file, name, flags, PRIVATE_FILE)?))
    }

    /// Makes a private file that was not there, to which everything is appended.
    pub fn create_log(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::EXCL
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.file, name, flags, PRIVATE_FILE)?))
    }

    /// Opens a private file for reading and appending, made when it is not there; a link is an error, and a pipe does not
    /// wait.
    pub fn open_appendable(&self, name: &str) -> io::Result<File> {
        // safeguard: no link followed to a file that is appended to
        let flags = OFlags::RDWR
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.file, name, flags, PRIVATE_FILE)?))
    }

    /// Denies everyone else the use of this directory.
    pub fn make_private(&self) -> io::Result<()> {
        Ok(rustix::fs::fchmod(&self.file, PRIVATE_DIR)?)
    }

    /// Opens a private file for locking, made when it is not there.
    pub fn open_lock(&self, name: &str) -> io::Result<File> {
        // safeguard: no link followed to a lock
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.file, name, flags, PRIVATE_FILE)?))
    }

    /// Moves an entry of this directory over one of another.
    pub fn rename(&self, from: &str, to: &Self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.file, from, &to.file, name)?)
    }

    /// Removes a file or a link.
    pub fn remove_file(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.file, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.file, name, AtFlags::REMOVEDIR)?)
    }

    /// Waits until the disk has this directory's entries.
    pub fn sync(&self) -> io::Result<()> {
        // The standard library's call also empties the drive's own cache on macOS.
        self.file.sync_all()
    }

    /// The same for a directory that may belong to somebody else.
    pub fn sync_best_effort(&self) -> io::Result<()> {
        self.sync()
    }

    /// Waits until the disk has a file of this directory; a link is an error.
    pub fn sync_file(&self, name: &str) -> io::Result<()> {
        self.open_file(name)?.sync_all()
    }

    /// Returns metadata of an entry without following a link, or `None` if it does not exist.
    pub fn stat(&self, name: &str) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.file, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Stat(stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The names of the directories in this one; a link to one is none.
    pub fn directories(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Entries::read_from(&self.file)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let is_dir = match entry.file_type() {
                // safeguard: no link followed to a group that is known
                FileType::Directory => true,
                // Not every file system tells.
                FileType::Unknown => self.stat(name)?.is_some_and(|stat| stat.kind() == Kind::Directory),
                _ => false,
            };
            if is_dir && name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Returns metadata of this directory.
    pub fn own_stat(&self) -> io::Result<Stat> {
        Stat::of(&self.file)
    }

    /// Returns its identity; `None` where the file system does not keep the time of creation.
    #[cfg(target_os = "linux")]
    pub fn identity(&self) -> Option<Identity> {
        use rustix::fs::{StatxFlags, statx};
        let wanted = StatxFlags::INO | StatxFlags::BTIME;
        let stat = statx(&self.file, "", AtFlags::EMPTY_PATH, wanted).ok()?;
        let given = StatxFlags::from_bits_retain(stat.stx_mask);
        // safeguard: a directory is known by its time of creation, too
        let born = (stat.stx_btime.tv_sec, i64::from(stat.stx_btime.tv_nsec));
        given.contains(wanted).then_some(Identity { inode: stat.stx_ino, born })
    }

    /// Returns its identity; `None` where the file system does not keep the time of creation.
    #[cfg(not(target_os = "linux"))]
    pub fn identity(&self) -> Option<Identity> {
        use std::os::unix::fs::MetadataExt;
        let metadata = self.file.metadata().ok()?;
        let born = metadata.created().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let born = (i64::try_from(born.as_secs()).ok()?, i64::from(born.subsec_nanos()));
        Some(Identity { inode: metadata.ino(), born })
    }

    /// The names in this directory, `.` and `..` left out. A name that is not UTF-8 is shown with U+FFFD.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Entries::read_from(&self.file)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy();
            if name != "." && name != ".." {
                names.push(name.into_owned());
            }
        }
        Ok(names)
    }

    /// Path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl std::os::fd::AsFd for Dir {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Metadata of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Stat(rustix::fs::Stat);

impl Stat {
    /// Returns metadata of an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        Ok(Self(rustix::fs::fstat(file)?))
    }

    /// The kind of the entry.
    pub fn kind(&self) -> Kind {
        match FileType::from_raw_mode(self.0.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            _ => Kind::Other,
        }
    }

    /// Returns `true` if the entry belongs to the user of this process.
    pub fn owned_by_us(&self) -> bool {
        self.0.st_uid == rustix::process::geteuid().as_raw()
    }

    /// Returns `true` if only its owner can use it.
    pub fn is_private(&self) -> bool {
        !Mode::from_raw_mode(self.0.st_mode).intersects(Mode::RWXG | Mode::RWXO)
    }

    /// Its permissions when they allow everyone to write.
    #[allow(clippy::useless_conversion, reason = "macOS has 16 bits of it")]
    pub fn world_writable_mode(&self) -> Option<u32> {
        let mode = u32::from(self.0.st_mode) & 0o7777;
        // safeguard: refusal of a base directory that everyone may write to
        (mode & 0o002 != 0).then_some(mode)
    }

    /// The identity of the file and the time of its last change.
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "the types of these fields differ between systems; only equality counts"
    )]
    pub fn fingerprint(&self) -> FileFingerprint {
        let stat = &self.0;
        FileFingerprint {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            // safeguard: a file is the same only while nothing of it has changed
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }
}

/// Returns `true` for the error of opening a link with `O_NOFOLLOW`.
pub fn is_link(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::LOOP)
}

/// Returns `true` for the error of a file system without locks.
pub fn has_no_locks(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP))
}
