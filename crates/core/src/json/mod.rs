//! JSON text that is read and edited without being rebuilt. Text that nobody changes keeps its bytes.
//!
//! ```
//! use session_groups::json::Json;
//!
//! let json = Json::parse(r#"{ "a": 1.0 }"#).unwrap();
//! assert_eq!(json.get("a").unwrap().text(), "1.0");
//! ```

mod draft;
mod layout;
mod string;
mod value;

use std::borrow::Cow;

pub(crate) use draft::Draft;
pub use layout::{compact, pretty};
pub use string::JsonString;
pub(crate) use value::key;
pub use value::{Json, Member};

/// The characters that may be around a value.
pub(crate) const WHITE_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// The deepest nesting of arrays and objects that is stored or read: both engines' `JSON.parse` and
/// `JSON.stringify` are sure to manage it.
pub const MAX_DEPTH: usize = 1_000;

/// The same text as far as Rust can read it: lone surrogates become U+FFFD. A number that is too large for an `f64`, which
/// `JSON.parse` reads as `Infinity`, becomes `null`, as `JSON.stringify` would write it.
pub(crate) fn readable(text: &str) -> String {
    layout::without_infinities(&without_lone_surrogates(text))
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

/// A number as JavaScript shows it.
pub fn shown(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    number.to_string()
}

/// A value's text, shortened for a message.
pub fn excerpt(text: &str) -> String {
    shortened(text, 60)
}

/// A text of at most so many characters.
pub fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lone_surrogates_are_replaced() {
        let text = r#"["\ud83d\ude00","\\ud800","\ud800x","\udc00\ud800"]"#;
        let expected = "[\"\\ud83d\\ude00\",\"\\\\ud800\",\"\u{FFFD}x\",\"\u{FFFD}\u{FFFD}\"]";
        assert_eq!(without_lone_surrogates(text), expected);
    }

    #[test]
    fn numbers_that_no_f64_can_hold_are_null() {
        let text = r#"{"a":[1e400,-1E999,1e5,"1e400"],"b":1e-400}"#;
        assert_eq!(readable(text), r#"{"a":[null,null,1e5,"1e400"],"b":1e-400}"#);
    }

    #[test]
    fn positions_count_from_one() {
        let text = "{\n  \"é\": x";
        assert_eq!(position(text, &text[text.len() - 1..]), (2, 8));
        assert_eq!(position(text, text), (1, 1));
    }
}
