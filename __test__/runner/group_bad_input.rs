//! Groups that others change, damage or delete while they run, forged records, jumping clocks, and disks that are full.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use session_groups::model::number::{Positive, Usd};
use session_groups::model::run::{Attempt, AttemptOutcome, ControlRequest, GroupCause, ProcessIdentity};
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupId, GroupSession, GroupStatus, SessionGroup, SessionStatus};
use session_groups::repository::{Changes, Condition, Document, GroupRepository};
use session_groups::runner::{
    Change, ChangedLimits, Claim, Clock, ControlOptions, Done, FileRunStore, RunEnd, RunNotice, RunStore,
    Runner, RunnerOptions, control,
};
use session_groups::{Error, Result};

use crate::group_driver::start_runner_with_file_limit;
use crate::group_world::{GroupWorld, session, slow, types};

const LONG_MS: u64 = 20_000;

fn update(world: &GroupWorld, text: String) {
    let changes = Changes::new(text, Vec::new()).unwrap();
    world.repository().update(&GroupWorld::id(), changes).unwrap().unwrap();
}

fn update_session(world: &GroupWorld, id: &str, text: &str) {
    let changes = Changes::new(text.to_owned(), Vec::new()).unwrap();
    assert!(world.repository().update_session(&GroupWorld::id(), id, changes).unwrap());
}

#[test]
fn fields_of_the_runner_are_restored() {
    let world = GroupWorld::new(vec![
        slow(session("a", "answers", &[]), 1_500),
        session("b", "answers", &["a"]),
        session("done", "answers", &[]),
    ]);
    let run = world.spawn(world.options());
    GroupWorld::wait_until("done", || world.stored("done").status == SessionStatus::Completed);
    world.wait_for_active(1);
    // Neither a start of `b` nor a second one of `a` or `done` may come of that.
    update_session(&world, "a", r#"{"status":"completed","attempts":[],"cost":100}"#);
    update_session(&world, "done", r#"{"status":"pending","attempts":[],"cost":0}"#);
    update(&world, r#"{"status":"completed","eventSeq":1,"controlSeen":0}"#.to_owned());
    GroupWorld::wait_until("restored", || {
        world.stored("a").status == SessionStatus::Active && world.group().status == GroupStatus::Running
    });
    assert_eq!(world.stored("b").status, SessionStatus::Pending);
    let (end, _) = run.join();
    assert_eq!(end.unwrap().status, GroupStatus::Completed);
    assert_eq!(world.notes("bill").len(), 3);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_session_that_disappears_while_it_runs_is_put_back() {
    let world =
        GroupWorld::new(vec![slow(session("a", "answers", &[]), 1_000), session("b", "answers", &["a"])]);
    update_session(&world, "a", r#"{"mine":[1]}"#);
    let run = world.spawn(world.options());
    world.wait_for_active(1);
    update(&world, r#"{"sessions":[]}"#.to_owned());
    GroupWorld::wait_until("a is back", || world.group().sessions.iter().any(|session| session.id == "a"));
    assert_eq!(run.join().0.unwrap().status, GroupStatus::Completed);
    let text = world.repository().find_by_id(&GroupWorld::id()).unwrap().unwrap();
    let text: String = text.text().split_whitespace().collect();
    assert!(text.contains(r#""mine":[1]"#), "{text}");
    assert_eq!(world.statuses(), [("a".to_owned(), SessionStatus::Completed)]);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_deleted_group_ends_its_run_and_its_processes() {
    let world = GroupWorld::new(vec![slow(session("a", "answers", &[]), LONG_MS)]);
    let run = world.spawn(world.options());
    world.wait_for_active(1);
    let lock = world.base.join("store/.locks/run-group");
    assert!(lock.is_file());
    assert!(world.repository().delete(&GroupWorld::id(), Condition::None).unwrap());
    assert_eq!(run.join().0.unwrap_err().code(), "NOT_FOUND");
    let alive =
        world.notes("process").iter().filter(|pid| crate::support::is_alive(pid.parse().unwrap())).count();
    assert_eq!((alive, lock.exists()), (0, false));
}

#[test]
fn a_damaged_group_ends_its_run_and_is_settled_once_it_is_repaired() {
    let world = GroupWorld::new(vec![slow(session("a", "answers", &[]), 500)]);
    let options = RunnerOptions { store_patience: Duration::from_millis(1_500), ..world.options() };
    let run = world.spawn(options);
    world.wait_for_active(1);
    let file = world.base.join("store/group/meta.json");
    let sound = std::fs::read(&file).unwrap();
    std::fs::write(&file, "{ torn").unwrap();
    assert_eq!(run.join().0.unwrap_err().code(), "CORRUPT");
    std::fs::write(&file, sound).unwrap();
    assert_eq!(world.run().0.unwrap().status, GroupStatus::Completed);
    assert_eq!(world.notes("process").len(), 1);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_limit_for_files_ends_a_session_before_its_output_is_lost() {
    let world = GroupWorld::new(vec![session("a", "floods_its_output", &[])]);
    assert!(start_runner_with_file_limit(&world, 2_048).wait().unwrap().success());
    let a = world.stored("a");
    assert_eq!(a.status, SessionStatus::Failed);
    let outcomes: Vec<_> = a.attempts.iter().flatten().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Some(AttemptOutcome::OutputLimit)]);
    assert!(world.billed() > 0.0);
    assert_eq!(world.problems(), [""; 0]);
}

fn attempt(uuid: &str, process: Option<ProcessIdentity>) -> Attempt {
    let text = format!(
        r#"{{"n":1,"uuid":"{uuid}","how":"fresh","startedAt":"2026-01-15T10:30:00Z","reservedUsd":1,
            "claudeSessionId":"f8583c87-dcc3-4521-834e-d68f75432474"}}"#
    );
    Attempt { process, ..session_groups::model::from_json(&text).unwrap() }
}

fn forged(attempt: Attempt) -> GroupWorld {
    let mut forged = session("a", "answers", &[]);
    forged.status = SessionStatus::Active;
    forged.claude_session_id = Some(attempt.claude_session_id.clone());
    forged.attempts = Some(vec![attempt]);
    GroupWorld::with(vec![forged], |group| group.status = GroupStatus::Running)
}

const UUID: &str = "7f2c1d2e-9c55-4b55-8a51-5f3f6f1d0c11";

#[test]
fn a_forged_process_is_not_signalled() {
    let mut innocent = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
    let own = session_groups::ownership::record(IsoTime::now()).unwrap();
    let pids = [u64::from(innocent.id()), 1, u64::from(std::process::id())];
    for pid in pids {
        let fields = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let start =
            fields.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(19)).unwrap_or("1").to_owned();
        let process = ProcessIdentity {
            pid: Positive::clamped(pid),
            start_time: start,
            boot_id: own.boot_id.clone(),
            host: own.host.clone(),
        };
        let world = forged(attempt(UUID, Some(process)));
        // If the environment of a process cannot be read, the group pauses instead.
        let end = world.run().0.unwrap();
        let is_told = end.cause == Some(GroupCause::UnknownProcess);
        assert!(end.status == GroupStatus::Completed || is_told, "{pid}: {end:?}");
        assert!(innocent.try_wait().unwrap().is_none(), "{pid}");
    }
    innocent.kill().unwrap();
    innocent.wait().unwrap();
}

#[test]
fn a_session_of_another_machine_waits_for_a_person() {
    let process = ProcessIdentity {
        pid: Positive::clamped(7),
        start_time: "1".to_owned(),
        boot_id: "other".to_owned(),
        host: "other".to_owned(),
    };
    for attempt in [attempt(UUID, Some(process)), attempt("forged", None)] {
        let world = forged(attempt);
        let mut warnings = Vec::new();
        let runner = Runner::new(world.store(), world.options());
        let end = runner.run(|notice| {
            if let RunNotice::Warning(text) = notice {
                warnings.push(text.to_owned());
            }
        });
        let unknown = RunEnd { status: GroupStatus::Paused, cause: Some(GroupCause::UnknownProcess) };
        assert_eq!(end.unwrap(), unknown);
        assert!(warnings[0].contains("assumeDead: [\"a\"]"), "{warnings:?}");
        assert_eq!(world.notes("process").len(), 0);
        let assume_dead = vec!["a".to_owned()];
        let (end, _) = world.run_with(RunnerOptions { assume_dead, ..world.options() });
        assert_eq!(end.unwrap().status, GroupStatus::Completed);
    }
}

#[test]
fn a_cycle_that_is_added_makes_its_sessions_unreachable() {
    let world = GroupWorld::new(vec![
        slow(session("a", "answers", &[]), 800),
        session("b", "answers", &["a"]),
        session("c", "answers", &["b"]),
    ]);
    let run = world.spawn(world.options());
    world.wait_for_active(1);
    update_session(&world, "b", r#"{"dependsOn":["c"]}"#);
    let (end, events) = run.join();
    let unreachable = RunEnd { status: GroupStatus::Failed, cause: Some(GroupCause::Unreachable) };
    assert_eq!(end.unwrap(), unreachable);
    assert_eq!(types(&events).iter().filter(|name| **name == "session_unreachable").count(), 2);
    assert_eq!(world.stored("a").status, SessionStatus::Completed);
}

#[test]
fn a_budget_below_what_is_spent_pauses_the_group() {
    let world =
        GroupWorld::new(vec![session("a", "answers", &[]), slow(session("b", "answers", &["a"]), LONG_MS)]);
    let run = world.spawn(world.options());
    GroupWorld::wait_until("b runs", || world.stored("b").status == SessionStatus::Active);
    let mut group = world.group();
    group.config.max_budget_usd = Usd::clamped(0.001);
    update(&world, format!(r#"{{"config":{}}}"#, serde_json::to_string(&group.config).unwrap()));
    let exceeded = RunEnd { status: GroupStatus::Paused, cause: Some(GroupCause::BudgetExceeded) };
    assert_eq!(run.join().0.unwrap(), exceeded);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_clock_that_jumps_disturbs_nothing() {
    let world = GroupWorld::new(vec![session("a", "answers", &[]), session("b", "crashes_once", &["a"])]);
    // Years forward and back at each look.
    let jumping = || {
        let calls = AtomicU64::new(0);
        Arc::new(move || match calls.fetch_add(1, Ordering::Relaxed) % 3 {
            0 => 1_795_000_000_000.0,
            1 => 4_102_444_800_000.0,
            _ => 946_684_800_000.0,
        })
    };
    let options = RunnerOptions { clock: jumping(), wall_clock: jumping(), ..world.options() };
    assert_eq!(world.run_with(options).0.unwrap().status, GroupStatus::Completed);
    assert!(world.group().updated_at.unix_ms() >= 1_768_000_000_000.0);
    // The cost of a crash is not known.
    let problems = world.problems().into_iter().filter(|problem| !problem.contains("were billed"));
    assert_eq!(problems.collect::<Vec<_>>(), [""; 0]);
}

/// A wall clock that runs like that of the system, and is ahead of it after sleeps of the machine.
#[derive(Clone, Default)]
struct SleepyClock(Arc<AtomicU64>);

impl SleepyClock {
    fn options(&self, options: RunnerOptions) -> RunnerOptions {
        let ahead = Arc::clone(&self.0);
        let clock: Clock = Arc::new(move || {
            #[allow(clippy::cast_precision_loss, reason = "hours")]
            let ahead = ahead.load(Ordering::Relaxed) as f64;
            IsoTime::now().unix_ms() + ahead
        });
        RunnerOptions { clock: Arc::clone(&clock), wall_clock: clock, ..options }
    }

    fn sleep_for_an_hour(&self) {
        self.0.fetch_add(3_600_000, Ordering::Relaxed);
    }
}

#[test]
fn a_machine_that_sleeps_for_an_hour_goes_on_with_its_sessions() {
    let world =
        GroupWorld::new(vec![slow(session("a", "answers", &[]), 800), session("b", "answers", &["a"])]);
    let clock = SleepyClock::default();
    let run = world.spawn(clock.options(world.options()));
    world.wait_for_active(1);
    clock.sleep_for_an_hour();
    assert_eq!(run.join().0.unwrap().status, GroupStatus::Completed);
    assert_eq!((world.notes("process").len(), world.problems()), (2, Vec::new()));
    let session = world.stored("a");
    assert!(session.ran_ms().unwrap() < 60_000.0, "the sleep is not a part of its running time");
    let hour = session.completed_at.unwrap().unix_ms() - session.started_at.unwrap().unix_ms();
    assert!(hour >= 3_600_000.0);
}

#[test]
fn a_usage_limit_that_ends_while_the_machine_sleeps_is_not_waited_for_any_longer() {
    let world = GroupWorld::new(vec![session("a", "meets_a_usage_limit", &[])]);
    let clock = SleepyClock::default();
    let mut options = clock.options(world.options());
    let in_half_an_hour = IsoTime::now().unix_ms() / 1000.0 + 1800.0;
    options.environment.set("FAKE_RESETS_AT", format!("{in_half_an_hour:.0}"));
    let run = world.spawn(options);
    GroupWorld::wait_until("a waits", || world.stored("a").waits_until.is_some());
    let config = r#"{"generateClaudeMd":false,"generateSettings":false,"env":{"FAKE_BEHAVIOUR":"answers"}}"#;
    update_session(&world, "a", &format!(r#"{{"config":{config}}}"#));
    assert_eq!(world.notes("process").len(), 1);
    clock.sleep_for_an_hour();
    GroupWorld::wait_until("it has ended", || world.group().status == GroupStatus::Completed);
    run.join().0.unwrap();
    let attempts = world.stored("a").attempts.unwrap();
    let outcomes = [attempts.first(), attempts.last()].map(|attempt| attempt.unwrap().outcome);
    assert_eq!(outcomes, [Some(AttemptOutcome::Limited), Some(AttemptOutcome::Completed)]);
    assert_eq!(world.problems(), [""; 0]);
}

type Commit = dyn Fn(&FileRunStore, Change, Done) + Send + Sync;

/// A store whose commits are disturbed.
#[derive(Clone)]
struct Disturbed {
    store: FileRunStore,
    commit: Arc<Commit>,
}

/// A store whose disk is full for a while.
fn full_disk(world: &GroupWorld, is_full: &Arc<AtomicBool>) -> Disturbed {
    let is_full = Arc::clone(is_full);
    let commit = move |store: &FileRunStore, change: Change, done: Done| {
        if !is_full.load(Ordering::Relaxed) {
            return store.commit(change, done);
        }
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = Error::not_committed("group", "meta.json".as_ref(), "writing", source);
        session_groups::executor::run(move || done(Err(error)));
    };
    Disturbed { store: world.store(), commit: Arc::new(commit) }
}

impl RunStore for Disturbed {
    fn id(&self) -> &GroupId {
        self.store.id()
    }

    fn load(&self) -> Result<Option<Document>> {
        self.store.load()
    }

    fn commit(&self, change: Change, done: Done) {
        (self.commit)(&self.store, change, done);
    }

    fn watch(&self, changed: Arc<dyn Fn() + Send + Sync>) -> Result<Box<dyn Send>> {
        self.store.watch(changed)
    }

    fn claim(&self) -> Result<Claim> {
        self.store.claim()
    }

    fn is_claimed(&self) -> Result<bool> {
        self.store.is_claimed()
    }

    fn directory(&self) -> Option<std::path::PathBuf> {
        self.store.directory()
    }
}

#[test]
fn a_disk_that_is_full_for_a_while_loses_nothing() {
    let world =
        GroupWorld::new(vec![slow(session("a", "answers", &[]), 300), session("b", "answers", &["a"])]);
    let is_full = Arc::new(AtomicBool::new(false));
    let store = full_disk(&world, &is_full);
    let thread = Runner::new(store, world.options()).spawn(|_| {}).unwrap();
    world.wait_for_active(1);
    is_full.store(true, Ordering::Relaxed);
    // The session ends meanwhile, and its dependant must not start before that is stored.
    GroupWorld::wait_until("a has answered", || world.notes("bill").len() == 1);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((world.notes("process").len(), world.stored("a").status), (1, SessionStatus::Active));
    is_full.store(false, Ordering::Relaxed);
    assert_eq!(thread.join().unwrap().unwrap().status, GroupStatus::Completed);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_pause_that_comes_while_the_limits_of_the_run_are_stored_is_carried_out() {
    let world = GroupWorld::new(vec![slow(session("a", "answers", &[]), LONG_MS)]);
    let has_asked = AtomicBool::new(false);
    let options = world.options();
    let commit = move |store: &FileRunStore, change: Change, done: Done| {
        if !has_asked.swap(true, Ordering::Relaxed) {
            let ask = ControlOptions { wait: None, ..ControlOptions::default() };
            control(store, ControlRequest::Pause, &ask, &options).unwrap();
        }
        store.commit(change, done);
    };
    let store = Disturbed { store: world.store(), commit: Arc::new(commit) };
    let limits = ChangedLimits { max_concurrent: Some(Positive::clamped(2)), ..ChangedLimits::default() };
    let end = Runner::new(store, RunnerOptions { limits, ..world.options() }).run(|_| {}).unwrap();
    assert_eq!(end, RunEnd { status: GroupStatus::Paused, cause: Some(GroupCause::Manual) });
    assert_eq!(world.group().config.max_concurrent_sessions.get(), 2);
}

#[test]
fn a_budget_that_cannot_be_stored_is_reported() {
    let world = GroupWorld::new(vec![slow(session("a", "answers", &[]), LONG_MS)]);
    let is_full = Arc::new(AtomicBool::new(false));
    let runner = Runner::new(full_disk(&world, &is_full), world.options());
    let handle = runner.handle();
    let (sender, warnings) = std::sync::mpsc::channel();
    let observer = move |notice: RunNotice<'_>| {
        if let RunNotice::Warning(text) = notice {
            sender.send(text.to_owned()).unwrap();
        }
    };
    let thread = runner.spawn(observer).unwrap();
    world.wait_for_active(1);
    is_full.store(true, Ordering::Relaxed);
    handle.resume(Some(Usd::clamped(7.0))).unwrap();
    let warning = warnings.recv_timeout(crate::support::PATIENCE).unwrap();
    assert!(warning.starts_with("the budget stays as it is: "), "{warning}");
    is_full.store(false, Ordering::Relaxed);
    handle.stop(true).unwrap();
    thread.join().unwrap().unwrap();
}

#[test]
fn a_disk_that_stays_full_ends_the_run_and_the_next_one_settles_it() {
    let world = GroupWorld::new(vec![
        slow(session("a", "answers", &[]), 300),
        slow(session("b", "answers", &[]), LONG_MS),
    ]);
    let is_full = Arc::new(AtomicBool::new(false));
    let store = full_disk(&world, &is_full);
    let options = RunnerOptions { store_patience: Duration::from_millis(1_500), ..world.options() };
    let thread = Runner::new(store, options).spawn(|_| {}).unwrap();
    world.wait_for_active(2);
    is_full.store(true, Ordering::Relaxed);
    assert_eq!(thread.join().unwrap().unwrap_err().code(), "NOT_COMMITTED");
    assert_eq!(
        world.notes("process").iter().filter(|pid| crate::support::is_alive(pid.parse().unwrap())).count(),
        0
    );
    let group: SessionGroup = world.group();
    let sessions: Vec<GroupSession> = group.sessions.into_iter().map(|session| slow(session, 20)).collect();
    update(&world, format!(r#"{{"sessions":{}}}"#, serde_json::to_string(&sessions).unwrap()));
    assert_eq!(world.run().0.unwrap().status, GroupStatus::Completed);
    let outcome = world.stored("a").attempts.unwrap()[0].outcome;
    assert_eq!(outcome, Some(AttemptOutcome::Completed));
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_run_that_leaves_its_sessions_alone_stores_nothing_after_its_end() {
    let world = GroupWorld::new(vec![slow(session("a", "answers", &[]), 300)]);
    let [is_slow, is_open] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let (slow_now, open) = (Arc::clone(&is_slow), Arc::clone(&is_open));
    let commit = move |store: &FileRunStore, change: Change, done: Done| {
        if !slow_now.load(Ordering::Relaxed) {
            return store.commit(change, done);
        }
        open.store(true, Ordering::Relaxed);
        let (store, open) = (store.clone(), Arc::clone(&open));
        session_groups::executor::run_later(Duration::from_millis(300), move || {
            store.commit(
                change,
                Box::new(move |result| {
                    open.store(false, Ordering::Relaxed);
                    done(result);
                }),
            );
        });
    };
    let runner = Runner::new(Disturbed { store: world.store(), commit: Arc::new(commit) }, world.options());
    let handle = runner.handle();
    let thread = runner.spawn(|_| {}).unwrap();
    world.wait_for_active(1);
    is_slow.store(true, Ordering::Relaxed);
    GroupWorld::wait_until("a commit is under way", || is_open.load(Ordering::Relaxed));
    handle.detach();
    assert_eq!(thread.join().unwrap().unwrap_err().code(), "INVALID_STATE");
    assert!(!is_open.load(Ordering::Relaxed));
    assert_eq!(world.run().0.unwrap().status, GroupStatus::Completed);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_store_that_everyone_may_write_to_is_not_run() {
    use std::os::unix::fs::PermissionsExt;
    let world = GroupWorld::new(vec![session("a", "answers", &[])]);
    let permit =
        |mode| std::fs::set_permissions(world.base.join("store"), PermissionsExt::from_mode(mode)).unwrap();
    permit(0o777);
    assert_eq!(world.run().0.unwrap_err().code(), "INSECURE_STORE");
    permit(0o700);
    assert_eq!((world.notes("process").len(), world.group().status), (0, GroupStatus::Created));
}

#[test]
fn projects_that_cannot_be_used_are_found_before_anything_starts() {
    let world = GroupWorld::with(
        vec![
            session("a", "answers", &[]),
            session("b", "answers", &[]),
            session("c", "answers", &[]),
            session("d", "answers", &[]),
        ],
        |group| {
            let project = group.sessions[0].project_path.clone();
            let base = project.strip_suffix("/project").unwrap().to_owned();
            group.sessions[2].project_path = format!("{project}/none");
            group.sessions[3].project_path = format!("{base}/store/group");
            group.sessions[1].project_path = base;
        },
    );
    let before = world.group();
    let expected = [
        "session \"b\": cannot start a session in",
        "contains the store",
        "session \"c\": ",
        "no such directory",
        "session \"d\": ",
        "lies in the store",
    ];
    let runner = || Runner::new(world.store(), world.options());
    for error in [world.run().0.unwrap_err(), runner().plan(None).unwrap_err()] {
        assert_eq!(error.code(), "INVALID_STATE");
        assert!(expected.iter().all(|text| error.to_string().contains(text)), "{error}");
    }
    // Nothing was stored or started, not even the session that could have been.
    assert_eq!((world.group(), world.notes("process").len()), (before, 0));
    // Those that are not part of the run do not matter.
    let options = RunnerOptions { only: Some(vec!["a".into()]), ..world.options() };
    assert_eq!(world.run_with(options).0.unwrap().status, GroupStatus::Paused);
    assert_eq!(world.stored("a").status, SessionStatus::Completed);
}

#[test]
fn a_project_that_is_missing_when_its_session_starts_fails_that_session() {
    let world =
        GroupWorld::with(vec![session("a", "answers", &[]), session("b", "answers", &["a"])], |group| {
            group.sessions[1].project_path.push_str("/none");
        });
    assert_eq!(world.run().0.unwrap().status, GroupStatus::Failed);
    assert_eq!(world.stored("a").status, SessionStatus::Completed);
    assert!(world.stored("b").error.unwrap().contains("no such directory"));
}
