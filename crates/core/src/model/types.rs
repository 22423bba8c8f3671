//! A session group, its sessions and their configuration: names, shapes, defaults.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::model::run::{Attempt, Control, EnvValue, GroupCause, PlanSource, RunnerRecord};
use crate::model::time;

/// Declares an enum whose variants have names that are stored and shown.
macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $type { $($(#[$variant_doc])* #[serde(rename = $name)] $variant,)* }

        impl $type {
            /// All names, in the order of the life they describe.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The name that is stored and shown.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The variant of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
pub(super) use names;

names! {
    /// Where a session stands.
    SessionStatus {
        /// Not started.
        Pending = "pending",
        /// Running.
        Active = "active",
        /// Started, and stopped for now.
        Paused = "paused",
        /// Ended well.
        Completed = "completed",
        /// Ended badly.
        Failed = "failed",
    }
}

names! {
    /// Where a group stands: created → running → completed, failed or paused; paused → running;
    /// completed → archived; any → deleted.
    GroupStatus {
        /// Not started.
        Created = "created",
        /// At least one session may run.
        Running = "running",
        /// Stopped for now.
        Paused = "paused",
        /// Every session ended.
        Completed = "completed",
        /// Given up.
        Failed = "failed",
        /// Completed and put away.
        Archived = "archived",
        /// Marked as deleted.
        Deleted = "deleted",
    }
}

names! {
    /// What happens when the budget is spent.
    BudgetAction {
        /// Running sessions are stopped.
        Stop = "stop",
        /// Only an event tells.
        Warn = "warn",
        /// No further session starts.
        Pause = "pause",
    }
}

impl SessionStatus {
    /// Completed or failed: the session's newest run has ended.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

impl GroupStatus {
    /// Completed, failed or deleted: no session of the group will run again.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Deleted)
    }

    /// Whether its time has stopped: terminal, or archived after that.
    pub fn has_ended(self) -> bool {
        self.is_terminal() || self == Self::Archived
    }
}

/// Tokens, counted in whole ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenUsage {
    /// Tokens read by the model.
    #[serde(deserialize_with = "whole")]
    pub input: u64,
    /// Tokens written by the model.
    #[serde(deserialize_with = "whole")]
    pub output: u64,
    /// Tokens read from the prompt cache.
    #[serde(default, deserialize_with = "some_whole", skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// Tokens written to the prompt cache.
    #[serde(default, deserialize_with = "some_whole", skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
}

/// Limits on the money of a group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetConfig {
    /// Dollars.
    #[serde(serialize_with = "as_javascript")]
    pub max_budget_usd: f64,
    /// What happens when they are spent.
    pub on_budget_exceeded: BudgetAction,
    /// The part of the budget, 0 to 1, from which on to warn.
    #[serde(serialize_with = "as_javascript")]
    pub warning_threshold: f64,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self { max_budget_usd: 10.0, on_budget_exceeded: BudgetAction::Pause, warning_threshold: 0.8 }
    }
}

/// How many sessions run at once, and what stops them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConcurrencyConfig {
    /// Sessions at the same time, 1 or more.
    #[serde(deserialize_with = "whole")]
    pub max_concurrent: u64,
    /// Whether a session waits for those it depends on.
    pub respect_dependencies: bool,
    /// Whether failures pause the group.
    pub pause_on_error: bool,
    /// How many failures do.
    #[serde(deserialize_with = "whole")]
    pub error_threshold: u64,
}

impl Default for ConcurrencyConfig {
    fn default() -> Self {
        Self { max_concurrent: 3, respect_dependencies: true, pause_on_error: true, error_threshold: 2 }
    }
}

/// What is generated for a session before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionConfig {
    /// Whether a CLAUDE.md is written.
    pub generate_claude_md: bool,
    /// Whether a settings.json is written.
    pub generate_settings: bool,
    /// A template's name or path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claude_md_template: Option<String>,
    /// A part of settings.json.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_override: Option<serde_json::Map<String, serde_json::Value>>,
    /// Values for the template's variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variables: Option<BTreeMap<String, String>>,
    /// Claude Code's `--permission-mode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission_mode: Option<String>,
    /// Tools that may be used without asking, as in `--allowedTools`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_tools: Option<Vec<String>>,
    /// Tools that may not be used, as in `--disallowedTools`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disallowed_tools: Option<Vec<String>>,
    /// Text for `--append-system-prompt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub append_system_prompt: Option<String>,
    /// MCP servers by name, as in the file of `--mcp-config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp_servers: Option<BTreeMap<String, serde_json::Map<String, serde_json::Value>>>,
    /// Variables for the session's environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, EnvValue>>,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            generate_claude_md: true,
            generate_settings: false,
            claude_md_template: None,
            settings_override: None,
            variables: None,
            permission_mode: None,
            allowed_tools: None,
            disallowed_tools: None,
            append_system_prompt: None,
            mcp_servers: None,
            env: None,
        }
    }
}

/// How a group runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupConfig {
    /// The model's name or alias.
    pub model: String,
    /// The money of all sessions together.
    #[serde(flatten)]
    pub budget: BudgetConfig,
    /// Sessions at the same time, 1 or more.
    #[serde(deserialize_with = "whole")]
    pub max_concurrent_sessions: u64,
    /// Further arguments for the command-line program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_args: Option<Vec<String>>,
    /// Finer rules for concurrency; its `max_concurrent` wins over `max_concurrent_sessions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencyConfig>,
    /// For sessions without a configuration of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_defaults: Option<SessionConfig>,
    /// `true` to never run two sessions in one working directory at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusive_directories: Option<bool>,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            model: "sonnet".to_owned(),
            budget: BudgetConfig::default(),
            max_concurrent_sessions: 3,
            additional_args: None,
            concurrency: None,
            session_defaults: None,
            exclusive_directories: None,
        }
    }
}

/// One session of a group: a run of Claude Code in a directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupSession {
    /// Unique in its group, e.g. `001-auth-service`.
    pub id: String,
    /// The directory it works in.
    pub project_path: String,
    /// What it is asked to do.
    pub prompt: String,
    /// Where it stands.
    pub status: SessionStatus,
    /// Ids of sessions of the same group that come first.
    pub depends_on: Vec<String>,
    /// ISO 8601.
    pub created_at: String,
    /// The template it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The id Claude Code gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claude_session_id: Option<String>,
    /// ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// Dollars.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "some_as_javascript")]
    pub cost: Option<f64>,
    /// What it has used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokenUsage>,
    /// Overrides the group's `session_defaults`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<SessionConfig>,
    /// Milliseconds spent running, over all runs that ended.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "some_as_javascript")]
    pub run_ms: Option<f64>,
    /// Reason why the session failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Names of the tools whose use was refused in the newest run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied_tools: Option<Vec<String>>,
    /// Usage counters of earlier runs, which the accounting of later runs needs. Opaque to everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_counters: Option<serde_json::Map<String, serde_json::Value>>,
    /// Overrides the group's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// US dollars this session may cost, over all runs.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "some_as_javascript")]
    pub max_budget_usd: Option<f64>,
    /// Maximum number of turns of a run.
    #[serde(default, deserialize_with = "some_whole", skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<u64>,
    /// Maximum running time in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "some_as_javascript")]
    pub timeout_ms: Option<f64>,
    /// Maximum time without progress in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "some_as_javascript")]
    pub stall_timeout_ms: Option<f64>,
    /// Number of times a transient failure is retried.
    #[serde(default, deserialize_with = "some_whole", skip_serializing_if = "Option::is_none")]
    pub retries: Option<u64>,
    /// `true` to start the sessions that depend on this one even if it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_failure: Option<bool>,
    /// The newest attempts to run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<Attempt>>,
    /// Time at which it is due to start again, in ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<String>,
    /// `true` if the plan file no longer contains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<bool>,
}

/// Sessions that belong to one goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionGroup {
    /// `YYYYMMDD-HHMMSS-{slug}`.
    pub id: String,
    /// For people.
    pub name: String,
    /// The name as it stands in the id.
    pub slug: String,
    /// Where it stands.
    pub status: GroupStatus,
    /// In the order in which they are to start.
    pub sessions: Vec<GroupSession>,
    /// How it runs.
    pub config: GroupConfig,
    /// ISO 8601.
    pub created_at: String,
    /// ISO 8601.
    pub updated_at: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// The newest request to the runner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
    /// `seq` of the newest request that the runner acted on.
    #[serde(default, deserialize_with = "some_whole", skip_serializing_if = "Option::is_none")]
    pub control_seen: Option<u64>,
    /// The reason why the group is paused or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<GroupCause>,
    /// `seq` of the newest event.
    #[serde(default, deserialize_with = "some_whole", skip_serializing_if = "Option::is_none")]
    pub event_seq: Option<u64>,
    /// `true` once the warning for the budget has been emitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_warned: Option<bool>,
    /// The process that runs it, where the repository has no kernel locks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<RunnerRecord>,
    /// The plan file it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanSource>,
}

impl GroupSession {
    /// A pending session that has not run and depends on no other.
    pub fn new(id: &str, project_path: &str, prompt: &str, created_at: &str) -> Self {
        Self {
            id: id.to_owned(),
            project_path: project_path.to_owned(),
            prompt: prompt.to_owned(),
            status: SessionStatus::Pending,
            depends_on: Vec::new(),
            created_at: created_at.to_owned(),
            template: None,
            claude_session_id: None,
            started_at: None,
            completed_at: None,
            cost: None,
            tokens: None,
            config: None,
            run_ms: None,
            error: None,
            denied_tools: None,
            usage_counters: None,
            model: None,
            max_budget_usd: None,
            max_turns: None,
            timeout_ms: None,
            stall_timeout_ms: None,
            retries: None,
            allow_failure: None,
            attempts: None,
            waits_until: None,
            dropped: None,
        }
    }

    /// Milliseconds spent in the runs that ended: `run_ms`, or for an ended session stored without it, the time from
    /// its start to its end. `None` when neither is known.
    pub fn ran_ms(&self) -> Option<f64> {
        let unix_ms = |time: &Option<String>| time.as_deref().and_then(time::unix_ms);
        ran_ms(self.status, self.run_ms, unix_ms(&self.started_at), unix_ms(&self.completed_at))
    }
}

/// [`GroupSession::ran_ms`] for times in Unix milliseconds.
pub fn ran_ms(
    status: SessionStatus,
    run_ms: Option<f64>,
    started_at: Option<f64>,
    completed_at: Option<f64>,
) -> Option<f64> {
    let newest_run = || started_at.zip(completed_at).map(|(start, end)| (end - start).max(0.0));
    run_ms.or_else(|| if status.has_ended() { newest_run() } else { None })
}

impl SessionGroup {
    /// A group without sessions that has not run and has the default configuration.
    pub fn new(id: &str, name: &str, slug: &str, created_at: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            slug: slug.to_owned(),
            status: GroupStatus::Created,
            sessions: Vec::new(),
            config: GroupConfig::default(),
            created_at: created_at.to_owned(),
            updated_at: created_at.to_owned(),
            description: None,
            started_at: None,
            completed_at: None,
            control: None,
            control_seen: None,
            cause: None,
            event_seq: None,
            budget_warned: None,
            runner: None,
            plan: None,
        }
    }

    /// How many sessions may run at once.
    pub fn max_concurrent(&self) -> u64 {
        self.config.concurrency.map_or(self.config.max_concurrent_sessions, |rules| rules.max_concurrent)
    }
}

/// A whole number is written `3` by JavaScript, never `3.0`.
pub(super) fn as_javascript<S: Serializer>(
    number: &f64,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    const SAFE: f64 = 9_007_199_254_740_991.0;
    if number.fract() == 0.0 && number.abs() <= SAFE {
        #[allow(clippy::cast_possible_truncation, reason = "whole and within ±2^53")]
        return serializer.serialize_i64(*number as i64);
    }
    serializer.serialize_f64(*number)
}

#[allow(clippy::ref_option, reason = "the signature serde asks for")]
pub(crate) fn some_as_javascript<S: Serializer>(
    number: &Option<f64>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    as_javascript(&number.unwrap_or_default(), serializer)
}

/// A count, however JavaScript spelled it (`3`, `3.0`, `1e21`); beyond `u64` it stays at its end.
pub(super) fn whole<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<u64, D::Error> {
    f64::deserialize(deserializer).map(to_whole)
}

fn some_whole<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<u64>, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.map(to_whole))
}

/// A JavaScript number that is known to be whole and not negative.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, as its doc says")]
pub fn to_whole(number: f64) -> u64 {
    number as u64
}

/// An id that may name a group, and with it a directory: 1 to 128 of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(Box<str>);

impl GroupId {
    /// The longest id, in characters.
    pub const MAX_LENGTH: usize = 128;

    /// Checks an id; fails with `INVALID_ID`.
    pub fn new(id: &str) -> Result<Self> {
        match Self::objection(id) {
            None => Ok(Self(id.into())),
            Some(reason) => Err(Error::invalid_id(id, &reason)),
        }
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn objection(id: &str) -> Option<Cow<'static, str>> {
        let Some(first) = id.bytes().next() else {
            return Some("is empty".into());
        };
        if id.len() > Self::MAX_LENGTH {
            return Some("is longer than 128 characters".into());
        }
        let is_allowed = |&character: &char| character.is_ascii_alphanumeric() || ".-_".contains(character);
        if let Some(character) = id.chars().find(|character| !is_allowed(character)) {
            return Some(format!("contains {character:?}").into());
        }
        if !first.is_ascii_alphanumeric() {
            return Some("does not start with a letter or a digit".into());
        }
        if id.ends_with('.') {
            return Some("ends with a dot".into());
        }
        if id.contains("..") {
            return Some("has two dots in a row".into());
        }
        is_windows_device(id).then(|| "is the name of a device on Windows".into())
    }
}

impl std::fmt::Display for GroupId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// CON, NUL, COM1 and the like, with any extension: Windows opens the device whatever the directory.
fn is_windows_device(id: &str) -> bool {
    let stem = id.split('.').next().unwrap_or_default().to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => {
            let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
            port.is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_leave_the_store_are_refused() {
        for bad in [
            "", ".", "..", "../x", "a/b", "a\\b", "a..b", "-a", ".a", "_a", "a.", "ä", "a b", "a\0b", "CON",
            "nul.json", "com1", "Lpt9.x",
        ] {
            assert!(GroupId::new(bad).is_err(), "{bad:?}");
        }
        assert!(GroupId::new(&"a".repeat(129)).is_err());
        for good in ["a", "20260115-103000-auth", "A.b_c-d", "console", "com10", "x".repeat(128).as_str()] {
            assert!(GroupId::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn whole_numbers_are_written_as_javascript_writes_them() {
        let budget = serde_json::to_string(&BudgetConfig::default()).unwrap();
        assert_eq!(budget, r#"{"maxBudgetUsd":10,"onBudgetExceeded":"pause","warningThreshold":0.8}"#);
    }
}
