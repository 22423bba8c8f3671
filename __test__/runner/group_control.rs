//! Runs that are controlled: by handles, and from other processes.

use std::time::Duration;

use session_groups::manager::GroupManager;
use session_groups::model::number::{Positive, Usd};
use session_groups::model::run::{AttemptOutcome, ControlRequest, GroupCause};
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupSession, GroupStatus, SessionStatus};
use session_groups::repository::{Changes, Document, GroupFilter, GroupRepository};
use session_groups::runner::plan::{Retry, Spacing};
use session_groups::runner::{
    ControlOptions, Controlled, FileOwnership, RunEnd, RunStore, RunnerOptions, RunnerState, control,
};

use crate::group_driver::{send, start_runner};
use crate::group_world::{GroupWorld, session, slow, types};

/// Long enough for everything that a test does meanwhile.
const LONG_MS: u64 = 20_000;

fn two_long_sessions() -> Vec<GroupSession> {
    vec![
        slow(session("a", "answers", &[]), LONG_MS),
        slow(session("b", "answers", &[]), LONG_MS),
        session("c", "answers", &["a"]),
    ]
}

fn outcomes(world: &GroupWorld, id: &str) -> Vec<AttemptOutcome> {
    let attempts = world.stored(id).attempts.unwrap_or_default();
    attempts.iter().map(|attempt| attempt.outcome.unwrap()).collect()
}

/// Lets sessions finish at once.
fn hurry(world: &GroupWorld) -> RunnerOptions {
    let update = |group: session_groups::model::SessionGroup| {
        let sessions = group.sessions.into_iter().map(|session| slow(session, 20));
        session_groups::model::SessionGroup { sessions: sessions.collect(), ..group }
    };
    let group = Document::from_group(&update(world.group())).unwrap();
    world.repository().save(group, session_groups::repository::Condition::None).unwrap();
    world.options()
}

#[test]
fn a_pause_interrupts_and_a_later_run_resumes() {
    let world = GroupWorld::new(two_long_sessions());
    let run = world.spawn(world.options());
    world.wait_for_active(2);
    assert_eq!(run.handle.state(), RunnerState::Running);
    assert_eq!(run.handle.progress().unwrap().summary.running, 2);
    run.handle.pause(false).unwrap();
    let handle = run.handle.clone();
    let (end, events) = run.join();
    assert_eq!(end.unwrap(), RunEnd { status: GroupStatus::Paused, cause: Some(GroupCause::Manual) });
    assert_eq!((handle.state(), handle.cause()), (RunnerState::Paused, Some(GroupCause::Manual)));
    assert_eq!(handle.pause(false).unwrap_err().code(), "INVALID_STATE");
    assert_eq!(types(&events).iter().filter(|name| **name == "session_interrupted").count(), 2);
    assert_eq!(outcomes(&world, "a"), [AttemptOutcome::Interrupted]);
    assert_eq!((world.stored("a").status, world.stored("a").error), (SessionStatus::Paused, None));
    assert_eq!(world.problems(), [""; 0]);
    let conversation = world.stored("a").claude_session_id;
    let (end, _) = world.run_with(hurry(&world));
    assert_eq!(end.unwrap().status, GroupStatus::Completed);
    assert_eq!(outcomes(&world, "a"), [AttemptOutcome::Interrupted, AttemptOutcome::Completed]);
    assert_eq!(world.stored("a").claude_session_id, conversation);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_pause_right_after_the_start_is_not_lost() {
    let world = GroupWorld::new(two_long_sessions());
    let run = world.spawn(world.options());
    run.handle.pause(false).unwrap();
    assert_eq!(run.join().0.unwrap().cause, Some(GroupCause::Manual));
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_drain_lets_turns_end() {
    let world =
        GroupWorld::new(vec![slow(session("a", "answers", &[]), 600), session("b", "answers", &["a"])]);
    let run = world.spawn(world.options());
    world.wait_for_active(1);
    run.handle.pause(true).unwrap();
    assert_eq!(run.join().0.unwrap().status, GroupStatus::Paused);
    assert_eq!(outcomes(&world, "a"), [AttemptOutcome::Completed]);
    assert_eq!(world.stored("b").attempts, None);
}

#[test]
fn a_stop_fails_the_group_and_leaves_its_sessions_resumable() {
    for now in [false, true] {
        let world = GroupWorld::new(two_long_sessions());
        let run = world.spawn(world.options());
        world.wait_for_active(2);
        run.handle.stop(now).unwrap();
        let handle = run.handle.clone();
        let end = run.join().0.unwrap();
        assert_eq!(end, RunEnd { status: GroupStatus::Failed, cause: Some(GroupCause::Stopped) });
        assert_eq!(handle.state(), RunnerState::Stopped);
        let outcome = if now { AttemptOutcome::Killed } else { AttemptOutcome::Interrupted };
        assert_eq!(outcomes(&world, "a"), [outcome]);
        assert_eq!(world.stored("b").status, SessionStatus::Paused);
        assert_eq!(world.problems(), [""; 0]);
        assert_eq!(world.run_with(hurry(&world)).0.unwrap().status, GroupStatus::Completed);
    }
}

#[test]
fn requests_from_another_process_are_carried_out() {
    for (request, status, cause) in [
        ("pause", GroupStatus::Paused, GroupCause::Manual),
        ("stop", GroupStatus::Failed, GroupCause::Stopped),
        ("stop now", GroupStatus::Failed, GroupCause::Stopped),
    ] {
        let world = GroupWorld::new(two_long_sessions());
        let run = world.spawn(world.options());
        world.wait_for_active(2);
        send(&world, request);
        let group = world.group();
        assert_eq!(group.control_seen, group.control.map(|control| control.seq), "{request}");
        assert_eq!(run.join().0.unwrap(), RunEnd { status, cause: Some(cause) }, "{request}");
        assert_eq!(world.problems(), [""; 0], "{request}");
    }
}

#[test]
fn an_old_request_is_not_carried_out_again() {
    let world = GroupWorld::new(vec![slow(session("a", "answers", &[]), LONG_MS)]);
    let run = world.spawn(world.options());
    world.wait_for_active(1);
    send(&world, "pause");
    assert_eq!(run.join().0.unwrap().status, GroupStatus::Paused);
    let (end, _) = world.run_with(hurry(&world));
    assert_eq!(end.unwrap().status, GroupStatus::Completed);
}

#[test]
fn a_failed_session_is_retried_and_its_dependants_follow() {
    let world = GroupWorld::new(vec![
        session("a", "reaches_max_turns", &[]),
        session("b", "answers", &["a"]),
        slow(session("c", "answers", &[]), LONG_MS),
    ]);
    let run = world.spawn(world.options());
    GroupWorld::wait_until("a fails", || world.stored("a").status == SessionStatus::Failed);
    let fixed = session("a", "answers", &[]).config;
    let changes = format!(r#"{{"config":{}}}"#, serde_json::to_string(&fixed).unwrap());
    let changes = Changes::new(changes, Vec::new()).unwrap();
    world.repository().update_session(&GroupWorld::id(), "a", changes).unwrap();
    run.handle.retry(Some(&["a".to_owned()]), true).unwrap();
    GroupWorld::wait_until("b completes", || world.stored("b").status == SessionStatus::Completed);
    run.handle.stop(false).unwrap();
    run.join().0.unwrap();
    let attempts = world.stored("a").attempts.unwrap();
    assert_ne!(attempts[0].claude_session_id, attempts[1].claude_session_id);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn sessions_limits_and_budgets_change_while_the_group_runs() {
    let world = GroupWorld::with(two_long_sessions(), |group| {
        group.config.max_concurrent_sessions = Positive::clamped(1);
        group.config.max_budget_usd = Usd::clamped(1.0);
    });
    let run = world.spawn(world.options());
    world.wait_for_active(1);
    let mut group = world.group();
    // The first session has reserved the whole budget.
    group.config.max_budget_usd = Usd::clamped(10.0);
    group.config.max_concurrent_sessions = Positive::clamped(3);
    let config = serde_json::to_string(&group.config).unwrap();
    let changes = Changes::new(format!(r#"{{"config":{config}}}"#), Vec::new()).unwrap();
    world.repository().update(&GroupWorld::id(), changes).unwrap();
    world.wait_for_active(2);
    // A new session, which waits for another one that does not exist.
    let added =
        [session("d", "answers", &[]), session("e", "answers", &["none"])].map(|new| world.placed(new));
    let sessions: Vec<GroupSession> = world.group().sessions.into_iter().chain(added).collect();
    let changes = format!(r#"{{"sessions":{}}}"#, serde_json::to_string(&sessions).unwrap());
    world.repository().update(&GroupWorld::id(), Changes::new(changes, Vec::new()).unwrap()).unwrap();
    GroupWorld::wait_until("d completes", || world.stored("d").status == SessionStatus::Completed);
    run.handle.pause(false).unwrap();
    let (end, events) = run.join();
    assert_eq!(end.unwrap().status, GroupStatus::Paused);
    let types = types(&events);
    assert!(types.contains(&"session_unreachable") && types.contains(&"dependency_waiting"), "{types:?}");
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_handle_resumes_with_a_larger_budget() {
    let all = ["a", "b"].map(|id| session(id, "answers", &[]));
    let mut sessions = vec![slow(session("long", "answers", &[]), LONG_MS)];
    sessions.extend(all);
    let world = GroupWorld::with(sessions, |group| {
        group.config.max_concurrent_sessions = Positive::clamped(1);
    });
    let run = world.spawn(world.options());
    world.wait_for_active(1);
    run.handle.pause(true).unwrap();
    run.handle.resume(Some(Usd::clamped(77.0))).unwrap();
    // Orders are carried out in their order, also while a budget is being stored.
    run.handle.pause(false).unwrap();
    run.join().0.unwrap();
    assert_eq!(world.group().config.max_budget_usd, Usd::clamped(77.0));
    assert_eq!(outcomes(&world, "long"), [AttemptOutcome::Interrupted]);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn without_a_runner_a_pause_or_stop_ends_what_runs() {
    for (request, drain, status) in [
        (ControlRequest::Pause, false, GroupStatus::Paused),
        (ControlRequest::Stop, false, GroupStatus::Failed),
        (ControlRequest::Pause, true, GroupStatus::Paused),
    ] {
        let turn_ms = if drain { 1_500 } else { LONG_MS };
        let world = GroupWorld::new(vec![
            slow(session("a", "answers", &[]), turn_ms),
            session("b", "answers", &["a"]),
        ]);
        let mut runner = start_runner(&world, None);
        world.wait_for_active(1);
        runner.kill().unwrap();
        runner.wait().unwrap();
        assert_eq!(world.group().status, GroupStatus::Running);
        let options = ControlOptions { drain, ..ControlOptions::default() };
        let done = control(&world.store(), request, &options, &world.options()).unwrap();
        let Controlled::Settled(end) = done else { panic!("{done:?}") };
        assert_eq!((end.status, world.group().status), (status, status));
        let expected = if drain { AttemptOutcome::Completed } else { AttemptOutcome::Killed };
        assert_eq!(outcomes(&world, "a"), [expected], "{request:?}");
        assert_eq!(world.stored("b").attempts, None);
        assert_eq!(world.problems(), [""; 0]);
        assert_eq!(world.run_with(hurry(&world)).0.unwrap().status, GroupStatus::Completed);
    }
}

#[test]
fn without_a_runner_a_resume_needs_one() {
    let world = GroupWorld::new(vec![session("a", "answers", &[])]);
    let ask = |request| {
        let options = ControlOptions { wait: Some(Duration::ZERO), ..ControlOptions::default() };
        control(&world.store(), request, &options, &world.options()).unwrap()
    };
    assert_eq!(ask(ControlRequest::Resume), Controlled::NeedsRunner);
    let paused = RunEnd { status: GroupStatus::Paused, cause: Some(GroupCause::Manual) };
    assert_eq!(ask(ControlRequest::Pause), Controlled::Settled(paused));
    assert_eq!(world.notes("process").len(), 0);
    assert_eq!(world.run().0.unwrap().status, GroupStatus::Completed);
}

#[test]
fn a_summary_tells_if_a_running_group_has_a_runner() {
    let live = |world: &GroupWorld| {
        let summaries = world.repository().summaries(&GroupFilter::default(), None).unwrap();
        summaries[0].live
    };
    let world = GroupWorld::new(vec![slow(session("a", "answers", &[]), 400)]);
    assert_eq!(live(&world), None);
    let mut runner = start_runner(&world, None);
    world.wait_for_active(1);
    assert_eq!(live(&world), Some(true));
    runner.kill().unwrap();
    runner.wait().unwrap();
    assert_eq!(live(&world), Some(false));
    assert_eq!(world.run().0.unwrap().status, GroupStatus::Completed);
    assert_eq!(live(&world), None);
}

#[test]
fn a_resume_during_a_pause_without_a_runner_waits_for_its_end_and_needs_a_runner() {
    let sessions = vec![slow(session("a", "answers", &[]), 1_500), session("b", "answers", &["a"])];
    let world = GroupWorld::new(sessions);
    let mut runner = start_runner(&world, None);
    world.wait_for_active(1);
    runner.kill().unwrap();
    runner.wait().unwrap();
    let (store, options) = (world.store(), world.options());
    let drain = ControlOptions { drain: true, ..ControlOptions::default() };
    std::thread::scope(|scope| {
        let pause = scope.spawn(|| control(&store, ControlRequest::Pause, &drain, &options));
        GroupWorld::wait_until("the pause has the group", || store.is_claimed().unwrap());
        let resumed = control(&store, ControlRequest::Resume, &ControlOptions::default(), &options);
        assert_eq!(resumed.unwrap(), Controlled::NeedsRunner);
        let end = RunEnd { status: GroupStatus::Paused, cause: Some(GroupCause::Manual) };
        assert_eq!(pause.join().unwrap().unwrap(), Controlled::Settled(end));
    });
    assert_eq!(world.stored("b").status, SessionStatus::Pending);
    assert_eq!(world.run().0.unwrap().status, GroupStatus::Completed);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a_deletion_ends_what_a_dead_runner_left_and_is_refused_while_one_lives() {
    let world = GroupWorld::new(vec![slow(session("a", "answers", &[]), LONG_MS)]);
    let repository = world.repository();
    let ownership = FileOwnership::new(repository.clone(), world.options());
    let manager = GroupManager::new(&repository, &ownership);
    let mut runner = start_runner(&world, None);
    world.wait_for_active(1);
    assert_eq!(manager.delete_group(&GroupWorld::id()).unwrap_err().code(), "ALREADY_RUNNING");
    runner.kill().unwrap();
    runner.wait().unwrap();
    manager.delete_group(&GroupWorld::id()).unwrap();
    let pids = world.notes("process");
    assert!(pids.iter().all(|pid| !crate::support::is_alive(pid.parse().unwrap())));
    assert!(!world.base.join("store/.locks/run-group").exists() && !world.base.join("store/group").exists());
}

#[test]
fn a_deletion_of_an_archived_group_ends_what_a_dead_runner_left() {
    let world = GroupWorld::new(vec![slow(session("a", "answers", &[]), LONG_MS)]);
    let repository = world.repository();
    let ownership = FileOwnership::new(repository.clone(), world.options());
    let manager = GroupManager::new(&repository, &ownership);
    let mut runner = start_runner(&world, None);
    world.wait_for_active(1);
    runner.kill().unwrap();
    runner.wait().unwrap();
    manager.archive_group(&GroupWorld::id(), &IsoTime::now()).unwrap();
    manager.delete_group(&GroupWorld::id()).unwrap();
    let pids = world.notes("process");
    assert!(!pids.is_empty() && pids.iter().all(|pid| !crate::support::is_alive(pid.parse().unwrap())));
    assert!(!world.base.join("store/group").exists());
}

#[test]
fn a_dropped_session_runs_again_by_a_retry_alone() {
    let sessions = vec![session("a", "answers", &[]), session("b", "answers", &[])];
    let world = GroupWorld::with(sessions, |group| group.sessions[0].dropped = Some(true));
    assert_eq!(world.run().0.unwrap().status, GroupStatus::Completed);
    assert_eq!((world.stored("a").status, world.stored("a").attempts), (SessionStatus::Pending, None));
    let retry = Retry { sessions: Some(vec!["a".into()]), fresh: false };
    let options = RunnerOptions { retry: Some(retry), ..world.options() };
    assert_eq!(world.run_with(options).0.unwrap().status, GroupStatus::Completed);
    // Stored, so that a crash of the runner does not forget it.
    assert_eq!(world.stored("a").dropped, None);
    assert_eq!(outcomes(&world, "a"), [AttemptOutcome::Completed]);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn starts_are_spaced() {
    let sessions = ["a", "b", "c", "d"].map(|id| session(id, "answers", &[]));
    let world = GroupWorld::with(sessions.to_vec(), |group| {
        group.config.max_concurrent_sessions = Positive::clamped(4);
    });
    // Longer than the test.
    let spacing = Some(Spacing { starts: 2, window_ms: 3_600_000 });
    let run = world.spawn(RunnerOptions { spacing, ..world.options() });
    GroupWorld::wait_until("the first two complete", || {
        ["a", "b"].iter().all(|id| world.stored(id).status == SessionStatus::Completed)
    });
    run.handle.pause(false).unwrap();
    assert_eq!(run.join().0.unwrap().status, GroupStatus::Paused);
    assert_eq!(["c", "d"].map(|id| world.stored(id).attempts), [None, None]);
    assert_eq!(world.run().0.unwrap().status, GroupStatus::Completed);
    assert_eq!(world.notes("process").len(), 4);
    assert_eq!(world.problems(), [""; 0]);
}
