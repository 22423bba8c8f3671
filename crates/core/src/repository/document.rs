//! A stored group: its text, and the few fields that queries need.

use std::borrow::{Borrow, Cow};
use std::string::FromUtf8Error;
use std::sync::{Arc, OnceLock, Weak};

use crate::error::{Error, FieldError, Result};
use crate::json::{self, Draft, Json};
use crate::model::reading::{self, Invalid};
use crate::model::time::Timestamp;
use crate::model::{GroupId, GroupStatus, GroupSummary, SessionGroup, SessionStatus};
use crate::repository::fields::{FieldValues, newer_than_ours};

pub(crate) use crate::repository::fields::Fields;

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

/// A valid group as JSON text. A clone is the same text, not a copy of it.
#[derive(Debug, Clone)]
pub struct Document(Arc<Parts>);

/// Recognizes a document without keeping its text.
#[derive(Debug, Clone)]
pub struct WeakDocument(Weak<Parts>);

impl WeakDocument {
    /// Returns `true` if it was made from this document, or from a clone of it.
    pub fn is(&self, document: &Document) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&document.0))
    }
}

#[derive(Debug)]
struct Parts {
    text: Box<str>,
    is_ascii: bool,
    stored: Stored,
    fields: Arc<Fields>,
}

/// The bytes that a group is stored as.
#[derive(Debug)]
enum Stored {
    /// Its text.
    Text,
    /// Other bytes, which had this revision when they were read; if none was read, its text as it will be laid out.
    Other(OnceLock<Revision>),
}

/// Why stored text is no group.
#[derive(Debug)]
pub struct Unreadable {
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
        Self::writable(text, reading::strict)
    }

    /// The group that an update made of a stored one: checked as strictly as [`from_text`](Self::from_text), except for
    /// recent fields that stayed as an older program wrote them. Fails with `INVALID_GROUP`.
    pub(crate) fn from_update(text: String, stored: Json<'_>) -> Result<Self> {
        Self::writable(text, |text| reading::update(text, stored.text()))
    }

    fn writable(
        text: String,
        read: impl FnOnce(&str) -> std::result::Result<SessionGroup, Invalid<'_>>,
    ) -> Result<Self> {
        let value = text.trim_matches(json::WHITE_SPACE);
        let fields = match FieldValues::of_text(value) {
            Some(fields) => Ok(fields),
            None => read(value).map(|group| FieldValues::of(group, value)),
        };
        let (field, problem) = match fields {
            Ok(fields) => {
                if fields.newer_schema.is_none() {
                    return Ok(Self::new(trimmed(text), Stored::Other(OnceLock::new()), fields));
                }
                let problem =
                    "must be 1 or absent: what a newer version understands cannot be checked by this one";
                ("schemaVersion".to_owned(), problem.to_owned())
            }
            Err(invalid) => match Json::parse(&text) {
                Ok(json) if json.is_object() => (invalid.wrong.field, invalid.wrong.problem),
                Ok(_) => ("group".to_owned(), format!("must be an object, but is {}", json::excerpt(&text))),
                Err(error) => ("group".to_owned(), format!("is no JSON: {error}")),
            },
        };
        Err(Error::invalid_group(&shown_id(&text), FieldError::new(field, problem)))
    }

    /// The group to be saved under an id, strictly checked. Fails with `INVALID_GROUP`.
    pub fn to_save(id: &GroupId, text: String) -> Result<Self> {
        let group = Self::from_text(text)?;
        if group.id() == id { Ok(group) } else { Err(Self::changed_id(id, group.id())) }
    }

    /// The error of a group whose text has another id than the group, as a `toJSON` can make it.
    pub(crate) fn changed_id(id: &GroupId, other: &GroupId) -> Error {
        let problem =
            format!("must stay {:?} while it is saved, but became {:?}", id.as_str(), other.as_str());
        Error::invalid_group(id.as_str(), FieldError::new("id", problem))
    }

    /// A group that is known to be valid, with its fields.
    pub(crate) fn with_fields(text: String, fields: FieldValues) -> Self {
        Self::new(text.into(), Stored::Other(OnceLock::new()), fields)
    }

    /// Returns the fields that queries need, without the text.
    pub(crate) fn fields(&self) -> &Arc<Fields> {
        &self.0.fields
    }

    /// Returns `true` if queries find the same in both.
    pub(crate) fn has_fields_of(&self, other: &Self) -> bool {
        FieldValues::eq(&self.0.fields, &other.0.fields)
    }

    /// A group of typed Rust data, laid out as it is stored.
    pub fn from_group(group: &SessionGroup) -> Result<Self> {
        let text = serde_json::to_string(group).map_err(Error::internal)?;
        Self::from_text(text)
    }

    /// The group that stored bytes are, leniently checked: what older versions wrote is understood.
    pub fn from_stored(stored: Vec<u8>) -> std::result::Result<Self, Unreadable> {
        let text = String::from_utf8(stored).map_err(|error| not_utf8(&error))?;
        if text.starts_with('{')
            && text.ends_with('}')
            && let Some(fields) = FieldValues::of_text(&text)
        {
            return Ok(Self::new(text.into(), Stored::Text, fields));
        }
        Self::from_unusual(&text)
    }

    /// The same for text of any layout and of any version.
    fn from_unusual(text: &str) -> std::result::Result<Self, Unreadable> {
        let revision = Revision::of(text.as_bytes());
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let of = |group, text: &str| {
            let fields = FieldValues::of(group, text);
            Ok(Self::new(text.into(), Stored::Other(revision.into()), fields))
        };
        let value = text.trim_matches(json::WHITE_SPACE);
        if let Ok(group) = reading::strict(value) {
            return of(group, value);
        }
        let no_group = |problem: String| Unreadable { field: None, problem, newer_schema: None };
        let json = Json::parse(text).map_err(|error| no_group(why_no_json(text, &error)))?;
        if !json.is_object() {
            let (line, column) = json::position(text, json.text());
            let found = json::excerpt(json.text());
            return Err(no_group(format!(
                "it is not a JSON object, but {found} at line {line} column {column}"
            )));
        }
        let upgraded = upgrade(json);
        match reading::older(&upgraded, json) {
            Ok(group) => of(group, &upgraded),
            Err(invalid) => Err(Unreadable::new(json, text, &invalid)),
        }
    }

    fn new(text: Box<str>, stored: Stored, fields: FieldValues) -> Self {
        let is_ascii = text.is_ascii();
        Self(Arc::new(Parts { text, is_ascii, stored, fields: Arc::new(fields.into()) }))
    }

    /// The group as JSON text, every field with the bytes it was saved with.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Returns `true` if the text has no other characters than those of ASCII.
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii
    }

    /// Returns a value that recognizes this document.
    pub fn downgrade(&self) -> WeakDocument {
        WeakDocument(Arc::downgrade(&self.0))
    }

    /// The group as a JSON object.
    pub fn json(&self) -> Json<'_> {
        Json::of_valid(self.text())
    }

    /// The group as typed Rust data, without the fields that this version does not know, and without recent fields that
    /// an older program used for something else.
    pub fn group(&self) -> Result<SessionGroup> {
        let group = reading::strict(self.text()).or_else(|_| reading::older(self.text(), self.json()));
        group.map_err(|invalid| Error::internal(format!("a checked group is invalid: {}", invalid.wrong)))
    }

    /// Returns the group without its sessions. Computed at the first call, as long as there is room to keep it.
    pub fn summary(&self) -> Result<Arc<GroupSummary>> {
        let fields = &self.0.fields;
        if let Some(summary) = fields.summary() {
            return Ok(Arc::clone(summary));
        }
        let summary = GroupSummary::of_json(self.group()?, self.json());
        Ok(fields.keep_summary(summary))
    }

    /// Names the state that is stored.
    pub fn revision(&self) -> Revision {
        match &self.0.stored {
            Stored::Text => Revision::of(self.text().as_bytes()),
            Stored::Other(revision) => {
                revision.get_or_init(|| Revision::of(json::pretty(self.text()).as_bytes())).clone()
            }
        }
    }

    /// The group's id.
    pub fn id(&self) -> &GroupId {
        &self.0.fields.id
    }

    /// The group's name.
    pub fn name(&self) -> &str {
        &self.0.fields.name
    }

    /// Where the group stands.
    pub fn status(&self) -> GroupStatus {
        self.0.fields.status
    }

    /// When the group was made.
    pub fn created_at(&self) -> Timestamp {
        self.0.fields.created_at
    }

    /// When the group was last changed.
    pub fn updated_at(&self) -> Timestamp {
        self.0.fields.updated_at
    }

    /// The `schemaVersion` of a group that a newer version wrote.
    pub(crate) fn newer_schema(&self) -> Option<f64> {
        self.0.fields.newer_schema
    }
}

impl Borrow<Fields> for Document {
    fn borrow(&self) -> &Fields {
        &self.0.fields
    }
}

impl Unreadable {
    fn new(group: Json<'_>, text: &str, invalid: &Invalid<'_>) -> Self {
        let (line, column) = json::position(text, invalid.at);
        Self {
            field: Some(invalid.wrong.field.clone()),
            problem: format!("{} at line {line} column {column}", invalid.wrong),
            newer_schema: group.get("schemaVersion").and_then(newer_than_ours),
        }
    }
}

fn why_no_json(text: &str, error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), column_in_characters(text, error));
    if error.is_eof() {
        let what = if text.trim().is_empty() { "empty," } else { "cut off" };
        return format!("it is {what} at line {line} column {column}");
    }
    let said = error.to_string();
    let place = format!(" at line {line} column {}", error.column());
    format!("it is not JSON: {} at line {line} column {column}", said.strip_suffix(&place).unwrap_or(&said))
}

fn not_utf8(error: &FromUtf8Error) -> Unreadable {
    let bytes = error.as_bytes();
    let valid = String::from_utf8_lossy(&bytes[..error.utf8_error().valid_up_to()]);
    let (line, column) = json::position(&valid, &valid[valid.len()..]);
    let problem = format!("it is not UTF-8 at line {line} column {column}");
    Unreadable { field: None, problem, newer_schema: None }
}

/// `serde_json` counts bytes, all other positions count characters.
fn column_in_characters(text: &str, error: &serde_json::Error) -> usize {
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    line.char_indices().take_while(|(at, _)| *at < error.column()).count()
}

/// The id of a text that may be anything.
fn shown_id(text: &str) -> String {
    let id = Json::parse(text).ok().and_then(|group| group.get("id")).and_then(Json::string);
    id.map(Cow::into_owned).unwrap_or_default()
}

/// A text without the white space around it, which is not the group's.
fn trimmed(text: String) -> Box<str> {
    let value = text.trim_matches(json::WHITE_SPACE);
    if value.len() == text.len() { text.into() } else { value.into() }
}

/// The mark that some editors put before a text.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// The status of older tools for something that runs.
const FORMER_RUNNING: &str = "in_progress";

/// Replaces the notation of older tools: `in_progress` gets its new name, a missing `dependsOn` is empty.
fn upgrade(group: Json<'_>) -> Cow<'_, str> {
    let mut upgraded = Draft::of(group);
    rename_status(&mut upgraded, GroupStatus::Running.name());
    if let Some(sessions) = group.get("sessions").filter(|sessions| sessions.is_array()) {
        let sessions: Vec<_> = sessions.elements().map(upgrade_session).collect();
        if sessions.iter().any(|session| matches!(session, Cow::Owned(_))) {
            upgraded.set("sessions", format!("[{}]", sessions.join(",")));
        }
    }
    upgraded.into_text_of(group)
}

fn upgrade_session(session: Json<'_>) -> Cow<'_, str> {
    let mut upgraded = Draft::of(session);
    rename_status(&mut upgraded, SessionStatus::Active.name());
    if session.is_object() && session.get("dependsOn").is_none() {
        upgraded.set("dependsOn", "[]".to_owned());
    }
    upgraded.into_text_of(session)
}

/// Gives the status of older tools its new name.
fn rename_status(draft: &mut Draft<'_>, now: &str) {
    if draft.get("status").and_then(Json::string).as_deref() == Some(FORMER_RUNNING) {
        draft.set("status", json::quote(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::GROUP;

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
    fn the_summary_of_a_group_is_what_its_text_says() {
        let summary = |text: &str| {
            let group = Document::from_stored(text.as_bytes().to_vec()).unwrap();
            serde_json::to_string(&*group.summary().unwrap()).unwrap()
        };
        let old = GROUP
            .replacen('{', r#"{"\ud800":[1e400,"\udfff"],"cause":{"of":"an older program"},"#, 1)
            .replacen(r#""name":"Auth""#, r#""name":"\ud800x","description":"\uD83D\uDE00 \udfff""#, 1)
            .replacen(r#""status":"created""#, r#""status":"in_progress""#, 1)
            .replacen(
                r#""status":"pending","dependsOn":[]"#,
                r#""status":"in_progress","cost":0.1,"retries":"often""#,
                1,
            )
            .replacen(r#""cost":0.5,"tokens":{"#, r#""cost":0.2,"tokens":{"cacheRead":0,"cacheWrite":9,"#, 1);
        let expected = r#"{"id":"20260115-103000-auth","name":"\ud800x","slug":"auth","status":"running","createdAt":"2026-01-15T10:30:00.000Z","updatedAt":"2026-01-15T10:30:00.000Z","totalSessions":2,"completed":0,"running":1,"pending":1,"failed":0,"totalCost":0.3,"totalTokens":{"input":1,"output":2,"cacheWrite":9},"maxBudgetUsd":10,"description":"\uD83D\uDE00 \udfff"}"#;
        assert_eq!(summary(&old), expected);
        assert_eq!(summary(&json::pretty(&old)), expected);
        assert!(summary(&GROUP.replacen('{', r#"{"cause":"login","#, 1)).ends_with(r#""cause":"login"}"#));
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let text = format!("\u{FEFF}{GROUP}");
        let document = Document::from_stored(text.clone().into_bytes()).unwrap();
        assert_eq!(document.text(), GROUP);
        let wrong = Document::from_stored("\u{FEFF}{\n  x".into()).unwrap_err();
        assert_eq!(wrong.problem, "it is not JSON: key must be a string at line 2 column 3");
    }

    #[test]
    fn white_space_before_a_group_makes_no_difference() {
        let deep = format!(r#"{{"usageCounters":{{"a":{}{}}},"#, "[".repeat(1_000), "]".repeat(1_000));
        let deep = GROUP.replacen(r#"{"id":"001-a""#, &format!(r#"{deep}"id":"001-a""#), 1);
        let newer = GROUP.replacen('{', r#"{"schemaVersion":2,"#, 1);
        for before in ["", " ", "\n", "\r\n\t", "\u{FEFF}\n"] {
            let read = |group: &str| Document::from_stored(format!("{before}{group}").into_bytes());
            assert_eq!(read(GROUP).unwrap().text(), GROUP);
            let field = read(&deep).unwrap_err().field;
            assert_eq!(field.as_deref(), Some("sessions[0].usageCounters"), "{before:?}");
            assert_eq!(read(&newer).unwrap().newer_schema(), Some(2.0), "{before:?}");
        }
    }

    #[test]
    fn the_revision_is_that_of_the_stored_bytes() {
        for stored in [
            GROUP.to_owned(),
            format!("{GROUP}\n"),
            format!(" {GROUP}"),
            format!("\u{FEFF}{GROUP}"),
            GROUP.replacen("Auth", r"\u0041uth", 1),
            GROUP.replacen("Do it", r"\ud800", 1),
            GROUP.replacen("pending", "in_progress", 1),
        ] {
            let document = Document::from_stored(stored.clone().into_bytes()).unwrap();
            assert_eq!(document.revision(), Revision::of(stored.as_bytes()), "{stored}");
            assert_eq!(document.name(), "Auth");
        }
        let to_store = Document::from_text(GROUP.to_owned()).unwrap();
        assert_eq!(to_store.revision(), Revision::of(json::pretty(GROUP).as_bytes()));
    }

    /// A group in which an older program used names of recent fields for something else.
    fn with_ignored_fields() -> Document {
        let text = GROUP
            .replacen('{', r#"{"control":"none","plan":[1.0,{"\u0061":1e400}],"eventSeq":7,"#, 1)
            .replacen(
                r#""id":"002-b""#,
                r#""retries":"often","id":"002-b","attempts":[{"n":1}],"error":{"x":1}"#,
                1,
            )
            .replacen(r#""model":"sonnet""#, r#""exclusiveDirectories":1,"model":"sonnet""#, 1);
        Document::from_stored(text.into_bytes()).unwrap()
    }

    #[test]
    fn recent_fields_of_another_type_are_kept_and_ignored() {
        let document = with_ignored_fields();
        assert!(document.text().contains(r#""plan":[1.0,{"\u0061":1e400}]"#));
        assert!(document.text().contains(r#""attempts":[{"n":1}],"error":{"x":1}"#));
        let group = document.group().unwrap();
        assert_eq!((group.control, group.plan, group.event_seq), (None, None, Some(7.into())));
        assert_eq!((&group.sessions[1].attempts, &group.sessions[1].error), (&None, &None));
        assert_eq!(group.config.exclusive_directories, None);
        assert_eq!(Document::from_text(document.text().to_owned()).unwrap_err().field(), Some("control"));
    }

    #[test]
    fn an_update_may_leave_ignored_fields_as_they_are() {
        let stored = with_ignored_fields();
        let update = |from: &str, to: &str| {
            assert!(stored.text().contains(from), "{from}");
            Document::from_update(stored.text().replacen(from, to, 1), stored.json())
        };
        let field = |from: &str, to: &str| update(from, to).unwrap_err().field().unwrap().to_owned();
        assert!(update(r#""name":"Auth""#, r#""name":"B""#).is_ok());
        assert!(update(r#"[1.0,{"\u0061":1e400}]"#, r#"[1, {"a":1e400}]"#).is_ok());
        assert!(update(r#""control":"none","#, "").is_ok());
        assert!(update(r#""retries":"often""#, r#""retries":2"#).is_ok());
        // Sessions may be reordered: what counts is the id.
        assert!(update(r#"{"id":"001-a","projectPath":"/p/a","prompt":"Do it","status":"pending","dependsOn":[],"createdAt":"2026-01-15T10:30:00.000Z"},"#, "").is_ok());
        assert_eq!(field(r#""control":"none""#, r#""control":"other""#), "control");
        assert_eq!(field(r#""retries":"often""#, r#""retries":"never""#), "sessions[1].retries");
        assert_eq!(field(r#""id":"001-a""#, r#""id":"001-a","retries":"often""#), "sessions[0].retries");
        assert_eq!(
            field(r#""prompt":"Then this""#, r#""prompt":"Then this","dropped":0"#),
            "sessions[1].dropped"
        );
        assert_eq!(field(r#""cost":0.5"#, r#""cost":-1"#), "sessions[1].cost");
    }

    #[test]
    fn what_is_unreadable_says_where() {
        let unreadable = |text: &str| Document::from_stored(text.as_bytes().to_vec()).unwrap_err();
        assert_eq!(unreadable("{\n  x").problem, "it is not JSON: key must be a string at line 2 column 3");
        assert_eq!(unreadable("{\n  \"a\":").problem, "it is cut off at line 2 column 6");
        assert_eq!(unreadable("{\"é😀\": x").problem, "it is not JSON: expected value at line 1 column 8");
        assert_eq!(unreadable("{\"é😀\"").problem, "it is cut off at line 1 column 5");
        assert_eq!(unreadable("\n").problem, "it is empty, at line 2 column 0");
        let wrong = unreadable(&json::pretty(&GROUP.replacen("created", "x", 1)));
        assert!(wrong.problem.ends_with("at line 5 column 13"), "{}", wrong.problem);
        assert_eq!(wrong.field.as_deref(), Some("status"));
        let newer = unreadable(r#"{"schemaVersion":2}"#);
        assert_eq!(newer.newer_schema, Some(2.0));
        assert!(Document::from_stored(vec![b'{', 0xff]).unwrap_err().problem.contains("line 1 column 2"));
    }
}
