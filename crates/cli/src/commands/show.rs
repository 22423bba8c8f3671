use clap::Args;
use session_groups::model::SessionGroup;
use session_groups::model::time::{IsoTime, now_ms};

use crate::arguments::Global;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::table::{Column, layout_untitled};
use crate::output::{Format, Line, Output, Tone, format};
use crate::selection::{find_group, open_store};
use crate::view::{GroupView, table};

/// Show a group and its sessions
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups show latest\n  session-groups show payments --json")]
pub struct Show {
    /// Id of the group, a unique beginning or end of it, or `latest`
    group: String,
}

impl Show {
    /// Prints the group.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let store = open_store(global.store.as_deref())?;
        let document = find_group(&store, &self.group)?;
        if output.format() != Format::Text {
            output.json_text(&format!("{{\"v\":1,\"group\":{}}}", document.text()))?;
            return Ok(Exit::Success);
        }
        let (group, now, width) = (document.group()?, now_ms(), output.width());
        let view = GroupView::of_stored(&group, &store, now);
        output.lines(&head(&group, &view, now, width))?;
        if !view.sessions.is_empty() {
            output.line(&Line::new())?;
            output.lines(&table::sessions(&view, now, width))?;
        }
        Ok(Exit::Success)
    }
}

/// The lines above the table of sessions.
fn head(group: &SessionGroup, view: &GroupView, now: f64, width: usize) -> Vec<Line> {
    const COLUMNS: [Column; 2] = [Column::word("", 0), Column::text("", 0)];
    let mut rows = Vec::new();
    let mut add = |title: &str, value: Line| rows.push(vec![Line::new().with(Tone::Faint, title), value]);
    add("group", Line::new().with(Tone::Strong, &view.id));
    if view.name != group.slug {
        add("name", Line::from(view.name.as_str()));
    }
    if let Some(description) = &group.description {
        add("description", Line::from(description.as_str()));
    }
    add("status", Line::new().with(view.tone(), &view.status_text()));
    add("sessions", Line::from(counts(view)));
    let percent = if view.budget > 0.0 {
        format!(" ({:.0}%)", view.spent / view.budget * 100.0)
    } else {
        String::new()
    };
    add(
        "spent",
        Line::from(format!("{} of {}{percent}", format::dollars(view.spent), format::dollars(view.budget))),
    );
    add("limits", Line::from(format!("{} at once, model {}", group.max_concurrent(), group.config.model)));
    let time = |time: &IsoTime| Line::from(format::local_clock(time.unix_ms(), now));
    add("created", time(&group.created_at));
    if let Some(started) = &group.started_at {
        add("started", time(started));
    }
    if let Some(ended) = &group.completed_at {
        add("ended", time(ended));
    }
    if let Some(left) = view.time_left.filter(|_| view.running() > 0) {
        add("left", Line::from(format!("about {}", format::about(left))));
    }
    if let Some(plan) = &group.plan {
        add("plan", Line::from(format::path(&plan.path, format::home().as_deref())));
    }
    layout_untitled(&COLUMNS, rows, width)
}

fn counts(view: &GroupView) -> String {
    let counts = [
        (view.running(), "running"),
        (view.waiting(), "waiting"),
        (view.completed(), "completed"),
        (view.failed(), "failed"),
        (view.not_reached(), "not reached"),
    ];
    let shown: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}
