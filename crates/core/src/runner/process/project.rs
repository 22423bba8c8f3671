//! Checks of a session's project directory.

use std::path::{Path, PathBuf};

use crate::error::{Error, Remedy, Result};

/// Checks the directory that a session is to work in, and returns its path without links. Fails with `INVALID_STATE` if it
/// is not an absolute path of a directory, or contains the store or lies in it, which the session could then change.
pub fn check_project(project: &Path, store: Option<&Path>) -> Result<PathBuf> {
    let refuse = |reason: &str, remedy: Remedy| Err(Error::unusable_project(project, reason, remedy));
    if !project.is_absolute() {
        return refuse("it is not an absolute path", Remedy::ChangeProject);
    }
    let canonical = match project.canonicalize() {
        Ok(canonical) => canonical,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return refuse("there is no such directory", Remedy::CreateProject);
        }
        Err(source) => return Err(Error::io(None, project, "opening", source)),
    };
    if !canonical.is_dir() {
        return refuse("it is not a directory", Remedy::ChangeProject);
    }
    let store = store.and_then(|store| store.canonicalize().ok());
    if store.as_ref().is_some_and(|store| store.starts_with(&canonical)) {
        let remedy = "Use another store, or a directory below this one";
        return refuse("it contains the store", remedy.into());
    }
    if store.is_some_and(|store| canonical.starts_with(store)) {
        let reason = "it lies in the store, which belongs to the groups alone";
        return refuse(reason, Remedy::ChangeProject);
    }
    Ok(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_a_directory_apart_from_the_store() {
        let base = tempfile::tempdir().unwrap();
        let store = base.path().join("project/store");
        std::fs::create_dir_all(store.join("group")).unwrap();
        std::fs::create_dir_all(base.path().join("other")).unwrap();
        std::fs::write(base.path().join("file"), "").unwrap();
        let check = |name: &str| check_project(&base.path().join(name), Some(&store));
        assert!(check("other").is_ok());
        for (name, reason) in [
            ("project", "contains the store"),
            ("project/store", "contains the store"),
            ("project/store/group", "lies in the store"),
            ("none", "no such"),
            ("file", "not a directory"),
        ] {
            let error = check(name).unwrap_err();
            assert!(error.code() == "INVALID_STATE" && error.to_string().contains(reason), "{error}");
        }
        assert!(check_project(Path::new("relative"), None).is_err());
    }
}
