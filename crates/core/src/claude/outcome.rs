//! Reasons and warnings for people: the end of a turn and of a run.

use crate::claude::Exit;
use crate::claude::line::{Line, Object};
use crate::json::Json;

/// The outcome of a turn, from its `result` line.
#[derive(Debug)]
pub enum Outcome {
    /// An answer.
    Success,
    /// A success without a turn of the model, as after `/clear` or a background task that was killed. It answers
    /// nothing.
    NoTurn,
    /// A failure, with a reason a person can act on.
    Failure(String),
}

impl Outcome {
    /// Reads a `result` line.
    pub fn of(line: &Line<'_>) -> Self {
        let subtype = line.text("subtype").unwrap_or_default();
        let said = line.text("result").filter(|text| !text.is_empty());
        if subtype != "success" {
            return Self::Failure(reason(line, &subtype, said));
        }
        if line.flag("is_error") {
            return Self::Failure(said.unwrap_or_else(|| "the run ended with an error".to_owned()));
        }
        let has_turns = line.number("num_turns").is_none_or(|turns| turns > 0.0);
        if has_turns { Self::Success } else { Self::NoTurn }
    }
}

fn reason(line: &Line<'_>, subtype: &str, said: Option<String>) -> String {
    let what = if subtype.is_empty() { "the run ended with an unknown result" } else { subtype };
    let turns =
        line.get("num_turns").filter(|turns| turns.number().is_some()).map(|turns| match turns.text() {
            "1" => " after 1 turn".to_owned(),
            turns => format!(" after {turns} turns"),
        });
    let errors = line.get("errors").into_iter().flat_map(Json::elements);
    let details: Vec<_> = errors.filter_map(Json::string).collect();
    let details = if details.is_empty() { said } else { Some(details.join("; ")) };
    let details = details.map(|details| format!(": {details}"));
    format!("{what}{}{}", turns.unwrap_or_default(), details.unwrap_or_default())
}

/// The names of the tools whose use a `result` line reports as refused.
pub fn denied_tools(line: &Line<'_>) -> Vec<String> {
    let denials = line.get("permission_denials").into_iter().flat_map(Json::elements);
    denials.filter_map(|denial| Object::of(denial)?.text("tool_name")).collect()
}

/// Returns a warning about a run that completed.
pub fn warning(exit: &Exit, denied_tools: &[String]) -> Option<String> {
    let ended = match (&exit.signal, exit.code) {
        (Some(signal), _) => Some(format!("killed by {signal} after a successful result")),
        (None, Some(0)) => None,
        (None, Some(code)) => Some(format!("exit code {code} after a successful result")),
        (None, None) => Some("its exit code is not known".to_owned()),
    };
    let denied = (!denied_tools.is_empty()).then(|| {
        let tools = denied_tools.join(", ");
        format!("not permitted to use {tools}: allow it with --allowedTools or --permission-mode")
    });
    let warnings: Vec<String> = denied.into_iter().chain(ended).collect();
    (!warnings.is_empty()).then(|| warnings.join("; "))
}
