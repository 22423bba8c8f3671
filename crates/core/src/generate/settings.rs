//! The settings of a session: merged, and checked as Claude Code would check them.
//!
//! Claude Code ignores a settings file that has a single value of the wrong type, permissions included, without a word.
//! Keys that are not known here are passed on: an unknown key does no harm.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::claude::environment;
use crate::error::Error;
use crate::generate::effective::Effective;
use crate::json;
use crate::model::config::SessionConfig;

/// The field of a configuration that contains settings.
const FIELD: &str = "config.settingsOverride";

/// The consequence of a wrong value.
const CONSEQUENCE: &str = "Claude Code would ignore all of the settings";

/// The lists of permissions, which are united instead of replaced.
const PERMISSIONS: &[&str] = &["allow", "ask", "deny", "additionalDirectories"];

/// Merges the settings of a session into those of its group, by RFC 7396. Lists of permissions are united, and a session
/// cannot remove what its group denies, not even by generating no settings.
pub fn merged(defaults: Option<&SessionConfig>, own: Option<&SessionConfig>) -> Option<Map<String, Value>> {
    let settings = |config: &SessionConfig| {
        config.settings_override.clone().filter(|_| config.generate_settings).map(Value::Object)
    };
    let base = defaults.and_then(settings);
    let patch = own.and_then(settings);
    if base.is_none() && patch.is_none() {
        return None;
    }
    let base = patched(Value::Null, base.unwrap_or_default());
    let is_without = own.is_some_and(|own| !own.generate_settings);
    let mut merged = if is_without { Value::Null } else { patched(base.clone(), patch.unwrap_or_default()) };
    if !merged.is_object() {
        merged = Value::Object(Map::new());
    }
    unite_permissions(&base, &mut merged, is_without);
    match merged {
        Value::Object(merged) if !merged.is_empty() => Some(merged),
        _ => None,
    }
}

/// Applies a merge patch. `null` as the whole patch changes nothing.
fn patched(target: Value, patch: Value) -> Value {
    let patch = match patch {
        Value::Object(patch) => patch,
        Value::Null => return target,
        other => return other,
    };
    let mut merged = match target {
        Value::Object(target) => target,
        _ => Map::new(),
    };
    for (key, value) in patch {
        if value.is_null() {
            merged.remove(&key);
        } else {
            let former = merged.remove(&key).unwrap_or_default();
            merged.insert(key, patched(former, value));
        }
    }
    Value::Object(merged)
}

/// Adds the permissions of the group that the session's own lists have replaced, and all denied ones.
fn unite_permissions(base: &Value, merged: &mut Value, only_denied: bool) {
    let Some(permissions) = base.get("permissions").and_then(Value::as_object) else { return };
    for &list in PERMISSIONS {
        let Some(Value::Array(base)) = permissions.get(list) else { continue };
        let is_denied = list == "deny";
        let own = merged.get("permissions").and_then(|permissions| permissions.get(list));
        let own = match own {
            Some(Value::Array(own)) => own.clone(),
            None if is_denied => Vec::new(),
            // Removed, or of another type, which the check reports.
            _ => continue,
        };
        if only_denied && !is_denied {
            continue;
        }
        let mut united = base.clone();
        united.extend(own.into_iter().filter(|rule| !base.contains(rule)));
        let Some(merged) = merged.as_object_mut() else { return };
        let permissions = merged.entry("permissions").or_insert_with(|| Value::Object(Map::new()));
        if let Some(permissions) = permissions.as_object_mut() {
            permissions.insert(list.to_owned(), Value::Array(united));
        }
    }
}

/// Returns the text of `settings.json`.
pub fn text(config: &Effective) -> Option<String> {
    config.settings.as_ref().and_then(|settings| serde_json::to_string_pretty(settings).ok())
}

/// Returns the problems of the settings.
pub fn problems(config: &Effective, allow_env: &[String]) -> Vec<Error> {
    let Some(settings) = &config.settings else { return Vec::new() };
    let mut check = Check { path: FIELD.to_owned(), problems: Vec::new(), allow_env };
    for (key, value) in settings {
        let kind = KEYS.iter().find(|(name, _)| name == key).map(|(_, kind)| *kind);
        if let Some(kind) = kind {
            check.at(key, |check| check.value(value, kind));
        }
    }
    check.problems
}

/// Kinds of values.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    Number,
    Texts,
    Object,
    List,
    Environment,
    Permissions,
    Hooks,
    Command,
    OneOf(&'static [&'static str]),
}

/// The keys of `settings.json` whose types are known.
const KEYS: &[(&str, Kind)] = &[
    ("$schema", Kind::Text),
    ("agent", Kind::Text),
    ("allowManagedHooksOnly", Kind::Flag),
    ("allowedMcpServers", Kind::List),
    ("alwaysThinkingEnabled", Kind::Flag),
    ("apiKeyHelper", Kind::Text),
    ("attribution", Kind::Object),
    ("autoUpdatesChannel", Kind::Text),
    ("availableModels", Kind::Texts),
    ("awsAuthRefresh", Kind::Text),
    ("awsCredentialExport", Kind::Text),
    ("cleanupPeriodDays", Kind::Number),
    ("companyAnnouncements", Kind::Texts),
    ("deniedMcpServers", Kind::List),
    ("disableAllHooks", Kind::Flag),
    ("disabledMcpjsonServers", Kind::Texts),
    ("enableAllProjectMcpServers", Kind::Flag),
    ("enabledMcpjsonServers", Kind::Texts),
    ("enabledPlugins", Kind::Object),
    ("env", Kind::Environment),
    ("extraKnownMarketplaces", Kind::Object),
    ("fastMode", Kind::Flag),
    ("fileSuggestion", Kind::Command),
    ("forceLoginMethod", Kind::Text),
    ("hooks", Kind::Hooks),
    ("includeCoAuthoredBy", Kind::Flag),
    ("includeGitInstructions", Kind::Flag),
    ("language", Kind::Text),
    ("model", Kind::Text),
    ("modelOverrides", Kind::Object),
    ("otelHeadersHelper", Kind::Text),
    ("outputStyle", Kind::Text),
    ("permissions", Kind::Permissions),
    ("plansDirectory", Kind::Text),
    ("respectGitignore", Kind::Flag),
    ("sandbox", Kind::Object),
    ("skipWebFetchPreflight", Kind::Flag),
    ("statusLine", Kind::Command),
];

const MODES: &[&str] =
    &["acceptEdits", "auto", "bypassPermissions", "default", "delegate", "dontAsk", "plan"];

/// A check of values, with the path of the one at hand.
struct Check<'a> {
    path: String,
    problems: Vec<Error>,
    allow_env: &'a [String],
}

impl Check<'_> {
    fn at(&mut self, key: &str, check: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push('.');
        self.path.push_str(key);
        check(self);
        self.path.truncate(length);
    }

    fn element(&mut self, index: usize, check: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        let _ = write!(self.path, "[{index}]");
        check(self);
        self.path.truncate(length);
    }

    fn fail(&mut self, problem: &str) {
        self.problems.push(Error::argument(self.path.clone(), problem));
    }

    fn must_be(&mut self, expected: &str, value: &Value) {
        let found = json::excerpt(&value.to_string());
        self.fail(&format!("must be {expected}, but is {found}. {CONSEQUENCE}"));
    }

    fn value(&mut self, value: &Value, kind: Kind) {
        match kind {
            Kind::Text => {
                self.text(value);
            }
            Kind::Flag if !value.is_boolean() => self.must_be("true or false", value),
            Kind::Number if !value.is_number() => self.must_be("a number", value),
            Kind::Flag | Kind::Number => {}
            Kind::Object => {
                self.object(value);
            }
            Kind::List => {
                self.list(value);
            }
            Kind::Texts => self.elements(value, |check, element| {
                check.text(element);
            }),
            Kind::OneOf(names) => {
                let is_one = value.as_str().is_some_and(|text| names.contains(&text));
                if !is_one {
                    self.must_be(&format!("one of {}", names.join(", ")), value);
                }
            }
            Kind::Environment => self.environment(value),
            Kind::Permissions => self.permissions(value),
            Kind::Hooks => self.hooks(value),
            Kind::Command => {
                if let Some(command) = self.object(value) {
                    self.member(command, "command", true, Kind::Text);
                    self.member(command, "type", true, Kind::Text);
                }
            }
        }
    }

    fn text<'v>(&mut self, value: &'v Value) -> Option<&'v str> {
        let text = value.as_str();
        if text.is_none() {
            self.must_be("a string", value);
        }
        text
    }

    fn object<'v>(&mut self, value: &'v Value) -> Option<&'v Map<String, Value>> {
        let object = value.as_object();
        if object.is_none() {
            self.must_be("an object", value);
        }
        object
    }

    fn list<'v>(&mut self, value: &'v Value) -> Option<&'v [Value]> {
        let list = value.as_array();
        if list.is_none() {
            self.must_be("an array", value);
        }
        list.map(Vec::as_slice)
    }

    fn elements(&mut self, value: &Value, check: impl Fn(&mut Self, &Value)) {
        for (index, element) in self.list(value).unwrap_or_default().iter().enumerate() {
            self.element(index, |at| check(at, element));
        }
    }

    fn member(&mut self, object: &Map<String, Value>, key: &str, is_required: bool, kind: Kind) {
        match object.get(key) {
            Some(value) => self.at(key, |check| check.value(value, kind)),
            None if is_required => {
                self.at(key, |check| check.fail(&format!("is missing. {CONSEQUENCE}")));
            }
            None => {}
        }
    }

    fn environment(&mut self, value: &Value) {
        for (name, value) in self.object(value).into_iter().flatten() {
            self.at(name, |check| match environment::check_allowed(&check.path, name, check.allow_env) {
                Err(error) => check.problems.push(error),
                // The value may be a secret, so that it is not shown.
                Ok(()) if !value.is_string() => check.fail(&format!("must be a string. {CONSEQUENCE}")),
                Ok(()) => {}
            });
        }
    }

    fn permissions(&mut self, value: &Value) {
        let Some(permissions) = self.object(value) else { return };
        for (key, value) in permissions {
            self.at(key, |check| match key.as_str() {
                "allow" | "ask" | "deny" => check.elements(value, Self::rule),
                "additionalDirectories" => check.value(value, Kind::Texts),
                "defaultMode" => check.value(value, Kind::OneOf(MODES)),
                "disableBypassPermissionsMode" => check.value(value, Kind::OneOf(&["disable"])),
                _ => {}
            });
        }
    }

    /// Checks a rule such as `Bash(git *)`. Claude Code drops an invalid one, and with it what it denies.
    fn rule(&mut self, value: &Value) {
        let Some(rule) = self.text(value) else { return };
        let (tool, pattern) = match rule.split_once('(') {
            Some((tool, pattern)) => (tool, pattern.strip_suffix(')')),
            None => (rule, Some("*")),
        };
        let is_tool = !tool.is_empty() && !tool.contains([' ', ')', '\n']);
        if !is_tool || pattern.is_none_or(str::is_empty) {
            let found = json::excerpt(&value.to_string());
            self.fail(&format!(
                "must be a tool or a tool with a pattern, e.g. Bash(git *), but is {found}. Claude Code would ignore the rule"
            ));
        }
    }

    fn hooks(&mut self, value: &Value) {
        for (event, matchers) in self.object(value).into_iter().flatten() {
            self.at(event, |check| check.elements(matchers, Self::matcher));
        }
    }

    fn matcher(&mut self, value: &Value) {
        let Some(matcher) = self.object(value) else { return };
        self.member(matcher, "matcher", false, Kind::Text);
        match matcher.get("hooks") {
            Some(hooks) => self.at("hooks", |check| check.elements(hooks, Self::hook)),
            None => self.member(matcher, "hooks", true, Kind::List),
        }
    }

    fn hook(&mut self, value: &Value) {
        let Some(hook) = self.object(value) else { return };
        self.member(hook, "type", true, Kind::Text);
        self.member(hook, "timeout", false, Kind::Number);
        let content = match hook.get("type").and_then(Value::as_str) {
            Some("command") => "command",
            Some("prompt" | "agent") => "prompt",
            Some("http") => "url",
            _ => return,
        };
        self.member(hook, content, true, Kind::Text);
    }
}
