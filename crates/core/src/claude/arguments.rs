//! Checks of arguments: none may change which conversation a process works on, or how the runner talks to it.

use crate::error::{Error, Result};

/// Options that the runner always sets itself.
const SET_BY_RUNNER: &[&str] = &[
    "-p",
    "--print",
    "--input-format",
    "--output-format",
    "--verbose",
    "--session-id",
    "-r",
    "--resume",
    "--model",
    "--max-budget-usd",
];

/// Options that continue another conversation, hand control to something else, or end the program at once.
const REFUSED: &[&str] = &[
    "-c",
    "--continue",
    "--fork-session",
    "--from-pr",
    "--teleport",
    "--remote",
    "--permission-prompt-tool",
    "-w",
    "--worktree",
    "--tmux",
    "--bg",
    "--background",
    "--no-session-persistence",
    "-h",
    "--help",
    "-v",
    "--version",
];

/// Options without a value.
const WITHOUT_VALUE: &[&str] = &[
    "--allow-dangerously-skip-permissions",
    "--bare",
    "--chrome",
    "--dangerously-skip-permissions",
    "--disable-slash-commands",
    "--ide",
    "--include-hook-events",
    "--include-partial-messages",
    "--no-chrome",
    "--replay-user-messages",
    "--restricted",
    "--safe-mode",
    "--strict-mcp-config",
];

/// Options that take every following word as a value.
const LISTS: &[&str] = &[
    "--add-dir",
    "--allowed-tools",
    "--allowedTools",
    "--betas",
    "--disallowed-tools",
    "--disallowedTools",
    "--file",
    "--mcp-config",
    "--plugin-dir",
    "--tools",
];

/// Spellings of the same option.
const ALIASES: &[(&str, &str)] =
    &[("--allowed-tools", "--allowedTools"), ("--disallowed-tools", "--disallowedTools")];

/// Checks that a value is neither blank nor an option.
pub fn check_value(field: &str, value: &str) -> Result<()> {
    if value.trim().is_empty() {
        return Err(Error::argument(field, "must not be blank"));
    }
    if value.starts_with('-') {
        return Err(Error::argument(field, format!("must not start with a dash, but is {value:?}")));
    }
    check_text(field, value)
}

/// Checks that a text can be passed to a program at all.
pub fn check_text(field: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::argument(field, "must not contain a NUL character"));
    }
    Ok(())
}

/// Checks the group's further arguments. `used` are the arguments before them.
pub fn check_additional(additional: &[String], used: &[&str]) -> Result<()> {
    let mut values = Values::None;
    for (index, argument) in additional.iter().enumerate() {
        let field = format!("config.additionalArgs[{index}]");
        check_text(&field, argument)?;
        if !argument.starts_with('-') {
            if values == Values::None {
                let problem = format!("must be an option or the value of one, but is {argument:?}");
                return Err(Error::argument(field, problem));
            }
            if values == Values::One {
                values = Values::None;
            }
            continue;
        }
        let (option, has_value) = match argument.split_once('=') {
            Some((option, _)) => (option, true),
            None => (argument.as_str(), false),
        };
        if let Some(reason) = objection(option, used) {
            return Err(Error::argument(field, format!("must not contain {option:?}: {reason}")));
        }
        values = match option {
            option if LISTS.contains(&option) => Values::All,
            option if has_value || WITHOUT_VALUE.contains(&option) => Values::None,
            _ => Values::One,
        };
    }
    Ok(())
}

/// Returns the names of the options among arguments.
pub fn options(arguments: &[String]) -> impl Iterator<Item = &str> {
    let options = arguments.iter().filter(|argument| argument.starts_with('-'));
    options.map(|option| option.split_once('=').map_or(option.as_str(), |(name, _)| name))
}

/// Number of following words that are values.
#[derive(PartialEq, Eq)]
enum Values {
    None,
    One,
    All,
}

fn objection(option: &str, used: &[&str]) -> Option<&'static str> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == option).map_or(option, |(_, name)| *name);
    if SET_BY_RUNNER.contains(&name) {
        return Some("the runner sets it");
    }
    if REFUSED.contains(&name) {
        return Some("the runner could not control such a session");
    }
    if used.contains(&name) {
        return Some("the configuration of the session sets it");
    }
    let is_long = name.starts_with("--") && name.len() > 2;
    // Short options can be combined: `-pc` is `-p -c`.
    if !is_long && name.len() != 2 {
        return Some("write each option by itself");
    }
    (name == "--").then_some("no prompt can follow")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str]) -> Result<()> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        check_additional(&arguments, &["--settings", "--allowedTools"])
    }

    #[test]
    fn harmless_arguments_pass() {
        for good in [
            &["--add-dir", "/a", "/b", "--max-turns", "3"][..],
            &["--dangerously-skip-permissions"],
            &["--disallowedTools", "Bash", "Edit"],
            &["--debug", "api", "--fallback-model", "haiku"],
            &["--future-option=x"],
            &["-d", "api"],
            &[],
        ] {
            assert!(check(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn hostile_arguments_are_refused() {
        for bad in [
            &["--continue"][..],
            &["-c"],
            &["-pc"],
            &["-cp"],
            &["--resume", "x"],
            &["--resume=x"],
            &["--session-id=x"],
            &["--fork-session"],
            &["--permission-prompt-tool", "x"],
            &["--worktree"],
            &["--bg"],
            &["--no-session-persistence"],
            &["--model", "opus"],
            &["--max-budget-usd", "1000"],
            &["--output-format=text"],
            &["--settings", "{}"],
            &["--allowed-tools", "Bash"],
            &["hello"],
            &["--bare", "hello"],
            &["--max-turns", "3", "hello"],
            &["--max-turns=3", "hello"],
            &["--"],
            &["--", "hello"],
            &["-"],
            &[""],
            &["--add-dir", "/a\0b"],
            &["--version"],
        ] {
            let error = check(bad).unwrap_err();
            assert!(
                error.field().is_some_and(|field| field.starts_with("config.additionalArgs[")),
                "{bad:?}"
            );
        }
    }
}
