//! The groups of a store that were read before, with what is certain of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::model::{GroupId, GroupStatus};
use crate::repository::document::Fields;
use crate::repository::file::inotify::Watch;

/// A group that was read before.
#[derive(Default)]
pub struct Slot {
    pub watch: Option<Watch>,
    /// The last change, counted by the clock of all changes.
    pub changed: u64,
    /// Set when a change may have been missed, because the group was not watched.
    is_missed: bool,
    /// What is stored, while it is certain.
    fields: Option<Arc<Fields>>,
}

impl Slot {
    /// Returns what is stored, if that is certain.
    pub fn fields(&self) -> Option<&Arc<Fields>> {
        self.fields.as_ref()
    }
}

/// All slots. Groups that are certain are counted by their status, so that a count needs no look at each.
#[derive(Default)]
pub struct Slots {
    groups: HashMap<GroupId, Slot>,
    certain: usize,
    by_status: HashMap<GroupStatus, usize>,
}

impl Slots {
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    pub fn get(&self, id: &GroupId) -> Option<&Slot> {
        self.groups.get(id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&GroupId, &Slot)> {
        self.groups.iter()
    }

    /// Returns the number of groups of a status, or of all; `None` if not all groups are certain.
    pub fn count(&self, status: Option<GroupStatus>) -> Option<usize> {
        if self.certain < self.groups.len() {
            return None;
        }
        Some(status.map_or(self.certain, |status| self.by_status.get(&status).copied().unwrap_or(0)))
    }

    /// Adds a group if it is not there.
    pub fn add(&mut self, id: &GroupId) {
        if !self.groups.contains_key(id) {
            self.groups.insert(id.clone(), Slot::default());
        }
    }

    /// Sets the watch of a group. Nothing is certain of it any more.
    pub fn set_watch(&mut self, id: &GroupId, watch: Option<Watch>, clock: u64) {
        self.change(id, clock);
        if let Some(slot) = self.groups.get_mut(id) {
            slot.watch = watch;
        }
    }

    /// Notes that changes of a group may be missed from now on, until it is watched.
    pub fn miss(&mut self, id: &GroupId) {
        if let Some(slot) = self.groups.get_mut(id) {
            slot.is_missed = true;
        }
    }

    /// Returns `true` if changes of a group may have been missed up to now.
    pub fn take_missed(&mut self, id: &GroupId) -> bool {
        self.groups.get_mut(id).is_some_and(|slot| std::mem::take(&mut slot.is_missed))
    }

    /// Notes a change of a group. Nothing is certain of it any more.
    pub fn change(&mut self, id: &GroupId, clock: u64) {
        self.set_fields(id, None);
        if let Some(slot) = self.groups.get_mut(id) {
            slot.changed = clock;
        }
    }

    /// Sets what is certain of a group.
    pub fn set_fields(&mut self, id: &GroupId, fields: Option<Arc<Fields>>) {
        let Some(slot) = self.groups.get_mut(id) else { return };
        if let Some(former) = &slot.fields {
            self.certain -= 1;
            *self.by_status.entry(former.status).or_default() -= 1;
        }
        if let Some(fields) = &fields {
            self.certain += 1;
            *self.by_status.entry(fields.status).or_default() += 1;
        }
        slot.fields = fields;
    }

    /// Removes a group. Returns its watch.
    pub fn remove(&mut self, id: &GroupId) -> Option<Watch> {
        self.set_fields(id, None);
        self.groups.remove(id)?.watch
    }

    /// Removes all groups that are not watched.
    pub fn remove_unwatched(&mut self) {
        // Nothing is certain of them.
        self.groups.retain(|_, slot| slot.watch.is_some());
    }

    /// Returns the groups that are not among these.
    pub fn others(&self, ids: &[GroupId]) -> Vec<GroupId> {
        if self.groups.len() <= ids.len() {
            return Vec::new();
        }
        let ids: HashSet<&GroupId> = ids.iter().collect();
        self.groups.keys().filter(|id| !ids.contains(id)).cloned().collect()
    }
}
