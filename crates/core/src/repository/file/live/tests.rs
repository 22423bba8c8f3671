use std::fs;

use super::*;
use crate::model::tests::GROUP;
use crate::repository::document::Document;
use crate::repository::fields::FieldValues;
use crate::repository::file::dir::Stat;

fn group(id: &str) -> Document {
    Document::from_text(GROUP.replace("20260115-103000-auth", id)).unwrap()
}

/// A store of groups.
struct Fixture {
    base: tempfile::TempDir,
    live: Live,
}

impl Fixture {
    fn new(ids: &[&str]) -> Self {
        let store = Self { base: tempfile::tempdir().unwrap(), live: Live::new(Arc::default()) };
        for id in ids {
            store.write(id);
        }
        store
    }

    fn dir(&self) -> Dir {
        Dir::open(self.base.path()).unwrap()
    }

    fn write(&self, id: &str) {
        let directory = self.base.path().join(id);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("meta.json"), group(id).text()).unwrap();
    }

    fn fingerprint(&self, id: &str) -> FileFingerprint {
        let file = fs::File::open(self.base.path().join(id).join("meta.json")).unwrap();
        Stat::of(&file).unwrap().fingerprint()
    }

    /// Reads a group while something happens.
    fn read_while(&self, id: &str, meanwhile: impl FnOnce()) -> bool {
        let reading = self.live.begin(&self.dir(), group(id).id());
        let fingerprint = self.fingerprint(id);
        meanwhile();
        self.live.end(reading.as_ref(), &fingerprint, group(id).fields())
    }

    fn read(&self, id: &str) -> bool {
        self.read_while(id, || {})
    }

    fn list_while(&self, ids: &[&str], meanwhile: impl FnOnce()) {
        let reading = self.live.begin_listing(&self.dir());
        meanwhile();
        let ids: Vec<GroupId> = ids.iter().map(|id| group(id).id().clone()).collect();
        self.live.end_listing(reading.as_ref(), &ids);
    }

    /// The groups that are certain, and the others; `None` if it is not certain which groups there are.
    fn groups(&self) -> Option<(usize, usize)> {
        let found = self.live.query(self.base.path(), |_| Some(()))?;
        Some((found.chosen.len(), found.uncertain.len()))
    }

    fn is_certain(&self, id: &str) -> bool {
        self.live.get(self.base.path(), group(id).id()).is_some()
    }

    fn slots(&self) -> usize {
        self.live.state().groups.len()
    }
}

#[test]
fn a_group_is_certain_from_its_second_reading_on() {
    let store = Fixture::new(&["a"]);
    assert!(!store.read("a"));
    assert!(store.read("a") && store.is_certain("a"));
    store.write("a");
    assert!(!store.is_certain("a"));
    assert!(store.read("a") && store.is_certain("a"));
}

#[test]
fn a_group_that_changes_while_it_is_read_is_not_certain() {
    let store = Fixture::new(&["a"]);
    store.read("a");
    assert!(!store.read_while("a", || store.write("a")));
    assert!(!store.is_certain("a"));
    let changed_before_another_looks = || {
        store.write("a");
        assert!(!store.is_certain("a"));
    };
    assert!(!store.read_while("a", changed_before_another_looks));
    assert!(!store.is_certain("a"));
}

#[test]
fn a_group_on_another_file_system_is_not_certain() {
    let store = Fixture::new(&["a"]);
    store.read("a");
    let reading = store.live.begin(&store.dir(), group("a").id());
    let here = store.fingerprint("a");
    let elsewhere = FileFingerprint { device: here.device + 1, ..here };
    assert!(!store.live.end(reading.as_ref(), &elsewhere, group("a").fields()));
    assert!(!store.is_certain("a"));
}

#[test]
fn a_group_behind_a_link_is_not_watched() {
    let store = Fixture::new(&["a"]);
    store.read("a");
    let path = |name| store.base.path().join(name);
    fs::rename(path("a"), path(".a")).unwrap();
    std::os::unix::fs::symlink(".a", path("a")).unwrap();
    assert!(store.live.begin(&store.dir(), group("a").id()).is_none());
}

#[test]
fn groups_that_come_or_go_while_they_are_listed_are_not_missed() {
    let store = Fixture::new(&["a"]);
    store.list_while(&["a"], || {});
    assert_eq!(store.groups(), None);
    store.list_while(&["a"], || store.write("b"));
    assert_eq!(store.groups(), None);
    store.list_while(&["a", "b"], || fs::remove_dir_all(store.base.path().join("b")).unwrap());
    assert_eq!(store.groups(), None);
    store.list_while(&["a"], || {});
    assert_eq!(store.groups(), Some((0, 1)));
    store.write("b");
    assert_eq!(store.groups(), Some((0, 2)));
}

#[test]
fn a_listing_of_a_base_directory_says_nothing_of_the_next_one() {
    let store = Fixture::new(&["a"]);
    store.list_while(&["a"], || {});
    store.write("b");
    store.list_while(&["a"], || {
        let away = store.base.path().with_extension("away");
        fs::rename(store.base.path(), &away).unwrap();
        fs::create_dir(store.base.path()).unwrap();
        fs::remove_dir_all(away).unwrap();
        assert!(store.live.begin_listing(&store.dir()).is_some());
    });
    assert_eq!(store.groups(), None);
}

#[test]
fn another_base_directory_is_observed_although_its_groups_were_listed_before() {
    let store = Fixture::new(&["a"]);
    let is_complete = || store.live.observe(&store.dir()).is_complete;
    for is_lost in [true, false] {
        store.list_while(&["a"], || {});
        store.list_while(&["a"], || {});
        is_complete();
        assert!(is_complete());
        if is_lost {
            store.live.state().see(&Event::Lost);
        } else {
            fs::rename(store.base.path(), store.base.path().with_extension("away")).unwrap();
            store.write("a");
        }
        store.list_while(&["a"], || {});
        assert_eq!(store.groups(), Some((0, 1)));
        assert_eq!((is_complete(), is_complete()), (false, true));
    }
    fs::remove_dir_all(store.base.path().with_extension("away")).unwrap();
}

#[test]
fn groups_that_are_gone_take_no_room() {
    let store = Fixture::new(&["a"]);
    store.list_while(&["a"], || {});
    store.list_while(&["a"], || {});
    store.read("a");
    let (a, b) = (group("a"), group("b"));
    store.live.state().cache.put(store.fingerprint("a"), &a);
    let fingerprint = store.fingerprint("a");
    fs::remove_dir_all(store.base.path().join("a")).unwrap();
    assert_eq!(store.groups(), Some((0, 0)));
    // Another thread has read them before they went.
    store.live.end(None, &fingerprint, a.fields());
    store.live.end(None, &fingerprint, b.fields());
    assert_eq!((store.groups(), store.slots()), (Some((0, 0)), 0));
    assert!(!store.live.state().cache.has(a.id()));
}

#[test]
fn groups_that_someone_waits_for_take_no_room_until_they_are_there() {
    let store = Fixture::new(&["a"]);
    let _watcher = store.live.subscribers.subscribe(None, |_| Ok(None));
    let (b, look_for) = (group("b").id().clone(), |id: &GroupId| {
        store.live.begin(&store.dir(), id);
        store.live.forget(&store.dir(), id);
    });
    store.list_while(&["a"], || {});
    look_for(&b);
    assert_eq!((store.groups(), store.slots()), (Some((0, 1)), 1));
    // Its directory is watched, since a file may come into it.
    fs::create_dir(store.base.path().join("b")).unwrap();
    look_for(&b);
    assert_eq!((store.groups(), store.slots()), (Some((0, 2)), 2));
    fs::remove_dir(store.base.path().join("b")).unwrap();
    look_for(&b);
    // It comes after it was looked for, and before it is forgotten.
    store.live.begin(&store.dir(), &b);
    store.write("b");
    store.live.forget(&store.dir(), &b);
    assert_eq!(store.groups(), Some((0, 2)));
}

#[test]
fn groups_that_were_read_once_take_little_room() {
    let store = Fixture::new(&["a"]);
    let fingerprint = store.fingerprint("a");
    store.read("a");
    store.read("a");
    for number in 0..25_000 {
        let id = GroupId::new(&format!("g{number}")).unwrap();
        let fields = FieldValues { id, ..FieldValues::clone(group("a").fields()) };
        let fields = Arc::new(Fields::from(fields));
        store.live.end(None, &fingerprint, &fields);
    }
    assert!(store.slots() <= 10_001);
    assert!(store.is_certain("a"));
}

#[test]
fn a_change_of_a_group_that_was_not_watched_is_reported_once_it_is() {
    let store = Fixture::new(&["a"]);
    let (sender, reads) = std::sync::mpsc::channel();
    let watcher = store.live.subscribers.subscribe(None, move |id| {
        sender.send(id.clone()).unwrap();
        Ok(None)
    });
    watcher.begin([]);
    watcher.request(|_| {});
    let path = |id| store.base.path().join(id).join("meta.json");
    store.read("a");
    // There is one watch for a file, whatever names it has.
    fs::create_dir(store.base.path().join("b")).unwrap();
    fs::hard_link(path("a"), path("b")).unwrap();
    store.live.begin(&store.dir(), group("b").id());
    fs::write(store.base.path().join("new"), group("a").text()).unwrap();
    fs::rename(store.base.path().join("new"), path("a")).unwrap();
    store.live.observe(&store.dir());
    // Other names in the store are reported, too, whenever the watching thread gets to it.
    let reported = || std::iter::from_fn(|| reads.recv_timeout(Duration::from_millis(50)).ok());
    assert!(!reported().any(|id| id == *group("a").id()));
    assert!(store.read("a"));
    while reads.recv_timeout(Duration::from_secs(20)).unwrap() != *group("a").id() {}
    store.read("a");
    assert!(!reported().any(|id| id == *group("a").id()));
}
