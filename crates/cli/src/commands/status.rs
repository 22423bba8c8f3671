use clap::Args;
use serde::Serialize;
use session_groups::model::time::now_ms;
use session_groups::model::{GroupStatus, SessionGroup};
use session_groups::repository::{FileGroupRepository, GroupRepository};

use crate::arguments::Global;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::{Format, Line, Output, Tone};
use crate::selection::open_store;
use crate::unreadable::{unreadable, warn};
use crate::view::{GroupView, table};

/// Show running and paused groups
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups status")]
pub struct Status {}

/// The JSON form of a group's state.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct State<'a> {
    id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    has_runner: bool,
    total_sessions: usize,
    completed: usize,
    running: usize,
    waiting: usize,
    failed: usize,
    not_reached: usize,
    spent_usd: f64,
    max_budget_usd: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_time_remaining: Option<f64>,
}

impl<'a> From<&'a GroupView> for State<'a> {
    fn from(view: &'a GroupView) -> Self {
        Self {
            id: &view.id,
            status: view.status.name(),
            cause: view.cause.map(session_groups::model::run::GroupCause::name),
            has_runner: view.has_runner && view.status == GroupStatus::Running,
            total_sessions: view.sessions.len(),
            completed: view.completed(),
            running: view.running(),
            waiting: view.waiting(),
            failed: view.failed(),
            not_reached: view.not_reached(),
            spent_usd: view.spent,
            max_budget_usd: view.budget,
            estimated_time_remaining: view.time_left,
        }
    }
}

impl Status {
    /// Prints the table.
    pub fn run(global: &Global, output: &mut Output) -> Result<Exit> {
        let store = open_store(global.store.as_deref())?;
        let views = unfinished(&store, now_ms())?;
        let unreadable = unreadable(&store)?;
        warn(&unreadable, output);
        match output.format() {
            Format::Json => {
                let groups: Vec<State<'_>> = views.iter().map(State::from).collect();
                output.json(&serde_json::json!({ "groups": groups, "unreadable": unreadable }))?;
            }
            Format::JsonLines => views.iter().try_for_each(|view| output.json(&State::from(view)))?,
            Format::Text if views.is_empty() => {
                let other = if unreadable.is_empty() { "" } else { "other " };
                let none = format!("no {other}group is running or paused");
                output.note(&Line::new().with(Tone::Faint, &none));
            }
            Format::Text => {
                let width = output.width();
                output.lines(&table::status(&views, width))?;
            }
        }
        Ok(Exit::Success)
    }
}

/// The running and the paused groups, running ones first, each kind by id.
pub fn unfinished(store: &FileGroupRepository, now: f64) -> Result<Vec<GroupView>> {
    let mut views = Vec::new();
    for status in [GroupStatus::Running, GroupStatus::Paused] {
        for document in store.find_by_status(status)? {
            let group: SessionGroup = document.group()?;
            views.push(GroupView::of_stored(&group, store, now));
        }
    }
    Ok(views)
}
