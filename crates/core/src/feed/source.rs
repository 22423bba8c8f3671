//! Where a reader finds the events of a group.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::feed::event::FeedEvent;
use crate::feed::file::{self, MAX_LINE};
use crate::feed::memory::MemoryFeed;
use crate::model::GroupId;
use crate::repository::file::dir::{Dir, Identity, Stat, is_link};
use crate::repository::file::owner::if_foreign;
use crate::repository::file::paths::{EVENTS, META, OLD_EVENTS};
use crate::repository::{Attachment, FileGroupRepository, GroupRepository, InMemoryGroupRepository};

/// The events of one group, as a reader goes through them.
pub trait Source: Send {
    /// The group's id.
    fn id(&self) -> &GroupId;

    /// Returns the next events, some of which may have been returned before; `None` if there are no more now. `newest` is
    /// the number of the last event that the reader has.
    fn read(&mut self, newest: u64) -> Result<Option<Vec<FeedEvent>>>;

    /// Returns `true` if the group is gone, even if there is another one of the same id.
    fn is_gone(&self) -> Result<bool>;
}

/// Events of a group in memory.
pub(super) struct MemorySource {
    repository: InMemoryGroupRepository,
    id: GroupId,
    attachment: Arc<Attachment>,
}

impl MemorySource {
    /// The events of a group; `None` if there is no such group.
    pub(super) fn open(repository: InMemoryGroupRepository, id: &GroupId) -> Option<Self> {
        let attachment = repository.attachment(id)?;
        Some(Self { repository, id: id.clone(), attachment })
    }
}

impl Source for MemorySource {
    fn id(&self) -> &GroupId {
        &self.id
    }

    fn read(&mut self, newest: u64) -> Result<Option<Vec<FeedEvent>>> {
        const MAX_EVENTS: usize = 256;
        let events = MemoryFeed::of(&self.attachment).after(newest, MAX_EVENTS);
        Ok(if events.is_empty() { None } else { Some(events) })
    }

    fn is_gone(&self) -> Result<bool> {
        let attachment = self.repository.attachment(&self.id);
        Ok(attachment.is_none_or(|attachment| !Arc::ptr_eq(&attachment, &self.attachment)))
    }
}

/// Events of a group in files. No file is kept open between two reads, except where a deletion does not mind.
pub(super) struct FileSource {
    repository: FileGroupRepository,
    id: GroupId,
    directory: DirectoryIdentity,
    position: Option<Position>,
    /// The file that was read last, and the offset up to which. It can still be read when the group is deleted.
    last: Option<(File, u64)>,
}

/// Identity of a group's directory.
#[derive(PartialEq, Eq)]
struct DirectoryIdentity {
    inode: u64,
    exact: Option<Identity>,
}

impl DirectoryIdentity {
    fn of(directory: &Dir) -> io::Result<Self> {
        Ok(Self { inode: directory.own_stat()?.fingerprint().inode, exact: directory.identity() })
    }
}

/// The place of a reader in a file. The file is known by its content: names change with each new file, and inode numbers
/// are given out again.
struct Position {
    offset: u64,
    /// The first bytes of the file, which have the number of its first event.
    first: Vec<u8>,
    /// The bytes before the offset.
    last: Vec<u8>,
}

impl Position {
    /// Number of bytes that are compared.
    const COMPARED: usize = 64;

    /// The position after what was read at an offset, of which `former` is the position unless it is 0.
    fn after(former: Option<&Self>, offset: u64, read: &[u8]) -> Self {
        let former = former.filter(|_| offset > 0);
        let first = former.map_or(read, |former| &former.first);
        let first = first[..first.len().min(Self::COMPARED)].to_vec();
        let last = read[read.len().saturating_sub(Self::COMPARED)..].to_vec();
        Self { offset: offset + read.len() as u64, first, last }
    }

    /// Returns `true` if it is a position in this file.
    fn is_in(&self, file: &File) -> io::Result<bool> {
        let has = |bytes: &[u8], mut file: &File, offset: u64| -> io::Result<bool> {
            let mut found = Vec::new();
            file.seek(SeekFrom::Start(offset))?;
            file.take(bytes.len() as u64).read_to_end(&mut found)?;
            Ok(found == bytes)
        };
        // safeguard: a file that was replaced, or that others have edited
        Ok(has(&self.first, file, 0)? && has(&self.last, file, self.offset - self.last.len() as u64)?)
    }
}

impl FileSource {
    /// The events of a group; `None` if there is no such group.
    pub(super) fn open(repository: FileGroupRepository, id: &GroupId) -> Result<Option<Self>> {
        match repository.find_by_id(id) {
            Ok(None) => return Ok(None),
            // Its events can be read all the same.
            Err(error) if !matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NewerSchema) => {
                return Err(error);
            }
            Ok(Some(_)) | Err(_) => {}
        }
        let failed =
            |source| Error::io(Some(id.as_str()), &repository.base().join(id.as_str()), "opening", source);
        let directory = match open_group(&repository, id) {
            Err(error) if is_absent(&error) => return Ok(None),
            opened => opened.and_then(|group| DirectoryIdentity::of(&group)).map_err(failed)?,
        };
        Ok(Some(Self { repository, id: id.clone(), directory, position: None, last: None }))
    }

    /// The group's directory; `None` if the group is gone.
    fn group(&self) -> io::Result<Option<Dir>> {
        let group = match open_group(&self.repository, &self.id) {
            Err(error) if is_absent(&error) => return Ok(None),
            // A group that cannot be opened, as for want of a file descriptor, is not gone.
            group => group?,
        };
        let is_same = DirectoryIdentity::of(&group)? == self.directory;
        Ok((is_same && group.stat(META)?.is_some()).then_some(group))
    }

    fn read_next(&mut self, group: &Dir) -> io::Result<Option<Vec<FeedEvent>>> {
        let current = open(group, EVENTS)?;
        if let (Some(file), Some(position)) = (&current, &self.position)
            && position.is_in(file)?
        {
            let offset = position.offset;
            return self.read_from(current, offset);
        }
        let (old, current) = open_both(group, current)?;
        let offset = match (&old, &self.position) {
            (Some(file), Some(position)) if position.is_in(file)? => position.offset,
            _ => 0,
        };
        match self.read_from(old, offset)? {
            None => self.read_from(current, 0),
            events => Ok(events),
        }
    }

    /// Reads the next whole lines of a file.
    fn read_from(&mut self, file: Option<File>, offset: u64) -> io::Result<Option<Vec<FeedEvent>>> {
        let Some(file) = file else { return Ok(None) };
        let read = read_lines(&file, offset)?;
        let events = read.split(|byte| *byte == b'\n').filter_map(file::parse).collect();
        if !read.is_empty() {
            self.position = Some(Position::after(self.position.as_ref(), offset, &read));
        }
        // On Windows, a group with an open file cannot be deleted.
        self.last = if cfg!(windows) { None } else { Some((file, offset + read.len() as u64)) };
        Ok(if read.is_empty() { None } else { Some(events) })
    }

    fn failed(&self, source: io::Error) -> Error {
        let directory = self.repository.base().join(self.id.as_str());
        let path = directory.join(EVENTS);
        if is_link(&source) {
            return Error::corrupt_feed(
                self.id.as_str(),
                &path,
                "it is a symbolic link, which is not followed",
            );
        }
        if source.kind() == io::ErrorKind::PermissionDenied
            && let Some(foreign) = if_foreign(Some(self.id.as_str()), &path, &directory)
        {
            return foreign;
        }
        if source.kind() == io::ErrorKind::Other {
            return Error::corrupt_feed(self.id.as_str(), &path, &source.to_string());
        }
        Error::io(Some(self.id.as_str()), &path, "reading", source)
    }
}

impl Source for FileSource {
    fn id(&self) -> &GroupId {
        &self.id
    }

    fn read(&mut self, _newest: u64) -> Result<Option<Vec<FeedEvent>>> {
        let group = self.group().map_err(|source| self.failed(source))?;
        let read = match (group, self.last.take()) {
            (Some(group), _) => self.read_next(&group),
            (None, Some((file, offset))) => self.read_from(Some(file), offset),
            (None, None) => Ok(None),
        };
        read.map_err(|source| self.failed(source))
    }

    fn is_gone(&self) -> Result<bool> {
        Ok(self.group().map_err(|source| self.failed(source))?.is_none())
    }
}

fn open_group(repository: &FileGroupRepository, id: &GroupId) -> io::Result<Dir> {
    Dir::open(repository.base())?.open_dir(id.as_str())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) || is_link(error)
}

/// Opens a file of events; `None` if it does not exist.
fn open(group: &Dir, name: &str) -> io::Result<Option<File>> {
    let file = match group.open_file(name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    file::checked_length(&file)?;
    Ok(Some(file))
}

/// Opens both files of events, the older one first: two that follow each other, even if files are replaced meanwhile.
fn open_both(group: &Dir, mut current: Option<File>) -> io::Result<(Option<File>, Option<File>)> {
    const MAX_ATTEMPTS: usize = 100;
    for _ in 0..MAX_ATTEMPTS {
        let old = open(group, OLD_EVENTS)?;
        let opened = current.as_ref().map(Stat::of).transpose()?.map(|stat| stat.fingerprint().inode);
        let there = group.stat(EVENTS)?.map(|stat| stat.fingerprint().inode);
        // None was replaced between the two.
        if opened == there {
            return Ok((old, current));
        }
        current = open(group, EVENTS)?;
    }
    Err(io::Error::new(io::ErrorKind::Interrupted, "the files are replaced all the time"))
}

/// Reads whole lines from an offset on; nothing if there is none. A line that is too long is returned in pieces.
fn read_lines(mut file: &File, offset: u64) -> io::Result<Vec<u8>> {
    const FIRST: usize = 256 << 10;
    let mut bytes = Vec::new();
    let mut wanted = FIRST;
    loop {
        file.seek(SeekFrom::Start(offset + bytes.len() as u64))?;
        file.take((wanted - bytes.len()) as u64).read_to_end(&mut bytes)?;
        if let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') {
            // safeguard: a line is read once it is ended
            bytes.truncate(end + 1);
            return Ok(bytes);
        }
        if bytes.len() < wanted {
            return Ok(Vec::new());
        }
        if wanted > MAX_LINE {
            return Ok(bytes);
        }
        wanted *= 4;
    }
}
