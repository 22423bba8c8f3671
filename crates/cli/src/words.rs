//! Errors of the core in the words of the command line: the keys of plan files, and its own commands as remedies.

use session_groups::Error;
use session_groups::error::{Remedy, Words};

/// Fields of stored groups and sessions whose keys in a plan file have other names. Paths begin at the group or the session.
pub const KEYS: &[(&str, &str)] = &[
    ("config.additionalArgs", "args"),
    ("config.allowedTools", "allowedTools"),
    ("config.appendSystemPrompt", "appendSystemPrompt"),
    ("config.claudeMdTemplate", "template"),
    ("config.concurrency.errorThreshold", "errorThreshold"),
    ("config.concurrency.maxConcurrent", "concurrency"),
    ("config.concurrency.pauseOnError", "pauseOnError"),
    ("config.disallowedTools", "disallowedTools"),
    ("config.env", "env"),
    ("config.exclusiveDirectories", "exclusiveDirectories"),
    ("config.maxBudgetUsd", "budget.max"),
    ("config.maxConcurrentSessions", "concurrency"),
    ("config.mcpServers", "mcpServers"),
    ("config.model", "defaults.model"),
    ("config.onBudgetExceeded", "budget.onExceeded"),
    ("config.permissionMode", "permissionMode"),
    ("config.settingsOverride", "settings"),
    ("config.variables", "with"),
    ("config.warningThreshold", "budget.warnAt"),
    ("maxBudgetUsd", "budget"),
    ("projectPath", "project"),
    ("stallTimeoutMs", "stallTimeout"),
    ("timeoutMs", "timeout"),
];

/// Returns the path in a plan file of a field of a stored group or session, or the field itself if plans have no other name
/// for it.
///
/// ```
/// use session_groups_cli::words::key_of;
///
/// assert_eq!(key_of("config.settingsOverride.model"), "settings.model");
/// assert_eq!(key_of("sessions[2].timeoutMs"), "sessions[2].timeout");
/// ```
pub fn key_of(field: &str) -> String {
    if let Some(field) = field.strip_prefix("config.sessionDefaults.") {
        return format!("defaults.{}", key_of(&format!("config.{field}")));
    }
    if let Some((session, field)) = field.split_once("].").filter(|_| field.starts_with("sessions[")) {
        return format!("{session}].{}", key_of(field));
    }
    let key = KEYS.iter().find_map(|(path, key)| {
        let rest = field.strip_prefix(path)?;
        (rest.is_empty() || rest.starts_with(['.', '['])).then(|| format!("{key}{rest}"))
    });
    key.unwrap_or_else(|| field.to_owned())
}

/// The words of the command line.
struct CommandLine;

impl Words for CommandLine {
    fn field(&self, field: &str) -> String {
        key_of(field)
    }

    fn remedy(&self, error: &Error, remedy: &Remedy) -> String {
        let id = error.group_id().unwrap_or("GROUP");
        let text = match remedy {
            Remedy::Any(text) => text,
            Remedy::WaitForLock => "Try again, or end that process",
            Remedy::AskRunner => return format!("Use `session-groups stop {id}` first"),
            Remedy::EndRun => {
                return format!("`session-groups watch {id}` shows it, `session-groups stop {id}` stops it");
            }
            Remedy::ChangeProject => "Change its project",
            Remedy::CreateProject => "Create it, or change its project",
            Remedy::CreateTemplate => "Create it, or change template",
            Remedy::SetVariable => "Set it in `with`",
            Remedy::SetVariables => "Set further ones in `with`",
            Remedy::AllowVariable => "Set it for session-groups itself instead",
            Remedy::UpdateOrLiftBudget => {
                "Update it, or set budget.onExceeded to warn and no budget of a session"
            }
        };
        text.to_owned()
    }
}

/// Returns the message of an error, with its remedy.
pub fn message(error: &Error) -> String {
    error.message_in(&CommandLine)
}

/// Returns the message of an error, without its remedy.
pub fn statement(error: &Error) -> String {
    error.statement_in(&CommandLine)
}

/// Returns the remedy of an error, as `help: …` shows it.
pub fn help(error: &Error) -> Option<String> {
    let text = CommandLine.remedy(error, &error.remedy()?);
    let mut characters = text.chars();
    let first = characters.next()?;
    Some(first.to_lowercase().chain(characters).collect())
}
