//! Carries the decisions of a run out: the only loop of a run, and its only clock.
//!
//! The loop sleeps in [`SessionProcesses::wait`]. Everything that others do reaches it as a message: answers of the store,
//! changes of the group, orders of handles. Each becomes a fact for the plan, whose commands are carried out at once;
//! nothing here waits for a disk.

mod attempts;
mod book;
mod commits;
mod directories;
mod events;
mod launch;
pub(super) mod live;
mod progress;
mod texts;
mod unreported;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

pub use self::book::runner_change;
pub use self::commits::{json_of, with_config};
pub use self::directories::directory_warnings;
pub use self::launch::Launcher;

use self::book::Book;
use self::commits::{Flight, Pending};
use self::live::Live;
use self::progress::Reports;
use self::unreported::Unreported;
use crate::error::{Error, ErrorKind, Result};
use crate::executor;
use crate::feed::{Committed, Event};
use crate::model::SessionGroup;
use crate::model::number::to_whole;
use crate::model::time::{self, IsoTime};
use crate::progress::{GroupOutline, ProgressAggregator, SessionOutline};
use crate::repository::{Document, Revision};
use crate::runner::RunNotice;
use crate::runner::handle::{Order, Shared};
use crate::runner::limits::{Limited, SharedLimits};
use crate::runner::options::Clock;
use crate::runner::plan::{Command, Input, Monotonic, Now, Outcome, Run, SessionIndex, StoredGroup, Wall};
use crate::runner::process::{self, Fact, Mark};
use crate::runner::sessions::{SessionProcesses, Wake};
use crate::runner::store::RunStore;

/// Time between two looks at the usage limits that other runners share.
const LIMITS_PAUSE: Duration = Duration::from_secs(2);

/// Time in which the output of many sessions gathers, so that the loop does not wake up for each line.
const OUTPUT_PAUSE: Duration = Duration::from_millis(5);

/// Number of sessions whose lines are read one by one.
const FEW_SESSIONS: usize = 8;

/// Maximum time to wait at the end for sweeps and a commit, which give up earlier by themselves, and for the feed.
const END_PATIENCE: Duration = Duration::from_secs(30);

/// A message to the loop.
enum Message {
    /// A commit was answered. `was` names the state that it changed.
    Answered { flight: Flight, result: Result<Option<Committed>>, was: Option<Revision> },
    /// Events were appended to the feed, or could not be: those up to a number.
    Appended { newest: u64, is_appended: bool },
    /// The stored group may have changed.
    Changed,
    /// A handle asks for something.
    Order(Order),
}

/// Everything that a run needs.
#[allow(clippy::struct_excessive_bools, reason = "independent facts, each named")]
pub struct Supervisor<'a> {
    store: Arc<dyn RunStore>,
    processes: &'a mut dyn SessionProcesses,
    sink: &'a mut dyn FnMut(RunNotice<'_>),
    launcher: Launcher,
    limits: SharedLimits,
    shared: Arc<Shared>,
    clock: Clock,
    wall_clock: Clock,
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
    /// Events that are stored and missing in the feed.
    unreported: Unreported,
    /// Orders of handles that have not been carried out.
    orders: VecDeque<Order>,
    /// A change of the budget is being stored.
    is_changing_budget: bool,
    /// The group was reported as changed while a commit was under way.
    must_look: bool,
    /// Time between two renewals of the group's record of its runner, if nothing else excludes a second one.
    renewal: Option<Duration>,
    next_renewal: Instant,
    next_limits: Instant,
    /// Why the last commit failed, or a start for which something was lacking.
    failure: Option<Error>,
    /// Why the output of a session cannot be written.
    output_failure: Option<Error>,
    /// The run ends, its sessions do not.
    is_detached: bool,
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
    pub wall_clock: Clock,
    pub feed_pause: Duration,
    pub renewal: Option<Duration>,
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
            wall_clock: parts.wall_clock,
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
            unreported: Unreported::new(parts.feed_pause),
            orders: VecDeque::new(),
            is_changing_budget: false,
            must_look: false,
            renewal: parts.renewal,
            next_renewal: now + parts.renewal.unwrap_or_default(),
            next_limits: now,
            failure: None,
            output_failure: None,
            is_detached: false,
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
        self.sweep_ended_attempts();
        self.tick(Instant::now());
        self.facts.push_back(self.first_fact());
        let mut is_busy = false;
        let outcome = loop {
            if let Some(outcome) = self.decide() {
                break outcome;
            }
            if is_busy {
                thread::sleep(OUTPUT_PAUSE);
            }
            let deadline = self.deadline(Instant::now());
            let events = executor::block(|| self.processes.wait(deadline));
            let is_output = |event: &process::Event| matches!(event.fact, Fact::Output(_));
            let is_only_output = !events.is_empty() && events.iter().all(is_output);
            is_busy = is_only_output && self.lives.len() > FEW_SESSIONS;
            for event in events {
                self.observed(event);
            }
            while let Ok(message) = self.receiver.try_recv() {
                self.received(message);
            }
            if self.is_detached {
                self.shared.disconnect_unless(|| false);
                self.sweeps.clear();
                self.unreported.give_up();
                self.settle_down();
                let taken = self.failure.filter(|failure| failure.is(ErrorKind::AlreadyRunning));
                let left = || Error::invalid_state("the run has ended, but its sessions finish their turns");
                return Err(taken.unwrap_or_else(left));
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
            Outcome::WriteFailed => {
                let failure = self.output_failure.or(self.failure);
                Err(failure.unwrap_or_else(|| Error::internal("commits failed without an error")))
            }
            Outcome::Ended(..) => Ok(outcome),
        }
    }

    /// The fact with which the run begins: a request that has come since the group was claimed, if there is one.
    fn first_fact(&self) -> Input {
        let control = self.book.group.control.as_ref();
        if control.is_some_and(|control| control.seq.get() > self.plan.control_seen()) {
            return Input::GroupChanged(Box::new(StoredGroup::from(&self.book.whole_group())));
        }
        Input::TimePassed
    }

    /// Hands all facts to the plan and carries out its commands. Returns the outcome at the end of the run.
    fn decide(&mut self) -> Option<Outcome> {
        while let Some(fact) = self.facts.pop_front() {
            self.plan.handle(self.now(), fact);
            while let Some(command) = self.plan.poll() {
                if let Command::Done(outcome) = command {
                    if !self.has_further_orders(outcome) {
                        return Some(outcome);
                    }
                    self.plan.reopen();
                    continue;
                }
                self.carry_out(command);
            }
        }
        None
    }

    /// Returns `true` if a handle has asked for more work before the end, as an observer of the last events does. Otherwise no
    /// handle can from now on.
    fn has_further_orders(&mut self, outcome: Outcome) -> bool {
        let is_waiting = |fact: &Input| matches!(fact, Input::Requested(request) if request.is_for_work());
        let is_new = |message: &Message| matches!(message, Message::Order(order) if order.is_for_work());
        let mut messages = Vec::new();
        let has_orders = || {
            messages.extend(self.receiver.try_iter());
            let is_store_lost = !matches!(outcome, Outcome::Ended(..));
            let has_waiting = self.is_changing_budget || self.facts.iter().any(is_waiting);
            !is_store_lost && (has_waiting || messages.iter().any(is_new))
        };
        let is_over = self.shared.disconnect_unless(has_orders);
        for message in messages {
            self.received(message);
        }
        !is_over
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
            Command::ShareLimit(until) => self.limits.share(until, self.wall_now()),
            Command::Done(_) => {}
        }
    }

    fn received(&mut self, message: Message) {
        match message {
            Message::Answered { flight, result, was } => self.answered(flight, result, was.as_ref()),
            Message::Appended { newest, is_appended } => {
                self.unreported.appended(newest, is_appended, Instant::now());
            }
            Message::Changed if self.in_flight => self.must_look = true,
            Message::Changed => self.look_at_store(),
            Message::Order(order) => {
                self.orders.push_back(order);
                self.take_orders();
            }
        }
    }

    /// Takes orders in their order: one that comes after a change of the budget waits until that is stored.
    fn take_orders(&mut self) {
        while !self.is_changing_budget
            && let Some(order) = self.orders.pop_front()
        {
            match order {
                Order::Request(request) => self.facts.push_back(Input::Requested(Box::new(request))),
                Order::Budget(budget, request) => self.change_budget(budget, request),
                Order::Detach => self.is_detached = true,
            }
        }
    }

    /// Does what is due by the time.
    fn tick(&mut self, now: Instant) {
        if now >= self.next_limits {
            self.next_limits = now + LIMITS_PAUSE;
            if let Some(limit) = self.limits.changed(self.wall_now()) {
                self.facts.push_back(match limit {
                    Limited::Until(until) => Input::LimitOpened { until: Some(until) },
                    Limited::No => Input::LimitClosed,
                });
            }
        }
        self.renew_record(now);
        self.append_unreported(now);
        let due = self.reports.take_due(now);
        if due.is_empty() {
            return;
        }
        let (now_ms, now) = (time::now_ms(), self.timestamp());
        let group_id = self.book.group.id.to_string();
        for session in due {
            let live = self.book.entry(session).mark().and_then(|mark| self.lives.get(&mark));
            let Some(progress) = live.map(|live| live.progress(now_ms)) else { continue };
            let event = self.reports.session(session, &progress, &group_id, &now);
            self.shared.update(|aggregator, _| aggregator.update_session(progress, now_ms));
            // A handler that asks for the progress gets the one that it is told of.
            if let Some(event) = event {
                self.emit(None, &event.into());
            }
        }
        self.report_group();
    }

    /// Time until which the loop may sleep.
    fn deadline(&self, now: Instant) -> Option<Instant> {
        let plan = self.plan.deadline().map(|Monotonic(ms)| self.origin + Duration::from_millis(ms));
        let renewal = self.renewal.filter(|_| !self.in_flight).map(|_| self.next_renewal);
        let reports = self.reports.deadline(now);
        let unreported = self.unreported.deadline();
        [plan, renewal, reports, unreported, Some(self.next_limits)].into_iter().flatten().min()
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
        Now { monotonic: Monotonic(elapsed), wall: self.wall_now() }
    }

    /// The time of day, which usage limits and sleeps of the machine are compared with.
    fn wall_now(&self) -> Wall {
        Wall(to_whole((self.wall_clock)()))
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
        let group = self.book.whole_group();
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
        for warning in directory_warnings(&self.book.whole_group()) {
            (self.sink)(RunNotice::Warning(&warning));
        }
    }

    /// Waits until nothing is left of the attempts that are to be swept, no commit of this run can be stored any more, and the feed
    /// has its last events.
    fn settle_down(&mut self) {
        let deadline = Instant::now() + END_PATIENCE;
        let is_open = |run: &Self| run.in_flight || !run.sweeps.is_empty() || !run.unreported.is_empty();
        while is_open(self) && Instant::now() < deadline {
            self.append_unreported(Instant::now());
            let next = self.unreported.deadline().map_or(deadline, |next| next.min(deadline));
            for event in executor::block(|| self.processes.wait(Some(next))) {
                if let Fact::Swept(_) = event.fact {
                    self.sweeps.remove(&event.mark);
                }
            }
            while let Ok(message) = self.receiver.try_recv() {
                match message {
                    Message::Answered { result, .. } => {
                        self.in_flight = false;
                        if let Ok(Some(committed)) = &result {
                            self.unreported.committed(committed, Instant::now());
                            for (seq, event) in &committed.events {
                                self.emit(Some(*seq), event);
                            }
                        }
                    }
                    Message::Appended { newest, is_appended } => {
                        self.unreported.appended(newest, is_appended, Instant::now());
                    }
                    Message::Changed | Message::Order(_) => {}
                }
            }
        }
    }

    /// Takes over the group as others have changed it.
    fn group_changed(&mut self, document: Document) -> Result<()> {
        let group = document.group()?;
        if self.renewal.is_some() && group.runner.is_none() {
            // Somebody has saved an older state. Without the record, a second runner may come.
            self.next_renewal = Instant::now();
        }
        self.facts.push_back(Input::GroupChanged(Box::new(StoredGroup::from(&group))));
        self.book.take_over(group, document);
        self.show_group();
        Ok(())
    }
}
