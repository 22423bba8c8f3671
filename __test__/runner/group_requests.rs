//! Requests that come at the same time as a runner of the group, or as each other.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use session_groups::model::number::Count;
use session_groups::model::run::{ControlRequest, GroupCause};
use session_groups::model::{GroupId, GroupStatus, SessionStatus};
use session_groups::repository::{Changes, Document, GroupRepository};
use session_groups::runner::{
    Change, Claim, ControlOptions, Controlled, Done, FileRunStore, RunEnd, RunHandle, RunNotice, RunStore,
    Runner, control,
};
use session_groups::{Result, ownership};

use crate::group_world::{GroupWorld, session};

/// A moment at which others may come in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// A runner has just claimed the group.
    Claimed,
    /// It was just looked whether a runner has the group.
    Looked,
    /// Somebody is about to watch the group.
    Watching,
    /// A commit is under way.
    Committing,
}

/// The store of the world's group, in which others come in between.
#[derive(Clone)]
struct Meanwhile {
    store: FileRunStore,
    others: Arc<dyn Fn(Moment) + Send + Sync>,
}

impl Meanwhile {
    fn new(world: &GroupWorld, others: impl Fn(Moment) + Send + Sync + 'static) -> Self {
        Self { store: world.store(), others: Arc::new(others) }
    }
}

impl RunStore for Meanwhile {
    fn id(&self) -> &GroupId {
        self.store.id()
    }

    fn load(&self) -> Result<Option<Document>> {
        self.store.load()
    }

    fn commit(&self, change: Change, done: Done) {
        let Self { store, others } = self.clone();
        std::thread::spawn(move || {
            others(Moment::Committing);
            store.commit(change, done);
        });
    }

    fn watch(&self, changed: Arc<dyn Fn() + Send + Sync>) -> Result<Box<dyn Send>> {
        (self.others)(Moment::Watching);
        self.store.watch(changed)
    }

    fn claim(&self) -> Result<Claim> {
        let claim = self.store.claim();
        (self.others)(Moment::Claimed);
        claim
    }

    fn is_claimed(&self) -> Result<bool> {
        let is_claimed = self.store.is_claimed();
        (self.others)(Moment::Looked);
        is_claimed
    }

    fn directory(&self) -> Option<PathBuf> {
        self.store.directory()
    }

    fn base(&self) -> Option<PathBuf> {
        self.store.base()
    }
}

fn update(world: &GroupWorld, changes: &str) {
    let changes = Changes::new(changes.to_owned(), Vec::new()).unwrap();
    world.repository().update(&GroupWorld::id(), changes).unwrap().unwrap();
}

fn request(world: &GroupWorld, request: &str, seq: u64) {
    let at = "2026-01-15T10:30:00.000Z";
    update(world, &format!(r#"{{"control":{{"request":"{request}","at":"{at}","seq":{seq}}}}}"#));
}

fn same_world(world: &GroupWorld) -> GroupWorld {
    GroupWorld::at(&world.base)
}

#[test]
fn a_request_that_comes_right_after_the_claim_is_carried_out() {
    let world = GroupWorld::new(vec![session("a", "answers", &[])]);
    // One from before the run.
    request(&world, "pause", 1);
    let others = same_world(&world);
    let store = Meanwhile::new(&world, move |moment| {
        if moment == Moment::Claimed {
            request(&others, "stop", 2);
        }
    });
    let end = Runner::new(store, world.options()).run(|_| {}).unwrap();
    assert_eq!(end, RunEnd { status: GroupStatus::Failed, cause: Some(GroupCause::Stopped) });
    assert_eq!(world.group().control_seen.map(Count::get), Some(2));
    assert_eq!(world.stored("a").attempts, None);
}

#[test]
fn a_pause_of_single_sessions_is_left_to_a_runner_that_begins_meanwhile() {
    let world = GroupWorld::new(vec![session("a", "answers", &[])]);
    let (repository, runner) = (world.repository(), Arc::new(Mutex::new(None)));
    let begun = Arc::clone(&runner);
    let store = Meanwhile::new(&world, move |moment| {
        if moment == Moment::Looked {
            begun
                .lock()
                .unwrap()
                .get_or_insert_with(|| ownership::lock(&repository, &GroupWorld::id()).unwrap());
        }
    });
    let options =
        ControlOptions { sessions: Some(vec!["a".to_owned()]), wait: None, ..ControlOptions::default() };
    let controlled = control(&store, ControlRequest::Pause, &options, &world.options()).unwrap();
    assert_eq!(controlled, Controlled::Requested { seq: 1, seen: false });
    assert_eq!(world.stored("a").status, SessionStatus::Pending);
    drop(runner.lock().unwrap().take());
}

#[test]
fn a_request_does_not_replace_one_that_the_runner_has_not_seen() {
    let world = GroupWorld::new(vec![session("a", "answers", &[])]);
    let runner = ownership::lock(&world.repository(), &GroupWorld::id()).unwrap();
    request(&world, "pause", 1);
    let (others, seen) = (same_world(&world), Arc::new(Mutex::new(Vec::new())));
    let newest = Arc::clone(&seen);
    let store = Meanwhile::new(&world, move |moment| {
        if moment == Moment::Watching {
            // The runner acts.
            let seq = others.group().control.unwrap().seq.get();
            newest.lock().unwrap().push(seq);
            update(&others, &format!(r#"{{"controlSeen":{seq}}}"#));
        }
    });
    let options = ControlOptions::default();
    let controlled = control(&store, ControlRequest::Stop, &options, &world.options()).unwrap();
    assert_eq!(controlled, Controlled::Requested { seq: 2, seen: true });
    assert_eq!(*seen.lock().unwrap(), [1, 2]);
    drop(runner);
}

#[test]
fn a_request_replaces_one_that_the_runner_does_not_see_in_time() {
    let world = GroupWorld::new(vec![session("a", "answers", &[])]);
    let runner = ownership::lock(&world.repository(), &GroupWorld::id()).unwrap();
    request(&world, "pause", 1);
    let options = ControlOptions { wait: Some(Duration::from_millis(1)), ..ControlOptions::default() };
    let controlled = control(&world.store(), ControlRequest::Stop, &options, &world.options()).unwrap();
    assert_eq!(controlled, Controlled::Requested { seq: 2, seen: false });
    assert_eq!(world.group().control.unwrap().request, ControlRequest::Stop);
    drop(runner);
}

#[test]
fn a_run_that_is_detached_during_a_commit_reports_its_events_and_takes_no_more_orders() {
    let world = GroupWorld::new(vec![session("a", "answers", &[])]);
    let handle = Arc::new(Mutex::new(None::<RunHandle>));
    let (detached, refused) = (Arc::clone(&handle), Arc::new(Mutex::new(Vec::new())));
    let codes = Arc::clone(&refused);
    let store = Meanwhile::new(&world, move |moment| {
        if moment == Moment::Committing {
            let handle = detached.lock().unwrap().clone().unwrap();
            handle.detach();
            // The loop has taken the order before the commit is answered.
            GroupWorld::wait_until("orders are refused", || handle.retry(None, false).is_err());
            codes.lock().unwrap().push(handle.retry(None, false).unwrap_err().code());
        }
    });
    let runner = Runner::new(store, world.options());
    *handle.lock().unwrap() = Some(runner.handle());
    let mut events = Vec::new();
    let end = runner.run(|notice| {
        if let RunNotice::Event { event, seq: Some(_) } = notice {
            events.push(event.type_name());
        }
    });
    assert_eq!(end.unwrap_err().code(), "INVALID_STATE");
    assert_eq!((events, &**refused.lock().unwrap()), (vec!["group_started"], &["INVALID_STATE"][..]));
    assert_eq!(world.group().event_seq.map(Count::get), Some(1));
}
