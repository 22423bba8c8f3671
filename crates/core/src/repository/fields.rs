//! The fields of a stored group that queries need, which are kept when there is no room for its text.

use std::ops::Deref;
use std::sync::{Arc, LazyLock, OnceLock};

use memchr::memmem::Finder;

use crate::json::Json;
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
}

impl From<FieldValues> for Fields {
    fn from(values: FieldValues) -> Self {
        Self { values, summary: OnceLock::new() }
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

    /// Keeps the summary, unless another thread has done so before, and returns it.
    pub fn keep_summary(&self, summary: GroupSummary) -> &Arc<GroupSummary> {
        self.summary.get_or_init(|| Arc::new(summary))
    }
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
    /// The fields of a group and of the text that it was read from.
    pub fn of(group: SessionGroup, text: &str) -> Self {
        static SEARCH: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("schemaVersion"));
        // Almost no group has it, and this search is faster than one for the field.
        let has_version = SEARCH.find(text.as_bytes()).is_some();
        let version = if has_version { Json::of_valid(text).get("schemaVersion") } else { None };
        Self {
            id: group.id,
            name: group.name.into(),
            status: group.status,
            created_at: group.created_at.instant(),
            updated_at: group.updated_at.instant(),
            newer_schema: version.and_then(newer_than_ours),
        }
    }
}

/// Returns a `schemaVersion` that is newer than ours.
pub(crate) fn newer_than_ours(schema_version: Json<'_>) -> Option<f64> {
    schema_version.number().filter(|version| *version > SCHEMA_VERSION)
}
