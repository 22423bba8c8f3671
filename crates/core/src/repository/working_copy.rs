//! A group while writes are applied to it. It is taken apart once and put together once, so that the cost of a batch
//! grows with the group's size once and not with each write.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use crate::error::{Error, FieldError, Result};
use crate::json::{self, Draft, Json};
use crate::model::time;
use crate::model::{GroupId, GroupSession, reading};
use crate::repository::document::Document;
use crate::repository::fields::FieldValues;
use crate::repository::merge::{Changes, Write};

/// The largest group that is stored or read, in bytes.
// safeguard: no file over 64 MiB is read
pub(crate) const LARGEST_GROUP: usize = 64 * 1024 * 1024;

/// The effect of a write on the working copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// Nothing: there is no such group, or no such session in it.
    None,
    /// The group is another one now.
    Put,
    /// The group is gone.
    Delete,
}

/// A stored group, or its absence, and the changes that are not stored yet.
pub(crate) struct WorkingCopy {
    group: Option<Group>,
}

impl WorkingCopy {
    /// The working copy of what is stored.
    pub fn new(stored: Option<Document>) -> Self {
        Self { group: stored.map(Group::new) }
    }

    /// Applies a write. On an error nothing has changed.
    pub fn apply(&mut self, id: &GroupId, write: Write) -> Result<Mutation> {
        if write.is_conditional() {
            self.check(id, &write)?;
        }
        match write {
            Write::Save { group, .. } => {
                check_saved(id, &group)?;
                self.group = Some(Group::new(group));
                Ok(Mutation::Put)
            }
            Write::Delete { .. } => {
                Ok(if self.group.take().is_some() { Mutation::Delete } else { Mutation::None })
            }
            Write::Update { changes, .. } => match &mut self.group {
                Some(group) => group.update(&changes).map(|()| Mutation::Put),
                None => Ok(Mutation::None),
            },
            Write::UpdateSession { session_id, changes } => match &mut self.group {
                Some(group) => group.update_session(&session_id, &changes),
                None => Ok(Mutation::None),
            },
        }
    }

    /// Applies several writes, all or none. One that finds nothing to change undoes the others.
    pub fn apply_all(&mut self, id: &GroupId, writes: Vec<Write>) -> Result<Mutation> {
        let mut mutation = Mutation::None;
        let before = self.snapshot();
        for write in writes {
            match self.apply(id, write) {
                Ok(Mutation::None) => {
                    *self = Self::new(before);
                    return Ok(Mutation::None);
                }
                Ok(applied) => mutation = applied,
                Err(error) => {
                    *self = Self::new(before);
                    return Err(error);
                }
            }
        }
        Ok(mutation)
    }

    fn check(&self, id: &GroupId, write: &Write) -> Result<()> {
        let stored = self.snapshot();
        match write {
            Write::Save { condition, .. } | Write::Update { condition, .. } | Write::Delete { condition } => {
                condition.check(id, stored.as_ref())
            }
            Write::UpdateSession { .. } => Ok(()),
        }
    }

    /// The `schemaVersion` of a group that a newer version wrote.
    pub fn newer_schema(&self) -> Option<f64> {
        self.group.as_ref()?.base.newer_schema()
    }

    /// The group as it is now.
    pub fn snapshot(&self) -> Option<Document> {
        self.group.as_ref().map(Group::snapshot)
    }

    /// The group as it is now, parsed back. The values of its fields were checked when each write was applied.
    pub fn checked(self) -> Result<Option<Document>> {
        let Some(group) = self.group else { return Ok(None) };
        if group.parts.is_none() {
            return Ok(Some(group.base));
        }
        let snapshot = group.snapshot();
        debug_assert!(
            Document::from_update(snapshot.text().to_owned(), group.base.json())
                .is_ok_and(|whole| whole.has_fields_of(&snapshot)),
            "the parts make another group: {}",
            snapshot.text()
        );
        match Json::parse(snapshot.text()) {
            Ok(_) => Ok(Some(snapshot)),
            Err(error) => Err(Error::internal(format!("merging made an invalid group: {error}"))),
        }
    }
}

/// Checks that a group to be saved is the one its id says, and not too large to be read again.
fn check_saved(id: &GroupId, group: &Document) -> Result<()> {
    if group.id() != id {
        return Err(Document::changed_id(id, group.id()));
    }
    check_length(id, group.text())
}

/// The length of a text that is short enough however it is laid out: each byte can at most become a line of the deepest
/// indentation.
const SURELY_FITS: usize = LARGEST_GROUP / (2 * (json::MAX_DEPTH + 8));

/// Refuses a group that would be too large to read.
fn check_length(id: &GroupId, text: &str) -> Result<()> {
    if text.len() <= SURELY_FITS {
        return Ok(());
    }
    let length = json::pretty(text).len();
    if length <= LARGEST_GROUP { Ok(()) } else { Err(too_large(id, length)) }
}

fn too_large(id: &GroupId, length: usize) -> Error {
    let wrong = FieldError::new("group", format!("must be at most 64 MiB of JSON, but is {length} bytes"));
    Error::invalid_group(id.as_str(), wrong)
}

/// The length of a value as it is laid out at a depth.
fn laid_out_length(text: &str, depth: usize) -> usize {
    let laid_out = json::pretty(text);
    laid_out.len() + laid_out.matches('\n').count() * 2 * depth
}

/// A valid group.
struct Group {
    /// The text that was read or saved.
    base: Document,
    /// The group taken apart, once it is changed.
    parts: Option<Parts>,
}

/// A group taken apart.
struct Parts {
    /// The group without its sessions.
    skeleton: Draft<'static>,
    fields: FieldValues,
    sessions: Vec<Session>,
    /// The place of all sessions in the base, while none is changed: then the white space between them stays.
    unchanged: Option<Range<usize>>,
    /// Index of each session by its id, made when it is looked for the second time.
    places: Option<HashMap<Box<str>, usize>>,
    is_first_look: bool,
    /// An upper bound for the length of the text.
    most_text: usize,
    /// An upper bound for the length of the text as it is stored, once the other one does not tell that it fits.
    most_laid_out: Option<usize>,
}

enum Session {
    /// Its place in the base.
    Unchanged(Range<usize>),
    Changed(Box<str>),
}

impl Group {
    fn new(base: Document) -> Self {
        Self { base, parts: None }
    }

    fn update(&mut self, changes: &Changes) -> Result<()> {
        if changes.concern("sessions") {
            return self.update_whole(changes);
        }
        let parts = self.parts.get_or_insert_with(|| Parts::of(&self.base));
        let mut skeleton = parts.skeleton.clone();
        changes.merge(&mut skeleton, &["id", "slug", "createdAt"])?;
        set_updated_at(&mut skeleton, &parts.fields, &parts.skeleton, changes)?;
        let former = parts.skeleton.clone().into_text();
        let checked = Document::from_update(skeleton.clone().into_text(), Json::of_valid(&former))?;
        let fields = FieldValues::clone(checked.fields());
        let former = std::mem::replace(&mut parts.skeleton, skeleton);
        if let Err(error) = parts.grow(checked.text(), 0, &self.base) {
            parts.skeleton = former;
            return Err(error);
        }
        parts.fields = fields;
        Ok(())
    }

    /// Merges changes that replace the sessions.
    fn update_whole(&mut self, changes: &Changes) -> Result<()> {
        let text = self.text().into_owned();
        let stored = Draft::of(Json::of_valid(&text));
        let mut group = stored.clone();
        changes.merge(&mut group, &["id", "slug", "createdAt"])?;
        set_updated_at(&mut group, self.fields(), &stored, changes)?;
        let merged = Document::from_update(group.into_text(), Json::of_valid(&text))?;
        check_length(merged.id(), merged.text())?;
        *self = Self::new(merged);
        Ok(())
    }

    fn update_session(&mut self, session_id: &str, changes: &Changes) -> Result<Mutation> {
        let parts = self.parts.get_or_insert_with(|| Parts::of(&self.base));
        let Some(index) = parts.find(session_id, &self.base) else {
            return Ok(Mutation::None);
        };
        let former = Json::of_valid(parts.sessions[index].text(&self.base));
        let mut session = Draft::of(former);
        changes.merge(&mut session, &["id"])?;
        let text = session.into_text();
        check_session(self.base.id(), index, &text, former)?;
        let unchanged = parts.unchanged.take();
        let former = std::mem::replace(&mut parts.sessions[index], Session::Changed(text.as_str().into()));
        if let Err(error) = parts.grow(&text, 2, &self.base) {
            parts.sessions[index] = former;
            parts.unchanged = unchanged;
            return Err(error);
        }
        if let Some(now) = changes.time_after(parts.fields.updated_at) {
            parts.fields.updated_at = now.into();
            parts.skeleton.set("updatedAt", json::quote(&time::iso(now)));
        }
        Ok(Mutation::Put)
    }

    fn fields(&self) -> &FieldValues {
        match &self.parts {
            Some(parts) => &parts.fields,
            None => self.base.fields(),
        }
    }

    fn text(&self) -> Cow<'_, str> {
        match &self.parts {
            Some(parts) => Cow::Owned(parts.text(&self.base)),
            None => Cow::Borrowed(self.base.text()),
        }
    }

    fn snapshot(&self) -> Document {
        match &self.parts {
            Some(parts) => Document::with_fields(parts.text(&self.base), parts.fields.clone()),
            None => self.base.clone(),
        }
    }
}

impl Parts {
    fn of(base: &Document) -> Self {
        let mut skeleton = Draft::of(base.json());
        let start = base.text().as_ptr() as usize;
        let place = |part: Json<'_>| {
            let at = part.text().as_ptr() as usize - start;
            at..at + part.text().len()
        };
        let all = skeleton.get("sessions");
        let unchanged = all.map(place);
        let sessions =
            all.into_iter().flat_map(Json::elements).map(|it| Session::Unchanged(place(it))).collect();
        skeleton.set("sessions", "[]".to_owned());
        Self {
            skeleton: skeleton.into_owned(),
            fields: FieldValues::clone(base.fields()),
            sessions,
            unchanged,
            places: None,
            is_first_look: true,
            most_text: base.text().len(),
            most_laid_out: None,
        }
    }

    /// The index of a session.
    fn find(&mut self, session_id: &str, base: &Document) -> Option<usize> {
        let mut ids = self.sessions.iter().map(|session| session.id(base));
        if std::mem::take(&mut self.is_first_look) {
            return ids.position(|id| id.as_deref() == Some(session_id));
        }
        let places = self.places.get_or_insert_with(|| {
            ids.enumerate().filter_map(|(index, id)| Some((id?.into(), index))).collect()
        });
        places.get(session_id).copied()
    }

    /// Accounts for a part that is new; fails when the group has become too large to read.
    fn grow(&mut self, part: &str, depth: usize, base: &Document) -> Result<()> {
        self.most_text += part.len();
        if self.most_text <= SURELY_FITS {
            return Ok(());
        }
        let most = self.most_laid_out.map(|most| most + laid_out_length(part, depth));
        if let Some(most) = most.filter(|most| *most <= LARGEST_GROUP) {
            self.most_laid_out = Some(most);
            return Ok(());
        }
        let length = laid_out_length(&self.text(base), 0);
        if length > LARGEST_GROUP {
            return Err(too_large(base.id(), length));
        }
        self.most_laid_out = Some(length);
        Ok(())
    }

    fn text(&self, base: &Document) -> String {
        if let Some(place) = &self.unchanged {
            return self.skeleton.text_with("sessions", &base.text()[place.clone()]);
        }
        let mut sessions = String::with_capacity(base.text().len());
        for session in &self.sessions {
            sessions.push(if sessions.is_empty() { '[' } else { ',' });
            sessions.push_str(session.text(base));
        }
        if sessions.is_empty() {
            sessions.push('[');
        }
        sessions.push(']');
        self.skeleton.text_with("sessions", &sessions)
    }
}

impl Session {
    fn text<'a>(&'a self, base: &'a Document) -> &'a str {
        match self {
            Self::Unchanged(place) => &base.text()[place.clone()],
            Self::Changed(text) => text,
        }
    }

    fn id<'a>(&'a self, base: &'a Document) -> Option<Cow<'a, str>> {
        Json::of_valid(self.text(base)).get("id").and_then(Json::string)
    }
}

/// Checks a session as the check of the whole group would. Ids stay unique, since none can change.
fn check_session(group_id: &GroupId, index: usize, text: &str, former: Json<'_>) -> Result<()> {
    let checked = reading::update::<GroupSession>(text, former.text());
    checked.map(drop).map_err(|invalid| {
        let FieldError { field, problem } = invalid.wrong;
        let dot = if field.is_empty() { "" } else { "." };
        let wrong = FieldError::new(format!("sessions[{index}]{dot}{field}"), problem);
        Error::invalid_group(group_id.as_str(), wrong)
    })
}

/// Sets `updatedAt` to now, or leaves it as the changes set it; never to an earlier time than it was.
fn set_updated_at(
    group: &mut Draft<'_>,
    stored: &FieldValues,
    former: &Draft<'_>,
    changes: &Changes,
) -> Result<()> {
    let given = group.get("updatedAt").and_then(Json::string).and_then(|given| time::instant(&given));
    let Some(given) = given else {
        let problem = "must be an ISO 8601 time; it is set by each update and need not be given";
        let wrong = FieldError::new("updatedAt", problem);
        return Err(Error::invalid_group(stored.id.as_str(), wrong));
    };
    // An object that was spread into the changes gives the stored time.
    let is_given = changes.concern("updatedAt") && given != stored.updated_at;
    if is_given && given > stored.updated_at {
        return Ok(());
    }
    let now = if is_given { None } else { changes.time_after(stored.updated_at) };
    let former = || former.get("updatedAt").map_or_else(String::new, |former| former.text().to_owned());
    group.set("updatedAt", now.map_or_else(former, |now| json::quote(&time::iso(now))));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::tests::GROUP;
    use crate::repository::merge::Condition;

    fn stored() -> Document {
        Document::from_text(GROUP.to_owned()).unwrap()
    }

    fn changes(text: String) -> Changes {
        Changes::new(text, Vec::new()).unwrap()
    }

    fn session(id: &str, text: String) -> Write {
        Write::UpdateSession { session_id: id.to_owned(), changes: changes(text) }
    }

    fn update(text: String) -> Write {
        Write::Update { changes: changes(text), condition: Condition::None }
    }

    #[test]
    fn what_is_laid_out_too_long_is_refused_and_leaves_the_copy_as_it_was() {
        // 30 KB of text that become 27 MB of indentation.
        let deep = format!("{}{}{}", "[".repeat(900), "1,".repeat(15_000) + "1", "]".repeat(900));
        let mut copy = WorkingCopy::new(Some(stored()));
        let id = stored().id().clone();
        let mut lengths = Vec::new();
        for number in 0..3 {
            let before = copy.snapshot().unwrap();
            let write = if number % 2 == 0 {
                session("001-a", format!("{{\"x{number}\":{deep}}}"))
            } else {
                update(format!("{{\"x{number}\":{deep}}}"))
            };
            match copy.apply(&id, write) {
                Ok(effect) => {
                    assert_eq!(effect, Mutation::Put);
                    lengths.push(json::pretty(copy.snapshot().unwrap().text()).len());
                }
                Err(error) => {
                    assert_eq!((error.code(), error.field()), ("INVALID_GROUP", Some("group")));
                    assert_eq!(copy.snapshot().unwrap().text(), before.text());
                }
            }
        }
        assert!(lengths.iter().all(|length| *length <= LARGEST_GROUP));
        // One more of its kind would not fit.
        assert!(lengths.last().unwrap() + 30_000_000 > LARGEST_GROUP, "{lengths:?}");
    }

    #[test]
    fn each_state_of_a_group_has_a_summary_of_its_own() {
        let base = stored();
        let summary = |group: &Document| {
            let summary = group.summary().unwrap();
            // Once the summary has been computed, the group keeps it.
            assert!(Arc::ptr_eq(&summary, &group.summary().unwrap()));
            let fresh = Document::from_text(group.text().to_owned()).unwrap().summary().unwrap();
            assert_eq!(summary, fresh, "{}", group.text());
            summary
        };
        let before = summary(&base);
        let mut copy = WorkingCopy::new(Some(base.clone()));
        assert!(Arc::ptr_eq(&before, &summary(&copy.snapshot().unwrap())));
        let id = base.id().clone();
        let mut states = vec![before];
        for write in [
            session("002-b", r#"{"cost":0.1,"status":"completed"}"#.to_owned()),
            session("001-a", r#"{"cost":0.2}"#.to_owned()),
            update(r#"{"name":"\ud800","description":"New","startedAt":"2026-01-16"}"#.to_owned()),
            update(r#"{"config":{"model":"opus","maxBudgetUsd":7.5,"onBudgetExceeded":"stop","warningThreshold":1,"maxConcurrentSessions":1}}"#.to_owned()),
            update(r#"{"sessions":[]}"#.to_owned()),
            update(r#"{"status":"failed","cause":"login"}"#.to_owned()),
        ] {
            copy.apply(&id, write).unwrap();
            let state = summary(&copy.snapshot().unwrap());
            assert_ne!(Some(&state), states.last());
            states.push(state);
        }
        let after = copy.checked().unwrap().unwrap();
        assert_eq!(summary(&after), states.pop().unwrap());
        assert_eq!(summary(&base), states[0]);
        let costs: Vec<f64> = states.iter().map(|state| state.total_cost.get()).collect();
        assert_eq!(costs, [0.5, 0.1, 0.3, 0.3, 0.3, 0.0]);
    }

    #[test]
    fn a_batch_of_writes_is_what_the_writes_are_one_by_one() {
        let writes = || {
            [
                session("002-b", r#"{"cost":1}"#.to_owned()),
                update(r#"{"name":"B","extra":[1e21]}"#.to_owned()),
                session("001-a", r#"{"extra":{"a":1.0}}"#.to_owned()),
                session("002-b", r#"{"cost":2}"#.to_owned()),
                update(r#"{"sessions":[]}"#.to_owned()),
                update(r#"{"extra":2}"#.to_owned()),
            ]
        };
        let id = stored().id().clone();
        let without_time = |group: &Document| {
            let mut draft = Draft::of(group.json());
            draft.remove("updatedAt");
            draft.into_text()
        };
        let mut together = WorkingCopy::new(Some(stored()));
        let mut single = stored();
        for (write, same) in writes().into_iter().zip(writes()) {
            together.apply(&id, write).unwrap();
            let mut alone = WorkingCopy::new(Some(single));
            alone.apply(&id, same).unwrap();
            single = alone.checked().unwrap().unwrap();
            assert_eq!(without_time(&together.snapshot().unwrap()), without_time(&single));
        }
        assert_eq!(without_time(&together.checked().unwrap().unwrap()), without_time(&single));
    }
}
