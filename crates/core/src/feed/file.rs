//! The feed of a group in files: `events.jsonl`, and before its events those in `events.1.jsonl`. Lines are only ever
//! appended, so a reader needs no lock.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::feed::event::FeedEvent;
use crate::feed::log::{Log, gap};
use crate::model::GroupId;
use crate::repository::file::dir::{Dir, Kind, Stat};
use crate::repository::file::paths::{EVENTS, OLD_EVENTS};

/// Length from which on a file is replaced by a new one, in bytes.
const MAX_FILE: u64 = 8 << 20;

/// Maximum length of a line, in bytes. An event that is longer is not written, so that readers need not keep more.
pub(super) const MAX_LINE: usize = 8 << 20;

/// The end of a file of events.
#[derive(Debug, Default, PartialEq, Eq)]
struct End {
    /// Number of the newest event.
    newest: Option<u64>,
    /// `true` if the last line is not ended, because its writer was.
    is_torn: bool,
}

impl Log for Dir {
    fn newest(&self, id: &GroupId) -> Option<u64> {
        let group = self.open_dir(id.as_str()).ok()?;
        let newest = |name| {
            let file = group.open_file(name).ok()?;
            end_of(&file, checked_length(&file).ok()?).ok()?.newest
        };
        newest(EVENTS).or_else(|| newest(OLD_EVENTS))
    }

    fn append(&self, id: &GroupId, events: &[FeedEvent]) -> io::Result<()> {
        let group = self.open_dir(id.as_str())?;
        let mut file = group.open_appendable(EVENTS)?;
        let length = checked_length(&file)?;
        let end = end_of(&file, length)?;
        let newest = end.newest.or_else(|| {
            let old = group.open_file(OLD_EVENTS).ok()?;
            end_of(&old, checked_length(&old).ok()?).ok()?.newest
        });
        let lines = lines(newest.unwrap_or(0), events);
        // safeguard: a line that was not ended is ended before the next one
        let ending = if end.is_torn { "\n" } else { "" };
        let is_full = length > 0 && length + lines.len() as u64 > MAX_FILE;
        if !is_full {
            return file.write_all(format!("{ending}{lines}").as_bytes());
        }
        file.write_all(ending.as_bytes())?;
        // A reader on Windows may have it open. Then it is replaced later.
        if group.rename(EVENTS, &group, OLD_EVENTS).is_ok() {
            file = group.open_appendable(EVENTS)?;
        }
        file.write_all(lines.as_bytes())
    }
}

/// The lines of events that come after the one of the number `newest`.
fn lines(mut newest: u64, events: &[FeedEvent]) -> String {
    let mut lines = String::new();
    for event in events {
        if event.seq() <= newest || event.json().len() >= MAX_LINE {
            continue;
        }
        // safeguard: events that are missing are reported
        if event.seq() > newest + 1 {
            lines.push_str(gap(newest + 1, event.seq() - 1, event.event()).json());
            lines.push('\n');
        }
        lines.push_str(event.json());
        lines.push('\n');
        newest = event.seq();
    }
    lines
}

/// The length of a file of events. Fails if it is not a file of this user.
pub(super) fn checked_length(file: &File) -> io::Result<u64> {
    let stat = Stat::of(file)?;
    // safeguard: only regular files of this user hold a feed
    if stat.kind() != Kind::File {
        return Err(io::Error::other("it is not a regular file"));
    }
    if !stat.owned_by_us() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    Ok(stat.fingerprint().size)
}

/// Finds the last event of a file. What is not an event is skipped: a torn line, or what others have written.
fn end_of(mut file: &File, length: u64) -> io::Result<End> {
    /// Lengths of the ends that are searched, one after the other.
    const ENDS: [u64; 3] = [8 << 10, 256 << 10, MAX_FILE + MAX_LINE as u64];
    let mut end = End::default();
    for searched in ENDS {
        let start = length.saturating_sub(searched);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::with_capacity(usize::try_from(length - start).unwrap_or(0) + 1);
        file.take(length - start).read_to_end(&mut bytes)?;
        end.is_torn = bytes.last().is_some_and(|last| *last != b'\n');
        let mut lines = bytes.split(|byte| *byte == b'\n');
        if start > 0 {
            // It may have begun before.
            lines.next();
        }
        // A torn line may be a whole event that lacks only its end.
        end.newest = lines.rev().find_map(|line| parse(line).map(|event| event.seq()));
        if end.newest.is_some() || start == 0 {
            break;
        }
    }
    Ok(end)
}

/// The event of a line; `None` if it is not an event that this version can read.
pub(super) fn parse(line: &[u8]) -> Option<FeedEvent> {
    std::str::from_utf8(line).ok()?.parse().ok()
}
