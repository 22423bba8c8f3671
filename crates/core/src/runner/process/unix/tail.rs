//! Files that are read while they grow.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Size of the buffer for one read, in bytes.
pub const BUFFER: usize = 256 * 1024;

/// A file that is read from its start to its growing end.
#[derive(Debug)]
pub struct Tail {
    file: File,
    offset: u64,
}

impl Tail {
    /// The whole file is still to be read.
    pub fn new(file: File) -> Self {
        Self { file, offset: 0 }
    }

    /// Reads the next bytes into a buffer. Returns their number, 0 at the end of the file.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
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

    /// The file.
    #[cfg(target_os = "linux")]
    pub fn file(&self) -> &File {
        &self.file
    }
}
