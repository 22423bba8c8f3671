//! A valid JSON text and the values in it: found when asked for, nothing is copied.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::without_lone_surrogates;

/// A piece of text that is one valid JSON value, without white space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

/// One member of an object.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The key as it stands in the text, with its quotes.
    pub raw_key: &'a str,
    /// The value.
    pub value: Json<'a>,
}

impl<'a> Member<'a> {
    /// The key, unescaped.
    pub fn key(&self) -> Cow<'a, str> {
        Json(self.raw_key).string().unwrap_or_default()
    }

    /// Whether it is the member of this key.
    fn has_key(&self, key: &str) -> bool {
        let inner = &self.raw_key[1..self.raw_key.len() - 1];
        inner == key || (inner.contains('\\') && self.key() == key)
    }
}

impl<'a> Json<'a> {
    /// The value that a text is, or why it is none.
    pub fn parse(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str::<&RawValue>(text).map(|raw| Self(raw.get()))
    }

    /// A text that is known to be one value.
    pub(crate) fn of_valid(text: &'a str) -> Self {
        debug_assert!(Self::parse(text).is_ok_and(|json| json.0 == text), "not a value: {text}");
        Self(text)
    }

    /// Its text.
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Whether it is an array.
    pub fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    /// Whether it is a string.
    pub fn is_string(self) -> bool {
        self.0.starts_with('"')
    }

    /// The members of an object in their order; none of anything else.
    pub fn members(self) -> impl Iterator<Item = Member<'a>> {
        let mut cursor = Cursor::inside(self.is_object(), self.0);
        std::iter::from_fn(move || {
            let raw_key = cursor.value()?.0;
            Some(Member { raw_key, value: cursor.value()? })
        })
    }

    /// The elements of an array in their order; none of anything else.
    pub fn elements(self) -> impl Iterator<Item = Self> {
        let mut cursor = Cursor::inside(self.is_array(), self.0);
        std::iter::from_fn(move || cursor.value())
    }

    /// A member of an object. Of two with the same key the last counts, as it does in `JSON.parse`.
    pub fn get(self, key: &str) -> Option<Self> {
        self.members().filter(|member| member.has_key(key)).last().map(|member| member.value)
    }

    /// What a string says, or `None` for anything else. A lone surrogate, which a Rust string cannot hold, is shown
    /// as U+FFFD; the text itself keeps it.
    pub fn string(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
            return Some(Cow::Borrowed(inner));
        }
        serde_json::from_str(&without_lone_surrogates(self.0)).ok().map(Cow::Owned)
    }

    /// What a number says, or `None` for anything else and for what no `f64` can hold.
    pub fn number(self) -> Option<f64> {
        if !self.0.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return None;
        }
        self.0.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// Whether arrays and objects are nested in it deeper than this.
    pub fn is_deeper_than(self, most: usize) -> bool {
        let bytes = self.0.as_bytes();
        let (mut at, mut depth) = (0, 0_usize);
        while at < bytes.len() {
            match bytes[at] {
                b'"' => {
                    at = string_end(bytes, at);
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            if depth > most {
                return true;
            }
            at += 1;
        }
        false
    }
}

/// Goes through valid text once, from value to value; into a container or past it.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Before a value.
    pub fn before(value: Json<'a>) -> Self {
        Self { text: value.0, at: 0 }
    }

    /// Inside the brackets of a container; at the end of anything else.
    fn inside(is_container: bool, text: &'a str) -> Self {
        Self { text, at: if is_container { 1 } else { text.len() } }
    }

    /// Goes into the container that comes next, if it opens so.
    pub fn enter(&mut self, bracket: u8) -> bool {
        let opens = self.text.as_bytes().get(self.at) == Some(&bracket);
        self.at += usize::from(opens);
        opens
    }

    /// Whether the container has another value, or key, which comes next; otherwise leaves it.
    pub fn has_more(&mut self) -> bool {
        self.skip_separators();
        let more = !matches!(self.text.as_bytes().get(self.at), None | Some(b'}' | b']'));
        self.at += usize::from(!more);
        more
    }

    /// The next value, or key, before the container ends.
    pub fn value(&mut self) -> Option<Json<'a>> {
        self.skip_separators();
        let start = self.at;
        self.at = value_end(self.text.as_bytes(), start);
        (self.at > start).then(|| self.since(start))
    }

    /// Where the next value begins.
    pub fn next_at(&mut self) -> usize {
        self.skip_separators();
        self.at
    }

    /// The value that began at a place and has just been passed.
    pub fn since(&self, start: usize) -> Json<'a> {
        Json(&self.text[start..self.at])
    }

    fn skip_separators(&mut self) {
        while matches!(self.text.as_bytes().get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n' | b',' | b':')) {
            self.at += 1;
        }
    }
}

/// The index just behind the value that begins at `start`; `start` itself when that is the end of a container.
fn value_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = string_end(bytes, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    at
}

/// The index just behind the string that opens at `start`.
pub(super) fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &bytes[at.min(bytes.len())..]) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_bytes_and_their_order() {
        let text = r#" { "b":1e21 ,"\u0061": {"x" : [ ]}, "\ud800":"\udfff" } "#;
        let members: Vec<_> = Json::parse(text).unwrap().members().collect();
        assert_eq!(members.len(), 3);
        assert_eq!(members[0].value.text(), "1e21");
        assert_eq!((members[1].key().as_ref(), members[1].raw_key), ("a", r#""\u0061""#));
        assert_eq!(members[1].value.text(), r#"{"x" : [ ]}"#);
        assert_eq!((members[2].raw_key, members[2].value.text()), (r#""\ud800""#, r#""\udfff""#));
    }

    #[test]
    fn elements_are_what_serde_json_finds() {
        let text = r#"[1, -2.5e3,"a,\"]b\\", [ [ ] , {}] ,{"a":[1,{"b":"}"}]},true,null , "", {} ]"#;
        let expected: Vec<&RawValue> = serde_json::from_str(text).unwrap();
        let found: Vec<_> = Json::parse(text).unwrap().elements().map(Json::text).collect();
        assert_eq!(found, expected.iter().map(|raw| raw.get()).collect::<Vec<_>>());
        for nothing in ["[]", "[ ]", "{}", "1", "\"a\"", "null"] {
            let json = Json::parse(nothing).unwrap();
            assert_eq!((json.elements().count(), json.members().count()), (0, 0), "{nothing}");
        }
    }

    #[test]
    fn the_last_of_two_members_counts_however_its_key_is_written() {
        let json = Json::parse(r#"{"a":1,"b":2,"\u0061":3}"#).unwrap();
        assert_eq!(json.get("a").and_then(Json::number), Some(3.0));
        assert_eq!(json.get("c"), None);
    }

    #[test]
    fn a_lone_surrogate_is_readable() {
        assert_eq!(Json(r#""a\ud800b""#).string().unwrap(), "a\u{FFFD}b");
        assert_eq!(Json(r#""\ud83d\ude00""#).string().unwrap(), "😀");
    }

    #[test]
    fn depth_is_counted_outside_strings_only() {
        assert!(!Json(&format!("\"{}\"", "[".repeat(2_000))).is_deeper_than(1_000));
        assert!(Json(&format!("{}{}", "[".repeat(1_001), "]".repeat(1_001))).is_deeper_than(1_000));
        assert!(!Json(&format!("{}{}", "[".repeat(1_000), "]".repeat(1_000))).is_deeper_than(1_000));
    }
}
