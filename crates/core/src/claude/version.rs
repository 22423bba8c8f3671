//! Versions of Claude Code.

use std::fmt;

/// A version of Claude Code, e.g. 2.1.332.
///
/// ```
/// use session_groups::claude::ClaudeVersion;
///
/// let version = ClaudeVersion::parse("2.1.332 (Claude Code)").unwrap();
/// assert!(version > ClaudeVersion::new(2, 1, 109));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaudeVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

impl ClaudeVersion {
    /// A version by its three numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads the first word of the text that `claude --version` prints. A suffix such as `-beta.1` is ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.split_whitespace().next()?;
        let numbers = word.split(['-', '+']).next()?;
        let mut numbers = numbers.split('.').map(|number| number.parse().ok());
        let version = Self::new(numbers.next()??, numbers.next()??, numbers.next()??);
        numbers.next().is_none().then_some(version)
    }
}

impl fmt::Display for ClaudeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_numbers_are_a_version() {
        assert_eq!(ClaudeVersion::parse("2.0.0 (Claude Code)\n"), Some(ClaudeVersion::new(2, 0, 0)));
        assert_eq!(ClaudeVersion::parse("2.1.7-beta.1"), Some(ClaudeVersion::new(2, 1, 7)));
        for bad in ["", "v2.1.7", "2.1", "2.1.7.1", "Claude Code 2.1.7", "2.1.-7"] {
            assert_eq!(ClaudeVersion::parse(bad), None, "{bad:?}");
        }
    }
}
