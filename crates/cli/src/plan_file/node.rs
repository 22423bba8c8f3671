//! The values of a plan file, each with its place.

use serde_json::{Map, Number, Value as JsonValue};

/// A place in a file. Both numbers begin at 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// The beginning of a file.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place of a byte of a text.
    pub fn of_byte(text: &str, byte: usize) -> Self {
        let before = &text[..byte];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Place of its beginning.
    pub place: Place,
    /// The value.
    pub value: Value,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text, a number, `true`, `false` or nothing.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// Keys and their values, in the order of the file. Keys differ.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Place of the key.
    pub place: Place,
    /// The value.
    pub value: Node,
}

/// A value without parts, as text. Its type follows from the text unless it was quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text.
    pub text: String,
    /// The notation.
    pub style: Style,
}

/// The notation of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: perhaps a number, `true`, `false` or `null`.
    Plain,
    /// With quotes, or a block: always text.
    Quoted,
    /// The value of a `${{ }}` that was all of the scalar: what is needed there.
    Inserted,
}

/// A scalar with its type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Resolved<'a> {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number, perhaps infinite or not a number.
    Number(f64),
    /// Text.
    Text(&'a str),
}

impl Scalar {
    /// A scalar.
    pub fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    /// The value by the rules of the core schema of YAML 1.2.
    pub fn resolve(&self) -> Resolved<'_> {
        if self.style == Style::Quoted { Resolved::Text(&self.text) } else { resolve(&self.text) }
    }

    /// The text, if the scalar is text or can be taken for it.
    pub fn as_text(&self) -> Option<&str> {
        match (self.style, self.resolve()) {
            (Style::Inserted, _) | (_, Resolved::Text(_)) => Some(&self.text),
            _ => None,
        }
    }
}

/// The value of a plain scalar by the core schema of YAML 1.2.
fn resolve(text: &str) -> Resolved<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "true" | "True" | "TRUE" => Resolved::Flag(true),
        "false" | "False" | "FALSE" => Resolved::Flag(false),
        ".nan" | ".NaN" | ".NAN" => Resolved::Number(f64::NAN),
        _ => number(text).map_or(Resolved::Text(text), Resolved::Number),
    }
}

fn number(text: &str) -> Option<f64> {
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok();
    if let Some(digits) = text.strip_prefix("0o").filter(|digits| is_digits(digits)) {
        #[allow(clippy::cast_precision_loss, reason = "as any number of JSON")]
        return radix(digits, 8).map(|number| number as f64);
    }
    if let Some(digits) = text.strip_prefix("0x").filter(|digits| !digits.starts_with('+')) {
        #[allow(clippy::cast_precision_loss, reason = "as any number of JSON")]
        return radix(digits, 16).map(|number| number as f64);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let (mantissa, exponent) =
        unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(mantissa, exponent)| {
            (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
        });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = (is_digits(whole) || (whole.is_empty() && is_digits(fraction)))
        && (fraction.is_empty() || is_digits(fraction))
        && exponent.is_none_or(is_digits);
    if is_number { text.parse().ok() } else { None }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Entry {
    /// The same key with another value.
    pub fn with(&self, value: Node) -> Self {
        Self { key: self.key.clone(), place: self.place, value }
    }
}

impl Node {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a map; none of anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Scalar(_) | Value::List(_) => &[],
        }
    }

    /// The elements of a list; none of anything else.
    pub fn elements(&self) -> &[Node] {
        match &self.value {
            Value::List(elements) => elements,
            Value::Scalar(_) | Value::Map(_) => &[],
        }
    }

    /// The scalar, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The text, if it is some.
    pub fn text(&self) -> Option<&str> {
        self.scalar()?.as_text()
    }

    /// The number, if it is one that JSON has.
    pub fn number(&self) -> Option<f64> {
        match self.scalar()?.resolve() {
            Resolved::Number(number) if number.is_finite() => Some(number),
            _ => None,
        }
    }

    /// The whole number, if it is one that is not negative.
    pub fn whole(&self) -> Option<u64> {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number in the range"
        )]
        #[allow(clippy::cast_precision_loss, reason = "a power of two")]
        self.number()
            .filter(|number| number.fract() == 0.0 && *number >= 0.0 && *number < u64::MAX as f64)
            .map(|number| number as u64)
    }

    /// `true` or `false`, if it is one.
    pub fn flag(&self) -> Option<bool> {
        match self.scalar()?.resolve() {
            Resolved::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    /// The value as an error shows it.
    pub fn shown(&self) -> String {
        const MAX_SHOWN: usize = 40;
        match &self.value {
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
            Value::Scalar(scalar) => match scalar.resolve() {
                Resolved::Null => "nothing".to_owned(),
                Resolved::Text(text) if text.chars().count() > MAX_SHOWN => {
                    let start: String = text.chars().take(MAX_SHOWN).collect();
                    format!("{:?}", start + "…")
                }
                Resolved::Text(text) => format!("{text:?}"),
                Resolved::Flag(_) | Resolved::Number(_) => scalar.text.clone(),
            },
        }
    }

    /// The value as JSON; `None` if it contains a number that JSON does not have.
    pub fn to_json(&self) -> Option<JsonValue> {
        Some(match &self.value {
            Value::Scalar(scalar) => match scalar.resolve() {
                Resolved::Null => JsonValue::Null,
                Resolved::Flag(flag) => flag.into(),
                Resolved::Text(text) => text.into(),
                Resolved::Number(number) => JsonValue::Number(json_number(&scalar.text, number)?),
            },
            Value::List(elements) => elements.iter().map(Self::to_json).collect::<Option<Vec<_>>>()?.into(),
            Value::Map(_) => self.to_json_object()?.into(),
        })
    }

    /// The entries of a map as a JSON object.
    pub fn to_json_object(&self) -> Option<Map<String, JsonValue>> {
        let member = |entry: &Entry| Some((entry.key.clone(), entry.value.to_json()?));
        self.entries().iter().map(member).collect()
    }
}

/// A number as JSON, whole ones without a fraction.
fn json_number(text: &str, number: f64) -> Option<Number> {
    match text.parse::<i64>() {
        Ok(whole) => Some(whole.into()),
        Err(_) => Number::from_f64(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_have_the_types_of_the_core_schema() {
        for null in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(resolve(null), Resolved::Null, "{null}");
        }
        for (text, expected) in [
            ("0", 0.0),
            ("-12", -12.0),
            ("+3", 3.0),
            ("0o17", 15.0),
            ("0xfF", 255.0),
            ("1.5", 1.5),
            (".5", 0.5),
            ("1.", 1.0),
            ("1e3", 1_000.0),
            ("-.5E-1", -0.05),
            ("-.inf", f64::NEG_INFINITY),
        ] {
            assert_eq!(resolve(text), Resolved::Number(expected), "{text}");
        }
        // Text, although YAML 1.1 or other languages think otherwise.
        for text in [
            "no", "yes", "on", "off", "n", "1_000", "0b1", "12:30", "nan", "inf", ".", "e3", "1e", "--1",
            "0x", "0o8", "tRue", "0x+1", "0o+1",
        ] {
            assert_eq!(resolve(text), Resolved::Text(text));
        }
    }

    #[test]
    fn quotes_make_text() {
        assert_eq!(Scalar::new("5", Style::Quoted).resolve(), Resolved::Text("5"));
        assert_eq!(Scalar::new("5", Style::Plain).as_text(), None);
        assert_eq!(Scalar::new("5", Style::Inserted).as_text(), Some("5"));
        assert_eq!(Scalar::new("5", Style::Inserted).resolve(), Resolved::Number(5.0));
    }

    #[test]
    fn places_count_characters() {
        let text = "ä: 1\nb: ü x\n";
        assert_eq!(Place::of_byte(text, 0), Place::START);
        assert_eq!(Place::of_byte(text, text.find('x').unwrap()), Place { line: 2, column: 6 });
    }
}
