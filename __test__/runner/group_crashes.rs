//! Runners that are killed: nothing runs twice, nothing is lost, nothing is left running.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use session_groups::feed::{self, Event};
use session_groups::model::event::GroupEvent;
use session_groups::model::{GroupStatus, SessionStatus};
use session_groups::runner::process::{Mark, find_marked};
use session_groups::runner::{Runner, RunnerOptions};

use crate::group_driver::{ALREADY_RUNNING, IN_RECOVERY, crash_points, start_runner};
use crate::group_world::{GroupWorld, session, slow};
use crate::support::PATIENCE;

/// Three sessions in two waves.
fn world() -> GroupWorld {
    GroupWorld::new(vec![
        slow(session("a", "uses_a_tool", &[]), 60),
        session("b", "answers", &[]),
        slow(session("c", "answers", &["a", "b"]), 40),
    ])
}

/// Lets a runner take the group up until it has ended, and returns everything that is wrong then.
fn finish(world: &GroupWorld, what: &str) -> Vec<String> {
    for _ in 0..20 {
        if world.group().status == GroupStatus::Completed {
            break;
        }
        start_runner(world, None).wait().unwrap();
    }
    let mut problems = world.problems();
    for (id, status) in world.statuses() {
        if status != SessionStatus::Completed {
            problems.push(format!("{id} is {}", status.name()));
        }
        let conversation = world.stored(&id).claude_session_id.unwrap();
        let bills = world.notes("bill").iter().filter(|line| line.starts_with(&conversation)).count();
        let expected = if id == "a" { 2 } else { 1 };
        if bills != expected {
            problems.push(format!("{id} was billed {bills} times"));
        }
    }
    let all = world.notes("bill").len();
    if all != 4 {
        problems.push(format!("{all} requests were billed"));
    }
    problems.extend(problems_of_feed(world));
    problems.into_iter().map(|problem| format!("{what}: {problem}")).collect()
}

/// Each session ends once in the feed, unless that very event is in a gap.
fn problems_of_feed(world: &GroupWorld) -> Vec<String> {
    let mut ended = Vec::new();
    let mut next = 1;
    let mut problems = Vec::new();
    let text = std::fs::read_to_string(world.base.join("store/group/events.jsonl")).unwrap_or_default();
    for line in text.lines() {
        let event: feed::FeedEvent = line.parse().unwrap();
        let from = match event.event() {
            Event::Further(feed::FurtherEvent::FeedGap(gap)) => gap.from.get(),
            _ => event.seq(),
        };
        if from != next {
            problems.push(format!("event {next} is missing before {from}"));
        }
        next = event.seq() + 1;
        if let Event::Group(GroupEvent::GroupSessionCompleted(event)) = event.event() {
            ended.push(event.session_id.clone());
        }
    }
    let number = ended.len();
    ended.sort();
    ended.dedup();
    if ended.len() != number {
        problems.push(format!("a session ended twice: {number} ends of {ended:?}"));
    }
    problems
}

fn kill(mut runner: Child) {
    runner.kill().unwrap();
    runner.wait().unwrap();
}

/// Lets runners die at these points, one after the other, and the group be taken up again.
fn die_at(points: &[&str]) -> Vec<String> {
    let world = world();
    let mut problems = Vec::new();
    for point in points {
        if start_runner(&world, Some(point)).wait().unwrap().signal() != Some(9) {
            problems.push(format!("{points:?}: {point} was never reached"));
        }
    }
    problems.extend(finish(&world, &points.join(", ")));
    problems
}

#[test]
fn a_runner_that_dies_at_any_named_point_loses_and_repeats_nothing() {
    let single = crash_points().into_iter().map(|point| vec![point]);
    let double = IN_RECOVERY.map(|(first, second)| vec![first.to_owned(), second.to_owned()]);
    let all: Vec<Vec<String>> = single.chain(double).collect();
    let threads: Vec<_> = (0..3)
        .map(|thread| {
            let points: Vec<_> = all.iter().skip(thread).step_by(3).cloned().collect();
            std::thread::spawn(move || {
                let die =
                    |points: Vec<String>| die_at(&points.iter().map(String::as_str).collect::<Vec<_>>());
                points.into_iter().flat_map(die).collect::<Vec<_>>()
            })
        })
        .collect();
    let problems: Vec<String> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(problems, [""; 0]);
}

/// Starts a process that cannot be terminated and seems to be left by an attempt.
#[allow(clippy::zombie_processes, reason = "the sweep that ends it reaps it")]
fn leave_one(mark: Mark) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' TERM; while :; do sleep 0.01; done"]).env(mark.variable(), "1");
    // It must not keep the output of the tests open if it is not ended.
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.process_group(0).spawn().unwrap();
    GroupWorld::wait_until("it bears the mark", || !find_marked(mark).unwrap().is_empty());
}

#[test]
fn what_an_ended_attempt_left_is_ended_by_the_next_runner_if_its_own_was_killed_before() {
    let world = GroupWorld::new(vec![session("a", "answers", &[]), session("b", "answers", &[])]);
    let only = |id: &str| RunnerOptions { only: Some(vec![id.to_owned()]), ..world.options() };
    world.run_with(only("a")).0.unwrap();
    let ended = world.stored("a").attempts.unwrap().remove(0);
    let mark: Mark = ended.uuid.parse().unwrap();

    leave_one(mark);
    world.run_with(only("b")).0.unwrap();
    assert_eq!(find_marked(mark).unwrap(), [0; 0]);

    leave_one(mark);
    Runner::new(world.store(), world.options()).end_processes().unwrap();
    assert_eq!(find_marked(mark).unwrap(), [0; 0]);
    assert_eq!(world.problems(), [""; 0]);
}

/// Kills runners at random moments, as many times as asked for.
fn kill_at_random_moments(kills: usize, seed: u64) -> Vec<String> {
    let mut random = seed;
    let mut next = move |below: u64| {
        // xorshift
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut problems = Vec::new();
    let mut done = 0;
    while done < kills {
        let world = world();
        for _ in 0..4 {
            let runner = start_runner(&world, None);
            std::thread::sleep(Duration::from_micros(next(250_000)));
            kill(runner);
            done += 1;
        }
        problems.extend(finish(&world, &format!("after {done} kills of seed {seed}")));
    }
    problems
}

#[test]
fn runners_killed_at_random_moments_lose_and_repeat_nothing() {
    assert_eq!(kill_at_random_moments(12, 88_172_645_463_325_252), [""; 0]);
}

#[test]
#[ignore = "takes minutes; npm run test:runner runs it"]
fn a_thousand_killed_runners_lose_and_repeat_nothing() {
    let kills = std::env::var("RUNNER_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(1_000);
    let threads: Vec<_> = (1..=4)
        .map(|thread| std::thread::spawn(move || kill_at_random_moments(kills / 4, 7 + thread * 1_000_003)))
        .collect();
    let problems: Vec<String> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(problems, [""; 0]);
}

/// Starts two runners at once. One of them must be refused while the other one works; returns everything that is wrong.
fn race() -> Vec<String> {
    let world = GroupWorld::new(vec![session("a", "waits_at_a_gate", &[])]);
    let mut runners = [start_runner(&world, None), start_runner(&world, None)];
    let deadline = Instant::now() + PATIENCE;
    let mut ended = None;
    while ended.is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(2));
        ended = runners.iter_mut().position(|runner| runner.try_wait().unwrap().is_some());
    }
    // The work goes on until here, so the first runner that ends is the one that was refused.
    std::fs::write(world.base.join("gate"), "").unwrap();
    let codes = runners.each_mut().map(|runner| runner.wait().unwrap().code());
    let mut problems = world.problems();
    let refused = ended.map(|first| (codes[first], codes[1 - first]));
    if refused != Some((Some(ALREADY_RUNNING), Some(0))) {
        problems.push(format!("the runners ended with {codes:?}, the first one was {ended:?}"));
    }
    if world.notes("process").len() != 1 {
        problems.push("the session was started more than once".to_owned());
    }
    problems
}

#[test]
fn of_two_runners_in_two_processes_one_wins() {
    for round in 0..5 {
        assert_eq!(race(), [""; 0], "round {round}");
    }
}

#[test]
#[ignore = "takes minutes; npm run test:runner runs it"]
fn of_two_runners_one_wins_in_a_thousand_rounds() {
    let rounds = || (0..250).flat_map(|_| race()).collect::<Vec<_>>();
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(rounds)).collect();
    let problems: Vec<String> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(problems, [""; 0]);
}
