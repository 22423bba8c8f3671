//! The loop that shows a run. It holds up neither the runner nor signals, even if nobody reads what it prints.

use std::io::stderr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use session_groups::feed::{Event, FeedEvent};
use session_groups::model::number::Positive;
use session_groups::model::time::now_ms;
use session_groups::model::{GroupId, SessionGroup};
use session_groups::repository::{FileGroupRepository, GroupRepository};
use session_groups::runner::{FileRunStore, RunEnd, RunHandle, RunNotice, Runner, RunnerOptions};

use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::{Format, Line, Output, format};
use crate::running::listen;
use crate::running::terminal::Canvas;
use crate::selection::short_name;
use crate::view::lines::{self, Scene};
use crate::view::observer::Observer;
use crate::view::screen::Screen;
use crate::view::{GroupView, live};

/// Time between two looks at the outputs of running sessions.
const TICK: Duration = Duration::from_millis(250);
/// Time between two state lines where there is no live part.
const STATE_LINES: Duration = Duration::from_secs(60);
/// Rows of the terminal that the live part leaves free.
const FREE_ROWS: usize = 2;

/// A word, and what it means.
type Announcement = (&'static str, &'static str);

/// Something to react to.
enum Message {
    Event(Option<u64>, Event),
    Warning(String),
    /// A signal was carried out: its number, and what to announce.
    Signal(u8, Announcement),
    Ended(session_groups::Result<RunEnd>),
}

/// Runs a group until it has ended, and shows it on stderr. Returns the exit for its end.
pub fn drive(
    store: &FileGroupRepository,
    id: &GroupId,
    options: RunnerOptions,
    output: &mut Output,
) -> Result<Exit> {
    let (sender, receiver) = channel();
    let mut show = Show::new(store, id, output)?;
    let runner = Runner::new(FileRunStore::new(store.clone(), id.clone()), options);
    // From now on it takes the requests of signals.
    runner.begin();
    let (mut signals, handle, announce) = (Signals::default(), runner.handle(), sender.clone());
    listen(move |signal| {
        let announcement = signals.carry_out(&handle);
        // Fails if the run has ended.
        let _ = announce.send(Message::Signal(signal, announcement));
    })?;
    start(runner, sender)?;
    let (end, signal) = show.follow(&receiver, output)?;
    show.finish(&end, signal, &receiver, output)
}

/// Starts the runner on a thread of its own.
fn start(runner: Runner, end: Sender<Message>) -> Result<()> {
    let notices = end.clone();
    let run = runner.spawn(move |notice| {
        let message = match notice {
            RunNotice::Event { seq, event } => Message::Event(seq, event.clone()),
            RunNotice::Warning(text) => Message::Warning(text.to_owned()),
        };
        // A receiver that is gone has no interest in it.
        let _ = notices.send(message);
    })?;
    thread::spawn(move || {
        let ended =
            run.join().unwrap_or_else(|_| Err(session_groups::Error::internal("the runner panicked")));
        let _ = end.send(Message::Ended(ended));
    });
    Ok(())
}

/// The view of a run.
struct Show {
    store: FileGroupRepository,
    group: SessionGroup,
    view: GroupView,
    observer: Observer,
    /// Name of the group for commands.
    name: String,
    home: Option<String>,
    canvas: Canvas,
    screen: Screen,
    newest_state_line: Instant,
    /// Set when stdout takes no more events. The run goes on, since it does not depend on a reader.
    unprinted: Option<Failure>,
}

/// The document at the end of a run.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    group: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    completed: usize,
    failed: usize,
    not_reached: usize,
    total_sessions: usize,
    spent_usd: f64,
    max_budget_usd: f64,
    exit_code: u8,
}

impl Show {
    fn new(store: &FileGroupRepository, id: &GroupId, output: &Output) -> Result<Self> {
        let group = load(store, id)?;
        let view = GroupView::of(&group, now_ms());
        let canvas = Canvas::of(&stderr());
        let screen = Screen::new(stderr(), move || canvas.size().0, output.has_colour_on_stderr());
        Ok(Self {
            observer: Observer::new(store, &group),
            name: short_name(&group, store),
            store: store.clone(),
            group,
            view,
            home: format::home(),
            canvas,
            screen,
            newest_state_line: Instant::now(),
            unprinted: None,
        })
    }

    /// Shows what happens until the run has ended. Returns its end, and the first signal that came.
    fn follow(
        &mut self,
        receiver: &Receiver<Message>,
        output: &mut Output,
    ) -> Result<(session_groups::Result<RunEnd>, Option<u8>)> {
        let mut first_signal = None;
        let mut tick = Instant::now() + TICK;
        loop {
            let wait = tick.saturating_duration_since(Instant::now());
            match receiver.recv_timeout(wait) {
                Ok(Message::Event(seq, event)) => self.event(seq, &event, output),
                Ok(Message::Warning(text)) => self.screen.print(self.scene().warning(&text)),
                Ok(Message::Signal(signal, (word, text))) => {
                    first_signal.get_or_insert(signal);
                    self.screen.print(self.scene().announcement(word, text));
                }
                Ok(Message::Ended(end)) => return Ok((end, first_signal)),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::unexpected("the runner ended without a result"));
                }
                Err(RecvTimeoutError::Timeout) => {
                    tick = Instant::now() + TICK;
                    self.tick();
                }
            }
        }
    }

    fn event(&mut self, seq: Option<u64>, event: &Event, output: &mut Output) {
        if output.format() == Format::JsonLines && self.unprinted.is_none() {
            self.unprinted = print_event(seq, event, output).err();
        }
        if matches!(event.type_name(), "session_progress" | "group_progress") {
            return;
        }
        self.reload();
        let scene = self.scene();
        let drawn = lines::event(event, &scene);
        self.screen.print(drawn);
        self.draw();
    }

    fn tick(&mut self) {
        self.reload();
        self.draw();
    }

    /// Takes over the stored state. If it cannot be read just now, the former one stays: the runner reports what is wrong.
    fn reload(&mut self) {
        if let Ok(group) = load(&self.store, &self.group.id) {
            self.group = group;
        }
        let now = now_ms();
        self.view = GroupView::of(&self.group, now);
        self.observer.look(&self.group, &mut self.view, now);
    }

    fn draw(&mut self) {
        let (width, height) = self.canvas.size();
        match self.canvas {
            Canvas::Live => {
                let height = height.saturating_sub(FREE_ROWS);
                // The last column stays free: some terminals wrap a line that ends in it.
                self.screen.draw(live::draw(&self.view, now_ms(), width.saturating_sub(1), height));
            }
            Canvas::Plain | Canvas::File => {
                if self.newest_state_line.elapsed() >= STATE_LINES {
                    self.newest_state_line = Instant::now();
                    self.screen.print(live::draw(&self.view, now_ms(), width, 1));
                }
            }
        }
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            group: &self.group,
            view: &self.view,
            name: &self.name,
            now: now_ms(),
            width: self.canvas.size().0,
            home: self.home.as_deref(),
        }
    }

    /// Shows the summary. Returns the exit of the run.
    fn finish(
        mut self,
        end: &session_groups::Result<RunEnd>,
        signal: Option<u8>,
        receiver: &Receiver<Message>,
        output: &mut Output,
    ) -> Result<Exit> {
        let end = match end {
            Ok(end) => *end,
            Err(error) => {
                drop(self.screen);
                return Err(Failure::from(error.clone()));
            }
        };
        self.reload();
        let exit = signal.map_or_else(|| Exit::of_group(end.status, end.cause), Exit::Signal);
        let summary: Vec<Line> = self.scene().summary();
        self.screen.print(summary);
        if output.format() == Format::Json {
            self.unprinted = output.json(&self.report(exit)).err();
        }
        let is_signal = |message| matches!(message, Message::Signal(..));
        self.screen.finish(|| signal.is_some() || receiver.try_iter().any(is_signal));
        match self.unprinted {
            None | Some(Failure::Closed) => Ok(exit),
            Some(failure) => Err(failure),
        }
    }

    fn report(&self, exit: Exit) -> Report<'_> {
        let view = &self.view;
        Report {
            group: &view.id,
            status: view.status.name(),
            cause: view.cause.map(session_groups::model::run::GroupCause::name),
            completed: view.completed(),
            failed: view.failed(),
            not_reached: view.not_reached(),
            total_sessions: view.sessions.len(),
            spent_usd: view.spent,
            max_budget_usd: view.budget,
            exit_code: exit.code(),
        }
    }
}

/// The signals that came: the first one pauses, the second one stops, the third one kills.
#[derive(Default)]
struct Signals {
    count: u32,
}

impl Signals {
    /// Carries out the next signal. Returns what to announce.
    fn carry_out(&mut self, handle: &RunHandle) -> Announcement {
        self.count += 1;
        // A run that is just ending needs no request.
        match self.count {
            1 => {
                let _ = handle.pause(false);
                ("PAUSING", "running sessions are interrupted and can be resumed; Ctrl-C again stops")
            }
            2 => {
                let _ = handle.stop(false);
                ("STOPPING", "the run ends; Ctrl-C again kills now")
            }
            _ => {
                let _ = handle.stop(true);
                ("KILLING", "running sessions are terminated, then killed")
            }
        }
    }
}

/// Prints an event as one line of JSON.
pub fn print_event(seq: Option<u64>, event: &Event, output: &mut Output) -> Result<()> {
    match seq.and_then(Positive::new) {
        Some(seq) => output.json_text(FeedEvent::new(seq, event.clone()).json())?,
        None => output.json(event)?,
    }
    output.flush()
}

fn load(store: &FileGroupRepository, id: &GroupId) -> Result<SessionGroup> {
    let missing = || Failure::new(Exit::NotFound, format!("there is no group {id}"));
    Ok(store.find_by_id(id)?.ok_or_else(missing)?.group()?)
}
