//! The words of a plan file in place of those of the library.

/// Names in messages of the core, which are those of the library, and what a user of the command line knows instead.
const WORDS: &[(&str, &str)] = &[
    ("config.settingsOverride", "settings"),
    ("config.additionalArgs", "args"),
    ("config.mcpServers", "mcpServers"),
    ("config.variables", "with"),
    ("claudeMdTemplate or template", "template"),
    ("Change projectPath", "Change its project"),
    ("or change projectPath", "or change its project"),
    ("projectPath must be", "its project must be"),
    (
        "set onBudgetExceeded to \"warn\" and no maxBudgetUsd of a session",
        "set budget.onExceeded to warn and no budget of a session",
    ),
    ("is set only if allowEnv names it", "is not set for a session alone: set it for session-groups itself"),
    ("Send it a request instead", "Use `session-groups stop` first"),
    ("or raise lockTimeoutMs", "or end that process"),
];

/// Returns a message of the core in the words of plan files.
///
/// ```
/// use session_groups_cli::words::of_plans;
///
/// assert_eq!(of_plans("config.settingsOverride.model must be a string"), "settings.model must be a string");
/// ```
pub fn of_plans(message: &str) -> String {
    WORDS.iter().fold(message.to_owned(), |message, (library, plan)| message.replace(library, plan))
}
