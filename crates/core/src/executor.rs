//! The one thread pool of the process: few native threads, started when needed. Work that has to wait is put off to a
//! later time and holds no thread.
//!
//! ```
//! use std::sync::mpsc;
//!
//! use session_groups::executor;
//!
//! let (sender, receiver) = mpsc::channel();
//! executor::run(move || sender.send("done").unwrap());
//! assert_eq!(receiver.recv(), Ok("done"));
//! ```

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

type Job = Box<dyn FnOnce() + Send>;

/// Number of blocked threads whose place others take at once. When even more are blocked, one more thread runs jobs.
const MAX_SUBSTITUTES: usize = 64;

/// Number of threads that stay when those whose place they took are back. They are often needed again within milliseconds.
const MAX_SPARE: usize = 16;

/// Maximum pause between two attempts to start a thread while there is none.
const MAX_START_PAUSE: Duration = Duration::from_millis(100);

static POOL: LazyLock<Pool> = LazyLock::new(|| Pool {
    // More than cores, since some of the time is spent waiting for files.
    max_threads: thread::available_parallelism().map_or(4, |cores| cores.get().clamp(4, 16)),
    state: Mutex::default(),
    wake: Condvar::new(),
});

/// Runs a job on one of the threads, as soon as one is free.
pub fn run(job: impl FnOnce() + Send + 'static) {
    POOL.add(|state| state.ready.push_back(Box::new(job)));
}

/// Runs a job on one of the threads, not before a time has passed.
pub fn run_later(delay: Duration, job: impl FnOnce() + Send + 'static) {
    let later = Later { at: Instant::now() + delay, job: Box::new(job) };
    POOL.add(|state| state.later.push(later));
}

/// Waits for something that is not a job of the pool, such as the disk. When this is one of its threads, another one may take
/// its place meanwhile.
pub fn block<T>(wait: impl FnOnce() -> T) -> T {
    if !IS_POOL_THREAD.get() {
        return wait();
    }
    POOL.block(wait)
}

/// Runs no job on this thread during a piece of work, not even when no thread can be started.
pub fn defer_jobs<T>(work: impl FnOnce() -> T) -> T {
    POOL.defer_jobs(work)
}

thread_local! {
    static IS_POOL_THREAD: Cell<bool> = const { Cell::new(false) };
    static DEFERRAL: Cell<Deferral> = const { Cell::new(Deferral::None) };
}

/// Tells whether jobs wait until this thread has done something else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deferral {
    None,
    Active,
    /// They do, and some are waiting.
    HasJobs,
}

struct Pool {
    max_threads: usize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Job>,
    later: BinaryHeap<Later>,
    threads: usize,
    idle: usize,
    /// Number of threads that wait for something outside of the pool.
    blocked: usize,
    /// Number of idle threads that wake up by themselves when what is put off is due.
    timekeepers: usize,
    /// Set while a caller runs the jobs because no thread could be started.
    has_stand_in: bool,
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
        if state.idle <= state.ready.len() {
            self.start_thread(&mut state);
        }
        if state.threads == 0 {
            // The caller that stands in for them may be waiting.
            self.wake.notify_one();
            if DEFERRAL.get() == Deferral::None {
                return self.work_without_threads(state);
            }
            return DEFERRAL.set(Deferral::HasJobs);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Starts a thread, unless there are enough. Without it the existing ones do the work.
    fn start_thread(&'static self, state: &mut State) {
        if state.threads < self.limit(state) {
            let started = thread::Builder::new().name("session-groups".to_owned()).spawn(|| self.work());
            state.threads += usize::from(started.is_ok());
        }
    }

    fn defer_jobs<T>(&'static self, work: impl FnOnce() -> T) -> T {
        let outer = DEFERRAL.replace(Deferral::Active);
        let result = catch_unwind(AssertUnwindSafe(work));
        if DEFERRAL.replace(outer) == Deferral::HasJobs {
            self.work_without_threads(self.state());
        }
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn block<T>(&'static self, wait: impl FnOnce() -> T) -> T {
        self.begin_to_block();
        let result = catch_unwind(AssertUnwindSafe(wait));
        self.state().blocked -= 1;
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn limit(&self, state: &State) -> usize {
        let limit = self.max_threads + state.blocked.min(MAX_SUBSTITUTES);
        // They may all wait for a job that has not been run.
        if limit > 0 && state.blocked >= limit { state.blocked + 1 } else { limit }
    }

    fn begin_to_block(&'static self) {
        let mut state = self.state();
        state.blocked += 1;
        self.wake_another_thread(&mut state);
    }

    /// Wakes another thread if this one leaves something to do, and starts one if all are busy.
    fn wake_another_thread(&'static self, state: &mut State) {
        if state.needs_another_thread() {
            if state.idle == 0 {
                self.start_thread(state);
            }
            self.wake.notify_one();
        }
    }

    fn work(&'static self) {
        IS_POOL_THREAD.set(true);
        let mut state = self.state();
        loop {
            if state.threads > self.limit(&state) + MAX_SPARE {
                state.threads -= 1;
                return self.wake.notify_one();
            }
            // Otherwise it took the place of a thread that is back.
            let may_run = state.threads - state.idle - state.blocked <= self.max_threads;
            state = match state.next(may_run) {
                Next::Now(job) => {
                    self.wake_another_thread(&mut state);
                    self.run(state, job)
                }
                next => {
                    state.idle += 1;
                    let mut state = match next {
                        Next::In(wait) => {
                            state.timekeepers += 1;
                            let woken = self.wake.wait_timeout(state, wait);
                            let mut state = woken.unwrap_or_else(PoisonError::into_inner).0;
                            state.timekeepers -= 1;
                            state
                        }
                        _ => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                    };
                    state.idle -= 1;
                    state
                }
            };
        }
    }

    /// Runs all jobs on the calling thread, because no thread could be started: also those that they add, now or for
    /// later. It ends when a thread can be started.
    fn work_without_threads(&'static self, mut state: MutexGuard<'static, State>) {
        if std::mem::replace(&mut state.has_stand_in, true) {
            return;
        }
        while state.threads == 0 {
            state = match state.next(true) {
                Next::Now(job) => self.run(state, job),
                Next::In(wait) => {
                    self.start_thread(&mut state);
                    if state.threads > 0 {
                        break;
                    }
                    let woken = self.wake.wait_timeout(state, wait.min(MAX_START_PAUSE));
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                Next::Nothing => break,
            }
        }
        state.has_stand_in = false;
    }

    /// Runs a job without holding the state.
    fn run<'a>(&'a self, state: MutexGuard<'a, State>, job: Job) -> MutexGuard<'a, State> {
        drop(state);
        // A panic drops the job's completion, which then reports it.
        let _ = catch_unwind(AssertUnwindSafe(job));
        self.state()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next thing to do.
enum Next {
    Now(Job),
    In(Duration),
    Nothing,
}

impl State {
    /// Returns whether a thread that begins a job must wake another one: for a job that is ready, or because it was the
    /// one that kept the time.
    fn needs_another_thread(&self) -> bool {
        !self.ready.is_empty() || (!self.later.is_empty() && self.timekeepers == 0)
    }

    /// Returns the next thing to do for a thread that may run a job or only keep the time.
    fn next(&mut self, may_run: bool) -> Next {
        let now = Instant::now();
        while self.later.peek().is_some_and(|later| later.at <= now) {
            let due = self.later.pop().map(|later| later.job);
            self.ready.extend(due);
        }
        let job = if may_run { self.ready.pop_front() } else { None };
        match (job, self.later.peek()) {
            (Some(job), _) => Next::Now(job),
            (None, Some(later)) => Next::In(later.at.saturating_duration_since(now)),
            (None, None) => Next::Nothing,
        }
    }
}

/// The earliest is the greatest, because a `BinaryHeap` returns the greatest first.
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
    use std::sync::{Arc, mpsc};

    fn pool_of(max_threads: usize) -> Pool {
        Pool { max_threads, state: Mutex::default(), wake: Condvar::new() }
    }

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
    fn blocked_threads_are_replaced() {
        let (sender, receiver) = mpsc::channel::<()>();
        let receiver = Arc::new(Mutex::new(receiver));
        let (done, outcomes) = mpsc::channel();
        for _ in 0..40 {
            let (receiver, done) = (Arc::clone(&receiver), done.clone());
            run(move || {
                block(|| receiver.lock().unwrap().recv().unwrap());
                done.send(()).unwrap();
            });
        }
        run_later(Duration::from_millis(5), move || (0..40).for_each(|_| sender.send(()).unwrap()));
        for _ in 0..40 {
            outcomes.recv_timeout(Duration::from_secs(10)).unwrap();
        }
    }

    #[test]
    fn jobs_are_run_while_threads_begin_to_block_and_come_back() {
        let (done, outcomes) = mpsc::channel();
        for round in 0..300 {
            let (blocked, put_off) = (done.clone(), done.clone());
            run(move || {
                block(|| thread::sleep(Duration::from_millis(round % 3)));
                blocked.send(()).unwrap();
            });
            run_later(Duration::from_millis(round % 7), move || put_off.send(()).unwrap());
            if round % 100 == 99 {
                for _ in 0..200 {
                    outcomes.recv_timeout(Duration::from_secs(10)).unwrap();
                }
            }
        }
    }

    #[test]
    fn without_any_thread_the_caller_runs_its_job_and_those_put_off() {
        static NONE: LazyLock<Pool> = LazyLock::new(|| pool_of(0));
        let done = Arc::new(Mutex::new(Vec::new()));
        let tell = |what| {
            let done = Arc::clone(&done);
            move || done.lock().unwrap().push(what)
        };
        let (first, second, third) = (tell("first"), tell("second"), tell("third"));
        let later = Box::new(move || {
            second();
            NONE.add(|state| state.ready.push_back(Box::new(third)));
        });
        NONE.defer_jobs(|| {
            NONE.add(|state| {
                state.ready.push_back(Box::new(first));
                state.later.push(Later { at: Instant::now() + Duration::from_millis(5), job: later });
            });
            assert!(done.lock().unwrap().is_empty());
        });
        assert_eq!(*done.lock().unwrap(), ["first", "second", "third"]);
    }

    /// Runs a job on a caller's thread because there is no other one. The caller returns when nothing is left to do.
    fn run_as_stand_in(pool: &'static Pool, job: impl FnOnce() + Send + 'static) -> mpsc::Receiver<()> {
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            pool.add(|state| {
                state.ready.push_back(Box::new(job));
                let at = Instant::now() + Duration::from_secs(3_600);
                state.later.push(Later { at, job: Box::new(|| {}) });
            });
            done.send(()).unwrap();
        });
        is_done
    }

    #[test]
    fn without_any_thread_a_caller_that_waits_for_a_time_runs_the_jobs_of_others() {
        static NONE: LazyLock<Pool> = LazyLock::new(|| pool_of(0));
        let (started, has_started) = mpsc::channel();
        let _is_done = run_as_stand_in(&NONE, move || started.send(()).unwrap());
        has_started.recv().unwrap();
        let (sender, receiver) = mpsc::channel();
        for defers in [false, true] {
            let sender = sender.clone();
            let add = || NONE.add(|state| state.ready.push_back(Box::new(move || sender.send(()).unwrap())));
            if defers {
                NONE.defer_jobs(add);
            } else {
                add();
            }
            receiver.recv_timeout(Duration::from_secs(10)).unwrap();
        }
    }

    #[test]
    fn a_caller_runs_no_more_jobs_once_a_thread_can_be_started() {
        static NONE: LazyLock<Pool> = LazyLock::new(|| pool_of(0));
        // A blocked thread may be replaced.
        let is_done = run_as_stand_in(&NONE, || NONE.state().blocked = 1);
        is_done.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(NONE.state().threads, 1);
    }

    #[test]
    fn a_thread_that_kept_the_time_wakes_another_one_when_it_begins_a_job() {
        let mut state = State::default();
        assert!(!state.needs_another_thread());
        state.later.push(Later { at: Instant::now(), job: Box::new(|| {}) });
        assert!(state.needs_another_thread());
        state.timekeepers = 1;
        assert!(!state.needs_another_thread());
        state.ready.push_back(Box::new(|| {}));
        assert!(state.needs_another_thread());
    }

    #[test]
    fn a_job_that_waits_for_a_later_one_does_not_keep_it_from_its_time() {
        static TWO: LazyLock<Pool> = LazyLock::new(|| pool_of(2));
        let put_off = |ms, job| {
            let later = Later { at: Instant::now() + Duration::from_millis(ms), job };
            TWO.add(|state| state.later.push(later));
        };
        let (send, receive) = mpsc::channel();
        let (done, outcome) = mpsc::channel();
        put_off(100, Box::new(move || done.send(receive.recv_timeout(Duration::from_secs(10))).unwrap()));
        while TWO.state().timekeepers == 0 {
            thread::yield_now();
        }
        // One thread keeps the time of both.
        put_off(110, Box::new(move || send.send(()).unwrap()));
        assert_eq!(outcome.recv().unwrap(), Ok(()));
    }

    #[test]
    fn jobs_can_wait_for_one_that_comes_after_more_of_them_than_there_are_threads() {
        static FOUR: LazyLock<Pool> = LazyLock::new(|| pool_of(4));
        let (done, outcomes) = mpsc::channel();
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        for _ in 0..2 * MAX_SUBSTITUTES {
            let (gate, done) = (Arc::clone(&gate), done.clone());
            let wait = move || {
                let is_open = gate.0.lock().unwrap();
                let waited = gate.1.wait_timeout_while(is_open, Duration::from_secs(10), |is_open| !*is_open);
                done.send(*waited.unwrap().0).unwrap();
            };
            FOUR.add(|state| state.ready.push_back(Box::new(|| FOUR.block(wait))));
        }
        let open = move || {
            *gate.0.lock().unwrap() = true;
            gate.1.notify_all();
        };
        FOUR.add(|state| state.ready.push_back(Box::new(open)));
        drop(done);
        assert!(outcomes.iter().all(|is_open| is_open));
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
