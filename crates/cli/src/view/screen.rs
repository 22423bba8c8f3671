//! The terminal of a run: lines that stay, and below them a part that is drawn anew.
//!
//! Everything is written by a thread of its own. A terminal that takes nothing, stopped by Ctrl-S perhaps, holds up neither
//! the run nor its events: lines wait, and of the live part only the newest state is kept.
//!
//! Neither the alternate screen nor raw mode is used and the cursor stays visible, so that the terminal is as it was however
//! the program ends.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::output::Line;

/// Shortest time between two drawings of the live part.
const INTERVAL: Duration = Duration::from_millis(100);
/// Maximum time that the end waits for a terminal that takes nothing, once a signal has asked to end.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between two looks for signals while the end waits.
const CHECK: Duration = Duration::from_millis(100);

/// Writes lines and the live part.
pub struct Screen {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Lines to write.
    lines: Vec<Line>,
    /// The live part to draw; `None` if it has not changed.
    live: Option<Vec<Line>>,
    is_over: bool,
    has_ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Screen {
    /// A screen on a stream. `width` returns the columns of the terminal, if it is one.
    pub fn new(
        stream: impl Write + Send + 'static,
        width: impl Fn() -> usize + Send + 'static,
        has_colour: bool,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let painter =
            Painter { stream: Box::new(stream), width: Box::new(width), has_colour, drawn: Vec::new() };
        let thread = thread::Builder::new().name("screen".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || paint(&shared, painter)
        });
        // Without a thread nothing is shown, but the run goes on.
        Self { shared, thread: thread.ok() }
    }

    /// Writes lines above the live part.
    pub fn print(&self, lines: impl IntoIterator<Item = Line>) {
        self.shared.lock().lines.extend(lines);
        self.shared.changed.notify_all();
    }

    /// Draws the live part anew.
    pub fn draw(&self, live: Vec<Line>) {
        self.shared.lock().live = Some(live);
        self.shared.changed.notify_all();
    }
}

impl Screen {
    /// Removes the live part, and waits until the terminal has taken everything, or until `is_to_end` says that it need not.
    pub fn finish(self, mut is_to_end: impl FnMut() -> bool) {
        self.end();
        while !self.wait(CHECK) && !is_to_end() {}
    }

    /// Removes the live part. Nothing is drawn after that.
    fn end(&self) {
        let mut state = self.shared.lock();
        state.live = Some(Vec::new());
        state.is_over = true;
        self.shared.changed.notify_all();
    }

    /// Waits until everything is written. Returns `false` if that takes longer.
    fn wait(&self, time: Duration) -> bool {
        let is_busy = |state: &mut State| !state.has_ended && self.thread.is_some();
        let wait = self.shared.changed.wait_timeout_while(self.shared.lock(), time, is_busy);
        let (state, _) = wait.unwrap_or_else(PoisonError::into_inner);
        state.has_ended || self.thread.is_none()
    }
}

/// Removes the live part, and waits until everything is written, if the terminal takes it.
impl Drop for Screen {
    fn drop(&mut self) {
        self.end();
        if self.wait(PATIENCE)
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn paint(shared: &Shared, mut painter: Painter) {
    let mut last_drawing: Option<Instant> = None;
    loop {
        let mut state = shared.lock();
        let (lines, live, is_over) = loop {
            let wait = last_drawing.and_then(|last| INTERVAL.checked_sub(last.elapsed()));
            let is_due = state.live.is_some() && (wait.is_none() || state.is_over);
            if !state.lines.is_empty() || is_due || state.is_over {
                let live = if is_due { state.live.take() } else { None };
                break (std::mem::take(&mut state.lines), live, state.is_over);
            }
            state = match wait.filter(|_| state.live.is_some()) {
                Some(wait) => {
                    shared.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        };
        drop(state);
        if live.is_some() {
            last_drawing = Some(Instant::now());
        }
        painter.paint(&lines, live);
        if is_over {
            shared.lock().has_ended = true;
            shared.changed.notify_all();
            return;
        }
    }
}

/// Writes escape sequences.
struct Painter {
    stream: Box<dyn Write + Send>,
    width: Box<dyn Fn() -> usize + Send>,
    has_colour: bool,
    /// The live part on the screen.
    drawn: Vec<Line>,
}

impl Painter {
    /// Writes lines in place of the live part, and the live part below them.
    fn paint(&mut self, lines: &[Line], live: Option<Vec<Line>>) {
        let live = live.unwrap_or_else(|| self.drawn.clone());
        if lines.is_empty() && live == self.drawn {
            return;
        }
        let mut text = self.erasure();
        for line in lines.iter().chain(&live) {
            text += &line.to_text(self.has_colour);
            text += "\n";
        }
        self.drawn = live;
        // A terminal that is gone is no reason to stop.
        let _ = self.stream.write_all(text.as_bytes()).and_then(|()| self.stream.flush());
    }

    /// Clears the live part row by row and moves to its beginning: where it fills the screen, tmux would keep a copy of what is
    /// cleared as a whole. A terminal that became narrower has wrapped its lines.
    fn erasure(&self) -> String {
        if self.drawn.is_empty() {
            return String::new();
        }
        let width = (self.width)().max(1);
        let rows: usize = self.drawn.iter().map(|line| line.width().div_ceil(width).max(1)).sum();
        // The terminal may have echoed a key in the row below.
        format!("\r\u{1b}[2K{}", "\u{1b}[A\u{1b}[2K".repeat(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

    /// A stream that is written to a channel, of which a reader may take nothing for a while.
    struct Slow(SyncSender<String>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.send(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn line(text: &str) -> Line {
        Line::from(text)
    }

    fn slow_screen(width: usize) -> (Screen, Receiver<String>) {
        let (sender, receiver) = sync_channel(0);
        (Screen::new(Slow(sender), move || width, false), receiver)
    }

    #[test]
    fn lines_are_written_above_the_live_part() {
        let (screen, receiver) = slow_screen(80);
        screen.draw(vec![line("live 1"), line("live 2")]);
        assert_eq!(receiver.recv().unwrap(), "live 1\nlive 2\n");
        screen.print([line("event")]);
        let erasure = "\r\u{1b}[2K\u{1b}[A\u{1b}[2K\u{1b}[A\u{1b}[2K";
        assert_eq!(receiver.recv().unwrap(), format!("{erasure}event\nlive 1\nlive 2\n"));
        let end = thread::spawn(move || drop(screen));
        assert_eq!(receiver.recv().unwrap(), erasure);
        end.join().unwrap();
    }

    #[test]
    fn a_terminal_that_takes_nothing_loses_drawings_and_no_lines() {
        let (screen, receiver) = slow_screen(80);
        screen.draw(vec![line("first")]);
        for number in 0..1_000 {
            screen.print([line(&format!("event {number}"))]);
            screen.draw(vec![line(&format!("live {number}"))]);
        }
        // Nothing was taken so far, and nobody was held up.
        let (done, is_done) = channel();
        let end = thread::spawn(move || {
            drop(screen);
            done.send(()).unwrap();
        });
        let mut text = String::new();
        while is_done.try_recv().is_err() {
            while let Ok(part) = receiver.recv_timeout(Duration::from_millis(10)) {
                text += &part;
            }
        }
        end.join().unwrap();
        let events = text.lines().filter(|line| line.contains("event ")).count();
        let drawings = text.lines().filter(|line| line.contains("live ")).count();
        assert_eq!(events, 1_000);
        assert!(drawings < 1_000, "{drawings}");
    }

    #[test]
    fn wrapped_lines_are_erased_as_a_whole() {
        let painter = Painter {
            stream: Box::new(Vec::new()),
            width: Box::new(|| 10),
            has_colour: false,
            drawn: vec![line("short"), line(&"x".repeat(25)), line("认证服务认证")],
        };
        assert_eq!(painter.erasure().matches("\u{1b}[A\u{1b}[2K").count(), 6);
    }

    #[test]
    fn the_same_drawing_is_not_written_again() {
        let (sender, receiver) = sync_channel(10);
        let mut painter = Painter {
            stream: Box::new(Slow(sender)),
            width: Box::new(|| 80),
            has_colour: false,
            drawn: Vec::new(),
        };
        painter.paint(&[], Some(vec![line("same")]));
        painter.paint(&[], Some(vec![line("same")]));
        drop(painter);
        assert_eq!(receiver.iter().count(), 1);
    }
}
