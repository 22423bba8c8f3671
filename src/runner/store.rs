//! A repository that was written in JavaScript, as the store of a run.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;

use crate::bridge::Bridge;
use session_groups::error::{Error, Result};
use session_groups::executor;
use session_groups::feed::{self, Commit, Committed, Event};
use session_groups::model::GroupId;
use session_groups::repository::{
    Condition, Document, FileGroupRepository, GroupRepository, InMemoryGroupRepository,
};
use session_groups::runner::{Change, Claim, Done, FileRunStore, RunStore, has_recorded_runner};

/// The store of a run. JavaScript reads and writes the group; what is to be written is computed here.
#[derive(Clone)]
pub struct OwnStore {
    bridge: Bridge,
    id: GroupId,
    feed: OwnFeed,
    state: Arc<Mutex<State>>,
}

/// Where the events of a group are kept whose repository has methods of JavaScript's own.
#[derive(Clone)]
pub enum OwnFeed {
    /// In the store of files that the repository's class extends. Its runner has the lock of the group, as any other runner of
    /// these files.
    Files(FileGroupRepository),
    /// In the repository in memory that the repository's class extends.
    Memory(InMemoryGroupRepository),
    /// In memory beside the repository, together with the group.
    Beside(InMemoryGroupRepository),
}

impl OwnFeed {
    /// Appends the events of a commit that is stored, then calls `done` with it.
    fn append(self, committed: Committed, done: Done) {
        let append = move || {
            let Committed { group, events, .. } = &committed;
            let appended = match &self {
                Self::Files(files) => feed::append(files, group.id(), events, None),
                Self::Memory(memory) => feed::append(memory, group.id(), events, None),
                Self::Beside(memory) => {
                    forget_former(memory, &committed);
                    feed::append(memory, group.id(), events, Some(group.clone()))
                }
            };
            let is_reported = !appended.is_err_and(|error| error.is_of_shortage());
            done(Ok(Some(Committed { is_reported, ..committed })));
        };
        // JavaScript's thread does not wait for a disk.
        executor::run(append);
    }
}

#[derive(Default)]
struct State {
    /// The commits that JavaScript was asked for, by their numbers.
    open: HashMap<u32, Open>,
    newest: u32,
    /// Called after changes of the group.
    changed: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// A commit that JavaScript was asked for.
enum Open {
    /// Not computed yet.
    Change(Change),
    /// Computed from the group as it was. The repository may ask for it once more, for a newer group.
    Commit(Commit, Committed),
    /// Refused, for this reason.
    Refused(Error),
}

/// The part of a store that JavaScript calls.
#[derive(Clone)]
pub struct OwnStoreCalls {
    id: GroupId,
    state: Arc<Mutex<State>>,
}

/// Ends the feed of a deleted group of the same id.
fn forget_former(memory: &InMemoryGroupRepository, committed: &Committed) {
    let id = committed.group.id();
    let created_at = |group: &Document| group.group().ok().map(|group| group.created_at);
    let former = memory.find_by_id(id).ok().flatten();
    if former.is_some_and(|former| created_at(&former) != created_at(&committed.group)) {
        // It cannot fail without a condition.
        let _ = memory.delete(id, Condition::None);
    }
}

impl OwnStore {
    /// The store of a group that JavaScript reads and writes when it is asked to.
    pub fn new(bridge: Bridge, id: GroupId, feed: OwnFeed) -> Self {
        Self { bridge, id, feed, state: Arc::default() }
    }

    /// The group in the files of the store that the repository's class extends.
    fn files(&self) -> Option<FileRunStore> {
        let OwnFeed::Files(files) = &self.feed else { return None };
        Some(FileRunStore::new(files.clone(), self.id.clone()))
    }

    /// Returns what JavaScript calls.
    pub fn calls(&self) -> OwnStoreCalls {
        OwnStoreCalls { id: self.id.clone(), state: Arc::clone(&self.state) }
    }
}

impl RunStore for OwnStore {
    fn id(&self) -> &GroupId {
        &self.id
    }

    fn load(&self) -> Result<Option<Document>> {
        let text = self.bridge.ask_and_wait("load", &json!({}))?;
        if text == "null" { Ok(None) } else { Document::to_save(&self.id, text).map(Some) }
    }

    fn commit(&self, change: Change, done: Done) {
        let number = {
            let mut state = lock(&self.state);
            state.newest = state.newest.wrapping_add(1);
            let number = state.newest;
            state.open.insert(number, Open::Change(change));
            number
        };
        let (state, feed) = (Arc::clone(&self.state), self.feed.clone());
        self.bridge.ask("commit", &json!({ "commit": number }), move |answer| {
            let open = lock(&state).open.remove(&number);
            let refused = match (answer.as_deref(), open) {
                (Ok("true"), Some(Open::Commit(_, committed))) => return feed.append(committed, done),
                (Ok("true"), _) => Err(Error::of_caller(
                    "the repository's update did not call the function that it was given: it must",
                )),
                (Ok(_), _) => Ok(None),
                (Err(_), Some(Open::Refused(error))) => Err(error),
                (Err(error), _) => Err(error.clone()),
            };
            done(refused);
        });
    }

    fn append(&self, events: Vec<(u64, Event)>, done: Box<dyn FnOnce(bool) + Send>) {
        match self.files() {
            Some(files) => files.append(events, done),
            None => done(true),
        }
    }

    fn watch(&self, changed: Arc<dyn Fn() + Send + Sync>) -> Result<Box<dyn Send>> {
        lock(&self.state).changed = Some(changed);
        self.bridge.send(&json!({ "kind": "watch" }));
        Ok(Box::new(Watch { bridge: self.bridge.clone(), state: Arc::clone(&self.state) }))
    }

    fn claim(&self) -> Result<Claim> {
        self.files().map_or(Ok(Claim::Record), |files| files.claim())
    }

    fn is_claimed(&self) -> Result<bool> {
        self.files().map_or_else(|| has_recorded_runner(self), |files| files.is_claimed())
    }

    fn directory(&self) -> Option<PathBuf> {
        self.files()?.directory()
    }

    fn base(&self) -> Option<PathBuf> {
        self.files()?.base()
    }
}

impl OwnStoreCalls {
    /// Computes the group that a commit makes of a stored one.
    pub fn change(&self, number: u32, group: String) -> Result<Document> {
        let open = lock(&self.state).open.remove(&number);
        let open = open.ok_or_else(|| Error::internal("a commit was computed after its end"))?;
        let computed = Document::to_save(&self.id, group).and_then(|group| compute(open, group));
        let (open, result) = match computed {
            Ok((commit, committed)) => {
                let group = committed.group.clone();
                (Open::Commit(commit, committed), Ok(group))
            }
            Err(error) => (Open::Refused(error.clone()), Err(error)),
        };
        lock(&self.state).open.insert(number, open);
        result
    }

    /// Reports that the group has changed, or may have.
    pub fn changed(&self) {
        let changed = lock(&self.state).changed.clone();
        if let Some(changed) = changed {
            changed();
        }
    }
}

/// Computes a commit from a group, unless that was done, and applies it.
fn compute(open: Open, group: Document) -> Result<(Commit, Committed)> {
    let (commit, is_rebased) = match open {
        Open::Change(change) => (change(&group)?, false),
        Open::Commit(commit, _) => (commit, true),
        Open::Refused(error) => return Err(error),
    };
    let committed = apply(commit.clone(), group)?;
    Ok((commit, Committed { is_rebased, ..committed }))
}

/// Applies a commit to a group, in a repository of its own: there is one way to do that.
fn apply(commit: Commit, group: Document) -> Result<Committed> {
    let repository = InMemoryGroupRepository::new();
    let id = group.id().clone();
    repository.save(group, Condition::None)?;
    let committed = feed::commit(&repository, &id, move |_| Ok(commit))?;
    committed.ok_or_else(|| Error::internal("a commit changes a session that the group does not have"))
}

/// Ends the watch of a group when it is dropped.
struct Watch {
    bridge: Bridge,
    state: Arc<Mutex<State>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        lock(&self.state).changed = None;
        self.bridge.send(&json!({ "kind": "unwatch" }));
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
