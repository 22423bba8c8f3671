//! The commands that control a run from any process: pause, resume, stop and retry.

use std::time::Duration;

use clap::Args;
use session_groups::model::number::Usd;
use session_groups::model::run::ControlRequest;
use session_groups::model::time::now_ms;
use session_groups::model::{GroupStatus, SessionGroup};
use session_groups::ownership::{self, Owner};
use session_groups::repository::FileGroupRepository;
use session_groups::runner::plan::Retry;
use session_groups::runner::{ControlOptions, Controlled, FileRunStore, RunnerOptions, control};

use crate::arguments::Global;
use crate::commands::run::shared;
use crate::error::{Failure, Result, Severity, report};
use crate::exit::Exit;
use crate::numbers;
use crate::output::{Format, Line, Output, Tone};
use crate::running::drive;
use crate::selection::{find_group, find_session, open_store};
use crate::view::{GroupView, SessionState};

/// Maximum time to wait for a runner.
const PATIENCE: Duration = Duration::from_secs(30);

/// The group and the sessions that a command is about.
#[derive(Debug, Args)]
struct Target {
    /// Id of the group, a unique beginning or end of it, or `latest`
    group: String,
    /// Ids of the sessions [default: all]
    #[arg(value_name = "SESSION")]
    sessions: Vec<String>,
}

/// The manner of a request.
#[derive(Debug, Args)]
struct Asking {
    /// The reason, for people
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not wait until the runner has acted
    #[arg(long)]
    no_wait: bool,
}

/// Pause a group or some of its sessions
///
/// Running sessions are interrupted; they can be resumed.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  session-groups pause payments\n  session-groups pause payments client-ts --drain"
)]
pub struct Pause {
    #[command(flatten)]
    target: Target,
    /// Let running sessions finish their turns
    #[arg(long)]
    drain: bool,
    #[command(flatten)]
    asking: Asking,
}

/// Resume a paused group or some of its sessions
///
/// A runner that is there is asked. Without one this command runs the group.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups resume payments --budget 20")]
pub struct Resume {
    #[command(flatten)]
    target: Target,
    /// Another budget of the group, in US dollars
    #[arg(long, value_name = "USD", value_parser = numbers::usd, allow_negative_numbers = true)]
    budget: Option<Usd>,
    #[command(flatten)]
    asking: Asking,
}

/// Stop a group or some of its sessions
///
/// Running sessions are interrupted; a later run can resume them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups stop payments --now")]
pub struct Stop {
    #[command(flatten)]
    target: Target,
    /// Terminate running sessions without an interrupt
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    asking: Asking,
}

/// Run failed and unreachable sessions again
///
/// A runner that is there is asked. Without one this command runs the group.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  session-groups retry payments\n  session-groups retry payments client-python --fresh"
)]
pub struct RetryCommand {
    #[command(flatten)]
    target: Target,
    /// Begin new conversations
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    asking: Asking,
}

impl Pause {
    /// Pauses.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let options = ControlOptions { drain: self.drain, ..self.asking.options(&self.target) };
        end("pause", ControlRequest::Pause, &self.target, &options, global, output)
    }
}

impl Stop {
    /// Stops. Single sessions are paused: the group goes on.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let options = ControlOptions { now: self.now, ..self.asking.options(&self.target) };
        let request =
            if self.target.sessions.is_empty() { ControlRequest::Stop } else { ControlRequest::Pause };
        end("stop", request, &self.target, &options, global, output)
    }
}

impl Resume {
    /// Resumes.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let options = ControlOptions { budget: self.budget, ..self.asking.options(&self.target) };
        let only = options.sessions.clone();
        let run = RunnerOptions { only, ..RunnerOptions::default() };
        begin(ControlRequest::Resume, &self.target, &options, run, global, output)
    }
}

impl RetryCommand {
    /// Retries.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let options = ControlOptions { fresh: self.fresh, ..self.asking.options(&self.target) };
        let sessions = options.sessions.as_ref().map(|ids| shared(ids));
        let retry = Some(Retry { sessions, fresh: self.fresh });
        let run = RunnerOptions { retry, ..RunnerOptions::default() };
        begin(ControlRequest::Retry, &self.target, &options, run, global, output)
    }
}

impl Asking {
    fn options(&self, target: &Target) -> ControlOptions {
        ControlOptions {
            sessions: (!target.sessions.is_empty()).then(|| target.sessions.clone()),
            reason: self.reason.clone(),
            by: Some("session-groups".to_owned()),
            wait: (!self.no_wait).then_some(PATIENCE),
            ..ControlOptions::default()
        }
    }
}

impl Target {
    fn find(&self, store: &FileGroupRepository) -> Result<SessionGroup> {
        let group = find_group(store, &self.group)?.group()?;
        for session in &self.sessions {
            find_session(&group, session)?;
        }
        Ok(group)
    }
}

/// Carries out a pause or a stop, with a runner or without one. `command` is what the user has asked for.
fn end(
    command: &str,
    request: ControlRequest,
    target: &Target,
    options: &ControlOptions,
    global: &Global,
    output: &mut Output,
) -> Result<Exit> {
    let store = open_store(global.store.as_deref())?;
    let group = target.find(&store)?;
    let is_over =
        matches!(group.status, GroupStatus::Completed | GroupStatus::Archived | GroupStatus::Deleted);
    let is_done = matches!(
        (request, group.status),
        (ControlRequest::Pause, GroupStatus::Paused) | (ControlRequest::Stop, GroupStatus::Failed)
    );
    if is_over || is_done {
        let message = format!("cannot {command} {}: it is {}", group.id, group.status.name());
        return Err(Failure::new(Exit::WrongState, message));
    }
    let run_store = FileRunStore::new(store, group.id.clone());
    let controlled = control(&run_store, request, options, &RunnerOptions::default())?;
    tell(command, controlled, &group, output)
}

/// Asks a runner to resume or retry, or becomes the runner.
fn begin(
    request: ControlRequest,
    target: &Target,
    options: &ControlOptions,
    run: RunnerOptions,
    global: &Global,
    output: &mut Output,
) -> Result<Exit> {
    let store = open_store(global.store.as_deref())?;
    let group = target.find(&store)?;
    if request == ControlRequest::Retry {
        check_retry(&group, options)?;
    }
    if request == ControlRequest::Resume && ownership::owner(&store, &group.id) == Owner::None {
        check_resume(&group)?;
    }
    let run_store = FileRunStore::new(store.clone(), group.id.clone());
    match control(&run_store, request, options, &run)? {
        Controlled::NeedsRunner => drive(&store, &group.id, run, output),
        controlled => tell(request.name(), controlled, &group, output),
    }
}

/// Fails if no session can be resumed.
fn check_resume(group: &SessionGroup) -> Result<()> {
    match group.status {
        GroupStatus::Paused | GroupStatus::Running => Ok(()),
        GroupStatus::Completed => {
            Err(Failure::new(Exit::NothingToRun, format!("{} has completed", group.id)))
        }
        status => {
            let failure = Failure::new(
                Exit::WrongState,
                format!("cannot resume {}: it is {}", group.id, status.name()),
            );
            Err(failure
                .with_help(format!("use `session-groups run {0}` or `session-groups retry {0}`", group.id)))
        }
    }
}

/// Fails if no session has failed or was dropped.
fn check_retry(group: &SessionGroup, options: &ControlOptions) -> Result<()> {
    let is_named = |id: &String| options.sessions.as_ref().is_none_or(|ids| ids.contains(id));
    let can_retry = group.sessions.iter().any(|session| {
        let is_dropped = session.dropped == Some(true) && options.sessions.is_some();
        is_named(&session.id) && (session.status.name() == "failed" || is_dropped)
    });
    if can_retry {
        return Ok(());
    }
    let failure = Failure::new(Exit::NothingToRun, format!("no session of {} has failed", group.id));
    let Some(named) = &options.sessions else { return Err(failure) };
    let view = GroupView::of(group, now_ms());
    let needed = view.sessions.into_iter().find_map(|session| match session.state {
        SessionState::NotReached { because } if named.contains(&session.id) => Some((session.id, because)),
        _ => None,
    });
    let failure =
        Failure::new(Exit::NothingToRun, format!("none of these sessions of {} has failed", group.id));
    Err(match needed {
        Some((id, because)) => failure.with_help(format!("{id} needs {}: retry that", because.join(", "))),
        None => failure,
    })
}

/// Says what became of a request.
fn tell(request: &str, controlled: Controlled, group: &SessionGroup, output: &mut Output) -> Result<Exit> {
    let (word, status) = match controlled {
        Controlled::Requested { seen: true, .. } => ("acknowledged", None),
        Controlled::Requested { seen: false, .. } => ("requested", None),
        Controlled::Settled(end) => ("done", Some(end.status.name())),
        Controlled::NeedsRunner => ("nothing to do", None),
    };
    if output.format() == Format::Text {
        let status = status.map(|status| format!(": the group is {status}")).unwrap_or_default();
        let line = Line::new().plain(request).plain(" ").plain(word).plain(" ");
        output.line(&line.with(Tone::Strong, group.id.as_str()).plain(&status))?;
        if matches!(controlled, Controlled::Requested { seen: false, .. }) {
            let help = Some("it acts as soon as it can; `session-groups status` shows it");
            report(output, Severity::Warning, "the runner has not acted yet", help);
        }
    } else {
        let value = serde_json::json!({
            "group": group.id, "request": request, "outcome": word, "status": status
        });
        output.json(&value)?;
    }
    Ok(Exit::Success)
}
