//! What the output of a process says about what it is doing: signs of life, open work, usage limits and results.
//!
//! ```
//! use session_groups::claude::signs::{Meaning, Sign, Signs};
//!
//! let mut signs = Signs::default();
//! let line = r#"{ "type": "result", "subtype": "success", "num_turns": 1 }"#;
//! assert_eq!(signs.push(format!("{line}\n").as_bytes()), [Sign::Result(Meaning::Success)]);
//! ```

use std::collections::BTreeSet;

use crate::claude::line::{Kind, Line, objects};
use crate::claude::lines::Lines;
pub use crate::claude::meaning::Meaning;
use crate::claude::work::Work;

/// Something that the runner of a process has to know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sign {
    /// The conversation went on: an assistant line, a tool result or a part of the model's text.
    Advanced,
    /// A tool or an API retry began (`true`), or the last one ended.
    Busy(bool),
    /// Background work goes on after the turn, or while it lasts (`true`), or the last of it ended.
    Background(bool),
    /// The account reached a usage limit, until a time in Unix milliseconds where it is known.
    LimitReached {
        /// Its end.
        until_ms: Option<f64>,
    },
    /// A turn succeeded although a usage limit had been reported.
    LimitLifted,
    /// A turn ended.
    Result(Meaning),
}

/// Reads the output of one process.
#[derive(Debug, Default)]
pub struct Signs {
    lines: Lines,
    state: State,
}

#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts, each named")]
struct State {
    work: Work,
    open_tools: BTreeSet<String>,
    is_retrying: bool,
    is_busy: bool,
    has_background: bool,
    /// The newest `error` of an assistant line of this turn.
    error: Option<String>,
    /// Set while a usage limit is reported.
    is_limited: bool,
    /// Its end, where known.
    limited_until_ms: Option<f64>,
    was_answered: bool,
    signs: Vec<Sign>,
}

impl Signs {
    /// Reads the next piece of the output, in any chunking. Returns the signs in their order.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Sign> {
        let Self { lines, state } = self;
        lines.push(chunk, |line| {
            objects(&String::from_utf8_lossy(line), |line| state.read(&line));
        });
        self.take()
    }

    /// Reads what is left at the end of the output: a last line without its end.
    pub fn end(&mut self) -> Vec<Sign> {
        self.push(b"\n")
    }

    /// Reads an object of the output that somebody else has parsed.
    pub(crate) fn read(&mut self, line: &Line<'_>) {
        self.state.read(line);
    }

    /// Returns the signs since the last call, in their order.
    pub(crate) fn take(&mut self) -> Vec<Sign> {
        std::mem::take(&mut self.state.signs)
    }

    /// Returns `true` if the model has answered in this process.
    pub fn was_answered(&self) -> bool {
        self.state.was_answered
    }
}

impl State {
    fn read(&mut self, line: &Line<'_>) {
        self.work.read_object(line);
        match line.kind {
            Kind::Assistant => self.assistant(line),
            Kind::User => self.user(line),
            Kind::StreamEvent => self.advance(line),
            Kind::System => self.is_retrying = line.string("subtype").as_deref() == Some("api_retry"),
            Kind::Init => self.error = None,
            Kind::Result => self.result(line),
            Kind::Other if line.string("type").as_deref() == Some("rate_limit_event") => self.limit(line),
            _ => {}
        }
        self.tell_of_background();
        let is_busy = self.is_retrying || !self.open_tools.is_empty();
        if is_busy != self.is_busy {
            self.is_busy = is_busy;
            self.signs.push(Sign::Busy(is_busy));
        }
    }

    /// A sub-agent in the background goes on between the turns of the main conversation: that begins no turn.
    fn advance(&mut self, line: &Line<'_>) {
        self.is_retrying = false;
        if !(line.is_of_subagent() && self.work.is_between_turns()) {
            self.signs.push(Sign::Advanced);
        }
    }

    fn assistant(&mut self, line: &Line<'_>) {
        if let Some(error) = line.text("error") {
            self.error = Some(error);
        }
        let Some(message) = &line.message else { return };
        if message.string("model").as_deref() != Some("<synthetic>") {
            self.was_answered = true;
            self.advance(line);
        }
        self.open_tools.extend(message.blocks("tool_use").filter_map(|block| block.text("id")));
    }

    fn user(&mut self, line: &Line<'_>) {
        let Some(message) = &line.message else { return };
        let mut has_result = false;
        for result in message.blocks("tool_result") {
            has_result = true;
            if let Some(id) = result.string("tool_use_id") {
                self.open_tools.remove(id.as_ref());
            }
        }
        if has_result {
            self.advance(line);
        }
    }

    fn limit(&mut self, line: &Line<'_>) {
        let info = line.object("rate_limit_info");
        let field = |name| info.as_ref().map_or_else(|| line.get(name), |info| info.get(name));
        let text = |name| field(name).and_then(crate::json::Json::string).unwrap_or_default();
        let is_paid_otherwise = text("overageStatus").starts_with("allowed");
        if text("status") != "rejected" || is_paid_otherwise {
            return;
        }
        let until_ms = field("resetsAt").and_then(crate::json::Json::number).map(|seconds| seconds * 1e3);
        self.is_limited = true;
        self.limited_until_ms = until_ms;
        self.signs.push(Sign::LimitReached { until_ms });
    }

    fn result(&mut self, line: &Line<'_>) {
        self.open_tools.clear();
        self.is_retrying = false;
        let meaning = Meaning::of_result(line, self.error.take().as_deref(), self.limited_until_ms);
        // Reported before the result, after which the input would be closed.
        self.tell_of_background();
        let has_turns = line.number("num_turns").is_none_or(|turns| turns > 0.0);
        let is_last = line.number("queued_turn_count").is_none_or(|queued| queued <= 0.0);
        let is_answer = (has_turns || meaning != Meaning::Success) && is_last;
        if meaning == Meaning::Success && has_turns && std::mem::take(&mut self.is_limited) {
            self.signs.push(Sign::LimitLifted);
        }
        if is_answer {
            self.signs.push(Sign::Result(meaning));
        }
    }

    fn tell_of_background(&mut self) {
        let works_on = self.work.is_between_turns() && !self.work.is_idle();
        let has_background = works_on || self.work.tasks().next().is_some();
        if has_background != self.has_background {
            self.has_background = has_background;
            self.signs.push(Sign::Background(has_background));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Vec<Sign> {
        let mut signs = Signs::default();
        let text = format!("{}\n", lines.join("\n"));
        let mut all = Vec::new();
        // A prime number of bytes, so that chunks end everywhere.
        for chunk in text.as_bytes().chunks(97) {
            all.extend(signs.push(chunk));
        }
        all.extend(signs.end());
        all
    }

    fn result_of(members: &str) -> Meaning {
        match read(&[&format!(r#"{{"type":"result","num_turns":1,{members}}}"#)])[..] {
            [Sign::Result(meaning)] => meaning,
            ref other => panic!("{other:?}"),
        }
    }

    const TOOL: &str =
        r#"{"type":"assistant","message":{"id":"m","content":[{"type":"tool_use","id":"t","name":"Bash"}]}}"#;
    const TOOL_RESULT: &str =
        r#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t"}]}}"#;
    const RESULT: &str = r#"{"type":"result","subtype":"success","num_turns":1}"#;
    const TASK: &str = r#"{"type":"system","subtype":"background_tasks_changed","tasks":[{"task_id":"b"}]}"#;
    const NO_TASK: &str = r#"{"type":"system","subtype":"background_tasks_changed","tasks":[]}"#;

    #[test]
    fn tools_and_retries_keep_a_session_busy() {
        let advanced = Sign::Advanced;
        assert_eq!(read(&[TOOL, TOOL_RESULT]), [advanced, Sign::Busy(true), advanced, Sign::Busy(false)]);
        let retry = r#"{"type":"system","subtype":"api_retry","attempt":1}"#;
        assert_eq!(read(&[retry, retry, TOOL_RESULT]), [Sign::Busy(true), advanced, Sign::Busy(false)]);
        assert_eq!(
            read(&[TOOL, RESULT]),
            [advanced, Sign::Busy(true), Sign::Result(Meaning::Success), Sign::Busy(false)]
        );
    }

    #[test]
    fn background_work_is_reported_before_the_result_and_when_it_ends() {
        let done = Sign::Result(Meaning::Success);
        assert_eq!(read(&[TASK, RESULT, NO_TASK]), [Sign::Background(true), done, Sign::Background(false)]);
        let state =
            |state| format!(r#"{{"type":"system","subtype":"session_state_changed","state":"{state}"}}"#);
        let (running, idle) = (state("running"), state("idle"));
        assert_eq!(read(&[&running, RESULT, &idle]), [Sign::Background(true), done, Sign::Background(false)]);
        let agent = r#"{"type":"assistant","parent_tool_use_id":"t","message":{"id":"m","content":[]}}"#;
        assert_eq!(read(&[TASK, RESULT, agent]), [Sign::Background(true), done]);
    }

    #[test]
    fn each_result_has_a_meaning() {
        for (members, meaning) in [
            (r#""subtype":"success""#, Meaning::Success),
            (r#""subtype":"error_max_budget_usd","is_error":true"#, Meaning::Cap),
            (r#""subtype":"error_max_turns","is_error":true"#, Meaning::Turns),
            (
                r#""subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_tools""#,
                Meaning::Interrupted,
            ),
            (
                r#""subtype":"error_during_execution","errors":["No conversation found with session ID: x"]"#,
                Meaning::ConversationGone,
            ),
            (r#""subtype":"success","is_error":true,"api_error_status":529"#, Meaning::Transient),
            (r#""subtype":"success","is_error":true,"api_error_status":401"#, Meaning::Login),
            (r#""subtype":"success","is_error":true,"api_error_status":402"#, Meaning::Billing),
            (
                r#""subtype":"success","is_error":true,"api_error_status":400,"result":"Credit balance is too low""#,
                Meaning::Billing,
            ),
            (r#""subtype":"success","is_error":true,"api_error_status":404"#, Meaning::Refused),
            (
                r#""subtype":"success","is_error":true,"terminal_reason":"api_error","result":"Not logged in · x""#,
                Meaning::Login,
            ),
            (
                r#""subtype":"success","is_error":true,"terminal_reason":"api_error","result":"Connection refused""#,
                Meaning::Transient,
            ),
            (r#""subtype":"success","is_error":true,"terminal_reason":"prompt_too_long""#, Meaning::Refused),
            (r#""subtype":"success","is_error":true,"result":"API Error: 400 {}""#, Meaning::Refused),
            (r#""subtype":"success","is_error":true,"result":"API Error: 500 {}""#, Meaning::Transient),
            (
                r#""subtype":"success","is_error":true,"api_error_status":429"#,
                Meaning::UsageLimit { until_ms: None },
            ),
        ] {
            assert_eq!(result_of(members), meaning, "{members}");
        }
        assert_eq!(read(&[r#"{"type":"result","subtype":"success","num_turns":0,"result":""}"#]), []);
    }

    #[test]
    fn the_end_of_a_usage_limit_comes_from_its_event() {
        let rejected =
            r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795624687}}"#;
        let until_ms = Some(1_795_624_687_000.0);
        let refused =
            r#"{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"num_turns":1}"#;
        let reached = Sign::LimitReached { until_ms };
        assert_eq!(read(&[rejected, refused]), [reached, Sign::Result(Meaning::UsageLimit { until_ms })]);
        assert_eq!(read(&[rejected, RESULT]), [reached, Sign::LimitLifted, Sign::Result(Meaning::Success)]);
        let overage = r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","overageStatus":"allowed"}}"#;
        let warning =
            r#"{"type":"rate_limit_event","rate_limit_info":{"status":"allowed_warning","resetsAt":1}}"#;
        assert_eq!(read(&[overage, warning]), []);
    }

    #[test]
    fn signs_are_the_same_if_the_lines_are_parsed_for_a_stream() {
        use crate::claude::{ClaudeStream, Exit};
        use crate::model::GroupSession;
        use crate::model::time::IsoTime;

        for name in ["2.1.330-tools", "2.1.330-killed", "2.1.330-subagent"] {
            let path = format!("{}/../../examples/captures/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
            let mut text = std::fs::read(path).unwrap();
            text.extend(format!("no object\n{RESULT}{TASK}\n{NO_TASK}\n{TOOL}").as_bytes());
            let (mut alone, mut shared) = (Signs::default(), Signs::default());
            let mut stream = ClaudeStream::new(GroupSession::new("a", "/p", "Do it.", IsoTime::now()));
            let mut found = 0;
            for chunk in text.chunks(97) {
                stream.push_for(chunk, 0.0, |line| shared.read(line));
                let signs = alone.push(chunk);
                found += signs.len();
                assert_eq!(shared.take(), signs, "{name}");
            }
            stream.end_for(&Exit::default(), 0.0, |line| shared.read(line));
            let last = alone.end();
            assert!(found > 3 && last.contains(&Sign::Advanced), "{name}");
            assert_eq!((shared.take(), shared.was_answered()), (last, alone.was_answered()), "{name}");
        }
    }

    #[test]
    fn a_process_that_only_complains_is_understood() {
        assert_eq!(Meaning::of_errors(b"error: unknown option '--x'\n"), Some(Meaning::Refused));
        let gone = b"No conversation found with session ID: x\n";
        assert_eq!(Meaning::of_errors(gone), Some(Meaning::ConversationGone));
        assert_eq!(Meaning::of_errors(b"Error: Session ID x is already in use.\n"), None);
        assert_eq!(Meaning::of_errors(b"Segmentation fault\n"), None);
    }
}
