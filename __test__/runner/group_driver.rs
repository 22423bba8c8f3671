//! Another process that runs a group or sends a request: this test program itself, started once more. It can be made to die
//! at a named point, in wrappers around the store and the processes that only exist here.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use session_groups::Result;
use session_groups::claude::ClaudeVersion;
use session_groups::generate::{Context, Prepared};
use session_groups::model::run::{ControlRequest, ProcessIdentity};
use session_groups::model::{GroupId, GroupSession, SessionGroup};
use session_groups::repository::Document;
use session_groups::runner::process::{Event, Fact, Mark, SessionDirectoryNames};
use session_groups::runner::{
    Change, Claim, ClaudeProcesses, ControlOptions, Done, EarlierAttempt, FileRunStore, Found, RunStore,
    Runner, SessionProcesses, Start, Wake, control,
};

use crate::group_world::GroupWorld;
use crate::support::{fake_claude, options};

const BASE: &str = "GROUP_DRIVER_BASE";
const MODE: &str = "GROUP_DRIVER_MODE";
const CRASH: &str = "GROUP_DRIVER_CRASH";

/// Exit code of a runner that found another one.
pub const ALREADY_RUNNING: i32 = 5;

/// Starts a runner of the world's group in a process of its own.
pub fn start_runner(world: &GroupWorld, crash: Option<&str>) -> Child {
    start(world, "run", crash)
}

/// The same with a limit for the size of files, in units of 512 bytes.
pub fn start_runner_with_file_limit(world: &GroupWorld, limit: u64) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", &format!(r#"ulimit -f {limit} && exec "$0" "$@""#)]);
    start_by(command.arg(std::env::current_exe().unwrap()), world, "run", None)
}

/// Sends a request from a process of its own, and waits for it.
pub fn send(world: &GroupWorld, request: &str) {
    assert!(start(world, request, None).wait().unwrap().success(), "{request}");
}

fn start(world: &GroupWorld, mode: &str, crash: Option<&str>) -> Child {
    start_by(&mut Command::new(std::env::current_exe().unwrap()), world, mode, crash)
}

fn start_by(command: &mut Command, world: &GroupWorld, mode: &str, crash: Option<&str>) -> Child {
    fake_claude();
    command
        .args(["--exact", "group_driver::other_process", "--nocapture"])
        .env(BASE, &world.base)
        .env(MODE, mode)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(crash) = crash {
        command.env(CRASH, crash);
    }
    command.spawn().unwrap()
}

/// Does nothing in an ordinary test run.
#[test]
fn other_process() {
    let Some(base) = std::env::var_os(BASE).map(PathBuf::from) else { return };
    let world = GroupWorld::at(&base);
    let mode = std::env::var(MODE).unwrap();
    if mode == "run" {
        std::process::exit(run(&world));
    }
    let mut words = mode.split(' ');
    let request = ControlRequest::from_name(words.next().unwrap()).unwrap();
    let words: Vec<&str> = words.collect();
    let options = ControlOptions {
        drain: words.contains(&"drain"),
        now: words.contains(&"now"),
        ..ControlOptions::default()
    };
    control(&world.store(), request, &options, &world.options()).unwrap();
    std::process::exit(0);
}

fn run(world: &GroupWorld) -> i32 {
    let Some(crash) = std::env::var(CRASH).ok() else {
        return code(Runner::new(world.store(), world.options()).run(|_| {}));
    };
    let crash = Crash::new(&crash);
    let store = CrashingStore { store: world.store(), crash: crash.clone() };
    let group = world.base.join("store").join(crate::group_world::GROUP);
    let processes = ClaudeProcesses::new(fake_claude(), &group, options()).unwrap();
    let mut processes = CrashingProcesses { processes, crash };
    let runner = Runner::new(store, world.options());
    code(runner.run_with(&mut processes, ClaudeVersion::new(2, 1, 332), |_| {}))
}

fn code(end: Result<session_groups::runner::RunEnd>) -> i32 {
    match end {
        Ok(_) => 0,
        Err(error) if error.code() == "ALREADY_RUNNING" => ALREADY_RUNNING,
        Err(error) => panic!("{error}"),
    }
}

/// Kills this process when a point is reached for the nth time.
#[derive(Clone)]
struct Crash {
    point: String,
    left: Arc<AtomicUsize>,
}

impl Crash {
    fn new(text: &str) -> Self {
        let (point, count) = text.split_once(':').unwrap();
        Self { point: point.to_owned(), left: Arc::new(AtomicUsize::new(count.parse().unwrap())) }
    }

    fn at(&self, point: &str) {
        if point == self.point && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let own = rustix::process::getpid();
            let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
            loop {
                std::thread::park();
            }
        }
    }
}

/// Points at which a second runner dies, after a first one has died at the first point.
pub const IN_RECOVERY: [(&str, &str); 6] = [
    ("output:1", "before-find:1"),
    ("output:2", "after-find:1"),
    ("after-start:2", "after-find:2"),
    ("after-start:1", "commit-computed:1"),
    ("commit-stored:3", "commit-stored:1"),
    ("exited:1", "commit-stored:1"),
];

/// The points at which a runner can be made to die, each with how often it may be passed before.
pub fn crash_points() -> Vec<String> {
    let every = |point: &str, counts: std::ops::RangeInclusive<usize>| {
        counts.map(|count| format!("{point}:{count}")).collect::<Vec<_>>()
    };
    [
        every("claimed", 1..=1),
        every("watched", 1..=1),
        every("commit-submitted", 1..=6),
        every("commit-computed", 1..=6),
        every("commit-stored", 1..=6),
        every("before-start", 1..=3),
        every("after-start", 1..=3),
        every("output", 1..=4),
        every("result", 1..=3),
        every("input-closed", 1..=3),
        every("exited", 1..=3),
        every("swept", 1..=2),
    ]
    .concat()
}

#[derive(Clone)]
struct CrashingStore {
    store: FileRunStore,
    crash: Crash,
}

impl RunStore for CrashingStore {
    fn id(&self) -> &GroupId {
        self.store.id()
    }

    fn load(&self) -> Result<Option<Document>> {
        self.store.load()
    }

    fn commit(&self, change: Change, done: Done) {
        self.crash.at("commit-submitted");
        let (computed, stored) = (self.crash.clone(), self.crash.clone());
        let change = move |document: &Document| {
            let commit = change(document);
            computed.at("commit-computed");
            commit
        };
        let done: Done = Box::new(move |result| {
            stored.at("commit-stored");
            done(result);
        });
        self.store.commit(Box::new(change), done);
    }

    fn watch(&self, changed: Arc<dyn Fn() + Send + Sync>) -> Result<Box<dyn Send>> {
        let watch = self.store.watch(changed);
        self.crash.at("watched");
        watch
    }

    fn claim(&self) -> Result<Claim> {
        let claim = self.store.claim();
        self.crash.at("claimed");
        claim
    }

    fn is_claimed(&self) -> Result<bool> {
        self.store.is_claimed()
    }

    fn directory(&self) -> Option<PathBuf> {
        self.store.directory()
    }

    fn base(&self) -> Option<PathBuf> {
        self.store.base()
    }
}

struct CrashingProcesses {
    processes: ClaudeProcesses,
    crash: Crash,
}

impl SessionProcesses for CrashingProcesses {
    fn start(&mut self, start: &Start<'_>) -> Result<Option<ProcessIdentity>> {
        self.crash.at("before-start");
        let started = self.processes.start(start);
        self.crash.at("after-start");
        started
    }

    fn prepare(
        &self,
        group: &SessionGroup,
        session: &GroupSession,
        names: &SessionDirectoryNames,
        context: &Context<'_>,
    ) -> Result<Prepared> {
        self.processes.prepare(group, session, names, context)
    }

    fn interrupt(&mut self, mark: Mark) {
        self.processes.interrupt(mark);
    }

    fn stop_tasks(&mut self, mark: Mark) {
        self.processes.stop_tasks(mark);
    }

    fn close_input(&mut self, mark: Mark) {
        self.processes.close_input(mark);
        self.crash.at("input-closed");
    }

    fn terminate(&mut self, mark: Mark) {
        self.processes.terminate(mark);
    }

    fn kill(&mut self, mark: Mark) {
        self.processes.kill(mark);
    }

    fn sweep(&mut self, mark: Mark) {
        self.processes.sweep(mark);
    }

    fn find(&mut self, earlier: &EarlierAttempt<'_>) -> Result<Found> {
        self.crash.at("before-find");
        let found = self.processes.find(earlier);
        self.crash.at("after-find");
        found
    }

    fn output(&self, names: &SessionDirectoryNames, attempt: u64) -> Result<Option<File>> {
        self.processes.output(names, attempt)
    }

    fn wait(&mut self, deadline: Option<Instant>) -> Vec<Event> {
        let events = self.processes.wait(deadline);
        for event in &events {
            match &event.fact {
                Fact::Output(bytes) => {
                    self.crash.at("output");
                    if String::from_utf8_lossy(bytes).contains(r#""type":"result""#) {
                        self.crash.at("result");
                    }
                }
                Fact::Exited(_) => self.crash.at("exited"),
                Fact::Swept(_) => self.crash.at("swept"),
                Fact::OutputLimit | Fact::OutputFailed { .. } | Fact::OutputUnreadable { .. } => {}
            }
        }
        events
    }

    fn waker(&self) -> Wake {
        self.processes.waker()
    }
}
