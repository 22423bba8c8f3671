use clap::Args;
use session_groups::error::ErrorKind;
use session_groups::manager::GroupManager;
use session_groups::model::GroupId;
use session_groups::repository::{FileGroupRepository, GroupRepository};
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
        let id = self.find(&store)?;
        self.confirmation.ask(output, &format!("Delete {id} and the logs of its sessions?"))?;
        let ownership = FileOwnership::new(store.clone(), RunnerOptions::default());
        GroupManager::new(&store, &ownership).delete_group(&id)?;
        done(output, "deleted", id.as_str())
    }

    /// Finds the group. One that cannot be read is named by its whole id.
    fn find(&self, store: &FileGroupRepository) -> Result<GroupId> {
        let is_corrupt = |id: &GroupId| store.find_by_id(id).is_err_and(|error| error.is(ErrorKind::Corrupt));
        match GroupId::new(self.group.as_str()) {
            Ok(id) if is_corrupt(&id) => Ok(id),
            _ => Ok(find_group(store, &self.group)?.id().clone()),
        }
    }
}
