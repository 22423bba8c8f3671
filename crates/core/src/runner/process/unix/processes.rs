//! All processes of one runner, in its loop.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::error::{Error, Result};
use crate::model::run::ProcessIdentity;
use crate::runner::process::ending::{earliest, until};
use crate::runner::process::unix::alive::AliveFile;
use crate::runner::process::unix::attempt::Running;
use crate::runner::process::unix::identity::{cannot_look, identity_of};
use crate::runner::process::unix::look::Recorded;
use crate::runner::process::unix::pinned::Pinned;
use crate::runner::process::unix::poll::{Alarm, Waker, poll};
use crate::runner::process::unix::recorder::Recorder;
use crate::runner::process::unix::reserve::file_size_limit;
use crate::runner::process::unix::spawn::{Launch, spawn};
use crate::runner::process::unix::sweep::{Sweep, Sweeper};
use crate::runner::process::unix::tail;
use crate::runner::process::unix::tree::Tree;
use crate::runner::process::unix::watch::Watch;
use crate::runner::process::{Ended, Event, Fact, Mark, ProcessOptions, Step};

/// Time between two looks at a process or a file whose changes the system does not report.
const POLL_PAUSE: Duration = Duration::from_millis(10);

/// A process that was found alive.
pub struct Adoption {
    pub(super) mark: Mark,
    pub(super) files: Recorded,
    pub(super) alive: AliveFile,
    pub(super) process: Option<Pinned>,
}

impl Adoption {
    /// The identity of the process; `None` if only its lock was found.
    pub fn identity(&self) -> Result<Option<ProcessIdentity>> {
        let identity = self.process.as_ref().map(|process| identity_of(process.entry()));
        identity.transpose().map_err(cannot_look)
    }
}

/// The processes of a runner.
///
/// Dropping it ends no process: each finishes its turn by itself, since its input is closed then.
pub struct Processes {
    options: ProcessOptions,
    running: BTreeMap<Mark, Running>,
    alarm: Alarm,
    watch: Watch,
    recorder: Recorder,
    sweeper: Sweeper,
    /// Where the sweeps report.
    sweeps: (Sender<Event>, Receiver<Event>),
    buffer: Vec<u8>,
}

impl Processes {
    /// A runner without processes. Fails with `IO` if the process has no file descriptors left.
    pub fn new(mut options: ProcessOptions) -> Result<Self> {
        // What a process writes beyond its limit is lost, and after its interrupt it still prints its result.
        options.max_output_bytes = options.max_output_bytes.min(file_size_limit() / 2);
        let alarm = Alarm::new().map_err(|source| Error::io(None, "a pipe".as_ref(), "creating", source))?;
        let buffer = vec![0; tail::BUFFER];
        Ok(Self {
            options,
            running: BTreeMap::new(),
            alarm,
            watch: Watch::new(),
            recorder: Recorder::default(),
            sweeper: Sweeper::default(),
            sweeps: channel(),
            buffer,
        })
    }

    /// Returns a handle that lets [`Self::wait`] return, for other threads.
    pub fn waker(&self) -> Waker {
        self.alarm.waker()
    }

    /// Starts a process and gives it its prompt. Everything that it needs must be stored before. Fails with
    /// `INVALID_STATE` for a blank prompt or a project that is not a directory, and with `IO` if its files cannot be created
    /// or the program cannot be executed; then nothing runs.
    pub fn start(&mut self, launch: &Launch<'_>) -> Result<ProcessIdentity> {
        if self.running.contains_key(&launch.mark) {
            return Err(Error::internal("an attempt was started twice"));
        }
        let spawned = spawn(launch)?;
        let identity = spawned.identity.clone();
        self.watch.add(&spawned.output, launch.mark);
        self.watch.add(&spawned.errors, launch.mark);
        self.running.insert(launch.mark, Running::started(launch.mark, spawned, self.recorder.clone()));
        Ok(identity)
    }

    /// Adopts a process of an earlier runner: its output is read from the start, and it ends its turn by itself. Fails with
    /// `IO` if its output cannot be opened.
    pub fn adopt(&mut self, adoption: Adoption) -> Result<()> {
        let Adoption { mark, files, alive, process } = adoption;
        let tails = files.tails()?;
        let reserve = files.reserve().ok();
        self.watch.add(&tails.0, mark);
        self.watch.add(&tails.1, mark);
        self.running
            .insert(mark, Running::adopted(mark, process, alive, (tails, reserve), self.recorder.clone()));
        Ok(())
    }

    /// Asks a process to end its turn, then terminates and kills it when it does not. An adopted process is not asked: it
    /// ends its turn by itself.
    pub fn interrupt(&mut self, mark: Mark) {
        if let Some(running) = self.running.get_mut(&mark) {
            running.interrupt(Instant::now(), &self.options);
        }
    }

    /// Asks the background tasks of a process to end that go on after its turn.
    pub fn stop_tasks(&mut self, mark: Mark) {
        if let Some(running) = self.running.get_mut(&mark) {
            running.stop_tasks(Instant::now(), &self.options);
        }
    }

    /// Closes the input of a process. It finishes its turn; it cannot be interrupted any more, only terminated.
    pub fn close_input(&mut self, mark: Mark) {
        if let Some(running) = self.running.get_mut(&mark) {
            running.close_input();
        }
    }

    /// Terminates a process, and kills it when it does not end.
    pub fn terminate(&mut self, mark: Mark) {
        if let Some(running) = self.running.get_mut(&mark) {
            running.terminate(Instant::now(), &self.options);
        }
    }

    /// Kills a process.
    pub fn kill(&mut self, mark: Mark) {
        if let Some(running) = self.running.get_mut(&mark) {
            running.kill();
        }
    }

    /// Ends everything that bears the mark of an attempt whose process is gone.
    pub fn sweep(&self, mark: Mark) {
        self.start_sweep(Sweep {
            mark,
            child: None,
            alive: None,
            tree: Arc::new(Mutex::new(Tree::default())),
            keep: Vec::new(),
            grace: self.options.sweep_grace,
        });
    }

    /// Returns `true` if no process runs. Sweeps may still go on.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Waits until something has happened, the time has come or a waker was used. Returns what has happened, for each
    /// process in its order.
    pub fn wait(&mut self, deadline: Option<Instant>) -> Vec<Event> {
        loop {
            let now = Instant::now();
            let mut events = self.step(now);
            events.extend(self.sweeps.1.try_iter());
            if !events.is_empty() || deadline.is_some_and(|deadline| deadline <= now) {
                return events;
            }
            if self.sleep(deadline, now) {
                return self.sweeps.1.try_iter().collect();
            }
        }
    }

    fn step(&mut self, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        let mut ended = Vec::new();
        for (mark, running) in &mut self.running {
            for fact in running.step(now, &self.options, &mut self.buffer) {
                if let Fact::Exited(end) = &fact {
                    ended.push((*mark, is_normal(end)));
                }
                events.push(Event { mark: *mark, fact });
            }
        }
        for (mark, is_normal) in ended {
            self.watch.remove(mark);
            let Some((child, alive, tree)) = self.running.remove(&mark).map(Running::into_remains) else {
                continue;
            };
            let keep = if is_normal { self.options.keep_processes.clone() } else { Vec::new() };
            self.start_sweep(Sweep {
                mark,
                child,
                alive: Some(alive),
                tree,
                keep,
                grace: self.options.sweep_grace,
            });
        }
        events
    }

    fn start_sweep(&self, sweep: Sweep) {
        let (mark, events, waker) = (sweep.mark, self.sweeps.0.clone(), self.alarm.waker());
        self.sweeper.start(sweep, move |report| {
            // Fails if the runner is gone.
            let _ = events.send(Event { mark, fact: Fact::Swept(report) });
            waker.wake();
        });
    }

    /// Sleeps until there is something to do. Returns `true` if a waker was used.
    fn sleep(&mut self, deadline: Option<Instant>, now: Instant) -> bool {
        let mut descriptors: Vec<(BorrowedFd<'_>, PollFlags)> =
            vec![(self.alarm.descriptor(), PollFlags::IN)];
        descriptors.extend(self.watch.descriptor().map(|descriptor| (descriptor, PollFlags::IN)));
        let mut deadline = deadline;
        let mut must_poll = !self.running.is_empty() && self.watch.descriptor().is_none();
        // Processes and where their exits are among the descriptors; `None` if they have to be polled.
        let mut exits: Vec<(Mark, Option<usize>)> = Vec::new();
        for (mark, running) in &self.running {
            deadline = earliest(deadline, running.deadline());
            deadline = earliest(deadline, running.is_dirty.then_some(now));
            descriptors.extend(running.waiting_input().map(|input| (input, PollFlags::OUT)));
            let exit = running.exit_descriptor();
            must_poll |= exit.is_none() && !running.has_ended();
            exits.push((*mark, exit.map(|_| descriptors.len())));
            descriptors.extend(exit.map(|exit| (exit, PollFlags::IN)));
        }
        let pause = must_poll.then(|| now + POLL_PAUSE);
        let ready = poll(&descriptors, until(earliest(deadline, pause), now));
        let changed = self.watch.changed();
        for (mark, exit) in exits {
            let Some(running) = self.running.get_mut(&mark) else { continue };
            running.may_have_ended |= exit.is_none_or(|exit| ready[exit]);
            running.is_dirty |= changed.as_ref().is_none_or(|changed| changed.contains(&mark));
        }
        self.alarm.take()
    }
}

/// Returns `true` for an end that nobody forced.
fn is_normal(ended: &Ended) -> bool {
    ended.step <= Some(Step::Interrupt) && ended.exit.signal.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::fs::File;
    use std::path::{Path, PathBuf};

    use crate::claude::environment::Environment;
    use crate::runner::process::directory_names;
    use crate::runner::process::unix::directory::SessionDirectory;
    use crate::runner::process::unix::tail::Tail;

    const RESULT: &[u8] = b"{\"type\":\"result\"}\n";

    /// Starts a process that prints a result and ends, whose output cannot be read. Returns its output, too.
    fn start(directory: &Path, read_patience: Duration) -> (Processes, Mark, Tail) {
        let options = ProcessOptions { read_patience, ..ProcessOptions::default() };
        let mut processes = Processes::new(options).unwrap();
        let mark = Mark::new(uuid::Uuid::new_v4());
        let names = directory_names("a", []);
        let launch = Launch {
            program: "/bin/sh".as_ref(),
            arguments: &["-c", "echo '{\"type\":\"result\"}'"].map(OsString::from),
            environment: &Environment::of_process(),
            project: directory,
            prompt: "Do it.",
            directory: &SessionDirectory::create(&directory.join("group"), &names).unwrap(),
            attempt: 1,
            mark,
            label: "group/a",
        };
        processes.start(&launch).unwrap();
        // Opening a directory succeeds, reading it does not.
        let unreadable = Tail::new(File::open("/").unwrap(), PathBuf::from("1.jsonl"));
        let output = std::mem::replace(&mut processes.running.get_mut(&mark).unwrap().output, unreadable);
        (processes, mark, output)
    }

    fn facts(processes: &mut Processes, until: impl Fn(&Processes, &[Fact]) -> bool) -> Vec<Fact> {
        let mut facts = Vec::new();
        while !until(processes, &facts) {
            let events = processes.wait(Some(Instant::now() + Duration::from_millis(20)));
            facts.extend(events.into_iter().map(|event| event.fact));
        }
        facts
    }

    fn has_exited(_: &Processes, facts: &[Fact]) -> bool {
        facts.iter().any(|fact| matches!(fact, Fact::Exited(_)))
    }

    #[test]
    fn an_output_that_cannot_be_read_for_a_while_is_read_before_the_exit_is_reported() {
        let base = tempfile::tempdir().unwrap();
        let (mut processes, mark, output) = start(base.path(), Duration::from_secs(3600));
        let has_failed_after_its_end = |processes: &Processes, _: &[Fact]| {
            let running = &processes.running[&mark];
            running.has_ended() && !running.is_dirty
        };
        assert_eq!(facts(&mut processes, has_failed_after_its_end), []);
        // It would let each wait return at once until the output can be read.
        assert!(processes.running[&mark].exit_descriptor().is_none());
        processes.running.get_mut(&mark).unwrap().output = output;
        let facts = facts(&mut processes, has_exited);
        assert_eq!(facts[0], Fact::Output(RESULT.to_vec()));
        assert!(matches!(facts[1], Fact::Exited(_)), "{facts:?}");
    }

    #[test]
    fn an_output_that_stays_unreadable_is_reported_once_and_before_the_exit() {
        let base = tempfile::tempdir().unwrap();
        let (mut processes, ..) = start(base.path(), Duration::ZERO);
        let facts = facts(&mut processes, has_exited);
        assert!(
            matches!(&facts[..], [Fact::OutputUnreadable { path, os_error: 1.. }, Fact::Exited(_), ..]
                if path == Path::new("1.jsonl")),
            "{facts:?}"
        );
    }

    /// Elsewhere, a look needs no descriptor.
    #[cfg(target_os = "linux")]
    #[test]
    fn an_adopted_process_that_cannot_be_looked_at_gets_its_signal_later() {
        use crate::runner::process::alone::{is_alone, sleep_with, take_all_descriptors};
        use crate::runner::process::unix::look::{Earlier, Look, look};
        use crate::runner::process::unix::table;
        use std::os::unix::process::ExitStatusExt;

        const NAME: &str = "an_adopted_process_that_cannot_be_looked_at_gets_its_signal_later";
        if !is_alone(module_path!(), NAME) {
            return;
        }
        let base = tempfile::tempdir().unwrap();
        let (mark, names) = (Mark::new(uuid::Uuid::new_v4()), directory_names("a", []));
        let directory = SessionDirectory::create(base.path(), &names).unwrap();
        // Its lock is free, as on a file system without locks that work.
        drop(directory.create_files(1, mark).unwrap());
        let mut child = sleep_with(mark);
        let entry = table::entry(child.id().try_into().unwrap()).unwrap().unwrap();
        let recorded = identity_of(entry).unwrap();
        let mut processes = Processes::new(ProcessOptions::default()).unwrap();
        let earlier =
            Earlier { group: base.path(), names: &names, attempt: 1, mark, recorded: Some(&recorded) };
        let Look::Alive(adoption) = look(&earlier).unwrap() else { panic!("it lives") };
        processes.adopt(adoption).unwrap();
        let taken = take_all_descriptors();
        assert_eq!(look(&earlier).err().map(|error| error.is_of_shortage()), Some(true));
        processes.terminate(mark);
        assert_eq!(processes.wait(Some(Instant::now())), []);
        assert!(child.try_wait().unwrap().is_none());
        drop(taken);
        let mut status = None;
        while status.is_none() {
            processes.wait(Some(Instant::now() + Duration::from_millis(20)));
            status = child.try_wait().unwrap();
        }
        assert_eq!(status.and_then(|status| status.signal()), Some(15));
    }
}
