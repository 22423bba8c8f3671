//! Texts for people: why a session failed, and what a resumed session is told.

use crate::model::GroupSession;
use crate::model::number::{Milliseconds, Usd};
use crate::model::time::IsoTime;
use crate::runner::plan::Failure;

/// Maximum number of lines of the error output in a reason.
const MAX_LINES: usize = 3;

/// Maximum length of each in characters.
const MAX_LENGTH: usize = 200;

/// The reason why a session failed. `said` is what its output says about it.
pub fn failure(failure: Failure, session: &GroupSession, said: Option<&str>) -> String {
    let said = said.unwrap_or("the run ended without a result");
    match failure {
        Failure::Refused | Failure::Turns | Failure::Transient | Failure::CannotStart => said.to_owned(),
        Failure::Timeout => {
            let limit = session.timeout_ms.map_or(0.0, Milliseconds::get);
            format!("ran longer than its timeout of {}: raise it, then retry the session", duration(limit))
        }
        Failure::Stalled => {
            let limit = session.stall_timeout_ms.map_or(900_000.0, Milliseconds::get).max(480_000.0);
            format!("made no progress for {}, and again after it was resumed", duration(limit))
        }
        Failure::Crashed => format!("crashed too many times in a row: {said}"),
        Failure::OutputLimit => {
            "printed more than the limit of its output files, which is maxOutputBytes or half of `ulimit -f`: \
             retry it with a larger one"
                .to_owned()
        }
        Failure::ConversationGone => {
            let id = session.claude_session_id.as_deref().unwrap_or("it had");
            format!("its conversation {id} no longer exists: retry it with `fresh` to begin a new one")
        }
        Failure::OwnBudget => {
            let limit = session.max_budget_usd.map_or(0.0, Usd::get);
            format!("its own budget of ${limit} is used up: raise it, then retry the session")
        }
    }
}

fn duration(milliseconds: f64) -> String {
    let seconds = milliseconds / 1000.0;
    if seconds >= 120.0 { format!("{} min", (seconds / 60.0).round()) } else { format!("{seconds} s") }
}

/// The prompt of a session that goes on with its conversation.
pub fn go_on(interrupted_at: Option<&IsoTime>) -> String {
    let when = interrupted_at.map_or_else(String::new, |at| format!(" at {}", &**at));
    format!(
        "This session was interrupted{when}. Your last tool call may or may not have taken effect: look at the state of the \
         working directory before you go on. Then go on with the task."
    )
}

/// The last lines of an error output, on one line.
pub fn last_lines(errors: &[u8]) -> String {
    let text = String::from_utf8_lossy(errors);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(MAX_LINES)..];
    let shown = |line: &&str| crate::json::shortened(&line.replace(char::is_control, " "), MAX_LENGTH);
    last.iter().map(shown).collect::<Vec<_>>().join("; ")
}
