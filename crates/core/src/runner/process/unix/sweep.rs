//! Ends everything that attempts left behind: the process group of the runner's own child, what bears the mark, what was
//! seen below the process, and what inherited its lock. All sweeps share one look at the processes of the machine, which
//! one job of the pool takes at a time, so that they hold up nothing else.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use crate::executor;
use crate::runner::process::unix::alive::{AliveFile, LockState};
use crate::runner::process::unix::child::Child;
use crate::runner::process::unix::pinned::Pinned;
use crate::runner::process::unix::table::{self, Entry};
use crate::runner::process::unix::tree::Tree;
use crate::runner::process::{Mark, SweepReport};

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(40);
/// Number of looks in a row that must find nothing.
const CLEAN_LOOKS: u32 = 2;
/// Maximum number of rounds of one look, in each of which only new processes are looked at.
const MAX_ROUNDS: usize = 20;
/// Time after SIGKILL at which a process is given up, as one that waits for a dead disk.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same while the processes cannot be looked at, for want of a file descriptor.
const PATIENCE_WITHOUT_LOOKS: Duration = Duration::from_secs(60);

/// A sweep to be done.
pub struct Sweep {
    /// The mark of the attempt.
    pub mark: Mark,
    /// The ended child, if the process was this runner's. It is reaped after the sweep, so that its group stays its own.
    pub child: Option<Child>,
    /// The lock that it held, which a tool may have inherited.
    pub alive: Option<AliveFile>,
    /// The processes seen below it.
    pub tree: Arc<Mutex<Tree>>,
    /// Texts in the command lines of processes to leave alone.
    pub keep: Vec<String>,
    /// Time from SIGTERM to SIGKILL.
    pub grace: Duration,
}

/// Returns the pids of the running processes that bear a mark.
pub fn find_marked(mark: Mark) -> io::Result<Vec<i32>> {
    Ok(table::marked(mark)?.iter().map(|entry| entry.pid).collect())
}

/// Ends everything that bears one of these marks, and waits for it. `grace` is the time from SIGTERM to SIGKILL.
pub fn end_marked(marks: &[Mark], grace: Duration) {
    let (done, ended) = channel();
    let sweeper = Sweeper::default();
    for &mark in marks {
        let done = done.clone();
        let tree = Arc::default();
        let sweep = Sweep { mark, child: None, alive: None, tree, keep: Vec::new(), grace };
        sweeper.start(sweep, move |_| drop(done));
    }
    drop(done);
    // Until each has dropped its sender.
    let _: Result<(), _> = executor::block(|| ended.recv());
}

/// The sweeps of a runner.
#[derive(Clone, Default)]
pub struct Sweeper(Arc<Mutex<Sweeps>>);

#[derive(Default)]
struct Sweeps {
    new: Vec<State>,
    is_active: bool,
}

type Done = Box<dyn FnOnce(SweepReport) + Send>;

impl Sweeper {
    /// Starts a sweep. `done` is called on a thread of the pool.
    pub fn start(&self, sweep: Sweep, done: impl FnOnce(SweepReport) + Send + 'static) {
        let mut sweeps = self.lock();
        sweeps.new.push(State::new(sweep, Box::new(done)));
        if !std::mem::replace(&mut sweeps.is_active, true) {
            let sweeper = self.clone();
            executor::run(move || sweeper.run(Vec::new()));
        }
    }

    fn run(self, mut states: Vec<State>) {
        states.append(&mut self.lock().new);
        let looked = look(&mut states);
        for state in &mut states {
            state.count(looked.is_ok());
        }
        let table = looked.unwrap_or_default();
        let now = Instant::now();
        let (ended, states): (Vec<State>, Vec<State>) =
            states.into_iter().partition(|state| state.has_ended(now));
        for state in ended {
            state.end(&table);
        }
        let mut sweeps = self.lock();
        if states.is_empty() && sweeps.new.is_empty() {
            sweeps.is_active = false;
            return;
        }
        drop(sweeps);
        executor::run_later(PAUSE, move || self.run(states));
    }

    fn lock(&self) -> MutexGuard<'_, Sweeps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct State {
    sweep: Sweep,
    done: Done,
    kill_at: Instant,
    /// Pids and start times of processes that got SIGTERM.
    terminated: HashSet<(i32, u64)>,
    kept: BTreeSet<i32>,
    /// Processes that hold the lock, while it is held.
    holders: Vec<Entry>,
    /// Processes found by this look.
    found: Vec<i32>,
    clean_looks: u32,
    /// Set when this look could not see all processes.
    is_blind: bool,
}

/// Finds the running processes that the sweeps are to end, and signals each at once: it may be about to start another.
/// Returns all processes as they were at first.
fn look(states: &mut [State]) -> io::Result<Vec<Entry>> {
    let now = Instant::now();
    let table = table::list()?;
    let protected = table::protected()?;
    for state in &mut *states {
        state.begin(&table)?;
    }
    let mut looked_at = HashSet::new();
    for _ in 0..MAX_ROUNDS {
        // Those that were started during the round before.
        let new: Vec<i32> = table::pids()?.into_iter().filter(|pid| looked_at.insert(*pid)).collect();
        if new.is_empty() {
            break;
        }
        for pid in new.into_iter().filter(|pid| !protected.contains(pid)) {
            let Some(entry) = table::entry(pid)?.filter(|entry| !entry.is_zombie) else { continue };
            let environment = table::environment(entry.pid)?.unwrap_or_default();
            for state in states.iter_mut().filter(|state| state.is_about(entry, &environment)) {
                state.take(entry, now >= state.kill_at)?;
            }
        }
    }
    for state in states {
        // The group as a whole, since a process may have joined it after the look.
        if let Some(child) =
            state.sweep.child.as_ref().filter(|_| now >= state.kill_at && state.kept.is_empty())
        {
            child.signal_group(Signal::KILL);
        }
    }
    Ok(table)
}

impl State {
    fn new(sweep: Sweep, done: Done) -> Self {
        Self {
            kill_at: Instant::now() + sweep.grace,
            sweep,
            done,
            terminated: HashSet::new(),
            kept: BTreeSet::new(),
            holders: Vec::new(),
            found: Vec::new(),
            clean_looks: 0,
            is_blind: false,
        }
    }

    fn begin(&mut self, table: &[Entry]) -> io::Result<()> {
        self.found.clear();
        self.sweep.tree.lock().unwrap_or_else(PoisonError::into_inner).record(table);
        self.holders = match &self.sweep.alive {
            Some(alive) if alive.state()? == LockState::Held => alive.holders()?,
            _ => Vec::new(),
        };
        Ok(())
    }

    /// Counts a look that has ended.
    fn count(&mut self, has_seen_all: bool) {
        self.is_blind = !has_seen_all;
        // A look that did not see all processes does not show that there are none.
        self.clean_looks = if has_seen_all && self.found.is_empty() { self.clean_looks + 1 } else { 0 };
    }

    /// Returns `true` if the attempt left a process behind.
    fn is_about(&self, entry: Entry, environment: &[u8]) -> bool {
        self.sweep.child.as_ref().and_then(Child::group) == Some(entry.group)
            || self.found.contains(&entry.parent)
            || self.holders.contains(&entry)
            || self.sweep.mark.is_in(environment)
            || self.sweep.tree.lock().unwrap_or_else(PoisonError::into_inner).contains(&entry)
    }

    fn take(&mut self, entry: Entry, kill: bool) -> io::Result<()> {
        if self.is_kept(entry)? {
            self.kept.insert(entry.pid);
            return Ok(());
        }
        self.found.push(entry.pid);
        let is_new = !self.terminated.contains(&(entry.pid, entry.start));
        if (kill || is_new)
            && let Some(process) = Pinned::new(entry)?
        {
            process.signal(if kill { Signal::KILL } else { Signal::TERM });
        }
        self.terminated.insert((entry.pid, entry.start));
        Ok(())
    }

    fn is_kept(&self, entry: Entry) -> io::Result<bool> {
        let keep = &self.sweep.keep;
        if keep.is_empty() {
            return Ok(false);
        }
        let command_line = table::command_line(entry.pid)?;
        Ok(keep.iter().any(|text| command_line.contains(text.as_str())))
    }

    fn has_ended(&self, now: Instant) -> bool {
        let patience = if self.is_blind { PATIENCE_WITHOUT_LOOKS } else { PATIENCE };
        self.clean_looks >= CLEAN_LOOKS || now >= self.kill_at + patience
    }

    fn end(self, table: &[Entry]) {
        self.reap_orphans(table);
        let ended = self.terminated.len().saturating_sub(self.found.len());
        let report = SweepReport { ended, kept: self.kept.into_iter().collect(), left: self.found };
        if let Some(child) = self.sweep.child {
            child.reap();
        }
        (self.done)(report);
    }

    /// Reaps what the attempt left behind where orphans become children of this process: as the first one of a container. A
    /// process that began and ended between two looks stays, since it may as well be a child of the program around the runner.
    fn reap_orphans(&self, table: &[Entry]) {
        let child = self.sweep.child.as_ref().and_then(Child::group);
        let tree = self.sweep.tree.lock().unwrap_or_else(PoisonError::into_inner);
        let is_orphan = |entry: &&Entry| {
            entry.is_zombie
                && u32::try_from(entry.parent) == Ok(std::process::id())
                && Some(entry.pid) != child
                && (self.terminated.contains(&(entry.pid, entry.start)) || tree.contains(entry))
        };
        for pid in table.iter().filter(is_orphan).filter_map(|entry| Pid::from_raw(entry.pid)) {
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_go_on_though_every_thread_of_the_pool_waits_for_one() {
        let (done, ended) = channel();
        for _ in 0..40 {
            let done = done.clone();
            executor::run(move || {
                end_marked(&[Mark::new(uuid::Uuid::new_v4())], Duration::ZERO);
                done.send(()).unwrap();
            });
        }
        for _ in 0..40 {
            ended.recv_timeout(Duration::from_secs(30)).unwrap();
        }
    }
}
