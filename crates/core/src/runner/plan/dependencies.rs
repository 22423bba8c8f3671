//! The dependencies between sessions, by index, with the length of the path that each session begins.

use std::collections::HashMap;

use super::session::{Session, SessionIndex};

/// The dependencies of a group's sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Dependencies {
    of: Vec<Node>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Node {
    /// Sessions that come first.
    needs: Vec<SessionIndex>,
    /// Number of dependencies that do not exist.
    missing: u32,
    /// Sessions that wait for this one.
    dependants: Vec<SessionIndex>,
    /// Number of sessions on the longest path that begins here. Zero on and before a cycle.
    path: u32,
}

impl Dependencies {
    /// Resolves the ids. Removed sessions do not exist.
    pub fn of(sessions: &[Session]) -> Self {
        let existing = sessions.iter().enumerate().filter(|(_, session)| !session.is_removed);
        let index_of: HashMap<&str, SessionIndex> =
            existing.map(|(index, session)| (&*session.id, SessionIndex::of(index))).collect();
        let mut nodes = vec![Node::default(); sessions.len()];
        for (index, session) in sessions.iter().enumerate() {
            for id in &session.settings.depends_on {
                let Some(&on) = index_of.get(&**id) else {
                    nodes[index].missing += 1;
                    continue;
                };
                if !nodes[index].needs.contains(&on) {
                    nodes[index].needs.push(on);
                    nodes[on.get()].dependants.push(SessionIndex::of(index));
                }
            }
        }
        measure_paths(&mut nodes);
        Self { of: nodes }
    }

    /// Sessions that wait for this one.
    pub fn dependants(&self, session: SessionIndex) -> &[SessionIndex] {
        &self.of[session.get()].dependants
    }

    /// Sessions that come before this one.
    pub fn needs(&self, session: SessionIndex) -> &[SessionIndex] {
        &self.of[session.get()].needs
    }

    /// Number of dependencies that do not exist. Nothing ever satisfies them.
    pub fn missing(&self, session: SessionIndex) -> u32 {
        self.of[session.get()].missing
    }

    /// Number of sessions on the longest path that begins here.
    pub fn path(&self, session: SessionIndex) -> u32 {
        self.of[session.get()].path
    }
}

/// Measures paths from the last sessions backwards. Sessions that a cycle depends on are never reached.
fn measure_paths(nodes: &mut [Node]) {
    let mut open: Vec<usize> = nodes.iter().map(|node| node.dependants.len()).collect();
    let mut done: Vec<usize> = (0..nodes.len()).filter(|&index| open[index] == 0).collect();
    while let Some(index) = done.pop() {
        nodes[index].path += 1;
        let path = nodes[index].path;
        for need in nodes[index].needs.clone() {
            let need = need.get();
            nodes[need].path = nodes[need].path.max(path);
            open[need] -= 1;
            if open[need] == 0 {
                done.push(need);
            }
        }
    }
}
