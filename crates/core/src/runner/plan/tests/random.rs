//! Long random runs of groups of 1 to 2,000 sessions.
//!
//! A failure prints its seed and the shortest sequence of steps found that still fails. `RUNNER_SEED=n` replays a seed.

use std::sync::Arc;

use super::super::defects::Defect;
use super::super::*;
use super::explore::{Violation, print, told};
use super::rebase::fingerprint_of;
use super::steps::{Say, Step};
use super::world::{Bounds, World, group};
use crate::model::BudgetAction;

/// A small generator of random numbers (splitmix64), so that a seed means the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `range`.
    fn below(&mut self, range: usize) -> usize {
        usize::try_from(self.next() % range.max(1) as u64).unwrap_or(0)
    }

    /// `true` in one of `n` cases.
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// The size of a group: mostly small, up to 2,000.
fn size(random: &mut Random) -> usize {
    match random.below(40) {
        0 => 200 + random.below(1_801),
        1..4 => 20 + random.below(180),
        _ => 1 + random.below(12),
    }
}

/// A random world.
fn world(seed: u64, defect: Option<Defect>) -> World {
    let mut random = Random(seed);
    let size = size(&mut random);
    let density = 1 + random.below(4);
    let needs = |number: usize, random: &mut Random| {
        let count = if number == 0 { 0 } else { random.below(density) };
        let mut needs: Vec<usize> = (0..count).map(|_| random.below(number)).collect();
        needs.sort_unstable();
        needs.dedup();
        needs
    };
    let graph = (0..size).map(|number| needs(number, &mut random)).collect();
    let mut stored = group(&graph);
    vary(&mut stored, &mut random);
    let mut some = |max: usize| u8::try_from(random.below(max + 1)).unwrap_or(0);
    let bounds = Bounds {
        crashes: some(3),
        requests: some(4),
        is_terse: false,
        troubles: some(12),
        failed_commits: some(4),
        limits: some(3),
        edits: some(3),
        sleeps: some(2),
        unknown: some(1) * some(1),
        hangs: some(8),
        deletions: some(1) * some(1) * some(1),
        reruns: some(2),
        settlements: some(1) * some(1),
        activity: some(60),
    };
    let spacing = (!random.one_in(3)).then_some(Spacing { starts: 1 + random.below(4), window_ms: 500 });
    let options = RunOptions { seed, spacing, ..RunOptions::default() };
    World::new(stored, options, bounds, defect)
}

/// Varies the settings.
fn vary(stored: &mut StoredGroup, random: &mut Random) {
    let sessions = stored.sessions.len() as u64;
    let settings = &mut stored.settings;
    settings.max_concurrent = 1 + u32::try_from(random.below(8)).unwrap_or(0);
    settings.error_threshold = random.one_in(3).then_some(1 + u32::try_from(random.below(5)).unwrap_or(0));
    settings.exclusive_directories = random.one_in(3);
    settings.respect_dependencies = !random.one_in(6);
    settings.budget = Nanos::cents(7 + sessions * (4 + random.below(20) as u64));
    settings.warning_at = Nanos(settings.budget.0 / 10 * 8);
    settings.on_budget_exceeded = match random.below(5) {
        0 => BudgetAction::Stop,
        1 => BudgetAction::Warn,
        _ => BudgetAction::Pause,
    };
    let directories = 1 + random.below(stored.sessions.len());
    for session in &mut stored.sessions {
        let settings = Arc::make_mut(&mut session.settings);
        settings.directory = random.below(directories).to_string().as_str().into();
        settings.allow_failure = random.one_in(6);
        settings.retries = u32::try_from(random.below(3)).unwrap_or(0);
        settings.max_budget = random.one_in(5).then_some(Nanos::cents(5 + random.below(40) as u64));
        settings.timeout_ms = random.one_in(8).then_some(1_000_000);
    }
}

/// Follows one random path until its run is over.
pub fn walk(seed: u64, defect: Option<Defect>) -> std::result::Result<usize, Violation> {
    let mut random = Random(!seed);
    let mut world = world(seed, defect);
    let mut path = Vec::new();
    let mut possible = Vec::new();
    let size = world.processes.len();
    let limit = 400 + size * 40;
    let pace = 1 + size / 40;
    loop {
        world.steps(&mut possible);
        let Some(step) = choose(&mut random, &possible, &world, path.len() > limit) else { break };
        path.push(step);
        let mut happened = world.happen(step);
        if path.len() % pace == 0 {
            happened = happened.and_then(|()| world.check());
        }
        if path.len() % (16 * pace) == 0 {
            happened = happened.and_then(|()| world.check_sums());
        }
        if path.len() > 4 * limit {
            happened = Err("the run does not end".into());
        }
        if let Err(message) = happened {
            return Err(Violation { message, steps: path });
        }
    }
    if world.outcome.is_some() {
        return Ok(path.len());
    }
    let message = format!("only {possible:?} can happen, but the run is not done");
    Err(Violation { message, steps: path })
}

/// Chooses the next step. What should not happen is rare, and does not happen once the path is long.
fn choose(random: &mut Random, possible: &[Step], world: &World, is_late: bool) -> Option<Step> {
    let is_harmless = |step: &Step| match step {
        Step::Print(_, say) => matches!(say, Say::Success | Say::Interrupted),
        Step::Exit(number) => {
            let process = &world.processes[*number];
            process.printed.is_some() || process.is_terminated || process.is_killed
        }
        Step::Begin
        | Step::Write
        | Step::Report
        | Step::Spawn(_)
        | Step::ReportStart(_)
        | Step::Look(_)
        | Step::Background(_, false) => true,
        Step::Advance(_) | Step::Busy(..) | Step::Background(_, true) => !is_late,
        _ => false,
    };
    let harmless = possible.iter().filter(|step| is_harmless(step)).count();
    let is_quiet = harmless == 0;
    for _ in 0..60 {
        let step = *possible.get(random.below(possible.len()))?;
        let accepted = match step {
            step if is_harmless(&step) => true,
            Step::Time => is_quiet || random.one_in(12),
            _ => !is_late && random.one_in(12),
        };
        if accepted {
            return Some(step);
        }
    }
    let calm = |step: &&Step| is_harmless(step) || **step == Step::Time;
    possible.iter().find(calm).copied()
}

/// Repeats a path, leaving out steps that are not possible. Returns what goes wrong.
fn replay(seed: u64, defect: Option<Defect>, steps: &[Step]) -> Option<String> {
    let mut world = world(seed, defect);
    let mut possible = Vec::new();
    for step in steps {
        world.steps(&mut possible);
        if possible.contains(step)
            && let Err(message) = world.apply(*step)
        {
            return Some(message);
        }
    }
    None
}

/// Leaves out as many steps as possible so that the same path still fails.
fn shrink(seed: u64, defect: Option<Defect>, mut steps: Vec<Step>) -> Vec<Step> {
    let mut chunk = steps.len() / 2;
    while chunk > 0 {
        let mut at = 0;
        while at < steps.len() {
            let mut shorter = steps.clone();
            shorter.drain(at..(at + chunk).min(steps.len()));
            if replay(seed, defect, &shorter).is_some() {
                steps = shorter;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    steps
}

fn run(seeds: std::ops::Range<u64>) {
    let mut steps = 0;
    for seed in seeds.clone() {
        steps += walk(seed, None).unwrap_or_else(|violation| {
            let shortest = shrink(seed, None, violation.steps);
            panic!("seed {seed}: {}\n{}", violation.message, told(&shortest))
        });
    }
    print(&format!("{steps} random steps with the seeds {seeds:?}"));
}

#[test]
fn random_runs_keep_every_promise() {
    match std::env::var("RUNNER_SEED").ok().and_then(|seed| seed.parse::<u64>().ok()) {
        Some(seed) => run(seed..seed + 1),
        None => run(0..if cfg!(debug_assertions) { 40 } else { 4_000 }),
    }
}

#[test]
#[ignore = "takes minutes; npm run test:runner runs it"]
fn more_random_runs_keep_every_promise() {
    let day = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
    run(day..day + 20_000);
}

#[test]
fn a_seed_means_the_same_each_time() {
    for seed in 0..20 {
        let [first, second] = [0; 2].map(|_| {
            let mut world = world(seed, None);
            let _ = world.apply(Step::Begin);
            (walk(seed, None).ok(), fingerprint_of(&world))
        });
        assert_eq!(first, second);
    }
}

#[test]
fn a_failing_path_shrinks() {
    let defect = Some(Defect::StartBeforeCommit);
    let violation = (0..100).find_map(|seed| Some((seed, walk(seed, defect).err()?)));
    let (seed, violation) = violation.expect("one of the paths fails");
    let shortest = shrink(seed, defect, violation.steps);
    assert!(shortest.len() <= 3, "{}", told(&shortest));
}
