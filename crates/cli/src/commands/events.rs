use chrono::{Local, TimeZone};
use clap::Args;
use session_groups::feed::{self, FeedEvent};
use session_groups::model::time::of_unix_ms;

use crate::arguments::Global;
use crate::error::Result;
use crate::exit::Exit;
use crate::numbers;
use crate::output::{Format, Line, Output, Tone};
use crate::selection::{find_group, open_store};

/// Show the events of a group
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups events payments --follow --jsonl")]
pub struct Events {
    /// Id of the group, a unique beginning or end of it, or `latest`
    group: String,
    /// Only events after this number
    #[arg(long, value_name = "SEQ", default_value_t = 0, value_parser = numbers::whole, allow_negative_numbers = true)]
    after: u64,
    /// Wait for further events
    #[arg(short = 'f', long)]
    follow: bool,
}

/// Maximum width of a value.
const MAX_VALUE: usize = 60;
/// Fields that have a column of their own, or are the same in all events.
const SHOWN: &[&str] = &["v", "seq", "type", "timestamp", "groupId", "sessionId", "prompt", "projectPath"];

impl Events {
    /// Prints the events.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let store = open_store(global.store.as_deref())?;
        let document = find_group(&store, &self.group)?;
        let events = feed::events(&store, document.id(), self.after, self.follow);
        if output.format() == Format::Json && !self.follow {
            let all: session_groups::Result<Vec<String>> =
                events.iter().map(|event| event.map(|event| event.json().to_owned())).collect();
            output.json_text(&format!("{{\"v\":1,\"events\":[{}]}}", all?.join(",")))?;
            return Ok(Exit::Success);
        }
        for event in events.iter() {
            let event = event?;
            match output.format() {
                Format::Text => output.line(&line(&event, &Local))?,
                Format::Json | Format::JsonLines => output.json_line(event.json())?,
            }
            if self.follow {
                output.flush()?;
            }
        }
        Ok(Exit::Success)
    }
}

/// An event on one line: its number, time, type and session, then its further fields.
fn line<Z: TimeZone>(event: &FeedEvent, zone: &Z) -> Line
where
    Z::Offset: std::fmt::Display,
{
    let value: serde_json::Value = serde_json::from_str(event.json()).unwrap_or_default();
    let text = |key: &str| value.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let time = of_unix_ms(event.event().timestamp().unix_ms()).with_timezone(zone).format("%H:%M:%S");
    let mut line = Line::new()
        .with(Tone::Faint, &format!("{:>5}  {time}  ", event.seq()))
        .with(Tone::Strong, event.event().type_name());
    let session = text("sessionId");
    if !session.is_empty() {
        line = line.plain("  ").with(Tone::Active, &session);
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        if SHOWN.contains(&key.as_str()) {
            continue;
        }
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let value = Line::from(value).cut(MAX_VALUE);
        line = line.with(Tone::Faint, &format!("  {key}=")).and(value);
    }
    line
}
