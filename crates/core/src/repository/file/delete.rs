//! Deleting: a rename into `.trash/` is the moment a group is gone; what was in it is removed afterwards. What a
//! crash left behind is swept by a later writer.

use std::io;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};
use crate::model::GroupId;
use crate::repository::file::dir::Dir;
use crate::repository::file::lock::Lock;
use crate::repository::file::owner::if_foreign;
use crate::repository::file::paths::{TRASH, is_temporary};
use crate::repository::file::write::Durability;

/// Age at which a leftover is swept. No living writer takes so long.
const OLD: Duration = Duration::from_secs(60 * 60);

/// Moves a group to the trash. Returns the path of its contents, which are left to remove.
pub fn move_to_trash(base: &Dir, id: &GroupId, durability: Durability, held: &Lock) -> Result<PathBuf> {
    let refused = |action, path: &Path| {
        let (group_id, path) = (id.to_string(), path.to_owned());
        let base = base.path().to_owned();
        move |source: io::Error| {
            let is_denied = source.kind() == io::ErrorKind::PermissionDenied;
            let foreign = if is_denied { if_foreign(Some(&group_id), &path, &base) } else { None };
            foreign.unwrap_or_else(|| Error::not_committed(&group_id, &path, action, source))
        }
    };
    let trash_path = base.path().join(TRASH);
    base.make_dir(TRASH).map_err(refused("making", &trash_path))?;
    let trash = base.open_dir(TRASH).map_err(refused("opening", &trash_path))?;
    let name = format!("{id}.{}", uuid::Uuid::new_v4().simple());
    base.rename(id.as_str(), &trash, &name).map_err(refused("deleting", &base.path().join(id.as_str())))?;
    if durability == Durability::Full {
        // safeguard: fsync of both directories after a deletion
        for dir in [base, &trash] {
            dir.sync()
                .and_then(|()| held.check_file_system())
                .map_err(|source| Error::not_durable(id.as_str(), dir.path(), "syncing", source))?;
        }
    }
    Ok(trash_path.join(name))
}

/// Removes the contents of a deleted group. Leftovers are swept later.
pub fn remove(trash: &Path) {
    // Follows no link. The group is gone already, so whatever happens here fails nothing, not even the standard
    // library's panic over a directory that cannot be closed.
    let removed = catch_unwind(|| std::fs::remove_dir_all(trash));
    if !matches!(removed, Ok(Ok(()))) {
        let _ = std::fs::remove_file(trash);
    }
}

/// Removes old leftovers in `.trash/`.
pub fn sweep(base: &Dir, now: SystemTime) {
    let Ok(trash) = base.open_dir(TRASH) else { return };
    for name in trash.names().unwrap_or_default() {
        if is_old(&trash, &name, now) {
            remove(&trash.path().join(name));
        }
    }
}

/// Removes old temporary files of a group.
pub fn sweep_group(base: &Dir, id: &GroupId, now: SystemTime, _held: &Lock) {
    let Ok(group) = base.open_dir(id.as_str()) else {
        return;
    };
    for name in group.names().unwrap_or_default() {
        if is_temporary(&name) && is_old(&group, &name, now) {
            let _ = group.remove_file(&name);
        }
    }
}

/// By the time of the last change of the entry itself, which a rename sets and nobody can set back.
fn is_old(dir: &Dir, name: &str, now: SystemTime) -> bool {
    let Ok(Some(stat)) = dir.stat(name) else {
        return false;
    };
    let (changed, _) = stat.fingerprint().changed;
    let changed = u64::try_from(changed).unwrap_or(0);
    let age = now.duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs(changed));
    // safeguard: what may still be under way is not swept
    age.is_ok_and(|age| age > OLD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::file::lock::{Stripe, try_lock};
    use crate::repository::file::paths::temporary_name;

    #[test]
    fn leftovers_are_swept_once_they_are_old() {
        let dir = tempfile::tempdir().unwrap();
        let id = GroupId::new("a").unwrap();
        let (temporary, deleted) =
            (dir.path().join("a").join(temporary_name()), dir.path().join(".trash/b.1"));
        for path in [temporary.parent().unwrap(), &deleted.join("sessions")] {
            std::fs::create_dir_all(path).unwrap();
        }
        for file in [temporary.clone(), dir.path().join("a/notes.txt"), deleted.join("meta.json")] {
            std::fs::write(file, "x").unwrap();
        }
        let base = Dir::open(dir.path()).unwrap();
        let held = try_lock(&base, Stripe::of(&id)).unwrap().unwrap();
        let later = |seconds| SystemTime::now() + Duration::from_secs(seconds);
        for (now, left) in [(later(0), true), (later(3_500), true), (later(3_700), false)] {
            sweep(&base, now);
            sweep_group(&base, &id, now, &held);
            assert_eq!((temporary.exists(), deleted.exists()), (left, left));
        }
        assert!(dir.path().join("a/notes.txt").exists());
    }
}
