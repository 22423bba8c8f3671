//! Windows: by path, while a handle on the directory keeps it, and so all directories above it, from being renamed or
//! removed. Who may read and write is inherited from the directory above: under the user's profile, the user alone.

use std::fs::{File, OpenOptions};
use std::io;
use std::mem;
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::os::windows::io::AsRawHandle;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_DIRECTORY, ERROR_INVALID_FUNCTION, ERROR_NOT_SUPPORTED,
    ERROR_SHARING_VIOLATION, ERROR_STOPPED_ON_SYMLINK, GENERIC_WRITE,
};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_BASIC_INFO, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
    FILE_LIST_DIRECTORY, FILE_READ_ATTRIBUTES, FILE_SHARE_READ, FILE_SHARE_WRITE, FileBasicInfo,
    GetFileInformationByHandle, GetFileInformationByHandleEx,
};

use crate::repository::file::dir::{Identity, Kind};
use crate::repository::file::fingerprint::{FileFingerprint, Time};

/// Opens links themselves, and directories at all.
const NO_FOLLOW: u32 = FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS;

/// An open directory.
#[derive(Debug)]
pub struct Dir {
    file: File,
    path: PathBuf,
}

impl Dir {
    /// Opens a directory by its path. Only here links are followed: where the base lies is the user's choice.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path.to_owned(), FILE_FLAG_BACKUP_SEMANTICS)
    }

    /// Opens a directory in this one; a link is an error.
    pub fn open_dir(&self, name: &str) -> io::Result<Self> {
        Self::open_with(self.at(name), NO_FOLLOW)
    }

    fn at(&self, name: &str) -> PathBuf {
        // A path that begins with `\\?\` knows no other separator.
        self.path.join(name.replace('/', "\\"))
    }

    fn open_with(path: PathBuf, flags: u32) -> io::Result<Self> {
        let file = OpenOptions::new()
            .access_mode(FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES)
            .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE)
            .custom_flags(flags)
            .open(&path)?;
        refuse_link(&file)?;
        if file.metadata()?.is_dir() { Ok(Self { file, path }) } else { Err(raw(ERROR_DIRECTORY)) }
    }

    /// Makes a directory in this one. `false` if it was there.
    pub fn make_dir(&self, name: &str) -> io::Result<bool> {
        match std::fs::create_dir(self.at(name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a file for reading; a link is an error.
    pub fn open_file(&self, name: &str) -> io::Result<File> {
        self.open_entry(OpenOptions::new().read(true), name)
    }

    /// Opens a file in a directory of this one for reading; any link on the way is an error.
    pub fn open_beneath(&self, directory: &str, name: &str) -> io::Result<File> {
        self.open_dir(directory)?.open_file(name)
    }

    /// Makes a file that was not there.
    pub fn create_file(&self, name: &str) -> io::Result<File> {
        self.open_entry(OpenOptions::new().write(true).create_new(true), name)
    }

    /// Opens a file for locking, made when it is not there.
    pub fn open_lock(&self, name: &str) -> io::Result<File> {
        self.open_entry(OpenOptions::new().read(true).write(true).create(true).truncate(false), name)
    }

    /// Opens a file for reading and appending, made when it is not there; a link is an error.
    pub fn open_appendable(&self, name: &str) -> io::Result<File> {
        self.open_entry(OpenOptions::new().read(true).append(true).create(true), name)
    }

    fn open_entry(&self, options: &mut OpenOptions, name: &str) -> io::Result<File> {
        let file = options.custom_flags(NO_FOLLOW).open(self.at(name))?;
        refuse_link(&file)?;
        Ok(file)
    }

    /// Moves an entry of this directory over one of another.
    pub fn rename(&self, from: &str, to: &Self, name: &str) -> io::Result<()> {
        let (from, to) = (self.at(from), to.at(name));
        retry_on_sharing_violation(|| std::fs::rename(&from, &to))
    }

    /// Removes a file or a link.
    pub fn remove_file(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.at(name))
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, name: &str) -> io::Result<()> {
        std::fs::remove_dir(self.at(name))
    }

    /// Waits until the disk has this directory's entries.
    pub fn sync(&self) -> io::Result<()> {
        // Only a handle that may write can be flushed.
        let options = &mut OpenOptions::new();
        let flags = FILE_FLAG_BACKUP_SEMANTICS;
        options.access_mode(GENERIC_WRITE).custom_flags(flags).open(&self.path)?.sync_all()
    }

    /// The same for a directory that may belong to somebody else. Whoever may not write to it may not flush it, and has made
    /// nothing in it.
    pub fn sync_best_effort(&self) -> io::Result<()> {
        match self.sync() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        }
    }

    /// Waits until the disk has a file of this directory; a link is an error.
    pub fn sync_file(&self, name: &str) -> io::Result<()> {
        self.open_entry(OpenOptions::new().write(true), name)?.sync_all()
    }

    /// Returns metadata of an entry without following a link, or `None` if it does not exist.
    pub fn stat(&self, name: &str) -> io::Result<Option<Stat>> {
        match self.open_any(name) {
            Ok(file) => Stat::of(&file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open_any(&self, name: &str) -> io::Result<File> {
        let options = &mut OpenOptions::new();
        options.access_mode(FILE_READ_ATTRIBUTES).custom_flags(NO_FOLLOW).open(self.at(name))
    }

    /// The names of the directories in this one; a link to one is none.
    pub fn directories(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Returns metadata of this directory.
    pub fn own_stat(&self) -> io::Result<Stat> {
        Stat::of(&self.file)
    }

    /// Returns its identity; `None` where the file system does not keep the time of creation.
    pub fn identity(&self) -> Option<Identity> {
        let inode = self.own_stat().ok()?.fingerprint().inode;
        let created = self.file.metadata().ok()?.creation_time();
        let born = since_1970(i64::try_from(created).ok()?);
        (created != 0).then_some(Identity { inode, born })
    }

    /// The names in this directory. A name that is not Unicode is shown with U+FFFD.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.path)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    /// Path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Metadata of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Stat {
    kind: Kind,
    fingerprint: FileFingerprint,
}

impl Stat {
    /// Returns metadata of an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        let file_type = file.metadata()?.file_type();
        let kind = match file_type {
            it if it.is_symlink() => Kind::Other,
            it if it.is_dir() => Kind::Directory,
            it if it.is_file() => Kind::File,
            _ => Kind::Other,
        };
        Ok(Self { kind, fingerprint: fingerprint(file)? })
    }

    /// The kind of the entry.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns `true`: permissions decide who may write here, not the owner.
    #[allow(clippy::unused_self, reason = "the other systems' function looks")]
    pub fn owned_by_us(&self) -> bool {
        true
    }

    /// Its permissions when they allow everyone to write: not looked at here, they are those of the directory above.
    #[allow(clippy::unused_self, reason = "the other systems' function looks")]
    pub fn world_writable_mode(&self) -> Option<u32> {
        None
    }

    /// The identity of the file and the time of its last change.
    pub fn fingerprint(&self) -> FileFingerprint {
        self.fingerprint
    }
}

/// `std` gives neither which file it is nor when it was changed (features `windows_by_handle`, `windows_change_time`).
fn fingerprint(file: &File) -> io::Result<FileFingerprint> {
    let handle = file.as_raw_handle();
    // SAFETY: both are plain integers, for which zeros are a value.
    let (mut identity, mut basic): (BY_HANDLE_FILE_INFORMATION, FILE_BASIC_INFO) = unsafe { mem::zeroed() };
    // SAFETY: the handle is open as long as `file`, and the structure is what the function fills.
    if unsafe { GetFileInformationByHandle(handle, &raw mut identity) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let size = u32::try_from(size_of::<FILE_BASIC_INFO>()).unwrap_or(0);
    let into = (&raw mut basic).cast();
    // SAFETY: as above; the size is that of the structure which `FileBasicInfo` fills.
    if unsafe { GetFileInformationByHandleEx(handle, FileBasicInfo, into, size) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(FileFingerprint {
        device: u64::from(identity.dwVolumeSerialNumber),
        inode: join(identity.nFileIndexHigh, identity.nFileIndexLow),
        size: join(identity.nFileSizeHigh, identity.nFileSizeLow),
        modified: since_1970(basic.LastWriteTime),
        changed: since_1970(basic.ChangeTime),
    })
}

fn join(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// From steps of 100 ns since 1601, where 0 means that the file system does not say.
fn since_1970(ticks: i64) -> Time {
    const TICKS_A_SECOND: i64 = 10_000_000;
    const SECONDS_UNTIL_1970: i64 = 11_644_473_600;
    if ticks == 0 {
        return (0, 0);
    }
    (ticks.div_euclid(TICKS_A_SECOND) - SECONDS_UNTIL_1970, ticks.rem_euclid(TICKS_A_SECOND) * 100)
}

/// Whoever has the file open without sharing it, as a virus scanner or a backup, is done in a moment. Also a directory
/// cannot be renamed while something in it is open, be it only for reading.
fn retry_on_sharing_violation<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    // Two seconds in all.
    for round in 0..11 {
        match attempt() {
            Err(error) if is_raw(&error, &[ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION]) => {
                thread::sleep(Duration::from_millis(1 << round));
            }
            done => return done,
        }
    }
    attempt()
}

fn refuse_link(file: &File) -> io::Result<()> {
    if file.metadata()?.file_type().is_symlink() { Err(raw(ERROR_STOPPED_ON_SYMLINK)) } else { Ok(()) }
}

/// Returns `true` for the error of meeting a link.
pub fn is_link(error: &io::Error) -> bool {
    is_raw(error, &[ERROR_STOPPED_ON_SYMLINK])
}

/// Returns `true` for the error of a file system without locks.
pub fn has_no_locks(error: &io::Error) -> bool {
    is_raw(error, &[ERROR_NOT_SUPPORTED, ERROR_INVALID_FUNCTION])
}

fn is_raw(error: &io::Error, codes: &[u32]) -> bool {
    error.raw_os_error().is_some_and(|code| codes.iter().any(|&of| code.cast_unsigned() == of))
}

fn raw(code: u32) -> io::Error {
    io::Error::from_raw_os_error(code.cast_signed())
}
