use std::io::stdout;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use clap::Args;
use session_groups::feed::{self, FeedEvent};
use session_groups::model::time::now_ms;
use session_groups::model::{GroupStatus, SessionGroup};
use session_groups::repository::FileGroupRepository;

use crate::arguments::Global;
use crate::commands::status::unfinished;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::{Format, Line, Output, Tone, format};
use crate::running::listen;
use crate::running::terminal::Canvas;
use crate::selection::{find_group, open_store, short_name};
use crate::view::lines::{self, Scene};
use crate::view::observer::Observer;
use crate::view::screen::Screen;
use crate::view::{GroupView, live, table};

/// Time between two looks.
const TICK: Duration = Duration::from_millis(500);

/// Watch a group that runs in another process, or all running groups
///
/// Leaving with Ctrl-C ends nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups watch payments")]
pub struct Watch {
    /// Id of the group, a unique beginning or end of it, or `latest`
    group: Option<String>,
}

enum Message {
    Event(Box<FeedEvent>),
    Signal(u8),
    /// There are no more events, because the group was deleted or because of an error.
    EventsEnded(Option<session_groups::Error>),
}

impl Watch {
    /// Watches until the run has ended.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let store = open_store(global.store.as_deref())?;
        let canvas = Canvas::of(&stdout());
        match self.group {
            Some(name) => {
                let group = find_group(&store, &name)?.group()?;
                watch_group(&store, group, canvas, output)
            }
            None if canvas == Canvas::Live && output.format() == Format::Text => watch_all(&store, output),
            None => Err(Failure::usage("there is no terminal to draw a table on")
                .with_help("use `session-groups status`, or name a group")),
        }
    }
}

/// Shows the table of all running groups until a signal comes.
fn watch_all(store: &FileGroupRepository, output: &Output) -> Result<Exit> {
    let receiver = signals()?;
    let screen = Screen::new(stdout(), || Canvas::Live.size().0, output.has_colour_on_stdout());
    loop {
        let views = unfinished(store, now_ms())?;
        let (width, height) = Canvas::Live.size();
        let mut lines = if views.is_empty() {
            vec![Line::new().with(Tone::Faint, "no group is running or paused")]
        } else {
            table::status(&views, width.saturating_sub(1))
        };
        lines.truncate(height.saturating_sub(1));
        screen.draw(lines);
        match receiver.recv_timeout(TICK) {
            Ok(Message::Signal(signal)) => return Ok(Exit::Signal(signal)),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(Exit::Success),
        }
    }
}

fn signals() -> Result<Receiver<Message>> {
    let (sender, receiver) = channel();
    listen(move |signal| drop(sender.send(Message::Signal(signal))))?;
    Ok(receiver)
}

/// Shows the events of a group and its live part until its run has ended.
fn watch_group(
    store: &FileGroupRepository,
    group: SessionGroup,
    canvas: Canvas,
    output: &mut Output,
) -> Result<Exit> {
    let (sender, receiver) = channel();
    let signals = sender.clone();
    listen(move |signal| drop(signals.send(Message::Signal(signal))))?;
    follow_events(store, &group, sender);
    let is_json = output.format() != Format::Text;
    let screen =
        (!is_json).then(|| Screen::new(stdout(), move || canvas.size().0, output.has_colour_on_stdout()));
    let print = |lines: Vec<Line>| {
        if let Some(screen) = &screen {
            screen.print(lines);
        }
    };
    let (mut observer, name, home) =
        (Observer::new(store, &group), short_name(&group, store), format::home());
    let mut group = group;
    let mut tick = Instant::now();
    let mut has_run = group.status == GroupStatus::Running;
    let mut end = End { shown: newest_event(&group), is_due: false };
    loop {
        let message = receiver.recv_timeout(tick.saturating_duration_since(Instant::now()));
        let now = now_ms();
        group = find_group(store, group.id.as_str())?.group()?;
        let mut view = GroupView::of_stored(&group, store, now);
        observer.look(&group, &mut view, now);
        has_run |= group.status == GroupStatus::Running;
        let (width, height) = canvas.size();
        let home = home.as_deref();
        let scene = Scene { group: &group, view: &view, name: &name, now, width, home };
        if let Ok(Message::Event(event)) = &message {
            end.shown = event.seq();
        }
        match message {
            Ok(Message::Event(event)) if is_json => {
                output.json_line(event.json())?;
                output.flush()?;
            }
            Ok(Message::Event(event)) => {
                let lines = lines::event(event.event(), &scene);
                print(lines);
            }
            Ok(Message::Signal(signal)) => return Ok(Exit::Signal(signal)),
            Ok(Message::EventsEnded(error)) => {
                let deleted = || Failure::new(Exit::NotFound, "the group was deleted");
                return Err(error.map_or_else(deleted, Failure::from));
            }
            Err(_) => {
                tick = Instant::now() + TICK;
                let is_over = has_run && group.status != GroupStatus::Running || !has_run && !may_run(&view);
                if end.is_reached(is_over, newest_event(&group)) {
                    let summary = scene.summary();
                    print(summary);
                    let is_signal = |message| matches!(message, Message::Signal(_));
                    if let Some(screen) = screen {
                        screen.finish(|| receiver.try_iter().any(is_signal));
                    }
                    return Ok(Exit::of_group(group.status, group.cause));
                }
            }
        }
        if canvas == Canvas::Live {
            let lines = live::draw(&view, now, width.saturating_sub(1), height.saturating_sub(2));
            if let Some(screen) = &screen {
                screen.draw(lines);
            }
        }
    }
}

/// The end of a watch: the run is over, and its last events have been shown. They come soon after the end is stored.
struct End {
    /// The newest event that was shown.
    shown: u64,
    /// The run was over at the tick before.
    is_due: bool,
}

impl End {
    /// Returns `true` at the tick at which the watch ends. Events that do not come until the next tick are not waited for: the feed
    /// may not be writable. `stored` is the newest event by the group.
    fn is_reached(&mut self, is_over: bool, stored: u64) -> bool {
        let was_due = std::mem::replace(&mut self.is_due, is_over);
        is_over && (was_due || self.shown >= stored)
    }
}

/// The number of the group's newest event.
fn newest_event(group: &SessionGroup) -> u64 {
    group.event_seq.map_or(0, session_groups::model::number::Count::get)
}

/// Returns `true` for a group that waits for its run.
fn may_run(view: &GroupView) -> bool {
    view.status == GroupStatus::Created && !view.sessions.is_empty()
}

/// Sends the events from now on.
fn follow_events(store: &FileGroupRepository, group: &SessionGroup, sender: Sender<Message>) {
    let events = feed::events(store, &group.id, newest_event(group), true);
    std::thread::spawn(move || {
        let mut failure = None;
        for event in events.iter() {
            match event.map(|event| sender.send(Message::Event(Box::new(event)))) {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(error) => failure = Some(error),
            }
        }
        let _ = sender.send(Message::EventsEnded(failure));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_ends_when_the_last_events_were_shown_or_do_not_come() {
        let end = |shown| End { shown, is_due: false };
        assert!(!end(3).is_reached(false, 3));
        assert!(end(3).is_reached(true, 3));
        let mut late = end(2);
        assert!(!late.is_reached(true, 3));
        late.shown = 3;
        assert!(late.is_reached(true, 3));
        let mut missing = end(2);
        assert!(!missing.is_reached(true, 3));
        assert!(missing.is_reached(true, 3));
    }
}
