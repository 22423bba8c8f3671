//! The groups that are known to be as they were read, because the kernel would have reported a change. An answer from here
//! needs no look at a file. Where the kernel's notifications prove nothing, nothing is ever known.
//!
//! A group is watched from its second reading on: who reads a store once does not pay for watches.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::{GroupId, GroupStatus};
use crate::repository::document::Fields;
use crate::repository::file::alarm::Alarm;
use crate::repository::file::cache::Cache;
use crate::repository::file::dir::Dir;
use crate::repository::file::fingerprint::FileFingerprint;
use crate::repository::file::inotify::{Event, Inotify, Source};
use crate::repository::file::slots::Slots;
use crate::repository::watch::Subscribers;

/// The watched groups of a store.
pub struct Live {
    /// Who wants to hear of changes.
    pub subscribers: Subscribers,
    /// Wakes the thread that waits for changes while there are subscribers.
    pub alarm: Mutex<Option<Arc<Alarm>>>,
    state: Mutex<State>,
}

struct State {
    /// The cache of the store, where groups that are gone need no room.
    cache: Arc<Cache>,
    inotify: Option<Inotify>,
    /// Time of the last attempt to watch the base directory that failed.
    failed: Option<Instant>,
    /// Number of reported changes.
    clock: u64,
    /// The last change of the set of groups, counted by `clock`.
    listing: u64,
    /// Set once the groups have been listed; they are watched with the second listing.
    was_listed: bool,
    /// Set when `groups` are all there are.
    is_complete: bool,
    groups: Slots,
    news: News,
    /// Set when anything may have changed since the thread that waits for changes has looked last. Others may have listed
    /// the groups meanwhile.
    is_unobserved: bool,
}

/// Reported changes that the subscribers have not heard of yet.
#[derive(Default)]
struct News {
    ids: Vec<GroupId>,
    /// Set when anything may have changed.
    is_everything: bool,
}

/// The part of a store that is watched.
pub struct Watched {
    /// `true` if the kernel reports when groups come and go.
    pub is_base: bool,
    /// `true` if all groups are known, and each change since the last call is reported.
    pub is_complete: bool,
}

/// A reading that began: it counts if no change is reported until it ends.
pub struct Reading {
    /// The last change of the group, or of the set of groups, when it began.
    changed: u64,
}

/// The groups that match a query.
pub struct Found<T> {
    /// What was chosen of the groups that are certain.
    pub chosen: Vec<T>,
    /// `true` if any group is certain.
    pub is_any_certain: bool,
    /// Groups whose files have to be looked at.
    pub uncertain: Vec<GroupId>,
}

impl Live {
    /// Watches nothing yet.
    pub fn new(cache: Arc<Cache>) -> Self {
        let state = State {
            cache,
            inotify: None,
            failed: None,
            clock: 0,
            listing: 0,
            was_listed: false,
            is_complete: false,
            groups: Slots::default(),
            news: News::default(),
            is_unobserved: false,
        };
        Self { subscribers: Subscribers::default(), alarm: Mutex::default(), state: Mutex::new(state) }
    }

    /// Returns what is stored of a group, if that is certain.
    pub fn get(&self, base: &Path, id: &GroupId) -> Option<Arc<Fields>> {
        self.with(|state| state.get(base, id))
    }

    /// The same for a thread that must not wait: `None` also while another thread is in here.
    pub fn try_get(&self, base: &Path, id: &GroupId) -> Option<Arc<Fields>> {
        self.try_with(|state| state.get(base, id))
    }

    /// Returns what `choose` makes of all groups that are certain, and the others; `None` if it is not certain which groups
    /// there are.
    pub fn query<T>(&self, base: &Path, choose: impl FnMut(&Arc<Fields>) -> Option<T>) -> Option<Found<T>> {
        self.with(|state| state.query(base, choose))
    }

    /// Returns what `choose` makes of all groups, for a thread that must not wait: only if there are at most `max` groups and
    /// all are certain.
    pub fn try_query<T>(
        &self,
        base: &Path,
        max: usize,
        choose: impl FnOnce(Vec<&Arc<Fields>>) -> Option<T>,
    ) -> Option<T> {
        self.try_with(|state| {
            if state.groups.len() > max || !state.is_current(base) || !state.is_complete {
                return None;
            }
            let all: Option<Vec<_>> = state.groups.iter().map(|(_, slot)| slot.fields()).collect();
            choose(all?)
        })
    }

    /// Returns the number of groups of a status, or of all, for a thread that must not wait.
    pub fn try_count(&self, base: &Path, status: Option<GroupStatus>) -> Option<usize> {
        self.try_with(|state| {
            let is_known = state.is_current(base) && state.is_complete;
            if is_known { state.groups.count(status) } else { None }
        })
    }

    /// Begins to read a group, which is watched if it was read before or someone waits for its changes.
    pub fn begin(&self, base: &Dir, id: &GroupId) -> Option<Reading> {
        let is_awaited = self.subscribers.concerns(id);
        self.with(|state| {
            let reading = state.begin(base, id, is_awaited);
            if reading.is_none() {
                state.groups.miss(id);
            }
            reading
        })
    }

    /// Ends the reading of a group: what was read is certain from now on if nothing has changed meanwhile. Returns whether
    /// it is.
    pub fn end(
        &self,
        reading: Option<&Reading>,
        fingerprint: &FileFingerprint,
        fields: &Arc<Fields>,
    ) -> bool {
        self.with(|state| {
            let Some(reading) = reading else {
                state.note(&fields.id);
                return false;
            };
            state.catch_up();
            let Some(slot) = state.groups.get(&fields.id) else { return false };
            // safeguard: a change while a group is read
            let is_unchanged =
                slot.changed == reading.changed && slot.watch.is_some_and(|watch| watch.is_of_file);
            // Its file system may report no changes, or may be unmounted.
            // safeguard: a file on another file system is looked at each time
            let is_there = state.inotify.as_ref().is_some_and(|it| it.device() == fingerprint.device);
            if is_unchanged && is_there {
                state.groups.set_fields(&fields.id, Some(Arc::clone(fields)));
            }
            is_unchanged && is_there
        })
    }

    /// Begins to list the groups of a store.
    pub fn begin_listing(&self, base: &Dir) -> Option<Reading> {
        self.with(|state| {
            let is_first = !std::mem::replace(&mut state.was_listed, true);
            if (is_first && self.subscribers.is_empty()) || !state.attach(base) {
                return None;
            }
            Some(Reading { changed: state.listing })
        })
    }

    /// Ends the listing: these are all groups if none came or went meanwhile.
    pub fn end_listing(&self, reading: Option<&Reading>, ids: &[GroupId]) {
        let Some(reading) = reading else { return };
        self.with(|state| {
            state.catch_up();
            // safeguard: a group that comes while the groups are listed
            if state.inotify.is_none() || reading.changed != state.listing {
                return;
            }
            for id in ids {
                state.groups.add(id);
            }
            for id in state.groups.others(ids) {
                state.remove(&id);
            }
            state.is_complete = true;
        });
    }

    /// Sees all changes up to now, and returns the part of the store that is watched. Called by the thread that waits for
    /// changes.
    pub fn observe(&self, base: &Dir) -> Watched {
        self.with(|state| {
            let is_base = state.attach(base);
            state.catch_up();
            let is_unobserved = std::mem::take(&mut state.is_unobserved);
            Watched { is_base, is_complete: state.is_complete && !is_unobserved }
        })
    }

    /// Sees all changes up to now, for a base directory that cannot be opened.
    pub fn see_all(&self, base: &Path) {
        self.with(|state| state.is_current(base));
    }

    /// Forgets a group that was not found. The kernel reports it when its directory comes.
    pub fn forget(&self, base: &Dir, id: &GroupId) {
        self.with(|state| {
            let is_unwatched = state.groups.get(id).is_some_and(|slot| slot.watch.is_none());
            // A group that came after it was looked for is not forgotten.
            let is_absent = || base.stat(id.as_str()).is_ok_and(|there| there.is_none());
            let is_of_base = state.inotify.as_ref().is_none_or(|inotify| inotify.watches(base));
            if is_unwatched && is_of_base && is_absent() {
                state.groups.remove(id);
            }
        });
    }

    /// Returns the groups whose changes the kernel does not report, of those that someone waits for.
    pub fn unwatched(&self) -> Vec<GroupId> {
        self.with(|state| {
            let groups = state.groups.iter();
            let unwatched = groups.filter(|(id, slot)| slot.watch.is_none() && self.subscribers.concerns(id));
            unwatched.map(|(id, _)| id.clone()).collect()
        })
    }

    /// The source of the notifications, if there are any.
    pub fn source(&self) -> Option<Source> {
        self.with(|state| state.inotify.as_ref().map(Inotify::source))
    }

    /// Works on the state, and then tells the subscribers of what was reported meanwhile.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut state);
        self.report(state);
        result
    }

    fn try_with<T>(&self, work: impl FnOnce(&mut State) -> Option<T>) -> Option<T> {
        let mut state = self.state.try_lock().ok()?;
        let result = work(&mut state);
        self.report(state);
        result
    }

    #[cfg(all(test, target_os = "linux"))]
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, mut state: MutexGuard<'_, State>) {
        let News { ids, is_everything } = std::mem::take(&mut state.news);
        drop(state);
        if !ids.is_empty() {
            self.subscribers.mark(&ids);
        }
        if is_everything && let Some(alarm) = &*self.alarm.lock().unwrap_or_else(PoisonError::into_inner) {
            // The thread sees which groups there are now.
            alarm.ring();
        }
    }
}

impl State {
    /// Sees all changes up to now. Returns `false` if nothing is certain.
    fn is_current(&mut self, base: &Path) -> bool {
        // safeguard: another directory in the place of the base directory
        if self.inotify.as_ref().is_some_and(|inotify| !inotify.is_at(base)) {
            self.detach();
        }
        // safeguard: the changes up to now are seen before an answer
        self.catch_up();
        self.inotify.is_some()
    }

    fn get(&mut self, base: &Path, id: &GroupId) -> Option<Arc<Fields>> {
        if !self.is_current(base) {
            return None;
        }
        self.groups.get(id)?.fields().cloned()
    }

    fn query<T>(
        &mut self,
        base: &Path,
        mut choose: impl FnMut(&Arc<Fields>) -> Option<T>,
    ) -> Option<Found<T>> {
        if !self.is_current(base) || !self.is_complete {
            return None;
        }
        let mut found = Found { chosen: Vec::new(), is_any_certain: false, uncertain: Vec::new() };
        for (id, slot) in self.groups.iter() {
            match slot.fields() {
                Some(fields) => {
                    found.is_any_certain = true;
                    found.chosen.extend(choose(fields));
                }
                None => found.uncertain.push(id.clone()),
            }
        }
        Some(found)
    }

    fn begin(&mut self, base: &Dir, id: &GroupId, is_awaited: bool) -> Option<Reading> {
        if is_awaited {
            self.groups.add(id);
        }
        let is_watched = self.groups.get(id)?.watch.is_some();
        if (!is_watched && Inotify::is_full()) || !self.attach(base) {
            return None;
        }
        // Another base directory has other groups.
        if is_awaited {
            self.groups.add(id);
        }
        if self.groups.get(id)?.watch.is_none() {
            let (watch, former) = self.inotify.as_mut()?.add(base, id, is_awaited)?;
            self.clock += 1;
            self.groups.set_watch(id, Some(watch), self.clock);
            if let Some(former) = former {
                self.groups.set_watch(&former, None, self.clock);
                self.groups.miss(&former);
            }
            // Others may read the group before its file is looked at again.
            if self.groups.take_missed(id) {
                self.news.ids.push(id.clone());
            }
        }
        Some(Reading { changed: self.groups.get(id)?.changed })
    }

    /// Watches a base directory. Returns `false` if it cannot be watched.
    fn attach(&mut self, base: &Dir) -> bool {
        const RETRY: Duration = Duration::from_secs(10);
        if self.inotify.as_ref().is_some_and(|inotify| !inotify.watches(base)) {
            self.detach();
        }
        let has_failed = self.failed.is_some_and(|failed| failed.elapsed() < RETRY);
        if self.inotify.is_none() && !has_failed {
            self.inotify = if is_polling_forced() { None } else { Inotify::new(base) };
            self.failed = if self.inotify.is_none() { Some(Instant::now()) } else { None };
            // The thread that waits for changes has to wait for these.
            self.set_all_changed();
        }
        self.inotify.is_some()
    }

    /// Notes that a group was read.
    fn note(&mut self, id: &GroupId) {
        /// To read a group once more costs little.
        const MAX_UNWATCHED: usize = 10_000;
        // One that is not among all groups has gone since it was read.
        if self.failed.is_some() || self.is_complete {
            return;
        }
        let watched = self.inotify.as_ref().map_or(0, Inotify::watched);
        if self.groups.len() - watched >= MAX_UNWATCHED {
            self.groups.remove_unwatched();
        }
        self.groups.add(id);
    }

    /// Forgets everything.
    fn detach(&mut self) {
        self.inotify = None;
        // safeguard: a base directory that is replaced while its groups are listed
        self.clock += 1;
        self.listing = self.clock;
        self.is_complete = false;
        self.groups = Slots::default();
        self.set_all_changed();
    }

    fn set_all_changed(&mut self) {
        self.news.is_everything = true;
        self.is_unobserved = true;
    }

    /// Takes note of the reported changes.
    fn catch_up(&mut self) {
        let Some(inotify) = &mut self.inotify else { return };
        for event in inotify.changes() {
            self.see(&event);
        }
    }

    fn see(&mut self, event: &Event) {
        self.clock += 1;
        self.news.ids.extend(event.id().cloned());
        match event {
            Event::Lost => self.detach(),
            Event::Came(id) => {
                self.listing = self.clock;
                self.remove(id);
                self.groups.add(id);
                self.groups.change(id, self.clock);
            }
            Event::Went(id) => {
                self.listing = self.clock;
                self.remove(id);
                self.cache.remove(id);
            }
            Event::Changed(id) => self.groups.change(id, self.clock),
            Event::Unwatched(id) => self.groups.set_watch(id, None, self.clock),
        }
    }

    fn remove(&mut self, id: &GroupId) {
        if let Some(watch) = self.groups.remove(id)
            && let Some(inotify) = &mut self.inotify
        {
            inotify.remove(watch, id);
        }
    }
}

/// Returns `true` if the environment variable `SESSION_GROUPS_POLLING` says that notifications are not to be trusted.
pub fn is_polling_forced() -> bool {
    std::env::var_os("SESSION_GROUPS_POLLING").is_some_and(|value| !value.is_empty() && value != "0")
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
