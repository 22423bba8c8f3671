//! The published JSON Schema and the parser agree about every plan.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use session_groups_cli::plan_file::shape::{Key, PLAN, Shape};
use session_groups_cli::plan_file::{Problem, Problems, Source, schema};

/// The problems of a plan's shape.
fn problems(name: &str, text: &str) -> Vec<Problem> {
    let mut problems = Problems::new(name.into());
    Source { path: Path::new(name), shown: Path::new(name), text }.check_shape(&mut problems);
    problems.into_result().err().unwrap_or_default()
}

/// Values of a shape.
fn valid(shape: &'static Shape) -> BoxedStrategy<Value> {
    let expression = || Just(json!("${{ vars.x }}"));
    match shape {
        Shape::Text => "[a-z*-]{1,8}".prop_map(Value::from).boxed(),
        Shape::AnyText => "[a-z ]{0,8}".prop_map(Value::from).boxed(),
        Shape::OneOf(words) => {
            prop_oneof![prop::sample::select(*words).prop_map(Value::from), expression()].boxed()
        }
        Shape::Amount => prop_oneof![(1e-9..=1e9).prop_map(Value::from), expression()].boxed(),
        Shape::Fraction => prop_oneof![(0.0..=1.0).prop_map(Value::from), expression()].boxed(),
        Shape::Whole { min, max } => {
            let max = (*max).min(1_000);
            prop_oneof![(*min..=max).prop_map(Value::from), expression()].boxed()
        }
        Shape::Flag => prop_oneof![any::<bool>().prop_map(Value::from), expression()].boxed(),
        Shape::Duration => {
            prop_oneof!["([0-9]{1,3}h)?[0-9]{0,2}[1-9]m([0-9]{1,2}s)?".prop_map(Value::from), expression()]
                .boxed()
        }
        Shape::AnyScalar => {
            prop_oneof![any::<bool>().prop_map(Value::from), any::<u32>().prop_map(Value::from)].boxed()
        }
        Shape::List { of, .. } => prop::collection::vec(valid(of), 1..3).prop_map(Value::from).boxed(),
        Shape::Map { of, .. } => prop::collection::btree_map("[a-z]{1,5}", valid(of), 1..3)
            .prop_map(|map| map.into_iter().collect())
            .boxed(),
        Shape::Json => Just(json!({ "a": [1, null, true, { "b": "c" }] })).boxed(),
        Shape::EnvValue => prop_oneof![Just(json!("x")), Just(json!({ "from": "HOME" }))].boxed(),
        Shape::Object(keys) => object(keys),
    }
}

fn object(keys: &'static [Key]) -> BoxedStrategy<Value> {
    let member = |key: &'static Key| {
        let value = valid(key.shape).boxed();
        let value =
            if key.is_required { value.prop_map(Some).boxed() } else { prop::option::of(value).boxed() };
        value.prop_map(move |value| value.map(|value| (key.name.to_owned(), value)))
    };
    let members: Vec<_> = keys.iter().map(member).collect();
    members.prop_map(|members| Value::Object(members.into_iter().flatten().collect())).boxed()
}

/// Values that are probably wrong where they are put.
fn wrong() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1),
        json!(1.5),
        json!(2),
        json!(3.0),
        json!(1e300),
        json!(9_007_199_254_740_991_u64),
        json!(9_007_199_254_740_992_u64),
        json!(""),
        json!(" "),
        json!("a"),
        json!("45m"),
        json!("0s"),
        json!("0h00m"),
        json!("0h1m"),
        json!("5m1h"),
        json!("1234567890s"),
        json!("${{ matrix.a }}"),
        json!([]),
        json!([" "]),
        json!(["a", 1]),
        json!({}),
        json!({ "from": "A" }),
        json!({ "from": "" }),
        json!({ "a": { "from": 1 } }),
        json!({ "a": {} }),
        json!({ "a": [] }),
    ])
}

/// A change of one value of a plan.
#[derive(Debug, Clone)]
enum Mutation {
    None,
    Replace(Index, Value),
    Remove(Index),
    Add(Index, Value),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        Just(Mutation::None),
        (any::<Index>(), wrong()).prop_map(|(at, value)| Mutation::Replace(at, value)),
        any::<Index>().prop_map(Mutation::Remove),
        (any::<Index>(), wrong()).prop_map(|(at, value)| Mutation::Add(at, value)),
    ]
}

/// Pointers to all values of a plan but itself.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (key, value) in inner {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        pointers(value, &pointer, found);
        found.push(pointer);
    }
}

fn mutate(plan: &mut Value, mutation: Mutation) {
    let mut all = Vec::new();
    pointers(plan, "", &mut all);
    match mutation {
        Mutation::None => {}
        Mutation::Replace(at, value) => *plan.pointer_mut(&all[at.index(all.len())]).unwrap() = value,
        Mutation::Remove(at) => {
            let (parent, key) = all[at.index(all.len())].rsplit_once('/').unwrap();
            if let Value::Object(members) = plan.pointer_mut(parent).unwrap() {
                members.remove(key);
            }
        }
        Mutation::Add(at, value) => {
            let (parent, _) = all[at.index(all.len())].rsplit_once('/').unwrap();
            if let Value::Object(members) = plan.pointer_mut(parent).unwrap() {
                members.insert("extra".to_owned(), value);
            }
        }
    }
}

#[test]
fn generated_plans_are_valid_for_both_or_for_neither() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let mut runner = TestRunner::new(Config { cases: 2_000, failure_persistence: None, ..Config::default() });
    let counts = std::cell::Cell::new((0, 0));
    runner
        .run(&(valid(&PLAN), mutation()), |(mut plan, mutation)| {
            mutate(&mut plan, mutation);
            let text = plan.to_string();
            let is_valid = validator.is_valid(&plan);
            let (valid, invalid) = counts.get();
            counts.set(if is_valid { (valid + 1, invalid) } else { (valid, invalid + 1) });
            for name in ["plan.json", "plan.yaml"] {
                let problems = problems(name, &text);
                prop_assert_eq!(problems.is_empty(), is_valid, "{}: {:?}\n{}", name, problems, text);
            }
            Ok(())
        })
        .unwrap();
    let (valid, invalid) = counts.get();
    assert!(valid > 500 && invalid > 500, "{valid} valid, {invalid} invalid");
}

#[test]
fn the_schema_is_valid_itself() {
    jsonschema::meta::validate(&schema()).unwrap();
}

#[test]
fn every_key_has_a_meaning() {
    fn look(value: &Value, keys: &mut Map<String, Value>) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            keys.extend(properties.clone());
        }
        match value {
            Value::Object(members) => members.values().for_each(|value| look(value, keys)),
            Value::Array(elements) => elements.iter().for_each(|value| look(value, keys)),
            _ => {}
        }
    }
    let mut keys = Map::new();
    look(&schema(), &mut keys);
    assert!(keys.len() > 25);
    for (key, value) in keys {
        let meaning = value["description"].as_str().unwrap_or_default();
        assert!(meaning.ends_with('.'), "{key}: {meaning:?}");
    }
}
