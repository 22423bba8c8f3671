//! A store with a group, a project, and the notes of the fake program: for tests of the runner of a group.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use session_groups::claude::environment::Environment;
use session_groups::feed::Event;
use session_groups::model::config::{EnvValue, SessionConfig};
use session_groups::model::number::Usd;
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupId, GroupSession, SessionGroup, SessionStatus};
use session_groups::repository::file::{Durability, FileOptions};
use session_groups::repository::{Condition, Document, FileGroupRepository, GroupRepository};
use session_groups::runner::process::{Mark, find_marked};
use session_groups::runner::{FileRunStore, RunEnd, RunHandle, RunNotice, Runner, RunnerOptions};
use tempfile::TempDir;

use crate::support::{PATIENCE, fake_claude, is_alive, options};

pub const GROUP: &str = "group";

/// A store with a group.
pub struct GroupWorld {
    pub base: PathBuf,
    #[allow(dead_code, reason = "kept until the end")]
    directory: Option<TempDir>,
}

/// A session that shows a behaviour, and what it waits for.
pub fn session(id: &str, behaviour: &str, depends_on: &[&str]) -> GroupSession {
    let created_at = IsoTime::parse("2026-01-15T10:30:00.000Z").unwrap();
    let mut session = GroupSession::new(id, "", &format!("Do {id}."), created_at);
    session.depends_on = depends_on.iter().map(ToString::to_string).collect();
    let env = BTreeMap::from([("FAKE_BEHAVIOUR".to_owned(), EnvValue::Text(behaviour.to_owned()))]);
    session.config = Some(SessionConfig { env: Some(env), ..SessionConfig::default() });
    session
}

/// The same session, whose turn takes some time.
pub fn slow(mut session: GroupSession, turn_ms: u64) -> GroupSession {
    let env = session.config.as_mut().and_then(|config| config.env.as_mut()).unwrap();
    env.insert("FAKE_TURN_MS".to_owned(), EnvValue::Text(turn_ms.to_string()));
    session
}

impl GroupWorld {
    /// A store with a group of these sessions.
    pub fn new(sessions: Vec<GroupSession>) -> Self {
        Self::with(sessions, |_| {})
    }

    /// A store with a group of these sessions and another configuration.
    pub fn with(sessions: Vec<GroupSession>, change: impl FnOnce(&mut SessionGroup)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut world = Self::at(directory.path());
        world.directory = Some(directory);
        for name in ["project", "conversations"] {
            std::fs::create_dir(world.base.join(name)).unwrap();
        }
        let created_at = IsoTime::parse("2026-01-15T10:30:00.000Z").unwrap();
        let mut group = SessionGroup::new(GroupId::new(GROUP).unwrap(), "Group", "group", created_at);
        group.sessions = sessions.into_iter().map(|session| world.placed(session)).collect();
        change(&mut group);
        let document = Document::from_group(&group).unwrap();
        world.repository().save(document, Condition::None).unwrap();
        world
    }

    /// The same world in another process.
    pub fn at(base: &Path) -> Self {
        Self { base: base.to_owned(), directory: None }
    }

    /// The session in the world's project.
    pub fn placed(&self, session: GroupSession) -> GroupSession {
        GroupSession { project_path: self.base.join("project").to_str().unwrap().to_owned(), ..session }
    }

    pub fn id() -> GroupId {
        GroupId::new(GROUP).unwrap()
    }

    pub fn repository(&self) -> FileGroupRepository {
        let options = FileOptions { durability: Durability::Process, ..FileOptions::default() };
        FileGroupRepository::new(Some(&self.base.join("store")), options).unwrap()
    }

    pub fn store(&self) -> FileRunStore {
        FileRunStore::new(self.repository(), Self::id())
    }

    pub fn environment(&self) -> Environment {
        let mut environment = Environment::of_process();
        environment.set("FAKE_LEDGER", self.base.join("ledger"));
        environment.set("FAKE_CONVERSATIONS", self.base.join("conversations"));
        environment.set("FAKE_GATE", self.base.join("gate"));
        environment.set("FAKE_TURN_MS", "20");
        environment
    }

    pub fn options(&self) -> RunnerOptions {
        RunnerOptions {
            claude_path: Some(fake_claude().to_owned()),
            environment: self.environment(),
            spacing: None,
            process: options(),
            seed: Some(1),
            ..RunnerOptions::default()
        }
    }

    /// Runs the group to its end.
    pub fn run(&self) -> (session_groups::Result<RunEnd>, Vec<Event>) {
        self.run_with(self.options())
    }

    pub fn run_with(&self, options: RunnerOptions) -> (session_groups::Result<RunEnd>, Vec<Event>) {
        let mut events = Vec::new();
        let end = Runner::new(self.store(), options).run(|notice| {
            if let RunNotice::Event { event, .. } = notice {
                events.push(event.clone());
            }
        });
        (end, events)
    }

    /// Runs the group on a thread of its own.
    pub fn spawn(&self, options: RunnerOptions) -> Spawned {
        let runner = Runner::new(self.store(), options);
        let (handle, events) = (runner.handle(), Arc::<Mutex<Vec<Event>>>::default());
        let seen = Arc::clone(&events);
        let thread = runner.spawn(move |notice| {
            if let RunNotice::Event { event, .. } = notice {
                seen.lock().unwrap().push(event.clone());
            }
        });
        let thread = thread.unwrap();
        Spawned { handle, events, thread }
    }

    pub fn group(&self) -> SessionGroup {
        self.repository().find_by_id(&Self::id()).unwrap().unwrap().group().unwrap()
    }

    pub fn stored(&self, id: &str) -> GroupSession {
        self.group().sessions.into_iter().find(|session| session.id == id).unwrap()
    }

    pub fn statuses(&self) -> Vec<(String, SessionStatus)> {
        self.group().sessions.into_iter().map(|session| (session.id, session.status)).collect()
    }

    /// Returns the lines of the fake program's notes that begin with a word, without it.
    pub fn notes(&self, word: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.base.join("ledger")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.filter(|(first, _)| *first == word).map(|(_, rest)| rest.to_owned()).collect()
    }

    /// US dollars that the fake program was billed for.
    pub fn billed(&self) -> f64 {
        let amount = |line: String| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        self.notes("bill").into_iter().map(amount).sum()
    }

    /// US dollars that the stored sessions have cost.
    pub fn cost(&self) -> f64 {
        self.group().sessions.iter().filter_map(|session| session.cost).map(Usd::get).sum()
    }

    /// Waits until something holds.
    pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < deadline, "never: {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until so many sessions run.
    pub fn wait_for_active(&self, count: usize) {
        Self::wait_until("sessions run", || {
            let active = |(_, status): &(String, SessionStatus)| *status == SessionStatus::Active;
            let has_process = |session: &GroupSession| {
                session.attempts.iter().flatten().last().is_some_and(|attempt| attempt.process.is_some())
            };
            self.statuses().iter().filter(|session| active(session)).count() >= count
                && self.group().sessions.iter().filter(|session| has_process(session)).count() >= count
        });
    }

    /// Returns everything that is wrong once nothing runs any more.
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> =
            self.notes("double").into_iter().map(|id| format!("two processes for {id}")).collect();
        let pids = self.notes("process");
        let alive = pids.iter().filter(|pid| is_alive(pid.parse().unwrap()));
        problems.extend(alive.map(|pid| format!("process {pid} lives")));
        let (billed, cost) = (self.billed(), self.cost());
        if (billed - cost).abs() > 1e-9 {
            problems.push(format!("${billed} were billed, ${cost} are stored"));
        }
        for session in self.group().sessions {
            for attempt in session.attempts.iter().flatten() {
                let mark: Mark = attempt.uuid.parse().unwrap();
                if !find_marked(mark).unwrap().is_empty() {
                    problems.push(format!("something of {} lives", session.id));
                }
                if attempt.outcome.is_none() || attempt.ended_at.is_none() {
                    problems.push(format!("an attempt of {} is open", session.id));
                }
            }
        }
        problems
    }
}

/// Ends everything that a failed test would leave running.
impl Drop for GroupWorld {
    fn drop(&mut self) {
        if self.directory.is_none() {
            return;
        }
        for pid in self.notes("process") {
            let pid: i32 = pid.parse().unwrap();
            if let Some(pid) = rustix::process::Pid::from_raw(pid).filter(|_| is_alive(pid)) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

/// A run on a thread of its own.
pub struct Spawned {
    pub handle: RunHandle,
    pub events: Arc<Mutex<Vec<Event>>>,
    thread: std::thread::JoinHandle<session_groups::Result<RunEnd>>,
}

impl Spawned {
    pub fn join(self) -> (session_groups::Result<RunEnd>, Vec<Event>) {
        let end = self.thread.join().unwrap();
        let events = self.events.lock().unwrap().clone();
        (end, events)
    }
}

/// The types of events, without those of progress.
pub fn types(events: &[Event]) -> Vec<&'static str> {
    let names = events.iter().map(Event::type_name);
    names.filter(|name| !name.ends_with("_progress")).collect()
}
