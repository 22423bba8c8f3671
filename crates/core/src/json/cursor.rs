//! Reads a text once, from front to back, and sees that it is JSON on the way.

use super::Json;

/// The text is no JSON. Where and why is for `serde_json` to tell, which judges by the same rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoJson;

type Step<T> = Result<T, NoJson>;

/// A place in a text.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of a text.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// A text that is one value.
    pub fn whole(text: &'a str) -> Step<Json<'a>> {
        let mut cursor = Self::new(text);
        let value = cursor.value()?;
        cursor.end().map(|()| value)
    }

    /// The text from here on.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Sees that nothing but white space is left.
    pub fn end(&mut self) -> Step<()> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { Err(NoJson) }
    }

    /// Goes into the container that comes next, if it opens so.
    pub fn enter(&mut self, bracket: u8) -> bool {
        self.skip_space();
        self.take(bracket)
    }

    /// Returns whether the next value begins with this byte.
    pub fn is_at(&mut self, byte: u8) -> bool {
        self.skip_space();
        self.peek() == Some(byte)
    }

    /// The next key of the object that was entered, as it stands; `None` at its end. `is_first` starts as `true`.
    pub fn key(&mut self, is_first: &mut bool) -> Step<Option<&'a str>> {
        if !self.has_more(is_first, b'}')? {
            return Ok(None);
        }
        let start = self.at;
        self.pass_string()?;
        let key = &self.text[start..self.at];
        self.skip_space();
        if self.take(b':') { Ok(Some(key)) } else { Err(NoJson) }
    }

    /// Whether the array that was entered has another element, which comes next. `is_first` starts as `true`.
    pub fn has_element(&mut self, is_first: &mut bool) -> Step<bool> {
        self.has_more(is_first, b']')
    }

    /// The value that comes next.
    pub fn value(&mut self) -> Step<Json<'a>> {
        let start = self.value_start();
        self.pass_value()?;
        Ok(self.since(start))
    }

    /// Where the next value begins.
    pub fn value_start(&mut self) -> usize {
        self.skip_space();
        self.at
    }

    /// What began at a place and has been passed.
    pub fn since(&self, start: usize) -> Json<'a> {
        Json::of_valid(&self.text[start..self.at])
    }

    fn has_more(&mut self, is_first: &mut bool, closing: u8) -> Step<bool> {
        self.skip_space();
        if self.take(closing) {
            return Ok(false);
        }
        if !std::mem::take(is_first) {
            if !self.take(b',') {
                return Err(NoJson);
            }
            self.skip_space();
        }
        Ok(true)
    }

    /// However deep it is nested, without recursion.
    fn pass_value(&mut self) -> Step<()> {
        let mut open = Brackets::default();
        loop {
            self.skip_space();
            match self.peek() {
                Some(b'{') => {
                    self.at += 1;
                    self.skip_space();
                    if !self.take(b'}') {
                        open.push(true);
                        self.pass_key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    self.skip_space();
                    if !self.take(b']') {
                        open.push(false);
                        continue;
                    }
                }
                _ => self.pass_scalar()?,
            }
            // Behind a value: out of all that ends here, and on to the next one.
            loop {
                let Some(is_object) = open.last() else {
                    return Ok(());
                };
                self.skip_space();
                if self.take(b',') {
                    if is_object {
                        self.skip_space();
                        self.pass_key()?;
                    }
                    break;
                }
                if !self.take(if is_object { b'}' } else { b']' }) {
                    return Err(NoJson);
                }
                open.pop();
            }
        }
    }

    fn pass_key(&mut self) -> Step<()> {
        self.pass_string()?;
        self.skip_space();
        if self.take(b':') { Ok(()) } else { Err(NoJson) }
    }

    fn pass_scalar(&mut self) -> Step<()> {
        match self.peek() {
            Some(b'"') => self.pass_string(),
            Some(b'-' | b'0'..=b'9') => self.pass_number(),
            Some(b't') => self.pass_word("true"),
            Some(b'f') => self.pass_word("false"),
            Some(b'n') => self.pass_word("null"),
            _ => Err(NoJson),
        }
    }

    fn pass_word(&mut self, word: &str) -> Step<()> {
        let is_it = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        if is_it { Ok(()) } else { Err(NoJson) }
    }

    fn pass_number(&mut self) -> Step<()> {
        self.take(b'-');
        if !self.take(b'0') {
            self.pass_digits()?;
        }
        if self.take(b'.') {
            self.pass_digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.pass_digits()?;
        }
        Ok(())
    }

    fn pass_digits(&mut self) -> Step<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(NoJson) }
    }

    fn pass_string(&mut self) -> Step<()> {
        if !self.take(b'"') {
            return Err(NoJson);
        }
        let bytes = self.text.as_bytes();
        loop {
            self.at += plain_length(&bytes[self.at..]);
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.pass_escape()?,
                _ => return Err(NoJson),
            }
        }
    }

    fn pass_escape(&mut self) -> Step<()> {
        let bytes = self.text.as_bytes();
        self.at += match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => {
                let digits = bytes.get(self.at + 2..self.at + 6).ok_or(NoJson)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(NoJson);
                }
                6
            }
            _ => return Err(NoJson),
        };
        Ok(())
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }
}

/// How many bytes come before the first that means something in a string: a quote, a backslash, a control character
/// (which must not be there). Eight bytes are looked at together, which is what makes long strings fast.
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES * 0x80;
    const QUOTES: u64 = ONES * b'"' as u64;
    const BACKSLASHES: u64 = ONES * b'\\' as u64;
    // The high bit of each byte that is 0; bytes behind the first such may be wrong, which does not matter here.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut length = 0;
    while let Some((chunk, _)) = bytes[length..].split_first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES) | controls;
        if found != 0 {
            return length + (found.trailing_zeros() / 8) as usize;
        }
        length += chunk.len();
    }
    let is_plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    length + bytes[length..].iter().take_while(|byte| is_plain(byte)).count()
}

/// The brackets that are open, a bit each: whether it is an object's.
#[derive(Default)]
struct Brackets {
    last_64: u64,
    before: Vec<u64>,
    depth: usize,
}

impl Brackets {
    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.before.push(self.last_64);
        }
        self.last_64 = self.last_64 << 1 | u64::from(is_object);
        self.depth += 1;
    }

    fn last(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.last_64 & 1 == 1)
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.last_64 >>= 1;
        if self.depth > 0
            && self.depth.is_multiple_of(64)
            && let Some(before) = self.before.pop()
        {
            self.last_64 = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    /// The same judgement as that of `serde_json`.
    fn agrees(text: &str) {
        let expected = serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get);
        assert_eq!(Cursor::whole(text).ok().map(Json::text), expected, "{text:?}");
    }

    #[test]
    fn what_is_json_is_what_serde_json_takes() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[",
            "]",
            "{}",
            " [ ] ",
            "[,]",
            "[1,]",
            "[1 2]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1 \"b\":2}",
            "{a:1}",
            "[[[]]]",
            "[{}]",
            "{\"a\":[{\"b\":[]}]}",
            "{\"a\":1]",
            "[1}",
            "1 2",
            "nul",
            "nulll",
            "true",
            "false",
            "truefalse",
            "0",
            "00",
            "-",
            "-0",
            "01",
            "1.",
            ".1",
            "1.5",
            "1e",
            "1e5",
            "1E+5",
            "1e-",
            "-1.25e-07",
            "1e999",
            "0x1",
            "+1",
            "NaN",
            "\"",
            "\"\"",
            "\"a",
            "\"\\\"",
            "\"\\\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\\ud800\"",
            "\"\\uD83D\\uDE00\"",
            "\"\\/\\b\\f\\n\\r\\t\"",
            "\"a\nb\"",
            "\"a\tb\"",
            "\"\u{7f}\u{80}é\u{2028}😀\"",
            "\u{feff}{}",
            "[\"\u{1f}\"]",
            "\u{c}1",
            "[1,\n\r\t 2]",
            "\"12345678\\",
            "\"1234567\\u00",
            "{\"a\":1}x",
        ] {
            agrees(text);
        }
    }

    #[test]
    fn each_byte_is_found_wherever_it_stands_in_a_word() {
        for byte in (0..=0x7f_u8).map(char::from) {
            for length in 0..20 {
                let plain = "x".repeat(length);
                agrees(&format!("\"{plain}{byte}{plain}\""));
                agrees(&format!("\"{plain}é{byte}\u{ff}{plain}\""));
            }
        }
    }

    #[test]
    fn brackets_may_be_nested_as_deep_as_they_like() {
        for depth in [1, 63, 64, 65, 127, 128, 129, 5_000] {
            let (open, close) = ("[{\"a\":".repeat(depth), "}]".repeat(depth));
            agrees(&format!("{open}1{close}"));
            agrees(&format!("{open}1{close}]"));
            agrees(&format!("{open}1{}", close.replacen("}]", "]}", 1)));
        }
    }
}
