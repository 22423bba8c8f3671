//! Remedies of errors, and the words that depend on the interface.

use std::borrow::Cow;
use std::fmt;

use crate::error::Error;

/// The remedy of an error. The ones with a name are worded by each interface; [`Display`](fmt::Display) words them for users
/// of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// The same in every interface: an imperative sentence without its full stop.
    Any(Cow<'static, str>),
    /// Wait longer for the lock of a group.
    WaitForLock,
    /// Ask the runner of a group instead of setting the status.
    AskRunner,
    /// End the run of a group first.
    EndRun,
    /// Choose another project directory.
    ChangeProject,
    /// Create the project directory, or choose another one.
    CreateProject,
    /// Create the template, or choose another one.
    CreateTemplate,
    /// Give a variable of a template a value.
    SetVariable,
    /// Give further variables of a template values.
    SetVariables,
    /// Permit that sessions set a variable of the environment.
    AllowVariable,
    /// Update Claude Code, or do without limits on costs.
    UpdateOrLiftBudget,
}

impl From<&'static str> for Remedy {
    fn from(text: &'static str) -> Self {
        Self::Any(text.into())
    }
}

impl From<String> for Remedy {
    fn from(text: String) -> Self {
        Self::Any(text.into())
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any(text) => text,
            Self::WaitForLock => "Try again, or raise lockTimeoutMs",
            Self::AskRunner => "Send it a request instead",
            Self::EndRun => "Stop that run first",
            Self::ChangeProject => "Change projectPath",
            Self::CreateProject => "Create it, or change projectPath",
            Self::CreateTemplate => "Create it, or change claudeMdTemplate or template",
            Self::SetVariable => "Set it in config.variables",
            Self::SetVariables => "Set further ones in config.variables",
            Self::AllowVariable => "Name it in allowEnv to set it all the same",
            Self::UpdateOrLiftBudget => {
                "Update it, or set onBudgetExceeded to \"warn\" and no maxBudgetUsd of a session"
            }
        })
    }
}

/// The words of an interface, for [`Error::message_in`]. Those of the library are the messages themselves.
pub trait Words {
    /// Returns the name of a field. `field` is its path in the library, e.g. `config.settingsOverride.model`.
    fn field(&self, field: &str) -> String;

    /// Returns the remedy of an error as an imperative sentence without its full stop.
    fn remedy(&self, error: &Error, remedy: &Remedy) -> String;
}

/// The words of the library.
pub(super) struct LibraryWords;

impl Words for LibraryWords {
    fn field(&self, field: &str) -> String {
        field.to_owned()
    }

    fn remedy(&self, _: &Error, remedy: &Remedy) -> String {
        remedy.to_string()
    }
}
