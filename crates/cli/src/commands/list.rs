use clap::{Args, ValueEnum};
use session_groups::model::GroupStatus;
use session_groups::model::number::Positive;
use session_groups::model::time::now_ms;
use session_groups::repository::{Direction, GroupFilter, GroupRepository, GroupSort, SortField};

use crate::arguments::Global;
use crate::error::Result;
use crate::exit::Exit;
use crate::numbers;
use crate::output::{Format, Line, Output, Tone};
use crate::selection::open_store;
use crate::unreadable::{unreadable, warn};
use crate::view::table;

/// List groups, the newest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups list --status failed --sort updated --limit 10")]
pub struct List {
    /// Only groups of this status
    #[arg(long, value_name = "STATUS", value_parser = parse_status)]
    status: Option<GroupStatus>,
    /// The order
    #[arg(long, value_name = "ORDER", default_value = "created")]
    sort: Order,
    /// Maximum number of groups
    #[arg(long, value_name = "N", value_parser = numbers::positive, allow_negative_numbers = true)]
    limit: Option<Positive>,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Order {
    /// By time of creation, the newest first
    Created,
    /// By time of the last change, the newest first
    Updated,
    /// By name
    Name,
}

/// Parses the name of a status.
pub fn parse_status(name: &str) -> std::result::Result<GroupStatus, String> {
    GroupStatus::from_name(name).ok_or_else(|| crate::suggest::did_you_mean(name, GroupStatus::NAMES))
}

impl List {
    /// Prints the groups.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let store = open_store(global.store.as_deref())?;
        let limit = self.limit.map(|limit| usize::try_from(limit.get()).unwrap_or(usize::MAX));
        let filter = GroupFilter { status: self.status, limit, ..GroupFilter::default() };
        let (field, direction) = match self.sort {
            Order::Created => (SortField::CreatedAt, Direction::Descending),
            Order::Updated => (SortField::UpdatedAt, Direction::Descending),
            Order::Name => (SortField::Name, Direction::Ascending),
        };
        let groups = store.summaries(&filter, Some(GroupSort { field, direction }))?;
        let unreadable = unreadable(&store)?;
        warn(&unreadable, output);
        match output.format() {
            Format::Json => {
                let groups: Vec<_> = groups.iter().map(AsRef::as_ref).collect();
                output.json(&serde_json::json!({ "groups": groups, "unreadable": unreadable }))?;
            }
            Format::JsonLines => groups.iter().try_for_each(|group| output.json(group.as_ref()))?,
            Format::Text if groups.is_empty() => {
                let none = if unreadable.is_empty() { "no groups" } else { "no other groups" };
                output.note(&Line::new().with(Tone::Faint, none));
            }
            Format::Text => {
                let width = output.width();
                output.lines(&table::groups(&groups, now_ms(), width))?;
            }
        }
        Ok(Exit::Success)
    }
}
