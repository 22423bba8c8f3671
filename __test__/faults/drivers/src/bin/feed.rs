//! Commits on the feed of a group: `feed BASE COMMITS EVENTS LENGTH`. Each commit adds so many events, whose prompts are so
//! long, and has the group count them. Before each commit it prints `begin`; then the number of its last event, or the code
//! of the error.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program of the tests")]

use std::io::Write as _;
use std::path::Path;

use session_groups::feed::{self, Commit, Event};
use session_groups::model::GroupId;
use session_groups::model::event::GroupSessionStartedEvent;
use session_groups::model::number::Count;
use session_groups::model::time::IsoTime;
use session_groups::repository::file::FileOptions;
use session_groups::repository::{Changes, Document, FileGroupRepository};

const ID: &str = "20260115-103000-faults";

fn commit(group: &Document, events: usize, length: usize) -> session_groups::Result<Commit> {
    let before = group.group()?.event_seq.map_or(0, Count::get);
    let event = |number: usize| -> Event {
        let now = IsoTime::parse("2026-01-15T10:30:00.000Z").unwrap();
        let prompt = format!("{} {}", before + number as u64, "x".repeat(length));
        GroupSessionStartedEvent {
            timestamp: now,
            group_id: ID.to_owned(),
            session_id: "a".to_owned(),
            project_path: "/p".to_owned(),
            prompt,
            truncated: None,
        }
        .into()
    };
    let changes = Changes::new(format!(r#"{{"counted":{}}}"#, before + events as u64), Vec::new())?;
    Ok(Commit { events: (1..=events).map(event).collect(), ..Commit::new(changes) })
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, base, numbers @ ..] = arguments.as_slice() else { panic!("feed BASE COMMITS EVENTS LENGTH") };
    let numbers: Vec<usize> = numbers.iter().map(|number| number.parse().unwrap()).collect();
    let [commits, events, length] = numbers[..] else { panic!("feed BASE COMMITS EVENTS LENGTH") };
    let repository = FileGroupRepository::new(Some(Path::new(base)), FileOptions::default()).unwrap();
    let id = GroupId::new(ID).unwrap();
    for _ in 0..commits {
        println!("begin");
        let committed = feed::commit(&repository, &id, move |group| commit(group, events, length));
        match committed {
            Ok(Some(committed)) => println!("{}", committed.events.last().map_or(0, |(seq, _)| *seq)),
            Ok(None) => println!("NOT_FOUND"),
            Err(error) => println!("{}", error.code()),
        }
        std::io::stdout().flush().unwrap();
    }
}
