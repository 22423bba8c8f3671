//! Single rules.

use std::process::Command;
use std::time::{Duration, Instant};

use session_groups::model::SessionStatus;
use session_groups::model::run::ProcessIdentity;
use session_groups::runner::process::{
    Look, ProcessOptions, Processes, SessionDirectory, Step, current_identity, find_marked,
};
use uuid::Uuid;

use crate::support::{ATTEMPT, Attempt, PATIENCE, SETTINGS, Settings, World, drive, options, patient};

fn one(
    world: &World,
    behaviour: &str,
    options: ProcessOptions,
    settings: Settings,
) -> (Processes, Vec<Attempt>) {
    let mut processes = Processes::new(options).unwrap();
    let mut attempt = Attempt::new(world, behaviour, Uuid::new_v4());
    attempt.start(world, &mut processes, settings);
    (processes, vec![attempt])
}

fn finish(world: &World, processes: &mut Processes, attempts: &mut [Attempt]) {
    drive(processes, attempts, |_, _| {}, Attempt::is_done);
    let problems: Vec<String> = attempts.iter().flat_map(|attempt| attempt.problems(world)).collect();
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
fn an_interrupted_turn_has_a_result_with_its_cost() {
    let world = World::new();
    let (mut processes, mut attempts) = one(&world, "works_on", patient(), SETTINGS);
    let interrupt = |processes: &mut Processes, attempt: &mut Attempt| {
        if attempt.stream.progress().current_tool.is_some() {
            processes.interrupt(attempt.mark);
        }
    };
    drive(&mut processes, &mut attempts, interrupt, Attempt::is_done);
    finish(&world, &mut processes, &mut attempts);
    assert_eq!(attempts[0].ended.as_ref().unwrap().step, Some(Step::Interrupt));
    assert!(attempts[0].stream.progress().cost.get() > 0.0);
}

#[test]
fn a_turn_goes_on_after_its_input_was_closed() {
    let world = World::new();
    let (mut processes, mut attempts) =
        one(&world, "answers", patient(), Settings { has_gate: true, ..SETTINGS });
    processes.close_input(attempts[0].mark);
    world.open_gate();
    finish(&world, &mut processes, &mut attempts);
    assert_eq!(
        (attempts[0].status(), attempts[0].ended.as_ref().unwrap().step),
        (SessionStatus::Completed, None)
    );
}

#[test]
fn dropping_the_processes_ends_none_of_them() {
    let world = World::new();
    let (processes, mut attempts) =
        one(&world, "answers", options(), Settings { has_gate: true, ..SETTINGS });
    drop(processes);
    let attempt = &mut attempts[0];
    assert!(matches!(attempt.look(&world, None), Look::Alive(_)));
    world.open_gate();
    let deadline = Instant::now() + PATIENCE;
    let look = loop {
        match attempt.look(&world, attempt.identity.as_ref()) {
            Look::Alive(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
            look => break look,
        }
    };
    attempt.read_output(&look);
    assert_eq!(attempt.stream.progress().cost.get().to_bits(), 0.0044_f64.to_bits());
}

/// Orphans become children of the first process of a container, and so of one that asks for them.
#[test]
#[cfg(target_os = "linux")]
fn orphans_of_a_runner_do_not_stay_as_zombies() {
    const TEST: &str = "single::orphans_of_a_runner_do_not_stay_as_zombies";
    // In a process of its own, so that it has no orphans of other tests.
    if std::env::var_os("IS_SUBREAPER").is_none() {
        let mut itself = Command::new(std::env::current_exe().unwrap());
        let outcome = itself.args(["--exact", TEST]).env("IS_SUBREAPER", "1").output().unwrap();
        assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stdout));
        return;
    }
    // SAFETY: it sets a flag of this process.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) }, 0);
    // Not those of a chain: each link may begin and end between two looks, so that nothing tells whose it was.
    for behaviour in ["leaves_a_tool", "leaves_a_deaf_tool", "forks_twice"] {
        let world = World::new();
        let (mut processes, mut attempts) = one(&world, behaviour, options(), SETTINGS);
        finish(&world, &mut processes, &mut attempts);
        let own = std::process::id().to_string();
        let children = Command::new("ps").args(["-o", "stat=,args=", "--ppid", &own]).output().unwrap();
        let children = String::from_utf8_lossy(&children.stdout).into_owned();
        assert!(!children.contains('Z'), "{behaviour}: {children}");
    }
}

#[test]
fn a_file_that_becomes_too_large_ends_the_attempt() {
    let world = World::new();
    for behaviour in ["floods_its_output", "floods_its_error_output"] {
        let small = ProcessOptions { max_output_bytes: 1024 * 1024, ..options() };
        let (mut processes, mut attempts) = one(&world, behaviour, small, SETTINGS);
        finish(&world, &mut processes, &mut attempts);
        assert!(attempts[0].is_over_limit, "{behaviour}");
        assert!(attempts[0].ended.as_ref().unwrap().errors.len() <= 64 * 1024);
    }
}

#[test]
fn processes_that_match_are_kept_after_a_normal_end_alone() {
    let world = World::new();
    let keep = ProcessOptions { keep_processes: vec!["--tool deaf".to_owned()], ..options() };
    let undisturbed = ProcessOptions { exit_grace: PATIENCE, ..keep.clone() };
    let (mut processes, mut attempts) = one(&world, "leaves_a_deaf_tool", undisturbed, SETTINGS);
    drive(&mut processes, &mut attempts, |_, _| {}, Attempt::is_done);
    let report = attempts[0].swept.clone().unwrap();
    assert_eq!((report.kept, report.ended), (attempts[0].unmarked(), 0));
    assert_eq!(attempts[0].unmarked().len(), 1);
    drop(attempts);
    let world = World::new();
    let (mut processes, mut attempts) = one(&world, "ignores_sigterm_with_a_tool", keep, SETTINGS);
    let kill = |processes: &mut Processes, attempt: &mut Attempt| {
        // Its tool runs as well.
        if attempt.unmarked().len() == 2 {
            processes.kill(attempt.mark);
        }
    };
    drive(&mut processes, &mut attempts, kill, Attempt::is_done);
    finish(&world, &mut processes, &mut attempts);
}

#[test]
fn an_attempt_is_never_started_twice() {
    let world = World::new();
    let (mut processes, mut attempts) =
        one(&world, "answers", options(), Settings { has_gate: true, ..SETTINGS });
    assert!(attempts[0].try_start(&world, &mut processes, SETTINGS, "Again.").is_err());
    let mut others = Processes::new(options()).unwrap();
    let error = attempts[0].try_start(&world, &mut others, SETTINGS, "Again.").unwrap_err();
    let pid = attempts[0].identity.as_ref().unwrap().pid.get();
    // Other systems do not tell who holds a lock.
    let named = if cfg!(target_os = "linux") { format!("a process ({pid})") } else { "a process".to_owned() };
    assert!(error.to_string().contains(&format!("{named} of it runs")), "{error}");
    world.open_gate();
    finish(&world, &mut processes, &mut attempts);
}

#[test]
fn a_start_that_another_runner_has_begun_is_left_alone() {
    let world = World::new();
    let mut processes = Processes::new(options()).unwrap();
    let mut attempt = Attempt::new(&world, "answers", Uuid::new_v4());
    let directory = SessionDirectory::create(&world.group, &attempt.names).unwrap();
    let path = directory.path().join(format!("{ATTEMPT}.alive"));
    // It is made first, then locked, and its UUID is written last.
    std::fs::write(&path, "").unwrap();
    let error = attempt.try_start(&world, &mut processes, SETTINGS, "Do.").unwrap_err();
    assert!(error.to_string().contains("the attempt is new"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_stored_pid_alone_proves_nothing() {
    let world = World::new();
    let (mut processes, mut attempts) = one(&world, "answers", options(), SETTINGS);
    finish(&world, &mut processes, &mut attempts);
    let attempt = &attempts[0];
    let own = current_identity().unwrap();
    let init = ProcessIdentity { pid: session_groups::model::number::Positive::clamped(1), ..own.clone() };
    // This process runs, with this start time and boot id, but is no session.
    for recorded in [own.clone(), init] {
        assert!(matches!(attempt.look(&world, Some(&recorded)), Look::Gone(_)));
    }
    let elsewhere = ProcessIdentity { boot_id: "x".to_owned(), host: "elsewhere".to_owned(), ..own };
    let Look::Unknown(reason) = attempt.look(&world, Some(&elsewhere)) else { panic!("a decision was made") };
    assert!(reason.contains("elsewhere"), "{reason}");
}

#[test]
fn an_attempt_without_files_was_never_started() {
    let world = World::new();
    let attempt = Attempt::new(&world, "answers", Uuid::new_v4());
    assert!(matches!(attempt.look(&world, None), Look::Gone(None)));
}

#[test]
fn a_waker_ends_the_wait() {
    let mut processes = Processes::new(options()).unwrap();
    let waker = processes.waker();
    let waking = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        waker.wake();
    });
    // Without a deadline, only the waker ends it.
    assert_eq!(processes.wait(None), []);
    waking.join().unwrap();
}

#[test]
fn the_environment_has_the_marks() {
    let world = World::new();
    let (mut processes, mut attempts) =
        one(&world, "answers", options(), Settings { has_gate: true, ..SETTINGS });
    // The kernel shows the environment a moment after the program was executed.
    let deadline = Instant::now() + PATIENCE;
    let is_marked = || find_marked(attempts[0].mark).unwrap().len() == 1;
    while !is_marked() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(is_marked());
    world.open_gate();
    finish(&world, &mut processes, &mut attempts);
}

#[test]
fn a_tool_without_the_mark_is_ended_because_it_was_seen() {
    let world = World::new();
    let (mut processes, mut attempts) = one(&world, "clears_the_environment", options(), SETTINGS);
    finish(&world, &mut processes, &mut attempts);
    assert_eq!(attempts[0].swept.as_ref().unwrap().ended, 1);
}
