//! The processes that were seen below another one. A tool may clear its environment, and loses its parent when that ends.

use std::collections::{HashMap, HashSet};

use crate::runner::process::unix::table::Entry;

/// The processes seen below a process, and their sessions.
#[derive(Debug, Default)]
pub struct Tree {
    /// Start times by pid. The root is among them.
    seen: HashMap<i32, u64>,
    /// Sessions whose leader was seen: their ids, which are the leaders' pids, and the leaders' start times.
    sessions: HashMap<i32, u64>,
}

impl Tree {
    /// The tree of a process that runs.
    pub fn new(root: Entry) -> Self {
        let mut tree = Self::default();
        tree.add(root);
        tree
    }

    /// Records what is below the processes of the tree now.
    pub fn record(&mut self, table: &[Entry]) {
        let by_pid: HashMap<i32, &Entry> = table.iter().map(|entry| (entry.pid, entry)).collect();
        self.seen.retain(|pid, start| by_pid.get(pid).is_some_and(|entry| entry.start == *start));
        let used: HashSet<i32> = table.iter().map(|entry| entry.session).collect();
        self.sessions.retain(|session, start| {
            used.contains(session) && by_pid.get(session).is_none_or(|leader| leader.start == *start)
        });
        let mut children: HashMap<i32, Vec<&Entry>> = HashMap::new();
        for entry in table {
            children.entry(entry.parent).or_default().push(entry);
        }
        let members = table.iter().filter(|entry| self.contains(entry));
        let mut found: Vec<&Entry> = members.collect();
        while let Some(entry) = found.pop() {
            self.add(*entry);
            let below = children.remove(&entry.pid).unwrap_or_default();
            // A child is younger, unless its parent's pid was reused.
            found.extend(below.into_iter().filter(|child| child.start >= entry.start));
        }
    }

    /// Returns `true` if a process was seen below the root, or is in a session whose leader was.
    pub fn contains(&self, entry: &Entry) -> bool {
        self.seen.get(&entry.pid) == Some(&entry.start)
            || self.sessions.get(&entry.session).is_some_and(|leader| entry.start >= *leader)
    }

    fn add(&mut self, entry: Entry) {
        self.seen.insert(entry.pid, entry.start);
        if entry.session == entry.pid {
            self.sessions.insert(entry.pid, entry.start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(pid: i32, parent: i32, session: i32, start: u64) -> Entry {
        Entry { pid, parent, group: session, session, start, is_zombie: false }
    }

    #[test]
    fn descendants_are_remembered_when_their_parent_is_gone() {
        let root = entry(10, 2, 10, 100);
        let tool = entry(11, 10, 11, 110);
        let command = entry(12, 11, 11, 120);
        let other = entry(20, 2, 20, 105);
        let mut tree = Tree::new(root);
        tree.record(&[root, tool, command, other]);
        let orphan = entry(12, 1, 11, 120);
        let sibling = entry(13, 1, 11, 130);
        tree.record(&[orphan, other]);
        assert!(tree.contains(&orphan) && tree.contains(&sibling));
        assert!(!tree.contains(&other) && !tree.contains(&entry(12, 1, 30, 121)));
    }

    #[test]
    fn a_reused_pid_is_another_process() {
        let root = entry(10, 2, 10, 100);
        let mut tree = Tree::new(root);
        let reused = entry(10, 2, 10, 500);
        let child = entry(11, 10, 11, 510);
        tree.record(&[reused, child]);
        assert!(!tree.contains(&reused) && !tree.contains(&child));
    }
}
