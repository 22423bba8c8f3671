//! Finds the problems of a store: every entry is looked at, no group is changed.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::model::GroupId;
use crate::repository::document::Document;
use crate::repository::file::dir::{Dir, Kind};
use crate::repository::file::paths::META;
use crate::repository::file::read;
use crate::repository::{ProblemKind, RepositoryProblem};

/// The result of reading a group.
type Found = Result<Option<Document>>;

/// Returns all problems of the store, by the names of its entries. `look_again` reads a group under its lock: another
/// program may be writing what seemed corrupt or unfinished.
pub fn verify(base: &Dir, look_again: impl Fn(&GroupId, Found) -> Found) -> Result<Vec<RepositoryProblem>> {
    let failed = |source: std::io::Error| Error::io(None, base.path(), "listing", source);
    let mut names = base.names().map_err(failed)?;
    // What begins with a dot is the store's own, also where a newer version has made it.
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable();
    Ok(names.iter().filter_map(|name| problem(base, name, &look_again)).collect())
}

fn problem(
    base: &Dir,
    name: &str,
    look_again: impl Fn(&GroupId, Found) -> Found,
) -> Option<RepositoryProblem> {
    let leftover = |message: &str| RepositoryProblem {
        id: name.to_owned(),
        path: base.path().join(name),
        kind: ProblemKind::Leftover,
        message: message.to_owned(),
    };
    let kind = || base.stat(name).ok().flatten().map(|stat| stat.kind());
    let Ok(id) = GroupId::new(name) else {
        return Some(leftover("not the store's own, and no id that could name a group"));
    };
    let found = match read::read_group(base, &id) {
        Ok(None) if kind() == Some(Kind::Directory) => look_again(&id, Ok(None)),
        Err(error) if error.is(ErrorKind::Corrupt) => look_again(&id, Err(error)),
        found => found,
    };
    match found {
        Ok(Some(group)) => group.newer_schema().map(|version| RepositoryProblem {
            id: name.to_owned(),
            path: base.path().join(name).join(META),
            kind: ProblemKind::NewerSchema,
            message: format!(
                "written by a newer version (schemaVersion {version}): it can be read, not written"
            ),
        }),
        Ok(None) => match kind() {
            Some(Kind::Directory) => Some(leftover("a directory without meta.json is no group")),
            Some(Kind::File) => Some(leftover("a file here is not the store's own")),
            // Gone since it was listed.
            Some(Kind::Other) | None => None,
        },
        Err(error) => Some(unreadable(base, &id, &error)),
    }
}

fn unreadable(base: &Dir, id: &GroupId, error: &Error) -> RepositoryProblem {
    let kind = match error {
        newer if newer.is(ErrorKind::NewerSchema) => ProblemKind::NewerSchema,
        denied if read::is_denied(denied) => ProblemKind::ForeignOwner,
        _ if read::is_another_group(base, id) => ProblemKind::IdMismatch,
        _ => ProblemKind::Corrupt,
    };
    let path = error.path().map_or_else(|| base.path().join(id.as_str()), Path::to_path_buf);
    RepositoryProblem { id: id.to_string(), path, kind, message: error.to_string() }
}
