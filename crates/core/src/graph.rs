//! The order in which the sessions of a group can run.
//!
//! A session is ready once all its dependencies are satisfied: completed, or failed where the failure is allowed. The
//! graph refers to sessions by their position in the group, and to unknown ids that sessions depend on by the positions
//! after those.
//!
//! ```
//! use session_groups::graph::{DependencyGraph, Node, NodeState};
//!
//! let api = ["api".to_owned()];
//! let mut graph = DependencyGraph::new([Node::new("api", &[]), Node::new("web", &api)]);
//! graph.check()?;
//! assert_eq!(graph.ready().collect::<Vec<_>>(), [0]);
//! assert_eq!(graph.mark(0, NodeState::Completed), [1]);
//! assert_eq!(graph.ready().map(|session| graph.id(session)).collect::<Vec<_>>(), ["web"]);
//! # Ok::<(), session_groups::Error>(())
//! ```

mod cycles;
mod outlook;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::sync::Arc;

use crate::error::{Error, FieldError, Result};
use crate::model::session::repeated_id;
use crate::model::{GroupSession, SessionStatus};

/// The state of a session, as far as other sessions depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeState {
    /// Waits for its dependencies, or is ready.
    Waiting,
    /// Has started and not ended.
    Started,
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
}

impl NodeState {
    fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// Takes an active or paused session for one that has started.
impl From<SessionStatus> for NodeState {
    fn from(status: SessionStatus) -> Self {
        match status {
            SessionStatus::Pending => Self::Waiting,
            SessionStatus::Active | SessionStatus::Paused => Self::Started,
            SessionStatus::Completed => Self::Completed,
            SessionStatus::Failed => Self::Failed,
        }
    }
}

/// A session as the graph sees it.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// The session's id.
    pub id: &'a str,
    /// Ids of the sessions that it waits for. Repeated ones count once.
    pub depends_on: &'a [String],
    /// Its state.
    pub state: NodeState,
    /// `true` if its dependants start even if it fails.
    pub allow_failure: bool,
}

impl<'a> Node<'a> {
    /// A waiting session whose failure is not allowed.
    pub fn new(id: &'a str, depends_on: &'a [String]) -> Self {
        Self { id, depends_on, state: NodeState::Waiting, allow_failure: false }
    }
}

impl<'a> From<&'a GroupSession> for Node<'a> {
    fn from(session: &'a GroupSession) -> Self {
        Self {
            state: session.status.into(),
            allow_failure: session.allow_failure.unwrap_or_default(),
            ..Self::new(&session.id, &session.depends_on)
        }
    }
}

/// A waiting session, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Position of the session.
    pub session: usize,
    /// Positions of sessions and unknown ids.
    pub by: Vec<usize>,
}

/// The dependencies between the sessions of a group, and the state of each session.
#[derive(Debug, Clone)]
pub struct DependencyGraph {
    /// The sessions in the group's order, then the unknown ids in the order in which they are first depended on.
    vertices: Vec<Vertex>,
    index_of: HashMap<Arc<str>, usize>,
    session_count: usize,
    /// Positions of two sessions with the same id.
    duplicates: Vec<(usize, usize)>,
    is_acyclic: bool,
    ready: BTreeSet<Rank>,
    remaining: usize,
}

/// The order of ready sessions: the longest chain first, then the group's order.
type Rank = (Reverse<usize>, usize);

/// A session, or an unknown id, which waits until it is marked.
#[derive(Debug, Clone)]
struct Vertex {
    id: Arc<str>,
    depends_on: Vec<usize>,
    /// Sessions that depend on it, in the group's order.
    dependants: Vec<usize>,
    state: NodeState,
    allow_failure: bool,
    /// Number of dependencies that are not satisfied.
    unsatisfied: usize,
    /// Length of the longest chain of dependants that begins with it, without sessions that had ended at the start.
    chain: usize,
}

impl Vertex {
    /// Returns `true` if its dependants need not wait for it.
    fn is_satisfied(&self) -> bool {
        match self.state {
            NodeState::Completed => true,
            NodeState::Failed => self.allow_failure,
            NodeState::Waiting | NodeState::Started => false,
        }
    }

    /// Returns `true` if it has neither started nor ended.
    fn is_waiting(&self) -> bool {
        self.state == NodeState::Waiting
    }
}

impl DependencyGraph {
    /// Creates the graph of sessions given in the group's order. Any ids and dependencies are accepted; [`Self::check`]
    /// reports repeated ids and cycles. A dependency on a repeated id means the first session that has it. Sessions on a
    /// cycle never become ready.
    pub fn new<'a>(sessions: impl IntoIterator<Item = Node<'a>>) -> Self {
        let sessions: Vec<_> = sessions.into_iter().collect();
        let mut graph = Self {
            vertices: Vec::with_capacity(sessions.len()),
            index_of: HashMap::with_capacity(sessions.len()),
            session_count: sessions.len(),
            duplicates: Vec::new(),
            is_acyclic: true,
            ready: BTreeSet::new(),
            remaining: 0,
        };
        for session in &sessions {
            graph.add_session(session);
        }
        for (index, session) in sessions.iter().enumerate() {
            graph.connect(index, session.depends_on);
        }
        graph.measure_chains();
        for index in 0..graph.session_count {
            graph.update_ready(index);
        }
        graph
    }

    fn add_session(&mut self, session: &Node<'_>) {
        let index = self.add(session.id);
        self.vertices[index].state = session.state;
        self.vertices[index].allow_failure = session.allow_failure;
        self.remaining += usize::from(!session.state.has_ended());
    }

    fn add(&mut self, id: &str) -> usize {
        let (id, index) = (Arc::<str>::from(id), self.vertices.len());
        let first = *self.index_of.entry(Arc::clone(&id)).or_insert(index);
        if first != index {
            self.duplicates.push((first, index));
        }
        self.vertices.push(Vertex {
            id,
            depends_on: Vec::new(),
            dependants: Vec::new(),
            state: NodeState::Waiting,
            allow_failure: false,
            unsatisfied: 0,
            chain: 0,
        });
        index
    }

    /// Adds the dependencies of a session. Sessions come in the group's order, and so do the dependants of each.
    fn connect(&mut self, session: usize, depends_on: &[String]) {
        for id in depends_on {
            let dependency = self.find(id).unwrap_or_else(|| self.add(id));
            let is_repeated = self.vertices[dependency].dependants.last() == Some(&session);
            if !is_repeated {
                self.vertices[dependency].dependants.push(session);
                let is_satisfied = self.vertices[dependency].is_satisfied();
                self.vertices[session].depends_on.push(dependency);
                self.vertices[session].unsatisfied += usize::from(!is_satisfied);
            }
        }
    }

    /// Computes the chains from their ends. The sessions on a cycle and those before it are never reached.
    fn measure_chains(&mut self) {
        let mut unmeasured: Vec<_> = self.vertices.iter().map(|vertex| vertex.dependants.len()).collect();
        let mut measured: Vec<_> = (0..unmeasured.len()).filter(|&index| unmeasured[index] == 0).collect();
        let mut next = 0;
        while let Some(&index) = measured.get(next) {
            next += 1;
            let vertex = &mut self.vertices[index];
            vertex.chain = if vertex.state.has_ended() { 0 } else { vertex.chain + 1 };
            let chain = vertex.chain;
            let depends_on = mem::take(&mut vertex.depends_on);
            for &dependency in &depends_on {
                let longest = &mut self.vertices[dependency].chain;
                *longest = chain.max(*longest);
                unmeasured[dependency] -= 1;
                if unmeasured[dependency] == 0 {
                    measured.push(dependency);
                }
            }
            self.vertices[index].depends_on = depends_on;
        }
        self.is_acyclic = measured.len() == self.vertices.len();
    }

    /// Returns an error if two sessions have the same id (`INVALID_GROUP`) or dependencies form a cycle
    /// (`CIRCULAR_DEPENDENCY`).
    pub fn check(&self) -> Result<()> {
        if let Some(&(first, second)) = self.duplicates.first() {
            let problem = repeated_id(self.id(first), first);
            return Err(Error::repeated_session(FieldError::new(format!("sessions[{second}].id"), problem)));
        }
        let cycles = self.cycles();
        if cycles.is_empty() {
            return Ok(());
        }
        let ids = |cycle: &Vec<usize>| cycle.iter().map(|&index| self.id(index).to_owned()).collect();
        Err(Error::circular_dependency(cycles.iter().map(ids).collect()))
    }

    /// Returns the number of sessions. Their positions are those below it.
    pub fn session_count(&self) -> usize {
        self.session_count
    }

    /// Returns the position of a session or of an unknown id that sessions depend on.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.index_of.get(id).copied()
    }

    /// Returns the id at a position. Panics if there is none.
    pub fn id(&self, index: usize) -> &str {
        &self.vertices[index].id
    }

    /// Returns the state at a position. Panics if there is none.
    pub fn state(&self, index: usize) -> NodeState {
        self.vertices[index].state
    }

    /// Returns the unknown ids that sessions depend on, in the order in which they are first depended on.
    pub fn unknown(&self) -> impl ExactSizeIterator<Item = &str> {
        self.vertices[self.session_count..].iter().map(|vertex| vertex.id.as_ref())
    }

    /// Sets the state of a session or of an unknown id. Returns the sessions that have become ready by it, in the group's
    /// order. Takes time in proportion to the number of dependants. Panics if there is no such position.
    pub fn mark(&mut self, index: usize, state: NodeState) -> Vec<usize> {
        let vertex = &mut self.vertices[index];
        let was_satisfied = vertex.is_satisfied();
        let before = mem::replace(&mut vertex.state, state);
        let is_satisfied = vertex.is_satisfied();
        if index < self.session_count {
            self.remaining += usize::from(before.has_ended());
            self.remaining -= usize::from(state.has_ended());
        }
        let mut changed = vec![index];
        if was_satisfied != is_satisfied {
            let dependants = mem::take(&mut self.vertices[index].dependants);
            for &dependant in &dependants {
                let unsatisfied = &mut self.vertices[dependant].unsatisfied;
                let before = *unsatisfied;
                *unsatisfied = if is_satisfied { before - 1 } else { before + 1 };
                if before == 0 || *unsatisfied == 0 {
                    changed.push(dependant);
                }
            }
            self.vertices[index].dependants = dependants;
        }
        changed.retain(|&session| self.update_ready(session));
        changed
    }

    /// Adds a session to the ready ones, or removes it. Returns `true` if it was added.
    fn update_ready(&mut self, index: usize) -> bool {
        let vertex = &self.vertices[index];
        let rank = (Reverse(vertex.chain), index);
        let is_ready = index < self.session_count && vertex.is_waiting() && vertex.unsatisfied == 0;
        if is_ready {
            return self.ready.insert(rank);
        }
        self.ready.remove(&rank);
        false
    }

    /// Returns the sessions that can start now: the one with the longest chain of dependants first, then in the group's
    /// order. Chains are those at the creation of the graph, without the sessions that had ended.
    pub fn ready(&self) -> impl ExactSizeIterator<Item = usize> {
        self.ready.iter().map(|&(_, index)| index)
    }

    /// Returns the number of sessions that have not ended.
    pub fn remaining(&self) -> usize {
        self.remaining
    }

    /// Returns the waiting sessions that are not ready, in the group's order, each with its dependencies that are not
    /// satisfied.
    pub fn blocked(&self) -> Vec<Held> {
        let is_blocked = |&session: &usize| {
            let vertex = &self.vertices[session];
            vertex.is_waiting() && vertex.unsatisfied > 0
        };
        let held = |session: usize| {
            let depends_on = self.vertices[session].depends_on.iter().copied();
            Held { session, by: depends_on.filter(|&index| !self.vertices[index].is_satisfied()).collect() }
        };
        (0..self.session_count).filter(is_blocked).map(held).collect()
    }
}
