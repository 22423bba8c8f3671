//! Invariants for any bytes. The fuzzers look for bytes for which it does not; `cargo test` tries what is
//! in their corpus, and parts and mixtures of it.

#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "tests, in a build of their own"
)]

use session_groups::claude::{ClaudeStream, Exit};
use session_groups::json::{self, Json};
use session_groups::model::{GroupId, GroupSession, SessionGroup, from_json};
use session_groups::repository::{Changes, Condition, Document, GroupRepository, InMemoryGroupRepository};

const STORED: &str = include_str!("corpus/stored/group.json");

/// Stored bytes: understood or refused. What is understood is the same group after it has been written again.
pub fn stored(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        to_store(text);
    }
    let Ok(document) = Document::from_stored(bytes.to_vec()) else { return };
    has_fields_of(&document, &document.group().unwrap());
    let written = json::pretty(document.text());
    let again = Document::from_stored(written.clone().into_bytes()).ok().unwrap();
    assert_eq!(tokens(again.text()), tokens(document.text()));
    assert_eq!(again.group().unwrap(), document.group().unwrap());
    assert_eq!(again.summary().unwrap(), document.summary().unwrap());
    assert_eq!(json::pretty(again.text()), written);
    assert_eq!(json::compact(&written), json::compact(document.text()));
    parts(document.json());
}

/// A text to be stored: accepted exactly if it can be read as typed data, which the check of a document does not make.
fn to_store(text: &str) {
    let read = from_json::<SessionGroup>(text);
    match Document::from_text(text.to_owned()) {
        Ok(document) => has_fields_of(&document, &read.unwrap()),
        Err(error) => assert!(read.is_err() || error.field() == Some("schemaVersion"), "{error}"),
    }
}

/// The fields that a document keeps for queries are those of its group.
fn has_fields_of(document: &Document, group: &SessionGroup) {
    assert_eq!(document.id(), &group.id);
    assert_eq!((document.name(), document.status()), (&*group.name, group.status));
    assert_eq!(document.created_at(), group.created_at.instant());
    assert_eq!(document.updated_at(), group.updated_at.instant());
}

/// The values of a text are those that `serde_json` finds.
fn parts(json: Json<'_>) {
    type Raw<'a> = &'a serde_json::value::RawValue;
    if json.is_array() {
        let expected: Vec<Raw<'_>> = serde_json::from_str(json.text()).unwrap();
        assert!(json.elements().map(Json::text).eq(expected.iter().map(|raw| raw.get())));
        json.elements().for_each(parts);
    }
    if json.is_object() {
        json.members().for_each(|member| {
            let key = Json::parse(member.raw_key).unwrap();
            assert!(key.is_string() && Json::parse(member.value.text()).unwrap() == member.value);
            parts(member.value);
        });
    }
}

/// A text without the white space between its tokens.
fn tokens(text: &str) -> String {
    let mut out = String::new();
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if in_string || !c.is_ascii_whitespace() {
            out.push(c);
        }
        in_string = if in_string { escaped || c != '"' } else { c == '"' };
        escaped = in_string && !escaped && c == '\\';
    }
    out
}

/// Ids: what is one names a single entry of a directory, none of the store's own.
pub fn id(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(id) = GroupId::new(text) else { return };
    assert_eq!(id.as_str(), text);
    assert!((1..=128).contains(&text.len()) && !text.starts_with('.'));
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)));
    assert_eq!(std::path::Path::new(text).components().count(), 1);
}

/// Changes: merged or refused. Afterwards there is a valid group, and every field that was not named is as it was.
pub fn changes(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (text, removed) = text.split_once('\n').unwrap_or((text, ""));
    let removed = removed.lines().map(str::to_owned).collect::<Vec<_>>();
    let Ok(changes) = Changes::new(text.to_owned(), removed.clone()) else { return };
    let named: Vec<_> =
        Json::parse(text).unwrap().members().map(|member| member.key().into_owned()).collect();
    let repository = InMemoryGroupRepository::new();
    let before = Document::from_text(STORED.to_owned()).unwrap();
    let id = before.id().clone();
    repository.save(before.clone(), Condition::None).unwrap();
    let find = || repository.find_by_id(&id).unwrap().unwrap();
    let is_same = |key: &str| find().json().get(key) == before.json().get(key);
    match repository.update(&id, changes.clone()) {
        Err(_) => assert_eq!(find().text(), before.text()),
        Ok(_) => {
            for key in before.json().members().map(|member| member.key()) {
                let may_change = key == "updatedAt" || named.iter().any(|name| *name == key);
                assert!(may_change || removed.iter().any(|name| *name == key) || is_same(&key), "{key}");
            }
        }
    }
    stored(find().text().as_bytes());
    repository.save(before.clone(), Condition::None).unwrap();
    let session = before.group().unwrap().sessions[0].id.clone();
    if repository.update_session(&id, &session, changes).is_err() {
        assert_eq!(find().text(), before.text());
    }
    stored(find().text().as_bytes());
}

/// A stream: the same progress however it is cut, costs and tokens that make sense, and changes that can be stored.
pub fn stream(bytes: &[u8]) {
    let session = Document::from_text(STORED.to_owned()).unwrap().group().unwrap().sessions.remove(0);
    let read = |piece: usize| {
        let mut stream = ClaudeStream::new(session.clone());
        for chunk in bytes.chunks(piece) {
            stream.push(chunk);
        }
        let under_way = summary(&stream, &session);
        stream.end(&Exit { code: Some(0), signal: None });
        (under_way, summary(&stream, &session))
    };
    let whole = read(bytes.len().max(1));
    assert_eq!(read(7), whole);
    assert_eq!(read(64), whole);
}

/// The state of a stream without its times, which pass while it is read.
fn summary(stream: &ClaudeStream, session: &GroupSession) -> String {
    let progress = stream.progress();
    let changes = stream.changes();
    let cost = changes.cost.value().copied();
    assert_eq!(cost.or(session.cost).unwrap_or(progress.cost), progress.cost);
    let stored = GroupSession {
        status: changes.status.unwrap_or(session.status),
        cost: cost.or(session.cost),
        tokens: changes.tokens.value().copied().or(session.tokens),
        ..session.clone()
    };
    let text = serde_json::to_string(&stored).unwrap();
    assert_eq!(from_json::<GroupSession>(&text).unwrap(), stored);
    let said =
        (stream.error(), stream.ignored_lines(), progress.status, changes.status, changes.claude_session_id);
    format!("{said:?} {:?} {:?}", changes.cost, changes.tokens)
}
