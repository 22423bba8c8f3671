//! Files that are read while they grow.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Size of the buffer for one read, in bytes.
pub const BUFFER: usize = 256 * 1024;
/// Maximum number of reads of one file before the other processes get their turn.
const MAX_READS: usize = 8;
/// Time until what has failed for lack of something is tried again, such as the read of a file.
pub const PAUSE: Duration = Duration::from_millis(250);

/// A file that is read from its start to its growing end.
#[derive(Debug)]
pub struct Tail {
    file: File,
    path: PathBuf,
    offset: u64,
}

impl Tail {
    /// The whole file is still to be read.
    pub fn new(file: File, path: PathBuf) -> Self {
        Self { file, path, offset: 0 }
    }

    /// Passes on what is there, up to a bound. Returns `true` if there may be more. After a failure, the next call goes on where
    /// this one has stopped.
    pub fn read_new(&mut self, buffer: &mut [u8], mut take: impl FnMut(&[u8])) -> io::Result<bool> {
        for _ in 0..=MAX_READS {
            let length = self.read(buffer)?;
            if length == 0 {
                return Ok(false);
            }
            take(&buffer[..length]);
        }
        Ok(true)
    }

    /// Reads the next bytes into a buffer. Returns their number, 0 at the end of the file.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, self.offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    let length = read?;
                    self.offset += length as u64;
                    return Ok(length);
                }
            }
        }
    }

    /// Number of bytes read so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file.
    #[cfg(target_os = "linux")]
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// The time in which files cannot be read. What is in them is neither lost nor the end of them: they are read again.
#[derive(Debug)]
pub struct Unread {
    since: Instant,
    next: Instant,
    is_given_up: bool,
}

impl Unread {
    /// A read has failed for the first time.
    pub fn new(now: Instant) -> Self {
        Self { since: now, next: now, is_given_up: false }
    }

    /// Notes that a read has failed. Returns `true` once, when they have failed for too long.
    pub fn failed(&mut self, now: Instant, patience: Duration) -> bool {
        self.next = now + PAUSE;
        let is_too_long = now.saturating_duration_since(self.since) >= patience;
        is_too_long && !std::mem::replace(&mut self.is_given_up, is_too_long)
    }

    /// The time of the next try.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Returns `true` if that was reported, so that nobody waits for the rest any more.
    pub fn is_given_up(&self) -> bool {
        self.is_given_up
    }
}
