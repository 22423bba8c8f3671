//! The shape of a plan file, stated once: the parser checks it, and the published JSON Schema is made from it.

use std::path::PathBuf;

use crate::plan_file::duration;
use crate::plan_file::node::{Node, Place, Resolved, Value};
use crate::plan_file::problem::Problems;
use crate::suggest::did_you_mean;

/// The values that are allowed in one place.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Text that is not blank.
    Text,
    /// Any text.
    AnyText,
    /// One of several words.
    OneOf(&'static [&'static str]),
    /// A number greater than 0.
    Amount,
    /// A number from 0 to 1.
    Fraction,
    /// A whole number within bounds.
    Whole {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// `true` or `false`.
    Flag,
    /// A duration such as `45m`, longer than 0.
    Duration,
    /// Text, a number or `true` and `false`.
    AnyScalar,
    /// A list.
    List {
        /// Its elements.
        of: &'static Shape,
        /// `true` if it may not be empty.
        is_needed: bool,
    },
    /// A map with keys of the user's own.
    Map {
        /// Its values.
        of: &'static Shape,
        /// `true` if it may not be empty.
        is_needed: bool,
    },
    /// A map with known keys.
    Object(&'static [Key]),
    /// A map of any values that JSON can hold.
    Json,
    /// Text, or `{ from: NAME }`.
    EnvValue,
}

/// A known key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// Its value.
    pub shape: &'static Shape,
    /// `true` if it may not be missing.
    pub is_required: bool,
    /// The meaning, for the JSON Schema.
    pub meaning: &'static str,
}

const fn key(name: &'static str, shape: &'static Shape, meaning: &'static str) -> Key {
    Key { name, shape, is_required: false, meaning }
}

const fn required(name: &'static str, shape: &'static Shape, meaning: &'static str) -> Key {
    Key { is_required: true, ..key(name, shape, meaning) }
}

/// The largest whole number that every JSON parser reads exactly.
pub const MAX_WHOLE: u64 = (1 << 53) - 1;

const COUNT: Shape = Shape::Whole { min: 0, max: MAX_WHOLE };
const POSITIVE: Shape = Shape::Whole { min: 1, max: MAX_WHOLE };
const TEXTS: Shape = Shape::List { of: &Shape::Text, is_needed: false };

/// A plan file.
pub static PLAN: Shape = Shape::Object(PLAN_KEYS);

/// The keys of a plan file.
pub const PLAN_KEYS: &[Key] = &[
    required("version", &Shape::Whole { min: 1, max: 1 }, "Version of the format: 1."),
    key("name", &Shape::Text, "Name of the group. By default the name of the file."),
    key("budget", &Shape::Object(BUDGET), "Limit on the cost of all sessions together."),
    key("concurrency", &POSITIVE, "Maximum number of sessions that run at once."),
    key("pauseOnError", &Shape::Flag, "Pause the group when sessions fail."),
    key("errorThreshold", &POSITIVE, "Number of failed sessions that pause the group."),
    key("exclusiveDirectories", &Shape::Flag, "Never run two sessions in one directory at the same time."),
    key("args", &TEXTS, "Further arguments for claude."),
    key("defaults", &Shape::Object(DEFAULTS), "Values for sessions that do not set them."),
    required(
        "sessions",
        &Shape::Map { of: &Shape::Object(SESSION), is_needed: true },
        "The sessions by their ids.",
    ),
];

/// The keys of `budget`.
pub const BUDGET: &[Key] = &[
    key("max", &Shape::Amount, "US dollars."),
    key("onExceeded", &Shape::OneOf(&["stop", "warn", "pause"]), "The reaction when they are spent."),
    key("warnAt", &Shape::Fraction, "Fraction of the budget at which a warning is printed."),
];

/// The keys of `defaults`.
pub const DEFAULTS: &[Key] = &[
    key("project", &Shape::Text, "Working directory, relative to this file."),
    key("prompt", &Shape::Text, "The task."),
    key("promptFile", &Shape::Text, "File with the task, relative to this file."),
    key("model", &Shape::Text, "Model."),
    key("dependsOn", &TEXTS, "Ids of sessions that must have completed; * and ? match several."),
    key("template", &Shape::Text, "Name or path of a template for the system prompt."),
    key("with", &Shape::Map { of: &Shape::AnyText, is_needed: false }, "Values for the template."),
    key("budget", &Shape::Amount, "US dollars that the session may cost."),
    key("maxTurns", &POSITIVE, "Maximum number of turns."),
    key("timeout", &Shape::Duration, "Maximum running time, such as 45m."),
    key("stallTimeout", &Shape::Duration, "Maximum time without progress, such as 15m."),
    key("retries", &COUNT, "Number of retries after a transient failure."),
    key("allowFailure", &Shape::Flag, "Start dependants even if the session fails."),
    key("permissionMode", &Shape::Text, "Permission mode of claude."),
    key("allowedTools", &TEXTS, "Tools that may be used without asking."),
    key("disallowedTools", &TEXTS, "Tools that may not be used."),
    key("appendSystemPrompt", &Shape::Text, "Text for the end of the system prompt."),
    key("mcpServers", &Shape::Map { of: &Shape::Json, is_needed: false }, "MCP servers by name."),
    key(
        "env",
        &Shape::Map { of: &Shape::EnvValue, is_needed: false },
        "Environment variables: text or { from: NAME }.",
    ),
    key("settings", &Shape::Json, "Settings of claude, as in settings.json."),
];

/// The keys of a session: those of `defaults`, and its matrix.
pub const SESSION: &[Key] = &{
    let mut keys = [MATRIX; DEFAULTS.len() + 1];
    let mut at = 0;
    while at < DEFAULTS.len() {
        keys[at + 1] = DEFAULTS[at];
        at += 1;
    }
    keys
};

/// The key of a variable that is taken from the environment of the runner.
pub const ENV_SOURCE: &[Key] =
    &[required("from", &Shape::Text, "Name of a variable of the runner's environment.")];

/// The key of a session's matrix.
pub const MATRIX: Key = key(
    "matrix",
    &Shape::Map { of: &Shape::List { of: &Shape::AnyScalar, is_needed: true }, is_needed: true },
    "Lists of values. The session is repeated for each combination of them.",
);

/// The treatment of `${{ }}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expressions {
    /// A scalar that contains one is accepted in place of any other.
    Accepted,
    /// They have been replaced.
    Replaced,
}

/// Returns `true` if a text contains `${{`.
pub fn has_expression(text: &str) -> bool {
    text.contains("${{")
}

/// Checks a value. `what` names it in messages, such as `sessions.api.timeout`.
pub fn check(node: &Node, shape: &Shape, what: &str, expressions: Expressions, problems: &mut Problems) {
    Checker { expressions, problems }.check(node, shape, what);
}

/// Returns `true` if a value has no problem before its expressions are replaced.
pub fn is_sound(node: &Node, shape: &Shape) -> bool {
    let mut problems = Problems::new(PathBuf::new());
    check(node, shape, "", Expressions::Accepted, &mut problems);
    problems.count() == 0
}

struct Checker<'p> {
    expressions: Expressions,
    problems: &'p mut Problems,
}

impl Checker<'_> {
    fn check(&mut self, node: &Node, shape: &Shape, what: &str) {
        match shape {
            Shape::List { of, is_needed } => match &node.value {
                Value::List(elements) if elements.is_empty() && *is_needed => {
                    self.problems.add(node.place, format!("{what} must not be empty"));
                }
                Value::List(elements) => {
                    for (at, element) in elements.iter().enumerate() {
                        self.check(element, of, &format!("{what}[{at}]"));
                    }
                }
                _ => {
                    let help = "write it in brackets, e.g. [a, b]";
                    self.wrong(node, what, "a list", Some(help));
                }
            },
            Shape::Map { of, is_needed } => match &node.value {
                Value::Map(entries) if entries.is_empty() && *is_needed => {
                    self.problems.add(node.place, format!("{what} must not be empty"));
                }
                Value::Map(entries) => {
                    for entry in entries {
                        self.check(&entry.value, of, &format!("{what}.{}", entry.key));
                    }
                }
                _ => self.no_map(node, &[], what),
            },
            Shape::Object(keys) => self.check_object(node, keys, what),
            Shape::Json => match &node.value {
                Value::Map(_) => self.check_json(node, what),
                _ => self.wrong(node, what, "a map", None),
            },
            Shape::EnvValue if matches!(node.value, Value::Map(_)) => {
                self.check_object(node, ENV_SOURCE, what);
            }
            Shape::EnvValue => self.check_scalar(node, &Shape::AnyText, what),
            _ => self.check_scalar(node, shape, what),
        }
    }

    fn check_object(&mut self, node: &Node, keys: &[Key], what: &str) {
        let Value::Map(entries) = &node.value else {
            return self.no_map(node, keys, what);
        };
        let inside = |key: &str| if what.is_empty() { key.to_owned() } else { format!("{what}.{key}") };
        for entry in entries {
            if let Some(key) = keys.iter().find(|key| key.name == entry.key) {
                self.check(&entry.value, key.shape, &inside(key.name));
            } else {
                let names: Vec<_> = keys.iter().map(|key| key.name).collect();
                let message = format!("unknown key {:?}", entry.key);
                let help = if entry.key == MATRIX.name {
                    "only a session has a matrix".to_owned()
                } else {
                    did_you_mean(&entry.key, &names)
                };
                self.problems.add_with_help(entry.place, message, help);
            }
        }
        for key in keys.iter().filter(|key| key.is_required && node.get(key.name).is_none()) {
            let message = format!("the key {:?} is missing", inside(key.name));
            match key.shape {
                Shape::Whole { min, max } if min == max => {
                    let help = format!("add `{}: {min}`", key.name);
                    self.problems.add_with_help(node.place, message, help);
                }
                _ => self.problems.add(node.place, message),
            }
        }
    }

    /// Reports a value that is not a map. `keys` are those that a map could have.
    fn no_map(&mut self, node: &Node, keys: &[Key], what: &str) {
        let is_amount = keys.first().is_some_and(|key| matches!(key.shape, Shape::Amount));
        let help = match (&node.value, keys.first()) {
            (Value::Scalar(scalar), Some(first)) if is_amount && node.number().is_some() => {
                Some(format!("write it as {{ {}: {} }}", first.name, scalar.text))
            }
            (Value::List(_), _) => Some("write `KEY: VALUE` lines without dashes".to_owned()),
            _ => None,
        };
        self.wrong(node, what, "a map", help.as_deref());
    }

    /// Checks that JSON can hold a value.
    fn check_json(&mut self, node: &Node, what: &str) {
        match &node.value {
            Value::Scalar(scalar) => {
                if matches!(scalar.resolve(), Resolved::Number(number) if !number.is_finite()) {
                    self.problems.add(
                        node.place,
                        format!("{what} must be a number that JSON has; got {}", scalar.text),
                    );
                }
            }
            Value::List(elements) => {
                for (at, element) in elements.iter().enumerate() {
                    self.check_json(element, &format!("{what}[{at}]"));
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    self.check_json(&entry.value, &format!("{what}.{}", entry.key));
                }
            }
        }
    }

    fn check_scalar(&mut self, node: &Node, shape: &Shape, what: &str) {
        let has_expression = node.text().is_some_and(has_expression);
        if has_expression && self.expressions == Expressions::Accepted {
            return;
        }
        let is_text = node.text().is_some();
        let needs_quotes = node.scalar().is_some() && !is_text;
        match shape {
            Shape::Text | Shape::AnyText if !is_text => {
                let help = needs_quotes.then_some("put it in quotes");
                self.wrong(node, what, "text", help);
            }
            Shape::Text if node.text().is_some_and(|text| text.trim().is_empty()) => {
                self.problems.add(node.place, format!("{what} must not be blank"));
            }
            Shape::OneOf(words) if !node.text().is_some_and(|text| words.contains(&text)) => {
                let help = node.text().map(|text| did_you_mean(text, words));
                self.wrong(node, what, &format!("one of {}", words.join(", ")), help.as_deref());
            }
            Shape::Amount if !node.number().is_some_and(|number| number > 0.0) => {
                let help = matches!(node.value, Value::Map(_)).then_some("write the number alone");
                self.wrong(node, what, "a number greater than 0", help);
            }
            Shape::Fraction if !node.number().is_some_and(|number| (0.0..=1.0).contains(&number)) => {
                self.wrong(node, what, "a number from 0 to 1", None);
            }
            Shape::Whole { min, max }
                if !node.whole().is_some_and(|whole| (*min..=*max).contains(&whole)) =>
            {
                let expected =
                    if min == max { min.to_string() } else { format!("a whole number of {min} or more") };
                self.wrong(node, what, &expected, None);
            }
            Shape::Flag if node.flag().is_none() => self.wrong(node, what, "true or false", None),
            Shape::Duration => match node.text().and_then(duration::parse) {
                None => {
                    let help = "write whole numbers with units, largest first, e.g. 90s, 45m or 1h30m";
                    self.wrong(node, what, "a duration", Some(help));
                }
                Some(0) => self.wrong(node, what, "longer than 0", None),
                Some(_) => {}
            },
            Shape::AnyScalar if !is_text && node.number().is_none() && node.flag().is_none() => {
                self.wrong(node, what, "text, a number, true or false", None);
            }
            _ => {}
        }
    }

    fn wrong(&mut self, node: &Node, what: &str, expected: &str, help: Option<&str>) {
        let what = if what.is_empty() { "a plan file" } else { what };
        let message = format!("{what} must be {expected}; got {}", node.shown());
        match help {
            Some(help) => self.problems.add_with_help(node.place, message, help),
            None => self.problems.add(node.place, message),
        }
    }
}

/// The place of a key in a map, or of the map.
pub fn place_of(node: &Node, key: &str) -> Place {
    node.entry(key).map_or(node.place, |entry| entry.place)
}
