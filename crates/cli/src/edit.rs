//! Changes of stored groups and sessions: only the fields that differ are written, so that unknown ones stay.

use serde::Serialize;
use serde_json::{Map, Value};

use session_groups::Error;
use session_groups::error::Result;
use session_groups::feed::{self, Commit};
use session_groups::manager::Ownership;
use session_groups::manager::rules::{self, Request};
use session_groups::model::time::IsoTime;
use session_groups::repository::{Changes, Document, FileGroupRepository};
use session_groups::runner::{FileOwnership, RunnerOptions};

/// Stores what a request makes of a group, computed from the stored group under its lock, and reports it in the feed.
pub fn change(
    store: &FileGroupRepository,
    group: &Document,
    request: impl FnOnce(&Document) -> Result<Request> + Send + 'static,
) -> Result<Document> {
    let ownership = FileOwnership::new(store.clone(), RunnerOptions::default());
    let commit = move |stored: &Document| {
        let request = request(stored)?;
        let runner = if request.concerns_status() { ownership.other_runner(stored)? } else { None };
        let decision = rules::decide(stored, &request, runner.as_deref(), &IsoTime::now())?;
        let commit = Commit::new(decision.changes);
        Ok(match decision.event {
            Some(event) => commit.with_event(event),
            None => commit,
        })
    };
    let committed = feed::commit(store, group.id(), commit)?;
    committed.map(|committed| committed.group).ok_or_else(|| rules::group_not_found(group.id().as_str()))
}

/// The changes of a stored object that turn one known state of it into another.
pub fn changes<T: Serialize>(stored: &str, before: &T, after: &T) -> Result<Changes> {
    let object = |value: &T| serde_json::to_value(value).map_err(Error::internal);
    let (before, after) = (object(before)?, object(after)?);
    let stored: Value = serde_json::from_str(stored).map_err(Error::internal)?;
    let mut fields = Map::new();
    let mut removed = Vec::new();
    for (key, value) in members(&after) {
        if before.get(key) != Some(value) {
            let merged = merged(stored.get(key), before.get(key), value);
            fields.insert(key.clone(), merged);
        }
    }
    for (key, _) in members(&before) {
        if after.get(key).is_none() {
            removed.push(key.clone());
        }
    }
    Changes::new(Value::Object(fields).to_string(), removed)
}

/// The text of a stored object with the difference between two known states of it.
pub fn merged_text<T: Serialize>(stored: &str, before: &T, after: &T) -> Result<String> {
    let object = |value: &T| serde_json::to_value(value).map_err(Error::internal);
    let stored: Value = serde_json::from_str(stored).map_err(Error::internal)?;
    Ok(merged(Some(&stored), Some(&object(before)?), &object(after)?).to_string())
}

/// A stored value with the difference between two known states of it.
fn merged(stored: Option<&Value>, before: Option<&Value>, after: &Value) -> Value {
    let (Some(Value::Object(stored)), Some(Value::Object(before)), Value::Object(new)) =
        (stored, before, after)
    else {
        return after.clone();
    };
    let mut merged = stored.clone();
    merged.retain(|key, _| new.contains_key(key) || !before.contains_key(key));
    for (key, value) in new {
        if before.get(key) != Some(value) {
            merged.insert(key.clone(), self::merged(stored.get(key), before.get(key), value));
        }
    }
    Value::Object(merged)
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(stored: &Value, before: &Value, after: &Value) -> (Value, Vec<String>) {
        let changes = changes(&stored.to_string(), before, after).unwrap();
        (serde_json::from_str(changes.text()).unwrap(), changes.removed().to_vec())
    }

    #[test]
    fn unknown_fields_stay() {
        let stored = json!({ "a": 1, "x": 9, "config": { "model": "m", "future": { "y": 1 }, "old": 1 } });
        let before = json!({ "a": 1, "b": 2, "config": { "model": "m", "old": 1 } });
        let after = json!({ "a": 1, "config": { "model": "n", "new": 2 } });
        let (fields, removed) = text(&stored, &before, &after);
        assert_eq!(fields, json!({ "config": { "model": "n", "future": { "y": 1 }, "new": 2 } }));
        assert_eq!(removed, ["b"]);
    }

    #[test]
    fn equal_states_change_nothing() {
        let value = json!({ "a": [1] });
        assert_eq!(text(&value, &value, &value), (json!({}), vec![]));
    }
}
