//! The dependencies of the sessions of a plan: patterns become ids, unknown ones and circles are found.

use std::collections::{HashMap, HashSet};

use session_groups::graph::{DependencyGraph, Node as GraphNode};

use crate::plan_file::glob;
use crate::plan_file::node::{Node, Place};
use crate::plan_file::problem::Problems;
use crate::plan_file::session::Planned;
use crate::plan_file::shape::place_of;
use crate::suggest::nearest;

/// Maximum number of dependencies of all sessions.
const MAX_DEPENDENCIES: usize = 1_000_000;

/// Reports ids that several sessions have, and keeps the first of each.
pub fn without_repeated_ids(planned: Vec<Planned>, problems: &mut Problems) -> Vec<Planned> {
    let mut first: HashMap<String, Place> = HashMap::new();
    let mut unique = Vec::with_capacity(planned.len());
    for session in planned {
        let id = &session.session.id;
        match first.get(id) {
            None => {
                first.insert(id.clone(), session.place);
                unique.push(session);
            }
            Some(place) if *place == session.place => {
                let help = "use every name of the matrix in the key, e.g. name-${{ matrix.lang }}, and each value once";
                problems.add_with_help(
                    session.place,
                    format!("the matrix makes several sessions {id:?}"),
                    help,
                );
            }
            Some(place) => {
                let message = format!("there are two sessions {id:?}");
                problems.add_with_help(
                    session.place,
                    message,
                    format!("the other one is in line {}", place.line),
                );
            }
        }
    }
    unique
}

/// Replaces the patterns in `dependsOn` by ids. Reports those that match nothing, and circles.
pub fn resolve(planned: &mut [Planned], problems: &mut Problems) {
    let ids: Vec<String> = planned.iter().map(|session| session.session.id.clone()).collect();
    let mut matching = Matching::new(&ids);
    let mut total = 0;
    for session in planned.iter_mut() {
        let own = session.session.id.clone();
        let mut resolved: Vec<String> = Vec::new();
        let mut added = HashSet::new();
        let written = session.node.get("dependsOn").map(Node::elements).unwrap_or_default();
        for dependency in written {
            let Some(text) = dependency.text() else { continue };
            let found = matching.of(text);
            total += found.len();
            if total > MAX_DEPENDENCIES {
                let message = format!("the plan has more than {MAX_DEPENDENCIES} dependencies");
                problems.add_with_help(
                    dependency.place,
                    message,
                    "let sessions depend on one session in between",
                );
                return;
            }
            let is_pattern = glob::is_pattern(text);
            let mut has_match = false;
            for id in found.iter().filter(|id| !is_pattern || **id != own) {
                has_match = true;
                if added.insert(*id) {
                    resolved.push((*id).to_owned());
                }
            }
            if !has_match {
                report_unknown(dependency, text, &ids, problems);
            }
        }
        session.session.depends_on = resolved;
    }
    report_cycles(planned, problems);
}

/// Finds the ids that a dependency names, once for each text.
struct Matching<'a> {
    ids: &'a [String],
    found: HashMap<String, Vec<&'a str>>,
}

impl<'a> Matching<'a> {
    fn new(ids: &'a [String]) -> Self {
        Self { ids, found: ids.iter().map(|id| (id.clone(), vec![id.as_str()])).collect() }
    }

    fn of(&mut self, text: &str) -> &[&'a str] {
        if !self.found.contains_key(text) {
            let is_pattern = glob::is_pattern(text);
            let matching = self.ids.iter().filter(|id| is_pattern && glob::matches(text, id));
            self.found.insert(text.to_owned(), matching.map(String::as_str).collect());
        }
        &self.found[text]
    }
}

fn report_unknown(node: &Node, text: &str, ids: &[String], problems: &mut Problems) {
    if glob::is_pattern(text) {
        problems.add(node.place, format!("no session matches {text:?}"));
        return;
    }
    let message = format!("unknown session {text:?} in dependsOn");
    match nearest(text, ids.iter().map(String::as_str)) {
        Some(near) => problems.add_with_help(node.place, message, format!("did you mean {near:?}?")),
        None => problems.add(node.place, message),
    }
}

fn report_cycles(planned: &[Planned], problems: &mut Problems) {
    let graph = DependencyGraph::new(planned.iter().map(|session| GraphNode::from(&session.session)));
    let Err(error) = graph.check() else { return };
    for cycle in error.cycles() {
        let Some(first) = cycle.first() else { continue };
        let Some(session) = planned.iter().find(|session| session.session.id == *first) else { continue };
        let circle = cycle.iter().chain([first]).map(String::as_str).collect::<Vec<_>>().join(" -> ");
        let place = place_of(&session.node, "dependsOn");
        let message = format!("sessions depend on each other in a circle: {circle}");
        problems.add_with_help(place, message, "remove one of these dependencies");
    }
}

/// Warns of sessions that can run at the same time in one directory.
pub fn warn_of_shared_directories(planned: &[Planned], problems: &mut Problems) {
    let mut by_directory: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, session) in planned.iter().enumerate() {
        by_directory.entry(&session.session.project_path).or_default().push(index);
    }
    let order = order(planned);
    let dependants = dependants(planned);
    let mut directories: Vec<_> = by_directory.into_iter().collect();
    directories.sort_by_key(|(_, sessions)| sessions[0]);
    for (directory, mut sessions) in directories {
        sessions.sort_by_key(|session| order[*session]);
        // All are in a chain if and only if each one leads to the next.
        let independent = sessions.windows(2).find(|pair| !leads_to(&dependants, pair[0], pair[1]));
        let Some(&[one, other]) = independent else { continue };
        let (one, other) = (&planned[one], &planned[other]);
        let message = format!(
            "sessions {:?} and {:?} can run at the same time in {directory}",
            one.session.id, other.session.id
        );
        let help = "set exclusiveDirectories: true, or let one depend on the other";
        problems.warn(other.place, message, help);
    }
}

/// The position of each session in an order that respects the dependencies. There are no circles.
fn order(planned: &[Planned]) -> Vec<usize> {
    let graph = DependencyGraph::new(planned.iter().map(|session| GraphNode::from(&session.session)));
    let mut order = vec![0; planned.len()];
    let waves = graph.waves();
    for (position, session) in waves.into_iter().flatten().enumerate() {
        if let Some(place) = order.get_mut(session) {
            *place = position;
        }
    }
    order
}

fn dependants(planned: &[Planned]) -> Vec<Vec<usize>> {
    let index_of: HashMap<&str, usize> =
        planned.iter().enumerate().map(|(index, session)| (session.session.id.as_str(), index)).collect();
    let mut dependants = vec![Vec::new(); planned.len()];
    for (index, session) in planned.iter().enumerate() {
        for dependency in &session.session.depends_on {
            if let Some(on) = index_of.get(dependency.as_str()) {
                dependants[*on].push(index);
            }
        }
    }
    dependants
}

fn leads_to(dependants: &[Vec<usize>], from: usize, to: usize) -> bool {
    let mut seen = HashSet::from([from]);
    let mut open = vec![from];
    while let Some(session) = open.pop() {
        for next in &dependants[session] {
            if *next == to {
                return true;
            }
            if seen.insert(*next) {
                open.push(*next);
            }
        }
    }
    false
}
