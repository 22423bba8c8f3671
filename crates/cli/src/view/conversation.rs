//! The lines of a conversation.

use session_groups::claude::conversation::Entry;

use crate::output::{Line, Tone, format};

/// Maximum number of lines of a tool's result.
const MAX_RESULT_LINES: usize = 6;
/// Maximum number of characters of a line of a tool's result.
const MAX_RESULT_WIDTH: usize = 200;

/// Draws a part of a conversation.
pub fn lines(entry: &Entry) -> Vec<Line> {
    match entry {
        Entry::Begin { model } => vec![Line::new().with(Tone::Faint, &format!("began with {model}"))],
        Entry::Text { text, is_of_subagent } => {
            text.trim_end().lines().map(|line| indent(*is_of_subagent).plain(line)).collect()
        }
        Entry::ToolUse { name, brief, is_of_subagent, .. } => {
            vec![indent(*is_of_subagent).with(Tone::Active, &format!("> {name}")).plain("  ").plain(brief)]
        }
        Entry::ToolResult { text, is_error, is_of_subagent, .. } => result(text, *is_error, *is_of_subagent),
        Entry::Retry { error, status } => {
            let status = status.map(|status| format!("{status} ")).unwrap_or_default();
            vec![Line::new().with(Tone::Warning, "retry").plain(&format!("  {status}{error}"))]
        }
        Entry::Reset => vec![Line::new().with(Tone::Faint, "the conversation was cleared")],
        Entry::End { subtype, error, turns, cost_usd, duration_ms } => {
            vec![end(subtype, error.as_deref(), *turns, *cost_usd, *duration_ms)]
        }
        Entry::Other(text) => vec![Line::new().with(Tone::Faint, text)],
    }
}

/// Draws the end of an attempt whose process printed no result.
pub fn failure(error: &str) -> Line {
    Line::new().with(Tone::Bad, "ended").plain("  ").plain(error)
}

fn indent(is_of_subagent: bool) -> Line {
    if is_of_subagent { Line::new().plain("    ") } else { Line::new() }
}

fn result(text: &str, is_error: bool, is_of_subagent: bool) -> Vec<Line> {
    let tone = if is_error { Tone::Bad } else { Tone::Faint };
    let all: Vec<&str> = text.trim_end().lines().collect();
    let line = |text: &str| indent(is_of_subagent).with(tone, "  | ").with(Tone::Faint, text);
    let shown = if all.len() > MAX_RESULT_LINES { MAX_RESULT_LINES - 1 } else { all.len() };
    let mut lines: Vec<Line> = all[..shown].iter().map(|text| line(text).cut(MAX_RESULT_WIDTH)).collect();
    if all.len() > shown {
        lines.push(line(&format!("… {} more lines", all.len() - shown)));
    }
    lines
}

fn end(
    subtype: &str,
    error: Option<&str>,
    turns: Option<f64>,
    cost_usd: Option<f64>,
    duration_ms: Option<f64>,
) -> Line {
    let is_success = subtype == "success" && error.is_none();
    let (tone, word) = if is_success { (Tone::Good, "completed") } else { (Tone::Bad, "ended") };
    let mut parts = Vec::new();
    if !is_success {
        parts.push(error.filter(|error| !error.trim().is_empty()).unwrap_or(subtype).to_owned());
    }
    parts.extend(turns.map(|turns| if turns < 1.5 { "1 turn".to_owned() } else { format!("{turns} turns") }));
    parts.extend(cost_usd.map(format::dollars));
    parts.extend(duration_ms.map(format::duration));
    Line::new().with(tone, word).plain("  ").plain(&parts.join("  "))
}
