//! Conversations that outlive their processes, in a directory: one file for each in which the model was asked something, and one
//! that is locked as long as a process works on it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::exit;

use crate::fake::note;

fn directory() -> Option<PathBuf> {
    std::env::var_os("FAKE_CONVERSATIONS").map(PathBuf::from)
}

/// Begins or resumes a conversation as the real program does. Notes a second process that works on it.
pub fn begin(id: &str, is_resumed: bool) {
    let Some(directory) = directory() else { return };
    let exists = directory.join(id).exists();
    if is_resumed && !exists {
        refuse(&format!("No conversation found with session ID: {id}"));
    }
    if !is_resumed && exists {
        refuse(&format!("Error: Session ID {id} is already in use."));
    }
    let path = directory.join(format!("{id}.lock"));
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(path).unwrap();
    if lock.try_lock().is_err() {
        note(&format!("double {id}"));
    }
    // Held until the process ends.
    std::mem::forget(lock);
}

fn refuse(reason: &str) -> ! {
    let _ = writeln!(std::io::stderr(), "{reason}");
    exit(1)
}

/// Keeps a conversation in which the model was asked something.
pub fn keep(id: &str) {
    if let Some(directory) = directory() {
        let _ = File::create(directory.join(id));
    }
}
