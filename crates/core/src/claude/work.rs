//! The state of a process's work by its output: turns, results and background tasks.
//!
//! ```
//! use session_groups::claude::work::Work;
//!
//! let mut work = Work::default();
//! work.read(br#"{ "type": "system", "subtype": "init" }"#);
//! assert!(!work.has_ended());
//! work.read(br#"{ "type": "result", "subtype": "success", "num_turns": 1 }"#);
//! assert!(work.has_ended());
//! ```

use std::collections::BTreeSet;

use crate::claude::line::{Kind, Line, Object, objects};
use crate::json::Json;

/// The state of a process's work.
#[derive(Debug, Default)]
pub struct Work {
    results: u64,
    /// The last result, unless a turn has begun after it.
    result: Option<Answer>,
    /// Ids of the open background tasks.
    tasks: BTreeSet<String>,
    /// Reported by `session_state_changed`: `false` while the program works.
    is_idle: Option<bool>,
    tool_uses: u64,
}

/// Kinds of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// The end of a turn.
    Final,
    /// A success without a turn, as a resumed process prints for background tasks that died. Another one follows.
    Empty,
}

impl Work {
    /// Reads a line of the output.
    pub fn read(&mut self, line: &[u8]) {
        objects(&String::from_utf8_lossy(line), |line| self.read_object(&line));
    }

    /// Returns `true` if the last turn has ended and no background work is open: no further output is expected.
    pub fn has_ended(&self) -> bool {
        self.result == Some(Answer::Final) && self.tasks.is_empty() && self.is_idle()
    }

    /// Returns `true` if there has been a result and no turn has begun after it.
    pub fn is_between_turns(&self) -> bool {
        self.result.is_some()
    }

    /// Returns `false` if the program reports its state, and reports that it works.
    pub fn is_idle(&self) -> bool {
        self.is_idle != Some(false)
    }

    /// Number of results so far.
    pub fn results(&self) -> u64 {
        self.results
    }

    /// Ids of the open background tasks.
    pub fn tasks(&self) -> impl Iterator<Item = &str> {
        self.tasks.iter().map(String::as_str)
    }

    /// Number of tools that were used so far.
    pub fn tool_uses(&self) -> u64 {
        self.tool_uses
    }

    /// Reads an object of the output.
    pub(super) fn read_object(&mut self, line: &Line<'_>) {
        match line.kind {
            Kind::Init => self.result = None,
            Kind::Assistant => self.read_assistant(line),
            Kind::Result => self.read_result(line),
            Kind::System => self.read_system(line),
            _ => {}
        }
    }

    fn read_assistant(&mut self, line: &Line<'_>) {
        if !line.is_of_subagent() {
            self.result = None;
        }
        let uses = line.message.as_ref().map_or(0, |message| message.blocks("tool_use").count());
        self.tool_uses += uses as u64;
    }

    fn read_result(&mut self, line: &Line<'_>) {
        self.results += 1;
        let is_failure = line.flag("is_error") || line.string("subtype").as_deref() != Some("success");
        let has_turns = line.number("num_turns").is_none_or(|turns| turns > 0.0);
        let is_last = line.number("queued_turn_count").is_none_or(|queued| queued <= 0.0);
        let is_final = (is_failure || has_turns) && is_last;
        self.result = Some(if is_final { Answer::Final } else { Answer::Empty });
        // Reported again after each result, by versions that report it.
        self.is_idle = self.is_idle.map(|_| false);
    }

    fn read_system(&mut self, line: &Line<'_>) {
        match line.string("subtype").as_deref() {
            Some("background_tasks_changed") => {
                let tasks = line.get("tasks").into_iter().flat_map(Json::elements);
                self.tasks = tasks.filter_map(|task| Object::of(task)?.text("task_id")).collect();
            }
            Some("session_state_changed") => {
                self.is_idle = Some(line.string("state").as_deref() == Some("idle"));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(lines: &[&str]) -> Work {
        let mut work = Work::default();
        for line in lines {
            work.read(line.as_bytes());
        }
        work
    }

    const INIT: &str = r#"{"type":"system","subtype":"init"}"#;
    const DONE: &str = r#"{"type":"result","subtype":"success","num_turns":2}"#;
    const EMPTY: &str = r#"{"type":"result","subtype":"success","num_turns":0,"result":""}"#;
    const FAILED: &str = r#"{"num_turns":0,"is_error":true,"subtype":"success","type":"result"}"#;
    const TASK: &str = r#"{"type":"system","subtype":"background_tasks_changed","tasks":[{"task_id":"b1"}]}"#;
    const NO_TASK: &str = r#"{"type":"system","subtype":"background_tasks_changed","tasks":[]}"#;
    const IDLE: &str = r#"{"type":"system","subtype":"session_state_changed","state":"idle"}"#;
    const RUNNING: &str = r#"{"type":"system","subtype":"session_state_changed","state":"running"}"#;

    #[test]
    fn the_work_ends_with_the_last_result() {
        assert!(!work(&[INIT]).has_ended());
        assert!(work(&[INIT, DONE]).has_ended());
        assert!(work(&[FAILED]).has_ended());
        assert!(!work(&[EMPTY]).has_ended() && work(&[EMPTY]).is_between_turns());
        assert!(!work(&[EMPTY, INIT]).is_between_turns());
        assert!(!work(&[INIT, DONE, INIT]).has_ended());
        assert!(
            !work(&[r#"{"type":"result","subtype":"success","num_turns":1,"queued_turn_count":1}"#])
                .has_ended()
        );
    }

    #[test]
    fn background_work_is_part_of_it() {
        assert!(!work(&[INIT, TASK, DONE]).has_ended());
        assert_eq!(work(&[TASK]).tasks().collect::<Vec<_>>(), ["b1"]);
        assert!(work(&[INIT, TASK, DONE, NO_TASK]).has_ended());
        assert!(!work(&[RUNNING, INIT, IDLE, DONE]).has_ended());
        assert!(work(&[RUNNING, INIT, DONE, IDLE]).has_ended());
    }

    #[test]
    fn the_real_program_is_understood() {
        let path = format!("{}/../../examples/captures/2.1.330-tools.jsonl", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let work = work(&text.lines().collect::<Vec<_>>());
        assert!(work.has_ended());
        assert_eq!((work.results(), work.tool_uses()), (1, 1));
    }
}
