use clap::Args;
use session_groups::manager::GroupManager;
use session_groups::runner::{FileOwnership, RunnerOptions};

use crate::arguments::Global;
use crate::commands::archive::done;
use crate::commands::confirm::Confirmation;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::Output;
use crate::selection::{find_group, open_store};

/// Delete a group and everything that was recorded of its sessions
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups delete 20260822-101500-payments --yes")]
pub struct Delete {
    /// Id of the group, a unique beginning or end of it, or `latest`
    group: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Delete {
    /// Deletes the group.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let store = open_store(global.store.as_deref())?;
        let document = find_group(&store, &self.group)?;
        self.confirmation.ask(output, &format!("Delete {} and the logs of its sessions?", document.id()))?;
        let ownership = FileOwnership::new(store.clone(), RunnerOptions::default());
        GroupManager::new(&store, &ownership).delete_group(document.id())?;
        done(output, "deleted", document.id().as_str())
    }
}
