//! What may be stored: the shape of a group, told as tables, and the one function that checks text against them.

#![allow(missing_docs, reason = "the tables speak for themselves")]

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::error::FieldError;
use crate::json::{self, Cursor, Json, NoJson};
use crate::model::run::{AttemptKind, AttemptOutcome, ControlRequest, GroupCause};
use crate::model::time;
use crate::model::types::{BudgetAction, GroupId, GroupStatus, SessionStatus};

/// What a value has to be.
#[derive(Clone, Copy)]
pub enum Rule {
    Text,
    GroupId,
    Time,
    OneOf(Names),
    /// A number of the given bounds, both allowed.
    Number(f64, f64),
    /// A whole number, at least so large.
    Whole(f64),
    Flag,
    ListOf(&'static Rule),
    /// An object of any keys, whose values obey a rule.
    MapOf(&'static Rule),
    /// A string, or an object that obeys a rule.
    TextOr(&'static Rule),
    /// Sessions whose ids differ.
    Sessions,
    Object(&'static [Field]),
    /// An object of any members.
    AnyObject,
    Anything,
}

/// The names an enum has, and the one it had in files of older tools.
#[derive(Clone, Copy)]
pub struct Names {
    now: &'static [&'static str],
    formerly: Option<&'static str>,
}

/// A member of an object.
#[derive(Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub rule: Rule,
    presence: Presence,
}

#[derive(Clone, Copy, PartialEq)]
enum Presence {
    Required,
    Optional,
    /// Required now; files of older tools may lack it.
    FormerlyOptional,
    /// Optional, and added when programs may already have used the name for fields of their own.
    Recent,
}

pub const fn required(name: &'static str, rule: Rule) -> Field {
    Field { name, rule, presence: Presence::Required }
}

pub const fn optional(name: &'static str, rule: Rule) -> Field {
    Field { name, rule, presence: Presence::Optional }
}

const fn recent(name: &'static str, rule: Rule) -> Field {
    Field { name, rule, presence: Presence::Recent }
}

/// An object with these fields; the compiler sees that there is room for their values.
const fn object(fields: &'static [Field]) -> Rule {
    assert!(fields.len() <= MOST_FIELDS);
    Rule::Object(fields)
}

pub const fn one_of(names: &'static [&'static str]) -> Rule {
    Rule::OneOf(Names { now: names, formerly: None })
}

pub const MONEY: Rule = Rule::Number(0.0, f64::INFINITY);
const PART: Rule = Rule::Number(0.0, 1.0);
pub const TEXTS: Rule = Rule::ListOf(&Rule::Text);
const MILLISECONDS: Rule = Rule::Number(0.0, f64::INFINITY);
pub const CAUSE: Rule = one_of(GroupCause::NAMES);

/// What a status was called by older tools when something runs.
pub const FORMER_RUNNING: &str = "in_progress";

pub const TOKEN_USAGE: Rule = object(&[
    required("input", Rule::Whole(0.0)),
    required("output", Rule::Whole(0.0)),
    optional("cacheRead", Rule::Whole(0.0)),
    optional("cacheWrite", Rule::Whole(0.0)),
]);

const CONCURRENCY_CONFIG: Rule = object(&[
    required("maxConcurrent", Rule::Whole(1.0)),
    required("respectDependencies", Rule::Flag),
    required("pauseOnError", Rule::Flag),
    required("errorThreshold", Rule::Whole(1.0)),
]);

const SESSION_CONFIG: Rule = object(&[
    required("generateClaudeMd", Rule::Flag),
    required("generateSettings", Rule::Flag),
    optional("claudeMdTemplate", Rule::Text),
    optional("settingsOverride", Rule::AnyObject),
    recent("variables", Rule::MapOf(&Rule::Text)),
    recent("permissionMode", Rule::Text),
    recent("allowedTools", TEXTS),
    recent("disallowedTools", TEXTS),
    recent("appendSystemPrompt", Rule::Text),
    recent("mcpServers", Rule::MapOf(&Rule::AnyObject)),
    recent("env", Rule::MapOf(&Rule::TextOr(&object(&[required("from", Rule::Text)])))),
]);

const GROUP_CONFIG: Rule = object(&[
    required("model", Rule::Text),
    required("maxBudgetUsd", MONEY),
    required("onBudgetExceeded", one_of(BudgetAction::NAMES)),
    required("warningThreshold", PART),
    required("maxConcurrentSessions", Rule::Whole(1.0)),
    optional("additionalArgs", TEXTS),
    optional("concurrency", CONCURRENCY_CONFIG),
    optional("sessionDefaults", SESSION_CONFIG),
    recent("exclusiveDirectories", Rule::Flag),
]);

pub const SESSION_STATUS: Rule =
    Rule::OneOf(Names { now: SessionStatus::NAMES, formerly: Some(FORMER_RUNNING) });

#[allow(dead_code, reason = "only the bindings are given single sessions")]
pub const GROUP_SESSION: Rule = object(SESSION_FIELDS);

const SESSION_FIELDS: &[Field] = &[
    required("id", Rule::Text),
    required("projectPath", Rule::Text),
    required("prompt", Rule::Text),
    required("status", SESSION_STATUS),
    Field { name: "dependsOn", rule: TEXTS, presence: Presence::FormerlyOptional },
    required("createdAt", Rule::Time),
    optional("template", Rule::Text),
    optional("claudeSessionId", Rule::Text),
    optional("startedAt", Rule::Time),
    optional("completedAt", Rule::Time),
    optional("cost", MONEY),
    optional("tokens", TOKEN_USAGE),
    optional("config", SESSION_CONFIG),
    recent("runMs", MILLISECONDS),
    recent("error", Rule::Text),
    recent("deniedTools", TEXTS),
    recent("usageCounters", Rule::AnyObject),
    recent("model", Rule::Text),
    recent("maxBudgetUsd", MONEY),
    recent("maxTurns", Rule::Whole(1.0)),
    recent("timeoutMs", MILLISECONDS),
    recent("stallTimeoutMs", MILLISECONDS),
    recent("retries", Rule::Whole(0.0)),
    recent("allowFailure", Rule::Flag),
    recent("attempts", Rule::ListOf(&ATTEMPT)),
    recent("waitsUntil", Rule::Time),
    recent("dropped", Rule::Flag),
];

const ATTEMPT: Rule = object(&[
    required("n", Rule::Whole(1.0)),
    required("uuid", Rule::Text),
    required("how", one_of(AttemptKind::NAMES)),
    required("startedAt", Rule::Time),
    required("reservedUsd", MONEY),
    required("claudeSessionId", Rule::Text),
    optional("endedAt", Rule::Time),
    optional("costUsd", MONEY),
    optional("estimated", Rule::Flag),
    optional("outcome", one_of(AttemptOutcome::NAMES)),
    optional("error", Rule::Text),
    optional("process", object(PROCESS_FIELDS)),
]);

const PROCESS_FIELDS: &[Field] = &[
    required("pid", Rule::Whole(1.0)),
    required("startTime", Rule::Text),
    required("bootId", Rule::Text),
    required("host", Rule::Text),
];

const RUNNER: Rule = object(RUNNER_FIELDS);

const RUNNER_FIELDS: &[Field] =
    &[PROCESS_FIELDS[0], PROCESS_FIELDS[1], PROCESS_FIELDS[2], PROCESS_FIELDS[3], required("at", Rule::Time)];

const CONTROL: Rule = object(&[
    required("request", one_of(ControlRequest::NAMES)),
    optional("sessions", TEXTS),
    optional("drain", Rule::Flag),
    optional("now", Rule::Flag),
    optional("fresh", Rule::Flag),
    optional("reason", Rule::Text),
    required("at", Rule::Time),
    optional("by", Rule::Text),
    required("seq", Rule::Whole(0.0)),
]);

const PLAN: Rule = object(&[
    required("path", Rule::Text),
    required("name", Rule::Text),
    required("vars", Rule::MapOf(&Rule::Text)),
]);

pub const GROUP: Rule = object(GROUP_FIELDS);

const GROUP_FIELDS: &[Field] = &[
    required("id", Rule::GroupId),
    required("name", Rule::Text),
    required("slug", Rule::Text),
    required("status", Rule::OneOf(Names { now: GroupStatus::NAMES, formerly: Some(FORMER_RUNNING) })),
    required("sessions", Rule::Sessions),
    required("config", GROUP_CONFIG),
    required("createdAt", Rule::Time),
    required("updatedAt", Rule::Time),
    optional("description", Rule::Text),
    optional("startedAt", Rule::Time),
    optional("completedAt", Rule::Time),
    optional("schemaVersion", Rule::Anything),
    recent("control", CONTROL),
    recent("controlSeen", Rule::Whole(0.0)),
    recent("cause", CAUSE),
    recent("eventSeq", Rule::Whole(0.0)),
    recent("budgetWarned", Rule::Flag),
    recent("runner", RUNNER),
    recent("plan", PLAN),
];

/// Which data of older programs is accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// None: for what is to be stored.
    Strict,
    /// A recent field of another type, which is ignored: for what was read.
    Tolerant,
    /// As well a missing `dependsOn` and the status `in_progress`: for the stored text itself.
    Lenient,
}

/// A recent field whose value does not obey its rule.
struct Ignored<'a> {
    field: FieldOf<'a>,
    value: Json<'a>,
    invalid: Invalid<'a>,
}

/// Names a field independently of the order of the sessions.
#[derive(PartialEq, Eq, Hash)]
struct FieldOf<'a> {
    /// The id of the session that it is in, unless it is in the group itself.
    session: Option<Cow<'a, str>>,
    /// The path of the field in the session or the group.
    path: String,
}

/// Why a text does not obey a rule.
#[derive(Debug)]
pub struct Invalid<'a> {
    pub wrong: FieldError,
    /// The piece of the text at fault.
    pub at: &'a str,
}

/// Where in the value the check is, without an allocation until an error needs it.
pub enum Place<'a> {
    Root,
    /// An argument as a whole, which has a name; its members are known without.
    #[allow(dead_code, reason = "only the bindings have such arguments")]
    Argument(&'a str),
    Member(&'a Place<'a>, &'a str),
    Element(&'a Place<'a>, usize),
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Root => Ok(()),
            Place::Argument(name) | Place::Member(Place::Root | Place::Argument(_), name) => {
                f.write_str(name)
            }
            Place::Member(parent, name) => write!(f, "{parent}.{name}"),
            Place::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Checks a value against a rule. Members that the rule does not name may be anything, no deeper than
/// [`json::MAX_DEPTH`].
pub fn check(value: Json<'_>, rule: Rule, strictness: Strictness) -> Result<(), Invalid<'_>> {
    Check::new(value.text(), strictness).value(rule, &Place::Root)
}

/// Checks what an update made of a stored value: as strictly as what is saved, except that a recent field that the
/// update did not change may stay as an older program wrote it.
pub fn check_update<'a>(updated: Json<'a>, rule: Rule, stored: Json<'_>) -> Result<(), Invalid<'a>> {
    let ignored = ignored(updated, rule)?;
    if ignored.is_empty() {
        return Ok(());
    }
    let before = self::ignored(stored, rule).unwrap_or_default().into_iter();
    let before: HashMap<_, _> = before.map(|ignored| (ignored.field, ignored.value)).collect();
    let is_unchanged = |ignored: &Ignored<'_>| {
        before.get(&ignored.field).is_some_and(|before| before.is_same(ignored.value))
    };
    let changed = ignored.into_iter().find(|ignored| !is_unchanged(ignored));
    changed.map_or(Ok(()), |changed| Err(changed.invalid))
}

/// The same value with `null` in place of each recent field that is to be ignored.
pub fn without_ignored(value: Json<'_>, rule: Rule) -> Cow<'_, str> {
    let text = value.text();
    let (mut out, mut copied) = (String::new(), 0);
    for ignored in self::ignored(value, rule).unwrap_or_default() {
        let ignored = ignored.value.text();
        let start = ignored.as_ptr() as usize - text.as_ptr() as usize;
        out.push_str(&text[copied..start]);
        out.push_str("null");
        copied = start + ignored.len();
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The recent fields of a value that are to be ignored, in their order.
fn ignored(value: Json<'_>, rule: Rule) -> Result<Vec<Ignored<'_>>, Invalid<'_>> {
    let mut check = Check::new(value.text(), Strictness::Tolerant);
    check.value(rule, &Place::Root).map(|()| check.ignored)
}

/// Returns the fields of a text that is a valid group. [`check`] says what is wrong with any other, and is slower.
pub fn valid_group(text: &str, strictness: Strictness) -> Option<Fields<'_>> {
    let mut check = Check::new(text, strictness);
    let fields = check.object(GROUP_FIELDS, &Place::Root).ok()?;
    check.cursor.end().ok().map(|()| fields)
}

/// The values of an object's fields.
pub struct Fields<'a> {
    fields: &'static [Field],
    values: [Option<Json<'a>>; MOST_FIELDS],
}

const MOST_FIELDS: usize = 32;

impl<'a> Fields<'a> {
    /// The value of a field that the rule names.
    pub fn get(&self, name: &str) -> Option<Json<'a>> {
        let index = self.fields.iter().position(|field| field.name == name)?;
        self.values[index]
    }
}

/// A check on its way through the text, which it passes once.
struct Check<'a> {
    cursor: Cursor<'a>,
    strictness: Strictness,
    ignored: Vec<Ignored<'a>>,
}

impl<'a> Check<'a> {
    fn new(text: &'a str, strictness: Strictness) -> Self {
        Self { cursor: Cursor::new(text), strictness, ignored: Vec::new() }
    }

    fn value(&mut self, rule: Rule, place: &Place<'_>) -> Result<(), Invalid<'a>> {
        match rule {
            Rule::ListOf(of) => self.list(place, |check, place| check.value(*of, place)),
            Rule::MapOf(of) => self.map(*of, place),
            Rule::TextOr(of) if !self.cursor.is_at(b'"') => self.value(*of, place),
            Rule::Sessions => self.sessions(place),
            Rule::Object(fields) => self.object(fields, place).map(drop),
            _ => {
                let value = self.next(place)?;
                if self.holds(rule, value) {
                    return Ok(());
                }
                let mut invalid = must_be(&expected(rule), value, place);
                if matches!(rule, Rule::Number(..) | Rule::Whole(_)) && value.text() == "null" {
                    invalid.wrong.problem.push_str(", which is what JSON makes of NaN and Infinity");
                }
                Err(invalid)
            }
        }
    }

    fn next(&mut self, place: &Place<'_>) -> Result<Json<'a>, Invalid<'a>> {
        self.cursor.value().map_err(no_json(place))
    }

    fn holds(&self, rule: Rule, value: Json<'_>) -> bool {
        match rule {
            Rule::Text | Rule::TextOr(_) => value.is_string(),
            Rule::GroupId => value.string().is_some_and(|id| GroupId::new(&id).is_ok()),
            Rule::Time => value.string().is_some_and(|text| time::instant(&text).is_some()),
            Rule::OneOf(names) => value.string().is_some_and(|name| self.is_one_of(&name, names)),
            Rule::Number(min, max) => value.number().is_some_and(|number| (min..=max).contains(&number)),
            Rule::Whole(min) => value.number().is_some_and(|number| number >= min && number.fract() == 0.0),
            Rule::Flag => matches!(value.text(), "true" | "false"),
            Rule::ListOf(_) | Rule::Sessions => value.is_array(),
            Rule::Object(_) | Rule::MapOf(_) => value.is_object(),
            Rule::AnyObject => value.is_object() && !value.is_deeper_than(json::MAX_DEPTH),
            Rule::Anything => !value.is_deeper_than(json::MAX_DEPTH),
        }
    }

    fn is_one_of(&self, name: &str, names: Names) -> bool {
        names.now.contains(&name) || (self.strictness == Strictness::Lenient && names.formerly == Some(name))
    }

    fn list(
        &mut self,
        place: &Place<'_>,
        mut element: impl FnMut(&mut Self, &Place<'_>) -> Result<(), Invalid<'a>>,
    ) -> Result<(), Invalid<'a>> {
        if !self.cursor.enter(b'[') {
            return Err(must_be("an array", self.next(place)?, place));
        }
        let (mut is_first, mut index) = (true, 0);
        while self.cursor.has_element(&mut is_first).map_err(no_json(place))? {
            element(self, &Place::Element(place, index))?;
            index += 1;
        }
        Ok(())
    }

    fn map(&mut self, of: Rule, place: &Place<'_>) -> Result<(), Invalid<'a>> {
        if !self.cursor.enter(b'{') {
            return Err(must_be("an object", self.next(place)?, place));
        }
        let mut is_first = true;
        while let Some(raw_key) = self.cursor.key(&mut is_first).map_err(no_json(place))? {
            self.value(of, &Place::Member(place, &json::key(raw_key)))?;
        }
        Ok(())
    }

    fn sessions(&mut self, place: &Place<'_>) -> Result<(), Invalid<'a>> {
        let mut places: HashMap<Cow<'a, str>, usize> = HashMap::new();
        self.list(place, |check, place| {
            let first_ignored = check.ignored.len();
            let Some(id) = check.object(SESSION_FIELDS, place)?.get("id") else {
                return Ok(());
            };
            for ignored in &mut check.ignored[first_ignored..] {
                ignored.field.session = id.string();
                ignored.field.path.replace_range(..place.to_string().len(), "");
            }
            let count = places.len();
            match places.entry(id.string().unwrap_or_default()) {
                Entry::Vacant(free) => {
                    free.insert(count);
                    Ok(())
                }
                Entry::Occupied(first) => {
                    let id_place = Place::Member(place, "id");
                    let problem = format!(
                        "must be unique, but {} is the id of sessions[{}] too",
                        id.text(),
                        first.get()
                    );
                    Err(Invalid { wrong: FieldError::new(id_place.to_string(), problem), at: id.text() })
                }
            }
        })
    }

    fn object(&mut self, fields: &'static [Field], place: &Place<'_>) -> Result<Fields<'a>, Invalid<'a>> {
        let start = self.cursor.value_start();
        if !self.cursor.enter(b'{') {
            return Err(must_be("an object", self.next(place)?, place));
        }
        let mut values = [None; MOST_FIELDS];
        let mut likely = 0;
        let mut is_first = true;
        while let Some(raw_key) = self.cursor.key(&mut is_first).map_err(no_json(place))? {
            let key = json::key(raw_key);
            // Most objects have their members in the order of the rule.
            let order = (likely..fields.len()).chain(0..likely);
            let Some(index) = { order }.find(|index| fields[*index].name == key) else {
                self.value(Rule::Anything, &Place::Member(place, &key))?;
                continue;
            };
            likely = index + 1;
            let place = Place::Member(place, fields[index].name);
            if values[index].is_some() {
                let wrong = FieldError::new(
                    place.to_string(),
                    "is there twice, and readers differ on which one holds",
                );
                return Err(Invalid { wrong, at: raw_key });
            }
            let value_start = self.cursor.value_start();
            self.member(&fields[index], &place)?;
            values[index] = Some(self.cursor.since(value_start));
        }
        for (index, field) in fields.iter().enumerate() {
            if values[index].is_none() && self.must_have(field) {
                let place = Place::Member(place, field.name);
                let wrong = FieldError::new(
                    place.to_string(),
                    format!("is missing, expected {}", expected(field.rule)),
                );
                return Err(Invalid { wrong, at: self.cursor.since(start).text() });
            }
        }
        Ok(Fields { fields, values })
    }

    /// Checks the value of a field. A recent field that is to be ignored may be anything.
    fn member(&mut self, field: &Field, place: &Place<'_>) -> Result<(), Invalid<'a>> {
        if field.presence != Presence::Recent || self.strictness == Strictness::Strict {
            return self.value(field.rule, place);
        }
        let start = self.cursor.clone();
        let Err(invalid) = self.value(field.rule, place) else {
            return Ok(());
        };
        self.cursor = start;
        let value_start = self.cursor.value_start();
        self.value(Rule::Anything, place)?;
        let value = self.cursor.since(value_start);
        let field = FieldOf { session: None, path: place.to_string() };
        self.ignored.push(Ignored { field, value, invalid });
        Ok(())
    }

    fn must_have(&self, field: &Field) -> bool {
        match field.presence {
            Presence::Required => true,
            Presence::Optional | Presence::Recent => false,
            Presence::FormerlyOptional => self.strictness != Strictness::Lenient,
        }
    }
}

/// Of a text of which it was not known.
fn no_json<'a>(place: &Place<'_>) -> impl FnOnce(NoJson) -> Invalid<'a> {
    move |NoJson| Invalid { wrong: FieldError::new(place.to_string(), "is no JSON"), at: "" }
}

fn must_be<'a>(expected: &str, found: Json<'a>, place: &Place<'_>) -> Invalid<'a> {
    let found = found.text();
    let problem = format!("must be {expected}, but is {}", json::excerpt(found));
    Invalid { wrong: FieldError::new(place.to_string(), problem), at: found }
}

fn expected(rule: Rule) -> String {
    match rule {
        Rule::Text => "a string".to_owned(),
        Rule::GroupId => "1 to 128 of A-Z a-z 0-9 . _ -, starting with a letter or a digit".to_owned(),
        Rule::Time => "an ISO 8601 time such as \"2026-01-15T10:30:00.000Z\"".to_owned(),
        Rule::OneOf(names) => format!("one of {}", names.now.join(", ")),
        Rule::Number(min, max) if max.is_infinite() => format!("a number of {min} or more"),
        Rule::Number(min, max) => format!("a number from {min} to {max}"),
        Rule::Whole(min) => format!("a whole number of {min} or more"),
        Rule::Flag => "true or false".to_owned(),
        Rule::ListOf(_) | Rule::Sessions => "an array".to_owned(),
        Rule::Object(_) | Rule::MapOf(_) | Rule::AnyObject => "an object".to_owned(),
        Rule::TextOr(_) => "a string or an object".to_owned(),
        Rule::Anything => "nested at most 1,000 levels deep".to_owned(),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub const GROUP: &str = r#"{"id":"20260115-103000-auth","name":"Auth","slug":"auth","status":"created","sessions":[{"id":"001-a","projectPath":"/p/a","prompt":"Do it","status":"pending","dependsOn":[],"createdAt":"2026-01-15T10:30:00.000Z"},{"id":"002-b","projectPath":"/p/b","prompt":"Then this","status":"pending","dependsOn":["001-a"],"createdAt":"2026-01-15T10:30:00.000Z","cost":0.5,"tokens":{"input":1,"output":2}}],"config":{"model":"sonnet","maxBudgetUsd":10,"onBudgetExceeded":"pause","warningThreshold":0.8,"maxConcurrentSessions":3},"createdAt":"2026-01-15T10:30:00.000Z","updatedAt":"2026-01-15T10:30:00.000Z"}"#;

    fn problem(from: &str, to: &str) -> String {
        assert!(GROUP.contains(from), "{from}");
        let text = GROUP.replacen(from, to, 1);
        check(Json::parse(&text).unwrap(), super::GROUP, Strictness::Strict).expect_err(to).wrong.to_string()
    }

    #[test]
    fn a_group_is_valid() {
        assert!(check(Json::parse(GROUP).unwrap(), super::GROUP, Strictness::Strict).is_ok());
    }

    #[test]
    fn each_wrong_field_is_named_with_what_was_expected() {
        assert_eq!(
            problem(r#""status":"pending""#, r#""status":"bogus""#),
            "sessions[0].status must be one of pending, active, paused, completed, failed, but is \"bogus\""
        );
        assert_eq!(
            problem(r#""cost":0.5"#, r#""cost":-1"#),
            "sessions[1].cost must be a number of 0 or more, but is -1"
        );
        assert_eq!(
            problem(r#""input":1"#, r#""input":1.5"#),
            "sessions[1].tokens.input must be a whole number of 0 or more, but is 1.5"
        );
        assert_eq!(
            problem(r#""dependsOn":["001-a"]"#, r#""dependsOn":["a",5]"#),
            "sessions[1].dependsOn[1] must be a string, but is 5"
        );
        assert_eq!(problem(r#""slug":"auth","#, ""), "slug is missing, expected a string");
        assert_eq!(
            problem(r#""sessions":["#, r#""sessions":3,"x":["#),
            "sessions must be an array, but is 3"
        );
        assert_eq!(
            problem(r#""warningThreshold":0.8"#, r#""warningThreshold":1.1"#),
            "config.warningThreshold must be a number from 0 to 1, but is 1.1"
        );
        assert_eq!(
            problem("002-b", "001-a"),
            "sessions[1].id must be unique, but \"001-a\" is the id of sessions[0] too"
        );
        assert_eq!(
            problem(r#""name":"Auth""#, r#""name":"Auth","n\u0061me":"B""#),
            "name is there twice, and readers differ on which one holds"
        );
        assert!(
            problem(r#""createdAt":"2026-01-15T10:30:00.000Z"},"#, r#""createdAt":"soon"},"#)
                .starts_with("sessions[0].createdAt must be an ISO 8601 time")
        );
        assert!(problem(r#""maxBudgetUsd":10"#, r#""maxBudgetUsd":1e400"#).contains("but is 1e400"));
    }

    #[test]
    fn fields_for_the_runner_are_checked() {
        let with = |place: &str, field: &str| GROUP.replacen(place, &format!("{place}{field},"), 1);
        let (group, config, session) = ("{", r#""config":{"#, r#""sessions":[{"#);
        for (place, field) in [
            (
                group,
                r#""control":{"request":"retry","sessions":["001-a"],"drain":true,"now":false,"fresh":true,"reason":"r","at":"2026-01-15T10:30:00Z","by":"me","seq":3}"#,
            ),
            (group, r#""controlSeen":3,"cause":"usage_limit","eventSeq":0,"budgetWarned":true"#),
            (
                group,
                r#""runner":{"pid":4711,"startTime":"12345","bootId":"b","host":"h","at":"2026-01-15T10:30:00Z"}"#,
            ),
            (group, r#""plan":{"path":"/p/plan.yaml","name":"n","vars":{"a":"b"}}"#),
            (config, r#""exclusiveDirectories":true"#),
            (
                session,
                r#""config":{"generateClaudeMd":true,"generateSettings":false,"variables":{"a":"b"},"permissionMode":"acceptEdits","allowedTools":["Bash"],"disallowedTools":[],"appendSystemPrompt":"p","mcpServers":{"s":{"command":"c"}},"env":{"A":"b","C":{"from":"D"}}}"#,
            ),
            (
                session,
                r#""model":"opus","maxBudgetUsd":1.5,"maxTurns":3,"timeoutMs":1,"stallTimeoutMs":480000,"retries":0,"allowFailure":true,"waitsUntil":"2026-01-15T10:30:00Z","dropped":false"#,
            ),
            (session, r#""runMs":5.5,"error":"e","deniedTools":["Write"],"usageCounters":{"a":[1]}"#),
            (
                session,
                r#""attempts":[{"n":1,"uuid":"u","how":"fresh","startedAt":"2026-01-15T10:30:00Z","reservedUsd":1,"claudeSessionId":"c"},{"n":2,"uuid":"u","how":"resume","startedAt":"2026-01-15T10:30:00Z","reservedUsd":0.5,"claudeSessionId":"c","endedAt":"2026-01-15T10:31:00Z","costUsd":0.1,"estimated":true,"outcome":"output_limit","error":"e","process":{"pid":1,"startTime":"1","bootId":"b","host":"h"}}]"#,
            ),
        ] {
            let text = with(place, field);
            check(Json::parse(&text).unwrap(), super::GROUP, Strictness::Strict).expect(field);
            // The typed data are the same.
            let typed: crate::model::SessionGroup = json::typed(&text).expect(field);
            let again: serde_json::Value = serde_json::to_value(&typed).unwrap();
            assert_eq!(again, serde_json::from_str::<serde_json::Value>(&text).unwrap(), "{field}");
        }
        for (place, field, wrong) in [
            (
                group,
                r#""control":{"request":"explode","at":"2026-01-15T10:30:00Z","seq":1}"#,
                "control.request",
            ),
            (group, r#""control":{"request":"stop","at":"2026-01-15T10:30:00Z"}"#, "control.seq"),
            (group, r#""cause":"boredom""#, "cause"),
            (group, r#""controlSeen":-1"#, "controlSeen"),
            (group, r#""eventSeq":"1""#, "eventSeq"),
            (group, r#""budgetWarned":1"#, "budgetWarned"),
            (group, r#""runner":{"pid":0}"#, "runner.pid"),
            (group, r#""plan":{"path":"p","name":"n","vars":{"a":1}}"#, "plan.vars.a"),
            (config, r#""exclusiveDirectories":"yes""#, "config.exclusiveDirectories"),
            (
                config,
                r#""sessionDefaults":{"generateClaudeMd":true,"generateSettings":false,"variables":{"a":1}}"#,
                "config.sessionDefaults.variables.a",
            ),
            (
                session,
                r#""config":{"generateClaudeMd":true,"generateSettings":false,"env":{"A":{"from":1}}}"#,
                "sessions[0].config.env.A.from",
            ),
            (
                session,
                r#""config":{"generateClaudeMd":true,"generateSettings":false,"env":{"A":1}}"#,
                "sessions[0].config.env.A",
            ),
            (
                session,
                r#""config":{"generateClaudeMd":true,"generateSettings":false,"mcpServers":{"s":"c"}}"#,
                "sessions[0].config.mcpServers.s",
            ),
            (
                session,
                r#""config":{"generateClaudeMd":true,"generateSettings":false,"allowedTools":"Bash"}"#,
                "sessions[0].config.allowedTools",
            ),
            (session, r#""model":5"#, "sessions[0].model"),
            (session, r#""maxBudgetUsd":-1"#, "sessions[0].maxBudgetUsd"),
            (session, r#""maxTurns":0"#, "sessions[0].maxTurns"),
            (session, r#""timeoutMs":-1"#, "sessions[0].timeoutMs"),
            (session, r#""stallTimeoutMs":null"#, "sessions[0].stallTimeoutMs"),
            (session, r#""retries":0.5"#, "sessions[0].retries"),
            (session, r#""allowFailure":"no""#, "sessions[0].allowFailure"),
            (session, r#""attempts":[{"n":1}]"#, "sessions[0].attempts[0].uuid"),
            (session, r#""waitsUntil":"soon""#, "sessions[0].waitsUntil"),
            (session, r#""dropped":1"#, "sessions[0].dropped"),
            (session, r#""runMs":-1"#, "sessions[0].runMs"),
            (session, r#""error":{}"#, "sessions[0].error"),
            (session, r#""deniedTools":[1]"#, "sessions[0].deniedTools[0]"),
            (session, r#""usageCounters":[]"#, "sessions[0].usageCounters"),
        ] {
            let text = with(place, field);
            let json = Json::parse(&text).unwrap();
            assert_eq!(check(json, super::GROUP, Strictness::Strict).expect_err(field).wrong.field, wrong);
            check(json, super::GROUP, Strictness::Tolerant).expect(field);
            json::typed::<crate::model::SessionGroup>(&without_ignored(json, super::GROUP)).expect(field);
        }
    }

    #[test]
    fn older_files_are_read_but_not_written() {
        let old = GROUP.replacen(r#""dependsOn":[],"#, "", 1).replace(r#""created""#, r#""in_progress""#);
        assert!(check(Json::parse(&old).unwrap(), super::GROUP, Strictness::Lenient).is_ok());
        assert!(check(Json::parse(&old).unwrap(), super::GROUP, Strictness::Strict).is_err());
    }

    #[test]
    fn unknown_members_may_be_anything_but_too_deep() {
        let with = |value: &str| GROUP.replacen('{', &format!("{{\"x\":{value},"), 1);
        assert!(
            check(
                Json::parse(&with(r#"[null,{"\ud800":1e999}]"#)).unwrap(),
                super::GROUP,
                Strictness::Strict
            )
            .is_ok()
        );
        let deep = with(&format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)));
        assert!(check(Json::parse(&deep).unwrap(), super::GROUP, Strictness::Strict).is_err());
    }
}
