//! The files around a plan: projects and prompts.

use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest plan or prompt file, in bytes.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Access to files. Tests put something else in place of the file system.
pub trait Files {
    /// Returns `true` if there is such a directory.
    fn is_directory(&self, path: &Path) -> bool;

    /// Reads a text file. Fails with a reason, a sentence without its subject.
    fn read(&self, path: &Path) -> Result<String, String>;

    /// The home directory, which `~` stands for.
    fn home(&self) -> Option<PathBuf>;
}

/// The file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn is_directory(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn read(&self, path: &Path) -> Result<String, String> {
        let metadata = path.metadata().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "does not exist".to_owned(),
            _ => format!("cannot be read: {error}"),
        })?;
        if metadata.is_dir() {
            return Err("is a directory".to_owned());
        }
        let file = std::fs::File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
        let mut bytes = Vec::new();
        let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| format!("cannot be read: {error}"))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err("is larger than 16 MiB".to_owned());
        }
        text(bytes)
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir().filter(|home| home.is_absolute())
    }
}

/// The text that bytes are, without a byte order mark.
pub fn text(bytes: Vec<u8>) -> Result<String, String> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].split(|byte| *byte == b'\n').count();
        format!("is not UTF-8 in line {line}")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Resolves a path of a plan: `~` is the home directory, a relative path begins at the plan's directory.
pub fn resolve(path: &str, directory: &Path, files: &dyn Files) -> Option<PathBuf> {
    let separator = |c: char| c == '/' || c == std::path::MAIN_SEPARATOR;
    let path = match path.strip_prefix('~') {
        Some("") => files.home()?,
        Some(rest) if rest.starts_with(separator) => files.home()?.join(rest.trim_start_matches(separator)),
        _ => directory.join(path),
    };
    Some(path.components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect())
}
