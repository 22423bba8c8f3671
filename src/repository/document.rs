//! A stored group: its text, and the few fields that queries need.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use crate::error::{Error, Result, Wrong};
use crate::group::validate::{self, FORMER_RUNNING, Invalid, Strictness};
use crate::group::{GroupId, GroupStatus, SessionGroup, SessionStatus, time};
use crate::json;

/// The newest `schemaVersion` that this version writes (by leaving it out) and understands.
const SCHEMA_VERSION: f64 = 1.0;

/// A name for the stored state of a group: other bytes, other name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision(String);

impl Revision {
    /// The revision of a group that is stored as these bytes.
    pub fn of(stored: &[u8]) -> Self {
        Self(format!("{:032x}", xxhash_rust::xxh3::xxh3_128(stored)))
    }

    /// A revision as a caller gives it.
    pub fn from_name(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A valid group as JSON text.
#[derive(Debug, Clone)]
pub struct Document {
    text: Box<str>,
    revision: Revision,
    id: GroupId,
    name: Box<str>,
    status: GroupStatus,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    newer_schema: Option<f64>,
}

/// Why stored text is no group.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// The field, where the text is JSON.
    pub field: Option<String>,
    /// What is wrong, with line and column.
    pub problem: String,
    /// Set when a newer version wrote it, so that it may be right after all.
    pub newer_schema: Option<f64>,
}

impl Document {
    /// The group that a text is, strictly checked: what may be stored. Fails with `INVALID_GROUP`.
    pub fn from_text(text: String) -> Result<Self> {
        if let Err(error) = json::object(&text) {
            let problem = if error.is_data() {
                format!("must be an object, but is {}", json::excerpt(&text))
            } else {
                format!("is no JSON: {error}")
            };
            return Err(Error::InvalidGroup { group_id: String::new(), wrong: Wrong::new("group", problem) });
        }
        let refuse = |wrong| Error::InvalidGroup { group_id: shown_id(&text), wrong };
        validate::check_group(&text, Strictness::Strict).map_err(|invalid| refuse(invalid.wrong))?;
        if newer_schema(&text).is_some() {
            let problem =
                "must be 1 or absent: what a newer version understands cannot be checked by this one";
            return Err(refuse(Wrong::new("schemaVersion", problem)));
        }
        let revision = Revision::of(text.as_bytes());
        Self::lift(text, revision).ok_or_else(|| Error::Internal("a checked group lacks a field".to_owned()))
    }

    /// A group of typed Rust data, laid out as it is stored.
    pub fn from_group(group: &SessionGroup) -> Result<Self> {
        let text = serde_json::to_string(group).map_err(|error| Error::Internal(error.to_string()))?;
        Self::from_text(text)
    }

    /// The group that stored bytes are, leniently checked: what older versions wrote is understood.
    pub(crate) fn from_stored(stored: Vec<u8>) -> std::result::Result<Self, Unreadable> {
        let revision = Revision::of(&stored);
        let text = String::from_utf8(stored).map_err(|error| Unreadable {
            field: None,
            problem: format!("it is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()),
            newer_schema: None,
        })?;
        if let Err(error) = json::object(&text) {
            return Err(Unreadable {
                field: None,
                problem: format!("it is no JSON object: {error}"),
                newer_schema: None,
            });
        }
        let upgraded = match validate::check_group(&text, Strictness::Strict) {
            Ok(()) => None,
            Err(_) => match validate::check_group(&text, Strictness::Lenient) {
                Ok(()) => Some(upgrade(&text)),
                Err(invalid) => return Err(Unreadable::new(&text, &invalid)),
            },
        };
        Self::lift(upgraded.unwrap_or(text), revision).ok_or_else(|| Unreadable {
            field: None,
            problem: "it cannot be understood".to_owned(),
            newer_schema: None,
        })
    }

    /// Takes the fields that queries need out of checked text.
    fn lift(text: String, revision: Revision) -> Option<Self> {
        let members = json::object(&text).ok()?;
        let get = |name: &str| {
            members.iter().find(|member| member.key() == name).and_then(|member| json::string(member.value))
        };
        let (id, name, status) = (get("id")?, get("name")?, get("status")?);
        let (created_at, updated_at) = (get("createdAt")?, get("updatedAt")?);
        Some(Self {
            revision,
            id: GroupId::new(&id).ok()?,
            name: name.into(),
            status: GroupStatus::from_name(&status)?,
            created_at: time::instant(&created_at)?,
            updated_at: time::instant(&updated_at)?,
            newer_schema: newer_schema(&text),
            text: text.into(),
        })
    }

    /// The group as JSON text, every field with the bytes it was saved with.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The group as JSON text.
    pub fn into_text(self) -> String {
        self.text.into()
    }

    /// The group as typed Rust data, without the fields that this version does not know.
    pub fn group(&self) -> Result<SessionGroup> {
        json::typed(&self.text)
    }

    /// Names the state that is stored.
    pub fn revision(&self) -> Revision {
        self.revision.clone()
    }

    /// The same group, now stored as these bytes.
    pub(crate) fn stored_as(self, stored: &[u8]) -> Self {
        Self { revision: Revision::of(stored), ..self }
    }

    /// The group's id.
    pub fn id(&self) -> &GroupId {
        &self.id
    }

    /// The group's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the group stands.
    pub fn status(&self) -> GroupStatus {
        self.status
    }

    /// When the group was made.
    pub fn created_at(&self) -> DateTime<Utc> {
        self.created_at
    }

    /// When the group was last changed.
    pub fn updated_at(&self) -> DateTime<Utc> {
        self.updated_at
    }

    /// The `schemaVersion` of a group that a newer version wrote.
    pub(crate) fn newer_schema(&self) -> Option<f64> {
        self.newer_schema
    }
}

impl Unreadable {
    fn new(text: &str, invalid: &Invalid<'_>) -> Self {
        let (line, column) = json::position(text, invalid.at);
        Self {
            field: Some(invalid.wrong.field.clone()),
            problem: format!("{} at line {line} column {column}", invalid.wrong),
            newer_schema: newer_schema(text),
        }
    }
}

fn newer_schema(text: &str) -> Option<f64> {
    let members = json::object(text).ok()?;
    let version = members.iter().rev().find(|member| member.key() == "schemaVersion")?;
    json::number(version.value).filter(|version| *version > SCHEMA_VERSION)
}

fn shown_id(text: &str) -> String {
    let members = json::object(text).unwrap_or_default();
    let id = members.iter().find(|member| member.key() == "id").and_then(|member| json::string(member.value));
    id.map(Cow::into_owned).unwrap_or_default()
}

/// What an older tool wrote, as it is written today: `in_progress` by its new name, an empty `dependsOn`.
fn upgrade(text: &str) -> String {
    let mut group = Draft::of(text);
    group.rename_status(GroupStatus::Running.name());
    let sessions: Vec<String> = json::array(group.get("sessions").unwrap_or("[]"))
        .unwrap_or_default()
        .into_iter()
        .map(|session| {
            let mut session = Draft::of(session);
            session.rename_status(SessionStatus::Active.name());
            if session.get("dependsOn").is_none() {
                session.set("dependsOn", "[]");
            }
            session.into_text()
        })
        .collect();
    group.set("sessions", &format!("[{}]", sessions.join(",")));
    group.into_text()
}

/// An object of a text while it is changed: members nobody touches keep their bytes and their order.
pub(crate) struct Draft<'a> {
    members: Vec<(Cow<'a, str>, Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Draft<'a> {
    /// The object that a text is; empty for any other text.
    pub fn of(text: &'a str) -> Self {
        let members = json::object(text).unwrap_or_default();
        let members = members
            .into_iter()
            .map(|member| (member.key(), Cow::Borrowed(member.raw_key()), Cow::Borrowed(member.value)));
        Self { members: members.collect() }
    }

    /// A member's text. Of two with the same key the last counts, as it does in `JSON.parse`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.members.iter().rev().find(|(name, ..)| name == key).map(|(.., value)| value.as_ref())
    }

    /// Sets a member where it stands, or adds it where JavaScript would.
    pub fn set(&mut self, key: &str, value: &str) {
        self.put(key, &json::quote(key), value);
    }

    /// Sets a member as it stands in another object.
    pub fn copy(&mut self, member: &json::Member<'_>) {
        self.put(&member.key(), member.raw_key(), member.value);
    }

    fn put(&mut self, key: &str, raw_key: &str, value: &str) {
        let value = Cow::Owned(value.to_owned());
        if let Some(member) = self.members.iter_mut().rev().find(|(name, ..)| name == key) {
            member.2 = value;
            return;
        }
        // JavaScript puts keys that are array indices first, in ascending order.
        let at = array_index(key).map_or(self.members.len(), |index| {
            let after =
                |(name, ..): &(Cow<'_, str>, _, _)| array_index(name).is_none_or(|other| other > index);
            self.members.iter().position(after).unwrap_or(self.members.len())
        });
        self.members.insert(at, (Cow::Owned(key.to_owned()), Cow::Owned(raw_key.to_owned()), value));
    }

    /// Removes a member, however often it is there.
    pub fn remove(&mut self, key: &str) {
        self.members.retain(|(name, ..)| name != key);
    }

    /// The object's text.
    pub fn into_text(self) -> String {
        let members: Vec<String> =
            self.members.iter().map(|(_, key, value)| format!("{key}:{value}")).collect();
        format!("{{{}}}", members.join(","))
    }

    fn rename_status(&mut self, now: &str) {
        if self.get("status").and_then(json::string).as_deref() == Some(FORMER_RUNNING) {
            self.set("status", &json::quote(now));
        }
    }
}

fn array_index(key: &str) -> Option<u32> {
    key.parse().ok().filter(|index: &u32| *index < u32::MAX && index.to_string() == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::validate::tests::GROUP;

    #[test]
    fn a_group_is_read_to_the_byte() {
        let text = GROUP.replacen('{', r#"{"x":[1e21,10,"\ud800","\u2028"],"#, 1);
        let document = Document::from_stored(text.clone().into_bytes()).unwrap();
        assert_eq!(document.text(), text);
        assert_eq!((document.name(), document.status()), ("Auth", GroupStatus::Created));
        assert_eq!(document.group().unwrap().sessions.len(), 2);
    }

    #[test]
    fn typed_data_and_text_are_the_same_group() {
        let group = Document::from_text(GROUP.to_owned()).unwrap().group().unwrap();
        assert_eq!(Document::from_group(&group).unwrap().group().unwrap(), group);
    }

    #[test]
    fn older_text_is_read_as_todays() {
        let old = GROUP
            .replacen(r#""dependsOn":[],"#, "", 1)
            .replacen(r#""status":"pending""#, r#""status":"in_progress""#, 1)
            .replacen(r#""status":"created""#, r#""status":"in_progress""#, 1);
        let group = Document::from_stored(old.into_bytes()).unwrap().group().unwrap();
        assert_eq!((group.status, group.sessions[0].status), (GroupStatus::Running, SessionStatus::Active));
    }

    #[test]
    fn what_is_unreadable_says_where() {
        let unreadable = |text: &str| Document::from_stored(text.as_bytes().to_vec()).unwrap_err();
        assert_eq!(
            unreadable("{\n  x").problem,
            "it is no JSON object: key must be a string at line 2 column 3"
        );
        let wrong = unreadable(&json::pretty(&GROUP.replacen("created", "x", 1)));
        assert!(wrong.problem.ends_with("at line 5 column 13"), "{}", wrong.problem);
        assert_eq!(wrong.field.as_deref(), Some("status"));
        let newer = unreadable(r#"{"schemaVersion":2}"#);
        assert_eq!(newer.newer_schema, Some(2.0));
        assert!(Document::from_stored(vec![b'{', 0xff]).unwrap_err().problem.contains("byte 1"));
    }

    #[test]
    fn a_draft_keeps_what_it_does_not_touch() {
        let mut draft = Draft::of(r#"{ "b" : 1.0, "\u0061": [ 1 ], "c": 2 }"#);
        draft.set("a", "3");
        draft.set("7", "0");
        draft.remove("c");
        assert_eq!(draft.into_text(), r#"{"7":0,"b":1.0,"\u0061":3}"#);
    }
}
