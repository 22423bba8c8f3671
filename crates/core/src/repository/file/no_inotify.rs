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

    pub fn add(&mut self, _base: &Dir, _id: &GroupId) -> Option<(i32, Option<GroupId>)> {
        match *self {}
    }

    pub fn remove(&mut self, _watch: i32, _id: &GroupId) {
        match *self {}
    }

    pub fn changes(&mut self) -> Vec<Event> {
        match *self {}
    }
}
