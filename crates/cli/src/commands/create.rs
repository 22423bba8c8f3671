use clap::Args;
use session_groups::error::ErrorKind;
use session_groups::feed;
use session_groups::manager::NewGroup;
use session_groups::manager::rules::{self, Decision};
use session_groups::model::SessionGroup;
use session_groups::model::config::GroupConfig;
use session_groups::model::event::GroupEvent;
use session_groups::model::number::{Positive, Usd};
use session_groups::model::time::IsoTime;
use session_groups::repository::{Document, FileGroupRepository};

use crate::arguments::Global;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::numbers;
use crate::output::{Format, Line, Output, Tone};
use crate::selection::{open_store, short_name};

/// Create a group without a plan file
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  session-groups create payments --budget 12.50\n  session-groups add payments --id api --project ~/src/shop --prompt 'Add a login'\n  session-groups run payments"
)]
pub struct Create {
    /// Name of the group
    name: String,
    /// Description for people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Model of its sessions
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// US dollars that all sessions together may cost
    #[arg(long, value_name = "USD", value_parser = numbers::usd, allow_negative_numbers = true)]
    budget: Option<Usd>,
    /// Maximum number of sessions that run at once
    #[arg(short = 'j', long, value_name = "N", value_parser = numbers::positive, allow_negative_numbers = true)]
    concurrency: Option<Positive>,
}

/// Maximum number of ids that are tried for a new group.
const MAX_IDS: u32 = 1_000;

impl Create {
    /// Creates the group and prints its id.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        if self.name.trim().is_empty() {
            return Err(Failure::usage("the name of a group must not be blank"));
        }
        let config = self.config();
        let store = open_store(global.store.as_deref())?;
        let new = NewGroup { name: self.name, description: self.description, config: None };
        let document = create(&store, &new, |group| group.config = config.clone())?;
        if output.format() != Format::Text {
            output.json_text(&format!("{{\"v\":1,\"group\":{}}}", document.text()))?;
            return Ok(Exit::Success);
        }
        output.text(document.id().as_str())?;
        let name = short_name(&document.group()?, &store);
        let next = format!("session-groups add {name} --project DIR --prompt TEXT");
        output.note(
            &Line::new().with(Tone::Hint, "help").plain(": add sessions with `").plain(&next).plain("`"),
        );
        Ok(Exit::Success)
    }

    fn config(&self) -> GroupConfig {
        let mut config = GroupConfig::default();
        if let Some(model) = &self.model {
            config.model.clone_from(model);
        }
        config.max_budget_usd = self.budget.unwrap_or(config.max_budget_usd);
        config.max_concurrent_sessions = self.concurrency.unwrap_or(config.max_concurrent_sessions);
        config
    }
}

/// Stores a new group under an id that is not taken, and reports it in the feed.
pub fn create(
    store: &FileGroupRepository,
    new: &NewGroup,
    complete: impl Fn(&mut SessionGroup),
) -> Result<Document> {
    let now = IsoTime::now();
    for number in 1..=MAX_IDS {
        let Decision { group, event, .. } = rules::create(new, number, &now)?;
        let mut group = group.group()?;
        complete(&mut group);
        let document = Document::from_group(&group)?;
        let event = event.map(|event| with_sessions(event, group.sessions.len()));
        match feed::create(store, document, event.into_iter().map(Into::into).collect()) {
            Ok(created) => return Ok(created.group),
            Err(error) if error.is(ErrorKind::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::unexpected("too many groups of this name were created in this second")
        .with_help("try again"))
}

/// The event of a group's creation with the number of its sessions.
fn with_sessions(event: GroupEvent, count: usize) -> GroupEvent {
    match event {
        GroupEvent::GroupCreated(mut created) => {
            created.total_sessions = u64::try_from(count).unwrap_or(u64::MAX).into();
            GroupEvent::GroupCreated(created)
        }
        other => other,
    }
}
