//! Every behaviour with every action. Afterwards nothing lives, nothing was read twice, and every printed dollar counts.

use std::time::{Duration, Instant};

use session_groups::runner::process::{Look, Processes};
use uuid::Uuid;

use crate::behaviours::{BEHAVIOURS, Behaviour};
use crate::spawner::Spawner;
use crate::support::{
    Attempt, Ledger, PATIENCE, SETTINGS, Settings, World, after, drive, is_alive, options, patient,
};

/// Time after which an endless behaviour is ended from outside.
const ENDLESS_MS: u64 = 1_500;

/// Behaviours that may end before the gate is opened, since they do not take part in the turn.
const EARLY: [&str; 4] =
    ["refuses_its_options", "finds_no_conversation", "is_not_logged_in", "closes_its_input"];

fn start<'a>(
    world: &World,
    processes: &mut Processes,
    settings: Settings,
    behaviours: impl IntoIterator<Item = &'a Behaviour>,
) -> Vec<Attempt> {
    let mut start = |behaviour: &str| {
        let mut attempt = Attempt::new(world, behaviour, Uuid::new_v4());
        attempt.start(world, processes, settings);
        attempt
    };
    behaviours.into_iter().map(|behaviour| start(behaviour.name)).collect()
}

fn started(world: &World, processes: &mut Processes, settings: Settings) -> Vec<Attempt> {
    start(world, processes, settings, BEHAVIOURS)
}

/// Interrupts what would never end.
fn end_endless(processes: &mut Processes, attempt: &mut Attempt) {
    if Behaviour::of(&attempt.behaviour).is_endless && after(attempt, ENDLESS_MS) {
        processes.interrupt(attempt.mark);
    }
}

/// Returns `true` when an attempt may be disturbed.
fn is_under_way(attempt: &Attempt, ms: u64) -> bool {
    // Its tool bears no mark, and is found only if it was seen.
    let is_hidden = attempt.behaviour == "clears_the_environment";
    after(attempt, if is_hidden { ms + 2_000 } else { ms })
}

fn check(world: &World, attempts: &[Attempt]) {
    let problems: Vec<String> = attempts.iter().flat_map(|attempt| attempt.problems(world)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    println!("{} behaviours", attempts.len());
}

/// Does something once to each process, a while after its start.
fn act_once(act: impl Fn(&mut Processes, &Attempt)) -> Vec<Attempt> {
    let world = World::new();
    let mut processes = Processes::new(options()).unwrap();
    let mut attempts = started(&world, &mut processes, SETTINGS);
    let once = |processes: &mut Processes, attempt: &mut Attempt| {
        if is_under_way(attempt, 300) && attempt.actions == 0 {
            act(processes, attempt);
            attempt.actions = 1;
        }
    };
    drive(&mut processes, &mut attempts, once, Attempt::is_done);
    check(&world, &attempts);
    attempts
}

#[test]
fn run() {
    let world = World::new();
    let mut ended = Vec::new();
    for (must_be_ended, options) in [(false, patient()), (true, options())] {
        let mut processes = Processes::new(options).unwrap();
        let settings = Settings { line_mb: 100, ..SETTINGS };
        let chosen = BEHAVIOURS.iter().filter(|it| (it.is_endless || it.stays) == must_be_ended);
        let mut attempts = start(&world, &mut processes, settings, chosen);
        drive(&mut processes, &mut attempts, end_endless, Attempt::is_done);
        ended.extend(attempts);
    }
    check(&world, &ended);
    for attempt in &ended {
        let expected = Behaviour::of(&attempt.behaviour).status;
        assert_eq!(attempt.status(), expected, "{}: {:?}", attempt.behaviour, attempt.ended);
        let stopped = Ledger::read(&attempt.ledger).stopped_tasks;
        let expected = if attempt.behaviour == "never_ends_its_background_work" { 2 } else { 0 };
        let is_asked = stopped == expected || attempt.behaviour == "does_not_stop_its_background_work";
        assert!(is_asked, "{}: {stopped} background tasks were asked to end", attempt.behaviour);
    }
}

#[test]
fn interrupt() {
    act_once(|processes, attempt| processes.interrupt(attempt.mark));
}

#[test]
fn stop() {
    let world = World::new();
    let mut processes = Processes::new(options()).unwrap();
    let mut attempts = started(&world, &mut processes, SETTINGS);
    let stop = |processes: &mut Processes, attempt: &mut Attempt| {
        if is_under_way(attempt, 300) && attempt.actions == 0 {
            processes.interrupt(attempt.mark);
            attempt.actions = 1;
        }
        if is_under_way(attempt, 450) && attempt.actions == 1 {
            processes.terminate(attempt.mark);
            attempt.actions = 2;
        }
    };
    drive(&mut processes, &mut attempts, stop, Attempt::is_done);
    check(&world, &attempts);
}

#[test]
fn stop_now() {
    act_once(|processes, attempt| processes.terminate(attempt.mark));
}

#[test]
fn kill() {
    act_once(|processes, attempt| processes.kill(attempt.mark));
}

#[test]
fn death_of_the_spawning_process() {
    let world = World::new();
    let mut attempts = Spawner::start(&world).die();
    world.open_gate();
    // Those that can end by themselves do so. Of the others, nobody closes anything any more.
    let deadline = Instant::now() + PATIENCE;
    let ends = |attempt: &&Attempt| {
        let behaviour = Behaviour::of(&attempt.behaviour);
        let leaves_its_lock = behaviour.name.starts_with("gives_its_lock");
        !behaviour.is_endless && !behaviour.stays && !leaves_its_lock
    };
    let lives = |attempt: &Attempt| !matches!(attempt.look(&world, attempt.identity.as_ref()), Look::Gone(_));
    while Instant::now() < deadline && attempts.iter().filter(ends).any(lives) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut processes = Processes::new(options()).unwrap();
    for attempt in &mut attempts {
        let look = attempt.look(&world, attempt.identity.as_ref());
        if let Look::Alive(adoption) = look {
            processes.adopt(adoption).unwrap();
            processes.terminate(attempt.mark);
        } else {
            attempt.read_output(&look);
            processes.sweep(attempt.mark);
        }
    }
    drive(&mut processes, &mut attempts, |_, _| {}, Attempt::is_done);
    // It has neither the mark nor a parent, and nobody has seen it.
    let hidden = attempts.iter().find(|attempt| attempt.behaviour == "clears_the_environment");
    end_unmarked(hidden.unwrap());
    check(&world, &attempts);
}

#[test]
fn adoption_by_another_process() {
    let world = World::new();
    let mut attempts = Spawner::start(&world).die();
    let mut processes = Processes::new(options()).unwrap();
    let mut adopted = 0;
    for attempt in &mut attempts {
        // A runner can also die before it has recorded the process.
        let recorded = attempt.identity.clone().filter(|identity| identity.pid.get() % 2 == 0);
        let look = attempt.look(&world, recorded.as_ref());
        match look {
            Look::Alive(adoption) => {
                adopted += 1;
                processes.adopt(adoption).unwrap();
            }
            Look::Gone(_) => {
                attempt.read_output(&look);
                processes.sweep(attempt.mark);
            }
            Look::Unknown(reason) => panic!("{}: {reason}", attempt.behaviour),
        }
        attempt.started = Instant::now();
    }
    assert!(adopted >= BEHAVIOURS.len() - EARLY.len(), "only {adopted} were alive");
    world.open_gate();
    let end_endless = |processes: &mut Processes, attempt: &mut Attempt| {
        if Behaviour::of(&attempt.behaviour).is_endless && after(attempt, ENDLESS_MS) {
            // Without effect on an adopted process.
            processes.interrupt(attempt.mark);
            processes.terminate(attempt.mark);
        }
    };
    drive(&mut processes, &mut attempts, end_endless, Attempt::is_done);
    check(&world, &attempts);
    println!("{adopted} adopted");
}

fn end_unmarked(attempt: &Attempt) {
    for pid in attempt.unmarked() {
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while is_alive(pid.as_raw_nonzero().get()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn nobody_waits_for_a_sweep() {
    let world = World::new();
    let slow = session_groups::runner::process::ProcessOptions { sweep_grace: PATIENCE, ..patient() };
    let mut processes = Processes::new(slow).unwrap();
    let mut attempts = vec![Attempt::new(&world, "leaves_a_deaf_tool", Uuid::new_v4())];
    attempts[0].start(&world, &mut processes, SETTINGS);
    drive(&mut processes, &mut attempts, |_, _| {}, |attempt| attempt.ended.is_some());
    let mut other = Attempt::new(&world, "answers", Uuid::new_v4());
    other.start(&world, &mut processes, SETTINGS);
    attempts.push(other);
    drive(&mut processes, &mut attempts, |_, _| {}, |attempt| attempt.ended.is_some());
    assert!(attempts[0].swept.is_none(), "the sweep was over before another process had run");
    end_unmarked(&attempts[0]);
    drive(&mut processes, &mut attempts, |_, _| {}, Attempt::is_done);
    check(&world, &attempts);
}
