//! Strings that need not be valid Unicode.

use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Error, Serialize, Serializer};
use serde_json::value::RawValue;

use super::value::Json;

/// A string of JavaScript. It dereferences to a `str`, in which lone surrogates are U+FFFD, and is written to JSON with
/// them.
///
/// ```
/// use session_groups::json::JsonString;
///
/// assert_eq!(&*JsonString::from("Logging"), "Logging");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonString {
    text: Box<str>,
    /// The string as JSON, if it has lone surrogates.
    json: Option<Box<str>>,
}

impl JsonString {
    /// Creates a string from its readable text, and from its JSON if the text may stand for a string with lone surrogates.
    pub(crate) fn new<'a>(text: String, json: impl FnOnce() -> Option<Json<'a>>) -> Self {
        let json = if text.contains('\u{FFFD}') { json() } else { None };
        Self { text: text.into(), json: json.map(|json| json.text().into()) }
    }
}

impl From<&str> for JsonString {
    fn from(text: &str) -> Self {
        Self { text: text.into(), json: None }
    }
}

impl Deref for JsonString {
    type Target = str;
    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for JsonString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl Serialize for JsonString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.json {
            Some(json) => {
                serde_json::from_str::<&RawValue>(json).map_err(S::Error::custom)?.serialize(serializer)
            }
            None => serializer.serialize_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for JsonString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<str>::deserialize(deserializer).map(|text| Self { text, json: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_are_written_as_they_were_read() {
        for json in [r#""\ud800x""#, "\"\u{FFFD}\"", r#""a\n\ud83d\ude00""#] {
            let value = Json::parse(json).unwrap();
            let string = JsonString::new(value.string().unwrap().into_owned(), || Some(value));
            let written = serde_json::to_string(&string).unwrap();
            assert!(Json::parse(&written).unwrap().is_same(value), "{written}");
            assert_eq!(written.contains("ud800"), json.contains("ud800"));
        }
    }
}
