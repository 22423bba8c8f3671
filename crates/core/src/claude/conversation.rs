//! The conversation of a session as people read it: text, tools and their results in brief.
//!
//! ```
//! use session_groups::claude::conversation::{Conversation, Entry};
//!
//! let mut conversation = Conversation::default();
//! let line = br#"{ "type": "assistant", "message": { "content": [
//!     { "type": "tool_use", "id": "t1", "name": "Bash", "input": { "command": "cargo test" } }] } }"#;
//! let line = String::from_utf8_lossy(line).replace('\n', " ") + "\n";
//! let entries = conversation.push(line.as_bytes());
//! let Entry::ToolUse { name, brief, .. } = &entries[0] else { unreachable!() };
//! assert_eq!((name.as_str(), brief.as_str()), ("Bash", "cargo test"));
//! ```

use std::borrow::Cow;

use crate::claude::line::{Kind, Line, Message, Object, objects, plain_text};
use crate::claude::lines::Lines;
use crate::json::{self, Json};

/// Members of a tool's input that say most about it, the best first.
const TELLING: &[&str] = &[
    "command",
    "file_path",
    "notebook_path",
    "path",
    "pattern",
    "url",
    "query",
    "description",
    "prompt",
    "skill",
];

/// Maximum length of a tool's input in brief, in characters.
const MAX_BRIEF: usize = 500;

/// A part of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A process of Claude Code began to work.
    Begin {
        /// The model.
        model: String,
    },
    /// Text that the model wrote.
    Text {
        /// The text, of several lines perhaps.
        text: String,
        /// `true` if a sub-agent wrote it.
        is_of_subagent: bool,
    },
    /// The use of a tool.
    ToolUse {
        /// Identifies the use.
        id: String,
        /// The tool.
        name: String,
        /// The most telling part of its input, on one line.
        brief: String,
        /// `true` if a sub-agent uses it.
        is_of_subagent: bool,
    },
    /// The result of a tool.
    ToolResult {
        /// The use of which it is the result.
        id: String,
        /// The text, of several lines perhaps.
        text: String,
        /// `true` if the tool failed or was refused.
        is_error: bool,
        /// `true` if a sub-agent used the tool.
        is_of_subagent: bool,
    },
    /// A request to the API failed and is repeated.
    Retry {
        /// The reason.
        error: String,
        /// The HTTP status.
        status: Option<f64>,
    },
    /// The conversation was cleared.
    Reset,
    /// A turn ended.
    End {
        /// `success`, or the kind of error.
        subtype: String,
        /// The message of an error.
        error: Option<String>,
        /// Number of turns.
        turns: Option<f64>,
        /// US dollars that this process has reported so far.
        cost_usd: Option<f64>,
        /// Milliseconds.
        duration_ms: Option<f64>,
    },
    /// A line that is not part of the format.
    Other(String),
}

/// Reads the output of `claude -p --output-format stream-json --verbose` in any chunking.
#[derive(Debug, Default)]
pub struct Conversation {
    lines: Lines,
}

impl Conversation {
    /// Reads the next bytes and returns what they complete.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.lines.push(chunk, |line| read(line, &mut entries));
        entries
    }

    /// Reads a last line that has no end.
    pub fn end(&mut self) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.lines.end(|line| read(line, &mut entries));
        entries
    }
}

fn read(line: &[u8], entries: &mut Vec<Entry>) {
    let text = String::from_utf8_lossy(line);
    let before = entries.len();
    let mut is_known = false;
    objects(&text, |line| {
        is_known = true;
        add(&line, entries);
    });
    if !is_known && entries.len() == before {
        let plain = plain_text(&text);
        if !plain.trim().is_empty() {
            entries.push(Entry::Other(plain));
        }
    }
}

fn add(line: &Line<'_>, entries: &mut Vec<Entry>) {
    match line.kind {
        Kind::Init => entries.push(Entry::Begin { model: line.text("model").unwrap_or_default() }),
        Kind::Assistant | Kind::User => {
            let content = line.message.as_ref().into_iter().flat_map(Message::content);
            entries.extend(content.filter_map(|block| of_block(block, line.is_of_subagent())));
        }
        Kind::System if line.string("subtype").as_deref() == Some("api_retry") => {
            let error = line.text("error").unwrap_or_else(|| "an error".to_owned());
            entries.push(Entry::Retry { error, status: line.number("error_status") });
        }
        Kind::ConversationReset => entries.push(Entry::Reset),
        Kind::Result => entries.push(Entry::End {
            subtype: line.text("subtype").unwrap_or_default(),
            error: if line.flag("is_error") { line.text("result") } else { None },
            turns: line.number("num_turns"),
            cost_usd: line.number("total_cost_usd"),
            duration_ms: line.number("duration_ms"),
        }),
        Kind::System | Kind::StreamEvent | Kind::Other | Kind::Unknown => {}
    }
}

fn of_block(block: &Object<'_>, is_of_subagent: bool) -> Option<Entry> {
    match block.string("type")?.as_ref() {
        "text" => Some(Entry::Text { text: block.text("text")?, is_of_subagent }),
        "tool_use" | "server_tool_use" => Some(Entry::ToolUse {
            id: block.text("id").unwrap_or_default(),
            name: block.text("name").unwrap_or_default(),
            brief: brief(block.get("input")),
            is_of_subagent,
        }),
        "tool_result" => Some(Entry::ToolResult {
            id: block.text("tool_use_id").unwrap_or_default(),
            text: block.get("content").map(text_of).unwrap_or_default(),
            is_error: block.flag("is_error"),
            is_of_subagent,
        }),
        _ => None,
    }
}

/// The most telling part of a tool's input, on one line.
fn brief(input: Option<Json<'_>>) -> String {
    let Some(input) = input else { return String::new() };
    let telling = TELLING.iter().find_map(|key| input.get(key)?.string());
    let text = telling.unwrap_or_else(|| {
        let is_empty = input.is_object() && input.members().next().is_none();
        if is_empty { Cow::Borrowed("") } else { Cow::Owned(json::compact(input.text())) }
    });
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    json::shortened(&line, MAX_BRIEF)
}

/// The text of a tool's result: a string, or the texts of its blocks.
fn text_of(content: Json<'_>) -> String {
    if let Some(text) = content.string() {
        return text.into_owned();
    }
    let texts = content.elements().filter_map(Object::of).map(|block| {
        block.text("text").unwrap_or_else(|| format!("[{}]", block.text("type").unwrap_or_default()))
    });
    texts.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Vec<Entry> {
        let mut conversation = Conversation::default();
        let mut entries: Vec<Entry> =
            text.as_bytes().chunks(7).flat_map(|chunk| conversation.push(chunk)).collect();
        entries.extend(conversation.end());
        entries
    }

    #[test]
    fn a_message_is_read_block_by_block() {
        let text = r#"{"type":"assistant","message":{"content":[{"type":"text","text":"Look:\nhere"},{"type":"tool_use","id":"1","name":"Read","input":{"limit":5,"file_path":"a.rs"}},{"type":"thinking","thinking":"x"}]}}
{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"text","text":"one"},{"type":"image"}],"is_error":true}]},"parent_tool_use_id":"t"}"#;
        assert_eq!(
            read_all(text),
            [
                Entry::Text { text: "Look:\nhere".to_owned(), is_of_subagent: false },
                Entry::ToolUse {
                    id: "1".to_owned(),
                    name: "Read".to_owned(),
                    brief: "a.rs".to_owned(),
                    is_of_subagent: false
                },
                Entry::ToolResult {
                    id: "1".to_owned(),
                    text: "one\n[image]".to_owned(),
                    is_error: true,
                    is_of_subagent: true
                },
            ]
        );
    }

    #[test]
    fn lines_that_are_no_json_are_shown_without_control_sequences() {
        let entries = read_all("\u{1b}[31mError: not logged in\u{1b}[0m\n\n{\"type\":\"keep_alive\"}\n");
        assert_eq!(entries, [Entry::Other("Error: not logged in".to_owned())]);
    }

    #[test]
    fn an_input_without_a_telling_member_is_shown_as_json() {
        let input = |text: &str| brief(Some(Json::parse(text).unwrap()));
        assert_eq!(input(r#"{ "todos": [ 1 ] }"#), r#"{"todos":[1]}"#);
        assert_eq!(input(r#"{"command":"cat <<E\n  a\nE"}"#), "cat <<E a E");
        assert_eq!([input("{}"), brief(None)], ["", ""]);
        assert_eq!(input(&format!(r#"{{"command":"{}"}}"#, "x".repeat(900))).chars().count(), MAX_BRIEF + 1);
    }

    #[test]
    fn ends_and_retries_have_their_numbers() {
        let text = r#"{"type":"system","subtype":"api_retry","error":"overloaded","error_status":529}
{"type":"result","subtype":"error_max_turns","is_error":true,"result":"too long","num_turns":3,"total_cost_usd":0.5,"duration_ms":7}"#;
        let entries = read_all(text);
        assert_eq!(entries[0], Entry::Retry { error: "overloaded".to_owned(), status: Some(529.0) });
        let Entry::End { subtype, error, turns, cost_usd, duration_ms } = &entries[1] else { panic!() };
        assert_eq!((subtype.as_str(), error.as_deref()), ("error_max_turns", Some("too long")));
        assert_eq!((*turns, *cost_usd, *duration_ms), (Some(3.0), Some(0.5), Some(7.0)));
    }
}
