//! The small worlds that are explored: graphs, settings, and what may happen how often.

use std::sync::Arc;

use super::super::defects::Defect;
use super::super::*;
use super::graphs::{self, Graph};
use super::world::{Bounds, World, group};
use crate::model::{BudgetAction, SessionStatus};

/// A small world.
#[derive(Clone)]
pub struct Scenario {
    pub name: String,
    pub stored: StoredGroup,
    pub options: RunOptions,
    pub bounds: Bounds,
}

impl Scenario {
    fn new(name: &str, graph: &Graph, bounds: Bounds) -> Self {
        let options = RunOptions { spacing: None, max_crashes: 1, ..RunOptions::default() };
        Self { name: format!("{name}, {graph:?}"), stored: group(graph), options, bounds }
    }

    /// Its first state.
    pub fn world(&self, defect: Option<Defect>) -> World {
        World::new(self.stored.clone(), self.options.clone(), self.bounds, defect)
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn each_session(&mut self, change: impl Fn(usize, &mut SessionSettings)) {
        for (number, session) in self.stored.sessions.iter_mut().enumerate() {
            change(number, Arc::make_mut(&mut session.settings));
        }
    }
}

const NONE: Bounds = Bounds {
    crashes: 0,
    requests: 0,
    is_terse: false,
    troubles: 0,
    failed_commits: 0,
    limits: 0,
    edits: 0,
    sleeps: 0,
    unknown: 0,
    hangs: 0,
    deletions: 0,
    reruns: 0,
    settlements: 0,
    activity: 0,
};

/// What can go wrong, by itself and in pairs.
fn bounds() -> Vec<(&'static str, Bounds)> {
    vec![
        ("2 crashes", Bounds { crashes: 2, ..NONE }),
        ("2 requests", Bounds { requests: 2, ..NONE }),
        ("1 trouble", Bounds { troubles: 1, ..NONE }),
        ("1 crash, 1 failed commit", Bounds { crashes: 1, failed_commits: 1, ..NONE }),
        ("1 limit", Bounds { limits: 1, ..NONE }),
        ("1 edit", Bounds { edits: 1, ..NONE }),
        ("3 hangs", Bounds { hangs: 3, ..NONE }),
    ]
}

/// Two things that go wrong together, for small groups.
fn pairs() -> Vec<(&'static str, Bounds)> {
    vec![
        ("crash, trouble", Bounds { crashes: 1, troubles: 1, ..NONE }),
        ("request, trouble", Bounds { requests: 1, troubles: 1, ..NONE }),
        ("request, edit", Bounds { requests: 1, edits: 1, ..NONE }),
        ("2 failed commits", Bounds { failed_commits: 2, ..NONE }),
        ("crash, request", Bounds { crashes: 1, requests: 1, ..NONE }),
        ("2 crashes, request", Bounds { crashes: 2, requests: 1, is_terse: true, ..NONE }),
    ]
}

/// Several things that go wrong together, for the smallest groups.
fn mixtures() -> Vec<(&'static str, Bounds)> {
    vec![
        ("2 crashes, 2 requests", Bounds { crashes: 2, requests: 2, ..NONE }),
        (
            "crash, request, failed commit, edit",
            Bounds { crashes: 1, requests: 1, failed_commits: 1, edits: 1, ..NONE },
        ),
        ("crash, request, 3 hangs", Bounds { crashes: 1, requests: 1, hangs: 3, ..NONE }),
        ("2 limits, crash, trouble", Bounds { limits: 2, crashes: 1, troubles: 1, ..NONE }),
        ("3 troubles", Bounds { troubles: 3, ..NONE }),
        ("3 activities, request, hang", Bounds { activity: 3, requests: 1, hangs: 1, ..NONE }),
        ("3 activities, crash, hang", Bounds { activity: 3, crashes: 1, hangs: 1, ..NONE }),
        ("3 failed commits, crash", Bounds { failed_commits: 3, crashes: 1, ..NONE }),
        ("request, edit, trouble", Bounds { requests: 1, edits: 1, troubles: 1, ..NONE }),
    ]
}

/// Settings that bring rules into play.
#[allow(clippy::too_many_lines, reason = "a list")]
fn variants(graph: &Graph) -> Vec<Scenario> {
    let new = |name, bounds| Scenario::new(name, graph, bounds);
    let trouble = Bounds { troubles: 2, ..NONE };
    vec![
        new("error threshold", trouble).with(|scenario| scenario.stored.settings.error_threshold = Some(1)),
        new("allowed failure", Bounds { troubles: 1, ..NONE })
            .with(|scenario| scenario.each_session(|number, session| session.allow_failure = number == 0)),
        new("one directory", Bounds { crashes: 1, ..NONE }).with(|scenario| {
            scenario.stored.settings.exclusive_directories = true;
            scenario.each_session(|_, session| session.directory = "all".into());
        }),
        new("small budget", Bounds { troubles: 1, crashes: 1, ..NONE })
            .with(|scenario| scenario.stored.settings.budget = Nanos::cents(27)),
        new("small budget, stop", Bounds { troubles: 1, ..NONE }).with(|scenario| {
            scenario.stored.settings.budget = Nanos::cents(27);
            scenario.stored.settings.on_budget_exceeded = BudgetAction::Stop;
        }),
        new("own budget", Bounds { troubles: 1, crashes: 1, ..NONE })
            .with(|scenario| scenario.each_session(|_, session| session.max_budget = Some(Nanos::cents(14)))),
        new("warning", Bounds { crashes: 1, ..NONE })
            .with(|scenario| scenario.stored.settings.warning_at = Nanos::cents(5)),
        new("run again", Bounds { requests: 1, reruns: 1, ..NONE }),
        new("deleted", Bounds { deletions: 1, failed_commits: 1, ..NONE }),
        new("unknown process", Bounds { crashes: 1, unknown: 1, ..NONE }),
        new("busy", Bounds { activity: 2, hangs: 1, ..NONE }),
        new("settled", Bounds { settlements: 1, reruns: 1, ..NONE }),
        new("dropped", Bounds { requests: 1, crashes: 1, ..NONE })
            .with(|scenario| scenario.each_session(|number, session| session.dropped = number == 0)),
        new("sleep", Bounds { sleeps: 1, hangs: 1, ..NONE }),
        new("sleep, limit", Bounds { sleeps: 1, limits: 1, ..NONE }),
        new("spacing", Bounds { crashes: 1, ..NONE })
            .with(|scenario| scenario.options.spacing = Some(Spacing { starts: 1, window_ms: 500 })),
        new("timeout", Bounds { hangs: 2, ..NONE })
            .with(|scenario| scenario.each_session(|_, session| session.timeout_ms = Some(600_000))),
        new("first one done", Bounds { crashes: 1, ..NONE }).with(|scenario| {
            scenario.stored.sessions[0].record.status = SessionStatus::Completed;
        }),
        new("limits not awaited", Bounds { limits: 1, ..NONE })
            .with(|scenario| scenario.options.wait_for_limits = false),
        new("warn only", Bounds { troubles: 1, ..NONE }).with(|scenario| {
            scenario.stored.settings.budget = Nanos::cents(7);
            scenario.stored.settings.on_budget_exceeded = BudgetAction::Warn;
        }),
        new("dependencies ignored", Bounds { crashes: 1, ..NONE })
            .with(|scenario| scenario.stored.settings.respect_dependencies = false),
    ]
}

fn graphs_of(sizes: impl IntoIterator<Item = usize>) -> Vec<Graph> {
    sizes.into_iter().flat_map(graphs::all).collect()
}

/// The share of a debug build.
pub fn few() -> Vec<Scenario> {
    each(&graphs_of([1]), &[bounds()])
}

/// The worlds in which planted defects are searched, smallest first.
pub fn for_defects() -> Vec<Scenario> {
    let mut all = each(&graphs_of([1, 2]), &[bounds()]);
    let crash_and_request = Bounds { crashes: 1, requests: 1, ..NONE };
    all.extend(
        graphs_of([1, 2]).iter().map(|graph| Scenario::new("crash, request", graph, crash_and_request)),
    );
    let troubles = Bounds { troubles: 3, ..NONE };
    all.extend(graphs_of([3]).iter().map(|graph| Scenario::new("3 troubles", graph, troubles)));
    all.extend(each(&graphs_of([3]), &[bounds()]));
    all
}

/// The share of `npm test`.
pub fn all() -> Vec<Scenario> {
    let mut all = each(&graphs_of([1, 2]), &[bounds()]);
    all.extend(light(&graphs_of([3])));
    let mut largest = light(&graphs_of([4]));
    // The others come in the long form.
    let is_short = |bounds: Bounds| bounds.requests + bounds.limits + bounds.troubles == 0;
    largest.retain(|scenario| is_short(scenario.bounds));
    all.extend(largest);
    all
}

/// The share of `npm run test:runner`.
pub fn more() -> Vec<Scenario> {
    let mut all = each(&graphs_of([1]), &[bounds(), mixtures()]);
    all.extend(each(&graphs_of([2]), &[bounds(), pairs()]));
    let both = Bounds { crashes: 2, requests: 2, ..NONE };
    all.push(Scenario::new("2 crashes, 2 requests", &vec![vec![], vec![0]], both));
    let terse = Bounds { crashes: 1, requests: 1, is_terse: true, ..NONE };
    all.extend(graphs_of([3]).iter().map(|graph| Scenario::new("crash, request", graph, terse)));
    all.extend(light(&graphs_of([3, 4])));
    let mut largest: Vec<Scenario> = graphs_of([3]).iter().flat_map(variants).collect();
    largest.retain(|scenario| scenario.bounds.crashes == 0 || scenario.bounds.troubles == 0);
    all.extend(largest);
    all
}

/// One thing that goes wrong.
fn light(graphs: &[Graph]) -> Vec<Scenario> {
    let one = [
        ("1 crash", Bounds { crashes: 1, ..NONE }),
        ("1 request", Bounds { requests: 1, ..NONE }),
        ("1 trouble", Bounds { troubles: 1, ..NONE }),
        ("1 failed commit", Bounds { failed_commits: 1, ..NONE }),
        ("1 limit", Bounds { limits: 1, ..NONE }),
        ("1 edit", Bounds { edits: 1, ..NONE }),
    ];
    let scenarios = |graph| one.iter().map(move |(name, bounds)| Scenario::new(name, graph, *bounds));
    graphs.iter().flat_map(scenarios).collect()
}

/// All scenarios of some graphs, with the settings that matter.
fn each(graphs: &[Graph], bounds: &[Vec<(&'static str, Bounds)>]) -> Vec<Scenario> {
    let plain =
        |graph| bounds.iter().flatten().map(move |(name, bounds)| Scenario::new(name, graph, *bounds));
    graphs.iter().flat_map(|graph| plain(graph).chain(variants(graph))).collect()
}
