//! One line of the output, read leniently: a member that is missing or of another type is simply not there.

use std::borrow::Cow;

use crate::json::{self, Cursor, Json, NoJson};

/// Types of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// The object that comes next; its members go through `read`, which keeps those it does not take.
    fn next(
        cursor: &mut Cursor<'a>,
        mut read: impl FnMut(&str, &mut Cursor<'a>) -> Result<(), NoJson>,
    ) -> Result<Option<Self>, NoJson> {
        let mut members = Vec::with_capacity(16);
        if !cursor.enter(b'{') {
            return cursor.value().map(|_| None);
        }
        let mut is_first = true;
        while let Some(raw_key) = cursor.key(&mut is_first)? {
            let key = json::key(raw_key);
            let start = cursor.value_start();
            read(&key, cursor)?;
            let value = if cursor.value_start() == start { cursor.value()? } else { cursor.since(start) };
            members.push((key, value));
        }
        Ok(Some(Self(members)))
    }

    pub fn of(value: Json<'a>) -> Option<Self> {
        Self::next(&mut Cursor::new(value.text()), |_, _| Ok(())).ok().flatten()
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

/// A message: what a line carries of the conversation.
#[derive(Default)]
pub struct Message<'a> {
    object: Object<'a>,
    content: Vec<Object<'a>>,
}

impl<'a> Message<'a> {
    /// The message that comes next. Its content is taken apart on the way, since to come back to it would take as long
    /// again: it can be as long as a file that a tool has read.
    fn next(cursor: &mut Cursor<'a>) -> Result<Option<Self>, NoJson> {
        let mut content = Vec::new();
        let object = Object::next(cursor, |key, cursor| {
            if key == "content" {
                content = blocks(cursor)?;
            }
            Ok(())
        })?;
        Ok(object.map(|object| Self { object, content }))
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

/// The content blocks that come next; none where something else does, which stays where it is.
fn blocks<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Object<'a>>, NoJson> {
    let mut blocks = Vec::new();
    if cursor.enter(b'[') {
        let mut is_first = true;
        while cursor.has_element(&mut is_first)? {
            blocks.extend(Object::next(cursor, |_, _| Ok(()))?);
        }
    }
    Ok(blocks)
}

/// A JSON object of the output: usually a line.
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
        let mut cursor = Cursor::new(rest);
        let Some(line) = Line::next(&mut cursor) else {
            return if content == Content::NoObject { content } else { Content::ObjectsAndMore };
        };
        rest = skip_noise(cursor.rest());
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
    /// The object that comes next. `None` if there is none.
    fn next(cursor: &mut Cursor<'a>) -> Option<Self> {
        let mut message = None;
        let object = Object::next(cursor, |key, cursor| {
            if key == "message" {
                message = Message::next(cursor)?;
            }
            Ok(())
        });
        let object = object.ok().flatten()?;
        let kind = match object.string("type").as_deref() {
            Some("system") if object.string("subtype").as_deref() == Some("init") => Kind::Init,
            Some("system") => Kind::System,
            Some("assistant") => Kind::Assistant,
            Some("user") => Kind::User,
            Some("stream_event") => Kind::StreamEvent,
            Some("conversation_reset") => Kind::ConversationReset,
            Some("result") => Kind::Result,
            Some(other) if OTHER.contains(&other) => Kind::Other,
            _ => Kind::Unknown,
        };
        Some(Self { kind, message, object })
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
