//! Groups that run undisturbed.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use session_groups::claude::{ClaudeVersion, Exit};
use session_groups::feed::Event;
use session_groups::model::config::ConcurrencyConfig;
use session_groups::model::number::{Count, Positive, Usd};
use session_groups::model::run::{AttemptOutcome, GroupCause, ProcessIdentity};
use session_groups::model::time::IsoTime;
use session_groups::model::{BudgetAction, GroupId, GroupStatus, SessionStatus};
use session_groups::repository::{Changes, Condition, Document, GroupRepository, InMemoryGroupRepository};
use session_groups::runner::process::{self, Ended, Fact, Mark};
use session_groups::runner::{
    Change, ChangedLimits, Claim, Done, FileRunStore, MemoryRunStore, RunEnd, RunNotice, RunStore, Runner,
    RunnerOptions, RunnerState, SessionProcesses, Start, Wake,
};

use crate::group_world::{GroupWorld, session, slow, types};
use crate::support::PATIENCE;

fn ended(status: GroupStatus, cause: Option<GroupCause>) -> RunEnd {
    RunEnd { status, cause }
}

#[test]
fn dependent_sessions_run_one_after_the_other() {
    let world = GroupWorld::new(vec![
        session("report", "answers", &["api", "web"]),
        session("api", "uses_a_tool", &[]),
        session("web", "answers", &["api"]),
    ]);
    let (end, events) = world.run();
    assert_eq!(end.unwrap(), ended(GroupStatus::Completed, None));
    assert_eq!(
        types(&events),
        [
            "group_started",
            "dependency_waiting",
            "dependency_waiting",
            "group_session_started",
            "group_session_completed",
            "dependency_resolved",
            "group_session_started",
            "group_session_completed",
            "dependency_resolved",
            "group_session_started",
            "group_session_completed",
            "group_completed",
        ]
    );
    let group = world.group();
    assert_eq!(group.status, GroupStatus::Completed);
    assert!(group.started_at.is_some() && group.completed_at.is_some());
    assert_eq!(group.event_seq.map(Count::get), Some(12));
    for session in &group.sessions {
        assert_eq!(session.status, SessionStatus::Completed, "{}", session.id);
        let [attempt] = &session.attempts.as_ref().unwrap()[..] else { panic!("{session:?}") };
        assert_eq!(attempt.outcome, Some(AttemptOutcome::Completed));
        assert_eq!(attempt.cost_usd, session.cost);
        assert_eq!(Some(&attempt.claude_session_id), session.claude_session_id.as_ref());
        assert!(attempt.process.is_some() && session.tokens.is_some() && session.run_ms.is_some());
    }
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_group_in_memory_runs_too() {
    let world = GroupWorld::new(vec![session("a", "answers", &[]), session("b", "answers", &["a"])]);
    let repository = InMemoryGroupRepository::new();
    repository.save(Document::from_group(&world.group()).unwrap(), Condition::None).unwrap();
    let options = RunnerOptions { work_dir: Some(world.base.join("work")), ..world.options() };
    let runner = Runner::new(MemoryRunStore::new(repository.clone(), GroupWorld::id()), options);
    assert_eq!(runner.run(|_| {}).unwrap().status, GroupStatus::Completed);
    let group = repository.find_by_id(&GroupWorld::id()).unwrap().unwrap().group().unwrap();
    assert_eq!(group.runner, None);
    assert!(group.sessions.iter().all(|session| session.status == SessionStatus::Completed));
    assert!(world.base.join("work/group/sessions/a/1.jsonl").is_file());
}

#[test]
fn sessions_that_crash_or_reach_their_cap_are_resumed() {
    let world = GroupWorld::new(vec![
        session("crash", "crashes_once", &[]),
        session("cap", "reaches_its_cap_once", &[]),
    ]);
    let (end, events) = world.run();
    assert_eq!(end.unwrap(), ended(GroupStatus::Completed, None));
    assert_eq!(types(&events).iter().filter(|name| **name == "session_retrying").count(), 2);
    let outcomes = |id| {
        let session = world.stored(id);
        let attempts = session.attempts.unwrap();
        attempts.iter().map(|attempt| attempt.outcome.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(outcomes("crash"), [AttemptOutcome::Crashed, AttemptOutcome::Completed]);
    assert_eq!(outcomes("cap"), [AttemptOutcome::Cap, AttemptOutcome::Completed]);
    assert_eq!(world.stored("crash").error, None);
    // The turn that crashed never printed its cost.
    let estimated = world.stored("crash").attempts.unwrap()[0].estimated;
    assert_eq!(estimated, Some(true));
    assert!(world.cost() < world.billed());
}

#[test]
fn failures_have_reasons_and_leave_dependants_unreachable() {
    let world = GroupWorld::with(
        vec![
            session("flags", "refuses_its_options", &[]),
            session("turns", "reaches_max_turns", &[]),
            session("next", "answers", &["turns"]),
            session("fine", "answers", &[]),
        ],
        |group| {
            let rules = ConcurrencyConfig { pause_on_error: false, ..ConcurrencyConfig::default() };
            group.config.concurrency = Some(rules);
        },
    );
    let (end, events) = world.run();
    assert_eq!(end.unwrap(), ended(GroupStatus::Failed, Some(GroupCause::Unreachable)));
    assert!(types(&events).contains(&"session_unreachable"));
    assert!(world.stored("flags").error.unwrap().contains("unknown option '--x'"));
    assert!(world.stored("turns").error.unwrap().starts_with("error_max_turns after 3 turns"));
    assert_eq!(world.stored("next").status, SessionStatus::Pending);
    assert_eq!(world.stored("fine").status, SessionStatus::Completed);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_session_that_crashes_again_and_again_fails() {
    let world = GroupWorld::new(vec![session("a", "crashes", &[])]);
    let (end, _) = world.run_with(RunnerOptions { max_crashes: 1, ..world.options() });
    assert_eq!(end.unwrap().status, GroupStatus::Failed);
    let stored = world.stored("a");
    assert_eq!(stored.attempts.unwrap().len(), 2);
    let error = stored.error.unwrap();
    assert!(error.starts_with("crashed too many times in a row: killed by SIG"), "{error}");
}

#[test]
fn too_many_failures_pause_the_group() {
    let failing = |id| session(id, "reaches_max_turns", &[]);
    let world = GroupWorld::with(
        vec![failing("a"), failing("b"), session("c", "answers", &["a"]), failing("d")],
        |group| group.config.max_concurrent_sessions = Positive::clamped(1),
    );
    let (end, _) = world.run();
    assert_eq!(end.unwrap(), ended(GroupStatus::Paused, Some(GroupCause::ErrorThreshold)));
    assert_eq!(world.stored("d").attempts, None);
}

#[test]
fn the_budget_stops_starts_and_a_larger_one_goes_on() {
    let all = ["a", "b", "c", "d"].map(|id| session(id, "answers", &[]));
    let world = GroupWorld::with(all.to_vec(), |group| {
        group.config.max_budget_usd = Usd::clamped(0.05);
        group.config.max_concurrent_sessions = Positive::clamped(1);
        group.config.on_budget_exceeded = BudgetAction::Pause;
    });
    let (end, events) = world.run();
    assert_eq!(end.unwrap(), ended(GroupStatus::Paused, Some(GroupCause::BudgetExceeded)));
    assert!(types(&events).contains(&"budget_exceeded"));
    assert_eq!(world.stored("a").status, SessionStatus::Completed);
    assert_eq!(world.stored("b").attempts, None);
    let limits = ChangedLimits {
        max_budget_usd: Some(Usd::clamped(1.0)),
        max_concurrent: Some(Positive::clamped(2)),
        ..ChangedLimits::default()
    };
    let (end, _) = world.run_with(RunnerOptions { limits, ..world.options() });
    assert_eq!(end.unwrap().status, GroupStatus::Completed);
    let config = world.group().config;
    assert_eq!((config.max_budget_usd.get(), config.max_concurrent_sessions.get()), (1.0, 2));
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn background_work_and_refused_tools_are_reported() {
    let world = GroupWorld::new(vec![
        session("background", "works_in_the_background", &[]),
        session("agent", "has_a_background_agent", &[]),
        session("denied", "is_denied_a_tool", &[]),
    ]);
    let (end, events) = world.run();
    assert_eq!(end.unwrap().status, GroupStatus::Completed);
    assert!(types(&events).contains(&"tools_denied"));
    assert_eq!(world.stored("denied").denied_tools.unwrap(), ["Bash"]);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_blank_prompt_is_found_before_anything_starts() {
    let mut blank = session("b", "answers", &[]);
    blank.prompt = " \n".to_owned();
    let world = GroupWorld::new(vec![session("a", "answers", &[]), blank]);
    let (end, events) = world.run();
    let error = end.unwrap_err();
    assert_eq!(error.code(), "INVALID_STATE");
    assert!(error.to_string().contains("\"b\""), "{error}");
    assert_eq!((events.len(), world.notes("process").len()), (0, 0));
    assert_eq!(world.group().status, GroupStatus::Created);
}

#[test]
fn only_the_chosen_sessions_run() {
    let world = GroupWorld::new(vec![session("a", "answers", &[]), session("b", "answers", &["a"])]);
    let (end, _) = world.run_with(RunnerOptions { skip: vec!["b".to_owned()], ..world.options() });
    assert_eq!(end.unwrap(), ended(GroupStatus::Paused, Some(GroupCause::Manual)));
    let (end, _) = world.run_with(RunnerOptions { only: Some(vec!["b".to_owned()]), ..world.options() });
    assert_eq!(end.unwrap().status, GroupStatus::Completed);
}

#[test]
fn a_usage_limit_holds_for_other_groups_of_the_account() {
    let world = GroupWorld::new(vec![session("a", "meets_a_usage_limit", &[]), session("b", "answers", &[])]);
    let mut options = RunnerOptions { wait_for_limits: false, ..world.options() };
    let in_an_hour = IsoTime::now().unix_ms() / 1000.0 + 3600.0;
    options.environment.set("FAKE_RESETS_AT", format!("{in_an_hour:.0}"));
    options.environment.set("ANTHROPIC_API_KEY", "secret");
    let limits = ChangedLimits { max_concurrent: Some(Positive::clamped(1)), ..ChangedLimits::default() };
    let (end, events) = world.run_with(RunnerOptions { limits, ..options.clone() });
    let limited = ended(GroupStatus::Paused, Some(GroupCause::UsageLimit));
    assert_eq!(end.unwrap(), limited);
    assert!(types(&events).contains(&"session_waiting_limit"));
    assert_eq!(world.stored("a").attempts.unwrap()[0].outcome, Some(AttemptOutcome::Limited));
    assert_eq!(world.stored("a").status, SessionStatus::Pending);
    assert!(world.stored("a").waits_until.unwrap().unix_ms() > in_an_hour * 1000.0);
    assert!(!std::fs::read_to_string(world.base.join("store/.limits.json")).unwrap().contains("secret"));

    let mut other = world.group();
    other.id = GroupId::new("other").unwrap();
    other.status = GroupStatus::Created;
    other.sessions = vec![world.placed(session("c", "answers", &[]))];
    world.repository().save(Document::from_group(&other).unwrap(), Condition::None).unwrap();
    let run = |options: &RunnerOptions| {
        let store = FileRunStore::new(world.repository(), other.id.clone());
        Runner::new(store, options.clone()).run(|_| {}).unwrap()
    };
    let started = world.notes("process").len();
    assert_eq!(run(&options), limited);
    assert_eq!(world.notes("process").len(), started);
    options.environment.set("ANTHROPIC_API_KEY", "another account");
    assert_eq!(run(&options).status, GroupStatus::Completed);
}

#[test]
fn a_group_in_memory_has_one_runner() {
    let world = GroupWorld::new(vec![slow(session("a", "answers", &[]), 20_000)]);
    let repository = InMemoryGroupRepository::new();
    repository.save(Document::from_group(&world.group()).unwrap(), Condition::None).unwrap();
    let options = RunnerOptions { work_dir: Some(world.base.join("work")), ..world.options() };
    let runner = || Runner::new(MemoryRunStore::new(repository.clone(), GroupWorld::id()), options.clone());
    let first = runner();
    let handle = first.handle();
    let thread = first.spawn(|_| {}).unwrap();
    let stored = || repository.find_by_id(&GroupWorld::id()).unwrap().unwrap().group().unwrap();
    GroupWorld::wait_until("it runs", || stored().sessions[0].status == SessionStatus::Active);
    let owner = stored().runner.unwrap();
    assert_eq!(owner.pid.get(), u64::from(std::process::id()));
    let error = runner().run(|_| {}).unwrap_err();
    assert_eq!(error.code(), "ALREADY_RUNNING");
    assert!(error.to_string().contains(&format!("process {}", owner.pid.get())), "{error}");
    handle.stop(true).unwrap();
    thread.join().unwrap().unwrap();
    assert_eq!(stored().runner, None);
}

#[test]
fn the_record_of_a_runner_is_renewed_while_it_runs() {
    let world = GroupWorld::new(vec![slow(session("a", "answers", &[]), 20_000)]);
    let repository = InMemoryGroupRepository::new();
    repository.save(Document::from_group(&world.group()).unwrap(), Condition::None).unwrap();
    // Each look at the clock is a minute after the one before.
    let minutes = AtomicU32::new(0);
    let clock = move || 1.8e12 + 60_000.0 * f64::from(minutes.fetch_add(1, Ordering::Relaxed));
    let options = RunnerOptions {
        work_dir: Some(world.base.join("work")),
        record_renewal: Duration::from_millis(1),
        clock: Arc::new(clock),
        ..world.options()
    };
    assert_eq!(RunnerOptions::default().record_renewal, Duration::from_secs(10));
    let runner = Runner::new(MemoryRunStore::new(repository.clone(), GroupWorld::id()), options);
    let handle = runner.handle();
    let thread = runner.spawn(|_| {}).unwrap();
    let stored = || repository.find_by_id(&GroupWorld::id()).unwrap().unwrap().group().unwrap();
    let record = || stored().runner;
    GroupWorld::wait_until("it runs", || stored().sessions[0].status == SessionStatus::Active);
    for _ in 0..3 {
        let before = record().unwrap();
        GroupWorld::wait_until("the record is renewed", || {
            record().unwrap().at.unix_ms() > before.at.unix_ms()
        });
        let now = record().unwrap();
        assert_eq!((now.pid, &now.start_time, &now.host), (before.pid, &before.start_time, &before.host));
    }
    // One that others have removed is written again, so that no second runner comes.
    let changes = Changes::new("{}".to_owned(), vec!["runner".to_owned()]).unwrap();
    repository.update(&GroupWorld::id(), changes).unwrap().unwrap();
    GroupWorld::wait_until("the record is there again", || record().is_some());
    handle.stop(true).unwrap();
    thread.join().unwrap().unwrap();
    assert_eq!(record(), None);
}

/// A store of a slow disk: a commit hangs while that is wanted.
struct Hanging {
    store: MemoryRunStore,
    is_slow: Arc<AtomicBool>,
    waiting: Arc<Mutex<Option<(Change, Done)>>>,
}

impl RunStore for Hanging {
    fn id(&self) -> &GroupId {
        self.store.id()
    }

    fn load(&self) -> session_groups::Result<Option<Document>> {
        self.store.load()
    }

    fn commit(&self, change: Change, done: Done) {
        if self.is_slow.load(Ordering::Relaxed) {
            *self.waiting.lock().unwrap() = Some((change, done));
        } else {
            self.store.commit(change, done);
        }
    }

    fn watch(&self, changed: Arc<dyn Fn() + Send + Sync>) -> session_groups::Result<Box<dyn Send>> {
        self.store.watch(changed)
    }

    fn claim(&self) -> session_groups::Result<Claim> {
        self.store.claim()
    }
}

#[test]
fn renewals_do_not_gather_behind_a_commit_that_hangs() {
    let world = GroupWorld::new(vec![slow(session("a", "answers", &[]), 20_000)]);
    let repository = InMemoryGroupRepository::new();
    repository.save(Document::from_group(&world.group()).unwrap(), Condition::None).unwrap();
    // Each renewal looks at the clock.
    let looks = Arc::new(AtomicU32::new(0));
    let clock = {
        let looks = Arc::clone(&looks);
        move || 1.8e12 + f64::from(looks.fetch_add(1, Ordering::Relaxed))
    };
    let options = RunnerOptions {
        work_dir: Some(world.base.join("work")),
        record_renewal: Duration::from_millis(1),
        clock: Arc::new(clock),
        ..world.options()
    };
    let (is_slow, waiting) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Option<_>>>::default());
    let store = MemoryRunStore::new(repository.clone(), GroupWorld::id());
    let runner = Runner::new(
        Hanging { store: store.clone(), is_slow: Arc::clone(&is_slow), waiting: Arc::clone(&waiting) },
        options,
    );
    let handle = runner.handle();
    let thread = runner.spawn(|_| {}).unwrap();
    let stored = || repository.find_by_id(&GroupWorld::id()).unwrap().unwrap().group().unwrap();
    GroupWorld::wait_until("it runs", || stored().sessions[0].status == SessionStatus::Active);
    GroupWorld::wait_until("it has a process", || !world.notes("process").is_empty());
    is_slow.store(true, Ordering::Relaxed);
    GroupWorld::wait_until("a commit hangs", || waiting.lock().unwrap().is_some());
    let before = looks.load(Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(500));
    // The output is read meanwhile, which takes a few looks.
    assert!(looks.load(Ordering::Relaxed) - before < 50);
    is_slow.store(false, Ordering::Relaxed);
    let (change, done) = waiting.lock().unwrap().take().unwrap();
    store.commit(change, done);
    let record = || stored().runner.unwrap().at.unix_ms();
    let at = record();
    GroupWorld::wait_until("the record is renewed", || record() > at);
    handle.stop(true).unwrap();
    thread.join().unwrap().unwrap();
}

/// Processes that exist in memory alone: they do what their prompts say and print nothing.
#[derive(Default)]
struct Silent {
    waker: Arc<(Mutex<bool>, Condvar)>,
    events: Vec<process::Event>,
    prompts: Vec<String>,
}

impl SessionProcesses for Silent {
    fn start(&mut self, start: &Start<'_>) -> session_groups::Result<Option<ProcessIdentity>> {
        self.prompts.push(start.prompt.to_owned());
        let exit = Exit { code: Some(i64::from(start.prompt.contains("bad"))), signal: None };
        let fact = Fact::Exited(Ended { exit, ..Ended::default() });
        self.events.push(process::Event { mark: start.mark, fact });
        Ok(None)
    }

    fn interrupt(&mut self, _: Mark) {}
    fn stop_tasks(&mut self, _: Mark) {}
    fn close_input(&mut self, _: Mark) {}
    fn terminate(&mut self, _: Mark) {}
    fn kill(&mut self, _: Mark) {}

    fn wait(&mut self, deadline: Option<Instant>) -> Vec<process::Event> {
        let events = std::mem::take(&mut self.events);
        if events.is_empty() {
            let (is_woken, changed) = &*self.waker;
            let left = deadline.map_or(PATIENCE, |at| at.saturating_duration_since(Instant::now()));
            let woken = changed.wait_timeout_while(is_woken.lock().unwrap(), left, |is_woken| !*is_woken);
            *woken.unwrap().0 = false;
        }
        events
    }

    fn waker(&self) -> Wake {
        let waker = Arc::clone(&self.waker);
        Arc::new(move || {
            *waker.0.lock().unwrap() = true;
            waker.1.notify_one();
        })
    }

    fn silence_is_success(&self) -> bool {
        true
    }

    fn are_swept(&self) -> bool {
        false
    }
}

#[test]
fn other_processes_take_the_place_of_claude_code() {
    let world =
        GroupWorld::new(vec![session("a", "-", &[]), session("b", "-", &["a"]), session("bad", "-", &["b"])]);
    let mut processes = Silent::default();
    let options = RunnerOptions { max_crashes: 0, ..world.options() };
    let runner = Runner::new(world.store(), options);
    let end = runner.run_with(&mut processes, ClaudeVersion::new(2, 1, 332), |_| {}).unwrap();
    assert_eq!(end.status, GroupStatus::Failed);
    assert_eq!(processes.prompts, ["Do a.", "Do b.", "Do bad."]);
    assert_eq!(world.stored("b").status, SessionStatus::Completed);
    assert!(world.stored("bad").error.unwrap().contains("exit code 1"));
}

#[test]
fn a_retry_by_an_observer_of_the_failure_is_carried_out_by_the_same_run() {
    let world = GroupWorld::with(vec![session("bad", "-", &[])], |group| {
        let rules = ConcurrencyConfig { pause_on_error: false, ..ConcurrencyConfig::default() };
        group.config.concurrency = Some(rules);
    });
    let mut processes = Silent::default();
    let runner = Runner::new(world.store(), RunnerOptions { max_crashes: 0, ..world.options() });
    let handle = runner.handle();
    let mut failures = 0;
    let observer = |notice: RunNotice<'_>| {
        if matches!(notice, RunNotice::Event { event, .. } if event.type_name() == "group_failed") {
            failures += 1;
            if failures == 1 {
                handle.retry(None, false).unwrap();
            }
        }
    };
    let end = runner.run_with(&mut processes, ClaudeVersion::new(2, 1, 332), observer).unwrap();
    assert_eq!(end.status, GroupStatus::Failed);
    assert_eq!((failures, processes.prompts.len()), (2, 2));
}

#[test]
fn a_panic_of_the_observer_leaves_the_group_to_the_next_runner() {
    let world = GroupWorld::new(vec![slow(session("a", "answers", &[]), 200)]);
    let runner = Runner::new(world.store(), world.options());
    let handle = runner.handle();
    let thread = runner.spawn(|notice| {
        let is_start = |event: &Event| event.type_name() == "group_session_started";
        assert!(!matches!(notice, RunNotice::Event { event, .. } if is_start(event)), "planned by the test");
    });
    assert!(thread.unwrap().join().is_err());
    assert_eq!(handle.state(), RunnerState::Completed);
    assert_eq!(world.run().0.unwrap().status, GroupStatus::Completed);
    assert_eq!(world.notes("process").len(), 1);
    assert_eq!(world.problems(), [""; 0]);
}
