//! The effect of a write on a stored group: decided once, for every kind of repository.

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::json::{self, Draft, Json};
use crate::model::time::{self, Timestamp};
use crate::model::{GroupId, GroupPatch, SessionPatch};
use crate::repository::document::{Document, Revision};
use crate::repository::working_copy::{Mutation, WorkingCopy};

/// A precondition of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// None: the last writer wins.
    None,
    /// Only if this revision is stored.
    IfRevision(Revision),
    /// Only if there is no such group.
    IfAbsent,
}

/// Fields to merge into a group or a session.
#[derive(Debug, Clone)]
pub struct Changes {
    /// A JSON object: the fields and their new values.
    text: String,
    /// Fields to remove.
    removed: Vec<String>,
    /// Time of the change, to which `updatedAt` of the group is set.
    at: DateTime<Utc>,
}

impl Changes {
    /// Changes that set the members of a JSON object and remove some others, made now. Fails with `INVALID_ARGUMENT`.
    pub fn new(text: String, removed: Vec<String>) -> Result<Self> {
        if !Json::parse(&text).is_ok_and(Json::is_object) {
            return Err(Error::argument(
                "changes",
                format!("must be an object, but is {}", json::excerpt(&text)),
            ));
        }
        Ok(Self::made_now(text, removed))
    }

    fn made_now(text: String, removed: Vec<String>) -> Self {
        Self { text, removed, at: time::of_unix_ms(time::now_ms()) }
    }

    /// The same changes, made at a time in Unix milliseconds.
    #[must_use]
    pub fn made_at(self, unix_ms: f64) -> Self {
        Self { at: time::of_unix_ms(unix_ms), ..self }
    }

    /// The fields and their new values, as a JSON object.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The fields to remove.
    pub fn removed(&self) -> &[String] {
        &self.removed
    }

    /// The same changes, which also set a field to a JSON value.
    pub(crate) fn with(&self, field: &str, value: String) -> Self {
        let mut fields = self.fields();
        fields.set(field, value);
        Self { text: fields.into_text(), ..self.without_removed(&[field]) }
    }

    /// The same changes without those that set some fields.
    pub(crate) fn without(&self, fields: &[&str]) -> Self {
        let mut rest = self.fields();
        for field in fields {
            rest.remove(field);
        }
        Self { text: rest.into_text(), ..self.clone() }
    }

    /// The same changes without those that remove some fields.
    pub(crate) fn without_removed(&self, fields: &[&str]) -> Self {
        let is_kept = |removed: &&String| !fields.contains(&removed.as_str());
        Self { removed: self.removed.iter().filter(is_kept).cloned().collect(), ..self.clone() }
    }

    fn fields(&self) -> Draft<'_> {
        Draft::of(Json::of_valid(self.text.trim_matches(json::WHITE_SPACE)))
    }

    /// Time of the changes, if it is later than another.
    pub(crate) fn time_after(&self, other: Timestamp) -> Option<DateTime<Utc>> {
        Some(self.at).filter(|at| Timestamp::from(*at) > other)
    }

    /// Returns `true` if they set or remove a field.
    pub(crate) fn concern(&self, field: &str) -> bool {
        self.removed.iter().any(|removed| removed == field) || self.value(field).is_some()
    }

    /// The value to which they set a field.
    pub(crate) fn value(&self, field: &str) -> Option<Json<'_>> {
        Json::of_valid(self.text.trim_start_matches(json::WHITE_SPACE)).get(field)
    }

    /// Merges them into an object, whose `fixed` members must stay what they are.
    pub(crate) fn merge(&self, into: &mut Draft<'_>, fixed: &[&str]) -> Result<()> {
        let cannot_change =
            |field: &str| Error::argument(field, "cannot be changed: leave it out of the changes");
        for field in &self.removed {
            if fixed.contains(&field.as_str()) {
                return Err(cannot_change(field));
            }
            into.remove(field);
        }
        for member in Json::parse(&self.text).into_iter().flat_map(Json::members) {
            let key = member.key();
            if fixed.contains(&key.as_ref()) && into.get(&key).and_then(Json::string) != member.value.string()
            {
                return Err(cannot_change(&key));
            }
            into.copy(member);
        }
        Ok(())
    }
}

impl From<GroupPatch> for Changes {
    fn from(patch: GroupPatch) -> Self {
        Self::made_now(patch.to_json(), patch.removed())
    }
}

impl From<SessionPatch> for Changes {
    fn from(patch: SessionPatch) -> Self {
        Self::made_now(patch.to_json(), patch.removed())
    }
}

/// A write of one group.
#[derive(Debug, Clone)]
pub enum Write {
    /// Creates or replaces the whole group.
    Save {
        /// The group.
        group: Document,
        /// The precondition.
        condition: Condition,
    },
    /// Merges fields into the group.
    Update {
        /// The fields.
        changes: Changes,
        /// The precondition.
        condition: Condition,
    },
    /// Merges fields into one session.
    UpdateSession {
        /// The session.
        session_id: String,
        /// The fields.
        changes: Changes,
    },
    /// Removes the group and all under it.
    Delete {
        /// The precondition.
        condition: Condition,
    },
}

/// The outcome of a write.
#[derive(Debug, Clone)]
pub enum WriteOutcome {
    /// There is no such group, or no such session in it.
    NotFound,
    /// The group is stored like this.
    Stored(Document),
    /// The group is gone.
    Deleted,
}

impl Write {
    /// Returns whether it removes the group.
    pub(crate) fn deletes(&self) -> bool {
        matches!(self, Self::Delete { .. })
    }

    /// Returns whether it has a precondition.
    pub(crate) fn is_conditional(&self) -> bool {
        match self {
            Self::Save { condition, .. } | Self::Update { condition, .. } | Self::Delete { condition } => {
                *condition != Condition::None
            }
            Self::UpdateSession { .. } => false,
        }
    }

    /// Returns what this write makes of a stored group. Nothing is changed here.
    pub(crate) fn apply(self, id: &GroupId, stored: Option<Document>) -> Result<WriteOutcome> {
        let mut copy = WorkingCopy::new(stored);
        Ok(match copy.apply(id, self)? {
            Mutation::None => WriteOutcome::NotFound,
            Mutation::Delete => WriteOutcome::Deleted,
            Mutation::Put => copy.checked()?.map_or(WriteOutcome::Deleted, WriteOutcome::Stored),
        })
    }
}

impl Condition {
    /// Checks it against the stored group. Fails with `CONFLICT`.
    pub(crate) fn check(&self, id: &GroupId, stored: Option<&Document>) -> Result<()> {
        let expected = match (self, stored) {
            (Self::None, _) | (Self::IfAbsent, None) => return Ok(()),
            // safeguard: the precondition ifAbsent
            (Self::IfAbsent, Some(_)) => "it must not exist".to_owned(),
            // safeguard: the precondition ifRevision
            (Self::IfRevision(revision), Some(stored)) if stored.revision() == *revision => return Ok(()),
            (Self::IfRevision(revision), _) => format!("its revision must be {}", revision.as_str()),
        };
        let actual = stored.map(|stored| stored.revision().as_str().to_owned());
        Err(Error::conflict(id.as_str(), &expected, actual))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::GROUP;

    fn stored() -> Document {
        Document::from_text(GROUP.to_owned()).unwrap()
    }

    fn update(changes: &str, removed: &[&str]) -> Result<Document> {
        let removed = removed.iter().map(ToString::to_string).collect();
        let write =
            Write::Update { changes: Changes::new(changes.to_owned(), removed)?, condition: Condition::None };
        match write.apply(stored().id(), Some(stored()))? {
            WriteOutcome::Stored(group) => Ok(group),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fields_are_merged_set_and_removed() {
        let group = update(r#"{"name":"B","x":1e21,"description":"d"}"#, &[]).unwrap();
        assert!(group.text().contains(r#""name":"B""#) && group.text().contains(r#""x":1e21"#));
        assert!(group.updated_at() > stored().updated_at());
    }

    #[test]
    fn what_names_a_group_cannot_change() {
        for (changes, removed) in
            [(r#"{"id":"b"}"#, &[][..]), (r#"{"slug":"b"}"#, &[]), ("{}", &["createdAt"])]
        {
            assert_eq!(update(changes, removed).unwrap_err().code(), "INVALID_ARGUMENT", "{changes}");
        }
        assert!(update(r#"{"slug":"auth"}"#, &[]).is_ok());
        assert_eq!(update("{}", &["name"]).unwrap_err().field(), Some("name"));
        assert_eq!(update("[]", &[]).unwrap_err().code(), "INVALID_ARGUMENT");
    }

    #[test]
    fn updated_at_is_the_time_of_the_changes_but_never_decreases() {
        let update = |stored: Document, at| {
            let changes = Changes::new("{}".to_owned(), vec![]).unwrap().made_at(at);
            let id = stored.id().clone();
            let write = Write::Update { changes, condition: Condition::None };
            let WriteOutcome::Stored(group) = write.apply(&id, Some(stored)).unwrap() else { panic!() };
            group
        };
        let later = update(stored(), 4_102_444_800_000.0);
        assert!(later.text().contains(r#""updatedAt":"2100-01-01T00:00:00.000Z""#));
        assert_eq!(update(later.clone(), 4_000_000_000_000.0).updated_at(), later.updated_at());
    }

    #[test]
    fn a_clock_that_went_back_does_not_take_updated_at_with_it() {
        let text = GROUP.replace(r#""updatedAt":"2026"#, r#""updatedAt":"9026"#);
        let stored = Document::from_text(text).unwrap();
        let write = Write::Update {
            changes: Changes::new("{}".to_owned(), vec![]).unwrap(),
            condition: Condition::None,
        };
        let WriteOutcome::Stored(after) = write.apply(stored.id(), Some(stored.clone())).unwrap() else {
            panic!()
        };
        assert_eq!(after.updated_at(), stored.updated_at());
    }
}
