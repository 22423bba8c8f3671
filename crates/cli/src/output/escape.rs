//! Text from elsewhere, made harmless for a terminal.

use std::borrow::Cow;

/// Spaces that a tab becomes.
const TAB: &str = "    ";

/// Replaces characters that a terminal acts on or that change the order of the text around them: C0 and C1 controls, DEL,
/// line separators and bidirectional controls. A tab becomes spaces.
///
/// ```
/// use session_groups_cli::output::escape;
///
/// assert_eq!(escape("red \u{1b}[31m"), r"red \x1b[31m");
/// assert_eq!(escape("name\u{202e}"), r"name\u{202e}");
/// ```
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\t' => escaped.push_str(TAB),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            _ if !is_unsafe(character) => escaped.push(character),
            _ if character.is_ascii() => escaped += format!("\\x{:02x}", u32::from(character)).as_str(),
            _ => escaped.extend(character.escape_unicode()),
        }
    }
    Cow::Owned(escaped)
}

/// Replaces the same characters in JSON text, where only strings can contain them, by their JSON escapes. White space
/// between tokens stays.
pub fn escape_json(text: &str) -> Cow<'_, str> {
    let is_unsafe = |character| is_unsafe(character) && !"\n\r\t".contains(character);
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_unsafe(character) {
            escaped += format!("\\u{:04x}", u32::from(character)).as_str();
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_of_every_kind_are_escaped() {
        assert_eq!(escape("a\0\u{7}\u{7f}\u{9b}31m"), r"a\x00\x07\x7f\u{9b}31m");
        assert_eq!(escape("a\nb\r\tc"), r"a\nb\r    c");
        assert_eq!(escape("\u{2066}x\u{2029}"), r"\u{2066}x\u{2029}");
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in ["", "Füße", "认证服务", "👩‍💻 e\u{301}", "مرحبا"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn escaped_json_is_the_same_value() {
        let value = serde_json::json!({ "a": "\u{9b}31m \u{202e} \u{7f} \u{1b}" });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let escaped = escape_json(&text);
        assert!(!escaped.contains(['\u{9b}', '\u{202e}', '\u{7f}']) && escaped.contains('\n'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
    }
}
