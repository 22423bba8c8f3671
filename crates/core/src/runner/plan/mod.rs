//! The decisions of a run, as a state machine without input or output.
//!
//! A [`Run`] takes one fact at a time and returns commands. It has no clock, no randomness, no files and no threads: equal
//! facts give equal commands, so tests can explore every order of facts, crashes and failed commits. The contract is
//! `running.md`, section 5; each file here holds one of its rules:
//!
//! | file | rule |
//! |---|---|
//! | `start` | which session starts next; slots, directories, spacing |
//! | `budget` | shares, reservations, held money, the group's limit |
//! | `commits` | nothing happens before it is stored; commits that fail |
//! | `process` | a process from its start to its exit, and the stop ladder |
//! | `attempts` | the end of an attempt: completed, failed, or to be resumed |
//! | `failures` | error threshold and mass failure |
//! | `limits` | usage limits of the account |
//! | `recovery` | processes of an earlier runner |
//! | `shortage` | starts and looks for which the machine lacks something |
//! | `control` | requests: pause, resume, stop, retry |
//! | `edits` | changes that others make to the stored group |
//! | `halt` | no more starts: who asked for it, and what happens to running sessions |
//! | `end` | the end of the run |
//! | `wait` | the reason why a session waits |
//!
//! The caller passes each fact to [`Run::handle`], then carries out what [`Run::poll`] returns until that is `None`, then
//! waits for the next fact, but not longer than [`Run::deadline`].
//!
//! ```
//! use session_groups::model::{GroupId, GroupSession, GroupStatus, SessionGroup, time::IsoTime};
//! use session_groups::runner::plan::*;
//!
//! let created_at = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
//! let mut group = SessionGroup::new(GroupId::new("auth")?, "Authentication", "auth", created_at.clone());
//! group.sessions.push(GroupSession::new("001-api", "/projects/api", "Add a login", created_at));
//!
//! let mut run = Run::new(&group, &RunOptions::default())?;
//! let now = Now::default();
//! let session = SessionIndex(0);
//! let mut next = Input::TimePassed;
//! let mut started = Vec::new();
//! let outcome = 'run: loop {
//!     run.handle(now, next);
//!     next = Input::TimePassed;
//!     while let Some(command) = run.poll() {
//!         match command {
//!             // A real caller writes to the store, spawns a process, and so on.
//!             Command::Commit(commit) => next = Input::Committed(commit.id),
//!             Command::Start { session, .. } => {
//!                 started.push(session);
//!                 run.handle(now, Input::Started(session));
//!                 let result = TurnResult { verdict: Verdict::Success, cost: Nanos::cents(25) };
//!                 run.handle(now, Input::Result(session, result));
//!             }
//!             Command::CloseInput(session) => {
//!                 run.handle(now, Input::Exited { session, cost: Nanos::cents(25) });
//!             }
//!             Command::Done(outcome) => break 'run outcome,
//!             _ => {}
//!         }
//!     }
//! };
//! assert_eq!(started, [session]);
//! assert_eq!(outcome, Outcome::Ended(GroupStatus::Completed, None));
//! # Ok::<(), session_groups::Error>(())
//! ```

mod attempts;
mod budget;
mod command;
mod commits;
mod control;
#[cfg(test)]
mod defects;
mod dependencies;
mod edits;
mod end;
mod failures;
mod halt;
mod input;
mod jitter;
mod limits;
mod nanos;
mod options;
mod process;
mod recovery;
mod session;
mod shortage;
mod start;
mod stored;
mod tally;
#[cfg(test)]
mod tests;
mod time;
mod timers;
mod wait;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

pub use self::command::{Command, Commit, CommitId, Event, Failure, Outcome, SessionChange};
pub use self::input::{CommitFailure, Input, Look, Progress, TurnResult, Verdict};
pub use self::nanos::Nanos;
pub use self::options::{Retry, RunOptions, Spacing};
pub use self::session::SessionIndex;
pub use self::stored::{
    AttemptRecord, GroupRecord, GroupSettings, MAX_STORED_ATTEMPTS, Request, SessionRecord, SessionSettings,
    StoredGroup, StoredSession,
};
pub use self::time::{Deadline, Monotonic, Now, Wall};
pub use self::wait::Wait;

use self::commits::Commits;
#[cfg(test)]
use self::defects::Defect;
use self::dependencies::Dependencies;
use self::failures::Failures;
use self::halt::Halt;
use self::limits::AccountLimit;
use self::session::Session;
use self::tally::Tally;
use self::timers::{Timer, Timers};
use crate::error::{Error, Result};
use crate::model::{GroupStatus, SessionGroup, SessionStatus};

/// Returns `true` if a test planted this defect. Always `false` in the product, which does not contain the defects.
macro_rules! planted {
    ($run:expr, $defect:ident) => {{
        #[cfg(test)]
        let is_planted = $run.defect == Some($crate::runner::plan::defects::Defect::$defect);
        #[cfg(not(test))]
        let is_planted = false;
        is_planted
    }};
}
pub(crate) use planted;

/// The run of a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts, each named")]
pub struct Run {
    options: Arc<RunOptions>,
    settings: GroupSettings,
    /// The group's fields to be stored.
    group: GroupRecord,
    sessions: Vec<Session>,
    dependencies: Arc<Dependencies>,
    /// Sessions may have begun to wait for what can never complete.
    must_look_for_unreachable: bool,
    /// The time of the newest fact.
    now: Now,
    has_begun: bool,
    timers: Timers,
    commits: Commits,
    tally: Tally,
    limit: AccountLimit,
    failures: Failures,
    /// Set when no more sessions start.
    halt: Option<Halt>,
    /// Set when the store is lost; nothing is committed any more.
    abandoned: Option<Outcome>,
    /// Times of the newest starts, for their spacing.
    recent_starts: VecDeque<Monotonic>,
    /// The time since which no process could be started or looked at because the machine lacks something.
    shortage_since: Option<Monotonic>,
    /// Sessions whose earlier process could not be looked at for that reason.
    must_look_again: BTreeSet<SessionIndex>,
    /// The group's exceeded budget has been reported.
    is_told_exceeded: bool,
    commands: VecDeque<Command>,
    is_done: bool,
    #[cfg(test)]
    defect: Option<Defect>,
}

impl Run {
    /// Plans the run of a stored group. Fails with `INVALID_TRANSITION` if the group is archived or deleted, unless the run
    /// only settles what an earlier one left.
    pub fn new(group: &SessionGroup, options: &RunOptions) -> Result<Self> {
        if options.settle.is_none() {
            check_runnable(group)?;
        }
        Ok(Self::of(&StoredGroup::from(group), Arc::new(options.clone())))
    }

    /// Plans the run of a stored group.
    fn of(group: &StoredGroup, options: Arc<RunOptions>) -> Self {
        let mut sessions: Vec<Session> = group.sessions.iter().map(Session::new).collect();
        for session in &mut sessions {
            let is_in = options.only.as_ref().is_none_or(|only| only.contains(&session.id));
            session.is_excluded = !is_in || options.skip.contains(&session.id);
        }
        // An earlier request is over, but one that needs another run is left to that run.
        let is_over = |request: &&Request| options.settle.is_none() || !request.is_for_work();
        let seen = group.request.as_ref().filter(is_over).map_or(0, |request| request.seq);
        Self {
            settings: group.settings.clone(),
            group: GroupRecord { control_seen: group.record.control_seen.max(seen), ..group.record },
            dependencies: Arc::new(Dependencies::of(&sessions)),
            sessions,
            must_look_for_unreachable: false,
            options,
            now: Now::default(),
            has_begun: false,
            timers: Timers::default(),
            commits: Commits::default(),
            tally: Tally::default(),
            limit: AccountLimit::default(),
            failures: Failures::default(),
            halt: None,
            abandoned: None,
            recent_starts: VecDeque::new(),
            shortage_since: None,
            must_look_again: BTreeSet::new(),
            is_told_exceeded: false,
            commands: VecDeque::new(),
            is_done: false,
            #[cfg(test)]
            defect: None,
        }
    }

    /// Takes one fact. The caller then drains [`poll`](Self::poll).
    pub fn handle(&mut self, now: Now, input: Input) {
        if self.is_done {
            return;
        }
        self.advance(now);
        if !self.has_begun {
            self.begin();
        }
        self.take(input);
        while let Some(timer) = self.timers.take_due(self.now.monotonic) {
            self.fire(timer);
        }
        self.watch_budget();
        self.start_sessions();
        self.report_unreachable_sessions();
        self.end_if_nothing_can_move();
        self.issue_commit();
        self.finish();
    }

    /// Returns the next command, in the order in which they are to be carried out.
    pub fn poll(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// Returns the time at which [`Input::TimePassed`] is due if no other fact comes first.
    pub fn deadline(&self) -> Option<Deadline> {
        self.timers.next()
    }

    /// Takes the end of the run back, since a request has come before the caller has ended it. The request follows as the
    /// next fact.
    pub fn reopen(&mut self) {
        self.is_done = false;
    }

    /// Returns the number of the newest request that was carried out, or that came before the run.
    pub fn control_seen(&self) -> u64 {
        self.group.control_seen
    }

    /// Returns a session's id.
    pub fn id(&self, session: SessionIndex) -> Option<&str> {
        self.sessions.get(session.get()).map(|session| &*session.id)
    }

    fn session(&self, session: SessionIndex) -> &Session {
        &self.sessions[session.get()]
    }

    fn session_mut(&mut self, session: SessionIndex) -> &mut Session {
        &mut self.sessions[session.get()]
    }

    fn indices(&self) -> impl Iterator<Item = SessionIndex> + use<> {
        (0..self.sessions.len()).map(SessionIndex::of)
    }

    /// Begins the run: takes up paused sessions, looks at processes of an earlier runner, and marks the group as running.
    fn begin(&mut self) {
        self.has_begun = true;
        if self.options.settle.is_none() {
            let is_first = self.group.status == GroupStatus::Created;
            self.group.status = GroupStatus::Running;
            self.group.cause = None;
            self.commits.report(if is_first { Event::GroupStarted } else { Event::GroupResumed });
        }
        self.commits.change_group();
        self.recount();
        for session in self.indices() {
            self.take_over(session);
        }
        if let Some(request) = Arc::clone(&self.options).settle.as_ref() {
            return self.carry_out(request);
        }
        self.retry_by_options();
        self.report_waiting(self.indices());
    }

    /// Takes over a session as it is stored.
    fn take_over(&mut self, session: SessionIndex) {
        let record = &self.session(session).record;
        let has_process = record.status == SessionStatus::Active || record.open_attempt().is_some();
        if has_process && !planted!(self, ActiveSetToPendingWithoutLook) {
            self.look(session);
        } else if matches!(record.status, SessionStatus::Paused | SessionStatus::Active)
            && !self.session(session).is_excluded
            && self.options.settle.is_none()
        {
            self.session_mut(session).record.status = SessionStatus::Pending;
            self.changed(session);
        } else if record.status == SessionStatus::Pending {
            self.wait_as_stored(session);
        }
    }

    /// Moves the time on, and notices a sleep of the machine.
    fn advance(&mut self, now: Now) {
        const SLEEP_MS: u64 = 60_000;
        let ran = now.monotonic.since(self.now.monotonic);
        let has_slept = self.has_begun && now.wall.since(self.now.wall) > ran + SLEEP_MS;
        self.now = Now { monotonic: now.monotonic.max(self.now.monotonic), wall: now.wall };
        if has_slept {
            self.wake();
        }
    }

    /// Continues after a sleep of the machine: nothing could make progress meanwhile, and a usage limit may have ended.
    fn wake(&mut self) {
        for session in self.tally.live.clone() {
            if let Some(process) = self.session_mut(session).process_mut() {
                process.slept = true;
                self.restart_stall_timer(session);
            }
        }
        self.check_limit();
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::TimePassed => {}
            Input::GroupChanged(group) => self.group_changed(*group),
            Input::GroupDeleted => self.abandon(Outcome::Deleted),
            Input::Committed(id) => self.committed(id),
            Input::CommitFailed(id, failure) => self.commit_failed(id, failure),
            Input::Started(session) => self.started(session),
            Input::NotStarted(session) => self.not_started(session),
            Input::Shortage(session) => self.has_shortage(session),
            Input::Progress(session, progress) => self.progressed(session, progress),
            Input::Result(session, result) => self.result(session, result),
            Input::OutputLimit(session) => self.output_limit(session),
            Input::OutputFailed => self.abandon(Outcome::WriteFailed),
            Input::Exited { session, cost } => self.exited(session, cost),
            Input::Looked(session, look) => self.looked(session, look),
            Input::LimitOpened { until } => self.limit_reported(until),
            Input::LimitClosed => self.lift_limit(),
            Input::Requested(request) => self.carry_out(&request),
        }
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            // The next commit is issued as soon as this timer is no longer set; the same goes for starts.
            Timer::CommitRetry | Timer::Spacing => {}
            Timer::Shortage => self.shortage_may_be_over(),
            Timer::CommitsFailed => self.abandon(Outcome::WriteFailed),
            Timer::LimitCheck => self.check_limit(),
            Timer::Retry(session) => self.reindex(session),
            Timer::Stall(session) => self.stalled(session),
            Timer::Timeout(session) => self.timed_out(session),
            Timer::Stage(session) => self.stage_is_over(session),
        }
    }
}

/// Fails with `INVALID_TRANSITION` if a group is archived or deleted.
pub(super) fn check_runnable(group: &SessionGroup) -> Result<()> {
    if matches!(group.status, GroupStatus::Archived | GroupStatus::Deleted) {
        let status = group.status.name();
        return Err(Error::invalid_transition(group.id.as_str(), &format!("cannot run: it is {status}")));
    }
    Ok(())
}
