//! The threads on which file work runs: few, started when needed, shared by all stores of the process. Work that has
//! to wait is put off to a later time and holds no thread.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

type Job = Box<dyn FnOnce() + Send>;

static POOL: LazyLock<Pool> = LazyLock::new(|| Pool {
    // More than cores, since most of the time is spent waiting for the disk.
    most_threads: thread::available_parallelism().map_or(4, |cores| cores.get().clamp(4, 16)),
    state: Mutex::default(),
    wake: Condvar::new(),
});

/// Runs a job on one of the threads, as soon as one is free.
pub fn run(job: impl FnOnce() + Send + 'static) {
    if cfg!(feature = "test-one-thread") {
        return job();
    }
    POOL.add(|state| state.ready.push_back(Box::new(job)));
}

/// Runs a job on one of the threads, not before a time has passed.
pub fn run_later(delay: Duration, job: impl FnOnce() + Send + 'static) {
    if cfg!(feature = "test-one-thread") {
        thread::sleep(delay);
        return job();
    }
    let later = Later { at: Instant::now() + delay, job: Box::new(job) };
    POOL.add(|state| state.later.push(later));
}

struct Pool {
    most_threads: usize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Job>,
    later: BinaryHeap<Later>,
    threads: usize,
    idle: usize,
}

struct Later {
    at: Instant,
    job: Job,
}

impl Pool {
    fn add(&'static self, add: impl FnOnce(&mut State)) {
        let mut state = self.state();
        add(&mut state);
        // One thread for each job that is ready, and one to keep the time.
        if state.idle <= state.ready.len() && state.threads < self.most_threads {
            let started = thread::Builder::new().name("session-groups".to_owned()).spawn(|| self.work());
            // Without a new thread the ones there are do the work; without any, whoever brings it.
            state.threads += usize::from(started.is_ok());
            if state.threads == 0 {
                let jobs = std::mem::take(&mut state.ready);
                drop(state);
                return jobs.into_iter().for_each(|job| drop(catch_unwind(AssertUnwindSafe(job))));
            }
        }
        drop(state);
        self.wake.notify_one();
    }

    fn work(&self) {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            while state.later.peek().is_some_and(|later| later.at <= now) {
                let due = state.later.pop().map(|later| later.job);
                state.ready.extend(due);
            }
            if let Some(job) = state.ready.pop_front() {
                if !state.ready.is_empty() {
                    self.wake.notify_one();
                }
                drop(state);
                // Whoever waits for the job learns of a panic by its reply being dropped.
                let _ = catch_unwind(AssertUnwindSafe(job));
                state = self.state();
                continue;
            }
            state.idle += 1;
            state = match state.later.peek().map(|later| later.at.saturating_duration_since(now)) {
                Some(wait) => self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.idle -= 1;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The earliest is the greatest, as a `BinaryHeap` gives the greatest first.
impl Ord for Later {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Later {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_panicking_job_does_not_end_the_pool() {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..40 {
            run(|| panic!("on purpose"));
        }
        run(move || sender.send(()).unwrap());
        receiver.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn jobs_put_off_hold_no_thread() {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..100 {
            run_later(Duration::from_secs(3_600), || {});
        }
        run_later(Duration::from_millis(5), move || sender.send(()).unwrap());
        receiver.recv_timeout(Duration::from_secs(10)).unwrap();
    }
}
