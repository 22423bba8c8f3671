//! Reads typed data from JSON text. The path and the reason of an error are determined only after a failure.
//!
//! ```
//! use session_groups::model::{GroupSession, from_json};
//!
//! let error = from_json::<GroupSession>(r#"{ "id": "a", "projectPath": 5 }"#).unwrap_err();
//! assert_eq!(error.to_string(), "projectPath must be a string, but is 5");
//! ```

use std::borrow::Cow;
use std::collections::HashMap;

use serde::de::{Deserialize, DeserializeOwned};
use serde_path_to_error::Segment;

use crate::error::FieldError;
use crate::json::{self, Json};
use crate::model::check::{Checkable, Checked};
use crate::model::record::{Shape, camel_case};
use crate::model::{GroupSession, SessionGroup};

/// The reason why a text is not what it should be.
#[derive(Debug)]
pub struct Invalid<'a> {
    /// The field and what was expected.
    pub wrong: FieldError,
    /// The piece of the text at fault.
    pub at: &'a str,
}

/// Reads typed data. The error names the field by its path, e.g. `sessions[2].status`.
pub fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, FieldError> {
    strict(text.trim_matches(json::WHITE_SPACE)).map_err(|invalid| invalid.wrong)
}

/// Reads a session or a group whose recent fields may have been used for something else, which is ignored.
pub fn from_older_json<T: Model>(text: &str) -> Result<T, FieldError> {
    let text = text.trim_matches(json::WHITE_SPACE);
    older(text, Json::of_valid(text)).map_err(|invalid| invalid.wrong)
}

/// An object that has recent fields.
pub trait Model: DeserializeOwned {
    /// Its recent fields.
    const SHAPE: &'static Shape;
}

impl Model for SessionGroup {
    const SHAPE: &'static Shape = &super::group::SHAPE;
}

impl Model for GroupSession {
    const SHAPE: &'static Shape = &super::session::SHAPE;
}

/// Returns `true` if a text is a valid value.
pub fn is<T: DeserializeOwned>(text: &str) -> bool {
    strict::<T>(text).is_ok()
}

/// Reads a text without white space around it.
pub fn strict<T: DeserializeOwned>(text: &str) -> Result<T, Invalid<'_>> {
    let original = Json::of_valid(text);
    match too_deep(original) {
        None => read(text, original),
        Some(invalid) => Err(invalid),
    }
}

/// Checks a text without white space around it. `None` does not mean that it is invalid: only [`strict`] tells.
pub fn check<T: Checkable>(text: &str) -> Option<Checked<'_, T>> {
    if too_deep(Json::of_valid(text)).is_some() { None } else { parse(text).ok() }
}

/// Reads a text, ignoring invalid recent fields. `original` is the text in which an error is looked for: the
/// same one, or what it was before an older notation was replaced.
pub fn older<'a, T: Model>(text: &str, original: Json<'a>) -> Result<T, Invalid<'a>> {
    if let Some(invalid) = too_deep(original) {
        return Err(invalid);
    }
    read(&without(text, &ignored(text, T::SHAPE)), original)
}

/// Reads what an update made of a stored object: strictly, except that invalid recent fields that the update did not
/// change are ignored.
pub fn update<'a, T: Model>(text: &'a str, stored: &str) -> Result<T, Invalid<'a>> {
    strict(text).or_else(|invalid| {
        let mut ignored = ignored(text, T::SHAPE);
        if ignored.is_empty() {
            return Err(invalid);
        }
        let before = self::ignored(stored, T::SHAPE).into_iter();
        let before: HashMap<_, _> = before.map(|field| (field.name, field.value)).collect();
        ignored.retain(|field| before.get(&field.name).is_some_and(|before| before.is_same(field.value)));
        read(&without(text, &ignored), Json::of_valid(text))
    })
}

/// A recent field with an invalid value.
struct Ignored<'a> {
    name: FieldName<'a>,
    raw_key: &'a str,
    value: Json<'a>,
}

/// Names a field independently of the order of the sessions.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct FieldName<'a> {
    /// The id of the session that it is in, unless it is in the group itself.
    session: Option<Cow<'a, str>>,
    path: String,
}

/// The recent fields with invalid values, in their order.
fn ignored<'a>(text: &'a str, shape: &Shape) -> Vec<Ignored<'a>> {
    let mut found = Vec::new();
    find_ignored(Json::of_valid(text), shape, &FieldName::default(), &mut found);
    found
}

fn find_ignored<'a>(object: Json<'a>, shape: &Shape, place: &FieldName<'a>, found: &mut Vec<Ignored<'a>>) {
    for member in object.members() {
        let key = member.key();
        let name = FieldName { session: place.session.clone(), path: format!("{}.{key}", place.path) };
        if let Some((_, part)) = shape.parts.iter().find(|(part, _)| camel_case(part) == key) {
            find_ignored(member.value, part, &name, found);
            for element in member.value.elements() {
                let session = element.get("id").and_then(Json::string);
                find_ignored(element, part, &FieldName { session, path: String::new() }, found);
            }
        }
        let recent = shape.recent.iter().find(|(recent, _)| camel_case(recent) == key);
        if recent.is_some_and(|(_, is_valid)| !is_valid(member.value.text())) {
            found.push(Ignored { name, raw_key: member.raw_key, value: member.value });
        }
    }
}

/// The text with an unknown field, whose value may be anything, in place of each of some fields.
fn without(text: &str, fields: &[Ignored<'_>]) -> String {
    let offset = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
    let (mut out, mut copied) = (String::with_capacity(text.len()), 0);
    for field in fields {
        let value = field.value.text();
        out.push_str(&text[copied..offset(field.raw_key)]);
        out.push_str(r#""":null"#);
        copied = offset(value) + value.len();
    }
    out.push_str(&text[copied..]);
    out
}

fn read<'a, T: DeserializeOwned>(text: &str, original: Json<'a>) -> Result<T, Invalid<'a>> {
    parse(text).or_else(|_| {
        let no_json = |error| FieldError::new("", format!("is no JSON: {error}"));
        Json::parse(text).map_err(|error| Invalid { wrong: no_json(error), at: "" })?;
        let readable = json::readable(text);
        parse(&readable).map_err(|_| explain::<T>(&readable, original))
    })
}

/// Serde's own limit of depth is lower than ours, which is checked before.
fn deserializer(text: &str) -> serde_json::Deserializer<serde_json::de::StrRead<'_>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.disable_recursion_limit();
    deserializer
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    let mut deserializer = deserializer(text);
    let value = T::deserialize(&mut deserializer)?;
    deserializer.end().map(|()| value)
}

/// Finds a value that is nested too deep.
fn too_deep(json: Json<'_>) -> Option<Invalid<'_>> {
    /// Fields of objects of the model, which are not counted themselves.
    const PARTS: &[&str] = &["sessions", "config", "sessionDefaults"];
    fn find<'a>(json: Json<'a>, path: &mut Vec<Step>) -> Option<Json<'a>> {
        let members = json.members().map(|member| (Step::Key(member.key().into_owned()), member.value));
        let elements = json.elements().enumerate().map(|(index, value)| (Step::Index(index), value));
        let (step, value) =
            members.chain(elements).find(|(_, value)| value.is_deeper_than(json::MAX_DEPTH))?;
        let is_part = match &step {
            Step::Key(key) => PARTS.contains(&key.as_str()),
            Step::Index(_) => true,
        };
        path.push(step);
        if is_part { find(value, path) } else { Some(value) }
    }
    // Few brackets cannot be nested deep, and to count them is fast: in chunks whose counts fit into bytes.
    let is_bracket = |byte: &u8| u8::from(byte | 0x20 == b'{');
    let chunks = json.text().as_bytes().chunks(255);
    if chunks.map(|chunk| usize::from(chunk.iter().map(is_bracket).sum::<u8>())).sum::<usize>()
        <= json::MAX_DEPTH
    {
        return None;
    }
    let mut path = Vec::new();
    let at = find(json, &mut path)?.text();
    let problem = format!("must be nested at most 1,000 levels deep, but is {}", json::excerpt(at));
    Some(Invalid { wrong: FieldError::new(shown(&path), problem), at })
}

/// A step from a value to one in it.
enum Step {
    Key(String),
    Index(usize),
}

/// A path as errors show it.
fn shown(path: &[Step]) -> String {
    path.iter().fold(String::new(), |path, step| match step {
        Step::Key(key) if path.is_empty() => key.clone(),
        Step::Key(key) => format!("{path}.{key}"),
        Step::Index(index) => format!("{path}[{index}]"),
    })
}

/// The value at a path, or the nearest one around it.
fn value_at<'a>(json: Json<'a>, path: &[Step]) -> Json<'a> {
    let next = path.split_first().and_then(|(step, rest)| {
        let value = match step {
            Step::Key(key) => json.get(key),
            Step::Index(index) => json.elements().nth(*index),
        };
        value.map(|value| value_at(value, rest))
    });
    next.unwrap_or(json)
}

/// Serde's path and message for a text that cannot be read.
fn failure<T: DeserializeOwned>(text: &str) -> (Vec<Step>, String) {
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut deserializer(text)) else {
        return (Vec::new(), "it is followed by something else".to_owned());
    };
    let steps = error.path().iter().map_while(|segment| match segment {
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    let message = error.inner().to_string();
    (steps.collect(), message.rsplit_once(" at line ").map_or("", |(message, _)| message).to_owned())
}

/// The expectation in a message of serde, in the words of our messages.
fn expected(message: &str) -> Option<&str> {
    let (_, expected) = message.rsplit_once(", expected ")?;
    Some(match expected {
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "a map" => "an object",
        other => other,
    })
}

/// Returns the error of a text that cannot be read as a type.
fn explain<'a, T: DeserializeOwned>(text: &str, original: Json<'a>) -> Invalid<'a> {
    let (mut path, message) = failure::<T>(text);
    let found = value_at(original, &path);
    let field = |kind: &str| Some(message.strip_prefix(kind)?.trim_matches('`').to_owned());
    if let Some(field) = field("missing field ") {
        let message = with_null::<T>(text, &path, &field);
        let problem = format!("is missing, expected {}", expected(&message).unwrap_or("a value"));
        path.push(Step::Key(field));
        return Invalid { wrong: FieldError::new(shown(&path), problem), at: found.text() };
    }
    if let Some(field) = field("duplicate field ") {
        let second = found.members().filter(|member| member.key() == field).nth(1);
        path.push(Step::Key(field));
        let wrong = FieldError::new(shown(&path), "is there twice, and readers differ on which one holds");
        return Invalid { wrong, at: second.map_or(found.text(), |member| member.raw_key) };
    }
    if message.starts_with("unknown field ") {
        let known = expected(&message).unwrap_or_default();
        let known = known.strip_prefix("one of ").unwrap_or(known).replace('`', "");
        let wrong = FieldError::new(shown(&path), format!("is unknown. Known are {known}"));
        return Invalid { wrong, at: found.text() };
    }
    let (place, problem) = match expected(&message) {
        Some(expected) => {
            let null = found.text() == "null" && expected.contains("number");
            let null = if null { ", which is what JSON makes of NaN and Infinity" } else { "" };
            (String::new(), format!("must be {expected}, but is {}{null}", json::excerpt(found.text())))
        }
        // The message of a check of several fields together begins with the rest of the path.
        None => match message.split_once(' ') {
            Some((place, problem)) => (place.to_owned(), problem.to_owned()),
            None => (String::new(), message),
        },
    };
    let field = shown(&path) + &place;
    Invalid { wrong: FieldError::new(field, problem), at: found.text() }
}

/// Returns the failure of reading a text with `null` for a field that is missing in the object at a path.
fn with_null<T: DeserializeOwned>(text: &str, path: &[Step], field: &str) -> String {
    let object = value_at(Json::of_valid(text), path);
    let start = object.text().as_ptr() as usize - text.as_ptr() as usize + 1;
    let comma = if object.members().next().is_some() { "," } else { "" };
    failure::<T>(&format!("{}\"{field}\":null{comma}{}", &text[..start], &text[start..])).1
}
