//! A group with a feed, its events, and short forms of what readers return.

use std::fs;
use std::path::{Path, PathBuf};

use session_groups::feed::{
    self, Commit, Event, Events, FeedEvent, FeedRepository, FurtherEvent, SessionUnreachableEvent,
    ToolsDeniedEvent,
};
use session_groups::model::event::GroupSessionStartedEvent;
use session_groups::model::number::Count;
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupId, GroupPatch, GroupSession, SessionGroup};
use session_groups::repository::file::{Durability, FileOptions};
use session_groups::repository::{Changes, Condition, Document, FileGroupRepository, GroupRepository};

pub const ID: &str = "20260115-103000-feed";
pub const MIB: u64 = 1 << 20;

pub fn id() -> GroupId {
    GroupId::new(ID).unwrap()
}

pub fn now() -> IsoTime {
    IsoTime::parse("2026-01-15T10:30:00.000Z").unwrap()
}

pub fn group() -> Document {
    let sessions =
        vec![GroupSession::new("api", "/p", "Do it", now()), GroupSession::new("ui", "/p", "Do it", now())];
    Document::from_group(&SessionGroup { sessions, ..SessionGroup::new(id(), "Feed", "feed", now()) })
        .unwrap()
}

pub fn denied(tool: &str) -> Event {
    let tools = vec![tool.to_owned()];
    let (group_id, session_id) = (ID.to_owned(), "api".to_owned());
    FurtherEvent::from(ToolsDeniedEvent { timestamp: now(), group_id, session_id, tools }).into()
}

pub fn started(prompt: String) -> Event {
    let (group_id, session_id, project_path) = (ID.to_owned(), "api".to_owned(), "/p".to_owned());
    GroupSessionStartedEvent { timestamp: now(), group_id, session_id, project_path, prompt, truncated: None }
        .into()
}

pub fn unreachable_because(because: Vec<String>) -> Event {
    let (group_id, session_id) = (ID.to_owned(), "ui".to_owned());
    FurtherEvent::from(SessionUnreachableEvent { timestamp: now(), group_id, session_id, because }).into()
}

pub fn changes(text: &str) -> Changes {
    Changes::new(text.to_owned(), Vec::new()).unwrap()
}

pub fn open(base: &Path) -> FileGroupRepository {
    let options = FileOptions { durability: Durability::Process, ..FileOptions::default() };
    FileGroupRepository::new(Some(base), options).unwrap()
}

/// A store of files with the group.
pub struct Files {
    pub base: tempfile::TempDir,
    pub repository: FileGroupRepository,
}

impl Files {
    pub fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let repository = open(base.path());
        repository.save(group(), Condition::None).unwrap();
        Self { base, repository }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.base.path().join(ID).join(name)
    }

    pub fn text(&self) -> String {
        fs::read_to_string(self.path("events.jsonl")).unwrap()
    }

    pub fn edit(&self, edit: impl FnOnce(String) -> String) {
        let text = edit(self.text());
        fs::write(self.path("events.jsonl"), text).unwrap();
    }

    pub fn event_seq(&self) -> Option<u64> {
        let group = self.repository.find_by_id(&id()).unwrap().unwrap().group().unwrap();
        group.event_seq.map(Count::get)
    }
}

/// Commits one event and returns its number.
pub fn add(repository: &impl FeedRepository, event: Event) -> u64 {
    add_all(repository, vec![event])[0]
}

pub fn add_all(repository: &impl FeedRepository, events: Vec<Event>) -> Vec<u64> {
    let change = move |_: &Document| Ok(Commit { events, ..Commit::new(GroupPatch::default()) });
    let committed = feed::commit(repository, &id(), change).unwrap().unwrap();
    committed.events.iter().map(|(seq, _)| *seq).collect()
}

/// An event in short: its number, and the tools that were denied or what it is.
pub fn short(event: &FeedEvent) -> String {
    let what = match event.event() {
        Event::Further(FurtherEvent::ToolsDenied(denied)) => denied.tools.join(","),
        Event::Further(FurtherEvent::FeedGap(gap)) => format!("gap {}-{}", gap.from.get(), gap.to.get()),
        event => event.type_name().to_owned(),
    };
    format!("{} {what}", event.seq())
}

pub fn read_after(repository: &impl FeedRepository, after: u64) -> Vec<String> {
    feed::events(repository, &id(), after, false).iter().map(|event| short(&event.unwrap())).collect()
}

pub fn read(repository: &impl FeedRepository) -> Vec<String> {
    read_after(repository, 0)
}

pub fn next(events: &Events) -> String {
    short(&events.next().unwrap().unwrap())
}
