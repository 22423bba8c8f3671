//! Several writes of one group as a unit, with a hook on each side of their commit.

use crate::error::Result;
use crate::repository::document::Document;
use crate::repository::merge::Write;

/// A unit of writes of one group. Both methods are called while the group is locked, perhaps together with other writes
/// that are stored by the same commit. They may run on any thread and must not call the repository.
///
/// `Place` is where the group is kept, for what is kept beside it.
pub(crate) trait Transaction<Place: ?Sized>: Send {
    /// Returns `true` if it creates the group, and with it a store that is not there.
    fn creates(&self) -> bool;

    /// Returns the writes for the group as it is now, `None` if there is no such group. All of them are carried out or
    /// none: an error, or a group or session that does not exist, undoes the others.
    fn begin(&mut self, group: Option<&Document>, place: &Place) -> Result<Vec<Write>>;

    /// Called right after the writes are stored as durably as was asked for. Not called if they have failed.
    fn committed(&mut self, place: &Place);
}
