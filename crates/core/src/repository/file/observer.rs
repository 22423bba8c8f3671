//! Watching a store. While there are watchers, a thread waits for the kernel's notifications. What the kernel does not
//! report, it finds by looking at the files again and again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::error::{Error, Result};
use crate::executor;
use crate::model::GroupId;
use crate::repository::Watcher;
use crate::repository::document::Document;
use crate::repository::file::alarm::Alarm;
use crate::repository::file::dir::Dir;
use crate::repository::file::fingerprint::FileFingerprint;
use crate::repository::file::paths::META;
use crate::repository::file::read;
use crate::repository::file::store::Store;

/// Time between two looks at what is not reported: files that are not watched, and the path of the base directory.
const POLL: Duration = Duration::from_millis(300);

/// Time between two looks for a base directory that is not there.
const ABSENT: Duration = Duration::from_millis(40);

/// Watches one group of a store, or all.
pub fn watch(
    store: &Arc<Store>,
    only: Option<GroupId>,
    read: impl Fn(&GroupId) -> Result<Option<Document>> + Send + Sync + 'static,
) -> Result<Watcher> {
    let watcher = store.live.subscribers.subscribe(only, read);
    if !start(store)? {
        // The thread has listed the groups already.
        let store = Arc::clone(store);
        executor::run(move || begin(&store));
    }
    Ok(watcher)
}

/// Lets a watcher begin with the groups that are there.
fn begin(store: &Arc<Store>) {
    let there = match read::open_base(store.base()) {
        Ok(Some(base)) => list(&base),
        Ok(None) => Some(Vec::new()),
        Err(_) => None,
    };
    if let Some(there) = there {
        store.live.subscribers.mark_all(&there);
    } else if !store.live.subscribers.is_empty() {
        // Most often there are too many open files.
        let store = Arc::clone(store);
        executor::run_later(POLL, move || begin(&store));
    }
}

/// Starts the thread. Returns `false` if it is there.
fn start(store: &Arc<Store>) -> Result<bool> {
    let mut running = store.live.alarm.lock().unwrap_or_else(PoisonError::into_inner);
    if running.is_some() {
        return Ok(false);
    }
    let failed = |source| Error::io(None, store.base(), "watching", source);
    let alarm = Arc::new(Alarm::new(store.base()).map_err(failed)?);
    let observer = Observer::new(Arc::clone(store), Arc::clone(&alarm));
    let thread = thread::Builder::new().name("session-groups-watch".to_owned());
    thread.spawn(move || observer.run()).map_err(failed)?;
    *running = Some(alarm);
    Ok(true)
}

struct Observer {
    store: Arc<Store>,
    alarm: Arc<Alarm>,
    /// Set while the base directory is there and can be listed.
    is_there: bool,
    /// The files that are not watched, as they were at the last look; `None` stands for one that may change unnoticed.
    files: HashMap<GroupId, Option<Fingerprints>>,
    /// Time of the next look at them.
    next_look: Instant,
}

impl Observer {
    fn new(store: Arc<Store>, alarm: Arc<Alarm>) -> Self {
        Self { store, alarm, is_there: false, files: HashMap::new(), next_look: Instant::now() }
    }

    fn run(mut self) {
        let mut is_first = true;
        while !self.is_over() {
            let base = read::open_base(self.store.base()).ok().flatten();
            let is_there = base.as_ref().is_some_and(|base| self.look(base));
            if !is_there {
                // What the kernel has reported would wake this thread again and again.
                self.store.live.see_all(self.store.base());
                if self.is_there || is_first {
                    self.files.clear();
                    self.store.live.subscribers.mark_all(&[]);
                }
            }
            self.is_there = is_there;
            is_first = false;
            // While it is open, its file system cannot be unmounted.
            drop(base);
            self.alarm.wait(self.store.live.source().as_ref(), if self.is_there { POLL } else { ABSENT });
        }
    }

    /// Returns `true` if nobody watches any more; then the next watcher starts another thread.
    fn is_over(&self) -> bool {
        let mut running = self.store.live.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = self.store.live.subscribers.is_empty();
        if is_over {
            *running = None;
        }
        is_over
    }

    /// Looks for changes and reports them to the watchers. Returns `false` if the groups cannot be listed.
    fn look(&mut self, base: &Dir) -> bool {
        let live = &self.store.live;
        let watched = live.observe(base);
        let is_certain = watched.is_base && watched.is_complete && self.is_there;
        let is_due = self.next_look <= Instant::now();
        if is_certain && !is_due {
            return true;
        }
        let unwatched = if is_certain {
            live.unwatched()
        } else {
            let reading = live.begin_listing(base);
            let Some(ids) = list(base) else { return false };
            live.end_listing(reading.as_ref(), &ids);
            if watched.is_base || !self.is_there {
                live.subscribers.mark_all(&ids);
            } else {
                // A watcher may have read a group that came and went, or went and came back, since the last look.
                live.subscribers.mark_difference(&ids);
            }
            if watched.is_base { live.unwatched() } else { ids }
        };
        let begun = Instant::now();
        self.look_at_files(base, &unwatched);
        // Many files take a while, and there is other work to do.
        self.next_look = Instant::now() + POLL.max(2 * begun.elapsed());
        true
    }

    /// Looks at the files of groups whose changes are not reported.
    fn look_at_files(&mut self, base: &Dir, ids: &[GroupId]) {
        let now = SystemTime::now();
        let there: HashSet<&GroupId> = ids.iter().collect();
        let mut changed = Vec::new();
        self.files.retain(|id, _| there.contains(id));
        for id in ids {
            let fingerprints = fingerprints(base, id, now);
            let former = self.files.insert(id.clone(), fingerprints);
            if fingerprints.is_none() || former != Some(fingerprints) {
                changed.push(id.clone());
            }
        }
        self.store.live.subscribers.mark(&changed);
    }
}

/// Those of a group's directory, which shows that it was away, and of its file.
type Fingerprints = [FileFingerprint; 2];

/// Returns the fingerprints of a group unless it may change without another fingerprint.
fn fingerprints(base: &Dir, id: &GroupId, now: SystemTime) -> Option<Fingerprints> {
    let fingerprint = |path: &str| {
        let fingerprint = base.stat(path).ok()??.fingerprint();
        fingerprint.is_reliable_at(now).then_some(fingerprint)
    };
    Some([fingerprint(id.as_str())?, fingerprint(&format!("{id}/{META}"))?])
}

/// The ids of the groups in a base directory, in their order; `None` if it cannot be read.
fn list(base: &Dir) -> Option<Vec<GroupId>> {
    let names = base.directories().ok()?;
    let mut ids: Vec<GroupId> = names.iter().filter_map(|name| GroupId::new(name).ok()).collect();
    ids.sort_unstable();
    Some(ids)
}
