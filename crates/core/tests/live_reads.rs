//! Groups that are answered from memory because the kernel would have reported a change: each change is seen by the next
//! read.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failing test panics")]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use session_groups::model::time::IsoTime;
use session_groups::model::{GroupId, SessionGroup};
use session_groups::repository::file::FileOptions;
use session_groups::repository::{Document, FileGroupRepository, GroupFilter, GroupRepository};

fn id(id: &str) -> GroupId {
    GroupId::new(id).unwrap()
}

fn meta(base: &Path, id: &str) -> PathBuf {
    base.join(id).join("meta.json")
}

fn text(id: &str, name: &str) -> String {
    let now = IsoTime::parse("2026-01-15T10:30:00.000Z").unwrap();
    Document::from_group(&SessionGroup::new(self::id(id), name, "a", now)).unwrap().text().to_owned()
}

/// Writes a group as another program would, into the file that is there.
fn plant(base: &Path, id: &str, name: &str) {
    fs::create_dir_all(base.join(id)).unwrap();
    fs::write(meta(base, id), text(id, name)).unwrap();
}

fn open(base: &Path) -> FileGroupRepository {
    FileGroupRepository::new(Some(base), FileOptions::default()).unwrap()
}

fn name_of(repository: &FileGroupRepository, id: &str) -> Option<String> {
    repository.find_by_id(&self::id(id)).unwrap().map(|group| group.name().to_owned())
}

fn count(repository: &FileGroupRepository) -> usize {
    repository.count(&GroupFilter::default()).unwrap()
}

/// Reads groups until they are answered from memory.
fn make_live(repository: &FileGroupRepository, ids: &[&str]) {
    for _ in 0..3 {
        repository.list(&GroupFilter::default(), None).unwrap();
    }
    for id in ids {
        assert!(repository.find_at_once(&self::id(id)).is_some(), "{id} is not watched");
    }
}

/// A store of groups named `old` that are answered from memory.
fn live_store(ids: &[&str]) -> (tempfile::TempDir, FileGroupRepository) {
    let base = tempfile::tempdir().unwrap();
    for id in ids {
        plant(base.path(), id, "old");
    }
    let repository = open(base.path());
    make_live(&repository, ids);
    (base, repository)
}

#[test]
fn a_write_through_a_hard_link_is_seen() {
    let (base, repository) = live_store(&["a", "b"]);
    let elsewhere = tempfile::tempdir_in(base.path().parent().unwrap()).unwrap();
    let link = elsewhere.path().join("link");
    fs::hard_link(meta(base.path(), "a"), &link).unwrap();
    for name in ["new", "newer"] {
        fs::write(&link, text("a", name)).unwrap();
        assert_eq!(name_of(&repository, "a").unwrap(), name);
        make_live(&repository, &["a", "b"]);
    }
    fs::remove_file(&link).unwrap();
    make_live(&repository, &["a", "b"]);
}

#[test]
fn a_write_to_a_file_that_was_opened_before_it_was_linked_into_place_is_seen() {
    let (base, repository) = live_store(&["a"]);
    let temporary = base.path().join("a/temporary");
    let mut file = File::create(&temporary).unwrap();
    file.write_all(text("a", "new").as_bytes()).unwrap();
    fs::remove_file(meta(base.path(), "a")).unwrap();
    fs::hard_link(&temporary, meta(base.path(), "a")).unwrap();
    fs::remove_file(&temporary).unwrap();
    assert_eq!(name_of(&repository, "a").unwrap(), "new");
    make_live(&repository, &["a"]);
    file.set_len(0).unwrap();
    file.write_all_at(text("a", "newer").as_bytes(), 0).unwrap();
    assert_eq!(name_of(&repository, "a").unwrap(), "newer");
}

#[test]
fn changes_are_seen_after_more_notifications_than_the_kernel_keeps() {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    let (base, repository) = live_store(&["a", "b"]);
    let files = ["a", "b"].map(|id| File::options().write(true).open(meta(base.path(), id)).unwrap());
    // In turns, since a notification is merged with an equal one before it.
    for file in files.iter().cycle().take(limit + 1) {
        file.write_all_at(b"{", 0).unwrap();
    }
    // These are not reported any more.
    fs::rename(base.path().join("a"), base.path().join(".away")).unwrap();
    plant(base.path(), "a", "new");
    plant(base.path(), "c", "new");
    assert_eq!(count(&repository), 3);
    assert_eq!(name_of(&repository, "a").unwrap(), "new");
    for name in ["newer", "newest"] {
        make_live(&repository, &["a", "b", "c"]);
        plant(base.path(), "a", name);
        assert_eq!(name_of(&repository, "a").unwrap(), name);
    }
}

#[test]
fn a_process_that_was_forked_off_takes_no_notification_from_its_parent() {
    let (base, repository) = live_store(&["a"]);
    plant(base.path(), "a", "new");
    let in_child = repository.clone();
    let mut command = Command::new("true");
    // SAFETY: no other thread of this process uses the repository, whose locks are therefore free in the child.
    unsafe {
        command.pre_exec(move || {
            assert_eq!(name_of(&in_child, "a").unwrap(), "new");
            Ok(())
        });
    }
    assert!(command.status().unwrap().success());
    assert_eq!(name_of(&repository, "a").unwrap(), "new");
}

#[test]
fn another_base_directory_in_the_same_place_is_seen() {
    let (base, repository) = live_store(&["a", "b"]);
    let (path, away) = (base.path(), base.path().with_extension("away"));
    for round in 0..20 {
        let name = format!("name-{round}");
        match round % 3 {
            0 => fs::rename(path, &away).unwrap(),
            // The next one may have the same inode.
            _ => fs::remove_dir_all(path).unwrap(),
        }
        assert_eq!(name_of(&repository, "a"), None);
        assert_eq!(count(&repository), 0);
        plant(path, "a", &name);
        assert_eq!(count(&repository), 1);
        make_live(&repository, &["a"]);
        if round % 3 == 1 {
            plant(path, "b", &name);
            assert_eq!(count(&repository), 2);
        }
        let _ = fs::remove_dir_all(&away);
    }
}

#[test]
fn another_base_directory_behind_the_same_path_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for name in ["one", "two"] {
        plant(&path(name).join("store"), "a", name);
    }
    // A link, and a directory above, of which nothing is reported.
    symlink("one", path("link")).unwrap();
    let repository = open(&path("link/store"));
    for _ in 0..5 {
        for (target, name) in [("one", "one"), ("two", "two")] {
            fs::remove_file(path("link")).unwrap();
            symlink(target, path("link")).unwrap();
            assert_eq!(name_of(&repository, "a").unwrap(), name);
            make_live(&repository, &["a"]);
        }
        fs::rename(path("two"), path("away")).unwrap();
        assert_eq!(name_of(&repository, "a"), None);
        fs::rename(path("one"), path("two")).unwrap();
        assert_eq!(name_of(&repository, "a").unwrap(), "one");
        make_live(&repository, &["a"]);
        fs::rename(path("two"), path("one")).unwrap();
        fs::rename(path("away"), path("two")).unwrap();
        assert_eq!(name_of(&repository, "a").unwrap(), "two");
        assert_eq!(count(&repository), 1);
    }
}

#[test]
fn a_file_that_is_replaced_while_it_is_open_elsewhere_is_seen() {
    let (base, repository) = live_store(&["a"]);
    for name in ["new", "newer"] {
        let open = File::open(meta(base.path(), "a")).unwrap();
        let temporary = base.path().join("a/temporary");
        fs::write(&temporary, text("a", name)).unwrap();
        fs::rename(&temporary, meta(base.path(), "a")).unwrap();
        assert_eq!(name_of(&repository, "a").unwrap(), name);
        make_live(&repository, &["a"]);
        drop(open);
        fs::remove_file(meta(base.path(), "a")).unwrap();
        assert_eq!(name_of(&repository, "a"), None);
        plant(base.path(), "a", "old");
        make_live(&repository, &["a"]);
    }
}

#[test]
fn directories_that_change_places_are_seen() {
    let (base, repository) = live_store(&["a", "b"]);
    let path = |name: &str| base.path().join(name);
    for round in 0..20 {
        let name = format!("name-{round}");
        plant(base.path(), "x", "old");
        fs::write(path("x/meta.json"), text("a", &name)).unwrap();
        fs::rename(path("x"), path(".x")).unwrap();
        fs::rename(path("a"), path(".a")).unwrap();
        fs::rename(path(".x"), path("a")).unwrap();
        // Read or not before the next change.
        if round % 2 == 0 {
            assert_eq!(name_of(&repository, "a").unwrap(), name);
        }
        fs::rename(path("b"), path("c")).unwrap();
        assert_eq!(name_of(&repository, "b"), None);
        assert_eq!(count(&repository), 1);
        fs::rename(path("c"), path("b")).unwrap();
        assert_eq!(name_of(&repository, "a").unwrap(), name);
        assert_eq!(count(&repository), 2);
        make_live(&repository, &["a", "b"]);
        fs::remove_dir_all(path(".a")).unwrap();
    }
}

#[test]
fn a_group_behind_a_link_is_not_answered_from_memory() {
    let (base, repository) = live_store(&["a", "b"]);
    fs::rename(base.path().join("a"), base.path().join(".a")).unwrap();
    symlink(".a", base.path().join("a")).unwrap();
    for _ in 0..3 {
        assert_eq!(count(&repository), 1);
        assert_eq!(repository.find_by_id(&id("a")).unwrap_err().code(), "CORRUPT");
    }
}

#[test]
fn a_store_keeps_no_notifications_of_groups_that_come_and_go() {
    let (base, repository) = live_store(&["a"]);
    let watches = || {
        let name = |entry: fs::DirEntry| fs::read_to_string(entry.path()).unwrap_or_default();
        let infos = fs::read_dir("/proc/self/fdinfo").unwrap().map(|entry| name(entry.unwrap()));
        let inode = format!("ino:{:x} ", fs::metadata(base.path()).unwrap().ino());
        infos
            .filter(|info| info.contains(&inode))
            .map(|info| info.matches("inotify wd").count())
            .sum::<usize>()
    };
    assert_eq!(watches(), 2);
    for number in 0..200 {
        let id = format!("g-{number}");
        plant(base.path(), &id, "new");
        for _ in 0..3 {
            assert_eq!(name_of(&repository, &id).unwrap(), "new");
        }
        assert_eq!(count(&repository), 2);
        assert_eq!(watches(), 3);
        fs::remove_dir_all(base.path().join(&id)).unwrap();
        assert_eq!(count(&repository), 1);
    }
    assert_eq!(watches(), 2);
}

#[test]
fn a_directory_that_is_replaced_while_it_is_opened_fails_no_query() {
    let (base, repository) = live_store(&["a", "b"]);
    let (directory, away) = (base.path().join("a"), base.path().join(".a"));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(1) {
                fs::rename(&directory, &away).unwrap();
                symlink(&away, &directory).unwrap();
                fs::remove_file(&directory).unwrap();
                fs::rename(&away, &directory).unwrap();
            }
            is_over.store(true, Ordering::Relaxed);
        });
        while !is_over.load(Ordering::Relaxed) {
            assert!(count(&repository) <= 2);
            if let Err(error) = repository.find_by_id(&id("a")) {
                assert_eq!(error.code(), "CORRUPT", "{error}");
            }
        }
    });
    assert_eq!(count(&repository), 2);
}
