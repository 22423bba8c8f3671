//! One line of the output, read leniently: a member that is missing or of another type is simply not there.

use crate::json::{Json, Member};

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

/// The members of a JSON object.
pub struct Object<'a>(Vec<Member<'a>>);

impl<'a> Object<'a> {
    pub fn parse(text: &'a str) -> Option<Self> {
        Json::parse(text).ok().and_then(Self::of)
    }

    pub fn of(value: Json<'a>) -> Option<Self> {
        value.is_object().then(|| Self(value.members().collect()))
    }

    /// A member's value. Of two with the same key the last counts, as it does in `JSON.parse`.
    pub fn get(&self, key: &str) -> Option<Json<'a>> {
        self.0.iter().rev().find(|member| member.key() == key).map(|member| member.value)
    }

    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key).and_then(Json::string).map(std::borrow::Cow::into_owned)
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

    pub fn members(&self) -> &[Member<'a>] {
        &self.0
    }

    /// The content blocks of one type.
    pub fn blocks(&self, kind: &'static str) -> impl Iterator<Item = Object<'a>> + use<'a> {
        let blocks = self.get("content").into_iter().flat_map(Json::elements);
        blocks
            .filter_map(Object::of)
            .filter(move |block| block.get("type").and_then(Json::string).is_some_and(|is| is == kind))
    }
}

/// A line that is a JSON object.
pub struct Line<'a> {
    pub kind: Kind,
    object: Object<'a>,
}

impl<'a> Line<'a> {
    pub fn parse(text: &'a str) -> Option<Self> {
        let object = Object::parse(text)?;
        let kind = match object.text("type").as_deref() {
            Some("system") if object.text("subtype").as_deref() == Some("init") => Kind::Init,
            Some("system") => Kind::System,
            Some("assistant") => Kind::Assistant,
            Some("user") => Kind::User,
            Some("stream_event") => Kind::StreamEvent,
            Some("result") => Kind::Result,
            _ => Kind::Unknown,
        };
        Some(Self { kind, object })
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
