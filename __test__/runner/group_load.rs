//! The cost of running many busy sessions, beside their processes.

use session_groups::model::GroupStatus;
use session_groups::model::number::{Positive, Usd};
use session_groups::model::run::ControlRequest;
use session_groups::runner::{ControlOptions, Controlled, control};

use crate::group_world::{GroupWorld, session, slow};

/// Seconds of processor time that this process has used.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    // The kernel reports in hundredths of a second on every system that we test on.
    ticks / 100.0
}

/// MiB of memory that this process occupies at most, or now.
fn memory_mib(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

#[test]
#[ignore = "a measurement; npm run test:runner runs it"]
#[cfg(target_os = "linux")]
fn a_hundred_sessions_with_fifty_lines_a_second_cost_little() {
    let ids: Vec<String> = (0..100).map(|number| format!("s{number}")).collect();
    let all = ids.iter().map(|id| session(id, "prints_fifty_lines_a_second", &[])).collect();
    let world = GroupWorld::with(all, |group| {
        group.config.max_concurrent_sessions = Positive::clamped(100);
        group.config.max_budget_usd = Usd::clamped(1e6);
    });
    let memory_before = memory_mib("VmRSS");
    let run = world.spawn(world.options());
    world.wait_for_active(100);
    let (before, started) = (processor_seconds(), std::time::Instant::now());
    std::thread::sleep(std::time::Duration::from_secs(5));
    let cores = (processor_seconds() - before) / started.elapsed().as_secs_f64();
    let (end, events) = run.join();
    assert_eq!(end.unwrap().status, GroupStatus::Completed);
    let memory = memory_mib("VmHWM") - memory_before;
    let progress = events.iter().filter(|event| event.type_name() == "session_progress").count();
    println!("{cores:.3} of a core, {memory:.1} MiB, {progress} reports of progress");
    if !cfg!(debug_assertions) {
        assert!(cores < 0.3 && memory < 60.0, "{cores:.3} of a core, {memory:.1} MiB");
    }
}

#[test]
#[ignore = "a measurement; npm run test:runner runs it"]
fn requests_and_dependants_are_seen_at_once() {
    let world = GroupWorld::new(vec![
        session("a", "answers", &[]),
        session("b", "answers", &["a"]),
        slow(session("c", "answers", &["b"]), 20_000),
    ]);
    let run = world.spawn(world.options());
    GroupWorld::wait_until("c runs", || world.stored("c").attempts.is_some());
    world.wait_for_active(1);
    let asked = std::time::Instant::now();
    let options = ControlOptions::default();
    let seen = control(&world.store(), ControlRequest::Pause, &options, &world.options()).unwrap();
    let seen_ms = asked.elapsed().as_secs_f64() * 1e3;
    assert!(matches!(seen, Controlled::Requested { seen: true, .. }), "{seen:?}");
    run.join().0.unwrap();
    let time = |id: &str, start: bool| {
        let attempt = world.stored(id).attempts.unwrap().remove(0);
        if start { attempt.started_at.unix_ms() } else { attempt.ended_at.unwrap().unix_ms() }
    };
    let gap_ms = time("b", true) - time("a", false);
    println!(
        "a request is carried out after {seen_ms:.1} ms, a dependant decided {gap_ms} ms after its dependency"
    );
}
