//! The messages of errors.

use std::fmt;
use std::path::Path;

use crate::error::remedy::{LibraryWords, Words};
use crate::error::{Error, ErrorKind, FieldError, IoFailure, Statement, named};

impl Error {
    /// The message in the words of an interface, with the remedy.
    pub fn message_in(&self, words: &dyn Words) -> String {
        let statement = self.statement_in(words);
        match self.remedy() {
            Some(remedy) => format!("{statement}. {}", words.remedy(self, &remedy)),
            None => statement,
        }
    }

    /// The message in the words of an interface, without the remedy.
    pub fn statement_in(&self, words: &dyn Words) -> String {
        let context = &self.0.context;
        match &self.0.statement {
            Statement::Text(text) => format!("{context}{text}"),
            Statement::Field(FieldError { field, problem }) => {
                let subject = if field.is_empty() { "it".to_owned() } else { words.field(field) };
                format!("{context}{subject} {problem}")
            }
            Statement::Io(io) => self.io_statement(io),
            Statement::Several(errors) => format!("{context}{}", list(errors, words)),
        }
    }

    fn io_statement(&self, IoFailure { action, source }: &IoFailure) -> String {
        let path = self.path().unwrap_or(Path::new("")).display();
        let group = named(self.group_id().unwrap_or_default());
        let failed = format!("{action} {path} failed: {source}");
        match self.0.kind {
            ErrorKind::NotCommitted => format!("{group} was not changed: {failed}"),
            ErrorKind::NotDurable => {
                format!("{group} was changed, but may not survive a power failure: {failed}")
            }
            _ => failed,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message_in(&LibraryWords))
    }
}

/// Errors as the lines that follow their number.
fn list(errors: &[Error], words: &dyn Words) -> String {
    const MAX_SHOWN: usize = 20;
    let shown = errors.iter().take(MAX_SHOWN).map(|error| error.message_in(words));
    let more = errors.len().checked_sub(MAX_SHOWN).filter(|more| *more > 0);
    let more = more.map(|more| format!("and {more} more"));
    shown.chain(more).map(|line| format!("\n- {line}")).collect::<Vec<_>>().concat()
}
