use std::path::Path;

use clap::Args;
use session_groups::manager::rules::Request;
use session_groups::model::{GroupSession, SessionGroup};
use session_groups::repository::Document;

use crate::arguments::Global;
use crate::commands::add::{project, prompt_of_file, wrong_assignment};
use crate::edit::{change, changes};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::{Format, Line, Output, Tone};
use crate::plan_file::record::{group_config, group_defaults, session_fields, text};
use crate::plan_file::shape::{PLAN, SESSION, Shape};
use crate::plan_file::{Node, assignment};
use crate::selection::{find_group, find_session, open_store};

/// Change a group or one of its sessions, also while it runs
///
/// The keys are those of plan files. What a running session was started with holds until it starts again.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  session-groups set payments budget.max=20 concurrency=5\n  session-groups set payments --session report prompt='Write CHANGES.md' dependsOn=[api]"
)]
pub struct Set {
    /// Id of the group, a unique beginning or end of it, or `latest`
    group: String,
    /// Keys and their new values
    #[arg(required = true, value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    /// Change this session instead of the group
    #[arg(long, value_name = "ID")]
    session: Option<String>,
}

/// Keys of a plan that cannot be changed in a stored group.
const FIXED: &[&str] = &["version", "sessions"];
/// Keys of a session that a stored one does not have.
const FIXED_IN_SESSION: &[&str] = &["matrix"];

impl Set {
    /// Changes the fields.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let shape = if self.session.is_some() { Shape::Object(SESSION) } else { PLAN };
        let node = assignment::parse(&self.assignments, &shape).map_err(wrong_assignment)?;
        let fixed = if self.session.is_some() { FIXED_IN_SESSION } else { FIXED };
        if let Some(key) = fixed.iter().find(|key| node.get(key).is_some()) {
            return Err(Failure::usage(format!("{key} cannot be set")));
        }
        let store = open_store(global.store.as_deref())?;
        let document = find_group(&store, &self.group)?;
        let stored = match self.session {
            Some(id) => {
                find_session(&document.group()?, &id)?;
                let edit = SessionEdit::new(&node)?;
                change(&store, &document, move |stored| edit.request(stored, &id))?
            }
            None => change(&store, &document, move |stored| group_request(stored, &node))?,
        };
        if output.format() == Format::Text {
            output.line(&Line::new().plain("changed ").with(Tone::Strong, stored.id().as_str()))?;
        } else {
            output.json_text(&format!("{{\"v\":1,\"group\":{}}}", stored.text()))?;
        }
        Ok(Exit::Success)
    }
}

fn group_request(stored: &Document, node: &Node) -> session_groups::Result<Request> {
    let before: SessionGroup = stored.group()?;
    let mut after = before.clone();
    after.name = text(node, "name").unwrap_or(after.name);
    group_config(node, &mut after.config);
    if let Some(defaults) = node.get("defaults") {
        group_defaults(defaults, &mut after.config);
    }
    // The sessions are neither changed nor compared.
    let (mut plain_before, mut plain_after) = (before, after);
    plain_before.sessions.clear();
    plain_after.sessions.clear();
    Ok(Request::UpdateGroup(changes(stored.text(), &plain_before, &plain_after)?))
}

/// A change of a session.
struct SessionEdit {
    node: Node,
    project: Option<String>,
    prompt: Option<String>,
}

impl SessionEdit {
    fn new(node: &Node) -> Result<Self> {
        let project = text(node, "project").map(|path| project(&path)).transpose()?;
        let file = text(node, "promptFile").map(|path| prompt_of_file(Path::new(&path))).transpose()?;
        Ok(Self { project, prompt: text(node, "prompt").or(file), node: node.clone() })
    }

    fn request(&self, stored: &Document, id: &str) -> session_groups::Result<Request> {
        let group = stored.group()?;
        let missing = || session_groups::manager::rules::group_not_found(&format!("{}/{id}", group.id));
        let index = group.sessions.iter().position(|session| session.id == id).ok_or_else(missing)?;
        let before = &group.sessions[index];
        let mut after: GroupSession = before.clone();
        session_fields(&self.node, &mut after);
        after.project_path = self.project.clone().unwrap_or(after.project_path);
        after.prompt = self.prompt.clone().unwrap_or(after.prompt);
        let sessions = stored.json().get("sessions");
        let text = sessions.and_then(|sessions| sessions.elements().nth(index)).ok_or_else(missing)?.text();
        Ok(Request::UpdateSession { id: id.to_owned(), changes: changes(text, before, &after)? })
    }
}
