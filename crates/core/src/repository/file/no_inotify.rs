//! Where no notification proves that nothing has changed, nothing is watched: each read looks at its file.

use std::path::Path;

use crate::model::GroupId;
use crate::repository::file::dir::Dir;

/// A reported change.
#[allow(dead_code, reason = "there are none")]
pub enum Event {
    Lost,
    Came(GroupId),
    Went(GroupId),
    Changed(GroupId),
    Unwatched(GroupId),
}

impl Event {
    pub fn id(&self) -> Option<&GroupId> {
        match self {
            Self::Lost => None,
            Self::Came(id) | Self::Went(id) | Self::Changed(id) | Self::Unwatched(id) => Some(id),
        }
    }
}

/// What reports changes.
pub struct Source;

#[derive(Clone, Copy)]
pub struct Watch {
    pub is_of_file: bool,
}

/// Never made.
pub enum Inotify {}

impl Inotify {
    pub fn new(_base: &Dir) -> Option<Self> {
        None
    }

    pub fn watches(&self, _base: &Dir) -> bool {
        match *self {}
    }

    pub fn is_at(&self, _path: &Path) -> bool {
        match *self {}
    }

    pub fn device(&self) -> u64 {
        match *self {}
    }

    pub fn watched(&self) -> usize {
        match *self {}
    }

    pub fn is_full() -> bool {
        true
    }

    pub fn source(&self) -> Source {
        match *self {}
    }

    pub fn add(
        &mut self,
        _base: &Dir,
        _id: &GroupId,
        _or_directory: bool,
    ) -> Option<(Watch, Option<GroupId>)> {
        match *self {}
    }

    pub fn remove(&mut self, _watch: Watch, _id: &GroupId) {
        match *self {}
    }

    pub fn changes(&mut self) -> Vec<Event> {
        match *self {}
    }
}
