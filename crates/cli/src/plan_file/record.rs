//! Checked values of a plan become the fields that are stored.

use std::collections::BTreeMap;

use session_groups::model::config::{ConcurrencyConfig, EnvSource, EnvValue, GroupConfig, SessionConfig};
use session_groups::model::number::{Count, Fraction, Milliseconds, Positive, Usd};
use session_groups::model::{BudgetAction, GroupSession};

use crate::plan_file::duration;
use crate::plan_file::node::{Node, Value};

/// The texts of a list.
pub fn texts(node: &Node) -> Vec<String> {
    node.elements().iter().filter_map(Node::text).map(str::to_owned).collect()
}

/// The text of a key.
pub fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key)?.text().map(str::to_owned)
}

/// A whole number of 1 or more.
pub fn positive(node: &Node, key: &str) -> Option<Positive> {
    node.get(key)?.whole().and_then(Positive::new)
}

/// An amount of US dollars.
pub fn usd(node: &Node, key: &str) -> Option<Usd> {
    node.get(key)?.number().and_then(Usd::new)
}

/// Sets the fields of a group's configuration for which a plan has keys. Others keep their values.
pub fn group_config(plan: &Node, config: &mut GroupConfig) {
    if let Some(budget) = plan.get("budget") {
        config.max_budget_usd = usd(budget, "max").unwrap_or(config.max_budget_usd);
        let action = text(budget, "onExceeded").and_then(|name| BudgetAction::from_name(&name));
        config.on_budget_exceeded = action.unwrap_or(config.on_budget_exceeded);
        let threshold = budget.get("warnAt").and_then(Node::number).and_then(Fraction::new);
        config.warning_threshold = threshold.unwrap_or(config.warning_threshold);
    }
    config.max_concurrent_sessions = positive(plan, "concurrency").unwrap_or(config.max_concurrent_sessions);
    let pause_on_error = plan.get("pauseOnError").and_then(Node::flag);
    let error_threshold = positive(plan, "errorThreshold");
    if config.concurrency.is_some() || pause_on_error.is_some() || error_threshold.is_some() {
        let rules = config.concurrency.unwrap_or_default();
        config.concurrency = Some(ConcurrencyConfig {
            max_concurrent: config.max_concurrent_sessions,
            pause_on_error: pause_on_error.unwrap_or(rules.pause_on_error),
            error_threshold: error_threshold.unwrap_or(rules.error_threshold),
            ..rules
        });
    }
    let exclusive = plan.get("exclusiveDirectories").and_then(Node::flag);
    config.exclusive_directories = exclusive.or(config.exclusive_directories);
    config.additional_args = plan.get("args").map(texts).or(config.additional_args.take());
}

/// Sets the fields of a session for which a plan has keys, except for its project and its prompt. Others keep their values.
pub fn session_fields(node: &Node, session: &mut GroupSession) {
    let milliseconds = |key: &str| {
        #[allow(clippy::cast_precision_loss, reason = "a duration has at most 15 digits")]
        let milliseconds = duration::parse(node.get(key)?.text()?)? as f64;
        Milliseconds::new(milliseconds)
    };
    if let Some(dependencies) = node.get("dependsOn") {
        session.depends_on = texts(dependencies);
    }
    session.template = text(node, "template").or(session.template.take());
    session.model = text(node, "model").or(session.model.take());
    session.max_budget_usd = usd(node, "budget").or(session.max_budget_usd);
    session.max_turns = positive(node, "maxTurns").or(session.max_turns);
    session.timeout_ms = milliseconds("timeout").or(session.timeout_ms);
    session.stall_timeout_ms = milliseconds("stallTimeout").or(session.stall_timeout_ms);
    session.retries = node.get("retries").and_then(Node::whole).map(Count::from).or(session.retries);
    session.allow_failure = node.get("allowFailure").and_then(Node::flag).or(session.allow_failure);
    session.config = session_config(node, session.config.take());
}

/// Sets the fields of a group for which `defaults` of a plan has keys. Others keep their values.
pub fn group_defaults(defaults: &Node, config: &mut GroupConfig) {
    config.model = text(defaults, "model").unwrap_or_else(|| std::mem::take(&mut config.model));
    config.session_defaults = session_config(defaults, config.session_defaults.take());
    if let Some(template) = text(defaults, "template") {
        config.session_defaults.get_or_insert_default().claude_md_template = Some(template);
    }
}

/// Sets the fields of a session's configuration for which a plan has keys. `None` if there are none.
pub fn session_config(node: &Node, before: Option<SessionConfig>) -> Option<SessionConfig> {
    let has_key = |key: &&str| node.get(key).is_some();
    if !SESSION_CONFIG_KEYS.iter().any(has_key) {
        return before;
    }
    let mut config = before.unwrap_or_default();
    config.variables = merge(config.variables, node.get("with").map(text_map));
    config.permission_mode = text(node, "permissionMode").or(config.permission_mode);
    config.allowed_tools = node.get("allowedTools").map(texts).or(config.allowed_tools);
    config.disallowed_tools = node.get("disallowedTools").map(texts).or(config.disallowed_tools);
    config.append_system_prompt = text(node, "appendSystemPrompt").or(config.append_system_prompt);
    config.mcp_servers = merge(config.mcp_servers, node.get("mcpServers").map(json_map));
    config.env = merge(config.env, node.get("env").map(env));
    if let Some(settings) = node.get("settings").and_then(Node::to_json_object) {
        config.settings_override = Some(settings);
        config.generate_settings = true;
    }
    Some(config)
}

/// The entries of two maps. Of two with the same key the newer one counts.
fn merge<T>(
    before: Option<BTreeMap<String, T>>,
    new: Option<BTreeMap<String, T>>,
) -> Option<BTreeMap<String, T>> {
    match (before, new) {
        (Some(mut before), Some(new)) => {
            before.extend(new);
            Some(before)
        }
        (before, new) => new.or(before),
    }
}

/// The keys of a session that are stored in its configuration.
pub const SESSION_CONFIG_KEYS: &[&str] = &[
    "with",
    "permissionMode",
    "allowedTools",
    "disallowedTools",
    "appendSystemPrompt",
    "mcpServers",
    "env",
    "settings",
];

fn text_map(node: &Node) -> BTreeMap<String, String> {
    let entries = node.entries().iter();
    entries.filter_map(|entry| Some((entry.key.clone(), entry.value.text()?.to_owned()))).collect()
}

fn json_map(node: &Node) -> BTreeMap<String, serde_json::Map<String, serde_json::Value>> {
    let entries = node.entries().iter();
    entries.filter_map(|entry| Some((entry.key.clone(), entry.value.to_json_object()?))).collect()
}

fn env(node: &Node) -> BTreeMap<String, EnvValue> {
    let value = |value: &Node| match &value.value {
        Value::Map(_) => text(value, "from").map(|from| EnvValue::From(EnvSource { from })),
        _ => value.text().map(|text| EnvValue::Text(text.to_owned())),
    };
    node.entries().iter().filter_map(|entry| Some((entry.key.clone(), value(&entry.value)?))).collect()
}
