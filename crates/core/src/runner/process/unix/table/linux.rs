//! The table of processes in `/proc`.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use crate::error::is_shortage;
use crate::runner::process::unix::table::Entry;

pub fn pids() -> io::Result<Vec<i32>> {
    let mut pids = Vec::new();
    for entry in known(fs::read_dir("/proc"))?.into_iter().flatten() {
        pids.extend(known(entry)?.and_then(|entry| entry.file_name().to_str()?.parse::<i32>().ok()));
    }
    Ok(pids)
}

pub fn entry(pid: i32) -> io::Result<Option<Entry>> {
    let stat = known(fs::read(format!("/proc/{pid}/stat")))?;
    Ok(stat.and_then(|stat| parse(pid, &stat)))
}

/// What was read, or `None` if there is nothing to read, as when a process is gone.
fn known<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        // A process that cannot be looked at for want of a file descriptor is not gone.
        Err(error) if is_shortage(&error) => Err(error),
        read => Ok(read.ok()),
    }
}

/// Reads a line of `/proc/PID/stat`. The second field is the program's name in parentheses, which may contain any byte.
fn parse(pid: i32, stat: &[u8]) -> Option<Entry> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let fields = std::str::from_utf8(&stat[end + 1..]).ok()?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse().ok();
    Some(Entry {
        pid,
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        start: fields.get(19)?.parse().ok()?,
        is_zombie: matches!(*fields.first()?, "Z" | "X" | "x"),
    })
}

pub fn environment(pid: i32) -> io::Result<Option<Vec<u8>>> {
    known(fs::read(format!("/proc/{pid}/environ")))
}

pub fn arguments(pid: i32) -> io::Result<Option<Vec<u8>>> {
    known(fs::read(format!("/proc/{pid}/cmdline")))
}

pub fn holds_lock(pid: i32, file: (u64, u64)) -> io::Result<bool> {
    for descriptor in known(fs::read_dir(format!("/proc/{pid}/fd")))?.into_iter().flatten() {
        let Some(descriptor) = known(descriptor)? else { continue };
        let metadata = known(fs::metadata(descriptor.path()))?;
        if metadata.is_none_or(|metadata| (metadata.dev(), metadata.ino()) != file) {
            continue;
        }
        // A process that only looks at the lock has the file open, too.
        let name = descriptor.file_name();
        let info = known(fs::read_to_string(format!("/proc/{pid}/fdinfo/{}", name.to_string_lossy())))?;
        let mut lines = info.iter().flat_map(|info| info.lines());
        if lines.any(|line| line.starts_with("lock:") && line.contains("WRITE")) {
            return Ok(true);
        }
    }
    Ok(false)
}

pub fn boot_id() -> io::Result<Option<String>> {
    let id = known(fs::read_to_string("/proc/sys/kernel/random/boot_id"))?;
    Ok(id.map(|id| id.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let stat = b"7 (a) S 1 (b) Z 3 4 5 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 991 0 0";
        let entry = parse(7, stat).unwrap();
        let expected = Entry { pid: 7, parent: 3, group: 4, session: 5, start: 991, is_zombie: true };
        assert_eq!(entry, expected);
        assert_eq!(parse(7, b"7 (a) S 1"), None);
    }
}
