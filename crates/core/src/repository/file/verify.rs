//! Finds the problems of a store: every entry is looked at, nothing is changed.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::model::GroupId;
use crate::repository::file::dir::{Dir, Kind};
use crate::repository::file::paths::{META, TRASH, is_temporary};
use crate::repository::file::read;
use crate::repository::{ProblemKind, RepositoryProblem};

/// Returns all problems of the store, by the names of its entries.
pub fn verify(base: &Dir) -> Result<Vec<RepositoryProblem>> {
    let failed = |source: std::io::Error| Error::io(None, base.path(), "listing", source);
    let mut names = base.names().map_err(failed)?;
    names.sort_unstable();
    let mut problems = Vec::new();
    for name in names {
        match name.as_str() {
            TRASH => problems.extend(trash(base)),
            // The store's own, also where a newer version has made it.
            own if own.starts_with('.') => {}
            _ => problems.extend(entry(base, &name)),
        }
    }
    Ok(problems)
}

fn trash(base: &Dir) -> Vec<RepositoryProblem> {
    let names = base.open_dir(TRASH).and_then(|trash| trash.names()).unwrap_or_default();
    let left = |name: String| {
        let path = base.path().join(TRASH).join(&name);
        let message = "a deleted group, not yet removed; a later write removes it after an hour".to_owned();
        RepositoryProblem { id: name, path, kind: ProblemKind::Leftover, message }
    };
    names.into_iter().map(left).collect()
}

fn entry(base: &Dir, name: &str) -> Vec<RepositoryProblem> {
    let path = base.path().join(name);
    let leftover = |message: &str| RepositoryProblem {
        id: name.to_owned(),
        path: path.clone(),
        kind: ProblemKind::Leftover,
        message: message.to_owned(),
    };
    let Ok(id) = GroupId::new(name) else {
        return vec![leftover("not the store's own, and no id that could name a group")];
    };
    let mut problems = temporary_files(base, name);
    match read::read_group(base, &id) {
        Ok(Some(group)) => {
            if let Some(version) = group.newer_schema() {
                let message = format!(
                    "written by a newer version (schemaVersion {version}): it can be read, not written"
                );
                problems.push(RepositoryProblem {
                    id: name.to_owned(),
                    path: path.join(META),
                    kind: ProblemKind::NewerSchema,
                    message,
                });
            }
        }
        Ok(None) => {
            let what = match base.stat(name).ok().flatten().map(|stat| stat.kind()) {
                Some(Kind::Directory) => Some("a directory without meta.json is no group"),
                Some(Kind::File) => Some("a file here is not the store's own"),
                // Gone since it was listed.
                Some(Kind::Other) | None => None,
            };
            problems.extend(what.map(leftover));
        }
        Err(error) => problems.push(unreadable(base, &id, &error)),
    }
    problems
}

fn temporary_files(base: &Dir, name: &str) -> Vec<RepositoryProblem> {
    let names = base.open_dir(name).and_then(|group| group.names()).unwrap_or_default();
    let left = |file: String| RepositoryProblem {
        id: name.to_owned(),
        path: base.path().join(name).join(file),
        kind: ProblemKind::Leftover,
        message: "a write that was not finished; a later one removes it after an hour".to_owned(),
    };
    names.into_iter().filter(|file| is_temporary(file)).map(left).collect()
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
