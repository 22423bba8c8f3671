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
use crate::plan_file::shape::{self, MATRIX};
use crate::plan_file::sound::SoundPart;

/// Maximum length of a session's id, in characters.
const MAX_ID: usize = 128;

/// The keys of which a session has one.
const PROMPTS: [&str; 2] = ["prompt", "promptFile"];

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
    /// The plan's `defaults`.
    pub defaults: &'a SoundPart,
    /// Time of creation.
    pub created_at: &'a IsoTime,
}

/// A session while it is read.
#[derive(Clone, Copy)]
struct Reading<'a> {
    /// The entries that it sets itself.
    own: &'a SoundPart,
    /// Those, and the defaults of the others.
    node: &'a Node,
    id: &'a str,
    /// The place of its key.
    place: Place,
}

impl SessionReader<'_> {
    /// Reads an entry of `sessions`: one session for each combination of its matrix. `None` is a session, or several, whose id
    /// is not known because of a problem.
    pub fn read(&self, entry: &Entry, problems: &mut Problems) -> Vec<Option<Planned>> {
        let combinations = match entry.value.get(MATRIX.name) {
            Some(matrix) if shape::is_sound(matrix, MATRIX.shape) => {
                // Variables can be values of a matrix, but not name other values of it.
                let variables = Variables { matrix: None, vars: self.vars };
                let matrix = problems.unless_any(|problems| variables.replace_in(matrix, problems));
                let Some(matrix) = matrix else { return vec![None] };
                matrix::combinations(&matrix).into_iter().map(Some).collect()
            }
            Some(_) => return vec![None],
            None => vec![None],
        };
        combinations.iter().map(|values| self.read_one(entry, values.as_ref(), problems)).collect()
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
        let what = format!("sessions.{id}");
        let entries = without(&entry.value, MATRIX.name);
        let own = SoundPart::of(&entries, shape::DEFAULTS, &what, &variables, problems);
        let node = self.with_defaults(&own);
        let read = Reading { own: &own, node: &node, id: &id, place: entry.place };
        // If one of them is missing, a problem has been reported, and the plan is not used.
        let prompt = self.prompt(&read, &variables, problems).unwrap_or_default();
        let project = self.project(&read, problems).unwrap_or_default();
        let session = self.session(&id, &project, &prompt, &node);
        Some(Planned { session, node, place: entry.place })
    }

    /// Adds the defaults of keys that a session has not set. Those that are stored in the group's own defaults stay there.
    fn with_defaults(&self, own: &SoundPart) -> Node {
        let mut entries = own.node.entries().to_vec();
        let is_prompt = |key: &str| PROMPTS.contains(&key);
        let has_prompt = PROMPTS.iter().any(|key| own.has(key));
        for default in self.defaults.node.entries() {
            let is_set = own.has(&default.key) || (has_prompt && is_prompt(&default.key));
            let is_of_group = SESSION_CONFIG_KEYS.contains(&default.key.as_str()) || default.key == "model";
            if !is_set && !is_of_group && default.key != "template" {
                entries.push(default.clone());
            }
        }
        Node { place: own.node.place, value: Value::Map(entries) }
    }

    /// Returns `true` if neither a session nor the defaults can have a key.
    fn surely_lacks(&self, own: &SoundPart, key: &str) -> bool {
        own.surely_lacks(key) && self.defaults.surely_lacks(key)
    }

    fn session(&self, id: &str, project: &Path, prompt: &str, node: &Node) -> GroupSession {
        let mut session = GroupSession::new(id, &project.to_string_lossy(), prompt, self.created_at.clone());
        session_fields(node, &mut session);
        let default_settings = self.defaults.node.get("settings");
        if let (Some(config), Some(_)) = (&mut session.config, default_settings) {
            // A session with a configuration of its own would otherwise do without the settings of the defaults.
            config.generate_settings = true;
        }
        session
    }

    fn prompt(
        &self,
        read: &Reading<'_>,
        variables: &Variables<'_>,
        problems: &mut Problems,
    ) -> Option<String> {
        let Reading { own, node, id, place } = *read;
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
            (None, None) => {
                if PROMPTS.iter().all(|key| self.surely_lacks(own, key)) {
                    problems.add_with_help(
                        place,
                        format!("session {id:?} has no prompt"),
                        "add prompt or promptFile",
                    );
                }
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

    fn project(&self, read: &Reading<'_>, problems: &mut Problems) -> Option<PathBuf> {
        let Reading { own, node, id, place } = *read;
        let Some(project) = node.get("project") else {
            if self.surely_lacks(own, "project") {
                let help = "add `project: .` to the session or to defaults for the directory of this file";
                problems.add_with_help(place, format!("session {id:?} has no project"), help);
            }
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
