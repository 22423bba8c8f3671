//! The sessions that can still run if nothing else fails, in waves and on the critical path, and those that cannot.

use std::iter;

use super::{DependencyGraph, Held, NodeState};

/// The sessions that can still run if each of them completes.
struct Outlook {
    /// Positions of the sessions, each after its dependencies.
    order: Vec<usize>,
    /// The wave of each position, `None` if it cannot run.
    waves: Vec<Option<usize>>,
}

impl DependencyGraph {
    fn outlook(&self) -> Outlook {
        let is_first = |&index: &usize| {
            let vertex = &self.vertices[index];
            vertex.state == NodeState::Started || vertex.is_waiting() && vertex.unsatisfied == 0
        };
        let mut unsatisfied: Vec<_> = self.vertices.iter().map(|vertex| vertex.unsatisfied).collect();
        let mut order: Vec<_> = (0..self.session_count).filter(is_first).collect();
        let mut waves = vec![None; self.vertices.len()];
        for &index in &order {
            waves[index] = Some(0);
        }
        let mut next = 0;
        while let Some(&index) = order.get(next) {
            next += 1;
            for dependant in self.waiting_dependants(index) {
                unsatisfied[dependant] -= 1;
                // The last of its dependencies is in the latest wave, because they come in the order of their waves.
                if unsatisfied[dependant] == 0 {
                    waves[dependant] = waves[index].map(|wave| wave + 1);
                    order.push(dependant);
                }
            }
        }
        Outlook { order, waves }
    }

    fn waiting_dependants(&self, index: usize) -> impl DoubleEndedIterator<Item = usize> {
        let dependants = self.vertices[index].dependants.iter().copied();
        dependants.filter(|&dependant| self.vertices[dependant].is_waiting())
    }

    /// Returns the remaining sessions in waves. Those of the first wave have started or are ready; those of each further
    /// wave are ready once all waves before it have completed. Within a wave, sessions are in the group's order. Sessions
    /// that cannot be reached are in no wave.
    pub fn waves(&self) -> Vec<Vec<usize>> {
        let mut waves: Vec<Vec<usize>> = Vec::new();
        for (session, wave) in self.outlook().waves.into_iter().enumerate() {
            let Some(wave) = wave else { continue };
            if waves.len() <= wave {
                waves.resize_with(wave + 1, Vec::new);
            }
            waves[wave].push(session);
        }
        waves
    }

    /// Returns the chain of remaining sessions with the largest sum of weights, from its first session to its last. Each
    /// session depends on the one before it. Of several such chains, sessions that come first in the group are preferred.
    /// `weight` returns the finite weight of a session, 0 or more.
    pub fn critical_path(&self, weight: impl Fn(usize) -> f64) -> Vec<usize> {
        let Outlook { order, waves } = self.outlook();
        let mut sums = vec![0.0; self.vertices.len()];
        let mut next = vec![None; self.vertices.len()];
        for &session in order.iter().rev() {
            let dependants = self.waiting_dependants(session).filter(|&dependant| waves[dependant].is_some());
            let heaviest = heaviest(dependants, &sums);
            sums[session] = weight(session) + heaviest.map_or(0.0, |dependant| sums[dependant]);
            next[session] = heaviest;
        }
        let first_wave = (0..self.session_count).filter(|&session| waves[session] == Some(0));
        iter::successors(heaviest(first_wave, &sums), |&session| next[session]).collect()
    }

    /// Returns `true` if one session waits for another, directly or through others. Panics if there is no such position.
    pub fn waits_for(&self, session: usize, other: usize) -> bool {
        let mut seen = vec![false; self.vertices.len()];
        let mut open = vec![session];
        while let Some(index) = open.pop() {
            for &dependency in &self.vertices[index].depends_on {
                if dependency == other {
                    return true;
                }
                if !std::mem::replace(&mut seen[dependency], true) {
                    open.push(dependency);
                }
            }
        }
        false
    }

    /// Returns the waiting sessions that can never start unless a mark changes that, in the group's order. Each comes with
    /// the reasons: the failed sessions, unknown ids and sessions on cycles that it waits for, directly or through others.
    pub fn unreachable(&self) -> Vec<Held> {
        let waves = self.outlook().waves;
        let is_unreachable = |index: usize| self.vertices[index].is_waiting() && waves[index].is_none();
        let mut is_on_cycle = vec![false; self.vertices.len()];
        for index in self.cyclic_components().into_iter().flatten() {
            is_on_cycle[index] = is_unreachable(index);
        }
        let mut held_by: Vec<Vec<usize>> = vec![Vec::new(); self.session_count];
        for (cause, vertex) in self.vertices.iter().enumerate() {
            let is_unknown = cause >= self.session_count;
            let is_cause = is_unknown || vertex.state == NodeState::Failed || is_on_cycle[cause];
            let mut open = if is_cause && !vertex.is_satisfied() { vec![cause] } else { Vec::new() };
            while let Some(index) = open.pop() {
                for dependant in self.waiting_dependants(index) {
                    // Causes are added one after the other, so a repeated one is the last.
                    if held_by[dependant].last() != Some(&cause) {
                        held_by[dependant].push(cause);
                        open.push(dependant);
                    }
                }
            }
        }
        let held = held_by.into_iter().enumerate().filter(|(_, by)| !by.is_empty());
        held.map(|(session, by)| Held { session, by }).collect()
    }
}

/// The position with the largest sum, the first of several.
fn heaviest(indices: impl DoubleEndedIterator<Item = usize>, sums: &[f64]) -> Option<usize> {
    // `max_by` returns the last of several.
    indices.rev().max_by(|&a, &b| sums[a].total_cmp(&sums[b]))
}
