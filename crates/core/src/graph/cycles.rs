//! The cycles among the dependencies of sessions.

use std::{iter, mem};

use super::{DependencyGraph, Vertex};

/// Maximum number of dependencies that are followed to find shorter cycles. Finding the shortest takes time in proportion
/// to the product of sessions and dependencies.
const MAX_STEPS: usize = 20_000_000;

const NONE: usize = usize::MAX;

impl DependencyGraph {
    /// Returns a shortest cycle of each strongly connected component. In a cycle, each session depends on the next, and the
    /// last on the first. It begins with the session that comes first in the group, and so do the cycles.
    ///
    /// In a graph of many thousands of dependencies on cycles, the search ends after 20 million steps. Each cycle is then the
    /// shortest one found so far.
    pub fn cycles(&self) -> Vec<Vec<usize>> {
        let components = self.cyclic_components();
        let mut search = Search::new(&self.vertices);
        let mut cycles: Vec<_> = components.iter().map(|component| search.shortest(component)).collect();
        cycles.sort_unstable();
        cycles
    }

    /// Returns the strongly connected components that have cycles, each in the group's order.
    pub(super) fn cyclic_components(&self) -> Vec<Vec<usize>> {
        if self.is_acyclic {
            return Vec::new();
        }
        let mut components = components(&self.vertices);
        components.retain(|component| component.len() > 1 || depends_on_itself(&self.vertices, component[0]));
        for component in &mut components {
            component.sort_unstable();
        }
        components
    }
}

fn depends_on_itself(vertices: &[Vertex], index: usize) -> bool {
    vertices[index].depends_on.contains(&index)
}

/// Returns the strongly connected components, by Tarjan's algorithm with a stack of its own.
fn components(vertices: &[Vertex]) -> Vec<Vec<usize>> {
    let mut numbers = vec![NONE; vertices.len()];
    // The lowest number that is reached from each vertex without leaving its component.
    let mut lowest = vec![NONE; vertices.len()];
    let mut is_open = vec![false; vertices.len()];
    let mut open = Vec::new();
    let mut path: Vec<(usize, usize)> = Vec::new();
    let mut components = Vec::new();
    let mut count = 0;
    for root in 0..vertices.len() {
        if numbers[root] == NONE {
            path.push((root, 0));
        }
        while let Some((index, next)) = path.last_mut() {
            let index = *index;
            if *next == 0 {
                (numbers[index], lowest[index], is_open[index]) = (count, count, true);
                open.push(index);
                count += 1;
            }
            let dependency = vertices[index].depends_on.get(*next).copied();
            *next += 1;
            match dependency {
                Some(dependency) if numbers[dependency] == NONE => path.push((dependency, 0)),
                Some(dependency) if is_open[dependency] => {
                    lowest[index] = lowest[index].min(numbers[dependency]);
                }
                Some(_) => {}
                None => {
                    path.pop();
                    if let Some(&(dependant, _)) = path.last() {
                        lowest[dependant] = lowest[dependant].min(lowest[index]);
                    }
                    if lowest[index] == numbers[index] {
                        let start = open.iter().rposition(|&each| each == index).unwrap_or_default();
                        let component = open.split_off(start);
                        for &each in &component {
                            is_open[each] = false;
                        }
                        components.push(component);
                    }
                }
            }
        }
    }
    components
}

/// The search for a shortest cycle of each component, one component after the other.
struct Search<'a> {
    vertices: &'a [Vertex],
    places: Vec<Place>,
    /// Number of dependencies followed so far.
    steps: usize,
}

/// A vertex in the search.
#[derive(Clone, Default)]
struct Place {
    /// `true` if it is in the component and a cycle through it may still be found.
    is_inside: bool,
    /// Number of dependencies inside.
    dependencies: usize,
    /// Number of dependants inside.
    dependants: usize,
    /// The newest start from which it was reached, the vertex before it on the shortest way, and the length of that way.
    start: Option<usize>,
    previous: usize,
    distance: usize,
}

impl<'a> Search<'a> {
    fn new(vertices: &'a [Vertex]) -> Self {
        Self { vertices, places: vec![Place::default(); vertices.len()], steps: 0 }
    }

    /// Returns a shortest cycle of a component in the group's order. All cycles through a session have been considered once
    /// they have been searched from there, so that it is removed.
    fn shortest(&mut self, component: &[usize]) -> Vec<usize> {
        if let Some(&index) = component.iter().find(|&&index| depends_on_itself(self.vertices, index)) {
            return vec![index];
        }
        self.enter(component);
        let mut shortest: Option<Vec<usize>> = None;
        for &start in component {
            if self.places[start].is_inside {
                let max_length = shortest.as_ref().map_or(usize::MAX, |cycle| cycle.len() - 1);
                shortest = self.through(start, max_length).or(shortest);
                self.remove(start);
            }
            // No cycle of a component without self-dependencies is shorter than 2.
            if self.steps > MAX_STEPS || shortest.as_ref().is_some_and(|cycle| cycle.len() == 2) {
                break;
            }
        }
        for &index in component {
            self.places[index].is_inside = false;
        }
        shortest.unwrap_or_default()
    }

    fn enter(&mut self, component: &[usize]) {
        for &index in component {
            self.places[index].is_inside = true;
        }
        for &index in component {
            let count =
                |indices: &[usize]| indices.iter().filter(|&&each| self.places[each].is_inside).count();
            let vertex = &self.vertices[index];
            let (dependencies, dependants) = (count(&vertex.depends_on), count(&vertex.dependants));
            self.places[index] = Place { is_inside: true, dependencies, dependants, ..Place::default() };
        }
    }

    /// Returns a shortest cycle through a vertex if it is not longer than `max_length`.
    fn through(&mut self, start: usize, max_length: usize) -> Option<Vec<usize>> {
        self.places[start].distance = 0;
        let mut reached = vec![start];
        let mut next = 0;
        while let Some(&index) = reached.get(next) {
            next += 1;
            let distance = self.places[index].distance + 1;
            if distance > max_length {
                return None;
            }
            for &dependency in &self.vertices[index].depends_on {
                self.steps += 1;
                if dependency == start {
                    return Some(self.way(start, index));
                }
                let place = &mut self.places[dependency];
                if place.is_inside && place.start != Some(start) {
                    (place.start, place.previous, place.distance) = (Some(start), index, distance);
                    reached.push(dependency);
                }
            }
        }
        None
    }

    /// Returns the way from the start of a search to a vertex.
    fn way(&self, start: usize, end: usize) -> Vec<usize> {
        let previous = |&index: &usize| (index != start).then(|| self.places[index].previous);
        let mut way: Vec<_> = iter::successors(Some(end), previous).collect();
        way.reverse();
        way
    }

    /// Removes a vertex, and those that are on no cycle without it.
    fn remove(&mut self, index: usize) {
        let mut open = vec![index];
        while let Some(index) = open.pop() {
            if !mem::replace(&mut self.places[index].is_inside, false) {
                continue;
            }
            let vertex = &self.vertices[index];
            for &dependency in &vertex.depends_on {
                let place = &mut self.places[dependency];
                place.dependants = place.dependants.saturating_sub(1);
                if place.is_inside && place.dependants == 0 {
                    open.push(dependency);
                }
            }
            for &dependant in &vertex.dependants {
                let place = &mut self.places[dependant];
                place.dependencies = place.dependencies.saturating_sub(1);
                if place.is_inside && place.dependencies == 0 {
                    open.push(dependant);
                }
            }
        }
    }
}
