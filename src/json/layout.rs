//! How stored text is laid out.

use super::value::string_end;

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

/// The index just behind the number or word that begins at `start`.
fn scalar_end(bytes: &[u8], start: usize) -> usize {
    let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
    bytes[start..].iter().position(ends).map_or(bytes.len(), |length| start + length)
}

fn white_space(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
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
    }
}
