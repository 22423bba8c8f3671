//! A valid JSON text and the values in it: found when asked for, nothing is copied.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::layout::string_end;
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

/// A key as it stands in the text, unescaped.
pub(crate) fn key(raw_key: &str) -> Cow<'_, str> {
    // Keys are short: to look at each byte is faster than to call what finds one in a long text.
    if raw_key.len() < 32 && !raw_key.bytes().any(|byte| byte == b'\\') {
        return Cow::Borrowed(&raw_key[1..raw_key.len() - 1]);
    }
    Json(raw_key).string().unwrap_or_default()
}

impl<'a> Member<'a> {
    /// The key, unescaped.
    pub fn key(&self) -> Cow<'a, str> {
        key(self.raw_key)
    }

    fn is_same(self, other: Self) -> bool {
        self.key() == other.key() && self.value.is_same(other.value)
    }

    /// Returns `true` if it is the member of this key.
    fn has_key(&self, key: &str) -> bool {
        let inner = &self.raw_key[1..self.raw_key.len() - 1];
        // With escapes it is longer than what it says.
        inner == key || (inner.len() > key.len() && inner.contains('\\') && self.key() == key)
    }
}

impl<'a> Json<'a> {
    /// The value that a text is, or why it is none.
    pub fn parse(text: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// A text that is known to be one value, without white space before it: the first character tells its type.
    pub(crate) fn of_valid(text: &'a str) -> Self {
        debug_assert!(!text.starts_with(super::WHITE_SPACE), "white space before a value");
        Self(text)
    }

    /// Its text.
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Returns `true` for an object.
    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Returns `true` for an array.
    pub fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    /// Returns `true` for a string.
    pub fn is_string(self) -> bool {
        self.0.starts_with('"')
    }

    /// The members of an object in their order; none of anything else.
    pub fn members(self) -> impl Iterator<Item = Member<'a>> {
        let mut members = Vec::new();
        self.each_member(|member| members.push(member));
        members.into_iter()
    }

    /// A member of an object. Of two with the same key the last counts, as it does in `JSON.parse`.
    pub fn get(self, key: &str) -> Option<Self> {
        let mut found = None;
        self.each_member(|member| {
            if member.has_key(key) {
                found = Some(member.value);
            }
        });
        found
    }

    fn each_member(self, read: impl FnMut(Member<'a>)) {
        if self.is_object() {
            // Valid text cannot fail.
            let _ = serde_json::Deserializer::from_str(self.0).deserialize_map(EachMember(read));
        }
    }

    /// The elements of an array in their order; none of anything else.
    pub fn elements(self) -> impl Iterator<Item = Self> {
        let elements = if self.is_array() { serde_json::from_str(self.0).ok() } else { None };
        elements.unwrap_or_else(Vec::new).into_iter()
    }

    /// The characters of a string, or `None` for anything else. A lone surrogate, which a Rust string cannot hold, is
    /// shown as U+FFFD; the text itself keeps it.
    pub fn string(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
            return Some(Cow::Borrowed(inner));
        }
        serde_json::from_str(&without_lone_surrogates(self.0)).ok().map(Cow::Owned)
    }

    /// The value of a number, or `None` for anything else and for a number that no `f64` can hold.
    pub fn number(self) -> Option<f64> {
        if !self.0.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return None;
        }
        self.0.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// Returns `true` if another text is the same value: layout, escapes and the notation of numbers make no difference,
    /// the order of members does.
    pub fn is_same(self, other: Self) -> bool {
        match (self.0.as_bytes().first(), other.0.as_bytes().first()) {
            (Some(b'{'), Some(b'{')) => eq_by(self.members(), other.members(), Member::is_same),
            (Some(b'['), Some(b'[')) => eq_by(self.elements(), other.elements(), Self::is_same),
            (Some(b'"'), Some(b'"')) => self.string() == other.string(),
            _ => self == other || self.number().is_some_and(|number| other.number() == Some(number)),
        }
    }

    /// Returns `true` if arrays and objects are nested in it deeper than this.
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
                b'}' | b']' => depth = depth.saturating_sub(1),
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

/// Any value, however deep it is nested.
impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(raw.get()))
    }
}

struct EachMember<F>(F);

impl<'de, F: FnMut(Member<'de>)> Visitor<'de> for EachMember<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        // Keys as they stand, since they can have lone surrogates.
        while let Some((key, value)) = map.next_entry::<&RawValue, _>()? {
            (self.0)(Member { raw_key: key.get(), value });
        }
        Ok(())
    }
}

/// Returns `true` if two sequences are of the same length and each pair of elements satisfies a condition.
fn eq_by<T>(left: impl Iterator<Item = T>, right: impl Iterator<Item = T>, same: fn(T, T) -> bool) -> bool {
    let (left, right): (Vec<T>, Vec<T>) = (left.collect(), right.collect());
    left.len() == right.len() && left.into_iter().zip(right).all(|(left, right)| same(left, right))
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
    fn elements_keep_their_bytes() {
        let text = r#"[1, -2.5e3,"a,\"]b\\", [ [ ] , {}] ,{"a":[1,{"b":"}"}]},true,null , "", {} ]"#;
        let found: Vec<_> = Json::parse(text).unwrap().elements().map(Json::text).collect();
        assert_eq!((found.len(), found[2], found[3]), (9, r#""a,\"]b\\""#, "[ [ ] , {}]"));
        for nothing in ["[]", "[ ]", "{}", "1", "\"a\"", "null"] {
            let json = Json::parse(nothing).unwrap();
            assert_eq!((json.elements().count(), json.members().count()), (0, 0), "{nothing}");
        }
    }

    #[test]
    fn any_depth_is_read() {
        let text = format!("{}{}", "[{\"a\":".repeat(5_000), "1") + &"}]".repeat(5_000);
        assert_eq!(Json::parse(&text).unwrap().text(), text);
        assert_eq!(Json::parse(&text).unwrap().elements().count(), 1);
        assert!(Json::parse(&text[1..]).is_err());
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
    fn the_same_value_may_be_written_in_several_ways() {
        let same = |left: &str, right: &str| Json::parse(left).unwrap().is_same(Json::parse(right).unwrap());
        assert!(same(r#"{"a":[1.0,"\u0061",null,true]}"#, r#"{ "\u0061" : [ 1, "a", null, true ] }"#));
        assert!(same("1e400", "1e400") && same("100", "1e2"));
        for other in ["[1]", "[1,2,3]", "[1,\"2\"]", "[1,null]", "{}", "1", "null", "\"[1,2]\""] {
            assert!(!same("[1,2]", other), "{other}");
        }
        assert!(!same(r#"{"a":1}"#, r#"{"b":1}"#) && !same("true", "false") && !same("null", "0"));
    }

    #[test]
    fn depth_is_counted_outside_strings_only() {
        assert!(!Json(&format!("\"{}\"", "[".repeat(2_000))).is_deeper_than(1_000));
        assert!(Json(&format!("{}{}", "[".repeat(1_001), "]".repeat(1_001))).is_deeper_than(1_000));
        assert!(!Json(&format!("{}{}", "[".repeat(1_000), "]".repeat(1_000))).is_deeper_than(1_000));
    }
}
