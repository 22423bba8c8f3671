//! One line of the output, read leniently: a member that is missing or of another type is simply not there.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{self, Json};

/// The type of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    Init,
    System,
    Assistant,
    User,
    StreamEvent,
    /// The conversation was cleared: what follows is another one.
    ConversationReset,
    Result,
    /// A type that says nothing about progress.
    Other,
    #[default]
    Unknown,
}

/// Types of lines, up to 2.1.332, that say nothing about progress.
const OTHER: &[&str] = &[
    "command_lifecycle",
    "control_cancel_request",
    "control_request",
    "control_response",
    "keep_alive",
    "rate_limit_event",
    "tool_progress",
];

/// The members of a JSON object, by their keys.
#[derive(Default)]
pub struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Object<'a> {
    /// The object that a value is. `None` for any other value.
    pub fn of(value: Json<'a>) -> Option<Self> {
        value.is_object().then(|| Self(value.members().map(|member| (member.key(), member.value)).collect()))
    }

    /// A member's value. Of two with the same key the last counts, as it does in `JSON.parse`.
    pub fn get(&self, key: &str) -> Option<Json<'a>> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    pub fn text(&self, key: &str) -> Option<String> {
        self.string(key).map(Cow::into_owned)
    }

    pub fn string(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key).and_then(Json::string)
    }

    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key).and_then(Json::number)
    }

    pub fn flag(&self, key: &str) -> bool {
        self.get(key).map(Json::text) == Some("true")
    }

    pub fn object(&self, key: &str) -> Option<Object<'a>> {
        self.get(key).and_then(Object::of)
    }

    pub fn values(&self) -> impl ExactSizeIterator<Item = Json<'a>> {
        self.0.iter().map(|(_, value)| *value)
    }
}

/// A message: the part of the conversation that a line carries.
#[derive(Default)]
pub struct Message<'a> {
    object: Object<'a>,
    content: Vec<Object<'a>>,
}

impl<'a> Message<'a> {
    /// The content blocks.
    pub fn content(&self) -> &[Object<'a>] {
        &self.content
    }

    /// The content blocks of one type.
    pub fn blocks(&self, kind: &'static str) -> impl Iterator<Item = &Object<'a>> {
        self.content.iter().filter(move |block| block.string("type").is_some_and(|is| is == kind))
    }
}

impl<'a> std::ops::Deref for Message<'a> {
    type Target = Object<'a>;
    fn deref(&self) -> &Object<'a> {
        &self.object
    }
}

/// Reads an object member by member.
trait Members<'a>: Default {
    fn read<A: MapAccess<'a>>(&mut self, key: Cow<'a, str>, map: &mut A) -> Result<(), A::Error>;
}

impl<'a> Members<'a> for Object<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: Cow<'a, str>, map: &mut A) -> Result<(), A::Error> {
        self.0.push((key, map.next_value()?));
        Ok(())
    }
}

// A message and its content are taken apart on the way, since to come back to them would take as long again: they can be
// as long as a file that a tool has read.
impl<'a> Members<'a> for Message<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: Cow<'a, str>, map: &mut A) -> Result<(), A::Error> {
        if key == "content" {
            self.content = map.next_value::<Lenient<_>>()?.elements;
            return Ok(());
        }
        self.object.read(key, map)
    }
}

impl<'a> Members<'a> for Line<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: Cow<'a, str>, map: &mut A) -> Result<(), A::Error> {
        if key == "message" {
            self.message = map.next_value::<Lenient<_>>()?.object;
            return Ok(());
        }
        self.object.read(key, map)
    }
}

/// Any value: an object, the objects of an array, or something else, which is as if it were not there.
struct Lenient<T> {
    object: Option<T>,
    elements: Vec<T>,
}

impl<'de, T: Members<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self { object: None, elements: Vec::new() })
    }
}

impl<'de, T: Members<'de>> Visitor<'de> for Lenient<T> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut object = T::default();
        while let Some(key) = map.next_key::<&RawValue>()? {
            object.read(json::key(key.get()), &mut map)?;
        }
        Ok(Self { object: Some(object), ..self })
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut array: A) -> Result<Self, A::Error> {
        while let Some(element) = array.next_element::<Self>()? {
            self.elements.extend(element.object);
        }
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

/// A JSON object of the output: usually a line.
#[derive(Default)]
pub struct Line<'a> {
    pub kind: Kind,
    /// The message that it carries.
    pub message: Option<Message<'a>>,
    object: Object<'a>,
}

/// Calls `read` with each JSON object of a line. Usually that is the whole line; but objects can share a line, be the
/// elements of an array, and have terminal control sequences around them.
pub fn objects<'a>(line: &'a str, mut read: impl FnMut(Line<'a>)) -> Content {
    let mut rest = skip_noise(line);
    rest = rest.strip_prefix('[').map_or(rest, skip_noise);
    let mut content = Content::NoObject;
    while !rest.is_empty() {
        let Some((line, length)) = Line::first_of(rest) else {
            return if content == Content::NoObject { content } else { Content::ObjectsAndMore };
        };
        rest = skip_noise(&rest[length..]);
        rest = rest.strip_prefix([',', ']']).map_or(rest, skip_noise);
        content = Content::Objects;
        read(line);
    }
    content
}

/// The content of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// JSON objects.
    Objects,
    /// JSON objects and something that cannot be read.
    ObjectsAndMore,
    /// Anything else.
    NoObject,
}

/// The text without white space, control characters, terminal control sequences and byte order marks in front.
fn skip_noise(text: &str) -> &str {
    let is_noise = |character: char| {
        !matches!(character, '\u{1b}' | '\u{9b}')
            && (character.is_whitespace() || character.is_control() || character == '\u{feff}')
    };
    let mut rest = text.trim_start_matches(is_noise);
    loop {
        let sequence = rest.strip_prefix('\u{1b}').map(skip_control_sequence);
        // The same as `ESC [` in one character.
        let sequence = sequence.or_else(|| rest.strip_prefix('\u{9b}').map(skip_parameters));
        let Some(following) = sequence else { return rest };
        rest = following.trim_start_matches(is_noise);
    }
}

/// The text without the control sequence (ECMA-48) whose escape character precedes it.
fn skip_control_sequence(text: &str) -> &str {
    let mut characters = text.chars();
    match characters.next() {
        // Control sequences such as `[?2004l` end with a letter or the like.
        Some('[') => skip_parameters(characters.as_str()),
        // Commands such as a window's title end with BEL or `ESC \`.
        Some(']' | 'P' | '_' | '^' | 'X') => {
            let command = characters.as_str();
            let end = command.find(['\u{7}', '\u{1b}']).unwrap_or(command.len());
            let end = &command[end..];
            end.strip_prefix('\u{7}').or_else(|| end.strip_prefix("\u{1b}\\")).unwrap_or(end)
        }
        // Others, such as `(B`, can have characters between space and slash before their last one.
        Some(_) => {
            let last = text.trim_start_matches(|next| (' '..='/').contains(&next));
            last.strip_prefix(|last| ('0'..='~').contains(&last)).unwrap_or(last)
        }
        None => text,
    }
}

/// The text without the parameters of a control sequence and the character that ends it.
fn skip_parameters(text: &str) -> &str {
    let last = text.trim_start_matches(|next| (' '..='?').contains(&next));
    last.strip_prefix(|last| ('@'..='~').contains(&last)).unwrap_or(last)
}

/// A line of plain text without control sequences and control characters, for people.
pub fn plain_text(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let following = &rest[next.len_utf8()..];
        rest = match next {
            '\u{1b}' => skip_control_sequence(following),
            '\u{9b}' => skip_parameters(following),
            _ => following,
        };
        if !next.is_control() {
            plain.push(next);
        }
    }
    plain
}

impl<'a> Line<'a> {
    /// The object that a text begins with, and its length. `None` if it begins with anything else.
    fn first_of(text: &'a str) -> Option<(Self, usize)> {
        if !text.starts_with('{') {
            return None;
        }
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Lenient<Self>>();
        if let Some(Ok(Lenient { object: Some(line), .. })) = values.next() {
            return Some((line.with_kind(), values.byte_offset()));
        }
        // A value that serde cannot represent, such as a message that is a lone surrogate, is skipped unread.
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Json<'a>>();
        let object = Object::of(values.next()?.ok()?)?;
        let message = object.object("message").map(|object| {
            let content = object.get("content").into_iter().flat_map(Json::elements);
            Message { content: content.filter_map(Object::of).collect(), object }
        });
        Some((Self { message, object, ..Self::default() }.with_kind(), values.byte_offset()))
    }

    fn with_kind(mut self) -> Self {
        self.kind = match self.string("type").as_deref() {
            Some("system") if self.string("subtype").as_deref() == Some("init") => Kind::Init,
            Some("system") => Kind::System,
            Some("assistant") => Kind::Assistant,
            Some("user") => Kind::User,
            Some("stream_event") => Kind::StreamEvent,
            Some("conversation_reset") => Kind::ConversationReset,
            Some("result") => Kind::Result,
            Some(other) if OTHER.contains(&other) => Kind::Other,
            _ => Kind::Unknown,
        };
        self
    }

    /// Returns `true` if the line comes from a sub-agent.
    pub fn is_of_subagent(&self) -> bool {
        self.parent().is_some()
    }

    /// The tool use that the sub-agent works for; none for the main conversation.
    pub fn parent(&self) -> Option<String> {
        self.text("parent_tool_use_id").filter(|id| !id.is_empty())
    }
}

impl<'a> std::ops::Deref for Line<'a> {
    type Target = Object<'a>;
    fn deref(&self) -> &Object<'a> {
        &self.object
    }
}
