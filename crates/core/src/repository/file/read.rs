//! Reading a group: without a lock, since a writer only ever renames a complete file into place.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use crate::error::{Error, ErrorKind, Result};
use crate::model::GroupId;
use crate::repository::document::Document;
use crate::repository::file::cache::Cache;
use crate::repository::file::case_collision::find_case_collision;
use crate::repository::file::dir::{Dir, Kind, Stat, is_link};
use crate::repository::file::fingerprint::FileFingerprint;
use crate::repository::file::live::Live;
use crate::repository::file::lock::Stripe;
use crate::repository::file::owner::if_foreign;
use crate::repository::file::paths::{LOCKS, MAX_FILE_BYTES, META};

/// Opens the base directory for reading; `None` when it is not there, as before the first write.
pub fn open_base(path: &Path) -> Result<Option<Dir>> {
    match Dir::open(path) {
        Ok(base) => Ok(Some(base)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_open(path, error)),
    }
}

/// Refuses to write to a base directory that everyone may write to.
pub fn check_base(base: &Dir) -> Result<()> {
    let path = base.path();
    match base.own_stat().map_err(|error| cannot_open(path, error))?.world_writable_mode() {
        None => Ok(()),
        Some(mode) => Err(Error::insecure_store(path, mode)),
    }
}

fn cannot_open(path: &Path, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::PermissionDenied
        && let Some(foreign) = if_foreign(None, path, path)
    {
        return foreign;
    }
    Error::io(None, path, "opening", source)
}

/// The stored group; `None` when there is none. Fails with `CORRUPT`, `NEWER_SCHEMA`, `FOREIGN_OWNER` or `IO`.
pub fn read_group(base: &Dir, id: &GroupId) -> Result<Option<Document>> {
    let read =
        read_bytes(base, id).and_then(|bytes| bytes.map(|bytes| parse_group(base, id, bytes)).transpose());
    ignore_if_case_collision(base, id, read)
}

/// Ignores an error about another group whose directory the id leads to, too.
fn ignore_if_case_collision(
    base: &Dir,
    id: &GroupId,
    read: Result<Option<Document>>,
) -> Result<Option<Document>> {
    match read {
        Err(error)
            if error.is(ErrorKind::Corrupt) && matches!(find_case_collision(base, id), Ok(Some(_))) =>
        {
            Ok(None)
        }
        read => read,
    }
}

/// The group that stored bytes are. Fails with `CORRUPT` or `NEWER_SCHEMA`.
pub fn parse_group(base: &Dir, id: &GroupId, bytes: Vec<u8>) -> Result<Document> {
    let path = || base.path().join(id.as_str()).join(META);
    let document = Document::from_stored(bytes).map_err(|unreadable| match unreadable.newer_schema {
        Some(version) => Error::newer_schema(
            id.as_str(),
            &path(),
            version,
            &format!("it cannot be understood, {}", unreadable.problem),
        ),
        None => Error::corrupt(id.as_str(), &path(), unreadable.field, &unreadable.problem),
    })?;
    // safeguard: the id is that of the directory
    if document.id() == id {
        return Ok(document);
    }
    Err(Error::corrupt(
        id.as_str(),
        &path(),
        Some("id".to_owned()),
        &format!("its id is {:?}, but its directory is {:?}", document.id().as_str(), id.as_str()),
    ))
}

/// Returns whether a valid group with another id is stored in the place of a group.
pub fn is_another_group(base: &Dir, id: &GroupId) -> bool {
    let group = read_bytes(base, id).ok().flatten().and_then(|bytes| Document::from_stored(bytes).ok());
    group.is_some_and(|group| group.id() != id)
}

/// The bytes of the stored group as they are; `None` when there is none.
pub fn read_bytes(base: &Dir, id: &GroupId) -> Result<Option<Vec<u8>>> {
    open_group(base, id)?.map(|group| group.bytes()).transpose()
}

/// The stored group, read only if it is not known as it is now; `None` when there is none. Fails with `CORRUPT`,
/// `NEWER_SCHEMA` or `IO`.
pub fn read_through(base: &Dir, id: &GroupId, cache: &Cache, live: &Live) -> Result<Option<Document>> {
    ignore_if_case_collision(base, id, read_and_remember(base, id, cache, live))
}

fn read_and_remember(base: &Dir, id: &GroupId, cache: &Cache, live: &Live) -> Result<Option<Document>> {
    // Before the file is opened: later changes have to be reported, or to show in the fingerprint.
    let reading = live.begin(base, id);
    let now = SystemTime::now();
    let Some(group) = open_group(base, id)? else {
        cache.remove(id);
        live.forget(base, id);
        return Ok(None);
    };
    let fingerprint = group.fingerprint;
    let cached = cache.fields(id, &fingerprint).and_then(|fields| cache.group(&fields));
    if let Some(document) = cached {
        live.end(reading.as_ref(), &fingerprint, document.fields());
        return Ok(Some(document));
    }
    let document = parse_group(base, id, group.bytes()?)?;
    // Someone who writes into the file itself may have done so while it was read.
    let is_unchanged = Stat::of(&group.file).is_ok_and(|stat| stat.fingerprint() == fingerprint);
    // safeguard: what has just changed is read again
    if is_unchanged && fingerprint.is_reliable_at(now) {
        cache.put(fingerprint, &document);
    }
    if is_unchanged && live.end(reading.as_ref(), &fingerprint, document.fields()) {
        cache.put_text(&document);
    }
    Ok(Some(document))
}

/// Returns the fingerprint of a group's file if this very file is corrupt and a later change is sure to give it another
/// fingerprint.
pub fn corrupt_fingerprint(base: &Dir, id: &GroupId) -> Option<FileFingerprint> {
    let now = SystemTime::now();
    let group = open_group(base, id).ok()??;
    let parsed = group.bytes().and_then(|bytes| parse_group(base, id, bytes));
    let is_unchanged = Stat::of(&group.file).is_ok_and(|stat| stat.fingerprint() == group.fingerprint);
    let is_corrupt = parsed.is_err_and(|error| error.is(ErrorKind::Corrupt));
    (is_corrupt && is_unchanged && group.fingerprint.is_reliable_at(now)).then_some(group.fingerprint)
}

/// A stored group that is open for reading.
struct OpenGroup<'a> {
    base: &'a Dir,
    id: &'a GroupId,
    file: File,
    fingerprint: FileFingerprint,
}

/// Opens the file of a group and sees whether it may be read; `None` when there is none.
fn open_group<'a>(base: &'a Dir, id: &'a GroupId) -> Result<Option<OpenGroup<'a>>> {
    /// A directory may be replaced while it is opened, but not for ever.
    const MAX_ATTEMPTS: usize = 100;
    let mut attempts = 0;
    let failed = |source: io::Error| read_error(base, id, source);
    let corrupt = |problem: &str| corrupt(base, id, problem);
    let file = loop {
        if let Ok(file) = base.open_beneath(id.as_str(), META) {
            break file;
        }
        // Step by step, to learn which step it was.
        match base.open_dir(id.as_str()).map(|group| group.open_file(META)) {
            Ok(Ok(file)) => break file,
            Err(error) | Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if is_no_directory(&error) => {
                let there = base.stat(id.as_str()).map_err(failed)?;
                // A file is not the store's, and no group that could be deleted.
                match there.map(|stat| stat.kind()) {
                    Some(Kind::Other) => {
                        return Err(corrupt("its directory is a link, which is not followed"));
                    }
                    Some(Kind::Directory) if attempts < MAX_ATTEMPTS => attempts += 1,
                    Some(Kind::Directory) => return Err(failed(error)),
                    Some(Kind::File) | None => return Ok(None),
                }
            }
            Ok(Err(error)) if is_link(&error) => {
                return Err(corrupt("it is a symbolic link, which is not followed"));
            }
            // A socket cannot be opened at all.
            Ok(Err(_)) if is_no_file(base, id) => return Err(corrupt("it is not a regular file")),
            Err(error) | Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(foreign_owner(base, id).unwrap_or_else(|| failed(error)));
            }
            Err(error) | Ok(Err(error)) => return Err(failed(error)),
        }
    };
    let stat = Stat::of(&file).map_err(failed)?;
    // safeguard: only regular files are read
    if stat.kind() != Kind::File {
        return Err(corrupt("it is not a regular file"));
    }
    // safeguard: only files of this user are read
    if !stat.owned_by_us() {
        // Gone or changed since it was opened: whoever reads it again sees what it is.
        let changed = || failed(io::ErrorKind::PermissionDenied.into());
        return Err(foreign_owner(base, id).unwrap_or_else(changed));
    }
    Ok(Some(OpenGroup { base, id, file, fingerprint: stat.fingerprint() }))
}

impl OpenGroup<'_> {
    fn bytes(&self) -> Result<Vec<u8>> {
        let too_large = || corrupt(self.base, self.id, "it is larger than 64 MiB");
        if self.fingerprint.size > MAX_FILE_BYTES {
            return Err(too_large());
        }
        // Room for one byte more, so that a file that has grown shows.
        let expected = usize::try_from(self.fingerprint.size).unwrap_or(0);
        let mut bytes = vec![0; expected + 1];
        let mut length = 0;
        loop {
            match (&self.file).read(&mut bytes[length..]) {
                Ok(read) => {
                    length += read;
                    if read == 0 || length == expected {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read_error(self.base, self.id, error)),
            }
            if length as u64 > MAX_FILE_BYTES {
                return Err(too_large());
            }
            if length == bytes.len() {
                bytes.resize(2 * length, 0);
            }
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

/// The error for a group whose directory or file belongs to another user.
fn foreign_owner(base: &Dir, id: &GroupId) -> Option<Error> {
    let directory = base.path().join(id.as_str());
    let paths = [directory.join(META), directory.clone()];
    paths.iter().find_map(|path| if_foreign(Some(id.as_str()), path, &directory))
}

/// The error of taking a group's lock.
pub fn cannot_lock(base: &Dir, id: &GroupId, stripe: Stripe, source: io::Error) -> Error {
    let path = base.path().join(LOCKS);
    if source.kind() == io::ErrorKind::PermissionDenied {
        let lock = path.join(stripe.file_name());
        let paths = [path.as_path(), &lock, base.path()];
        let foreign = paths.into_iter().find_map(|path| if_foreign(Some(id.as_str()), path, base.path()));
        if let Some(foreign) = foreign {
            return foreign;
        }
    }
    Error::not_committed(id.as_str(), &path, "locking", source)
}

/// An error of reading a group.
pub fn read_error(base: &Dir, id: &GroupId, source: io::Error) -> Error {
    Error::io(Some(id.as_str()), &base.path().join(id.as_str()).join(META), "reading", source)
}

fn corrupt(base: &Dir, id: &GroupId, problem: &str) -> Error {
    Error::corrupt(id.as_str(), &base.path().join(id.as_str()).join(META), None, problem)
}

fn is_no_file(base: &Dir, id: &GroupId) -> bool {
    let there = base.open_dir(id.as_str()).and_then(|group| group.stat(META));
    there.is_ok_and(|stat| stat.is_some_and(|stat| stat.kind() != Kind::File))
}

/// Returns whether an error says something of one group and nothing of the store.
pub fn is_group_local(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NewerSchema) || is_denied(error)
}

/// Returns whether this user may not read a group.
pub fn is_denied(error: &Error) -> bool {
    let is_permission = error.io_kind() == Some(io::ErrorKind::PermissionDenied);
    error.is(ErrorKind::ForeignOwner) || (error.is(ErrorKind::Io) && is_permission)
}

/// Returns whether a group that cannot be read may be deleted: not one of another user.
pub fn may_be_deleted(error: &Error) -> bool {
    // safeguard: a group of another user is not deleted
    is_group_local(error) && !error.is(ErrorKind::ForeignOwner)
}

fn is_no_directory(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotADirectory || is_link(error)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::model::tests::GROUP;

    fn id(id: &str) -> GroupId {
        GroupId::new(id).unwrap()
    }

    fn sound(id: &str) -> String {
        GROUP.replace("20260115-103000-auth", id)
    }

    /// Writes a group into the file that is there, if any.
    fn write(base: &Dir, id: &str, text: &str) -> FileFingerprint {
        fs::create_dir_all(base.path().join(id)).unwrap();
        fs::write(base.path().join(id).join(META), text).unwrap();
        base.stat(&format!("{id}/{META}")).unwrap().unwrap().fingerprint()
    }

    /// Longer than a change may leave the times of a file as they are.
    fn wait() {
        std::thread::sleep(Duration::from_millis(150));
    }

    #[test]
    fn a_file_that_has_just_changed_is_not_cached() {
        let directory = tempfile::tempdir().unwrap();
        let base = Dir::open(directory.path()).unwrap();
        let cache = Arc::new(Cache::default());
        let live = Live::new(Arc::clone(&cache));
        let is_cached = |fingerprint| {
            read_through(&base, &id("a"), &cache, &live).unwrap();
            cache.fields(&id("a"), &fingerprint).is_some()
        };
        let fingerprint = write(&base, "a", &sound("a"));
        wait();
        assert!(is_cached(fingerprint));
        write(&base, "a", &sound("a"));
        // However long the next step takes.
        let later = SystemTime::now() + Duration::from_secs(60);
        let file = File::options().write(true).open(directory.path().join("a").join(META)).unwrap();
        file.set_modified(later).unwrap();
        assert!(!is_cached(Stat::of(&file).unwrap().fingerprint()));
    }

    #[test]
    fn only_a_file_that_is_corrupt_itself_is_known_as_corrupt() {
        let directory = tempfile::tempdir().unwrap();
        let base = Dir::open(directory.path()).unwrap();
        write(&base, "sound", &sound("sound"));
        let corrupt = write(&base, "corrupt", "{");
        #[cfg(unix)]
        std::os::unix::fs::symlink("sound", directory.path().join("link")).unwrap();
        wait();
        let found = ["sound", "link", "corrupt"].map(|name| corrupt_fingerprint(&base, &id(name)));
        assert_eq!(found, [None, None, Some(corrupt)]);
    }
}
