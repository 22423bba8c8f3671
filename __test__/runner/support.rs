//! Helpers of these tests.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use session_groups::Error;
use session_groups::claude::environment::Environment;
use session_groups::claude::{ClaudeStream, Exit};
use session_groups::model::run::ProcessIdentity;
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupSession, SessionStatus};
use session_groups::runner::process::{
    Earlier, Ended, Event, Fact, Launch, Look, Mark, ProcessOptions, Processes, SessionDirectory,
    SessionDirectoryNames, SweepReport, directory_names, find_marked, look,
};
use tempfile::TempDir;
use uuid::Uuid;

/// A bound for everything that waits. Far above what is needed on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Builds the fake program once and returns its path.
pub fn fake_claude() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        // `{target}/{profile}/deps/{test}`
        let profile = test.ancestors().nth(2).unwrap();
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "fake-claude", "--manifest-path"]).arg(manifest);
        cargo.arg("--target-dir").arg(profile.parent().unwrap());
        let name = profile.file_name().unwrap();
        if name != "debug" {
            cargo.arg("--profile").arg(name);
        }
        assert!(cargo.status().unwrap().success(), "the fake program could not be built");
        let path = profile.join("fake-claude");
        assert!(path.is_file(), "{} is missing", path.display());
        path
    })
}

/// Ladders that no process reaches that ends by itself, however busy the machine is.
pub fn patient() -> ProcessOptions {
    ProcessOptions {
        interrupt_grace: PATIENCE,
        terminate_grace: PATIENCE,
        exit_grace: PATIENCE,
        background_grace: PATIENCE,
        ..options()
    }
}

/// Short ladders.
pub fn options() -> ProcessOptions {
    let ms = Duration::from_millis;
    ProcessOptions {
        interrupt_grace: ms(500),
        terminate_grace: ms(400),
        exit_grace: ms(400),
        background_grace: ms(600),
        task_grace: ms(300),
        sweep_grace: ms(300),
        ..ProcessOptions::default()
    }
}

/// A group's directory and a project.
pub struct World {
    pub base: PathBuf,
    pub group: PathBuf,
    pub project: PathBuf,
    /// Removed at the end; `None` if another process does that.
    #[allow(dead_code, reason = "kept until the end")]
    directory: Option<TempDir>,
}

impl World {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut world = Self::at(directory.path());
        world.directory = Some(directory);
        world
    }

    /// The same world in another process.
    pub fn at(base: &Path) -> Self {
        let (group, project) = (base.join("store/group"), base.join("project"));
        std::fs::create_dir_all(&group).unwrap();
        std::fs::create_dir_all(&project).unwrap();
        Self { base: base.to_owned(), group, project, directory: None }
    }

    /// The file that lets turns with a gate end.
    fn gate(&self) -> PathBuf {
        self.base.join("gate")
    }

    /// Lets turns with a gate end.
    pub fn open_gate(&self) {
        std::fs::write(self.gate(), "").unwrap();
    }
}

/// One attempt of the fake program.
pub struct Attempt {
    pub behaviour: String,
    pub mark: Mark,
    pub names: SessionDirectoryNames,
    pub ledger: PathBuf,
    pub identity: Option<ProcessIdentity>,
    pub stream: ClaudeStream,
    pub bytes: u64,
    pub ended: Option<Ended>,
    pub swept: Option<SweepReport>,
    pub is_over_limit: bool,
    /// The output that cannot be written, and the error.
    pub output_failure: Option<(PathBuf, i32)>,
    pub started: Instant,
    /// Number of actions that a test has taken.
    pub actions: usize,
}

pub const ATTEMPT: u64 = 1;

/// Settings of the fake program.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Duration of the turn before the behaviour shows.
    pub turn_ms: u64,
    /// Length of the longest line.
    pub line_mb: u64,
    /// The turn goes on until [`World::open_gate`].
    pub has_gate: bool,
}

pub const SETTINGS: Settings = Settings { turn_ms: 30, line_mb: 10, has_gate: false };

impl Attempt {
    pub fn new(world: &World, behaviour: &str, uuid: Uuid) -> Self {
        let created_at = IsoTime::parse("2026-01-15T10:30:00.000Z").unwrap();
        Self {
            behaviour: behaviour.to_owned(),
            mark: Mark::new(uuid),
            names: directory_names(behaviour, [behaviour]),
            ledger: world.base.join(format!("{behaviour}.ledger")),
            identity: None,
            stream: ClaudeStream::new(GroupSession::new(behaviour, "/p", "x", created_at)),
            bytes: 0,
            ended: None,
            swept: None,
            is_over_limit: false,
            output_failure: None,
            started: Instant::now(),
            actions: 0,
        }
    }

    pub fn start(&mut self, world: &World, processes: &mut Processes, settings: Settings) {
        self.try_start(world, processes, settings, "Do it.").unwrap();
    }

    pub fn try_start(
        &mut self,
        world: &World,
        processes: &mut Processes,
        settings: Settings,
        prompt: &str,
    ) -> session_groups::Result<()> {
        let directory = SessionDirectory::create(&world.group, &self.names)?;
        let mut environment = Environment::of_process();
        environment.set("FAKE_BEHAVIOUR", &self.behaviour);
        environment.set("FAKE_LEDGER", &self.ledger);
        environment.set("FAKE_TURN_MS", settings.turn_ms.to_string());
        environment.set("FAKE_LINE_MB", settings.line_mb.to_string());
        if settings.has_gate {
            environment.set("FAKE_TURN_GATE", world.gate());
        }
        let arguments = ["-p", "--session-id", &self.mark.to_string()].map(OsString::from);
        let identity = processes.start(&Launch {
            program: fake_claude(),
            arguments: &arguments,
            environment: &environment,
            project: &world.project,
            prompt,
            directory: &directory,
            attempt: ATTEMPT,
            mark: self.mark,
            label: "group/session",
        })?;
        self.identity = Some(identity);
        self.started = Instant::now();
        Ok(())
    }

    pub fn take(&mut self, fact: Fact) {
        match fact {
            Fact::Output(bytes) => {
                assert!(self.ended.is_none(), "output after the exit");
                self.bytes += bytes.len() as u64;
                self.stream.push(&bytes);
            }
            Fact::OutputLimit => self.is_over_limit = true,
            Fact::OutputFailed { path, os_error } => {
                assert_eq!(self.output_failure, None);
                self.output_failure = Some((path, os_error));
            }
            Fact::OutputUnreadable { path, os_error } => {
                panic!("{} is unreadable: {os_error}", path.display())
            }
            Fact::Exited(ended) => {
                assert!(self.ended.is_none(), "two exits");
                self.stream.end(&ended.exit);
                self.ended = Some(ended);
            }
            Fact::Swept(report) => self.swept = Some(report),
        }
    }

    pub fn is_done(&self) -> bool {
        self.ended.is_some() && self.swept.is_some()
    }

    pub fn look(&self, world: &World, recorded: Option<&ProcessIdentity>) -> Look {
        self.try_look(world, recorded).unwrap()
    }

    pub fn try_look(&self, world: &World, recorded: Option<&ProcessIdentity>) -> Result<Look, Error> {
        let (names, mark) = (&self.names, self.mark);
        look(&Earlier { group: &world.group, names, attempt: ATTEMPT, mark, recorded })
    }

    /// Reads the output of a process that is gone.
    pub fn read_output(&mut self, look: &Look) {
        use std::io::Read;
        let Look::Gone(Some(files)) = look else { return };
        let mut output = Vec::new();
        files.output().unwrap().read_to_end(&mut output).unwrap();
        self.take(Fact::Output(output));
        self.take(Fact::Exited(Ended { exit: Exit::default(), ..Ended::default() }));
    }

    /// Returns everything that is wrong after the end.
    pub fn problems(&self, world: &World) -> Vec<String> {
        let mut problems = Vec::new();
        let ledger = Ledger::read(&self.ledger);
        let mut expect = |holds: bool, problem: String| {
            if !holds {
                problems.push(format!("{}: {problem}", self.behaviour));
            }
        };
        expect(self.ended.is_some(), "it did not end".to_owned());
        expect(self.output_failure.is_none(), format!("its output failed: {:?}", self.output_failure));
        let left = self.swept.as_ref().map(|report| report.left.clone());
        expect(left == Some(Vec::new()), format!("the sweep left {left:?}"));
        let marked = find_marked(self.mark).unwrap();
        expect(marked.is_empty(), format!("marked processes live: {marked:?}"));
        let alive: Vec<i32> = ledger.pids.iter().copied().filter(|pid| is_alive(*pid)).collect();
        expect(alive.is_empty(), format!("processes live: {alive:?}"));
        expect(ledger.starts <= 1, format!("it was started {} times", ledger.starts));
        let cost = self.stream.progress().cost.get();
        // The newest total may have been printed without having been noted.
        let is_counted = [ledger.cost, ledger.prints].iter().any(|printed| (cost - printed).abs() < 1e-9);
        expect(is_counted, format!("printed ${}, counted ${cost}", ledger.cost));
        let directory = SessionDirectory::create(&world.group, &self.names).unwrap();
        let size = directory.output(ATTEMPT).unwrap().metadata().unwrap().len();
        expect(self.bytes == size, format!("{} of {size} bytes were read", self.bytes));
        let look = self.look(world, self.identity.as_ref());
        expect(matches!(look, Look::Gone(Some(_))), "a look does not find it gone".to_owned());
        problems
    }

    pub fn status(&self) -> SessionStatus {
        self.stream.progress().status
    }
}

/// Ends everything that a failed test would leave running.
impl Drop for Attempt {
    fn drop(&mut self) {
        for pid in find_marked(self.mark).unwrap().into_iter().chain(self.unmarked()) {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

impl Attempt {
    /// Processes of the program that live, with or without the mark.
    pub fn unmarked(&self) -> Vec<i32> {
        Ledger::read(&self.ledger).pids.into_iter().filter(|pid| is_alive(*pid)).collect()
    }
}

/// The notes of the fake program.
#[derive(Debug, Default)]
pub struct Ledger {
    pub starts: usize,
    pub pids: Vec<i32>,
    /// The last total that it printed.
    pub cost: f64,
    /// The last total that it began to print.
    pub prints: f64,
    /// Number of background tasks that it was asked to end.
    pub stopped_tasks: usize,
}

impl Ledger {
    pub fn read(path: &Path) -> Self {
        let mut ledger = Self::default();
        for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
            match line.split_once(' ') {
                None => ledger.starts += 1,
                Some(("process", pid)) => {
                    let pid = pid.parse().unwrap();
                    if !ledger.pids.contains(&pid) {
                        ledger.pids.push(pid);
                    }
                }
                Some(("cost", cost)) => ledger.cost = cost.parse().unwrap(),
                Some(("prints", cost)) => ledger.prints = cost.parse().unwrap(),
                Some(("stop_task", _)) => ledger.stopped_tasks += 1,
                Some(_) => {}
            }
        }
        ledger
    }
}

/// Returns whether a process of the fake program lives under a pid.
pub fn is_alive(pid: i32) -> bool {
    let output = Command::new("ps").args(["-o", "stat=,command=", "-p", &pid.to_string()]).output().unwrap();
    let line = String::from_utf8_lossy(&output.stdout);
    let line = line.trim();
    !line.is_empty() && !line.starts_with('Z') && line.contains("fake-claude")
}

/// Runs the loop until all attempts are done, calling `act` in between.
pub fn drive(
    processes: &mut Processes,
    attempts: &mut [Attempt],
    mut act: impl FnMut(&mut Processes, &mut Attempt),
    is_done: impl Fn(&Attempt) -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    while attempts.iter().any(|attempt| !is_done(attempt)) && Instant::now() < deadline {
        for Event { mark, fact } in processes.wait(Some(Instant::now() + Duration::from_millis(20))) {
            let attempt = attempts.iter_mut().find(|attempt| attempt.mark == mark).unwrap();
            attempt.take(fact);
        }
        for attempt in attempts.iter_mut().filter(|attempt| attempt.ended.is_none()) {
            act(processes, attempt);
        }
    }
}

pub fn after(attempt: &Attempt, ms: u64) -> bool {
    attempt.started.elapsed() >= Duration::from_millis(ms)
}
