//! Invariants of plan files for any bytes: a plan is compiled to a group that can be stored, or all of its problems are
//! reported with places inside the file.

#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "tests, in a build of their own"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use session_groups::graph::{DependencyGraph, Node};
use session_groups::model::GroupId;
use session_groups::model::time::IsoTime;
use session_groups::repository::Document;
use session_groups_cli::plan_file::{Files, Plan, Problem, Source, compile};

/// Every directory and every prompt exists, but for those whose path contains an `x`.
struct AnyFiles;

impl Files for AnyFiles {
    fn is_directory(&self, path: &Path) -> bool {
        !path.to_string_lossy().contains('x')
    }

    fn read(&self, path: &Path) -> Result<String, String> {
        if self.is_directory(path) {
            Ok("A prompt on ${{ vars.a }}".to_owned())
        } else {
            Err("is missing".to_owned())
        }
    }

    fn home(&self) -> Option<PathBuf> {
        Some("/home".into())
    }
}

/// Compiles bytes as YAML and as JSON.
pub fn plan(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let vars = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
    for path in ["/plans/p.group.yaml", "/plans/p.group.json"] {
        let path = Path::new(path);
        match compile(&Source { path, shown: path, text }, &vars, &AnyFiles) {
            Ok(plan) => check_plan(&plan),
            Err(problems) => check_problems(&problems, path, text),
        }
    }
}

fn check_plan(plan: &Plan) {
    assert!(!plan.sessions.is_empty() && plan.sessions.len() == plan.places.len());
    for session in &plan.sessions {
        assert!(!session.prompt.trim().is_empty() && !session.project_path.is_empty());
    }
    DependencyGraph::new(plan.sessions.iter().map(Node::from)).check().unwrap();
    let group = plan.group(GroupId::new("g").unwrap(), "g", &IsoTime::of_unix_ms(0.0));
    let stored = Document::from_group(&group).unwrap();
    assert_eq!(stored.group().unwrap(), group);
}

fn check_problems(problems: &[Problem], path: &Path, text: &str) {
    assert!(!problems.is_empty());
    let lines: Vec<&str> = text.split(['\n', '\r']).collect();
    for problem in problems.iter().filter(|problem| &*problem.file == path) {
        let (line, column) = (problem.place.line, problem.place.column);
        // A text that ends in a line break has its end on the line behind it.
        assert!((1..=lines.len() + 1).contains(&line) && column >= 1, "{}", problem.located());
        assert!(!problem.message.is_empty());
    }
}
