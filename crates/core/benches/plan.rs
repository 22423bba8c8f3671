//! Speed of the runner's decisions, run by `cargo bench --bench plan`.
//!
//! Targets: 10,000 sessions are planned in under 50 ms, and a fact costs under 20 µs. A change of the stored group by others
//! may change any session, so it costs time in proportion to all of them, as a plan does.

#![allow(missing_docs, clippy::unwrap_used, reason = "a program of the benchmark")]

use divan::{Bencher, black_box};
use session_groups::model::number::{Positive, Usd};
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupId, GroupSession, SessionGroup};
use session_groups::runner::plan::{
    Command, Input, Monotonic, Nanos, Now, Progress, Run, RunOptions, SessionIndex, StoredGroup, TurnResult,
    Verdict, Wall,
};

const SESSIONS: usize = 10_000;

fn main() {
    divan::main();
}

/// Creates a group whose sessions each depend on two earlier ones.
fn group() -> SessionGroup {
    let created_at = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
    let mut group = SessionGroup::new(GroupId::new("bench").unwrap(), "Bench", "bench", created_at.clone());
    group.config.max_concurrent_sessions = Positive::clamped(8);
    for number in 0..SESSIONS {
        let mut session = GroupSession::new(&format!("{number:05}"), "/project", "Work", created_at.clone());
        session.depends_on = [number / 2, number / 3]
            .iter()
            .filter(|&&need| need < number)
            .map(|need| format!("{need:05}"))
            .collect();
        group.sessions.push(session);
    }
    group
}

fn now() -> Now {
    Now { monotonic: Monotonic(1_000), wall: Wall(1_800_000_000_000) }
}

/// Returns a run whose first session works.
fn working() -> Run {
    let mut run = Run::new(&group(), &RunOptions::default()).unwrap();
    run.handle(now(), Input::TimePassed);
    while let Some(command) = run.poll() {
        match command {
            Command::Commit(commit) => run.handle(now(), Input::Committed(commit.id)),
            Command::Start { session, .. } => run.handle(now(), Input::Started(session)),
            _ => {}
        }
    }
    run
}

#[divan::bench]
fn plan_10000_sessions(bencher: Bencher) {
    let group = group();
    bencher.bench(|| {
        let mut run = Run::new(black_box(&group), &RunOptions::default()).unwrap();
        run.handle(now(), Input::TimePassed);
        run
    });
}

#[divan::bench]
fn progress_of_one_of_10000(bencher: Bencher) {
    let input = Input::Progress(SessionIndex(0), Progress::Advanced);
    bencher.with_inputs(working).bench_local_refs(|run| run.handle(now(), input.clone()));
}

#[divan::bench]
fn result_of_one_of_10000(bencher: Bencher) {
    let result = TurnResult { verdict: Verdict::Success, cost: Nanos::cents(3) };
    bencher
        .with_inputs(working)
        .bench_local_refs(|run| run.handle(now(), Input::Result(SessionIndex(0), result)));
}

#[divan::bench]
fn exit_of_one_of_10000(bencher: Bencher) {
    let result = TurnResult { verdict: Verdict::Success, cost: Nanos::cents(3) };
    let ended = || {
        let mut run = working();
        run.handle(now(), Input::Result(SessionIndex(0), result));
        run
    };
    let input = Input::Exited { session: SessionIndex(0), cost: Nanos::cents(3) };
    bencher.with_inputs(ended).bench_local_refs(|run| run.handle(now(), input.clone()));
}

/// Another process has raised the budget.
#[divan::bench]
fn edit_of_a_group_of_10000(bencher: Bencher) {
    let mut group = group();
    group.config.max_budget_usd = Usd::clamped(1_000.0);
    bencher.with_inputs(working).bench_local_refs(|run| {
        run.handle(now(), Input::GroupChanged(Box::new(StoredGroup::from(black_box(&group)))));
    });
}
