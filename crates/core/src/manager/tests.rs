//! Tests of the manager on a repository in memory.

use super::*;
use crate::model::number::Usd;
use crate::model::patch::Change;
use crate::model::{SessionPatch, SessionStatus};
use crate::repository::InMemoryGroupRepository;

fn at(second: u32) -> IsoTime {
    IsoTime::parse(&format!("2026-01-15T10:30:{second:02}.000Z")).unwrap()
}

/// A process with another pid runs every group.
struct Elsewhere;

impl Ownership for Elsewhere {
    fn other_runner(&self, _: &Document) -> Result<Option<String>> {
        Ok(Some("process 4711".to_owned()))
    }

    fn delete(&self, id: &GroupId, _: &mut dyn FnMut() -> Result<bool>) -> Result<bool> {
        Err(Error::already_running(id.as_str(), "process 4711"))
    }
}

fn session(id: &str, depends_on: &[&str]) -> GroupSession {
    let mut session = GroupSession::new(id, "/p", "Do it", at(0));
    session.depends_on = depends_on.iter().map(ToString::to_string).collect();
    session
}

/// A group with sessions a ← b ← c.
fn chain(repository: &InMemoryGroupRepository) -> (GroupManager<'_>, GroupId) {
    let manager = GroupManager::new(repository, &NoRunners);
    let id = manager.create_group(&NewGroup::named("Chain"), &at(0)).unwrap().group.id().clone();
    for session in [session("a", &[]), session("b", &["a"]), session("c", &["b"])] {
        manager.add_session(&id, &session, &at(1)).unwrap();
    }
    (manager, id)
}

fn depends_on(ids: &[&str]) -> SessionPatch {
    SessionPatch {
        depends_on: Some(ids.iter().map(ToString::to_string).collect()),
        ..SessionPatch::default()
    }
}

fn status(status: GroupStatus) -> GroupPatch {
    GroupPatch { status: Some(status), ..GroupPatch::default() }
}

fn event_type(changed: &Changed) -> Option<String> {
    let event = serde_json::to_value(changed.event.as_ref()?).unwrap();
    Some(event["type"].as_str().unwrap().to_owned())
}

#[test]
fn groups_of_the_same_name_and_second_are_numbered() {
    let repository = InMemoryGroupRepository::new();
    let manager = GroupManager::new(&repository, &NoRunners);
    let ids = [0, 0, 0, 1].map(|second| {
        let created = manager.create_group(&NewGroup::named("A b"), &at(second)).unwrap();
        assert_eq!(event_type(&created).as_deref(), Some("group_created"));
        created.group.id().to_string()
    });
    assert_eq!(
        ids,
        ["20260115-103000-a-b", "20260115-103000-a-b-2", "20260115-103000-a-b-3", "20260115-103001-a-b"]
    );
}

#[test]
fn the_configuration_is_merged_into_the_defaults() {
    let repository = InMemoryGroupRepository::new();
    let manager = GroupManager::new(&repository, &NoRunners);
    let create = |config: &str| {
        let new = NewGroup { config: Some(config.to_owned()), ..NewGroup::named("A") };
        manager.create_group(&new, &at(0)).map(|created| created.group.group().unwrap().config)
    };
    let config = create(r#"{"model":"opus","maxBudgetUsd":20}"#).unwrap();
    assert_eq!((config.model.as_str(), config.max_budget_usd.get()), ("opus", 20.0));
    assert_eq!(config.max_concurrent_sessions.get(), 3);
    let error = create(r#"{"maxBudgetUsd":-1}"#).unwrap_err();
    assert_eq!((error.code(), error.field()), ("INVALID_GROUP", Some("config.maxBudgetUsd")));
}

#[test]
fn dependencies_must_exist_and_form_no_circle() {
    let repository = InMemoryGroupRepository::new();
    let (manager, id) = chain(&repository);
    let error = manager.add_session(&id, &session("d", &["a", "x"]), &at(2)).unwrap_err();
    assert_eq!((error.code(), error.field()), ("INVALID_ARGUMENT", Some("dependsOn[1]")));
    let error = manager.add_session(&id, &session("d", &["d"]), &at(2)).unwrap_err();
    assert_eq!(error.cycles(), [["d"]]);
    let error = manager.update_session(&id, "a", depends_on(&["c"]), &at(2)).unwrap_err();
    assert_eq!(
        (error.code(), error.cycles()),
        (
            "CIRCULAR_DEPENDENCY",
            &[vec!["a", "c", "b"].into_iter().map(str::to_owned).collect::<Vec<_>>()][..]
        )
    );
    let error = manager.add_session(&id, &session("a", &[]), &at(2)).unwrap_err();
    assert_eq!((error.code(), error.field()), ("INVALID_GROUP", Some("sessions[3].id")));
    assert_eq!(repository.find_by_id(&id).unwrap().unwrap().updated_at(), at(1).instant());
}

#[test]
fn defects_that_were_stored_before_can_be_repaired_one_by_one() {
    let repository = InMemoryGroupRepository::new();
    let (manager, id) = chain(&repository);
    let mut group = repository.find_by_id(&id).unwrap().unwrap().group().unwrap();
    group.sessions = vec![
        session("a", &["b"]),
        session("b", &["a"]),
        session("c", &["d"]),
        session("d", &["c"]),
        session("e", &["gone"]),
    ];
    repository.save(Document::from_group(&group).unwrap(), Condition::None).unwrap();
    manager.update_session(&id, "a", depends_on(&[]), &at(2)).unwrap();
    manager.update_session(&id, "c", depends_on(&[]), &at(2)).unwrap();
    manager.update_session(&id, "e", depends_on(&["gone", "a"]), &at(2)).unwrap();
    assert!(manager.update_session(&id, "e", depends_on(&["gone", "lost"]), &at(2)).is_err());
}

#[test]
fn a_session_that_others_depend_on_is_removed_only_by_force() {
    let repository = InMemoryGroupRepository::new();
    let (manager, id) = chain(&repository);
    let error = manager.remove_session(&id, "b", false, &at(2)).unwrap_err();
    assert!(error.code() == "INVALID_STATE" && error.to_string().contains("\"c\" depends"), "{error}");
    let group = manager.remove_session(&id, "b", true, &at(2)).unwrap().group.group().unwrap();
    let rest: Vec<_> = group.sessions.iter().map(|it| (it.id.as_str(), it.depends_on.len())).collect();
    assert_eq!(rest, [("a", 0), ("c", 0)]);
    let error = manager.remove_session(&id, "b", false, &at(2)).unwrap_err();
    assert!(error.code() == "NOT_FOUND" && error.to_string().contains("Session not found in group: b"));
}

#[test]
fn a_status_changes_except_from_archived_and_deleted() {
    let repository = InMemoryGroupRepository::new();
    let (manager, id) = chain(&repository);
    for (next, event) in [
        (GroupStatus::Running, None),
        (GroupStatus::Completed, Some("group_completed")),
        (GroupStatus::Completed, None),
        (GroupStatus::Failed, Some("group_failed")),
        (GroupStatus::Archived, None),
        (GroupStatus::Archived, None),
    ] {
        let changed = manager.update_group(&id, status(next), &at(2)).unwrap();
        assert_eq!(event_type(&changed).as_deref(), event, "{next:?}");
    }
    let error = manager.update_group(&id, status(GroupStatus::Running), &at(2)).unwrap_err();
    assert!(error.code() == "INVALID_TRANSITION" && error.to_string().contains("archived"), "{error}");
    let renamed = GroupPatch { name: Some("New".to_owned()), ..GroupPatch::default() };
    assert_eq!(manager.update_group(&id, renamed, &at(3)).unwrap().group.name(), "New");
}

#[test]
fn the_status_is_left_to_a_live_runner() {
    let repository = InMemoryGroupRepository::new();
    let (_, id) = chain(&repository);
    let manager = GroupManager::new(&repository, &Elsewhere);
    let active = SessionPatch { status: Some(SessionStatus::Active), ..SessionPatch::default() };
    for error in [
        manager.archive_group(&id, &at(2)).unwrap_err(),
        manager.update_session(&id, "a", active, &at(2)).unwrap_err(),
    ] {
        assert!(error.code() == "INVALID_TRANSITION" && error.to_string().contains("4711"), "{error}");
    }
    let prompt = SessionPatch { prompt: Some("Other".to_owned()), ..SessionPatch::default() };
    assert!(manager.update_session(&id, "a", prompt, &at(2)).is_ok());
    assert_eq!(manager.delete_group(&id).unwrap_err().code(), "ALREADY_RUNNING");
}

#[test]
fn a_session_whose_status_is_set_has_an_event() {
    let repository = InMemoryGroupRepository::new();
    let (manager, id) = chain(&repository);
    let set = |status, error: Option<&str>| {
        let patch = SessionPatch {
            status: Some(status),
            started_at: Change::Set(at(1)),
            completed_at: Change::Set(at(5)),
            cost: Change::Set(Usd::clamped(0.5)),
            error: error.map(str::to_owned).into(),
            ..SessionPatch::default()
        };
        let changed = manager.update_session(&id, "a", patch, &at(6)).unwrap();
        serde_json::to_value(&changed.event).unwrap()
    };
    assert_eq!(set(SessionStatus::Active, None)["prompt"], "Do it");
    assert_eq!(set(SessionStatus::Completed, None)["durationMs"], 4_000);
    assert_eq!(set(SessionStatus::Failed, None)["error"], "Session failed");
    assert_eq!(set(SessionStatus::Failed, Some("Too long"))["error"], "Too long");
    assert!(set(SessionStatus::Paused, None).is_null());
}

#[test]
fn what_does_not_exist_is_named() {
    let repository = InMemoryGroupRepository::new();
    let (manager, id) = chain(&repository);
    let none = GroupId::new("none").unwrap();
    let patch = SessionPatch::default;
    for (error, text) in [
        (manager.get_group(&none).unwrap_err(), "Group not found: none"),
        (manager.archive_group(&none, &at(2)).unwrap_err(), "Group not found: none"),
        (manager.delete_group(&none).unwrap_err(), "Group not found: none"),
        (
            manager.update_session(&none, "a", patch(), &at(2)).unwrap_err(),
            "Group or session not found: none/a",
        ),
        (
            manager.update_session(&id, "x", patch(), &at(2)).unwrap_err(),
            "Group or session not found: 20260115-103000-chain/x",
        ),
    ] {
        assert_eq!((error.code(), error.to_string().as_str()), ("NOT_FOUND", text));
    }
    manager.delete_group(&id).unwrap();
    assert_eq!(manager.get_group(&id).unwrap_err().code(), "NOT_FOUND");
}

#[test]
fn no_session_is_lost_when_several_threads_add_them() {
    let repository = InMemoryGroupRepository::new();
    let manager = GroupManager::new(&repository, &NoRunners);
    let id = manager.create_group(&NewGroup::named("Threads"), &at(0)).unwrap().group.id().clone();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let id = &id;
            scope.spawn(move || {
                for number in 0..25 {
                    let session = session(&format!("{thread}-{number}"), &[]);
                    manager.add_session(id, &session, &at(1)).unwrap();
                }
            });
        }
    });
    assert_eq!(manager.get_group(&id).unwrap().group().unwrap().sessions.len(), 100);
}

#[test]
fn unknown_fields_and_bytes_are_kept() {
    let repository = InMemoryGroupRepository::new();
    let (manager, id) = chain(&repository);
    let extra = Changes::new(r#"{"extra":{"n":1.0,"s":"\ud800"}}"#.to_owned(), Vec::new()).unwrap();
    manager.update_session(&id, "a", extra, &at(2)).unwrap();
    manager.add_session(&id, &session("d", &[]), &at(2)).unwrap();
    let stored = manager.remove_session(&id, "c", true, &at(2)).unwrap().group;
    assert!(stored.text().contains(r#""extra":{"n":1.0,"s":"\ud800"}"#), "{}", stored.text());
}

#[test]
fn sessions_and_ids_of_a_group_cannot_be_replaced_by_an_update() {
    let repository = InMemoryGroupRepository::new();
    let (manager, id) = chain(&repository);
    let update =
        |text: &str| manager.update_group(&id, Changes::new(text.to_owned(), Vec::new()).unwrap(), &at(2));
    for (text, field) in
        [(r#"{"sessions":[]}"#, "sessions"), (r#"{"slug":"x"}"#, "slug"), (r#"{"id":"x"}"#, "id")]
    {
        let error = update(text).unwrap_err();
        assert_eq!((error.code(), error.field()), ("INVALID_ARGUMENT", Some(field)));
    }
    let whole = manager.get_group(&id).unwrap().text().replace("Chain", "Renamed");
    assert_eq!(update(&whole).unwrap().group.name(), "Renamed");
}
