//! The mark of an attempt: a variable in the environment of its processes.

use std::fmt;

use uuid::Uuid;

use crate::model::GroupSession;
use crate::model::run::Attempt;

/// The mark of one attempt, made from its UUID.
///
/// ```
/// use session_groups::runner::process::Mark;
///
/// let mark: Mark = "f8583c87-dcc3-4521-834e-d68f75432474".parse().unwrap();
/// assert_eq!(mark.variable(), "SESSION_GROUPS_ATTEMPT_f8583c87dcc34521834ed68f75432474");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(Uuid);

impl Mark {
    /// The marks of those attempts of sessions that a function accepts. An attempt whose uuid is damaged has none.
    pub fn of_attempts<'a>(
        sessions: impl IntoIterator<Item = &'a GroupSession>,
        is_meant: impl Fn(&Attempt) -> bool,
    ) -> Vec<Self> {
        let attempts = sessions.into_iter().flat_map(|session| session.attempts.iter().flatten());
        attempts.filter(|attempt| is_meant(attempt)).filter_map(|attempt| attempt.uuid.parse().ok()).collect()
    }

    /// The mark of an attempt.
    pub fn new(attempt: Uuid) -> Self {
        Self(attempt)
    }

    /// Name of the variable. A nested runner adds its own without hiding this one.
    pub fn variable(self) -> String {
        // Without hyphens: shells such as dash do not pass on variables whose names are not identifiers.
        format!("SESSION_GROUPS_ATTEMPT_{}", self.0.simple())
    }

    /// Returns `true` if an environment, its variables separated by NUL, contains the mark.
    pub fn is_in(self, environment: &[u8]) -> bool {
        let variable = format!("{}=1", self.variable());
        environment.split(|&byte| byte == 0).any(|entry| entry == variable.as_bytes())
    }
}

impl std::str::FromStr for Mark {
    type Err = uuid::Error;

    fn from_str(uuid: &str) -> Result<Self, uuid::Error> {
        uuid.parse().map(Self)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tools are often started through `sh`, which is dash on Debian.
    #[cfg(unix)]
    #[test]
    fn a_shell_passes_the_mark_on() {
        let mark = Mark::new(Uuid::new_v4());
        let mut shell = std::process::Command::new("/bin/sh");
        let output = shell.args(["-c", "env; exit"]).env(mark.variable(), "1").output().unwrap();
        let seen = String::from_utf8(output.stdout).unwrap().replace('\n', "\0");
        assert!(mark.is_in(seen.as_bytes()), "{seen:?}");
    }

    #[test]
    fn only_the_whole_variable_is_the_mark() {
        let mark = Mark::new(Uuid::from_u128(1));
        let variable = mark.variable();
        assert!(mark.is_in(format!("A=1\0{variable}=1\0").as_bytes()));
        assert!(mark.is_in(format!("{variable}=1").as_bytes()));
        for other in
            [format!("X{variable}=1"), format!("{variable}=11"), format!("A={variable}=1"), String::new()]
        {
            assert!(!mark.is_in(other.as_bytes()), "{other:?}");
        }
    }
}
