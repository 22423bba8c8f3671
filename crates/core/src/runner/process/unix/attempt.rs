//! One process in the loop: its input, its output and its way to the end.

use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rustix::process::Signal;

use crate::claude::lines::Lines;
use crate::claude::work::Work;
use crate::claude::{Exit, input};
use crate::runner::process::ending::{Action, Ending, Input};
use crate::runner::process::unix::alive::{AliveFile, LockState};
use crate::runner::process::unix::child::Child;
use crate::runner::process::unix::input::InputPipe;
use crate::runner::process::unix::look;
use crate::runner::process::unix::pinned::Pinned;
use crate::runner::process::unix::recorder::Recorder;
use crate::runner::process::unix::reserve::Reserve;
use crate::runner::process::unix::spawn::Spawned;
use crate::runner::process::unix::table;
use crate::runner::process::unix::tail::{PAUSE, Tail, Unread};
use crate::runner::process::unix::tree::Tree;
use crate::runner::process::{Ended, Fact, Mark, ProcessOptions};

/// Number of bytes of the error output that are kept.
const KEPT_ERRORS: usize = 64 * 1024;

/// A process that is not known to have ended, or whose output was not read to the end.
pub struct Running {
    mark: Mark,
    process: Process,
    alive: AliveFile,
    input: InputPipe,
    pub output: Tail,
    pub errors: Tail,
    reserve: Option<Reserve>,
    kept_errors: VecDeque<u8>,
    lines: Lines,
    work: Work,
    ending: Ending,
    tree: Arc<Mutex<Tree>>,
    recorder: Recorder,
    requests: u64,
    is_over_limit: bool,
    exit: Option<Exit>,
    /// A signal that could not be sent because the process could not be looked at, and the time of the next try.
    unsent: Option<(Signal, Instant)>,
    /// Set while a file of its output cannot be read.
    unread: Option<Unread>,
    /// There may be output to read.
    pub is_dirty: bool,
    /// The process may have ended.
    pub may_have_ended: bool,
}

enum Process {
    Own(Child),
    /// The process may not be found, though its lock is held.
    Adopted(Option<Pinned>),
}

impl Running {
    pub fn started(mark: Mark, spawned: Spawned, recorder: Recorder) -> Self {
        let Spawned { child, entry, identity: _, alive, input, output, errors, reserve } = spawned;
        let output = ((output, errors), Some(reserve));
        Self::new(
            mark,
            (Process::Own(child), alive),
            (input, Input::Open),
            output,
            (Tree::new(entry), recorder),
        )
    }

    pub fn adopted(
        mark: Mark,
        process: Option<Pinned>,
        alive: AliveFile,
        output: ((Tail, Tail), Option<Reserve>),
        recorder: Recorder,
    ) -> Self {
        let tree = process.as_ref().map_or_else(Tree::default, |process| Tree::new(process.entry()));
        let input = (InputPipe::closed(), Input::Foreign);
        let running = Self::new(mark, (Process::Adopted(process), alive), input, output, (tree, recorder));
        running.recorder.record_soon(&running.tree);
        running
    }

    fn new(
        mark: Mark,
        (process, alive): (Process, AliveFile),
        (input, state): (InputPipe, Input),
        ((output, errors), reserve): ((Tail, Tail), Option<Reserve>),
        (tree, recorder): (Tree, Recorder),
    ) -> Self {
        Self {
            mark,
            process,
            alive,
            input,
            output,
            errors,
            reserve,
            kept_errors: VecDeque::new(),
            lines: Lines::default(),
            work: Work::default(),
            ending: Ending::new(state),
            tree: Arc::new(Mutex::new(tree)),
            recorder,
            requests: 0,
            is_over_limit: false,
            exit: None,
            unsent: None,
            unread: None,
            is_dirty: true,
            may_have_ended: true,
        }
    }

    /// The descriptor that becomes readable when the process ends. `None` if it has to be polled, or has ended: the descriptor stays
    /// readable then.
    pub fn exit_descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.process {
            _ if self.has_ended() => None,
            Process::Own(child) => child.descriptor(),
            Process::Adopted(process) => process.as_ref().filter(|process| process.runs())?.descriptor(),
        }
    }

    /// The input, while something waits to be written.
    pub fn waiting_input(&self) -> Option<BorrowedFd<'_>> {
        self.input.waiting()
    }

    /// Returns `true` once it has ended.
    pub fn has_ended(&self) -> bool {
        self.exit.is_some()
    }

    pub fn deadline(&self) -> Option<Instant> {
        let unread = self.unread.as_ref().map(Unread::next);
        if self.has_ended() {
            return unread;
        }
        let reserve = self.reserve.as_ref().and_then(Reserve::deadline);
        let unsent = self.unsent.map(|(_, next)| next);
        [self.ending.deadline(), reserve, unread, unsent].into_iter().flatten().min()
    }

    pub fn interrupt(&mut self, now: Instant, options: &ProcessOptions) {
        let actions = self.ending.interrupt(now, &self.work, options);
        self.carry_out(&actions);
    }

    pub fn stop_tasks(&mut self, now: Instant, options: &ProcessOptions) {
        let actions = self.ending.end_tasks(now, &self.work, options);
        self.carry_out(&actions);
    }

    pub fn close_input(&mut self) {
        let actions = self.ending.close_input();
        self.carry_out(&actions);
    }

    pub fn terminate(&mut self, now: Instant, options: &ProcessOptions) {
        let actions = self.ending.terminate(now, options);
        self.carry_out(&actions);
    }

    pub fn kill(&mut self) {
        let actions = self.ending.kill();
        self.carry_out(&actions);
    }

    /// Does everything that is due. Returns the facts in their order.
    pub fn step(&mut self, now: Instant, options: &ProcessOptions, buffer: &mut [u8]) -> Vec<Fact> {
        let mut facts = Vec::new();
        // Looked at before the output is read, so that all of it is.
        self.look_for_exit();
        let is_due = self.unread.as_ref().is_some_and(|unread| unread.next() <= now);
        if self.is_dirty || is_due {
            self.read(now, options, buffer, &mut facts);
        }
        if self.is_over_limit && self.ending.step().is_none() {
            match self.process {
                Process::Own(_) => self.interrupt(now, options),
                Process::Adopted(_) => self.terminate(now, options),
            }
        }
        if !self.has_ended() {
            if let Some((signal, _)) = self.unsent.filter(|(_, next)| *next <= now) {
                self.signal(signal);
            }
            facts.extend(self.keep_reserve(now));
            let actions = self.ending.update(now, &self.work, options);
            self.carry_out(&actions);
            if !self.input.flush() {
                self.ending.input_broke();
            }
        }
        // A result that cannot be read yet is not missing.
        let is_read = !self.is_dirty && self.unread.as_ref().is_none_or(Unread::is_given_up);
        if let Some(exit) = self.exit.clone().filter(|_| is_read) {
            if let Some(reserve) = self.reserve.take() {
                reserve.release();
            }
            let errors = std::mem::take(&mut self.kept_errors).into();
            facts.push(Fact::Exited(Ended { exit, step: self.ending.step(), errors }));
        }
        facts
    }

    /// Returns the child to be reaped, its lock and the processes seen below it, for the sweep.
    pub fn into_remains(self) -> (Option<Child>, AliveFile, Arc<Mutex<Tree>>) {
        match self.process {
            Process::Own(child) => (Some(child), self.alive, self.tree),
            Process::Adopted(_) => (None, self.alive, self.tree),
        }
    }

    fn look_for_exit(&mut self) {
        if self.has_ended() || !self.may_have_ended {
            return;
        }
        self.may_have_ended = false;
        self.exit = match &mut self.process {
            Process::Own(child) => child.exit(),
            Process::Adopted(process) => {
                let runs = process.as_ref().is_some_and(Pinned::runs);
                // A lock that cannot be looked at may be held.
                let is_held = || self.alive.state().map_or(true, |state| state == LockState::Held);
                (!runs && !is_held()).then(Exit::default)
            }
        };
        if self.has_ended() {
            self.input.close_now();
            self.is_dirty = true;
        }
    }

    /// Reads what is there, up to a bound. The files stay dirty if there may be more, and are read again later if they cannot be
    /// read now.
    fn read(&mut self, now: Instant, options: &ProcessOptions, buffer: &mut [u8], facts: &mut Vec<Fact>) {
        let tools_before = self.work.tool_uses();
        let (lines, work, kept_errors) = (&mut self.lines, &mut self.work, &mut self.kept_errors);
        let output = self.output.read_new(buffer, |chunk| {
            lines.push(chunk, |line| work.read(line));
            facts.push(Fact::Output(chunk.to_vec()));
        });
        let errors = self.errors.read_new(buffer, |chunk| {
            kept_errors.extend(chunk);
            let surplus = kept_errors.len().saturating_sub(KEPT_ERRORS);
            kept_errors.drain(..surplus);
        });
        self.is_dirty = matches!(output, Ok(true)) || matches!(errors, Ok(true));
        let failure = output
            .map_err(|error| (self.output.path(), error))
            .and(errors.map_err(|error| (self.errors.path(), error)));
        match failure {
            Ok(_) => self.unread = None,
            Err((path, error)) => {
                let unread = self.unread.get_or_insert_with(|| Unread::new(now));
                if unread.failed(now, options.read_patience) {
                    let os_error = error.raw_os_error().unwrap_or_default();
                    facts.push(Fact::OutputUnreadable { path: path.to_owned(), os_error });
                }
            }
        }
        if self.work.tool_uses() > tools_before && !self.has_ended() {
            self.recorder.record_soon(&self.tree);
        }
        let size = self.output.offset().max(self.errors.offset());
        if size > options.max_output_bytes && !self.is_over_limit {
            self.is_over_limit = true;
            facts.push(Fact::OutputLimit);
        }
    }

    fn keep_reserve(&mut self, now: Instant) -> Option<Fact> {
        let reserve = self.reserve.as_mut()?;
        let failure = reserve.keep(self.output.offset(), now).err()?;
        let os_error = failure.raw_os_error().unwrap_or_default();
        Some(Fact::OutputFailed { path: reserve.path().to_owned(), os_error })
    }

    fn carry_out(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Interrupt => {
                    let id = self.request_id();
                    self.input.push(&input::interrupt(&id));
                }
                Action::StopTasks => {
                    let tasks: Vec<String> = self.work.tasks().map(str::to_owned).collect();
                    for task in tasks {
                        let id = self.request_id();
                        self.input.push(&input::stop_task(&id, &task));
                    }
                }
                Action::CloseInput => self.input.close(),
                Action::Terminate => self.signal(Signal::TERM),
                Action::Kill => self.signal(Signal::KILL),
            }
        }
        if !self.input.flush() {
            self.ending.input_broke();
        }
    }

    fn request_id(&mut self) -> String {
        self.requests += 1;
        format!("session-groups-{}", self.requests)
    }

    fn signal(&mut self, signal: Signal) {
        self.input.close_now();
        // While the parents still live.
        record(&self.tree);
        let sent = match &mut self.process {
            Process::Own(child) => {
                child.signal(signal);
                Ok(())
            }
            Process::Adopted(process) => signal_adopted(process, self.mark, &self.alive, signal),
        };
        self.unsent = sent.is_err().then(|| (signal, Instant::now() + PAUSE));
    }
}

/// Sends a signal to an adopted process. Fails if it cannot be looked at now.
fn signal_adopted(
    process: &mut Option<Pinned>,
    mark: Mark,
    alive: &AliveFile,
    signal: Signal,
) -> io::Result<()> {
    if process.as_ref().is_none_or(|process| !process.runs()) {
        *process = look::find(mark, alive)?.map_or(Ok(None), Pinned::new)?;
    }
    let Some(process) = process else { return Ok(()) };
    let entry = process.entry();
    // Only with the mark or the lock: its pid was input.
    if table::bears(entry.pid, mark)? == Some(true) || alive.holders()?.contains(&entry) {
        process.signal(signal);
    }
    Ok(())
}

fn record(tree: &Mutex<Tree>) {
    if let Ok(table) = table::list() {
        tree.lock().unwrap_or_else(std::sync::PoisonError::into_inner).record(&table);
    }
}
