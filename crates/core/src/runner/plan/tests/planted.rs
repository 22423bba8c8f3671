//! Each planted defect is found, and `docs/planted-defects.md` says by what.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::defects::Defect;
use super::explore::{explore_up_to, on_each_core, print};
use super::random;
use super::scenarios;

/// States of each world in which a defect is searched.
const MAX_STATES: usize = 40_000;

/// Seeds of the random runs in which a defect is searched.
const SEEDS: u64 = 300;

const HEAD: &str = "# What happens when a defect is planted in the runner's decisions

Each of these defects was planted in [`runner/plan`](../crates/core/src/runner/plan/mod.rs), one at a time, and a test had to find it: the exploration of every state of a small group, or a random run. `npm test` and `npm run test:runner` do it again and compare this page; with `UPDATE_DOCS=1` they write the page. In the code, `planted!` marks the places. The product does not contain the defects. The list behind the name of a world is its graph: for each session, the sessions it depends on.

| defect | found by | what is seen |
|---|---|---|
";

/// The first test that finds a defect, and what it sees.
fn find(defect: Defect) -> Option<(String, String)> {
    for scenario in scenarios::for_defects() {
        if let Err(violation) = explore_up_to(scenario.world(Some(defect)), MAX_STATES, false) {
            return Some((format!("exploration: {}", scenario.name), violation.message));
        }
    }
    (0..SEEDS).find_map(|seed| {
        let found = random::walk(seed, Some(defect)).err()?;
        Some((format!("random run {seed}"), found.message))
    })
}

#[test]
#[cfg_attr(debug_assertions, ignore = "slow without optimization; npm test runs it optimized")]
fn each_planted_defect_is_found() {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(vec![None; Defect::ALL.len()]);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((defect, name, _)) = Defect::ALL.get(number) else { return };
            let result = find(*defect);
            print(&format!("{name}: {result:?}"));
            found.lock().expect("no thread panics while it holds the lock")[number] = result;
        }
    };
    on_each_core(work);
    let found = found.into_inner().expect("no thread panicked");
    let mut page = HEAD.to_owned();
    let mut missed = Vec::new();
    for ((_, name, wrong), found) in Defect::ALL.iter().zip(found) {
        match found {
            Some((by, seen)) => {
                let _ = writeln!(page, "| {wrong} | {by} | {} |", seen.lines().next().unwrap_or_default());
            }
            None => missed.push(*name),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
    print(&format!("{} planted defects, all found", Defect::ALL.len()));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/planted-defects.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("docs can be written");
    }
    let documented = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(documented, page, "docs/planted-defects.md is out of date: run with UPDATE_DOCS=1");
}
