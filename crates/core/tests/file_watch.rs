//! Watching a store of files: changes by this package and behind its back.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

use std::fs;
use std::path::{Path, PathBuf};

use session_groups::model::time::IsoTime;
use session_groups::model::{GroupId, SessionGroup};
use session_groups::repository::file::{Durability, FileOptions};
use session_groups::repository::{
    Change, Changes, Condition, Document, FileGroupRepository, GroupRepository, Watcher,
};

fn open(base: &Path) -> FileGroupRepository {
    let options = FileOptions { durability: Durability::Process, ..FileOptions::default() };
    FileGroupRepository::new(Some(base), options).unwrap()
}

fn id(id: &str) -> GroupId {
    GroupId::new(id).unwrap()
}

fn group(id: &str, name: &str) -> Document {
    let now = IsoTime::parse("2026-01-15T10:30:00.000Z").unwrap();
    Document::from_group(&SessionGroup::new(self::id(id), name, "a", now)).unwrap()
}

fn text(id: &str, name: &str) -> String {
    group(id, name).text().to_owned()
}

fn put(base: &Path, id: &str, name: &str) {
    fs::create_dir_all(base.join(id)).unwrap();
    fs::write(base.join(id).join("new"), text(id, name)).unwrap();
    fs::rename(base.join(id).join("new"), base.join(id).join("meta.json")).unwrap();
}

/// The id and the name of a changed group, `-` without one.
fn next(watcher: &Watcher) -> (String, String) {
    let Change { id, group, .. } = watcher.next().unwrap();
    (id.as_str().to_owned(), group.map_or_else(|| "-".to_owned(), |group| group.name().to_owned()))
}

/// Waits for a change to this state; others may come first, since writing is more than one step.
fn wait(watcher: &Watcher, id: &str, name: &str) {
    while next(watcher) != (id.to_owned(), name.to_owned()) {}
}

#[test]
fn each_way_of_changing_a_group_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("store");
    let repository = open(&base);
    let watcher = repository.watch(None).unwrap();
    for group in ["a", "b"] {
        repository.save(self::group(group, "1"), Condition::None).unwrap();
        wait(&watcher, group, "1");
    }
    let changes = Changes::new(r#"{"name":"2"}"#.to_owned(), Vec::new()).unwrap();
    repository.update(&id("a"), changes).unwrap();
    wait(&watcher, "a", "2");
    fs::write(base.join("a/meta.json"), text("a", "3")).unwrap();
    wait(&watcher, "a", "3");
    put(&base, "b", "4");
    wait(&watcher, "b", "4");
    put(&base, "c", "5");
    wait(&watcher, "c", "5");
    fs::rename(base.join("c"), dir.path().join("away")).unwrap();
    wait(&watcher, "c", "-");
    fs::rename(dir.path().join("away"), base.join("c")).unwrap();
    wait(&watcher, "c", "5");
    repository.delete(&id("a"), Condition::None).unwrap();
    wait(&watcher, "a", "-");
    fs::write(base.join("b/meta.json"), "{").unwrap();
    let change = watcher.next().unwrap();
    assert_eq!((change.id.as_str(), change.error.unwrap().code()), ("b", "CORRUPT"));
    fs::remove_file(base.join("b/meta.json")).unwrap();
    wait(&watcher, "b", "-");
    fs::write(base.join("b/meta.json"), text("b", "6")).unwrap();
    wait(&watcher, "b", "6");
    fs::remove_file(base.join("b/meta.json")).unwrap();
    put(&base, "b", "7");
    wait(&watcher, "b", "7");
    fs::create_dir(base.join("d")).unwrap();
    put(&base, "b", "8");
    wait(&watcher, "b", "8");
    put(&base, "d", "9");
    wait(&watcher, "d", "9");
    fs::hard_link(base.join("d/meta.json"), dir.path().join("link")).unwrap();
    fs::write(dir.path().join("link"), text("d", "10")).unwrap();
    wait(&watcher, "d", "10");
}

#[test]
fn a_store_may_come_go_and_be_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { dir.path().join(name) };
    let base = path("parent/store");
    let watcher = open(&base).watch(None).unwrap();
    put(&base, "a", "1");
    wait(&watcher, "a", "1");
    put(&path("other"), "a", "2");
    put(&path("other"), "b", "2");
    fs::rename(&base, path("old")).unwrap();
    fs::rename(path("other"), &base).unwrap();
    wait(&watcher, "a", "2");
    wait(&watcher, "b", "2");
    put(&base, "b", "3");
    wait(&watcher, "b", "3");
    fs::rename(path("parent"), path("moved")).unwrap();
    wait(&watcher, "b", "-");
    fs::rename(path("moved"), path("parent")).unwrap();
    wait(&watcher, "b", "3");
    fs::remove_dir_all(&base).unwrap();
    wait(&watcher, "b", "-");
}

#[test]
fn a_watcher_of_one_group_hears_of_no_other() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a", "1");
    let repository = open(dir.path());
    let (all, only) = (repository.watch(None).unwrap(), repository.watch(Some(id("b"))).unwrap());
    wait(&all, "a", "1");
    put(dir.path(), "a", "2");
    wait(&all, "a", "2");
    put(dir.path(), "b", "1");
    wait(&all, "b", "1");
    assert_eq!(next(&only), ("b".to_owned(), "1".to_owned()));
    only.close();
    put(dir.path(), "a", "3");
    wait(&all, "a", "3");
    assert!(only.next().is_none());
}
