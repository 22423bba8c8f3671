//! Carries the decisions of a run out: the only loop of a run, and its only clock.
//!
//! The loop sleeps in [`SessionProcesses::wait`]. Everything that others do reaches it as a message: answers of the store,
//! changes of the group, orders of handles. Each becomes a fact for the plan, whose commands are carried out at once;
//! nothing here waits for a disk.

mod book;
mod commits;
mod directories;
mod events;
mod launch;
pub(super) mod live;
mod progress;
mod texts;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

pub use self::book::runner_change;
pub use self::commits::{json_of, with_config};
pub use self::launch::Launcher;

use self::book::{Book, Finished};
use self::commits::{Flight, Pending};
use self::live::{Limit, Live};
use self::progress::Reports;
use crate::claude::command::Conversation;
use crate::error::{Error, Result};
use crate::feed::{Committed, Event};
use crate::model::number::to_whole;
use crate::model::run::{AttemptKind, ProcessIdentity};
use crate::model::time::{self, IsoTime};
use crate::model::{GroupSession, SessionGroup};
use crate::progress::{GroupOutline, ProgressAggregator, SessionOutline};
use crate::repository::{Document, Revision};
use crate::runner::RunNotice;
use crate::runner::handle::{Order, Shared};
use crate::runner::limits::{Limited, SharedLimits};
use crate::runner::options::Clock;
use crate::runner::plan::{
    Command, Input, Look, Monotonic, Nanos, Now, Outcome, Run, SessionIndex, StoredGroup, TurnResult,
    Verdict, Wall,
};
use crate::runner::process::{self, Ended, Fact, Mark};
use crate::runner::recovery;
use crate::runner::sessions::{SessionProcesses, Start, Wake};
use crate::runner::store::RunStore;

/// Time between two looks at the usage limits that other runners share.
const LIMITS_PAUSE: Duration = Duration::from_secs(2);

/// Time in which the output of many sessions gathers, so that the loop does not wake up for each line.
const OUTPUT_PAUSE: Duration = Duration::from_millis(5);

/// Number of sessions whose lines are read one by one.
const FEW_SESSIONS: usize = 8;

/// Maximum time to wait for sweeps and for a commit at the end. They give up earlier by themselves.
const END_PATIENCE: Duration = Duration::from_secs(30);

/// A message to the loop.
enum Message {
    /// A commit was answered. `was` names the state that it changed.
    Answered { flight: Flight, result: Result<Option<Committed>>, was: Option<Revision> },
    /// The stored group may have changed.
    Changed,
    /// A handle asks for something.
    Order(Order),
}

/// Everything that a run needs.
pub struct Supervisor<'a> {
    store: Arc<dyn RunStore>,
    processes: &'a mut dyn SessionProcesses,
    sink: &'a mut dyn FnMut(RunNotice<'_>),
    launcher: Launcher,
    limits: SharedLimits,
    shared: Arc<Shared>,
    clock: Clock,
    plan: Run,
    book: Book,
    /// Running attempts.
    lives: BTreeMap<Mark, Live>,
    /// Attempts whose sweep goes on.
    sweeps: BTreeSet<Mark>,
    facts: VecDeque<Input>,
    reports: Reports,
    /// Tools that were refused in attempts that have ended and are not stored yet.
    denied: HashMap<SessionIndex, Vec<String>>,
    /// The newest state of the group that this runner knows.
    stored: Revision,
    /// The commit under way, and those that wait for it.
    in_flight: bool,
    waiting: VecDeque<Pending>,
    /// The group was reported as changed while a commit was under way.
    must_look: bool,
    /// The group's record of its runner is renewed, since nothing else excludes a second one.
    has_record: bool,
    next_renewal: Instant,
    next_limits: Instant,
    /// Why the last commit failed.
    failure: Option<Error>,
    origin: Instant,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    wake: Wake,
}

/// The parts of a supervisor that its runner prepares.
pub struct Parts<'a> {
    pub store: Arc<dyn RunStore>,
    pub processes: &'a mut dyn SessionProcesses,
    pub sink: &'a mut dyn FnMut(RunNotice<'_>),
    pub launcher: Launcher,
    pub limits: SharedLimits,
    pub shared: Arc<Shared>,
    pub clock: Clock,
    pub has_record: bool,
}

impl<'a> Supervisor<'a> {
    /// Prepares the run of a stored group that this process has claimed.
    pub fn new(parts: Parts<'a>, plan: Run, group: SessionGroup, document: Document) -> Self {
        let (sender, receiver) = channel();
        let wake = parts.processes.waker();
        let now = Instant::now();
        Self {
            store: parts.store,
            processes: parts.processes,
            sink: parts.sink,
            launcher: parts.launcher,
            limits: parts.limits,
            shared: parts.shared,
            clock: parts.clock,
            plan,
            stored: document.revision(),
            book: Book::new(group, document),
            lives: BTreeMap::new(),
            sweeps: BTreeSet::new(),
            facts: VecDeque::new(),
            reports: Reports::default(),
            denied: HashMap::new(),
            in_flight: false,
            waiting: VecDeque::new(),
            must_look: false,
            has_record: parts.has_record,
            next_renewal: now,
            next_limits: now,
            failure: None,
            origin: now,
            sender,
            receiver,
            wake,
        }
    }

    /// Carries the run out. Fails if the store was lost.
    pub fn run(mut self) -> Result<Outcome> {
        let watch = self.watch()?;
        self.connect();
        self.show_group();
        self.warn_about_directories();
        self.tick(Instant::now());
        self.facts.push_back(Input::TimePassed);
        let mut is_busy = false;
        let outcome = loop {
            if let Some(outcome) = self.decide() {
                break outcome;
            }
            if is_busy {
                thread::sleep(OUTPUT_PAUSE);
            }
            let deadline = self.deadline(Instant::now());
            let events = self.processes.wait(deadline);
            let is_output = |event: &process::Event| matches!(event.fact, Fact::Output(_));
            is_busy = self.lives.len() > FEW_SESSIONS && events.iter().all(is_output);
            for event in events {
                self.observed(event);
            }
            while let Ok(message) = self.receiver.try_recv() {
                self.received(message);
            }
            self.tick(Instant::now());
            if self.facts.is_empty() {
                self.facts.push_back(Input::TimePassed);
            }
        };
        drop(watch);
        self.settle_down();
        match outcome {
            Outcome::Deleted => Err(Error::group_not_found(self.store.id().as_str())),
            Outcome::StoreFailed => {
                Err(self.failure.unwrap_or_else(|| Error::internal("commits failed without an error")))
            }
            Outcome::Ended(..) => Ok(outcome),
        }
    }

    /// Hands all facts to the plan and carries out its commands. Returns the outcome at the end of the run.
    fn decide(&mut self) -> Option<Outcome> {
        while let Some(fact) = self.facts.pop_front() {
            self.plan.handle(self.now(), fact);
            while let Some(command) = self.plan.poll() {
                if let Command::Done(outcome) = command {
                    return Some(outcome);
                }
                self.carry_out(command);
            }
        }
        None
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Commit(commit) => self.commit(&commit),
            Command::Start { session, how, cap, .. } => self.start(session, how, cap),
            Command::Interrupt(session) => self.signal(session, |processes, mark| processes.interrupt(mark)),
            Command::StopTasks(session) => self.signal(session, |processes, mark| processes.stop_tasks(mark)),
            Command::CloseInput(session) => {
                self.signal(session, |processes, mark| processes.close_input(mark));
            }
            Command::Terminate(session) => self.signal(session, |processes, mark| processes.terminate(mark)),
            Command::Kill(session) => self.signal(session, |processes, mark| processes.kill(mark)),
            Command::Sweep(session) => self.sweep(session),
            Command::Look(session) => self.look(session),
            Command::ShareLimit(until) => self.limits.share(until, wall_now()),
            Command::Done(_) => {}
        }
    }

    fn signal(&mut self, session: SessionIndex, send: impl FnOnce(&mut dyn SessionProcesses, Mark)) {
        if let Some(mark) = self.book.entry(session).mark() {
            send(self.processes, mark);
        }
    }

    /// Starts the sweep of an attempt, unless it began with the end of its process.
    fn sweep(&mut self, session: SessionIndex) {
        let mark = self.book.entry(session).mark().filter(|_| self.processes.are_swept());
        if let Some(mark) = mark.filter(|mark| self.sweeps.insert(*mark)) {
            self.processes.sweep(mark);
        }
    }

    fn start(&mut self, session: SessionIndex, how: AttemptKind, cap: Option<Nanos>) {
        match self.try_start(session, how, cap) {
            Ok((mark, process)) => {
                let entry = self.book.entry_mut(session);
                entry.process = process;
                self.lives.insert(mark, Live::new(session, entry.before_attempt()));
                self.facts.push_back(Input::Started(session));
            }
            Err(error) => {
                self.book.entry_mut(session).finished = Some(Finished::not_started(error.to_string()));
                self.facts.push_back(Input::NotStarted(session));
            }
        }
    }

    fn try_start(
        &mut self,
        index: SessionIndex,
        how: AttemptKind,
        cap: Option<Nanos>,
    ) -> Result<(Mark, Option<ProcessIdentity>)> {
        let entry = self.book.entry(index);
        let session = &entry.session;
        let missing = || Error::internal("a session is to be started without an attempt");
        let (attempt, mark) = entry.attempt().zip(entry.mark()).ok_or_else(missing)?;
        let id = attempt.claude_session_id.parse();
        let id = id.map_err(|_| {
            Error::invalid_state(format!(
                "cannot resume the conversation {:?}, which is not a UUID: retry the session with `fresh`",
                attempt.claude_session_id
            ))
        })?;
        let conversation = match how {
            AttemptKind::Fresh => Conversation::Fresh(id),
            AttemptKind::Resume => Conversation::Resume(id),
        };
        let goes_on = how == AttemptKind::Resume && self.was_answered(index);
        let interrupted_at = self.interrupted_at(index);
        let prompt = if goes_on { texts::go_on(interrupted_at.as_ref()) } else { session.prompt.clone() };
        let project = self.launcher.project(session)?;
        let names = self.book.names(index);
        let prepared = self.processes.prepare(&self.book.group, session, &names, &self.launcher.context())?;
        let process = self.processes.start(&Start {
            arguments: &prepared.arguments(conversation, cap.map(Into::into))?,
            environment: &prepared.environment,
            project: &project,
            prompt: &prompt,
            names: &names,
            attempt: attempt.n.get(),
            mark,
            label: &format!("{}/{}", self.book.group.id, session.id),
        })?;
        Ok((mark, process))
    }

    /// The end of the attempt before the newest one.
    fn interrupted_at(&self, session: SessionIndex) -> Option<IsoTime> {
        let attempts = self.book.entry(session).session.attempts.as_ref()?;
        attempts.iter().rev().nth(1)?.ended_at.clone()
    }

    /// Returns `true` if the model ever answered in the session's conversation.
    fn was_answered(&self, session: SessionIndex) -> bool {
        was_answered(&*self.processes, &self.book, session)
    }

    fn look(&mut self, session: SessionIndex) {
        let entry = self.book.entry(session);
        let open = entry.attempt().filter(|attempt| attempt.ended_at.is_none() && attempt.outcome.is_none());
        let mark = entry.mark();
        let live = Live::new(session, entry.before_attempt());
        let names = self.book.names(session);
        let found = recovery::look(self.processes, &names, open, live, (self.clock)());
        if let Some(reason) = &found.unknown {
            let id = &self.book.entry(session).session.id;
            (self.sink)(RunNotice::Warning(&format!(
                "session {id:?} is not started: {reason}. Make sure that it does not run, then run the group with \
                 assumeDead: [{id:?}]"
            )));
        }
        let recorded = open.and_then(|attempt| attempt.process.clone());
        let mut look = found.look;
        if let Look::Settled {
            result: TurnResult { verdict: Verdict::ConversationGone { answered }, .. },
            ..
        } = &mut look
        {
            *answered = self.was_answered(session);
        }
        let entry = self.book.entry_mut(session);
        entry.process = found.process.or(recorded);
        match (look, found.live, mark) {
            (Look::Alive { .. }, Some(live), Some(mark)) => {
                self.lives.insert(mark, live);
            }
            (_, Some(live), _) => {
                entry.cost = Some(live.total());
                entry.finished = Some(live.finished(&found.errors));
                self.deny(session, &live);
            }
            _ => {}
        }
        self.facts.push_back(Input::Looked(session, look));
    }

    /// Takes a fact about a process.
    fn observed(&mut self, process::Event { mark, fact }: process::Event) {
        if let Fact::Swept(_) = fact {
            self.sweeps.remove(&mark);
            return;
        }
        let Some(mut live) = self.lives.remove(&mark) else { return };
        let session = live.session;
        let mut limits = Vec::new();
        let now_ms = (self.clock)();
        let answered = || was_answered(&*self.processes, &self.book, session);
        let facts = match &fact {
            Fact::Output(bytes) => live.read(bytes, now_ms, answered, |limit| limits.push(limit)),
            Fact::OutputLimit => vec![Input::OutputLimit(session)],
            Fact::Exited(Ended { exit, errors, .. }) => {
                let is_success =
                    exit.code == Some(0) && !live.has_lines() && self.processes.silence_is_success();
                let mut facts = live.end(exit, errors, now_ms, answered, |limit| limits.push(limit));
                if is_success {
                    let result = TurnResult { verdict: Verdict::Success, cost: live.cost() };
                    facts.push(Input::Result(session, result));
                }
                facts.push(Input::Exited { session, cost: live.cost() });
                facts
            }
            Fact::Swept(_) => Vec::new(),
        };
        self.book.entry_mut(session).cost = Some(live.total());
        for fact in &facts {
            let gone = Verdict::ConversationGone { answered: false };
            if matches!(fact, Input::Result(_, result) if result.verdict == gone) {
                self.book.entry_mut(session).begins_again = true;
            }
        }
        self.facts.extend(facts);
        for limit in limits {
            self.limits.share(
                match limit {
                    Limit::Reached(until) => until,
                    Limit::Lifted => None,
                },
                wall_now(),
            );
        }
        if let Fact::Exited(Ended { errors, .. }) = &fact {
            self.book.entry_mut(session).finished = Some(live.finished(errors));
            self.deny(session, &live);
            self.reports.forget(session);
            self.shared.update(|aggregator, _| {
                aggregator.remove_session(&live.progress(now_ms).id);
            });
            if self.processes.are_swept() {
                self.sweeps.insert(mark);
            }
        } else {
            self.reports.changed(session);
            self.lives.insert(mark, live);
        }
    }

    fn deny(&mut self, session: SessionIndex, live: &Live) {
        if !live.denied_tools().is_empty() {
            self.denied.insert(session, live.denied_tools().to_vec());
        }
    }

    fn received(&mut self, message: Message) {
        match message {
            Message::Answered { flight, result, was } => self.answered(flight, result, was.as_ref()),
            Message::Changed if self.in_flight => self.must_look = true,
            Message::Changed => self.look_at_store(),
            Message::Order(Order::Request(request)) => {
                self.facts.push_back(Input::Requested(Box::new(request)));
            }
            Message::Order(Order::Budget(budget, request)) => self.change_budget(budget, request),
        }
    }

    /// Does what is due by the time.
    fn tick(&mut self, now: Instant) {
        if now >= self.next_limits {
            self.next_limits = now + LIMITS_PAUSE;
            if let Some(limit) = self.limits.changed(wall_now()) {
                self.facts.push_back(match limit {
                    Limited::Until(until) => Input::LimitOpened { until: Some(until) },
                    Limited::No => Input::LimitClosed,
                });
            }
        }
        self.renew_record(now);
        let due = self.reports.take_due(now);
        if due.is_empty() {
            return;
        }
        let (now_ms, now) = (time::now_ms(), self.timestamp());
        let group_id = self.book.group.id.to_string();
        for session in due {
            let live = self.book.entry(session).mark().and_then(|mark| self.lives.get(&mark));
            let Some(progress) = live.map(|live| live.progress(now_ms)) else { continue };
            if let Some(event) = self.reports.session(session, &progress, &group_id, &now) {
                self.emit(None, &event.into());
            }
            self.shared.update(|aggregator, _| aggregator.update_session(progress, now_ms));
        }
        self.report_group();
    }

    /// Time until which the loop may sleep.
    fn deadline(&self, now: Instant) -> Option<Instant> {
        let plan = self.plan.deadline().map(|Monotonic(ms)| self.origin + Duration::from_millis(ms));
        let renewal = self.has_record.then_some(self.next_renewal);
        let reports = self.reports.deadline(now);
        [plan, renewal, reports, Some(self.next_limits)].into_iter().flatten().min()
    }

    fn report_group(&mut self) {
        let now = self.timestamp();
        if let Some(event) = self.reports.group(&self.book, &now) {
            self.emit(None, &event.into());
        }
    }

    fn emit(&mut self, seq: Option<u64>, event: &Event) {
        (self.sink)(RunNotice::Event { seq, event });
    }

    /// Time for what is stored and emitted.
    fn timestamp(&self) -> IsoTime {
        IsoTime::of_unix_ms((self.clock)())
    }

    fn now(&self) -> Now {
        let elapsed = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { monotonic: Monotonic(elapsed), wall: wall_now() }
    }

    fn watch(&self) -> Result<Box<dyn Send>> {
        let (sender, wake) = (self.sender.clone(), Arc::clone(&self.wake));
        self.store.watch(Arc::new(move || {
            // Fails if the run has ended.
            let _ = sender.send(Message::Changed);
            wake();
        }))
    }

    /// Lets handles reach the loop.
    fn connect(&self) {
        let (sender, wake) = (self.sender.clone(), Arc::clone(&self.wake));
        self.shared.connect(Box::new(move |order| {
            let is_sent = sender.send(Message::Order(order)).is_ok();
            wake();
            is_sent
        }));
    }

    /// Shows the whole group to handles.
    fn show_group(&self) {
        let sessions = self.book.sessions().cloned().collect();
        let group = SessionGroup { sessions, ..self.book.group.clone() };
        let started = group.started_at.as_ref().map(IsoTime::unix_ms);
        let mut aggregator = ProgressAggregator::new(started);
        let now_ms = time::now_ms();
        for live in self.lives.values() {
            aggregator.update_session(live.progress(now_ms), now_ms);
        }
        self.shared.set_progress(aggregator, GroupOutline::from(&group));
    }

    /// Shows a changed session to handles.
    fn show_session(&self, session: SessionIndex) {
        let shown = SessionOutline::from(&self.book.entry(session).session);
        self.shared.update(|_, outline| {
            if let Some(place) = outline.sessions.get_mut(session.get()) {
                *place = shown;
            }
        });
    }

    fn warn_about_directories(&mut self) {
        if self.book.group.config.exclusive_directories == Some(true) {
            return;
        }
        let sessions: Vec<&GroupSession> = self.book.sessions().collect();
        let warnings = directories::shared_directories(&sessions).into_iter().map(|(directory, [one, other])| {
            format!(
                "sessions {one:?} and {other:?} may work in {directory} at the same time: let one depend on the other, or \
                 set exclusiveDirectories"
            )
        });
        for warning in warnings.collect::<Vec<_>>() {
            (self.sink)(RunNotice::Warning(&warning));
        }
    }

    /// Waits until nothing is left of the attempts of this run, and no commit of it can be stored any more.
    fn settle_down(&mut self) {
        let deadline = Instant::now() + END_PATIENCE;
        while (self.in_flight || !self.sweeps.is_empty()) && Instant::now() < deadline {
            for event in self.processes.wait(Some(deadline)) {
                if let Fact::Swept(_) = event.fact {
                    self.sweeps.remove(&event.mark);
                }
            }
            while let Ok(message) = self.receiver.try_recv() {
                if let Message::Answered { .. } = message {
                    self.in_flight = false;
                }
            }
        }
    }

    /// Takes over the group as others have changed it.
    fn group_changed(&mut self, document: Document) -> Result<()> {
        let group = document.group()?;
        self.facts.push_back(Input::GroupChanged(Box::new(StoredGroup::from(&group))));
        self.book.take_over(group, document);
        self.show_group();
        Ok(())
    }
}

fn was_answered(processes: &dyn SessionProcesses, book: &Book, session: SessionIndex) -> bool {
    let entry = book.entry(session);
    let id = entry.session.claude_session_id.as_deref();
    let attempts = entry.session.attempts.iter().flatten();
    let same = attempts.rev().filter(|attempt| Some(attempt.claude_session_id.as_str()) == id);
    recovery::was_answered(processes, &book.names(session), same)
}

fn wall_now() -> Wall {
    Wall(to_whole(time::now_ms()))
}
