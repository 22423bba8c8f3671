//! The conversation: lines out, lines in, and the ledger.

use std::fs::OpenOptions;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::exit;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::conversation;

/// US dollars of one request to the model.
const PRICE: f64 = 0.0044;

/// A line of the input.
pub enum Input {
    User,
    Interrupt(String),
    StopTask(String),
    End,
}

/// One process.
pub struct Fake {
    session: String,
    /// It goes on with an earlier conversation.
    pub is_resumed: bool,
    inputs: Receiver<Input>,
    requests: u32,
    requests_at_result: u32,
    results: u32,
    pub is_input_open: bool,
    /// Ignores interrupts.
    pub is_deaf: bool,
    turn: Duration,
}

/// Appends a line to the ledger.
pub fn note(line: &str) {
    let path = std::env::var_os("FAKE_LEDGER").unwrap_or_default();
    if let Ok(mut ledger) = OpenOptions::new().append(true).create(true).open(path) {
        let _ = ledger.write_all(format!("{line}\n").as_bytes());
    }
}

/// Prints bytes. Like the real program, it goes on if that fails.
pub fn write(bytes: &[u8]) -> bool {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).is_ok()
}

/// Does nothing any more, whatever comes.
pub fn hang() -> ! {
    thread::sleep(Duration::from_secs(600));
    exit(9)
}

impl Fake {
    pub fn new(arguments: &[String]) -> Self {
        note("start");
        note(&format!("process {}", std::process::id()));
        let option = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1).cloned();
        let session = option("--session-id").or_else(|| option("--resume")).unwrap_or_default();
        let is_resumed = option("--resume").is_some();
        conversation::begin(&session, is_resumed);
        let turn = std::env::var("FAKE_TURN_MS").ok().and_then(|ms| ms.parse().ok()).unwrap_or(30);
        let (sender, inputs) = channel();
        if std::env::var("FAKE_BEHAVIOUR").as_deref() != Ok("never_reads_its_input") {
            thread::spawn(move || {
                for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                    let value = |name: &str| {
                        let start = line.find(&format!("\"{name}\":\""))? + name.len() + 4;
                        Some(line[start..start + line[start..].find('"')?].to_owned())
                    };
                    let id = value("request_id").unwrap_or_default();
                    let input = match value("subtype").as_deref() {
                        Some("interrupt") => Input::Interrupt(id),
                        Some("stop_task") => {
                            note(&format!("stop_task {}", value("task_id").unwrap_or_default()));
                            Input::StopTask(id)
                        }
                        _ => Input::User,
                    };
                    if sender.send(input).is_err() {
                        return;
                    }
                }
                let _ = sender.send(Input::End);
            });
        }
        Self {
            session,
            is_resumed,
            inputs,
            requests: 0,
            requests_at_result: 0,
            results: 0,
            is_input_open: true,
            is_deaf: false,
            turn: Duration::from_millis(turn),
        }
    }

    /// Waits for the prompt.
    pub fn prompt(&mut self) {
        loop {
            match self.inputs.recv() {
                Ok(Input::User) => return,
                Ok(Input::Interrupt(id)) => self.respond(&id),
                Ok(Input::StopTask(_)) => {}
                // Nothing sent and closed.
                Ok(Input::End) | Err(_) => exit(0),
            }
        }
    }

    /// Begins a turn and works for the configured time, and until the gate is open.
    pub fn begin(&mut self) {
        self.prompt();
        self.init();
        self.work(self.turn);
        let gate = std::env::var_os("FAKE_TURN_GATE").map(PathBuf::from);
        while gate.as_ref().is_some_and(|gate| !gate.exists()) {
            self.work(Duration::from_millis(10));
        }
    }

    /// Works; ends the program with a result when it is interrupted.
    pub fn work(&mut self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            match self.receive(until) {
                Some(Input::Interrupt(id)) if !self.is_deaf => {
                    self.respond(&id);
                    self.request();
                    self.result("error_during_execution", true, 1, "\"terminal_reason\":\"aborted_tools\",");
                    self.leave(1);
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Waits for the next line of the input. The end of the input does not end a turn.
    pub fn receive(&mut self, until: Instant) -> Option<Input> {
        match self.inputs.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Input::End) | Err(RecvTimeoutError::Disconnected) => {
                if std::mem::replace(&mut self.is_input_open, false) {
                    return Some(Input::End);
                }
                thread::sleep(until.saturating_duration_since(Instant::now()));
                None
            }
            Ok(input) => Some(input),
            Err(RecvTimeoutError::Timeout) => None,
        }
    }

    /// Waits for the end of the input, then exits.
    pub fn leave(&mut self, code: i32) -> ! {
        let forever = Instant::now() + Duration::from_secs(600);
        while self.is_input_open {
            match self.receive(forever) {
                Some(Input::Interrupt(id)) => self.respond(&id),
                Some(_) => {}
                None => break,
            }
        }
        exit(code)
    }

    /// Prints a line.
    #[allow(clippy::unused_self, reason = "called like the other lines")]
    pub fn print(&self, line: &str) {
        write(format!("{line}\n").as_bytes());
    }

    pub fn init(&self) {
        let session = &self.session;
        self.print(&format!(
            r#"{{"type":"system","subtype":"init","session_id":"{session}","model":"claude-sonnet-5-5","claude_code_version":"2.1.332","tools":["Bash"]}}"#
        ));
    }

    pub fn system(&self, subtype: &str, members: &str) {
        self.print(&format!(
            r#"{{"type":"system","subtype":"{subtype}",{members}"session_id":"{}"}}"#,
            self.session
        ));
    }

    pub fn tasks(&self, ids: &[&str]) {
        let tasks: Vec<String> = ids.iter().map(|id| format!(r#"{{"task_id":"{id}"}}"#)).collect();
        self.system("background_tasks_changed", &format!(r#""tasks":[{}],"#, tasks.join(",")));
    }

    /// Asks the model, which bills the request whether or not its cost is ever printed.
    fn request(&mut self) {
        self.requests += 1;
        note(&format!("bill {} {PRICE}", self.session));
        conversation::keep(&self.session);
    }

    /// Prints an answer of the model, which costs one request.
    pub fn assistant(&mut self, content: &str) {
        self.request();
        let (requests, session) = (self.requests, &self.session);
        self.print(&format!(
            r#"{{"type":"assistant","message":{{"id":"msg_{requests}","type":"message","role":"assistant","model":"claude-sonnet-5-5","content":[{content}],"usage":{{"input_tokens":1200,"cache_creation_input_tokens":300,"cache_read_input_tokens":4000,"output_tokens":85}}}},"parent_tool_use_id":null,"session_id":"{session}"}}"#
        ));
    }

    pub fn tool_use(&mut self) {
        let id = self.requests;
        self.assistant(&format!(
            r#"{{"type":"tool_use","id":"toolu_{id}","name":"Bash","input":{{"command":"x"}}}}"#
        ));
    }

    /// A text of the model and the successful result of the turn.
    pub fn answer(&mut self) {
        self.assistant(r#"{"type":"text","text":"All done."}"#);
        self.result("success", false, 1, "");
    }

    pub fn result(&mut self, subtype: &str, is_error: bool, turns: u32, members: &str) {
        let line = self.result_line(subtype, is_error, turns, members);
        if write(format!("{line}\n").as_bytes()) {
            note(&format!("cost {}", self.total()));
        }
    }

    pub fn total(&self) -> f64 {
        f64::from(self.requests) * PRICE
    }

    pub fn result_line(&mut self, subtype: &str, is_error: bool, turns: u32, members: &str) -> String {
        let usage = |requests: u32| {
            let count = |tokens: u32| tokens * requests;
            let cost = f64::from(requests) * PRICE;
            format!(
                r#"{{"claude-sonnet-5-5":{{"inputTokens":{},"outputTokens":{},"cacheReadInputTokens":{},"cacheCreationInputTokens":{},"costUSD":{cost}}}}}"#,
                count(1200),
                count(85),
                count(4000),
                count(300)
            )
        };
        let since = self.requests - self.requests_at_result;
        // It may be killed before it can note that it has printed this.
        note(&format!("prints {}", self.total()));
        let (total, all, recent) = (self.total(), usage(self.requests), usage(since));
        let (index, session) = (self.results, &self.session);
        let turn = format!(
            r#"{{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},"output_tokens":{}}}"#,
            1200 * since,
            300 * since,
            4000 * since,
            85 * since
        );
        let line = format!(
            r#"{{"duration_api_ms":1,{members}"session_id":"{session}","total_cost_usd":{total},"usage":{turn},"modelUsage":{all},"is_error":{is_error},"num_turns":{turns},"subtype":"{subtype}","result":"","type":"result","result_index":{index},"model_usage_since_last_result":{recent}}}"#
        );
        self.results += 1;
        self.requests_at_result = self.requests;
        line
    }

    pub fn respond(&self, id: &str) {
        self.print(&format!(
            r#"{{"type":"control_response","response":{{"subtype":"success","request_id":"{id}","response":{{}}}}}}"#
        ));
    }
}
