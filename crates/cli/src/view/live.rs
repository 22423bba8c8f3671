//! The live part below the lines of a run: what the group is doing now.

use crate::output::table::{Column, layout_untitled};
use crate::output::{Line, Tone, format};
use crate::view::{GroupView, SessionState, SessionView, Tool};

/// A tool that runs for longer shows its time.
const SLOW_TOOL_MS: f64 = 10_000.0;
/// Width of the bar that shows the budget, without its brackets.
const BAR: usize = 16;

/// Draws a group: a line of totals, and a line for each running session. Takes at most `height` lines.
pub fn draw(group: &GroupView, now: f64, width: usize, height: usize) -> Vec<Line> {
    if height == 0 || width == 0 {
        return Vec::new();
    }
    let mut lines = vec![totals(group, width)];
    let running: Vec<&SessionView> =
        group.sessions.iter().filter(|session| session.state == SessionState::Running).collect();
    let room = height - 1;
    let shown = if running.len() > room { room.saturating_sub(1) } else { running.len() };
    lines.extend(sessions(&running[..shown], now, width));
    if running.len() > shown && room > 0 {
        let more = format!("   and {} more", running.len() - shown);
        lines.push(Line::new().with(Tone::Faint, &more).cut(width));
    }
    lines
}

/// The line of totals. Its parts are dropped by importance when it does not fit.
fn totals(group: &GroupView, width: usize) -> Line {
    let name = Line::new().plain(" ").with(Tone::Strong, &group.name);
    let (all, some) = (counts(group, true), counts(group, false));
    let money =
        Line::from(format!("  {} of {}", format::dollars(group.spent), format::dollars(group.budget)));
    let bar = Line::new().plain(" ").with(Tone::Faint, &bar(group.spent, group.budget));
    let left = group
        .time_left
        .map_or_else(Line::new, |left| Line::from(format!("  about {} left", format::about(left))));
    let short = Line::from(format!("  {}/{} done", group.completed(), group.sessions.len()));
    let candidates = [
        name.clone().and(all).and(money.clone()).and(bar.clone()).and(left.clone()),
        name.clone().and(some.clone()).and(money.clone()).and(bar).and(left.clone()),
        name.clone().and(some.clone()).and(money.clone()).and(left),
        name.clone().and(some).and(money.clone()),
        name.clone().and(short.clone()).and(money.clone()),
    ];
    candidates.into_iter().find(|line| line.width() <= width).unwrap_or_else(|| {
        let rest = short.and(money);
        let room = width.saturating_sub(rest.width());
        if room >= 4 { name.cut(room).and(rest) } else { name.and(rest).cut(width) }
    })
}

fn counts(group: &GroupView, with_zeros: bool) -> Line {
    let mut line = Line::new();
    let mut add = |count: usize, word: &str, tone: Tone| {
        if count == 0 && !with_zeros {
            return;
        }
        let tone = if count == 0 { Tone::Faint } else { tone };
        line.push(Tone::Plain, "  ");
        line.push(tone, &format!("{count} {word}"));
    };
    add(group.running(), "running", Tone::Active);
    add(group.waiting(), "waiting", Tone::Plain);
    add(group.completed(), "done", Tone::Good);
    add(group.failed() + group.not_reached(), "failed", Tone::Bad);
    line
}

fn bar(spent: f64, budget: f64) -> String {
    let part = if budget > 0.0 { (spent / budget).clamp(0.0, 1.0) } else { 1.0 };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "from 0 to the width"
    )]
    let full = (part * BAR as f64).round() as usize;
    format!("[{}{}]", "#".repeat(full), "-".repeat(BAR - full))
}

fn sessions(running: &[&SessionView], now: f64, width: usize) -> Vec<Line> {
    const INDENT: usize = 3;
    const COLUMNS: [Column; 5] = [
        Column::text("", 0),
        Column::number("", 1),
        Column::number("", 2),
        Column::text("", 3),
        Column::word("", 4),
    ];
    let row = |session: &&SessionView| {
        let tokens = if session.tokens > 0 {
            Line::new().with(Tone::Faint, &format!("{} tokens", format::tokens(session.tokens)))
        } else {
            Line::new()
        };
        vec![
            Line::new().with(Tone::Active, &session.id),
            Line::from(format::duration(session.time(now))),
            Line::from(format::dollars(session.cost)),
            session.tool.as_ref().map_or_else(Line::new, |tool| tool_line(tool, now)),
            tokens,
        ]
    };
    let rows = running.iter().map(row).collect();
    let indent = " ".repeat(INDENT.min(width));
    let lines = layout_untitled(&COLUMNS, rows, width.saturating_sub(INDENT));
    lines.into_iter().map(|line| Line::new().plain(&indent).and(line)).collect()
}

fn tool_line(tool: &Tool, now: f64) -> Line {
    let time = now - tool.since;
    let line = Line::new().plain(&tool.text);
    if time < SLOW_TOOL_MS { line } else { line.plain(&format!("  ({})", format::duration(time))) }
}
