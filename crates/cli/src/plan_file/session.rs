//! One entry of `sessions` becomes one session, or one for each combination of its matrix.

use std::path::{Path, PathBuf};

use session_groups::model::GroupSession;
use session_groups::model::time::IsoTime;

use crate::plan_file::expression::{Fault, GivenVariables, Variables};
use crate::plan_file::files::{Files, resolve};
use crate::plan_file::matrix::{self, Combination};
use crate::plan_file::node::{Entry, Node, Place, Value};
use crate::plan_file::problem::{Problem, Problems};
use crate::plan_file::record::{SESSION_CONFIG_KEYS, session_fields};
use crate::plan_file::shape::{self, Expressions, Shape};

/// Maximum length of a session's id, in characters.
const MAX_ID: usize = 128;

/// A session with what is needed to say where a problem is.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The session. Its dependencies are as written, with patterns.
    pub session: GroupSession,
    /// The entry with its expressions replaced and the defaults filled in.
    pub node: Node,
    /// The place of its key.
    pub place: Place,
}

/// The parts that all sessions of a plan share.
pub struct SessionReader<'a> {
    /// The directory of the plan.
    pub directory: &'a Path,
    /// Files around the plan.
    pub files: &'a dyn Files,
    /// The variables given on the command line.
    pub vars: &'a GivenVariables,
    /// The plan's `defaults`, with their expressions replaced.
    pub defaults: Option<&'a Node>,
    /// `false` if the defaults have problems. Then a session without a prompt or a project may not be at fault.
    pub has_sound_defaults: bool,
    /// Time of creation.
    pub created_at: &'a IsoTime,
}

impl SessionReader<'_> {
    /// Reads an entry of `sessions`: one session for each combination of its matrix.
    pub fn read(&self, entry: &Entry, problems: &mut Problems) -> Vec<Planned> {
        let combinations = match entry.value.get("matrix") {
            Some(matrix) => {
                // Variables can be values of a matrix, but not name other values of it.
                let variables = Variables { matrix: None, vars: self.vars };
                let matrix = variables.replace_in(matrix, problems);
                matrix::combinations(&matrix).into_iter().map(Some).collect()
            }
            None => vec![None],
        };
        combinations.iter().filter_map(|values| self.read_one(entry, values.as_ref(), problems)).collect()
    }

    fn read_one(
        &self,
        entry: &Entry,
        values: Option<&Combination>,
        problems: &mut Problems,
    ) -> Option<Planned> {
        let variables = Variables { matrix: values, vars: self.vars };
        let id = match variables.replace(&entry.key) {
            Ok(id) => id,
            Err(Fault { message, help, .. }) => {
                problems.add_with_help(entry.place, message, help);
                return None;
            }
        };
        if let Some((message, help)) = id_problem(&id) {
            problems.add_with_help(entry.place, message, help);
            return None;
        }
        let before = problems.count();
        let own = variables.replace_in(&without(&entry.value, "matrix"), problems);
        if problems.count() == before {
            let what = format!("sessions.{id}");
            shape::check(&own, &Shape::Object(shape::SESSION), &what, Expressions::Replaced, problems);
        }
        if problems.count() > before {
            return None;
        }
        let node = self.with_defaults(own);
        let prompt = self.prompt(&node, &id, entry.place, &variables, problems);
        let project = self.project(&node, &id, entry.place, problems);
        let (prompt, project) = (prompt?, project?);
        let session = self.session(&id, &project, &prompt, &node);
        Some(Planned { session, node, place: entry.place })
    }

    /// Adds the defaults of keys that a session has not set. Those that are stored in the group's own defaults stay there.
    fn with_defaults(&self, own: Node) -> Node {
        let Value::Map(mut entries) = own.value else { return own };
        let is_prompt = |key: &str| matches!(key, "prompt" | "promptFile");
        let has_prompt = entries.iter().any(|entry| is_prompt(&entry.key));
        for default in self.defaults.into_iter().flat_map(Node::entries) {
            let is_set = entries.iter().any(|entry| entry.key == default.key)
                || (has_prompt && is_prompt(&default.key));
            let is_of_group = SESSION_CONFIG_KEYS.contains(&default.key.as_str()) || default.key == "model";
            if !is_set && !is_of_group && default.key != "template" {
                entries.push(default.clone());
            }
        }
        Node { place: own.place, value: Value::Map(entries) }
    }

    fn session(&self, id: &str, project: &Path, prompt: &str, node: &Node) -> GroupSession {
        let mut session = GroupSession::new(id, &project.to_string_lossy(), prompt, self.created_at.clone());
        session_fields(node, &mut session);
        let default_settings = self.defaults.and_then(|defaults| defaults.get("settings"));
        if let (Some(config), Some(_)) = (&mut session.config, default_settings) {
            // A session with a configuration of its own would otherwise do without the settings of the defaults.
            config.generate_settings = true;
        }
        session
    }

    fn prompt(
        &self,
        node: &Node,
        id: &str,
        place: Place,
        variables: &Variables<'_>,
        problems: &mut Problems,
    ) -> Option<String> {
        match (node.get("prompt"), node.entry("promptFile")) {
            (Some(_), Some(file)) => {
                problems.add_with_help(
                    file.place,
                    format!("session {id:?} has a prompt and a promptFile"),
                    "remove one of them",
                );
                None
            }
            (Some(prompt), None) => prompt.text().map(str::to_owned),
            (None, Some(file)) => self.prompt_of_file(&file.value, variables, problems),
            (None, None) if !self.has_sound_defaults => None,
            (None, None) => {
                problems.add_with_help(
                    place,
                    format!("session {id:?} has no prompt"),
                    "add prompt or promptFile",
                );
                None
            }
        }
    }

    fn prompt_of_file(
        &self,
        node: &Node,
        variables: &Variables<'_>,
        problems: &mut Problems,
    ) -> Option<String> {
        let path = self.path(node, problems)?;
        let prompt = match self.files.read(&path) {
            Ok(prompt) => prompt,
            Err(reason) => {
                problems.add(node.place, format!("the prompt file {} {reason}", path.display()));
                return None;
            }
        };
        match variables.replace(&prompt) {
            Ok(prompt) if prompt.trim().is_empty() => {
                problems.add(node.place, format!("the prompt file {} is blank", path.display()));
                None
            }
            Ok(prompt) => Some(prompt.trim_end().to_owned()),
            Err(Fault { at, message, help }) => {
                let place = Place::of_byte(&prompt, at);
                problems.add_problem(Problem { file: path.into(), place, message, help: Some(help) });
                None
            }
        }
    }

    fn project(&self, node: &Node, id: &str, place: Place, problems: &mut Problems) -> Option<PathBuf> {
        let Some(project) = node.get("project") else {
            if !self.has_sound_defaults {
                return None;
            }
            let help = "add `project: .` to the session or to defaults for the directory of this file";
            problems.add_with_help(place, format!("session {id:?} has no project"), help);
            return None;
        };
        let path = self.path(project, problems)?;
        if path.to_str().is_none() {
            problems.add(project.place, format!("the path {} is not UTF-8", path.display()));
            return None;
        }
        if !self.files.is_directory(&path) {
            let message = format!("the project {} is not a directory", path.display());
            problems.add_with_help(project.place, message, "create it, or correct the path");
            return None;
        }
        Some(path)
    }

    fn path(&self, node: &Node, problems: &mut Problems) -> Option<PathBuf> {
        let path = resolve(node.text()?, self.directory, self.files);
        if path.is_none() {
            problems.add_with_help(
                node.place,
                "`~` cannot be resolved: there is no home directory",
                "set HOME",
            );
        }
        path
    }
}

fn without(node: &Node, key: &str) -> Node {
    let value = match &node.value {
        Value::Map(entries) => Value::Map(entries.iter().filter(|entry| entry.key != key).cloned().collect()),
        other => other.clone(),
    };
    Node { place: node.place, value }
}

/// The problem of a session's id, and the remedy.
pub fn id_problem(id: &str) -> Option<(String, &'static str)> {
    if id.trim().is_empty() || id.trim() != id {
        return Some((
            format!("the session id {id:?} is blank or has spaces around it"),
            "give the session a name",
        ));
    }
    if id.chars().count() > MAX_ID {
        return Some((format!("the session id {id:?} is longer than {MAX_ID} characters"), "shorten it"));
    }
    if let Some(character) = id.chars().find(|character| character.is_control() || "*?".contains(*character))
    {
        let message = format!("the session id {id:?} contains {character:?}");
        return Some((message, "use letters, digits, dots, dashes and underscores"));
    }
    None
}
