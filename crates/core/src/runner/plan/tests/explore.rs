//! Visits every reachable state of a small world.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::hash::BuildHasherDefault;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::rebase::Taken;
use super::scenarios::{self, Scenario};
use super::steps::Step;
use super::world::World;

/// The largest world: more states point to a loop that never comes back to the same state.
const MAX_STATES: usize = 8_000_000;

/// In worlds of more than 2 sessions, one of so many states is checked for equal commands after equal facts.
const SAMPLE: u32 = 16;

/// The number of the states and steps that were explored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Explored {
    pub states: usize,
    pub steps: usize,
}

/// A violation, with the steps that lead to it.
#[derive(Debug)]
pub struct Violation {
    pub message: String,
    pub steps: Vec<Step>,
}

/// Every reachable state of a world, as a graph.
struct Exploration {
    numbers: HashMap<u128, u32, BuildHasherDefault<Taken>>,
    /// The step that led to each state first, and the state before it.
    origins: Vec<(u32, Step)>,
    /// All steps, from state to state.
    edges: Vec<(u32, u32)>,
    /// States in which the run is over.
    ends: Vec<u32>,
    open: VecDeque<(u32, World)>,
    buffer: Vec<u8>,
}

/// Explores a world. Fails with the first violation found.
pub fn explore(world: World) -> Result<Explored, Violation> {
    explore_up_to(world, MAX_STATES, true)
}

/// Explores a world, or as many of its states as are wanted.
pub fn explore_up_to(world: World, max_states: usize, is_bounded: bool) -> Result<Explored, Violation> {
    let mut all = Exploration {
        numbers: HashMap::default(),
        origins: Vec::new(),
        edges: Vec::new(),
        ends: Vec::new(),
        open: VecDeque::new(),
        buffer: Vec::new(),
    };
    all.reach(world, (0, Step::Begin));
    let is_small = all.open.front().is_some_and(|(_, world)| world.processes.len() <= 2);
    let mut steps = Vec::new();
    while let Some((number, world)) = all.open.pop_front() {
        world.steps(&mut steps);
        if world.outcome.is_some() {
            all.ends.push(number);
        }
        let mut world = Some(world);
        for (left, &step) in (0..steps.len()).rev().zip(&steps) {
            let is_checked = is_bounded && is_small || number.is_multiple_of(SAMPLE);
            let before = world.as_ref().filter(|_| is_checked).cloned();
            // The last step takes the world itself.
            let next = if left == 0 { world.take() } else { world.clone() };
            let Some(mut next) = next else { break };
            if let Err(message) = next.apply(step).and_then(|()| next.check_sums()) {
                return Err(all.violation(message, number, Some(step)));
            }
            if let Some(before) = before {
                all.check_repeated(before, &next, number, step)?;
            }
            if all.origins.len() > max_states {
                if !is_bounded {
                    return Ok(Explored { states: all.origins.len(), steps: all.edges.len() });
                }
                return Err(all.violation(
                    "more states than the bounds should allow".into(),
                    number,
                    Some(step),
                ));
            }
            next.rebase();
            let to = all.reach(next, (number, step));
            all.edges.push((number, to));
        }
    }
    all.check_ends()?;
    Ok(Explored { states: all.origins.len(), steps: all.edges.len() })
}

impl Exploration {
    /// Returns the number of a state, which is to be explored if it is new.
    fn reach(&mut self, world: World, origin: (u32, Step)) -> u32 {
        let fingerprint = world.fingerprint(&mut self.buffer);
        let next = u32::try_from(self.origins.len()).expect("bounds keep worlds small");
        let number = *self.numbers.entry(fingerprint).or_insert(next);
        if number == next {
            self.origins.push(origin);
            self.open.push_back((number, world));
        }
        number
    }

    /// Lets the step happen once more: equal facts give equal commands and lead to equal states.
    fn check_repeated(
        &self,
        mut before: World,
        after: &World,
        number: u32,
        step: Step,
    ) -> Result<(), Violation> {
        match before.happen(step) {
            Ok(()) if before == *after => Ok(()),
            _ => Err(self.violation("equal facts led to different states".into(), number, Some(step))),
        }
    }

    /// Every state can reach an end.
    fn check_ends(&self) -> Result<(), Violation> {
        let mut before: Vec<Vec<u32>> = vec![Vec::new(); self.origins.len()];
        for (from, to) in &self.edges {
            before[*to as usize].push(*from);
        }
        let mut can_end = vec![false; self.origins.len()];
        let mut found = self.ends.clone();
        for end in &found {
            can_end[*end as usize] = true;
        }
        while let Some(state) = found.pop() {
            for &earlier in &before[state as usize] {
                if !std::mem::replace(&mut can_end[earlier as usize], true) {
                    found.push(earlier);
                }
            }
        }
        match can_end.iter().position(|can_end| !can_end) {
            None => Ok(()),
            Some(stuck) => {
                let stuck = u32::try_from(stuck).expect("a number of a state");
                Err(self.violation("no end can be reached from here".into(), stuck, None))
            }
        }
    }

    fn violation(&self, message: String, mut state: u32, last: Option<Step>) -> Violation {
        let mut steps: Vec<Step> = last.into_iter().collect();
        while state > 0 {
            let (before, step) = self.origins[state as usize];
            steps.push(step);
            state = before;
        }
        steps.reverse();
        Violation { message, steps }
    }
}

/// Runs a function on each core.
pub fn on_each_core(work: impl Fn() + Sync) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(&work))));
}

/// Explores scenarios, and adds up what was explored.
fn explore_all(scenarios: &[Scenario]) -> Explored {
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Explored::default());
    let work = || {
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
            let explored = explore(scenario.world(None)).unwrap_or_else(|violation| {
                panic!("{}: {}\n{}", scenario.name, violation.message, told(&violation.steps))
            });
            let mut total = total.lock().expect("no other thread panics while it counts");
            total.states += explored.states;
            total.steps += explored.steps;
            if std::env::var_os("RUNNER_VERBOSE").is_some() {
                print(&format!("{}: {explored:?}", scenario.name));
            }
        }
    };
    on_each_core(work);
    total.into_inner().expect("no thread panicked")
}

/// The steps, one per line.
pub fn told(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |mut text, step| {
        let _ = writeln!(text, "  {step:?}");
        text
    })
}

#[allow(clippy::print_stdout, reason = "the number of states is the point of the test")]
pub fn print(text: &str) {
    println!("{text}");
}

#[test]
fn small_groups_keep_every_promise_in_every_state() {
    let scenarios = if cfg!(debug_assertions) { scenarios::few() } else { scenarios::all() };
    let began = std::time::Instant::now();
    let Explored { states, steps } = explore_all(&scenarios);
    let seconds = began.elapsed().as_secs_f64();
    let count = scenarios.len();
    print(&format!("{states} states, {steps} steps in {count} scenarios, all checked in {seconds:.1} s"));
    assert!(states >= if cfg!(debug_assertions) { 10_000 } else { 5_000_000 }, "{states} states only");
}

#[test]
#[ignore = "takes minutes; npm run test:runner runs it"]
fn more_groups_keep_every_promise_in_every_state() {
    let Explored { states, steps } = explore_all(&scenarios::more());
    print(&format!("{states} states, {steps} steps, all checked"));
    assert!(states >= 20_000_000, "{states} states only");
}

/// Explores the scenarios whose name contains `RUNNER_SCENARIO`, if it is set.
#[test]
#[ignore = "for the search of one defect"]
fn chosen_scenarios() {
    let Ok(wanted) = std::env::var("RUNNER_SCENARIO") else { return };
    let mut chosen = scenarios::all();
    chosen.extend(scenarios::more());
    chosen.retain(|scenario| scenario.name.contains(&wanted));
    print(&format!("{:?}", explore_all(&chosen)));
}
