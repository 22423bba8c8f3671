//! JSON text, looked into without being rebuilt: which members an object has, where they stand, what a scalar
//! says. Whatever nobody changes keeps its bytes.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The deepest nesting of arrays and objects that is stored or read: both engines' `JSON.parse` and
/// `JSON.stringify` are sure to manage it.
pub const MAX_DEPTH: usize = 1_000;

/// One member of an object: its key and its value as they stand in the text.
pub struct Member<'a> {
    raw_key: &'a str,
    /// The value's text.
    pub value: &'a str,
}

impl<'a> Member<'a> {
    /// The key, unescaped.
    pub fn key(&self) -> Cow<'a, str> {
        string(self.raw_key).unwrap_or_default()
    }

    /// The key as it stands in the text, with its quotes.
    pub fn raw_key(&self) -> &'a str {
        self.raw_key
    }
}

/// The members of an object in their order, or why the text is none.
pub fn object(text: &str) -> serde_json::Result<Vec<Member<'_>>> {
    struct Members<'a>(Vec<Member<'a>>);
    struct MembersVisitor;

    impl<'de> Visitor<'de> for MembersVisitor {
        type Value = Members<'de>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::with_capacity(16);
            while let Some((key, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
                members.push(Member { raw_key: key.get(), value: value.get() });
            }
            Ok(Members(members))
        }
    }
    impl<'de> Deserialize<'de> for Members<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(MembersVisitor)
        }
    }

    serde_json::from_str::<Members<'_>>(text).map(|members| members.0)
}

/// The elements of an array in their order, or why the text is none.
pub fn array(text: &str) -> serde_json::Result<Vec<&str>> {
    struct Elements<'a>(Vec<&'a str>);
    struct ElementsVisitor;

    impl<'de> Visitor<'de> for ElementsVisitor {
        type Value = Elements<'de>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut elements = Vec::with_capacity(16);
            while let Some(element) = seq.next_element::<&'de RawValue>()? {
                elements.push(element.get());
            }
            Ok(Elements(elements))
        }
    }
    impl<'de> Deserialize<'de> for Elements<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_seq(ElementsVisitor)
        }
    }

    serde_json::from_str::<Elements<'_>>(text).map(|elements| elements.0)
}

/// What a JSON string says, or `None` for anything else. A lone surrogate, which a Rust string cannot hold, is
/// shown as U+FFFD; the text itself keeps it.
pub fn string(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(&without_lone_surrogates(text)).ok().map(Cow::Owned)
}

/// What a JSON number says, or `None` for anything else and for what no `f64` can hold.
pub fn number(text: &str) -> Option<f64> {
    if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Reads typed data from text that was checked to be it. Lone surrogates become U+FFFD.
pub fn typed<T: serde::de::DeserializeOwned>(text: &str) -> crate::Result<T> {
    serde_json::from_str(&without_lone_surrogates(text))
        .map_err(|error| crate::Error::Internal(format!("checked text is not understood: {error}")))
}

/// The same text with every escape of a lone surrogate, which a Rust string cannot hold, as U+FFFD.
fn without_lone_surrogates(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(backslash) = text[at..].find('\\').map(|offset| at + offset) {
        let unit = surrogate(text, backslash);
        at = match unit {
            None => backslash + 2,
            Some(0xD800..=0xDBFF) if matches!(surrogate(text, backslash + 6), Some(0xDC00..=0xDFFF)) => {
                backslash + 12
            }
            Some(_) => {
                out.push_str(&text[copied..backslash]);
                out.push('\u{FFFD}');
                copied = backslash + 6;
                copied
            }
        };
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The surrogate that an escape at this place stands for.
fn surrogate(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok().filter(|unit| (0xD800..=0xDFFF).contains(unit))
}

/// A string as JSON text.
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value's text, shortened for a message.
pub fn excerpt(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Line and column, from 1, at which `part` stands in `whole`. `part` must be a piece of `whole`.
pub fn position(whole: &str, part: &str) -> (usize, usize) {
    let offset = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    let before = whole.get(..offset).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Whether arrays and objects are nested deeper than [`MAX_DEPTH`].
pub fn too_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// The layout of `JSON.stringify(value, null, 2)` for valid JSON text of any layout. Only white space between
/// tokens changes; every string and number keeps its bytes.
pub fn pretty(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() + text.len() / 3);
    let mut depth = 0_usize;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let end = string_end(bytes, at);
                out.push_str(&text[at..end]);
                at = end;
                continue;
            }
            open @ (b'{' | b'[') => {
                out.push(open as char);
                let next = at + 1 + white_space(&bytes[at + 1..]);
                if matches!(bytes.get(next), Some(b'}' | b']')) {
                    out.push(bytes[next] as char);
                    at = next + 1;
                    continue;
                }
                depth += 1;
                new_line(&mut out, depth);
            }
            close @ (b'}' | b']') => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(close as char);
            }
            b',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            b':' => out.push_str(": "),
            b' ' | b'\t' | b'\r' | b'\n' => {}
            scalar => out.push(scalar as char),
        }
        at += 1;
    }
    out
}

/// The index just behind the string that opens at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn white_space(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_bytes_and_their_order() {
        let text = r#"{ "b":1e21 ,"\u0061": {"x" : [ ]}, "\ud800":"\udfff" }"#;
        let members = object(text).unwrap();
        assert_eq!(members[0].value, "1e21");
        assert_eq!((members[1].key().as_ref(), members[1].raw_key()), ("a", r#""\u0061""#));
        assert_eq!(members[1].value, r#"{"x" : [ ]}"#);
        assert_eq!((members[2].raw_key(), members[2].value), (r#""\ud800""#, r#""\udfff""#));
    }

    #[test]
    fn a_lone_surrogate_is_readable() {
        assert_eq!(string(r#""a\ud800b""#).unwrap(), "a\u{FFFD}b");
        assert_eq!(string(r#""\ud83d\ude00""#).unwrap(), "😀");
    }

    #[test]
    fn only_lone_surrogates_are_replaced() {
        let text = r#"["\ud83d\ude00","\\ud800","\ud800x","\udc00\ud800"]"#;
        let expected = "[\"\\ud83d\\ude00\",\"\\\\ud800\",\"\u{FFFD}x\",\"\u{FFFD}\u{FFFD}\"]";
        assert_eq!(without_lone_surrogates(text), expected);
    }

    #[test]
    fn pretty_is_what_json_stringify_prints() {
        let compact = r#"{"a":[1,{"b":[]}],"c":{},"d":"x,{\"y\"}:","e":null}"#;
        let expected = "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {},\n  \"d\": \"x,{\\\"y\\\"}:\",\n  \"e\": null\n}";
        assert_eq!(pretty(compact), expected);
        assert_eq!(pretty(expected), expected);
    }

    #[test]
    fn positions_count_from_one() {
        let text = "{\n  \"é\": x";
        assert_eq!(position(text, &text[text.len() - 1..]), (2, 8));
        assert_eq!(position(text, text), (1, 1));
    }

    #[test]
    fn depth_is_counted_outside_strings_only() {
        assert!(!too_deep(&format!("\"{}\"", "[".repeat(2_000))));
        assert!(too_deep(&"[".repeat(1_001)));
        assert!(!too_deep(&format!("{}{}", "[".repeat(1_000), "]".repeat(1_000))));
    }
}
