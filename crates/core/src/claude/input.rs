//! The lines that Claude Code reads with `--input-format stream-json`.
//!
//! ```
//! use session_groups::claude::input;
//!
//! let line = input::user_message("/clear")?;
//! assert_eq!(line, b"{\"message\":{\"content\":\"\\n/clear\",\"role\":\"user\"},\"type\":\"user\"}\n");
//! # Ok::<(), session_groups::Error>(())
//! ```

use serde_json::{Value, json};

use crate::error::{Error, Result};

/// Returns the line of a prompt. A newline precedes a leading slash, which would run a slash command. Fails with
/// `INVALID_STATE` for a blank prompt, which the program refuses.
pub fn user_message(prompt: &str) -> Result<Vec<u8>> {
    if prompt.trim().is_empty() {
        return Err(Error::invalid_state("cannot start a session with a blank prompt: give it one first"));
    }
    let content = if prompt.starts_with('/') { format!("\n{prompt}") } else { prompt.to_owned() };
    Ok(line(&json!({ "type": "user", "message": { "role": "user", "content": content } })))
}

/// Returns the request to end the running turn. The program answers with a result that has its cost.
pub fn interrupt(request_id: &str) -> Vec<u8> {
    control_request(request_id, &json!({ "subtype": "interrupt" }))
}

/// Returns the request to end a background task.
pub fn stop_task(request_id: &str, task_id: &str) -> Vec<u8> {
    control_request(request_id, &json!({ "subtype": "stop_task", "task_id": task_id }))
}

fn control_request(request_id: &str, request: &Value) -> Vec<u8> {
    line(&json!({ "type": "control_request", "request_id": request_id, "request": request }))
}

fn line(value: &Value) -> Vec<u8> {
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_prompt_is_one_line() {
        let prompt = "one\ntwo\r\n\u{2028}\u{0}\"}";
        let line = user_message(prompt).unwrap();
        assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
        let value: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["message"]["content"], prompt);
    }

    #[test]
    fn a_blank_prompt_is_refused() {
        for prompt in ["", " ", "\n\t\u{2003}"] {
            assert_eq!(user_message(prompt).unwrap_err().code(), "INVALID_STATE", "{prompt:?}");
        }
    }
}
