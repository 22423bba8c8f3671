//! An open directory and what is done in it. No name is ever followed through a symbolic link, so that nobody can move
//! the ground away between two steps. One file for each family of systems, both with the same functions.

use std::io;

use crate::repository::file::fingerprint::Time;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{Dir, Stat, has_no_locks, is_link};
#[cfg(windows)]
pub use windows::{Dir, Stat, has_no_locks, is_link};

/// Kinds of directory entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A link, or something else that is neither.
    Other,
}

/// The identity of a directory, which no other one in its place has. Inode numbers alone are given out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Its number on its file system.
    pub inode: u64,
    /// Time of its creation.
    pub born: Time,
}

impl Dir {
    /// Opens a directory in this one, made when it is not there; and whether it was made.
    pub fn open_or_make_dir(&self, name: &str) -> io::Result<(Self, bool)> {
        match self.open_dir(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = self.make_dir(name)?;
                Ok((self.open_dir(name)?, made))
            }
            there => Ok((there?, false)),
        }
    }
}
