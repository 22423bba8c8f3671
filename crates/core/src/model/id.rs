//! Ids of groups.
//!
//! ```
//! use session_groups::model::GroupId;
//!
//! assert!(GroupId::new("20260115-103000-auth").is_ok());
//! assert_eq!(GroupId::new("../x").unwrap_err().code(), "INVALID_ID");
//! ```

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::model::record::checked_text;

/// An id that may name a group, and with it a directory: 1 to 128 of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(Box<str>);

impl GroupId {
    /// The longest id, in characters.
    pub const MAX_LENGTH: usize = 128;

    /// Checks an id; fails with `INVALID_ID`.
    pub fn new(id: &str) -> Result<Self> {
        match Self::objection(id) {
            None => Ok(Self(id.into())),
            Some(reason) => Err(Error::invalid_id(id, &reason)),
        }
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn objection(id: &str) -> Option<Cow<'static, str>> {
        let Some(first) = id.bytes().next() else {
            return Some("is empty".into());
        };
        if id.len() > Self::MAX_LENGTH {
            return Some("is longer than 128 characters".into());
        }
        let is_allowed = |&character: &char| character.is_ascii_alphanumeric() || ".-_".contains(character);
        if let Some(character) = id.chars().find(|character| !is_allowed(character)) {
            return Some(format!("contains {character:?}").into());
        }
        if !first.is_ascii_alphanumeric() {
            return Some("does not start with a letter or a digit".into());
        }
        if id.ends_with('.') {
            return Some("ends with a dot".into());
        }
        if id.contains("..") {
            return Some("has two dots in a row".into());
        }
        is_windows_device(id).then(|| "is the name of a device on Windows".into())
    }
}

impl<'de> Deserialize<'de> for GroupId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let expected = || "1 to 128 of A-Z a-z 0-9 . _ -, starting with a letter or a digit";
        checked_text(deserializer, expected, |text| Self::new(text).ok())
    }
}

impl Serialize for GroupId {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl std::fmt::Display for GroupId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// CON, NUL, COM1 and the like, with any extension: Windows opens the device whatever the directory.
fn is_windows_device(id: &str) -> bool {
    let stem = id.split('.').next().unwrap_or_default().to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => {
            let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
            port.is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_leave_the_store_are_refused() {
        for bad in [
            "", ".", "..", "../x", "a/b", "a\\b", "a..b", "-a", ".a", "_a", "a.", "ä", "a b", "a\0b", "CON",
            "nul.json", "com1", "Lpt9.x",
        ] {
            assert!(GroupId::new(bad).is_err(), "{bad:?}");
        }
        assert!(GroupId::new(&"a".repeat(129)).is_err());
        for good in ["a", "20260115-103000-auth", "A.b_c-d", "console", "com10", "x".repeat(128).as_str()] {
            assert!(GroupId::new(good).is_ok(), "{good:?}");
        }
    }
}
