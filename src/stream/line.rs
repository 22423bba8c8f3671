//! One line of the output, read leniently: a member that is missing or of another type is simply not there.

use std::borrow::Cow;

use crate::json::{self, Cursor, Json, NoJson};

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Init,
    System,
    Assistant,
    User,
    StreamEvent,
    Result,
    Unknown,
}

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

    fn string(&self, key: &str) -> Option<Cow<'a, str>> {
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

/// A line that is a JSON object.
pub struct Line<'a> {
    pub kind: Kind,
    /// The message that it carries.
    pub message: Option<Message<'a>>,
    object: Object<'a>,
}

impl<'a> Line<'a> {
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut message = None;
        let mut cursor = Cursor::new(text);
        let object = Object::next(&mut cursor, |key, cursor| {
            if key == "message" {
                message = Message::next(cursor)?;
            }
            Ok(())
        });
        let object = object.ok().flatten().filter(|_| cursor.end().is_ok())?;
        let kind = match object.string("type").as_deref() {
            Some("system") if object.string("subtype").as_deref() == Some("init") => Kind::Init,
            Some("system") => Kind::System,
            Some("assistant") => Kind::Assistant,
            Some("user") => Kind::User,
            Some("stream_event") => Kind::StreamEvent,
            Some("result") => Kind::Result,
            _ => Kind::Unknown,
        };
        Some(Self { kind, message, object })
    }

    /// Whether it comes from a sub-agent and not from the main conversation.
    pub fn is_of_subagent(&self) -> bool {
        self.parent().is_some()
    }

    /// The tool use that the sub-agent works for; none for the main conversation.
    pub fn parent(&self) -> Option<String> {
        self.text("parent_tool_use_id")
    }
}

impl<'a> std::ops::Deref for Line<'a> {
    type Target = Object<'a>;
    fn deref(&self) -> &Object<'a> {
        &self.object
    }
}
