//! The output of a running session becomes its progress: what `claude -p … --output-format stream-json --verbose`
//! prints goes in, in any chunks; status, cost, tokens and the current tool come out.

mod line;
mod lines;
mod usage;

use std::borrow::Cow;

use chrono::Utc;

use crate::group::{GroupSession, SessionProgress, SessionStatus, TokenUsage, budget, time};
use crate::json::{self, Json};
use line::{Kind, Line};
use lines::Lines;
use usage::Usage;

/// How a process ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exit {
    /// The exit code, where it exited by itself.
    pub code: Option<i64>,
    /// The signal that ended it, e.g. `SIGTERM`.
    pub signal: Option<String>,
}

/// Reads what one run of Claude Code prints and keeps the progress of its session.
#[derive(Debug)]
pub struct ClaudeStream {
    /// The session as it was stored before this run.
    before: GroupSession,
    lines: Lines,
    status: SessionStatus,
    started_at: Option<String>,
    completed_at: Option<String>,
    claude_session_id: Option<String>,
    /// Since 2.1.277 a resumed run goes on counting from what the session had cost.
    goes_on_counting: bool,
    cost: Option<f64>,
    usage: Usage,
    message_count: u64,
    /// Tool uses of the main conversation that have no result yet: id and name.
    open_tools: Vec<(String, String)>,
    last_result: Option<Outcome>,
    error: Option<String>,
    ignored_lines: u64,
    /// The last line that was no JSON object: a program that cannot work says so in plain words.
    said: Option<String>,
    started: bool,
    ended: bool,
}

/// What a `result` line says of its turn.
#[derive(Debug)]
enum Outcome {
    Success,
    Failure(String),
}

/// What a run has changed of its session so far. `None`: unchanged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionChanges {
    /// Where the session stands.
    pub status: Option<SessionStatus>,
    /// The id Claude Code gave it.
    pub claude_session_id: Option<String>,
    /// ISO 8601.
    pub started_at: Option<String>,
    /// ISO 8601; `Some(None)` when an earlier run had completed and this one has not.
    pub completed_at: Option<Option<String>>,
    /// Dollars.
    pub cost: Option<f64>,
    /// What it has used.
    pub tokens: Option<TokenUsage>,
}

impl ClaudeStream {
    /// A reader for a run of this session, which may have run before.
    pub fn new(session: GroupSession) -> Self {
        Self {
            lines: Lines::default(),
            status: session.status,
            started_at: session.started_at.clone(),
            completed_at: session.completed_at.clone(),
            claude_session_id: None,
            goes_on_counting: false,
            cost: None,
            usage: Usage::new(session.tokens.unwrap_or_default()),
            message_count: 0,
            open_tools: Vec::new(),
            last_result: None,
            error: None,
            ignored_lines: 0,
            said: None,
            started: false,
            ended: false,
            before: session,
        }
    }

    /// Takes the next piece of output. `true` when the progress or the changes are others than before.
    pub fn push(&mut self, chunk: &[u8]) -> bool {
        if self.ended {
            return false;
        }
        let before = self.state();
        let mut lines = std::mem::take(&mut self.lines);
        self.ignored_lines += lines.push(chunk, |line| self.read(line));
        self.lines = lines;
        self.state() != before
    }

    /// Takes the end of the output and how the process ended. The session has completed only if the last result was
    /// a success and the exit code is 0.
    pub fn end(&mut self, exit: &Exit) {
        if self.ended {
            return;
        }
        let mut lines = std::mem::take(&mut self.lines);
        self.ignored_lines += lines.end(|line| self.read(line));
        self.ended = true;
        self.open_tools.clear();
        let now = time::iso(Utc::now());
        if !self.started {
            // It has said nothing: its time is now, not that of an earlier run.
            self.started_at = Some(now.clone());
        }
        self.completed_at = Some(now);
        self.error = match exit.code {
            // What `child_process` gives in place of a code where there was no process.
            Some(error) if error < 0 && !self.started => {
                Some(format!("the program did not start: error {error}"))
            }
            _ => reason_of_failure(self.last_result.as_ref(), self.said.as_deref(), exit),
        };
        self.status = if self.error.is_some() { SessionStatus::Failed } else { SessionStatus::Completed };
    }

    /// How far the session is.
    pub fn progress(&self) -> SessionProgress {
        let now = time::iso(Utc::now());
        let until = match self.status {
            SessionStatus::Active => Some(now.as_str()),
            SessionStatus::Completed | SessionStatus::Failed => self.completed_at.as_deref(),
            SessionStatus::Pending | SessionStatus::Paused => None,
        };
        let duration = self.started_at.as_deref().zip(until);
        SessionProgress {
            id: self.before.id.clone(),
            project_path: self.before.project_path.clone(),
            status: self.status,
            cost: self.cost.or(self.before.cost).unwrap_or(0.0),
            tokens: self.usage.total(),
            message_count: self.message_count,
            current_tool: self.open_tools.last().map(|(_, name)| name.clone()),
            started_at: self.started_at.clone(),
            duration_ms: duration.and_then(|(from, to)| time::milliseconds_between(from, to)),
        }
    }

    /// What to store of the session.
    pub fn changes(&self) -> SessionChanges {
        if !self.started && !self.ended {
            return SessionChanges::default();
        }
        SessionChanges {
            status: Some(self.status),
            claude_session_id: self.claude_session_id.clone(),
            started_at: self.started_at.clone(),
            completed_at: (self.completed_at != self.before.completed_at).then(|| self.completed_at.clone()),
            cost: self.cost,
            tokens: self.usage.has_counted().then(|| self.usage.total()),
        }
    }

    /// Why the session failed; `None` unless it has.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Lines that were no JSON object, of an unknown type, or too long.
    pub fn ignored_lines(&self) -> u64 {
        self.ignored_lines
    }

    /// Everything a caller can see change, apart from the clock.
    fn state(&self) -> impl PartialEq + use<> {
        (
            (self.status, self.started, self.claude_session_id.clone(), self.message_count),
            (self.cost.map(f64::to_bits), self.usage.total()),
            self.open_tools.last().map(|(id, _)| id.clone()),
        )
    }

    fn read(&mut self, bytes: &[u8]) {
        // The check alone is several times as fast as the replacement of what is wrong.
        let text = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
        let line = Line::parse(&text);
        self.start(line.as_ref());
        let Some(line) = line else {
            self.ignored_lines += 1;
            self.said = Some(json::shortened(&text, 200));
            return;
        };
        if self.claude_session_id.is_none() {
            self.claude_session_id = line.text("session_id");
        }
        match line.kind {
            Kind::Init => self.init(&line),
            Kind::System => {}
            Kind::Assistant => self.assistant(&line),
            Kind::User => self.user(&line),
            Kind::StreamEvent => self.usage.stream_event(&line, &mut self.message_count),
            Kind::Result => self.result(&line),
            Kind::Unknown => self.ignored_lines += 1,
        }
    }

    /// The first line of any kind says that the session runs.
    fn start(&mut self, line: Option<&Line<'_>>) {
        if self.started {
            return;
        }
        let timestamp = line.and_then(|line| line.text("timestamp"));
        self.started = true;
        self.status = SessionStatus::Active;
        self.completed_at = None;
        self.started_at = Some(
            timestamp.filter(|text| time::instant(text).is_some()).unwrap_or_else(|| time::iso(Utc::now())),
        );
    }

    fn init(&mut self, line: &Line<'_>) {
        let session_id = line.text("session_id");
        let version = line.text("claude_code_version");
        self.goes_on_counting = version.is_some_and(|version| resumed_runs_go_on_counting(&version))
            && session_id.is_some()
            && session_id == self.before.claude_session_id;
        if session_id.is_some() {
            self.claude_session_id = session_id;
        }
    }

    fn assistant(&mut self, line: &Line<'_>) {
        let Some(message) = &line.message else {
            return;
        };
        self.usage.message(line, message, &mut self.message_count);
        if line.is_of_subagent() {
            return;
        }
        for block in message.blocks("tool_use") {
            if let (Some(id), Some(name)) = (block.text("id"), block.text("name")) {
                self.open_tools.push((id, name));
            }
        }
    }

    fn user(&mut self, line: &Line<'_>) {
        let Some(message) = &line.message else {
            return;
        };
        let results: Vec<String> =
            message.blocks("tool_result").filter_map(|block| block.text("tool_use_id")).collect();
        let Some(first) = results.first() else { return };
        self.message_count += u64::from(self.usage.is_new(&format!("result of {first}")));
        self.open_tools.retain(|(id, _)| !results.contains(id));
    }

    fn result(&mut self, line: &Line<'_>) {
        self.open_tools.clear();
        self.last_result = Some(outcome(line));
        if let Some(total) = line.number("total_cost_usd").filter(|total| *total >= 0.0) {
            let before = if self.goes_on_counting { 0.0 } else { self.before.cost.unwrap_or(0.0) };
            self.cost = Some(budget::add(before, total));
        }
        self.usage.result(line, self.goes_on_counting);
    }
}

fn outcome(line: &Line<'_>) -> Outcome {
    let subtype = line.text("subtype").unwrap_or_default();
    if subtype == "success" && !line.flag("is_error") {
        return Outcome::Success;
    }
    let said = line.text("result").filter(|text| !text.is_empty());
    if subtype == "success" {
        return Outcome::Failure(said.unwrap_or_else(|| "the run ended with an error".to_owned()));
    }
    let what = if subtype.is_empty() { "the run ended with an unknown result" } else { &subtype };
    let turns =
        line.get("num_turns").filter(|turns| turns.number().is_some()).map(|turns| match turns.text() {
            "1" => " after 1 turn".to_owned(),
            turns => format!(" after {turns} turns"),
        });
    let errors = line.get("errors").into_iter().flat_map(Json::elements);
    let details: Vec<_> = errors.filter_map(Json::string).collect();
    let details = if details.is_empty() { said } else { Some(details.join("; ")) };
    let details = details.map(|details| format!(": {details}"));
    let reason = format!("{what}{}{}", turns.unwrap_or_default(), details.unwrap_or_default());
    Outcome::Failure(reason)
}

/// What a person can act on: what the program said of itself before how it ended.
fn reason_of_failure(last_result: Option<&Outcome>, said: Option<&str>, exit: &Exit) -> Option<String> {
    let ended = match (last_result, said) {
        (Some(Outcome::Failure(reason)), _) => return Some(reason.clone()),
        (Some(Outcome::Success), _) => "the run ended after a successful result".to_owned(),
        (None, None) => "the run ended without a result".to_owned(),
        (None, Some(said)) => format!("the run ended without a result and said: {said}"),
    };
    match (&exit.signal, exit.code) {
        (Some(signal), _) => Some(format!("killed by {signal}")),
        (None, Some(0)) if last_result.is_some() => None,
        (None, Some(0)) => Some(ended),
        (None, Some(code)) => Some(format!("exit code {code}: {ended}")),
        (None, None) => Some(format!("its exit code is not known: {ended}")),
    }
}

/// Up to 2.1.276 `total_cost_usd` and `modelUsage` start from zero in each process.
fn resumed_runs_go_on_counting(version: &str) -> bool {
    let mut numbers = version.split(['.', '-', '+', ' ']).map_while(|part| part.parse::<u64>().ok());
    let version = (numbers.next(), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= (Some(2), 1, 277)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> GroupSession {
        serde_json::from_str(
            r#"{"id":"a","projectPath":"/p","prompt":"x","status":"pending","dependsOn":[],"createdAt":"2026-01-01T00:00:00Z"}"#,
        )
        .unwrap()
    }

    fn run(session: GroupSession, name: &str, exit: &Exit) -> ClaudeStream {
        let path = format!("{}/examples/captures/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let mut stream = ClaudeStream::new(session);
        // A prime number of bytes, so that chunks end everywhere.
        for chunk in std::fs::read(path).unwrap().chunks(97) {
            stream.push(chunk);
        }
        stream.end(exit);
        stream
    }

    fn exit(code: i64) -> Exit {
        Exit { code: Some(code), signal: None }
    }

    #[test]
    fn a_run_and_its_resumption_cost_what_was_paid() {
        let first = run(session(), "2.1.330-tools", &exit(0));
        assert_eq!(first.progress().status, SessionStatus::Completed);
        assert_eq!(first.progress().cost.to_bits(), 0.008_802_f64.to_bits());
        assert_eq!(first.progress().message_count, 3);
        let changes = first.changes();
        let resumed = GroupSession {
            cost: changes.cost,
            tokens: changes.tokens,
            claude_session_id: changes.claude_session_id,
            completed_at: changes.completed_at.flatten(),
            ..session()
        };
        let second = run(resumed, "2.1.330-resume", &exit(0));
        assert_eq!(second.progress().cost.to_bits(), 0.013_206_f64.to_bits());
        assert_eq!(second.progress().tokens.input, 3_603);
    }

    #[test]
    fn sub_agents_are_paid_for_once() {
        let stream = run(session(), "2.1.330-subagent", &exit(0));
        assert_eq!(stream.progress().tokens.input, 6_004);
        assert_eq!(stream.progress().cost.to_bits(), 0.022_008_f64.to_bits());
        assert_eq!(stream.ignored_lines(), 0);
    }

    #[test]
    fn failures_have_a_reason() {
        let max_turns = run(session(), "2.1.330-maxturns", &exit(1));
        assert_eq!(
            max_turns.error(),
            Some("error_max_turns after 4 turns: Reached maximum number of turns (3)")
        );
        let refused = run(session(), "2.1.330-badrequest", &exit(1));
        assert_eq!(refused.error(), Some("API Error: 400 scenario badrequest"));
        let killed = Exit { code: None, signal: Some("SIGTERM".to_owned()) };
        let killed = run(session(), "2.1.330-killed", &killed);
        assert_eq!(killed.error(), Some("killed by SIGTERM"));
        assert_eq!(killed.progress().tokens.input, 1_200);
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(!resumed_runs_go_on_counting("2.1.276") && !resumed_runs_go_on_counting("2.0.999"));
        assert!(resumed_runs_go_on_counting("2.1.277") && resumed_runs_go_on_counting("10.0.0"));
        assert!(!resumed_runs_go_on_counting("") && !resumed_runs_go_on_counting("next"));
    }
}
