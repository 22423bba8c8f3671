//! The typings declare the same objects as the types of Rust: names, optional fields, types and unions.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

use std::collections::{BTreeMap, BTreeSet};

use session_groups::feed::FurtherEvent;
use session_groups::model::config::{BudgetConfig, ConcurrencyConfig, EnvSource, GroupConfig, SessionConfig};
use session_groups::model::event::{EndStatus, GroupEvent, PauseReason};
use session_groups::model::run::{
    Attempt, AttemptKind, AttemptOutcome, Control, ControlRequest, GroupCause, PlanSource, ProcessIdentity,
    RunnerRecord,
};
use session_groups::model::{
    BudgetAction, Field, GroupSession, GroupStatus, GroupSummary, SessionGroup, SessionStatus, TokenUsage,
};
use session_groups::progress::SessionProgress;

const RECORDS: &[(&str, &[Field])] = &[
    ("Attempt", Attempt::FIELDS),
    ("BudgetConfig", BudgetConfig::FIELDS),
    ("ConcurrencyConfig", ConcurrencyConfig::FIELDS),
    ("Control", Control::FIELDS),
    ("EnvSource", EnvSource::FIELDS),
    ("GroupConfig", GroupConfig::FIELDS),
    ("GroupSession", GroupSession::FIELDS),
    ("GroupSummary", GroupSummary::FIELDS),
    ("PlanSource", PlanSource::FIELDS),
    ("ProcessIdentity", ProcessIdentity::FIELDS),
    ("RunnerRecord", RunnerRecord::FIELDS),
    ("SessionConfig", SessionConfig::FIELDS),
    ("SessionGroup", SessionGroup::FIELDS),
    ("SessionProgress", SessionProgress::FIELDS),
    ("TokenUsage", TokenUsage::FIELDS),
];

const UNIONS: &[(&str, &[&str])] = &[
    ("AttemptKind", AttemptKind::NAMES),
    ("AttemptOutcome", AttemptOutcome::NAMES),
    ("BudgetAction", BudgetAction::NAMES),
    ("ControlRequest", ControlRequest::NAMES),
    ("EndStatus", EndStatus::NAMES),
    ("GroupCause", GroupCause::NAMES),
    ("GroupStatus", GroupStatus::NAMES),
    ("PauseReason", PauseReason::NAMES),
    ("SessionStatus", SessionStatus::NAMES),
];

/// The type in TypeScript of a type in Rust. A type that is not compared itself panics.
fn type_of(rust: &str) -> String {
    let inside = |outer: &str| rust.strip_prefix(outer)?.strip_prefix('<')?.strip_suffix('>');
    if let Some(element) = inside("Vec") {
        return format!("readonly {}[]", type_of(element));
    }
    if let Some(value) = inside("BTreeMap").or_else(|| inside("Map")) {
        return format!("{{ readonly [string]: {} }}", type_of(value.strip_prefix("String,").unwrap()));
    }
    if let Some((_, names)) = UNIONS.iter().find(|(name, _)| *name == rust) {
        return names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(" | ");
    }
    match rust {
        "String" | "GroupId" | "IsoTime" | "JsonString" => "string".to_owned(),
        "Usd" | "Milliseconds" | "Percent" | "Fraction" | "Count" | "Positive" => "number".to_owned(),
        "bool" => "boolean".to_owned(),
        "Value" => "unknown".to_owned(),
        "EnvValue" => "string | EnvSource".to_owned(),
        record => {
            assert!(RECORDS.iter().any(|(name, _)| *name == record), "{record} is not compared");
            record.to_owned()
        }
    }
}

/// A field by its name: whether it is optional, and its type.
type Fields = BTreeMap<String, (bool, String)>;

fn of_rust(fields: &[Field]) -> Fields {
    let field = |field: &Field| {
        let type_name = field.type_name.replace(' ', "");
        (field.json_name(), (field.is_optional, type_of(&type_name)))
    };
    fields.iter().map(field).collect()
}

/// The declarations of `index.d.ts`, as the formatter lays them out.
struct Typings(String);

impl Typings {
    fn read() -> Self {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../index.d.ts")).unwrap();
        let parts = text.split("/**").map(|part| part.split_once("*/").map_or(part, |(_, code)| code));
        Self(parts.collect())
    }

    /// A declaration from its name to the line that ends it.
    fn declaration(&self, start: &str, end: &str) -> Option<&str> {
        let (_, rest) = self.0.split_once(start)?;
        rest.split_once(end).map(|(declaration, _)| declaration)
    }

    /// The fields of an interface and of those that it extends.
    fn fields(&self, name: &str) -> Fields {
        let declaration = self.declaration(&format!("export interface {name} "), "\n}");
        let (head, body) = declaration.expect(name).split_once('{').unwrap();
        let bases = head.trim().strip_prefix("extends ").into_iter().flat_map(|bases| bases.split(", "));
        let mut fields: Fields = bases.flat_map(|base| self.fields(base)).collect();
        for member in body.split("\n  readonly ").skip(1) {
            let (name, type_name) = member.split_once(':').unwrap();
            let (name, is_optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
            fields.insert(name.to_owned(), (is_optional, self.type_of(type_name, is_optional)));
        }
        fields
    }

    /// A type on one line, with unions in place of their names.
    fn type_of(&self, text: &str, is_optional: bool) -> String {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = text.replace("[key: string]", "[string]").replace("[name: string]", "[string]");
        let text = text.strip_prefix("| ").unwrap_or(&text);
        let known = text.strip_suffix(" | undefined");
        assert_eq!(known.is_some(), is_optional, "an optional field can be undefined: {text}");
        let text = known.unwrap_or(text);
        let alias = self.0.split_once(&format!("export type {text} =")).map(|(_, rest)| rest);
        let lines = |rest: &str| {
            let rest = rest.split_once("\nexport").map_or(rest, |(union, _)| union);
            self.type_of(rest.split("\n\n").next().unwrap(), false)
        };
        alias.map_or_else(|| text.to_owned(), lines)
    }
}

#[test]
fn records_have_the_same_fields() {
    let typings = Typings::read();
    for (name, fields) in RECORDS {
        assert_eq!(typings.fields(name), of_rust(fields), "{name}");
    }
}

#[test]
fn events_have_the_same_fields() {
    let typings = Typings::read();
    let mut all = BTreeSet::new();
    for (map, types) in [("GroupEventMap", GroupEvent::TYPES), ("GroupFeedEventMap", FurtherEvent::TYPES)] {
        all.extend(types.iter().map(|(name, _)| (*name).to_owned()));
        let map = typings.fields(map);
        assert_eq!(map.keys().cloned().collect::<BTreeSet<_>>(), all);
        for (name, fields) in types {
            let mut expected = of_rust(fields);
            expected.insert("type".to_owned(), (false, format!("'{name}'")));
            assert_eq!(typings.fields(&map[*name].1), expected, "{name}");
        }
    }
}
