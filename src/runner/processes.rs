//! A process manager that was written in JavaScript, as the processes of a run.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::json;

use crate::bridge::Bridge;
use session_groups::claude::{Exit, input};
use session_groups::error::Result;
use session_groups::model::run::ProcessIdentity;
use session_groups::runner::process::{Ended, Event, Fact, Mark, Step};
use session_groups::runner::{SessionProcesses, Start, Wake};

/// Maximum number of bytes of error output that are kept of each process.
const KEPT_ERRORS: usize = 64 * 1024;

/// The processes of a run. JavaScript starts them and reports what they do.
pub struct ManagedProcesses {
    bridge: Bridge,
    shared: Arc<Shared>,
}

/// The part of the processes that JavaScript calls.
#[derive(Clone)]
pub struct ManagedProcessCalls(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when something has happened.
    news: Condvar,
}

#[derive(Default)]
struct State {
    /// The running processes by their numbers.
    running: HashMap<u32, Process>,
    newest: u32,
    events: VecDeque<Event>,
    is_woken: bool,
}

struct Process {
    mark: Mark,
    /// The last step that was taken to end it.
    step: Option<Step>,
    /// The end of its error output.
    errors: Vec<u8>,
}

impl ManagedProcesses {
    /// No processes yet.
    pub fn new(bridge: Bridge) -> Self {
        Self { bridge, shared: Arc::default() }
    }

    /// Returns what JavaScript calls.
    pub fn calls(&self) -> ManagedProcessCalls {
        ManagedProcessCalls(Arc::clone(&self.shared))
    }

    /// Sends a signal to a process. An earlier step of the ladder is not taken after a later one.
    fn signal(&self, mark: Mark, step: Step, signal: &str) {
        let number = {
            let mut state = self.shared.state();
            let found = state.running.iter_mut().find(|(_, process)| process.mark == mark);
            let Some((number, process)) = found.filter(|(_, process)| process.step < Some(step)) else {
                return;
            };
            process.step = Some(step);
            *number
        };
        self.bridge.send(&json!({ "kind": "kill", "process": number, "signal": signal }));
    }
}

impl SessionProcesses for ManagedProcesses {
    fn start(&mut self, start: &Start<'_>) -> Result<Option<ProcessIdentity>> {
        let prompt = input::user_message(start.prompt)?;
        let number = {
            let mut state = self.shared.state();
            state.newest = state.newest.wrapping_add(1);
            let number = state.newest;
            state.running.insert(number, Process { mark: start.mark, step: None, errors: Vec::new() });
            number
        };
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        let arguments: Vec<String> = start.arguments.iter().map(|argument| text(argument)).collect();
        let environment: HashMap<String, String> =
            start.environment.iter().map(|(name, value)| (text(name), text(value))).collect();
        let started = self.bridge.ask_and_wait(
            "spawn",
            &json!({
                "process": number,
                "arguments": arguments,
                "cwd": start.project.to_string_lossy(),
                "env": environment,
                "stdin": String::from_utf8_lossy(&prompt),
            }),
        );
        if started.is_err() {
            self.shared.state().running.remove(&number);
        }
        started.map(|_| None)
    }

    fn interrupt(&mut self, mark: Mark) {
        self.signal(mark, Step::Interrupt, "SIGTERM");
    }

    fn stop_tasks(&mut self, _mark: Mark) {}

    fn close_input(&mut self, _mark: Mark) {}

    fn terminate(&mut self, mark: Mark) {
        self.signal(mark, Step::Terminate, "SIGTERM");
    }

    fn kill(&mut self, mark: Mark) {
        self.signal(mark, Step::Kill, "SIGKILL");
    }

    fn wait(&mut self, deadline: Option<Instant>) -> Vec<Event> {
        let mut state = self.shared.state();
        loop {
            let is_woken = std::mem::take(&mut state.is_woken);
            let now = Instant::now();
            if is_woken || !state.events.is_empty() || deadline.is_some_and(|deadline| deadline <= now) {
                return state.events.drain(..).collect();
            }
            state = match deadline {
                Some(deadline) => {
                    let waited = self.shared.news.wait_timeout(state, deadline - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.shared.news.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn waker(&self) -> Wake {
        let shared = Arc::clone(&self.shared);
        Arc::new(move || {
            shared.state().is_woken = true;
            shared.news.notify_all();
        })
    }

    fn silence_is_success(&self) -> bool {
        true
    }

    fn are_swept(&self) -> bool {
        false
    }
}

impl ManagedProcessCalls {
    /// Takes a line of a process's output, without its newline.
    pub fn output(&self, number: u32, mut line: String) {
        line.push('\n');
        if let Some(mark) = self.0.mark(number) {
            self.0.add(Event { mark, fact: Fact::Output(line.into_bytes()) });
        }
    }

    /// Takes a line of a process's error output, without its newline.
    pub fn errors(&self, number: u32, mut line: String) {
        line.push('\n');
        if let Some(process) = self.0.state().running.get_mut(&number) {
            process.errors.extend(line.into_bytes());
            let surplus = process.errors.len().saturating_sub(KEPT_ERRORS);
            process.errors.drain(..surplus);
        }
    }

    /// Takes the end of a process, after its output: its exit code, `None` if a signal ended it.
    pub fn exited(&self, number: u32, code: Option<i64>) {
        let process = self.0.state().running.remove(&number);
        if let Some(Process { mark, step, errors }) = process {
            let signal = code.is_none().then(|| match step {
                Some(Step::Kill) => "SIGKILL".to_owned(),
                Some(_) => "SIGTERM".to_owned(),
                // Sent by others.
                None => "a signal".to_owned(),
            });
            let ended = Ended { exit: Exit { code, signal }, step, errors };
            self.0.add(Event { mark, fact: Fact::Exited(ended) });
        }
    }
}

impl Shared {
    fn mark(&self, number: u32) -> Option<Mark> {
        self.state().running.get(&number).map(|process| process.mark)
    }

    fn add(&self, event: Event) {
        self.state().events.push_back(event);
        self.news.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
