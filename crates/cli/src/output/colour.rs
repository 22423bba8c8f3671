//! The decision for or against colour.

use std::io::IsTerminal;

use clap::ValueEnum;

/// The option `--color`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColourChoice {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Also into a pipe or a file.
    Always,
    /// Not at all.
    Never,
}

/// The environment variables that say something about colour.
#[derive(Debug, Clone, Default)]
pub struct ColourVariables {
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// `CLICOLOR_FORCE` is set, not empty and not `0`.
    pub force: bool,
    /// `TERM` is `dumb`.
    pub is_dumb: bool,
}

impl ColourVariables {
    /// Those of this process.
    pub fn of_process() -> Self {
        let value = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            no_color: value("NO_COLOR").is_some(),
            force: value("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            is_dumb: value("TERM").is_some_and(|value| value == "dumb"),
        }
    }
}

impl ColourChoice {
    /// Decides for one stream.
    pub fn decide(self, variables: &ColourVariables, is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if variables.no_color => false,
            Self::Auto => variables.force || (is_terminal && !variables.is_dumb),
        }
    }

    /// Decides for one stream of this process.
    pub fn for_stream(self, stream: &impl IsTerminal) -> bool {
        self.decide(&ColourVariables::of_process(), stream.is_terminal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_overrides_the_environment_and_the_environment_the_terminal() {
        let none = ColourVariables::default();
        let no_color = ColourVariables { no_color: true, force: true, ..none.clone() };
        let force = ColourVariables { force: true, is_dumb: true, ..none.clone() };
        let dumb = ColourVariables { is_dumb: true, ..none.clone() };
        for (choice, variables, is_terminal, expected) in [
            (ColourChoice::Auto, &none, true, true),
            (ColourChoice::Auto, &none, false, false),
            (ColourChoice::Auto, &no_color, true, false),
            (ColourChoice::Auto, &force, false, true),
            (ColourChoice::Auto, &dumb, true, false),
            (ColourChoice::Always, &no_color, false, true),
            (ColourChoice::Never, &force, true, false),
        ] {
            assert_eq!(choice.decide(variables, is_terminal), expected, "{choice:?} {variables:?}");
        }
    }
}
