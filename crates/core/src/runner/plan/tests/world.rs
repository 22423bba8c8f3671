//! The simulated world: the store, the processes, and accounts that do not depend on the run's own.

use super::Check;
use std::sync::Arc;

use super::super::defects::Defect;
use super::super::*;
use super::graphs::Graph;
use crate::model::run::GroupCause;
use crate::model::{BudgetAction, GroupStatus, SessionStatus};

/// The time at which worlds begin.
pub const START: Now = Now { monotonic: Monotonic(1_000_000_000), wall: Wall(2_000_000_000_000) };

/// What a turn costs, unless its cap is smaller.
pub const TURN: Nanos = Nanos::cents(10);

/// What the last call of a turn costs beyond its cap.
pub const CALL: Nanos = Nanos::cents(1);

/// How often things may still happen that need not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Bounds {
    pub crashes: u8,
    pub requests: u8,
    /// Of the requests, only pause, stop now, resume and retry.
    pub is_terse: bool,
    pub troubles: u8,
    pub failed_commits: u8,
    pub limits: u8,
    pub edits: u8,
    pub sleeps: u8,
    pub unknown: u8,
    pub hangs: u8,
    pub deletions: u8,
    pub reruns: u8,
    /// Number of runners that only carry out a pause or a stop.
    pub settlements: u8,
    /// Number of changes between busy and idle.
    pub activity: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub run: Run,
    pub options: Arc<RunOptions>,
    pub defect: Option<Defect>,
    /// What is durable.
    pub stored: StoredGroup,
    pub now: Now,
    pub bounds: Bounds,
    /// The open commit, and whether it has been written.
    pub commit: Option<(Commit, bool)>,
    /// The newest process of each session, by the number in its id.
    pub processes: Vec<Proc>,
    pub truth: Truth,
    pub outcome: Option<Outcome>,
    /// The limit that was shared with other runs.
    pub shared_limit: Option<Wall>,
}

/// The newest process of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts, each named")]
pub struct Proc {
    pub state: ProcState,
    pub attempt: u64,
    pub cap: Option<Nanos>,
    /// The newest result.
    pub printed: Option<TurnResult>,
    /// Its runner is gone, and with it standard input.
    pub is_orphan: bool,
    pub is_interrupted: bool,
    pub is_closed: bool,
    pub is_terminated: bool,
    pub is_killed: bool,
    pub is_busy: bool,
    pub has_background: bool,
    /// Its background tasks were asked to end.
    pub are_tasks_stopped: bool,
    /// Money that its turns before the current one have printed.
    pub base: Nanos,
    pub slept: bool,
    /// A look at it has been commanded.
    pub is_looked_at: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ProcState {
    /// There has been none.
    #[default]
    None,
    /// The start is commanded.
    Commanded,
    /// It runs, but its runner does not know yet.
    Spawned,
    /// It runs, and its runner knows.
    Running,
    /// It is gone.
    Gone,
}

/// What is true, whatever the run believes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts, each named")]
pub struct Truth {
    /// Money that the results of each session have printed, over all processes that are gone.
    pub spent: Vec<Nanos>,
    /// Money beyond caps.
    pub overshoot: Nanos,
    /// Sessions that have succeeded.
    pub succeeded: Vec<bool>,
    /// The group was asked to pause or stop, and not to go on since.
    pub is_halted: bool,
    /// Known end of the usage limit.
    pub limited_until: Option<Wall>,
    /// A start since the end of the limit that was not answered.
    pub probe: Option<usize>,
    /// The budget warning was reported.
    pub warned: bool,
    pub is_deleted: bool,
    pub was_retried: bool,
    /// Number of completions reported per session.
    pub completions: Vec<u8>,
    pub crashes: u8,
    /// Sessions that were removed from the store and lost in a crash.
    pub lost: Vec<usize>,
    pub starts: Vec<Monotonic>,
    /// Crashes, stalls and failed starts since the newest run or resume.
    pub troubles: Vec<(Monotonic, usize)>,
    /// Failures since the newest run or resume.
    pub failures: u32,
    /// The number of slots at the beginning. Edits only lower it, maybe after the group has reached its limit.
    pub slots: u32,
    /// The session that was swept by the newest fact.
    pub swept: Option<usize>,
}

impl Proc {
    pub fn is_alive(&self) -> bool {
        matches!(self.state, ProcState::Spawned | ProcState::Running)
    }

    /// Money that it has printed.
    pub fn cost(&self) -> Nanos {
        self.printed.map_or(self.base, |result| result.cost)
    }

    /// What it may still spend, as far as anyone can know.
    pub fn may_spend(&self) -> Nanos {
        self.cap.unwrap_or_default() - self.cost()
    }
}

pub fn settings() -> GroupSettings {
    GroupSettings {
        max_concurrent: 2,
        respect_dependencies: true,
        error_threshold: None,
        exclusive_directories: false,
        budget: Nanos::cents(1000),
        on_budget_exceeded: BudgetAction::Pause,
        warning_at: Nanos::cents(800),
    }
}

pub fn session(number: usize, needs: &[usize]) -> StoredSession {
    let settings = SessionSettings {
        directory: number.to_string().as_str().into(),
        depends_on: needs.iter().map(|need| need.to_string().as_str().into()).collect(),
        max_budget: None,
        timeout_ms: None,
        stall_timeout_ms: 900_000,
        retries: 1,
        allow_failure: false,
        dropped: false,
    };
    let id = number.to_string().as_str().into();
    StoredSession { id, settings: Arc::new(settings), record: SessionRecord::new() }
}

pub fn group(graph: &Graph) -> StoredGroup {
    StoredGroup {
        settings: settings(),
        record: GroupRecord {
            status: GroupStatus::Created,
            cause: None,
            control_seen: 0,
            budget_warned: false,
        },
        request: None,
        sessions: graph.iter().enumerate().map(|(number, needs)| session(number, needs)).collect(),
    }
}

impl World {
    pub fn new(stored: StoredGroup, options: RunOptions, bounds: Bounds, defect: Option<Defect>) -> Self {
        let options = Arc::new(options);
        let count = stored.sessions.len();
        let succeeded =
            stored.sessions.iter().map(|session| session.record.status == SessionStatus::Completed).collect();
        let truth = Truth {
            spent: stored.sessions.iter().map(|session| session.record.cost).collect(),
            succeeded,
            completions: vec![0; count],
            slots: stored.settings.max_concurrent,
            ..Truth::default()
        };
        let mut run = Run::of(&stored, Arc::clone(&options));
        run.defect = defect;
        Self {
            run,
            options,
            defect,
            stored,
            now: START,
            bounds,
            commit: None,
            processes: vec![Proc::default(); count],
            truth,
            outcome: None,
            shared_limit: None,
        }
    }

    /// The number in the id of a session of the run.
    pub fn number(&self, session: SessionIndex) -> usize {
        self.run.id(session).and_then(|id| id.parse().ok()).unwrap_or(usize::MAX)
    }

    /// The session of the run with this number.
    pub fn index(&self, number: usize) -> Option<SessionIndex> {
        let here = SessionIndex(u32::try_from(number).ok()?);
        let id = number.to_string();
        if self.run.id(here) == Some(&id) {
            return Some(here);
        }
        self.run.sessions.iter().position(|session| *session.id == *id).map(session::SessionIndex::of)
    }

    pub fn proc(&self, session: SessionIndex) -> &Proc {
        &self.processes[self.number(session)]
    }

    pub fn proc_mut(&mut self, session: SessionIndex) -> &mut Proc {
        let number = self.number(session);
        &mut self.processes[number]
    }

    /// Money that the results of a session have printed.
    pub fn printed(&self, number: usize) -> Nanos {
        let process = &self.processes[number];
        let current = if process.state == ProcState::Gone { Nanos::ZERO } else { process.cost() };
        self.truth.spent[number] + current
    }

    /// Gives a fact to the run, and carries out what it commands.
    pub fn tell(&mut self, input: Input) -> Check {
        let before = self.run.halt.map(|halt| halt.cause);
        self.run.handle(self.now, input);
        let cause = self.run.halt.map(|halt| halt.cause);
        if cause != before && cause == Some(GroupCause::BudgetExceeded) {
            self.check_budget_halt()?;
        }
        while let Some(command) = self.run.poll() {
            self.carry_out(command)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, command: Command) -> Check {
        if self.outcome.is_some() {
            return Err(format!("{command:?} follows the end of the run"));
        }
        match command {
            Command::Commit(commit) => {
                if self.commit.is_some() {
                    return Err("two commits are open".into());
                }
                self.commit = Some((commit, false));
            }
            Command::Start { session, attempt, cap, .. } => {
                self.check_start(session, attempt, cap)?;
                self.note_start(session);
                let number = self.number(session);
                let process = &mut self.processes[number];
                *process = Proc { state: ProcState::Commanded, attempt, cap, ..Proc::default() };
            }
            Command::Interrupt(session) => {
                self.check_interrupt(session)?;
                self.proc_mut(session).is_interrupted = true;
            }
            Command::CloseInput(session) => {
                self.check_close(session)?;
                self.proc_mut(session).is_closed = true;
            }
            Command::Terminate(session) => {
                self.proc_mut(session).is_closed = true;
                self.proc_mut(session).is_terminated = true;
            }
            Command::Kill(session) => self.proc_mut(session).is_killed = true,
            Command::Look(session) => self.proc_mut(session).is_looked_at = true,
            Command::StopTasks(session) => self.proc_mut(session).are_tasks_stopped = true,
            Command::Sweep(session) => self.truth.swept = Some(self.number(session)),
            Command::ShareLimit(until) => self.shared_limit = until,
            Command::Done(outcome) => {
                self.outcome = Some(outcome);
                self.check_done(outcome)?;
            }
        }
        Ok(())
    }

    fn note_start(&mut self, session: SessionIndex) {
        let number = self.number(session);
        self.truth.starts.push(self.now.monotonic);
        let now = self.now.monotonic;
        self.truth.starts.retain(|start| now.since(*start) < 500);
        if self.truth.limited_until.is_some() {
            self.truth.probe = Some(number);
        }
    }

    /// Writes the open commit to the store.
    pub fn write(&mut self) {
        let Some((commit, is_written)) = &mut self.commit else { return };
        *is_written = true;
        let commit = commit.clone();
        if let Some(group) = commit.group {
            self.stored.record = group;
        }
        for change in &commit.sessions {
            let entry = self.run.session(change.session);
            let at = self.stored.sessions.get(change.session.get()).is_some_and(|here| here.id == entry.id);
            let at = if at {
                Some(change.session.get())
            } else {
                self.stored.sessions.iter().position(|session| session.id == entry.id)
            };
            let settings = Arc::clone(&entry.settings);
            match at {
                Some(at) => {
                    let session = &mut self.stored.sessions[at];
                    session.record = change.record.clone();
                    if change.is_revived {
                        Arc::make_mut(&mut session.settings).dropped = false;
                    }
                }
                None => self.stored.sessions.push(StoredSession {
                    id: Arc::clone(&entry.id),
                    settings,
                    record: change.record.clone(),
                }),
            }
        }
    }

    /// Emits the events of a commit that succeeded.
    pub fn emit(&mut self, events: &[Event]) -> Check {
        for event in events {
            match event {
                Event::SessionCompleted(session) => {
                    let number = self.number(*session);
                    self.truth.completions[number] += 1;
                    if self.truth.completions[number] > 1 {
                        return Err(format!("session {number} was reported as completed twice"));
                    }
                }
                Event::BudgetWarning if std::mem::replace(&mut self.truth.warned, true) => {
                    return Err("the budget warning was emitted twice".into());
                }
                _ => {}
            }
        }
        Ok(())
    }
}
