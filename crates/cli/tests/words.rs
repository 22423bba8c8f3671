//! The words of the command line for the fields of the core.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use session_groups::model::GroupId;
use session_groups::model::time::IsoTime;
use session_groups_cli::plan_file::shape::{DEFAULTS, Key, PLAN, SESSION, Shape};
use session_groups_cli::plan_file::{self, Files, Source};
use session_groups_cli::words::{KEYS, key_of};

/// Keys that are not stored in a field of their own.
const WITHOUT_FIELD: &[&str] = &["version", "sessions", "defaults", "matrix", "promptFile"];

/// A file system in which all directories exist.
struct Directories;

impl Files for Directories {
    fn is_directory(&self, _: &Path) -> bool {
        true
    }

    fn read(&self, _: &Path) -> Result<String, String> {
        Err("does not exist".to_owned())
    }

    fn home(&self) -> Option<PathBuf> {
        None
    }
}

/// One of two values of a shape.
fn value(shape: &Shape, second: bool) -> Value {
    let text = if second { "b" } else { "a" };
    match shape {
        Shape::Text | Shape::AnyText | Shape::EnvValue => json!(text),
        Shape::OneOf(words) => json!(words[usize::from(second)]),
        Shape::Amount | Shape::Fraction => json!(if second { 0.5 } else { 0.25 }),
        Shape::Whole { .. } => json!(if second { 8 } else { 7 }),
        Shape::Duration => json!(if second { "8m" } else { "7m" }),
        Shape::Flag | Shape::AnyScalar => json!(second),
        Shape::List { of, .. } => json!([value(of, second)]),
        Shape::Map { of, .. } => json!({ "x": value(of, second) }),
        Shape::Json => json!({ "x": text }),
        Shape::Object(keys) => Value::Object(values(keys)),
    }
}

/// The first value of each key.
fn values(keys: &[Key]) -> Map<String, Value> {
    let keys = keys.iter().filter(|key| !WITHOUT_FIELD.contains(&key.name));
    keys.map(|key| (key.name.to_owned(), value(key.shape, false))).collect()
}

/// The paths of the keys of a shape below a path, as JSON pointers, each with the shape of its values.
fn keys_below(path: &str, keys: &'static [Key]) -> Vec<(String, &'static Shape)> {
    let keys = keys.iter().filter(|key| !WITHOUT_FIELD.contains(&key.name));
    let below = keys.map(|key| match key.shape {
        Shape::Object(keys) => keys_below(&format!("{path}/{}", key.name), keys),
        shape => vec![(format!("{path}/{}", key.name), shape)],
    });
    below.flatten().collect()
}

/// The group of a plan, without the source of the plan.
fn group(plan: &Value) -> Value {
    let (path, text) = (Path::new("/plans/p.json"), plan.to_string());
    let source = Source { path, shown: path, text: &text };
    let plan = plan_file::compile(&source, &BTreeMap::new(), &Directories).unwrap();
    let mut group = plan.group(GroupId::new("g").unwrap(), "g", &IsoTime::of_unix_ms(0.0));
    group.plan = None;
    serde_json::to_value(group).unwrap()
}

/// Adds the paths of the fields in which two values differ.
fn differences(path: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            for key in left.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let of = |object: &Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                differences(&path, &of(left), &of(right), found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                differences(&format!("{path}[{index}]"), left, right, found);
            }
        }
        _ if left != right => found.push(path.to_owned()),
        _ => {}
    }
}

#[test]
fn every_key_of_a_plan_is_the_name_of_the_fields_that_it_sets() {
    let Shape::Object(top) = &PLAN else { panic!("a plan has no keys") };
    let mut plan = Value::Object(values(top));
    let independent = json!({ "dependsOn": [] });
    plan["version"] = json!(1);
    plan["defaults"] = Value::Object(values(DEFAULTS));
    plan["sessions"] = json!({ "a": independent, "b": independent, "inherits": {}, "sets": values(SESSION) });
    let before = group(&plan);

    let mut keys = keys_below("", top);
    keys.extend(keys_below("/defaults", DEFAULTS));
    keys.extend(keys_below("/sessions/sets", SESSION));
    let mut stored = Vec::new();
    for (pointer, shape) in keys {
        let mut changed = plan.clone();
        *changed.pointer_mut(&pointer).unwrap() = value(shape, true);
        let mut fields = Vec::new();
        differences("", &before, &group(&changed), &mut fields);
        assert!(!fields.is_empty(), "{pointer} sets no field");

        let key = pointer[1..].replace('/', ".");
        let key_in_session = key.split('.').next_back().unwrap();
        for field in &fields {
            let named = key_of(field);
            // Many defaults become fields of the sessions that do not set them.
            let rest = match named.strip_prefix("sessions[").and_then(|named| named.split_once("].")) {
                Some((_, named)) => named.strip_prefix(key_in_session),
                None => named.strip_prefix(&key),
            };
            let is_named = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
            assert!(is_named, "{field}, set by {key}, is called {named}");
        }
        stored.extend(fields);
    }
    for (field, _) in KEYS {
        let default = field.replace("config.", "config.sessionDefaults.");
        let is_set = stored.iter().any(|stored| stored.contains(field) || stored.contains(&default));
        assert!(is_set, "no key of a plan sets {field}");
    }
}
