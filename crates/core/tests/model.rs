//! Both repositories behave like a simple model of what the contract says, whatever is asked of them in whatever
//! order. `MODEL_SEQUENCES` says how many sequences are tried.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failing test panics")]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use session_groups::model::time::{self, Timestamp};
use session_groups::model::{GroupId, GroupStatus};
use session_groups::repository::file::{Durability, FileOptions};
use session_groups::repository::{
    Changes, Condition, Direction, Document, FileGroupRepository, GroupFilter, GroupRepository, GroupSort,
    InMemoryGroupRepository, Revision, SortField,
};

// A test of the file store covers ids that differ only in case on file systems without case.
const IDS: [&str; 4] = ["a", "b", if cfg!(any(windows, target_os = "macos")) { "d" } else { "B" }, "c.1"];
const NAMES: [&str; 3] = ["alpha", "beta", "gamma alpha"];
const DAYS: [&str; 3] = ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00.000Z"];
const LENGTH: usize = 50;

/// A precondition, in words that mean the same for each repository.
#[derive(Debug, Clone, Copy)]
enum When {
    Always,
    IfAbsent,
    IfAsItIs,
    IfAsItNeverWas,
}

#[derive(Debug, Clone)]
enum Step {
    Save { id: usize, name: usize, day: usize, sessions: usize, extra: u8, when: When },
    Update { id: usize, changes: Value, removed: Vec<&'static str> },
    UpdateSession { id: usize, session: usize, changes: Value },
    Delete { id: usize, when: When },
    Find { id: usize },
    List { filter: Filter, sort: Option<(bool, bool)> },
}

#[derive(Debug, Clone)]
struct Filter {
    status: Option<bool>,
    name: Option<&'static str>,
    since: Option<usize>,
    limit: Option<usize>,
    offset: Option<usize>,
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        4 => Just(When::Always),
        1 => Just(When::IfAbsent),
        1 => Just(When::IfAsItIs),
        1 => Just(When::IfAsItNeverWas),
    ]
}

fn group_changes() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        (0..NAMES.len()).prop_map(|name| json!({ "name": NAMES[name] })),
        Just(json!({ "status": "running", "startedAt": DAYS[0] })),
        Just(json!({ "extra": { "deep": [1, null] }, "description": "d" })),
        // Refused, one way or another.
        Just(json!({ "status": "bogus" })),
        Just(json!({ "id": "other" })),
        Just(json!({ "sessions": [{ "id": "s0" }] })),
    ]
}

fn session_changes() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..9_u32).prop_map(|cost| json!({ "cost": cost, "status": "active" })),
        Just(json!({ "tokens": { "input": 1, "output": 2 }, "extra": [] })),
        Just(json!({ "cost": -1 })),
        Just(json!({ "id": "other" })),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..IDS.len();
    let removed = prop_oneof![5 => Just(vec![]), 1 => Just(vec!["description"]), 1 => Just(vec!["name"])];
    let filter = (
        proptest::option::of(any::<bool>()),
        proptest::option::of(prop_oneof![Just("ALPHA"), Just("et"), Just("")]),
        proptest::option::of(0..DAYS.len()),
        proptest::option::of(0..4_usize),
        proptest::option::of(0..4_usize),
    )
        .prop_map(|(status, name, since, limit, offset)| Filter { status, name, since, limit, offset });
    prop_oneof![
        4 => (id.clone(), 0..NAMES.len(), 0..DAYS.len(), 0..3_usize, any::<u8>(), when()).prop_map(
            |(id, name, day, sessions, extra, when)| Step::Save { id, name, day, sessions, extra, when }
        ),
        3 => (id.clone(), group_changes(), removed)
            .prop_map(|(id, changes, removed)| Step::Update { id, changes, removed }),
        3 => (id.clone(), 0..3_usize, session_changes())
            .prop_map(|(id, session, changes)| Step::UpdateSession { id, session, changes }),
        2 => (id.clone(), when()).prop_map(|(id, when)| Step::Delete { id, when }),
        2 => id.prop_map(|id| Step::Find { id }),
        2 => (filter, proptest::option::of(any::<(bool, bool)>()))
            .prop_map(|(filter, sort)| Step::List { filter, sort }),
    ]
}

/// The outcome of a step: a value, or the code of an error.
type Outcome = Result<Value, &'static str>;

fn group(id: &str, name: usize, day: usize, sessions: usize, extra: u8) -> Value {
    let session = |index: usize| json!({ "id": format!("s{index}"), "projectPath": "/p", "prompt": "x", "status": "pending", "dependsOn": [], "createdAt": DAYS[0] });
    json!({
        "id": id, "name": NAMES[name], "slug": "s", "status": "created",
        "sessions": (0..sessions).map(session).collect::<Vec<_>>(),
        "config": { "model": "m", "maxBudgetUsd": 1, "onBudgetExceeded": "stop", "warningThreshold": 0.5, "maxConcurrentSessions": 1 },
        "createdAt": DAYS[day], "updatedAt": DAYS[day], "extra": extra,
    })
}

fn without_update_time(mut group: Value) -> Value {
    group.as_object_mut().unwrap().remove("updatedAt");
    group
}

fn instant(day: &str) -> Timestamp {
    time::instant(day).unwrap()
}

/// The contract in its simplest form.
#[derive(Default)]
struct Model(BTreeMap<String, Value>);

impl Model {
    fn take(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Save { id, name, day, sessions, extra, when } => {
                self.check(IDS[*id], *when)?;
                let group = group(IDS[*id], *name, *day, *sessions, *extra);
                self.0.insert(IDS[*id].to_owned(), without_update_time(group));
                Ok(Value::Null)
            }
            Step::Update { id, changes, removed } => {
                let Some(group) = self.0.get_mut(IDS[*id]) else { return Ok(Value::Null) };
                let changes = changes.as_object().unwrap();
                if changes.contains_key("id") {
                    return Err("INVALID_ARGUMENT");
                }
                if removed.contains(&"name") && !changes.contains_key("name")
                    || changes.get("status").is_some_and(|status| status == "bogus")
                    || changes.contains_key("sessions")
                {
                    return Err("INVALID_GROUP");
                }
                let members = group.as_object_mut().unwrap();
                members.retain(|key, _| !removed.contains(&key.as_str()));
                merge(members, changes);
                Ok(group.clone())
            }
            Step::UpdateSession { id, session, changes } => {
                let Some(group) = self.0.get_mut(IDS[*id]) else { return Ok(json!(false)) };
                let Some(session) = group["sessions"].get_mut(*session) else { return Ok(json!(false)) };
                let changes = changes.as_object().unwrap();
                if changes.contains_key("id") {
                    return Err("INVALID_ARGUMENT");
                }
                if changes.get("cost").is_some_and(|cost| cost == -1) {
                    return Err("INVALID_GROUP");
                }
                merge(session.as_object_mut().unwrap(), changes);
                Ok(json!(true))
            }
            Step::Delete { id, when } => {
                self.check(IDS[*id], *when)?;
                Ok(json!(self.0.remove(IDS[*id]).is_some()))
            }
            Step::Find { id } => Ok(self.0.get(IDS[*id]).cloned().unwrap_or(Value::Null)),
            Step::List { filter, sort } => Ok(self.list(filter, *sort)),
        }
    }

    fn check(&self, id: &str, when: When) -> Result<(), &'static str> {
        let holds = match when {
            When::Always => true,
            When::IfAbsent => !self.0.contains_key(id),
            When::IfAsItIs => self.0.contains_key(id),
            When::IfAsItNeverWas => false,
        };
        if holds { Ok(()) } else { Err("CONFLICT") }
    }

    fn list(&self, filter: &Filter, sort: Option<(bool, bool)>) -> Value {
        let mut found: Vec<&Value> = self.0.values().collect();
        found.retain(|group| {
            filter.status.is_none_or(|running| (group["status"] == "running") == running)
                && filter
                    .name
                    .is_none_or(|part| group["name"].as_str().unwrap().contains(&part.to_lowercase()))
                && filter
                    .since
                    .is_none_or(|day| instant(group["createdAt"].as_str().unwrap()) >= instant(DAYS[day]))
        });
        if let Some((by_name, ascending)) = sort {
            found.sort_by(|left, right| {
                let order = if by_name {
                    left["name"].as_str().cmp(&right["name"].as_str())
                } else {
                    let at = |group: &Value| instant(group["createdAt"].as_str().unwrap());
                    at(left).cmp(&at(right))
                };
                if ascending { order } else { order.reverse() }
            });
        }
        let page =
            found.into_iter().skip(filter.offset.unwrap_or(0)).take(filter.limit.unwrap_or(usize::MAX));
        page.cloned().collect()
    }
}

fn merge(into: &mut Map<String, Value>, changes: &Map<String, Value>) {
    into.extend(changes.iter().map(|(key, value)| (key.clone(), value.clone())));
}

/// The same step, asked of a repository.
fn ask(repository: &dyn GroupRepository, step: &Step) -> Outcome {
    let id = |index: &usize| GroupId::new(IDS[*index]).unwrap();
    let condition = |index: &usize, when: When| match when {
        When::Always => Condition::None,
        When::IfAbsent => Condition::IfAbsent,
        When::IfAsItIs => Condition::IfRevision(
            repository.revision(&id(index)).unwrap().unwrap_or_else(|| Revision::from_name("none")),
        ),
        When::IfAsItNeverWas => {
            Condition::IfRevision(Revision::from_name("0123456789abcdef0123456789abcdef"))
        }
    };
    let changes = |changes: &Value, removed: &[&str]| {
        Changes::new(changes.to_string(), removed.iter().map(ToString::to_string).collect()).unwrap()
    };
    let value = |group: &Document| without_update_time(serde_json::from_str(group.text()).unwrap());
    let optional = |group: Option<Document>| group.as_ref().map_or(Value::Null, value);
    let outcome = match step {
        Step::Save { id, name, day, sessions, extra, when } => {
            let text = group(IDS[*id], *name, *day, *sessions, *extra).to_string();
            let condition = condition(id, *when);
            repository.save(Document::from_text(text).unwrap(), condition).map(|()| Value::Null)
        }
        Step::Update { id: index, changes: fields, removed } => {
            // A field that `changes` sets is not removed by it: JavaScript's objects have each key once.
            let removed: Vec<_> =
                removed.iter().copied().filter(|field| fields.get(field).is_none()).collect();
            repository.update(&id(index), changes(fields, &removed)).map(optional)
        }
        Step::UpdateSession { id: index, session, changes: fields } => repository
            .update_session(&id(index), &format!("s{session}"), changes(fields, &[]))
            .map(Value::from),
        Step::Delete { id: index, when } => {
            repository.delete(&id(index), condition(index, *when)).map(Value::from)
        }
        Step::Find { id: index } => repository.find_by_id(&id(index)).map(optional),
        Step::List { filter, sort } => {
            let filter = GroupFilter {
                status: filter
                    .status
                    .map(|running| if running { GroupStatus::Running } else { GroupStatus::Created }),
                name_contains: filter.name.map(str::to_owned),
                since: filter.since.map(|day| instant(DAYS[day])),
                limit: filter.limit,
                offset: filter.offset,
            };
            let sort = sort.map(|(by_name, ascending)| GroupSort {
                field: if by_name { SortField::Name } else { SortField::CreatedAt },
                direction: if ascending { Direction::Ascending } else { Direction::Descending },
            });
            repository.list(&filter, sort).map(|groups| groups.iter().map(value).collect())
        }
    };
    outcome.map_err(|error| error.code())
}

#[test]
fn both_repositories_behave_like_the_model() {
    let cases = std::env::var("MODEL_SEQUENCES").map_or(100, |cases| cases.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let sequences = proptest::collection::vec(step(), LENGTH);
    let number = std::cell::Cell::new(0_u32);
    runner
        .run(&sequences, |steps| {
            number.set(number.get() + 1);
            let base = dir.path().join(number.get().to_string());
            let options =
                FileOptions { durability: Durability::Process, lock_timeout: Duration::from_secs(60) };
            let files = FileGroupRepository::new(Some(&base), options).unwrap();
            let memory = InMemoryGroupRepository::new();
            let mut model = Model::default();
            for step in &steps {
                let expected = model.take(step);
                prop_assert_eq!(&ask(&memory, step), &expected, "in memory: {:?}", step);
                prop_assert_eq!(&ask(&files, step), &expected, "in files: {:?}", step);
            }
            prop_assert_eq!(files.verify().unwrap(), vec![]);
            std::fs::remove_dir_all(base).ok();
            Ok(())
        })
        .unwrap();
}
