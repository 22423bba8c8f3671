//! Space for the output of a process, allocated before the process needs it.
//!
//! Only the process learns that it cannot write its output, and it may go on without a word: its result is lost, and a runner
//! would wait for it until the session counts as stalled. With the reserve, the runner notices a full disk first, and the
//! process still has space for the result of its interrupted turn.

use std::fs::{File, FileTimes};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

/// Number of bytes that are allocated beyond the end of the output.
const SIZE: u64 = 1024 * 1024;
/// More are allocated once the process has written this much.
const STEP: u64 = SIZE / 4;
/// While the disk is full, the process may go on as long as more than this is left.
const MIN_LEFT: u64 = SIZE / 2;
/// Time between two looks at a file that does not grow, whose file system may have failed.
const PAUSE: Duration = Duration::from_secs(30);

/// The space that is allocated for a file beyond its end.
#[derive(Debug)]
pub struct Reserve {
    file: File,
    path: PathBuf,
    /// The file has its space up to here. 0 if the file system cannot allocate any.
    end: u64,
    /// Size of the file from which on more is allocated.
    next_size: u64,
    /// `None` once allocating has failed for good.
    next_look: Option<Instant>,
}

impl Reserve {
    /// The reserve of a file that is open for writing. Nothing is allocated yet.
    pub fn new(file: File, path: PathBuf) -> Self {
        Self { file, path, end: 0, next_size: 0, next_look: Some(Instant::now()) }
    }

    /// Path of the file.
    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The time at which [`Self::keep`] is due even if the file does not grow.
    pub fn deadline(&self) -> Option<Instant> {
        self.next_look
    }

    /// Allocates more space if that is due. `size` is the known size of the file. Fails once, as soon as the output can no
    /// longer be written or little of the reserve is left.
    pub fn keep(&mut self, size: u64, now: Instant) -> io::Result<()> {
        let Some(next_look) = self.next_look else { return Ok(()) };
        if size < self.next_size && now < next_look {
            return Ok(());
        }
        self.next_look = Some(now + PAUSE);
        let failure = match self.allocate() {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        let is_full = matches!(failure.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let last_size = self.end.saturating_sub(MIN_LEFT);
        if is_full && self.file.metadata().is_ok_and(|metadata| metadata.len() < last_size) {
            self.next_size = last_size;
            return Ok(());
        }
        self.next_look = None;
        Err(failure)
    }

    /// Gives back what the process did not need. The time of the file's last change stays.
    pub fn release(self) {
        let _ = self.file.metadata().and_then(|metadata| {
            self.file.set_len(metadata.len())?;
            self.file.set_times(FileTimes::new().set_modified(metadata.modified()?))
        });
    }

    fn allocate(&mut self) -> io::Result<()> {
        let size = self.file.metadata()?.len();
        self.next_size = size + STEP;
        // Beyond the limit, the process cannot write anyway.
        let end = (size + SIZE).min(file_size_limit());
        if end > size {
            let is_allocated = allocate(&self.file, size, end - size)?;
            self.end = if is_allocated { end } else { 0 };
        }
        Ok(())
    }
}

/// The maximum size of a file that this process and its children may write.
pub fn file_size_limit() -> u64 {
    getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX)
}

/// Allocates a part of a file without changing its size. Returns `false` if the file system cannot, but has space.
fn allocate(file: &File, start: u64, length: u64) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    loop {
        match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, start, length) {
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => break,
            allocated => return allocated.map(|()| true).map_err(Into::into),
        }
    }
    let _ = start;
    let system = rustix::fs::fstatvfs(file)?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    // Some file systems do not report their size.
    if system.f_blocks > 0 && free < length { Err(Errno::NOSPC.into()) } else { Ok(false) }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

    fn reserve(file: &File) -> Reserve {
        Reserve::new(file.try_clone().expect("a second handle"), PathBuf::from("1.jsonl"))
    }

    /// A file in memory: the file system of the temporary directory may not be able to allocate.
    fn file() -> File {
        let file = memfd_create("output", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING);
        file.expect("a file in memory").into()
    }

    fn allocated(file: &File) -> u64 {
        file.metadata().expect("an open file").blocks() * 512
    }

    #[test]
    fn space_is_allocated_beyond_the_end_and_given_back() {
        let mut file = file();
        let mut reserve = reserve(&file);
        let now = Instant::now();
        reserve.keep(0, now).unwrap();
        assert_eq!((file.metadata().unwrap().len(), allocated(&file)), (0, SIZE));
        let text = vec![b'x'; usize::try_from(STEP).unwrap()];
        file.write_all(&text).unwrap();
        reserve.keep(STEP - 1, now).unwrap();
        assert_eq!(allocated(&file), SIZE);
        reserve.keep(STEP, now).unwrap();
        assert_eq!((file.metadata().unwrap().len(), allocated(&file)), (STEP, STEP + SIZE));
        let modified = file.metadata().unwrap().modified().unwrap();
        reserve.release();
        let metadata = file.metadata().unwrap();
        assert_eq!((metadata.len(), allocated(&file), metadata.modified().unwrap()), (STEP, STEP, modified));
    }

    #[test]
    fn a_failure_is_noticed_though_the_file_does_not_grow_and_reported_once() {
        let file = file();
        let mut reserve = reserve(&file);
        let now = Instant::now();
        reserve.keep(0, now).unwrap();
        fcntl_add_seals(&file, SealFlags::GROW).unwrap();
        reserve.keep(0, now + PAUSE / 2).unwrap();
        assert_eq!(reserve.deadline(), Some(now + PAUSE));
        reserve.keep(0, now + PAUSE).unwrap_err();
        assert_eq!(reserve.deadline(), None);
        reserve.keep(SIZE, now + PAUSE * 2).unwrap();
    }
}
