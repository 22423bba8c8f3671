//! Detects ids that differ only in case. Where file names have no case, as usual on macOS and Windows, they name one
//! directory. Such an id names
//! no group, and none is stored under it: it would take the other's place.

use std::io;

use crate::model::GroupId;
use crate::repository::file::dir::Dir;

/// The name of the directory that an id leads to when it is not the id's own; `None` when it is, or there is none.
pub fn find_case_collision(base: &Dir, id: &GroupId) -> io::Result<Option<String>> {
    if base.stat(id.as_str())?.is_none() {
        return Ok(None);
    }
    let names = base.names()?;
    if names.iter().any(|name| name == id.as_str()) {
        return Ok(None);
    }
    Ok(names.into_iter().find(|name| name.eq_ignore_ascii_case(id.as_str())))
}
