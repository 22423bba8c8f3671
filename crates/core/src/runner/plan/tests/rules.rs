//! Single rules, each in a world where nothing else happens.

use std::sync::Arc;

use super::super::stored::MAX_STORED_ATTEMPTS;
use super::super::*;
use super::steps::{Ask, Say, Step};
use super::world::{Bounds, ProcState, World, group, session};
use crate::model::run::{AttemptKind, AttemptOutcome, GroupCause};
use crate::model::{GroupStatus, SessionStatus};

fn world(graph: &[Vec<usize>], change: impl FnOnce(&mut StoredGroup)) -> World {
    let mut stored = group(&graph.to_vec());
    change(&mut stored);
    let bounds =
        Bounds { crashes: 99, troubles: 99, hangs: 99, activity: 99, limits: 99, ..Bounds::default() };
    World::new(stored, RunOptions::default(), bounds, None)
}

/// Lets steps happen, each followed by the commits that it causes.
fn follow(world: &mut World, steps: &[Step]) {
    for &step in steps {
        world.apply(step).unwrap_or_else(|message| panic!("{step:?}: {message}"));
        while world.commit.is_some() {
            world.apply(Step::Write).and_then(|()| world.apply(Step::Report)).expect("commits succeed");
        }
    }
}

fn start(world: &mut World, number: usize) {
    follow(world, &[Step::Spawn(number), Step::ReportStart(number)]);
}

fn run_to_end(world: &mut World, number: usize, say: Say) {
    start(world, number);
    follow(world, &[Step::Print(number, say), Step::Exit(number)]);
}

fn wait(world: &World, number: u32) -> Option<Wait> {
    world.run.wait(SessionIndex(number))
}

fn milliseconds_to_deadline(world: &World) -> u64 {
    world.run.deadline().map_or(0, |deadline| deadline.since(world.now.monotonic))
}

#[test]
fn longest_path_starts_first_then_the_order_of_the_group() {
    // 0 and 1 have no dependants; 2 is followed by 3.
    let mut world = world(&[vec![], vec![], vec![], vec![2]], |stored| stored.settings.max_concurrent = 1);
    follow(&mut world, &[Step::Begin]);
    run_to_end(&mut world, 2, Say::Success);
    assert_eq!(
        [0, 1, 3].map(|number| wait(&world, number)),
        [Some(Wait::Spawn), Some(Wait::Slot), Some(Wait::Slot)]
    );
}

#[test]
fn shares_divide_what_is_neither_spent_nor_reserved_among_free_slots() {
    let mut world = world(&[vec![], vec![], vec![]], |stored| stored.settings.budget = Nanos::cents(100));
    follow(&mut world, &[Step::Begin]);
    assert_eq!([0, 1].map(|number| world.processes[number].cap), [Some(Nanos::cents(50)); 2]);
    // 10 cents are spent, 50 reserved: the third session gets the remaining 40.
    run_to_end(&mut world, 0, Say::Success);
    assert_eq!(world.processes[2].cap, Some(Nanos::cents(40)));
}

#[test]
fn a_share_is_limited_by_the_own_budget() {
    let mut world = world(&[vec![]], |stored| {
        Arc::make_mut(&mut stored.sessions[0].settings).max_budget = Some(Nanos::cents(12));
    });
    follow(&mut world, &[Step::Begin]);
    assert_eq!(world.processes[0].cap, Some(Nanos::cents(12)));
    run_to_end(&mut world, 0, Say::Cap);
    assert_eq!(world.stored.sessions[0].record.status, SessionStatus::Failed);
}

#[test]
fn transient_failures_are_retried_later_and_later() {
    let mut world = world(&[vec![]], |stored| Arc::make_mut(&mut stored.sessions[0].settings).retries = 2);
    follow(&mut world, &[Step::Begin]);
    run_to_end(&mut world, 0, Say::Transient);
    assert!((15_000..=30_000).contains(&milliseconds_to_deadline(&world)));
    assert!(matches!(wait(&world, 0), Some(Wait::Retry(_))));
    follow(&mut world, &[Step::Time]);
    run_to_end(&mut world, 0, Say::Transient);
    assert!((30_000..=60_000).contains(&milliseconds_to_deadline(&world)));
    follow(&mut world, &[Step::Time]);
    run_to_end(&mut world, 0, Say::Transient);
    assert_eq!(world.stored.sessions[0].record.status, SessionStatus::Failed);
}

/// A session that fails transiently at every other attempt, and does `otherwise` at the others. Returns its outcomes.
fn outcomes_of_turns(otherwise: impl Fn(&mut World)) -> Vec<AttemptOutcome> {
    let mut world = world(&[vec![]], |stored| Arc::make_mut(&mut stored.sessions[0].settings).retries = 2);
    follow(&mut world, &[Step::Begin]);
    for _ in 0..MAX_STORED_ATTEMPTS {
        run_to_end(&mut world, 0, Say::Transient);
        if world.stored.sessions[0].record.status == SessionStatus::Failed {
            break;
        }
        follow(&mut world, &[Step::Time]);
        otherwise(&mut world);
    }
    let attempts = &world.stored.sessions[0].record.attempts;
    attempts.iter().filter_map(|attempt| attempt.outcome).collect()
}

#[test]
fn a_session_that_fails_in_turns_comes_to_an_end() {
    use AttemptOutcome::{Crashed, Failed};
    let crashes = |world: &mut World| {
        start(world, 0);
        follow(world, &[Step::Exit(0)]);
    };
    assert_eq!(outcomes_of_turns(crashes), [Failed, Crashed, Failed, Crashed, Failed]);
    // The runner dies with the session at each resume, and another one takes over.
    let dies_with_its_runner = |world: &mut World| {
        start(world, 0);
        follow(world, &[Step::Crash, Step::Exit(0), Step::Begin, Step::Look(0)]);
    };
    assert_eq!(outcomes_of_turns(dies_with_its_runner), [Failed, Crashed, Failed, Crashed, Failed]);
}

#[test]
fn numbers_of_attempts_never_repeat_and_stay_exact_in_javascript() {
    const MAX: u64 = (1 << 53) - 1;
    let numbers = |stored: &[u64]| {
        let attempts = stored.iter().map(|&n| AttemptRecord {
            n,
            how: AttemptKind::Fresh,
            reserved: Nanos::ZERO,
            cost: Nanos::ZERO,
            estimated: false,
            has_process: true,
            outcome: Some(AttemptOutcome::Interrupted),
        });
        let mut world = world(&[vec![]], |group| {
            group.sessions[0].record.conversation = true;
            group.sessions[0].record.attempts = attempts.collect();
        });
        follow(&mut world, &[Step::Begin]);
        run_to_end(&mut world, 0, Say::Transient);
        follow(&mut world, &[Step::Time]);
        run_to_end(&mut world, 0, Say::Success);
        let record = &world.stored.sessions[0].record;
        assert_eq!(record.status, SessionStatus::Completed);
        record.attempts.iter().skip(stored.len()).map(|attempt| attempt.n).collect::<Vec<_>>()
    };
    let cases: [(&[u64], [u64; 2]); 7] = [
        (&[], [1, 2]),
        (&[7, 9], [10, 11]),
        (&[u64::from(u32::MAX)], [1 << 32, (1 << 32) + 1]),
        (&[MAX - 1], [MAX, 1]),
        (&[MAX], [1, 2]),
        (&[2, MAX], [1, 3]),
        (&[u64::MAX], [1, 2]),
    ];
    for (stored, expected) in cases {
        assert_eq!(numbers(stored), expected, "{stored:?}");
    }
}

#[test]
fn after_a_usage_limit_one_session_probes_first() {
    let mut world = world(&[vec![], vec![]], |_| {});
    follow(&mut world, &[Step::Begin]);
    run_to_end(&mut world, 0, Say::Limit);
    assert!(matches!(wait(&world, 0), Some(Wait::UsageLimit(_))));
    run_to_end(&mut world, 1, Say::Success);
    follow(&mut world, &[Step::Time; 7]);
    start(&mut world, 0);
    assert_eq!(wait(&world, 0), Some(Wait::Turn));
    follow(&mut world, &[Step::Advance(0)]);
    assert_eq!(world.shared_limit, None);
}

#[test]
fn usage_limits_without_a_usable_end_wait_longer_and_longer() {
    let never = Wall(u64::MAX);
    for until in [None, Some(Wall(0)), Some(never)] {
        let mut world = world(&[vec![], vec![]], |_| {});
        follow(&mut world, &[Step::Begin]);
        let minutes: Vec<u64> = (0..5)
            .map(|_| {
                let session = SessionIndex(0);
                world.run.handle(world.now, Input::LimitOpened { until });
                world.run.limit_reached(session, until);
                world.run.limit_reached(SessionIndex(1), until);
                let end = world.run.limit.until().expect("the limit holds");
                let wait_ms = end.since(world.now.wall);
                world.now.wall = end;
                world.run.handle(world.now, Input::TimePassed);
                world.run.check_limit();
                // Without the jitter of 30 to 90 seconds.
                (wait_ms - 30_000) / 60_000
            })
            .collect();
        assert_eq!(minutes, [5, 15, 30, 60, 60], "{until:?}");
    }
}

#[test]
fn a_hanging_process_goes_down_the_ladder() {
    let mut world = world(&[vec![]], |_| {});
    follow(&mut world, &[Step::Begin]);
    start(&mut world, 0);
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(milliseconds_to_deadline(&world));
        if seen.len() < 4 {
            follow(&mut world, &[Step::Time]);
        }
    }
    assert_eq!(seen, [900_000, 5_000, 10_000, 0]);
    let process = world.processes[0];
    assert!(process.is_interrupted && process.is_terminated && process.is_killed);
    follow(&mut world, &[Step::Exit(0)]);
    let attempts = &world.stored.sessions[0].record.attempts;
    assert_eq!(attempts[0].outcome, Some(AttemptOutcome::Stalled));
    assert!(attempts[0].estimated && attempts[1].reserved == attempts[0].reserved);
}

#[test]
fn a_further_turn_that_a_pause_cuts_off_is_not_the_success_before_it() {
    let mut world = world(&[vec![]], |_| {});
    world.bounds.requests = 1;
    follow(&mut world, &[Step::Begin]);
    start(&mut world, 0);
    let success = [Step::Background(0, true), Step::Print(0, Say::Success)];
    follow(&mut world, &success);
    follow(&mut world, &[Step::Ask(Ask::PauseHere), Step::Advance(0), Step::Exit(0)]);
    let record = &world.stored.sessions[0].record;
    assert_eq!(record.attempts[0].outcome, Some(AttemptOutcome::Killed));
    assert_eq!(record.status, SessionStatus::Paused);
}

#[test]
fn money_of_a_crashed_turn_is_held_when_the_next_attempt_never_became_a_process() {
    let mut world = world(&[vec![]], |_| {});
    world.bounds.crashes = 1;
    follow(&mut world, &[Step::Begin]);
    start(&mut world, 0);
    let reserved = world.stored.sessions[0].record.reserved();
    follow(&mut world, &[Step::Exit(0)]);
    assert_eq!(world.stored.sessions[0].record.attempts.len(), 2);
    follow(&mut world, &[Step::Crash, Step::Begin]);
    world.apply(Step::Look(0)).expect("it never started");
    let record = &world.run.session(SessionIndex(0)).record;
    assert_eq!(record.attempts[1].outcome, Some(AttemptOutcome::Killed));
    assert_eq!((record.attempts.len(), record.reserved()), (3, reserved));
}

#[test]
fn failing_commits_are_tried_again_after_1_2_5_and_10_seconds_and_given_up_after_60() {
    let mut world = world(&[vec![]], |_| {});
    world.bounds.failed_commits = 99;
    let mut delays = Vec::new();
    world.apply(Step::Begin).expect("the run begins");
    while world.outcome.is_none() {
        if world.commit.is_some() {
            world.apply(Step::FailCommit).expect("a commit may fail");
        } else {
            delays.push(milliseconds_to_deadline(&world));
            world.apply(Step::Time).expect("time passes");
        }
    }
    assert_eq!(delays, [1_000, 2_000, 5_000, 10_000, 10_000, 10_000, 10_000, 10_000, 2_000]);
    assert_eq!(world.outcome, Some(Outcome::WriteFailed));
}

#[test]
fn starts_that_lack_something_are_taken_back_and_tried_again_every_5_seconds_and_given_up_after_60() {
    let mut world = world(&[vec![]], |_| {});
    world.bounds.failed_commits = 99;
    follow(&mut world, &[Step::Begin]);
    let mut delays = Vec::new();
    while world.outcome.is_none() {
        if world.processes[0].state == ProcState::Commanded {
            world.apply(Step::Shortage(0)).expect("something may be lacking");
            continue;
        }
        let step = match world.commit {
            Some((_, false)) => Step::Write,
            Some((_, true)) => Step::Report,
            None => {
                assert_eq!(world.stored.sessions[0].record.attempts, []);
                delays.push(milliseconds_to_deadline(&world));
                Step::Time
            }
        };
        world.apply(step).expect("it happens");
    }
    assert_eq!(delays, [5_000; 12]);
    assert_eq!(world.outcome, Some(Outcome::WriteFailed));
}

#[test]
fn a_run_goes_on_once_nothing_is_lacking_any_more() {
    let mut world = world(&[vec![]], |_| {});
    world.bounds.failed_commits = 1;
    follow(&mut world, &[Step::Begin]);
    world.apply(Step::Shortage(0)).expect("a start is commanded");
    assert_eq!(wait(&world, 0), Some(Wait::Shortage));
    follow(&mut world, &[Step::Write, Step::Report, Step::Time]);
    run_to_end(&mut world, 0, Say::Success);
    assert_eq!(world.outcome, Some(Outcome::Ended(GroupStatus::Completed, None)));
    assert_eq!(world.stored.sessions[0].record.attempts.len(), 1);
}

#[test]
fn looks_that_lack_something_are_made_again_every_5_seconds_and_given_up_after_60() {
    for is_given_up in [false, true] {
        let mut world = world(&[vec![], vec![]], |stored| stored.settings.max_concurrent = 1);
        world.bounds = Bounds { crashes: 1, ..world.bounds };
        follow(&mut world, &[Step::Begin]);
        start(&mut world, 0);
        follow(&mut world, &[Step::Crash, Step::Begin]);
        let mut delays = Vec::new();
        while delays.len() < 3 || is_given_up && world.outcome.is_none() {
            follow(&mut world, &[Step::LackLook(0)]);
            if world.outcome.is_none() {
                delays.push(milliseconds_to_deadline(&world));
                follow(&mut world, &[Step::Time]);
            }
        }
        // Nothing is decided about the session meanwhile, and nothing else starts in its place.
        assert_eq!(world.stored.sessions[0].record.open_attempt().map(|attempt| attempt.n), Some(1));
        assert_eq!(world.stored.sessions[1].record.attempts, []);
        if is_given_up {
            assert_eq!((delays, world.outcome), (vec![5_000; 12], Some(Outcome::WriteFailed)));
            continue;
        }
        follow(&mut world, &[Step::Look(0), Step::Print(0, Say::Success), Step::Exit(0)]);
        run_to_end(&mut world, 1, Say::Success);
        assert_eq!(world.outcome, Some(Outcome::Ended(GroupStatus::Completed, None)));
    }
}

#[test]
fn a_lost_output_interrupts_all_sessions_and_gives_the_run_up() {
    let mut world = world(&[vec![], vec![]], |_| {});
    world.bounds.failed_commits = 1;
    follow(&mut world, &[Step::Begin]);
    start(&mut world, 0);
    start(&mut world, 1);
    world.apply(Step::LoseOutput).expect("a process runs");
    assert!(world.processes.iter().all(|process| process.is_interrupted));
    for number in 0..2 {
        follow(&mut world, &[Step::Print(number, Say::Interrupted), Step::Exit(number)]);
    }
    assert_eq!(world.outcome, Some(Outcome::WriteFailed));
    assert!(world.stored.sessions.iter().all(|session| session.record.status == SessionStatus::Active));
}

#[test]
fn sessions_that_can_never_start_fail_the_group() {
    let mut world = world(&[vec![], vec![0], vec![1]], |stored| {
        stored.sessions.push(session(3, &[7]));
    });
    follow(&mut world, &[Step::Begin]);
    assert_eq!(wait(&world, 3), Some(Wait::Unreachable));
    run_to_end(&mut world, 0, Say::Refused);
    assert_eq!(wait(&world, 2), Some(Wait::Unreachable));
    let ended = Outcome::Ended(GroupStatus::Failed, Some(crate::model::run::GroupCause::Unreachable));
    assert_eq!(world.outcome, Some(ended));
}

#[test]
fn stored_fields_are_read_as_the_contract_says() {
    let text = r#"{ "id": "g", "name": "G", "slug": "g", "status": "running", "createdAt": "2026-01-15T10:30:00Z",
        "updatedAt": "2026-01-15T10:30:00Z", "config": { "model": "sonnet", "maxBudgetUsd": 2.5, "onBudgetExceeded": "stop",
        "warningThreshold": 0.8, "maxConcurrentSessions": 3, "concurrency": { "maxConcurrent": 5, "respectDependencies": true,
        "pauseOnError": true, "errorThreshold": 2 } }, "sessions": [{ "id": "a", "projectPath": "/p", "prompt": "x",
        "status": "active", "dependsOn": ["b"], "createdAt": "2026-01-15T10:30:00Z", "cost": 0.1, "stallTimeoutMs": 1000,
        "claudeSessionId": "c", "attempts": [{ "n": 1, "uuid": "u", "how": "fresh", "startedAt": "2026-01-15T10:30:00Z",
        "reservedUsd": 0.3, "claudeSessionId": "c" }] }] }"#;
    let group: SessionGroup = crate::model::from_json(text).expect("a valid group");
    let stored = StoredGroup::from(&group);
    assert_eq!((stored.settings.max_concurrent, stored.settings.error_threshold), (5, Some(2)));
    assert_eq!((stored.settings.budget, stored.settings.warning_at), (Nanos::cents(250), Nanos::cents(200)));
    let session = &stored.sessions[0];
    assert_eq!((session.record.cost, session.record.reserved()), (Nanos::cents(10), Nanos::cents(30)));
    assert!(session.record.conversation && session.record.open_attempt().is_some());
    assert_eq!(session.settings.stall_timeout_ms, 8 * 60_000);
    assert!(Run::new(&group, &RunOptions::default()).is_ok());
}

#[test]
fn what_an_earlier_runner_interrupted_has_not_crashed() {
    for lives_on in [true, false] {
        let mut world = world(&[vec![], vec![], vec![]], |stored| stored.settings.max_concurrent = 3);
        world.bounds = Bounds { crashes: 1, requests: 1, ..world.bounds };
        follow(&mut world, &[Step::Begin]);
        (0..3).for_each(|number| start(&mut world, number));
        follow(&mut world, &[Step::Ask(Ask::PauseHere)]);
        (0..3).for_each(|number| follow(&mut world, &[Step::Print(number, Say::Interrupted)]));
        follow(&mut world, &[Step::Crash, Step::Begin]);
        for number in 0..3 {
            let steps = [Step::Look(number), Step::Exit(number)];
            follow(&mut world, &if lives_on { steps } else { [steps[1], steps[0]] });
        }
        for number in 0..3 {
            let attempts = &world.run.session(SessionIndex(number)).record.attempts;
            assert_eq!(attempts[0].outcome, Some(AttemptOutcome::Interrupted), "lives on: {lives_on}");
            assert_eq!(wait(&world, number), Some(Wait::Spawn), "lives on: {lives_on}");
        }
    }
}

#[test]
fn the_largest_stored_running_time_overflows_nothing() {
    let mut world = world(&[vec![], vec![]], |stored| {
        for session in &mut stored.sessions {
            session.record.run_ms = u64::MAX;
        }
        Arc::make_mut(&mut stored.sessions[1].settings).timeout_ms = Some(u64::MAX);
    });
    follow(&mut world, &[Step::Begin]);
    (0..2).for_each(|number| start(&mut world, number));
    (0..2).for_each(|number| follow(&mut world, &[Step::Print(number, Say::Success), Step::Exit(number)]));
    assert_eq!(world.stored.sessions[0].record.run_ms, u64::MAX);
}

#[test]
fn a_run_that_only_settles_leaves_a_resume_to_the_next_one() {
    let mut world = world(&[vec![], vec![0]], |_| {});
    world.bounds = Bounds { requests: 1, settlements: 1, ..world.bounds };
    follow(&mut world, &[Step::Begin]);
    start(&mut world, 0);
    follow(&mut world, &[Step::Settle(Ask::PauseDrain), Step::Begin, Step::Look(0), Step::Ask(Ask::Resume)]);
    follow(&mut world, &[Step::Print(0, Say::Success), Step::Exit(0)]);
    assert_eq!(world.outcome, Some(Outcome::Ended(GroupStatus::Paused, Some(GroupCause::Manual))));
    assert_eq!(
        (wait(&world, 1), world.stored.record.control_seen),
        (Some(Wait::Halted(GroupCause::Manual)), 0)
    );
}
