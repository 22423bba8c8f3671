use clap::Args;
use session_groups::manager::rules::Request;
use session_groups::model::{GroupPatch, GroupStatus};

use crate::arguments::Global;
use crate::commands::confirm::Confirmation;
use crate::edit::change;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::{Format, Line, Output, Tone};
use crate::selection::{find_group, open_store};

/// Put a group away: it stays stored, but is no longer run
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups archive payments --yes")]
pub struct Archive {
    /// Id of the group, a unique beginning or end of it, or `latest`
    group: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Archive {
    /// Sets the status.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let store = open_store(global.store.as_deref())?;
        let document = find_group(&store, &self.group)?;
        self.confirmation.ask(output, &format!("Archive {}?", document.id()))?;
        let patch = GroupPatch { status: Some(GroupStatus::Archived), ..GroupPatch::default() };
        change(&store, &document, move |_| Ok(Request::UpdateGroup(patch.into())))?;
        done(output, "archived", document.id().as_str())
    }
}

/// Says that something was done to a group.
pub fn done(output: &mut Output, what: &str, id: &str) -> Result<Exit> {
    if output.format() == Format::Text {
        output.line(&Line::new().plain(what).plain(" ").with(Tone::Strong, id))?;
    } else {
        output.json(&serde_json::json!({ "group": id, "done": what }))?;
    }
    Ok(Exit::Success)
}
