//! The layout of stored text.

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
            _ => {
                let end = scalar_end(bytes, at);
                out.push_str(&text[at..end]);
                at = end;
                continue;
            }
        }
        at += 1;
    }
    out
}

/// The same valid JSON text without the white space between its tokens, whose bytes it keeps.
pub fn compact(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = white_space(bytes);
    while at < bytes.len() {
        let start = at;
        while at < bytes.len() && !is_white_space(bytes[at]) {
            at = if bytes[at] == b'"' { string_end(bytes, at) } else { at + 1 };
        }
        out.push_str(&text[start..at]);
        at += white_space(&bytes[at..]);
    }
    out
}

/// The same valid JSON text with `null` for each number that no `f64` can hold.
pub fn without_infinities(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        at = match bytes[at] {
            b'"' => string_end(bytes, at),
            b'-' | b'0'..=b'9' => scalar_end(bytes, at),
            _ => at + 1,
        };
        let token = &text[start..at];
        let is_infinite = token.parse().is_ok_and(f64::is_infinite);
        out.push_str(if is_infinite { "null" } else { token });
    }
    out
}

/// The index just behind the string that opens at `start`, in valid text.
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

/// The index just behind the number or word that begins at `start`.
fn scalar_end(bytes: &[u8], start: usize) -> usize {
    let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
    bytes[start..].iter().position(ends).map_or(bytes.len(), |length| start + length)
}

fn white_space(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_white_space(**byte)).count()
}

fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn new_line(out: &mut String, depth: usize) {
    const SPACES: &str = "\n                                ";
    out.push_str(&SPACES[..SPACES.len().min(1 + 2 * depth)]);
    for _ in SPACES.len()..=2 * depth {
        out.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pretty_is_what_json_stringify_prints() {
        let compact = r#"{"a":[1,{"b":[]}],"c":{},"d":"x,{\"y\"}:","e":null}"#;
        let expected = "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {},\n  \"d\": \"x,{\\\"y\\\"}:\",\n  \"e\": null\n}";
        assert_eq!(pretty(compact), expected);
        assert_eq!(pretty(expected), expected);
        assert_eq!(super::compact(expected), compact);
        assert_eq!(super::compact(compact), compact);
        assert_eq!(super::compact(" [ 1 , \" a \\\" \" ]\r\n\t"), "[1,\" a \\\" \"]");
    }
}
