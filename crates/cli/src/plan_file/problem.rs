//! The problems of a plan, collected so that all are reported at once.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::plan_file::node::{Entry, Place};

/// Maximum nesting of lists and maps.
pub const MAX_DEPTH: usize = 100;

/// Maximum number of problems that are kept.
const MAX_KEPT: usize = 10_000;

/// A problem of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Problem {
    /// The file, as the user named it.
    pub file: Arc<Path>,
    /// The place in the file.
    pub place: Place,
    /// The problem.
    pub message: String,
    /// The remedy.
    pub help: Option<String>,
}

impl Problem {
    /// The problem with its place: `file:line:column: message`.
    pub fn located(&self) -> String {
        let Place { line, column } = self.place;
        format!("{}:{line}:{column}: {}", self.file.display(), self.message)
    }
}

/// The problems found so far. The same one is reported once.
#[derive(Debug)]
pub struct Problems {
    file: Arc<Path>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    known: HashSet<Problem>,
}

impl Problems {
    /// No problems of a file.
    pub fn new(file: PathBuf) -> Self {
        Self::of(file.into())
    }

    fn of(file: Arc<Path>) -> Self {
        Self { file, errors: Vec::new(), warnings: Vec::new(), known: HashSet::new() }
    }

    /// Adds a problem.
    pub fn add(&mut self, place: Place, message: impl Into<String>) {
        let problem = self.problem(place, message.into(), None);
        self.add_problem(problem);
    }

    /// Adds a problem and its remedy.
    pub fn add_with_help(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        let problem = self.problem(place, message.into(), Some(help.into()));
        self.add_problem(problem);
    }

    /// Adds a problem of this or another file.
    pub fn add_problem(&mut self, problem: Problem) {
        if self.known.len() < MAX_KEPT && self.known.insert(problem.clone()) {
            self.errors.push(problem);
        }
    }

    /// Adds something that is no error.
    pub fn warn(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        let problem = self.problem(place, message.into(), Some(help.into()));
        self.warnings.push(problem);
    }

    /// Removes the entries of a map whose keys are repeated, and adds a problem for each.
    pub fn without_repeated(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut lines = HashMap::with_capacity(entries.len());
        let mut unique = Vec::with_capacity(entries.len());
        for entry in entries {
            match lines.entry(entry.key.clone()) {
                Slot::Occupied(first) => {
                    let message = format!("the key {:?} is repeated", entry.key);
                    let help = format!("it is already in line {}: remove one of them", first.get());
                    self.add_with_help(entry.place, message, help);
                }
                Slot::Vacant(free) => {
                    free.insert(entry.place.line);
                    unique.push(entry);
                }
            }
        }
        unique
    }

    /// Calls a function that may find errors, and adds these. Returns its result if it has found none.
    pub fn unless_any<T>(&mut self, look: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let mut found = Self::of(Arc::clone(&self.file));
        let result = look(&mut found);
        let is_sound = found.errors.is_empty();
        found.errors.into_iter().for_each(|problem| self.add_problem(problem));
        is_sound.then_some(result)
    }

    /// Number of errors so far.
    pub fn count(&self) -> usize {
        self.errors.len()
    }

    /// The errors in the order of their places, or else the warnings.
    pub fn into_result(mut self) -> Result<Vec<Problem>, Vec<Problem>> {
        self.errors.sort_by(|left, right| (&left.file, left.place).cmp(&(&right.file, right.place)));
        if self.errors.is_empty() { Ok(self.warnings) } else { Err(self.errors) }
    }

    fn problem(&self, place: Place, message: String, help: Option<String>) -> Problem {
        Problem { file: Arc::clone(&self.file), place, message, help }
    }
}
