//! Records the processes below others, a short time after a tool was started. All trees share one look.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::executor;
use crate::runner::process::unix::table;
use crate::runner::process::unix::tree::Tree;

/// Times after the start of a tool.
const DELAYS: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(500)];
/// Minimum time between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Trees that are to be recorded.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Requests>>);

#[derive(Default)]
struct Requests {
    due: Vec<(Instant, Weak<Mutex<Tree>>)>,
    is_active: bool,
}

impl Recorder {
    /// Records a tree soon.
    pub fn record_soon(&self, tree: &Arc<Mutex<Tree>>) {
        let now = Instant::now();
        let mut requests = self.lock();
        requests.due.extend(DELAYS.map(|delay| (now + delay, Arc::downgrade(tree))));
        if !std::mem::replace(&mut requests.is_active, true) {
            let recorder = self.clone();
            executor::run_later(DELAYS[0], move || recorder.run());
        }
    }

    fn run(self) {
        let now = Instant::now();
        let due: Vec<_> = self.lock().due.extract_if(.., |(at, _)| *at <= now).collect();
        let mut trees: Vec<_> = due.iter().filter_map(|(_, tree)| tree.upgrade()).collect();
        trees.dedup_by(|one, other| Arc::ptr_eq(one, other));
        if !trees.is_empty()
            && let Ok(table) = table::list()
        {
            for tree in trees.drain(..) {
                tree.lock().unwrap_or_else(PoisonError::into_inner).record(&table);
            }
        }
        let mut requests = self.lock();
        // Those that could not be recorded, because the processes cannot be looked at now.
        requests.due.extend(trees.iter().map(|tree| (now + PAUSE, Arc::downgrade(tree))));
        let next = requests.due.iter().map(|(at, _)| *at).min();
        requests.is_active = next.is_some();
        drop(requests);
        if let Some(next) = next {
            executor::run_later(next.saturating_duration_since(now).max(PAUSE), move || self.run());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Requests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
