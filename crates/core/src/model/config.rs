//! The configuration of groups and sessions, with its defaults.
//!
//! ```
//! use session_groups::model::config::GroupConfig;
//!
//! assert_eq!(GroupConfig::default().max_budget_usd.get(), 10.0);
//! ```

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::model::number::{Fraction, Positive, Usd};
use crate::model::record::{Shape, record};
use crate::model::status::BudgetAction;

record! {
    /// Limits on the money of a group.
    #[derive(Copy)]
    pub struct BudgetConfig {
        /// US dollars.
        max_budget_usd: Usd,
        /// The reaction when they are spent.
        on_budget_exceeded: BudgetAction,
        /// The part of the budget from which on a warning is due.
        warning_threshold: Fraction,
    }
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            max_budget_usd: Usd::clamped(10.0),
            on_budget_exceeded: BudgetAction::Pause,
            warning_threshold: Fraction::clamped(0.8),
        }
    }
}

record! {
    /// Limits on the sessions that run at once.
    #[derive(Copy)]
    pub struct ConcurrencyConfig {
        /// Maximum number of sessions at the same time.
        max_concurrent: Positive,
        /// `true` if a session waits for those it depends on.
        respect_dependencies: bool,
        /// `true` if failures pause the group.
        pause_on_error: bool,
        /// Number of failures that do.
        error_threshold: Positive,
    }
}

impl Default for ConcurrencyConfig {
    fn default() -> Self {
        Self {
            max_concurrent: Positive::clamped(3),
            respect_dependencies: true,
            pause_on_error: true,
            error_threshold: Positive::clamped(2),
        }
    }
}

record! {
    /// The files that are generated for a session before it starts, and its settings.
    pub struct SessionConfig {
        /// `true` to write a CLAUDE.md.
        generate_claude_md: bool,
        /// `true` to write a settings.json.
        generate_settings: bool,
        /// A template's name or path.
        claude_md_template: Option<String>,
        /// A part of settings.json.
        settings_override: Option<Map<String, Value>>,
        /// Values for the template's variables.
        recent variables: Option<BTreeMap<String, String>>,
        /// Claude Code's `--permission-mode`.
        recent permission_mode: Option<String>,
        /// Tools that may be used without asking, as in `--allowedTools`.
        recent allowed_tools: Option<Vec<String>>,
        /// Tools that may not be used, as in `--disallowedTools`.
        recent disallowed_tools: Option<Vec<String>>,
        /// Text for `--append-system-prompt`.
        recent append_system_prompt: Option<String>,
        /// MCP servers by name, as in the file of `--mcp-config`.
        recent mcp_servers: Option<BTreeMap<String, Map<String, Value>>>,
        /// Variables for the session's environment.
        recent env: Option<BTreeMap<String, EnvValue>>,
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self::of_required(true, false)
    }
}

/// A variable of a session's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum EnvValue {
    /// The value itself.
    Text(String),
    /// A variable of the runner's environment, whose value is not stored.
    From(EnvSource),
}

impl<'de> Deserialize<'de> for EnvValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;
        impl<'de> Visitor<'de> for Value {
            type Value = EnvValue;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an object")
            }
            fn visit_str<E>(self, text: &str) -> Result<EnvValue, E> {
                Ok(EnvValue::Text(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EnvValue, A::Error> {
                EnvSource::deserialize(MapAccessDeserializer::new(map)).map(EnvValue::From)
            }
        }
        deserializer.deserialize_any(Value)
    }
}

record! {
    /// A variable whose value is taken from the runner's own environment.
    #[derive(Eq)]
    pub struct EnvSource {
        /// The variable's name.
        from: String,
    }
}

record! {
    /// The configuration of a group.
    pub struct GroupConfig {
        /// The model's name or alias.
        model: String,
        /// US dollars that all sessions together may cost.
        max_budget_usd: Usd,
        /// The reaction when they are spent.
        on_budget_exceeded: BudgetAction,
        /// The part of the budget from which on a warning is due.
        warning_threshold: Fraction,
        /// Maximum number of sessions at the same time.
        max_concurrent_sessions: Positive,
        /// Further arguments for the command-line program.
        additional_args: Option<Vec<String>>,
        /// Finer rules for concurrency; its `max_concurrent` takes precedence over `max_concurrent_sessions`.
        concurrency: Option<ConcurrencyConfig>,
        /// The configuration of sessions without one of their own.
        session_defaults: Option<SessionConfig>,
        /// `true` to never run two sessions in one working directory at the same time.
        recent exclusive_directories: Option<bool>,
    }
}

impl Default for GroupConfig {
    fn default() -> Self {
        let BudgetConfig { max_budget_usd, on_budget_exceeded, warning_threshold } = BudgetConfig::default();
        let max_sessions = Positive::clamped(3);
        Self::of_required(
            "sonnet".to_owned(),
            max_budget_usd,
            on_budget_exceeded,
            warning_threshold,
            max_sessions,
        )
    }
}

pub(super) static SESSION_SHAPE: Shape = Shape { recent: SessionConfig::RECENT, parts: &[] };
pub(super) static GROUP_SHAPE: Shape =
    Shape { recent: GroupConfig::RECENT, parts: &[("session_defaults", &SESSION_SHAPE)] };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_written_as_javascript_writes_them() {
        let budget = serde_json::to_string(&BudgetConfig::default()).unwrap();
        assert_eq!(budget, r#"{"maxBudgetUsd":10,"onBudgetExceeded":"pause","warningThreshold":0.8}"#);
    }
}
