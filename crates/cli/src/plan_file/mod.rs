//! Plan files: `NAME.group.yaml`, or JSON of the same shape, compiled to a session group.
//!
//! All problems of a file are found at once, each with its place and where possible a remedy.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::path::Path;
//!
//! use session_groups_cli::plan_file::{self, Disk, Source};
//!
//! let text = "version: 1\nsessions:\n  api:\n    promt: Add a login.\n";
//! let source = Source { path: Path::new("auth.group.yaml"), shown: Path::new("auth.group.yaml"), text };
//! let problems = plan_file::compile(&source, &BTreeMap::new(), &Disk).unwrap_err();
//! assert_eq!(problems[0].located(), "auth.group.yaml:4:5: unknown key \"promt\"");
//! assert_eq!(problems[0].help.as_deref(), Some("did you mean \"prompt\"?"));
//! ```

pub mod assignment;
mod compile;
mod dependencies;
pub mod duration;
mod expression;
mod files;
pub mod glob;
mod json;
mod matrix;
mod node;
mod problem;
pub mod record;
mod schema;
mod session;
pub mod shape;
mod sound;
mod yaml;

pub use compile::{Plan, SessionPlaces, compile};
pub use files::{Disk, Files, MAX_BYTES, resolve};
pub use node::{Node, Place};
pub use problem::{Problem, Problems};
pub use schema::schema;
pub use session::id_problem;

use std::path::Path;

use shape::{Expressions, PLAN};

/// The text of a plan file and its paths.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The absolute path. Relative paths in the plan begin at its directory.
    pub path: &'a Path,
    /// The path as the user named it, for messages.
    pub shown: &'a Path,
    /// The text.
    pub text: &'a str,
}

impl Source<'_> {
    /// Parses the text without looking at anything else: YAML, or JSON if the name ends in `.json`.
    pub fn parse(&self, problems: &mut Problems) -> Option<Node> {
        let is_json = self.path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        if is_json { json::parse(self.text, problems) } else { yaml::parse(self.text, problems) }
    }

    /// Parses the text and checks its shape: exactly what the JSON Schema says.
    pub fn check_shape(&self, problems: &mut Problems) -> Option<Node> {
        let root = self.parse(problems)?;
        shape::check(&root, &PLAN, "", Expressions::Accepted, problems);
        Some(root)
    }
}
