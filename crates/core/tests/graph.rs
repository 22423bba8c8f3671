//! The dependency graph behaves like a simple model of its documentation: on all small graphs, on random ones, and on
//! large ones.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failing test panics")]

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;
use session_groups::graph::{DependencyGraph, Held, Node, NodeState};
use session_groups::model::{GroupSession, SessionStatus, time::IsoTime};
use session_groups::{Error, error::ErrorKind};

use NodeState::{Completed, Failed, Started, Waiting};

const FAR: usize = 1_000;

/// The graph by its definition: each answer is computed anew, without regard to time. Positions beyond the sessions are
/// unknown ids.
#[derive(Debug, Clone)]
struct Model {
    depends_on: Vec<Vec<usize>>,
    states: Vec<NodeState>,
    allows_failure: Vec<bool>,
    /// The states when the graph was created.
    initial: Vec<NodeState>,
}

impl Model {
    fn new(depends_on: Vec<Vec<usize>>, unknown: usize) -> Self {
        let count = depends_on.len();
        let states = vec![Waiting; count + unknown];
        Self { depends_on, allows_failure: vec![false; count + unknown], initial: states.clone(), states }
    }

    fn sessions(&self) -> std::ops::Range<usize> {
        0..self.depends_on.len()
    }

    fn graph(&self) -> DependencyGraph {
        let id = |index: &usize| index.to_string();
        let ids: Vec<_> = (0..self.states.len()).map(|index| id(&index)).collect();
        let depends_on: Vec<Vec<_>> =
            self.depends_on.iter().map(|indices| indices.iter().map(id).collect()).collect();
        let node = |index: usize| Node {
            state: self.initial[index],
            allow_failure: self.allows_failure[index],
            ..Node::new(&ids[index], &depends_on[index])
        };
        DependencyGraph::new(self.sessions().map(node))
    }

    fn is_satisfied(&self, index: usize) -> bool {
        self.states[index] == Completed || self.states[index] == Failed && self.allows_failure[index]
    }

    fn is_waiting(&self, index: usize) -> bool {
        self.states[index] == Waiting
    }

    fn dependants(&self, index: usize) -> impl Iterator<Item = usize> {
        self.sessions().filter(move |&session| self.depends_on[session].contains(&index))
    }

    fn unsatisfied(&self, session: usize) -> Vec<usize> {
        let mut found = Vec::new();
        for &index in &self.depends_on[session] {
            if !self.is_satisfied(index) && !found.contains(&index) {
                found.push(index);
            }
        }
        found
    }

    /// Number of sessions in the longest chain of dependants, without those that had ended at the start.
    fn chain(&self, session: usize) -> usize {
        let longest = self.dependants(session).map(|dependant| self.chain(dependant)).max();
        let has_ended = matches!(self.initial[session], Completed | Failed);
        if has_ended { 0 } else { longest.unwrap_or_default() + 1 }
    }

    fn ready(&self) -> Vec<usize> {
        let is_ready = |&session: &usize| self.is_waiting(session) && self.unsatisfied(session).is_empty();
        self.sessions().filter(is_ready).collect()
    }

    fn remaining(&self) -> usize {
        self.sessions().filter(|&session| matches!(self.states[session], Waiting | Started)).count()
    }

    fn blocked(&self) -> Vec<Held> {
        let held = |session| Held { session, by: self.unsatisfied(session) };
        let waiting = self.sessions().filter(|&session| self.is_waiting(session));
        waiting.map(held).filter(|held| !held.by.is_empty()).collect()
    }

    fn waves(&self) -> Vec<Vec<usize>> {
        let mut rest = self.clone();
        let mut waves = Vec::new();
        loop {
            let ready = rest.ready();
            let is_next = |&session: &usize| rest.states[session] == Started || ready.contains(&session);
            let wave: Vec<_> = self.sessions().filter(is_next).collect();
            if wave.is_empty() {
                return waves;
            }
            for &session in &wave {
                rest.states[session] = Completed;
            }
            waves.push(wave);
        }
    }

    fn unreachable(&self) -> Vec<Held> {
        let reachable: BTreeSet<_> = self.waves().into_iter().flatten().collect();
        let is_unreachable = |index: usize| self.is_waiting(index) && !reachable.contains(&index);
        let is_cause = |index: usize| {
            let is_unknown = index >= self.depends_on.len();
            is_unknown
                || self.states[index] == Failed
                || is_unreachable(index) && self.distances()[index][index] < FAR
        };
        let held = |session: usize| {
            let mut reached = BTreeSet::new();
            let mut open = vec![session];
            while let Some(index) = open.pop() {
                let further = self.unsatisfied(index).into_iter().filter(|&each| reached.insert(each));
                open.extend(further.filter(|each| self.sessions().contains(each) && self.is_waiting(*each)));
            }
            Held { session, by: reached.into_iter().filter(|&index| is_cause(index)).collect() }
        };
        self.sessions().filter(|&session| is_unreachable(session)).map(held).collect()
    }

    /// Returns the heaviest path; of several, the first in lexicographic order.
    fn critical_path(&self, weights: &[f64]) -> Vec<usize> {
        let waves = self.waves();
        let rest: BTreeSet<_> = waves.iter().skip(1).flatten().copied().collect();
        let mut paths = Vec::new();
        let mut open: Vec<Vec<usize>> = waves.iter().take(1).flatten().map(|&first| vec![first]).collect();
        while let Some(path) = open.pop() {
            let next = self.dependants(path[path.len() - 1]).filter(|each| rest.contains(each));
            let longer: Vec<Vec<usize>> = next.map(|each| [path.as_slice(), &[each]].concat()).collect();
            if longer.is_empty() {
                paths.push(path);
            }
            open.extend(longer);
        }
        paths.sort_unstable();
        let sum = |path: &[usize]| path.iter().map(|&session| weights[session]).sum::<f64>();
        paths.into_iter().rev().max_by(|a, b| sum(a).total_cmp(&sum(b))).unwrap_or_default()
    }

    /// Number of dependencies from each session to each other, at least one; `FAR` where there is no way.
    fn distances(&self) -> Vec<Vec<usize>> {
        let is_direct = |a: usize, b: usize| self.depends_on[a].contains(&b);
        let row = |a: usize| self.sessions().map(|b| if is_direct(a, b) { 1 } else { FAR }).collect();
        let mut distances: Vec<Vec<usize>> = self.sessions().map(row).collect();
        for between in self.sessions() {
            for a in self.sessions() {
                for b in self.sessions() {
                    let through = distances[a][between] + distances[between][b];
                    distances[a][b] = distances[a][b].min(through);
                }
            }
        }
        distances
    }

    /// Asserts that there is one shortest cycle of each strongly connected component.
    fn assert_cycles(&self, cycles: &[Vec<usize>]) {
        let distances = self.distances();
        let is_together = |a: usize, b: usize| distances[a][b] < FAR && distances[b][a] < FAR;
        let component = |a: usize| -> Vec<usize> { self.sessions().filter(|&b| is_together(a, b)).collect() };
        let mut components: Vec<_> = self.sessions().map(component).filter(|all| !all.is_empty()).collect();
        components.sort_unstable();
        components.dedup();
        let mut found: Vec<_> = cycles.iter().map(|cycle| component(cycle[0])).collect();
        found.sort_unstable();
        assert_eq!(found, components);
        assert!(cycles.is_sorted());
        for cycle in cycles {
            let next = cycle.iter().cycle().skip(1);
            assert!(cycle.iter().zip(next).all(|(&session, next)| self.depends_on[session].contains(next)));
            assert_eq!(cycle.iter().min(), cycle.first());
            let shortest = component(cycle[0]).into_iter().map(|session| distances[session][session]).min();
            assert_eq!(Some(cycle.len()), shortest);
        }
    }

    fn answers(&self, weights: &[f64]) -> Answers {
        let distances = self.distances();
        let mut ready = self.ready();
        // On cycles, chains have no length.
        if self.sessions().all(|session| distances[session][session] == FAR) {
            ready.sort_by_key(|&session| Reverse(self.chain(session)));
        }
        Answers {
            ready,
            remaining: self.remaining(),
            blocked: self.blocked(),
            unreachable: self.unreachable(),
            waves: self.waves(),
            critical_path: self.critical_path(weights),
        }
    }

    /// Marks a session or an unknown id in both.
    fn mark(&mut self, graph: &mut DependencyGraph, index: usize, state: NodeState) {
        let before = self.ready();
        self.states[index] = state;
        let newly: Vec<_> = self.ready().into_iter().filter(|session| !before.contains(session)).collect();
        let position = graph.find(&index.to_string()).unwrap();
        assert_eq!(graph.mark(position, state), newly);
        assert_eq!(graph.state(position), state);
    }
}

/// The answers of a model or a graph, with the positions of the model.
#[derive(Debug, Clone, PartialEq)]
struct Answers {
    ready: Vec<usize>,
    remaining: usize,
    blocked: Vec<Held>,
    unreachable: Vec<Held>,
    waves: Vec<Vec<usize>>,
    critical_path: Vec<usize>,
}

impl Answers {
    fn of(graph: &DependencyGraph, weights: &[f64]) -> Self {
        let position = |index: usize| graph.id(index).parse().unwrap();
        let in_model = |Held { session, by }| Held { session, by: by.into_iter().map(position).collect() };
        let mut ready: Vec<_> = graph.ready().collect();
        if !graph.cycles().is_empty() {
            ready.sort_unstable();
        }
        let mut unreachable: Vec<_> = graph.unreachable().into_iter().map(in_model).collect();
        for Held { by, .. } in &mut unreachable {
            // Unknown ids are in the order in which sessions depend on them.
            by.sort_unstable();
        }
        // A run ends when nothing is ready and nothing has started.
        let has_started = (0..graph.session_count()).any(|session| graph.state(session) == Started);
        if ready.is_empty() && !has_started {
            assert_eq!(unreachable.len(), graph.remaining());
        }
        Self {
            ready,
            remaining: graph.remaining(),
            blocked: graph.blocked().into_iter().map(in_model).collect(),
            unreachable,
            waves: graph.waves(),
            critical_path: graph.critical_path(|session| weights[session]),
        }
    }
}

/// All graphs of a number of sessions, those with cycles included.
fn all_graphs(count: usize) -> impl Iterator<Item = Model> {
    let depends_on = move |graph: usize| {
        let dependencies = |session: usize| {
            (0..count).filter(move |dependency| graph >> (session * count + dependency) & 1 == 1)
        };
        (0..count).map(|session| dependencies(session).collect()).collect()
    };
    (0..1 << (count * count)).map(move |graph| Model::new(depends_on(graph), 0))
}

#[test]
fn all_graphs_of_up_to_4_sessions() {
    let mut acyclic = Vec::new();
    for count in 0..=4 {
        let mut graphs = 0;
        for model in all_graphs(count) {
            let graph = model.graph();
            let cycles = graph.cycles();
            model.assert_cycles(&cycles);
            assert_eq!(graph.check().is_ok(), cycles.is_empty());
            graphs += usize::from(cycles.is_empty());
        }
        acyclic.push(graphs);
    }
    // https://oeis.org/A003024
    assert_eq!(acyclic, [1, 1, 3, 25, 543]);
}

/// The answers of a model in each state.
type Known = HashMap<Vec<NodeState>, Answers>;

fn assert_same(model: &Model, graph: &DependencyGraph, known: &mut Known) {
    let weights = [1.0, 2.0, 2.0, 1.0];
    let expected = known.entry(model.states.clone()).or_insert_with(|| model.answers(&weights));
    assert_eq!(Answers::of(graph, &weights), *expected);
}

#[test]
fn all_orders_in_which_up_to_4_sessions_end() {
    fn end(model: &Model, graph: &DependencyGraph, known: &mut Known) {
        assert_same(model, graph, known);
        for session in model.sessions().filter(|&session| model.is_waiting(session)) {
            for state in [Completed, Failed] {
                let (mut model, mut graph) = (model.clone(), graph.clone());
                model.mark(&mut graph, session, state);
                end(&model, &graph, known);
            }
        }
    }
    for model in (0..=4).flat_map(all_graphs).filter(|model| model.graph().check().is_ok()) {
        end(&model, &model.graph(), &mut Known::new());
    }
}

#[test]
fn all_sequences_of_3_marks_on_up_to_3_sessions() {
    fn mark(model: &Model, graph: &DependencyGraph, length: usize, known: &mut Known) {
        assert_same(model, graph, known);
        for session in model.sessions().filter(|_| length > 0) {
            for state in [Waiting, Started, Completed, Failed] {
                let (mut model, mut graph) = (model.clone(), graph.clone());
                model.mark(&mut graph, session, state);
                mark(&model, &graph, length - 1, known);
            }
        }
    }
    for model in (0..=3).flat_map(all_graphs).filter(|model| model.graph().check().is_ok()) {
        mark(&model, &model.graph(), 3, &mut Known::new());
    }
}

fn state() -> impl Strategy<Value = NodeState> {
    prop_oneof![4 => Just(Waiting), 1 => Just(Started), 2 => Just(Completed), 1 => Just(Failed)]
}

/// Number of ids that no session has.
const UNKNOWN: usize = 2;

/// A graph, most often without cycles, with a random state of each session.
fn model() -> impl Strategy<Value = Model> {
    (1..8_usize, prop::bool::weighted(0.8)).prop_flat_map(|(count, is_acyclic)| {
        let order = Just((0..count).collect::<Vec<_>>()).prop_shuffle();
        let depends_on = prop::collection::vec(prop::collection::vec(0..count + UNKNOWN, 0..4), count);
        let states = prop::collection::vec(state(), count);
        let allows_failure = prop::collection::vec(any::<bool>(), count);
        (order, depends_on, states, allows_failure).prop_map(
            move |(order, mut depends_on, mut states, mut allows_failure)| {
                if is_acyclic {
                    let is_before = |a: usize, b: usize| b >= count || order[b] < order[a];
                    for (session, dependencies) in depends_on.iter_mut().enumerate() {
                        dependencies.retain(|&dependency| is_before(session, dependency));
                    }
                }
                states.resize(count + UNKNOWN, Waiting);
                allows_failure.resize(count + UNKNOWN, false);
                Model { depends_on, allows_failure, initial: states.clone(), states }
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_marks_on_any_graph(
        model in model(),
        marks in prop::collection::vec((any::<prop::sample::Index>(), state()), 0..12),
        weights in prop::collection::vec((0..4_u8).prop_map(f64::from), 8),
    ) {
        let (mut model, mut graph) = (model.clone(), model.graph());
        model.assert_cycles(&graph.cycles());
        prop_assert_eq!(Answers::of(&graph, &weights), model.answers(&weights));
        for (index, state) in marks {
            let index = index.index(model.states.len());
            if graph.find(&index.to_string()).is_some() {
                model.mark(&mut graph, index, state);
                prop_assert_eq!(Answers::of(&graph, &weights), model.answers(&weights));
            }
        }
    }
}

/// A graph of sessions with numbers as ids.
fn numbered(count: usize, depends_on: impl Fn(usize) -> Vec<usize>) -> DependencyGraph {
    Model::new((0..count).map(depends_on).collect(), 0).graph()
}

const MANY: usize = 100_000;

#[test]
fn a_chain_of_100_000_sessions() {
    let mut graph = numbered(MANY, |session| session.checked_sub(1).into_iter().collect());
    graph.check().unwrap();
    assert_eq!(graph.waves().len(), MANY);
    assert_eq!(graph.critical_path(|_| 1.0).len(), MANY);
    assert_eq!(graph.blocked().len(), MANY - 1);
    for session in 0..MANY {
        assert_eq!(graph.ready().collect::<Vec<_>>(), [session]);
        let newly = graph.mark(session, Completed);
        assert_eq!(newly.first(), (session + 1 < MANY).then_some(&(session + 1)));
    }
    graph.mark(0, Failed);
    for session in 1..MANY {
        graph.mark(session, Waiting);
    }
    let unreachable = graph.unreachable();
    assert_eq!(unreachable.len(), MANY - 1);
    assert!(unreachable.iter().all(|held| held.by == [0]));
}

#[test]
fn a_ring_of_100_000_sessions() {
    let graph = numbered(MANY, |session| vec![(session + 1) % MANY]);
    assert_eq!(graph.cycles(), [(0..MANY).collect::<Vec<_>>()]);
    assert_eq!(
        graph.check().unwrap_err().to_string(),
        "Circular dependency detected: 0 -> 1 -> 2 -> 3 -> 4 -> 5 -> 6 -> 7 -> 8 -> 9 -> (99990 more) -> 0. Remove one of these dependencies"
    );
}

#[test]
fn the_shortest_cycle_is_found_in_a_long_one() {
    let mut ring: Vec<Vec<usize>> = (0..MANY).map(|session| vec![(session + 1) % MANY]).collect();
    ring[MANY - 1].push(MANY - 3);
    assert_eq!(Model::new(ring, 0).graph().cycles(), [[MANY - 3, MANY - 2, MANY - 1]]);
}

#[test]
fn many_cycles() {
    let graph = numbered(MANY, |session| vec![session ^ 1]);
    assert_eq!(graph.cycles().len(), MANY / 2);
    assert_eq!(
        graph.check().unwrap_err().to_string(),
        "Circular dependency detected: 0 -> 1 -> 0; 2 -> 3 -> 2; 4 -> 5 -> 4; and 49997 more. Remove a dependency from each"
    );
}

#[test]
fn a_session_with_100_000_dependencies_and_one_with_100_000_dependants() {
    let mut graph = numbered(MANY, |session| match session {
        0 => Vec::new(),
        session if session + 1 < MANY => vec![0],
        _ => (1..MANY - 1).collect(),
    });
    assert_eq!(graph.mark(0, Completed).len(), MANY - 2);
    for session in 1..MANY - 1 {
        graph.mark(session, Completed);
    }
    assert_eq!(graph.ready().collect::<Vec<_>>(), [MANY - 1]);
}

#[test]
fn repeated_ids_are_an_error() {
    let none: &[String] = &[];
    let error = DependencyGraph::new(["a", "b", "a"].map(|id| Node::new(id, none))).check().unwrap_err();
    assert!(error.is(ErrorKind::InvalidGroup));
    assert_eq!(error.field(), Some("sessions[2].id"));
    assert_eq!(error.to_string(), "sessions[2].id must be unique, but \"a\" is the id of sessions[0] too");
}

#[test]
fn a_circular_dependency_is_an_error_with_its_cycles() {
    let depends_on = ["b", "a", "c"].map(|id| [id.to_owned()]);
    let nodes =
        ["a", "b", "c"].into_iter().zip(&depends_on).map(|(id, depends_on)| Node::new(id, depends_on));
    let error = DependencyGraph::new(nodes).check().unwrap_err();
    assert_eq!(error.code(), "CIRCULAR_DEPENDENCY");
    assert_eq!(error.cycles(), [vec!["a", "b"], vec!["c"]]);
    assert_eq!(
        error.to_string(),
        "Circular dependency detected: a -> b -> a; c -> c. Remove a dependency from each"
    );
}

#[test]
fn unknown_ids_are_known_to_the_graph() {
    let depends_on = ["gone".to_owned(), "lost".to_owned()];
    let mut graph = DependencyGraph::new([Node::new("a", &depends_on)]);
    assert_eq!(graph.unknown().collect::<Vec<_>>(), ["gone", "lost"]);
    assert_eq!((graph.session_count(), graph.find("lost"), graph.find("b")), (1, Some(2), None));
    assert_eq!(graph.unreachable(), [Held { session: 0, by: vec![1, 2] }]);
    assert!(graph.mark(1, Completed).is_empty());
    assert_eq!(graph.mark(2, Completed), [0]);
}

#[test]
fn stored_sessions() -> Result<(), Error> {
    let created_at = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
    let session = |id: &str, status, depends_on: &[&str]| GroupSession {
        status,
        depends_on: depends_on.iter().map(ToString::to_string).collect(),
        ..GroupSession::new(id, "/projects/a", "Add logging", created_at.clone())
    };
    let mut sessions = [
        session("lint", SessionStatus::Failed, &[]),
        session("api", SessionStatus::Completed, &[]),
        session("docs", SessionStatus::Paused, &[]),
        session("web", SessionStatus::Pending, &["api", "lint"]),
    ];
    let graph = DependencyGraph::new(sessions.iter().map(Node::from));
    assert_eq!(graph.unreachable(), [Held { session: 3, by: vec![0] }]);
    assert_eq!(graph.state(2), Started);

    sessions[0].allow_failure = Some(true);
    let graph = DependencyGraph::new(sessions.iter().map(Node::from));
    graph.check()?;
    assert_eq!(graph.ready().collect::<Vec<_>>(), [3]);
    assert_eq!(graph.remaining(), 2);
    Ok(())
}
