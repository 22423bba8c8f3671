//! Files of other users: named, never taken for corrupt ones.

use std::path::Path;

use crate::error::Error;

/// The error for a path that belongs to another user; `None` when it is this user's. `directory` is what to change the
/// owner of.
#[cfg(unix)]
pub fn if_foreign(group_id: Option<&str>, path: &Path, directory: &Path) -> Option<Error> {
    use crate::error::quoted;
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::symlink_metadata(path).ok()?.uid();
    let user = rustix::process::geteuid().as_raw();
    (owner != user).then(|| {
        Error::foreign_owner(
            group_id,
            path,
            &shown(owner),
            &shown(user),
            &format!("chown -R {user} {}", quoted(directory)),
        )
    })
}

/// Elsewhere permissions say who may read and write, not the owner.
#[cfg(not(unix))]
pub fn if_foreign(_: Option<&str>, _: &Path, _: &Path) -> Option<Error> {
    None
}

/// A user's number, and name where it is known.
#[cfg(unix)]
fn shown(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.to_string()).then_some(name)
    });
    name.map_or_else(|| format!("user {uid}"), |name| format!("user {uid} ({name})"))
}
