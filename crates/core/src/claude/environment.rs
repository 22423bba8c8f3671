//! The environment of a session: the runner's own without the variables of a surrounding session, with the configured ones.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

use crate::error::{Error, Remedy, Result};
use crate::model::config::EnvValue;

/// Variables that Claude Code sets for its tools. A runner may itself be one.
const REMOVED: &[&str] = &[
    "CLAUDECODE",
    "CLAUDE_PID",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_ENTRYPOINT",
];

/// The same, by the beginning of their names.
const REMOVED_PREFIX: &str = "CLAUDE_CODE_MESSAGING_";

/// Variables that every session gets.
const ADDED: &[(&str, &str)] =
    &[("DISABLE_AUTOUPDATER", "1"), ("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "1")];

/// Variables that a configuration may not set, because they change who is logged in, what is executed or who is asked.
const REFUSED: &[&str] = &["CLAUDE_CONFIG_DIR", "NODE_OPTIONS", "ANTHROPIC_BASE_URL"];

/// The same, by the beginning of their names.
const REFUSED_PREFIXES: &[&str] = &["SESSION_GROUPS_", "LD_", "DYLD_"];

/// Variables by name. Its debug output shows no values, since some are secrets.
///
/// ```
/// use session_groups::claude::environment::Environment;
///
/// let inherited = [("PATH", "/bin"), ("CLAUDECODE", "1")].map(|(name, value)| (name.into(), value.into()));
/// let environment = Environment::inherit(inherited);
/// assert!(environment.get("PATH").is_some() && environment.get("CLAUDECODE").is_none());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// The environment of this process, prepared for a session.
    pub fn of_process() -> Self {
        Self::inherit(std::env::vars_os())
    }

    /// Prepares an environment for a session.
    pub fn inherit(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let is_kept = |(name, _): &(OsString, OsString)| {
            !REMOVED.iter().any(|removed| name == removed) && !starts_with(name, REMOVED_PREFIX)
        };
        let mut environment = Self(variables.into_iter().filter(is_kept).collect());
        for (name, value) in ADDED {
            environment.set(name, value);
        }
        environment
    }

    /// Sets the variables of a configuration. Values of `{ from }` are taken from this environment. Fails with
    /// `INVALID_ARGUMENT` for a name that is not in `allowed` and could change what runs.
    pub fn configure(&mut self, configured: &BTreeMap<String, EnvValue>, allowed: &[String]) -> Result<()> {
        let inherited = self.clone();
        for (name, value) in configured {
            let field = format!("env.{name}");
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(Error::argument(field, "must be the name of a variable: not empty, without `=`"));
            }
            check_allowed(&field, name, allowed)?;
            let value = match value {
                EnvValue::Text(text) => OsString::from(text),
                EnvValue::From(source) => {
                    inherited.get(&source.from).map(OsStr::to_owned).ok_or_else(|| {
                        Error::argument(
                            &field,
                            format!("refers to {}, which is not set. Set it before the run", source.from),
                        )
                    })?
                }
            };
            if value.as_encoded_bytes().contains(&0) {
                return Err(Error::argument(field, "must not contain a NUL character"));
            }
            self.0.insert(name.into(), value);
        }
        Ok(())
    }

    /// Sets a variable.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.0.insert(name.into(), value.into());
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        self.0.get(name.as_ref()).map(OsString::as_os_str)
    }

    /// Returns all variables, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Fails with `INVALID_ARGUMENT` if a configuration may not set a variable, unless `allowed` names it.
pub(crate) fn check_allowed(field: &str, name: &str, allowed: &[String]) -> Result<()> {
    if is_refused(name) && allowed.iter().all(|allowed| allowed != name) {
        let error = Error::argument(field, "may change what runs or who pays");
        return Err(error.with_remedy(Remedy::AllowVariable));
    }
    Ok(())
}

fn is_refused(name: &str) -> bool {
    REFUSED.contains(&name) || REFUSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn starts_with(name: &OsStr, prefix: &str) -> bool {
    name.as_encoded_bytes().starts_with(prefix.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::EnvSource;

    fn environment() -> Environment {
        let variables = [
            ("PATH", "/bin"),
            ("TOKEN", "secret"),
            ("CLAUDECODE", "1"),
            ("CLAUDE_PID", "7"),
            ("CLAUDE_CODE_MESSAGING_SOCKET", "/tmp/x"),
            ("CLAUDE_CONFIG_DIR", "/home/me/.claude"),
            ("SESSION_GROUPS_ATTEMPT_outer", "1"),
        ];
        Environment::inherit(variables.map(|(name, value)| (name.into(), value.into())))
    }

    fn text(value: &str) -> EnvValue {
        EnvValue::Text(value.to_owned())
    }

    #[test]
    fn the_variables_of_a_surrounding_session_are_removed_and_its_mark_is_kept() {
        let names: Vec<String> =
            environment().iter().map(|(name, _)| name.to_string_lossy().into()).collect();
        let expected = [
            "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS",
            "CLAUDE_CONFIG_DIR",
            "DISABLE_AUTOUPDATER",
            "PATH",
            "SESSION_GROUPS_ATTEMPT_outer",
            "TOKEN",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_configuration_cannot_set_what_changes_the_program() {
        let names = [
            "SESSION_GROUPS_SESSION",
            "SESSION_GROUPS_ATTEMPT_x",
            "CLAUDE_CONFIG_DIR",
            "LD_PRELOAD",
            "DYLD_INSERT_LIBRARIES",
            "NODE_OPTIONS",
            "ANTHROPIC_BASE_URL",
            "",
            "A=B",
            "A\0",
        ];
        for name in names {
            let mut environment = environment();
            let configured = BTreeMap::from([(name.to_owned(), text("x"))]);
            assert!(environment.configure(&configured, &[]).is_err(), "{name:?}");
        }
        let mut environment = environment();
        let configured = BTreeMap::from([("NODE_OPTIONS".to_owned(), text("--max-old-space-size=1"))]);
        environment.configure(&configured, &["NODE_OPTIONS".to_owned()]).unwrap();
        assert!(environment.get("NODE_OPTIONS").is_some());
    }

    #[test]
    fn values_of_the_runner_are_taken_by_name_and_not_shown() {
        let from = |name: &str| EnvValue::From(EnvSource { from: name.to_owned() });
        let mut environment = environment();
        environment.configure(&BTreeMap::from([("API".to_owned(), from("TOKEN"))]), &[]).unwrap();
        assert_eq!(environment.get("API"), Some(OsStr::new("secret")));
        assert!(!format!("{environment:?}").contains("secret"));
        let missing = environment.configure(&BTreeMap::from([("API".to_owned(), from("NONE"))]), &[]);
        assert_eq!(missing.unwrap_err().field(), Some("env.API"));
    }
}
