use std::path::{Path, PathBuf};

use clap::Args;
use session_groups::manager::rules::Request;
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupSession, SessionGroup};

use crate::arguments::Global;
use crate::edit::change;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::{Format, Line, Output, Tone};
use crate::plan_file::assignment::{self, AssignmentError};
use crate::plan_file::record::session_fields;
use crate::plan_file::shape::{SESSION, Shape};
use crate::plan_file::{Disk, Files, id_problem, resolve};
use crate::selection::{find_group, open_store};

/// Add a session to a group
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  session-groups add payments --id api --project ~/src/shop --prompt 'Add a login'\n  session-groups add payments --project . --prompt-file prompts/report.md --depends-on api"
)]
pub struct Add {
    /// Id of the group, a unique beginning or end of it, or `latest`
    group: String,
    /// Id of the session [default: a number]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Working directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: String,
    /// The task
    #[arg(long, value_name = "TEXT", conflicts_with = "prompt_file")]
    prompt: Option<String>,
    /// File with the task
    #[arg(long, value_name = "FILE")]
    prompt_file: Option<PathBuf>,
    #[command(flatten)]
    fields: Fields,
    /// Further keys of a session in a plan file
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,
}

/// Options with the names of keys of a plan file.
#[derive(Debug, Args)]
struct Fields {
    /// Session that must have completed first; may be repeated
    #[arg(long, value_name = "ID")]
    depends_on: Vec<String>,
    /// Model
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// US dollars that the session may cost
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    budget: Option<String>,
    /// Maximum number of turns
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_turns: Option<String>,
    /// Maximum running time, such as 45m
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    /// Permission mode of claude
    #[arg(long, value_name = "MODE")]
    permission_mode: Option<String>,
    /// Tool that may be used without asking; may be repeated
    #[arg(long, value_name = "TOOL")]
    allowed_tool: Vec<String>,
}

impl Fields {
    fn by_key(&self) -> Vec<(&'static str, Vec<String>)> {
        let one = |text: &Option<String>| text.iter().cloned().collect::<Vec<_>>();
        let all = [
            ("dependsOn", self.depends_on.clone()),
            ("model", one(&self.model)),
            ("budget", one(&self.budget)),
            ("maxTurns", one(&self.max_turns)),
            ("timeout", one(&self.timeout)),
            ("permissionMode", one(&self.permission_mode)),
            ("allowedTools", self.allowed_tool.clone()),
        ];
        all.into_iter().filter(|(_, texts)| !texts.is_empty()).collect()
    }
}

/// Converts the error of an assignment.
pub fn wrong_assignment(AssignmentError { message, help }: AssignmentError) -> Failure {
    let failure = Failure::usage(message);
    match help {
        Some(help) => failure.with_help(help),
        None => failure,
    }
}

/// Resolves a working directory that was named on the command line.
pub fn project(path: &str) -> Result<String> {
    let directory = std::env::current_dir()
        .map_err(|error| Failure::unexpected(format!("there is no working directory: {error}")))?;
    let resolved = resolve(path, &directory, &Disk).filter(|path| Disk.is_directory(path));
    let resolved = resolved.and_then(|path| path.into_os_string().into_string().ok());
    resolved.ok_or_else(|| Failure::usage(format!("the project {path} is not a directory")))
}

/// Reads a file with a prompt.
pub fn prompt_of_file(path: &Path) -> Result<String> {
    let text = Disk
        .read(path)
        .map_err(|reason| Failure::usage(format!("the prompt file {} {reason}", path.display())))?;
    Ok(text.trim_end().to_owned())
}

impl Add {
    /// Adds the session and prints its id.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let prompt = match (&self.prompt, &self.prompt_file) {
            (Some(prompt), _) => prompt.clone(),
            (None, Some(file)) => prompt_of_file(file)?,
            (None, None) => {
                let help = "pass --prompt or --prompt-file";
                return Err(Failure::usage("the session has no prompt").with_help(help));
            }
        };
        if prompt.trim().is_empty() {
            return Err(Failure::usage("the prompt must not be blank"));
        }
        let project = project(&self.project)?;
        let shape = Shape::Object(SESSION);
        let fields = assignment::of_texts(self.fields.by_key(), &shape).map_err(wrong_assignment)?;
        let further = assignment::parse(&self.assignments, &shape).map_err(wrong_assignment)?;
        let store = open_store(global.store.as_deref())?;
        let document = find_group(&store, &self.group)?;
        let group = document.group()?;
        let id = self.id.unwrap_or_else(|| next_id(&group));
        if let Some((message, help)) = id_problem(&id) {
            return Err(Failure::usage(message).with_help(help));
        }
        let mut session = GroupSession::new(&id, &project, &prompt, IsoTime::now());
        session_fields(&fields, &mut session);
        session_fields(&further, &mut session);
        let text = serde_json::to_string(&session).map_err(|error| Failure::unexpected(error.to_string()))?;
        change(&store, &document, move |_| Ok(Request::AddSession(text)))?;
        if output.format() == Format::Text {
            output.line(
                &Line::new().plain("added ").with(Tone::Strong, &id).plain(" to ").plain(group.id.as_str()),
            )?;
        } else {
            output.json(&serde_json::json!({ "group": group.id, "session": session }))?;
        }
        Ok(Exit::Success)
    }
}

/// The first number that is not taken, in three digits.
fn next_id(group: &SessionGroup) -> String {
    let is_taken = |id: &String| group.sessions.iter().any(|session| session.id == *id);
    let mut ids = (group.sessions.len() + 1..).map(|number| format!("{number:03}"));
    ids.find(|id| !is_taken(id)).unwrap_or_default()
}
