//! The command line of a session, and which options each version of Claude Code has.
//!
//! ```
//! use session_groups::claude::ClaudeVersion;
//! use session_groups::claude::command::{CommandOptions, Conversation};
//!
//! let id = "f8583c87-dcc3-4521-834e-d68f75432474".parse().unwrap();
//! let options = CommandOptions::new(Conversation::Fresh(id), "sonnet");
//! let arguments = options.arguments(ClaudeVersion::new(2, 1, 332))?;
//! assert!(arguments.ends_with(&["--model".into(), "sonnet".into()]));
//! # Ok::<(), session_groups::Error>(())
//! ```

use std::ffi::OsString;
use std::path::PathBuf;

use uuid::Uuid;

use crate::claude::ClaudeVersion;
use crate::claude::arguments;
use crate::error::{Error, Result};
use crate::model::number::Usd;

/// The oldest version that reads its input as `stream-json` and takes `--session-id`.
pub const MIN_VERSION: ClaudeVersion = ClaudeVersion::new(2, 0, 0);

/// The first version, of those that were tried, with each option that 2.0.0 lacks.
const SINCE: &[(&str, ClaudeVersion)] = &[
    ("--max-budget-usd", ClaudeVersion::new(2, 1, 109)),
    ("--append-system-prompt-file", ClaudeVersion::new(2, 1, 109)),
    ("--plugin-dir", ClaudeVersion::new(2, 1, 109)),
    ("--json-schema", ClaudeVersion::new(2, 1, 109)),
    ("--bare", ClaudeVersion::new(2, 1, 109)),
    ("--name", ClaudeVersion::new(2, 1, 109)),
    ("--restricted", ClaudeVersion::new(2, 1, 330)),
    ("--permission-prompts", ClaudeVersion::new(2, 1, 330)),
    ("--system-prompt-snapshot", ClaudeVersion::new(2, 1, 330)),
];

/// The longest argument that Linux passes to a program, in bytes (`MAX_ARG_STRLEN` without its NUL).
const MAX_ARGUMENT_BYTES: usize = 131_071;

/// Returns whether a version has an option. Options that are not in the table are assumed to exist.
pub fn has_option(version: ClaudeVersion, option: &str) -> bool {
    let since = SINCE.iter().find(|(name, _)| *name == option);
    since.map_or(version >= MIN_VERSION, |(_, since)| version >= *since)
}

/// Returns the options that a version lacks.
pub fn missing_options(version: ClaudeVersion) -> impl Iterator<Item = &'static str> {
    SINCE.iter().filter(move |(_, since)| version < *since).map(|(option, _)| *option)
}

/// The conversation that a process works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversation {
    /// A new one under this id.
    Fresh(Uuid),
    /// An earlier one.
    Resume(Uuid),
}

/// Instructions that are added to the system prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instructions {
    /// Absolute path of the file that contains them; `None` if there is no such file.
    pub file: Option<PathBuf>,
    /// The same text, for versions that take no file.
    pub text: String,
}

/// The options of one process.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandOptions {
    /// The conversation.
    pub conversation: Conversation,
    /// Name or alias of the model.
    pub model: String,
    /// US dollars that this process may spend.
    pub max_budget_usd: Option<Usd>,
    /// Maximum number of turns of this process.
    pub max_turns: Option<u64>,
    /// Permission mode.
    pub permission_mode: Option<String>,
    /// Tools that may be used without asking.
    pub allowed_tools: Vec<String>,
    /// Tools that may not be used.
    pub disallowed_tools: Vec<String>,
    /// Text to add to the system prompt.
    pub append_system_prompt: Option<String>,
    /// Generated instructions to add to the system prompt.
    pub instructions: Option<Instructions>,
    /// Absolute path of a settings file.
    pub settings: Option<PathBuf>,
    /// Absolute path of a file with MCP servers.
    pub mcp_config: Option<PathBuf>,
    /// Further arguments of the group's configuration.
    pub additional_args: Vec<String>,
}

impl CommandOptions {
    /// Options that only name the conversation and the model.
    pub fn new(conversation: Conversation, model: &str) -> Self {
        Self {
            conversation,
            model: model.to_owned(),
            max_budget_usd: None,
            max_turns: None,
            permission_mode: None,
            allowed_tools: Vec::new(),
            disallowed_tools: Vec::new(),
            append_system_prompt: None,
            instructions: None,
            settings: None,
            mcp_config: None,
            additional_args: Vec::new(),
        }
    }

    /// Returns the arguments for a version. Fails with `CLAUDE_TOO_OLD` if it lacks one of the options, and with
    /// `INVALID_ARGUMENT` for a value that the program would read as something else.
    pub fn arguments(&self, version: ClaudeVersion) -> Result<Vec<OsString>> {
        if version < MIN_VERSION {
            return Err(too_old(version, "`--session-id` and input as `stream-json`"));
        }
        let mut line = CommandLine { version, arguments: Vec::new() };
        line.add(["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]);
        match self.conversation {
            Conversation::Fresh(id) => line.value("--session-id", "claudeSessionId", &id.to_string())?,
            Conversation::Resume(id) => line.value("--resume", "claudeSessionId", &id.to_string())?,
        }
        line.value("--model", "model", &self.model)?;
        if let Some(cap) = self.max_budget_usd {
            if cap.get() <= 0.0 {
                return Err(Error::argument("maxBudgetUsd", "must be greater than 0 to start a session"));
            }
            line.value("--max-budget-usd", "maxBudgetUsd", &cap.get().to_string())?;
        }
        if let Some(turns) = self.max_turns {
            line.value("--max-turns", "maxTurns", &turns.to_string())?;
        }
        if let Some(mode) = &self.permission_mode {
            line.value("--permission-mode", "permissionMode", mode)?;
        }
        line.list("--allowedTools", "allowedTools", &self.allowed_tools)?;
        line.list("--disallowedTools", "disallowedTools", &self.disallowed_tools)?;
        self.add_instructions(&mut line)?;
        line.path("--settings", self.settings.as_ref());
        line.path("--mcp-config", self.mcp_config.as_ref());
        let used: Vec<&str> = line.arguments.iter().filter_map(|argument| argument.to_str()).collect();
        arguments::check_additional(&self.additional_args, &used)?;
        if let Some(option) =
            arguments::options(&self.additional_args).find(|name| !has_option(version, name))
        {
            return Err(too_old(version, option));
        }
        // At the end, so that an option without its value takes none of the others for it.
        line.arguments.extend(self.additional_args.iter().map(OsString::from));
        Ok(line.arguments)
    }

    fn add_instructions(&self, line: &mut CommandLine) -> Result<()> {
        let file = self.instructions.as_ref().and_then(|instructions| instructions.file.as_ref());
        let file = file.filter(|_| has_option(line.version, "--append-system-prompt-file"));
        line.path("--append-system-prompt-file", file);
        let text = self.instructions.as_ref().filter(|_| file.is_none());
        let texts = text.map(|instructions| &instructions.text).into_iter().chain(&self.append_system_prompt);
        let text = texts.map(String::as_str).collect::<Vec<_>>().join("\n\n");
        if text.is_empty() {
            return Ok(());
        }
        // With `=`, since the text may begin with a dash.
        let argument = format!("--append-system-prompt={text}");
        arguments::check_text("appendSystemPrompt", &argument)?;
        if argument.len() > MAX_ARGUMENT_BYTES {
            let problem =
                format!("is too long to be passed as an argument; {MAX_ARGUMENT_BYTES} bytes are possible");
            return Err(Error::argument("appendSystemPrompt", problem));
        }
        line.arguments.push(argument.into());
        Ok(())
    }
}

struct CommandLine {
    version: ClaudeVersion,
    arguments: Vec<OsString>,
}

impl CommandLine {
    fn add<const N: usize>(&mut self, arguments: [&str; N]) {
        self.arguments.extend(arguments.map(OsString::from));
    }

    fn value(&mut self, option: &str, field: &str, value: &str) -> Result<()> {
        if !has_option(self.version, option) {
            return Err(too_old(self.version, option));
        }
        arguments::check_value(field, value)?;
        self.add([option, value]);
        Ok(())
    }

    fn list(&mut self, option: &str, field: &str, values: &[String]) -> Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        self.add([option]);
        for (index, value) in values.iter().enumerate() {
            arguments::check_value(&format!("{field}[{index}]"), value)?;
            self.add([value.as_str()]);
        }
        Ok(())
    }

    fn path(&mut self, option: &str, path: Option<&PathBuf>) {
        if let Some(path) = path {
            self.arguments.extend([option.into(), path.clone().into_os_string()]);
        }
    }
}

fn too_old(version: ClaudeVersion, option: &str) -> Error {
    Error::claude_too_old(format!("Claude Code {version} lacks {option}: update it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const NEW: ClaudeVersion = ClaudeVersion::new(2, 1, 332);
    const OLD: ClaudeVersion = ClaudeVersion::new(2, 0, 0);

    fn options() -> CommandOptions {
        CommandOptions::new(Conversation::Fresh(Uuid::nil()), "sonnet")
    }

    fn texts(options: &CommandOptions, version: ClaudeVersion) -> Vec<String> {
        let arguments = options.arguments(version).unwrap();
        arguments.into_iter().map(|argument| argument.into_string().unwrap()).collect()
    }

    #[test]
    fn a_full_command_line_has_no_positional_argument() {
        let full = CommandOptions {
            conversation: Conversation::Resume(Uuid::nil()),
            max_budget_usd: Some(Usd::clamped(4.16)),
            max_turns: Some(3),
            permission_mode: Some("acceptEdits".into()),
            allowed_tools: vec!["Bash(touch *)".into(), "Read".into()],
            append_system_prompt: Some("-be brief".into()),
            instructions: Some(Instructions { file: Some("/s/instructions.md".into()), text: "x".into() }),
            settings: Some("/s/settings.json".into()),
            mcp_config: Some("/s/mcp.json".into()),
            additional_args: vec!["--include-partial-messages".into()],
            ..options()
        };
        assert_eq!(
            texts(&full, NEW).join("|"),
            "-p|--input-format|stream-json|--output-format|stream-json|--verbose|--resume|\
             00000000-0000-0000-0000-000000000000|--model|sonnet|--max-budget-usd|4.16|--max-turns|3|\
             --permission-mode|acceptEdits|--allowedTools|Bash(touch *)|Read|--append-system-prompt-file|\
             /s/instructions.md|--append-system-prompt=-be brief|--settings|/s/settings.json|--mcp-config|/s/mcp.json|\
             --include-partial-messages"
        );
    }

    #[test]
    fn an_old_version_takes_instructions_as_text_and_no_cap() {
        let instructions = Some(Instructions { file: Some("/s/i.md".into()), text: "one".into() });
        let old = CommandOptions { instructions, append_system_prompt: Some("two".into()), ..options() };
        assert!(texts(&old, OLD).contains(&"--append-system-prompt=one\n\ntwo".to_owned()));
        let restricted = CommandOptions { additional_args: vec!["--name=x".into()], ..options() };
        assert!(restricted.arguments(NEW).is_ok());
        assert!(restricted.arguments(OLD).unwrap_err().to_string().contains("--name"));
        let capped = CommandOptions { max_budget_usd: Some(Usd::clamped(1.0)), ..options() };
        let error = capped.arguments(OLD).unwrap_err();
        assert!(error.is(ErrorKind::ClaudeTooOld) && error.to_string().contains("--max-budget-usd"));
        assert_eq!(options().arguments(ClaudeVersion::new(1, 0, 128)).unwrap_err().code(), "CLAUDE_TOO_OLD");
    }

    #[test]
    fn values_that_could_be_read_as_options_are_refused() {
        for model in ["", " ", "--continue", "-c", "a\0b"] {
            let options = CommandOptions { model: model.into(), ..options() };
            assert_eq!(options.arguments(NEW).unwrap_err().field(), Some("model"), "{model:?}");
        }
        let tools = CommandOptions { allowed_tools: vec!["Read".into(), "--bg".into()], ..options() };
        assert_eq!(tools.arguments(NEW).unwrap_err().field(), Some("allowedTools[1]"));
        let nothing = CommandOptions { max_budget_usd: Some(Usd::clamped(0.0)), ..options() };
        assert_eq!(nothing.arguments(NEW).unwrap_err().field(), Some("maxBudgetUsd"));
        let long = CommandOptions { append_system_prompt: Some("x".repeat(140_000)), ..options() };
        assert_eq!(long.arguments(NEW).unwrap_err().field(), Some("appendSystemPrompt"));
    }
}
