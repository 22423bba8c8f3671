//! The fields of a stored group that queries need, which are kept when there is no room for its text.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use memchr::memmem::Finder;

use crate::json::Json;
use crate::model::reading;
use crate::model::time::Timestamp;
use crate::model::{GroupId, GroupStatus, GroupSummary, SessionGroup};

/// The newest `schemaVersion` that this version writes (by leaving it out) and understands.
const SCHEMA_VERSION: f64 = 1.0;

/// The fields of one state of a group that queries need, and its summary once it has been computed. They cannot be cloned, so
/// that no changed group has the summary of an earlier state.
#[derive(Debug)]
pub(crate) struct Fields {
    values: FieldValues,
    summary: OnceLock<Arc<GroupSummary>>,
    /// Of a running group, the summary that was completed last.
    live: Mutex<Option<Arc<GroupSummary>>>,
}

impl From<FieldValues> for Fields {
    fn from(values: FieldValues) -> Self {
        Self { values, summary: OnceLock::new(), live: Mutex::default() }
    }
}

impl Deref for Fields {
    type Target = FieldValues;
    fn deref(&self) -> &FieldValues {
        &self.values
    }
}

impl Fields {
    /// Returns the summary if it has been computed.
    pub fn summary(&self) -> Option<&Arc<GroupSummary>> {
        self.summary.get()
    }

    /// Keeps the summary as long as there is room, unless another thread has done so before, and returns it.
    pub fn keep_summary(&self, summary: GroupSummary) -> Arc<GroupSummary> {
        let summary = Arc::new(summary);
        let bytes = bytes_of(&summary);
        let has_room = KEPT_BYTES.fetch_add(bytes, Ordering::Relaxed) + bytes <= MAX_KEPT_BYTES;
        if !has_room || self.summary.set(Arc::clone(&summary)).is_err() {
            KEPT_BYTES.fetch_sub(bytes, Ordering::Relaxed);
        }
        summary
    }

    /// Returns the summary of a running group with whether a runner has the group: the same value as long as that stays the
    /// same and there is room.
    pub fn with_live(&self, summary: &GroupSummary, live: bool) -> Arc<GroupSummary> {
        let mut last = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.live == Some(live)) {
            return Arc::clone(last);
        }
        let completed = Arc::new(GroupSummary { live: Some(live), ..summary.clone() });
        *last = self.summary().map(|_| Arc::clone(&completed));
        completed
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        if let Some(summary) = self.summary.get() {
            KEPT_BYTES.fetch_sub(bytes_of(summary), Ordering::Relaxed);
        }
    }
}

/// Memory that all kept summaries may take, in bytes.
const MAX_KEPT_BYTES: usize = 64 << 20;

/// Memory that the kept summaries take.
static KEPT_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Approximate memory that a summary takes, that of a running group twice.
fn bytes_of(summary: &GroupSummary) -> usize {
    let description = summary.description.as_ref().map_or(0, |description| description.len());
    let bytes = size_of::<GroupSummary>() + 160 + summary.name.len() + summary.slug.len() + description;
    if summary.status == GroupStatus::Running { 2 * bytes } else { bytes }
}

/// The fields of a group that queries need.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldValues {
    pub id: GroupId,
    pub name: Box<str>,
    pub status: GroupStatus,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub newer_schema: Option<f64>,
}

impl FieldValues {
    /// The fields of a text, if it is sure to be a group. `None` does not mean that it is none.
    pub fn of_text(text: &str) -> Option<Self> {
        let group = reading::check::<SessionGroup>(text)?;
        Some(Self {
            id: group.id,
            name: group.name.0?.into(),
            status: group.status,
            created_at: group.created_at,
            updated_at: group.updated_at,
            newer_schema: newer_schema(text),
        })
    }

    /// The fields of a group and of the text that it was read from.
    pub fn of(group: SessionGroup, text: &str) -> Self {
        Self {
            id: group.id,
            name: group.name.into(),
            status: group.status,
            created_at: group.created_at.instant(),
            updated_at: group.updated_at.instant(),
            newer_schema: newer_schema(text),
        }
    }
}

/// Returns the `schemaVersion` of a group that a newer version wrote.
fn newer_schema(text: &str) -> Option<f64> {
    static SEARCH: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("schemaVersion"));
    // Almost no group has it, and this search is faster than one for the field.
    SEARCH.find(text.as_bytes())?;
    Json::of_valid(text).get("schemaVersion").and_then(newer_than_ours)
}

/// Returns a `schemaVersion` that is newer than ours.
pub(crate) fn newer_than_ours(schema_version: Json<'_>) -> Option<f64> {
    schema_version.number().filter(|version| *version > SCHEMA_VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonString;
    use crate::model::tests::GROUP;
    use crate::repository::document::Document;

    /// Returns whether a summary with a description of this length is kept.
    fn is_kept(length: usize) -> bool {
        let group = Document::from_text(GROUP.to_owned()).unwrap();
        let fields = Fields::from(FieldValues::clone(group.fields()));
        let description = Some(JsonString::from(&*"x".repeat(length)));
        let summary = GroupSummary { description, ..GroupSummary::from(group.group().unwrap()) };
        fields.keep_summary(summary);
        fields.summary().is_some()
    }

    #[test]
    fn summaries_are_kept_as_long_as_there_is_room() {
        assert!(!is_kept(MAX_KEPT_BYTES));
        for _ in 0..5 {
            assert!(is_kept(MAX_KEPT_BYTES / 2));
        }
    }
}
