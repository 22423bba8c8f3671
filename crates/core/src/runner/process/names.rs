//! Names of the directories of sessions. Ids of sessions are free text; names of directories are not.

use crate::model::GroupId;

/// The names under which a session's directory may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDirectoryNames {
    /// The name for new attempts.
    pub current: String,
    /// The name that earlier attempts may have used: whether an id collides changes when sessions are added or removed.
    pub former: Option<String>,
}

/// Returns the names for a session: its id where that is a valid name of a directory that no other session of the group
/// would use, else `~` and 32 hexadecimal digits. `others` are the ids of all sessions of the group; the session itself
/// may be among them.
///
/// ```
/// use session_groups::runner::process::directory_names;
///
/// assert_eq!(directory_names("001-api", ["001-api", "002-web"]).current, "001-api");
/// assert_eq!(directory_names("../x", ["../x"]).current.len(), 33);
/// assert_eq!(directory_names("API", ["API", "api"]).former.as_deref(), Some("API"));
/// ```
pub fn directory_names<'a>(id: &str, others: impl IntoIterator<Item = &'a str>) -> SessionDirectoryNames {
    let hashed = format!("~{:032x}", xxhash_rust::xxh3::xxh3_128(id.as_bytes()));
    if GroupId::new(id).is_err() {
        return SessionDirectoryNames { current: hashed, former: None };
    }
    let collides = others.into_iter().any(|other| other != id && other.eq_ignore_ascii_case(id));
    let plain = id.to_owned();
    let (current, former) = if collides { (hashed, plain) } else { (plain, hashed) };
    SessionDirectoryNames { current, former: Some(former) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_ids_are_hashed() {
        let long = "x".repeat(300);
        for id in ["../x", "a/b", "CON", "", ".", "~x", "ä", "a\0b", &long] {
            let names = directory_names(id, [id]);
            assert!(names.current.starts_with('~') && names.current.len() == 33, "{id:?}");
            assert_eq!(names.former, None);
        }
    }

    #[test]
    fn ids_that_differ_in_case_only_have_distinct_directories() {
        let ids = ["Api", "api", "API", "web"];
        let mut names = ids.map(|id| directory_names(id, ids).current.to_lowercase());
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(directory_names("web", ids).current, "web");
    }
}
