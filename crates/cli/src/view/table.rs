//! Tables of groups and of sessions.

use session_groups::model::GroupSummary;
use session_groups::model::number::Count;
use session_groups::model::time::IsoTime;

use crate::output::table::{Column, layout};
use crate::output::{Line, Tone, format};
use crate::view::state::{cause_text, status_tone};
use crate::view::{GroupView, SessionState, SessionView};

/// The table of `list`.
pub fn groups(summaries: &[impl AsRef<GroupSummary>], now: f64, width: usize) -> Vec<Line> {
    const COLUMNS: [Column; 7] = [
        Column::text("GROUP", 0),
        Column::word("STATUS", 0),
        Column::number("DONE", 1),
        Column::number("FAILED", 2),
        Column::word("SPENT", 4),
        Column::word("CREATED", 5),
        Column::text("NOTE", 3),
    ];
    let rows = summaries.iter().map(|summary| summary_row(summary.as_ref(), now)).collect();
    layout(&COLUMNS, rows, width)
}

fn summary_row(summary: &GroupSummary, now: f64) -> Vec<Line> {
    let count = |count: Count, tone| match count.get() {
        0 => Line::new(),
        count => Line::new().with(tone, &count.to_string()),
    };
    let note = summary.cause.filter(|_| !summary.status.has_ended()).map(cause_text).unwrap_or_default();
    vec![
        Line::new().plain(summary.id.as_str()),
        Line::new().with(status_tone(summary.status), summary.status.name()),
        Line::from(format!("{}/{}", summary.completed.get(), summary.total_sessions.get())),
        count(summary.failed, Tone::Bad),
        spent(summary.total_cost.get(), summary.max_budget_usd.get()),
        Line::from(format::local_clock(IsoTime::unix_ms(&summary.created_at), now)),
        Line::from(note),
    ]
}

/// The table of `status` and of `watch` without a group.
pub fn status(groups: &[GroupView], width: usize) -> Vec<Line> {
    const COLUMNS: [Column; 8] = [
        Column::text("GROUP", 0),
        Column::word("STATUS", 0),
        Column::number("DONE", 1),
        Column::number("RUN", 3),
        Column::number("WAIT", 6),
        Column::number("FAIL", 4),
        Column::word("SPENT", 5),
        Column::text("NOTE", 2),
    ];
    layout(&COLUMNS, groups.iter().map(status_row).collect(), width)
}

fn status_row(group: &GroupView) -> Vec<Line> {
    let number = |count: usize, tone| {
        Line::new().with(if count == 0 { Tone::Faint } else { tone }, &count.to_string())
    };
    let note = match (group.cause, group.time_left) {
        _ if !group.has_runner => "no runner: `run` takes it up".to_owned(),
        (Some(cause), _) if group.status != session_groups::model::GroupStatus::Running => {
            cause_text(cause).to_owned()
        }
        (_, Some(left)) => format!("about {} left", format::about(left)),
        _ => String::new(),
    };
    vec![
        Line::new().plain(&group.id),
        Line::new().with(group.tone(), group.status.name()),
        Line::from(format!("{}/{}", group.completed(), group.sessions.len())),
        number(group.running(), Tone::Active),
        number(group.waiting() + group.not_reached(), Tone::Plain),
        number(group.failed(), Tone::Bad),
        spent(group.spent, group.budget),
        Line::from(note),
    ]
}

fn spent(cost: f64, budget: f64) -> Line {
    let tone = if cost >= budget && cost > 0.0 { Tone::Warning } else { Tone::Plain };
    Line::new()
        .with(tone, &format::dollars(cost))
        .with(Tone::Faint, &format!(" of {}", format::dollars(budget)))
}

/// The table of a group's sessions.
pub fn sessions(group: &GroupView, now: f64, width: usize) -> Vec<Line> {
    const COLUMNS: [Column; 6] = [
        Column::text("SESSION", 0),
        Column::word("STATUS", 0),
        Column::number("TIME", 2),
        Column::number("COST", 1),
        Column::number("TOKENS", 4),
        Column::text("NOTE", 3),
    ];
    layout(&COLUMNS, group.sessions.iter().map(|session| session_row(session, now)).collect(), width)
}

fn session_row(session: &SessionView, now: f64) -> Vec<Line> {
    let has_run = session.time(now) > 0.0 || session.state == SessionState::Running;
    let if_run = |text: String| if has_run { Line::from(text) } else { Line::new() };
    vec![
        Line::new().plain(&session.id),
        Line::new().with(session.state.tone(), session.state.word()),
        if_run(format::duration(session.time(now))),
        if has_run || session.cost > 0.0 { Line::from(format::dollars(session.cost)) } else { Line::new() },
        if session.tokens > 0 { Line::from(format::tokens(session.tokens)) } else { Line::new() },
        Line::from(session.note(now)),
    ]
}
