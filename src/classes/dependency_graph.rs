//! The half of `DependencyGraph` that refers to sessions by their position. `index.js` extends it by one that returns the
//! sessions it was given. `src/types/graph.d.ts` declares the class.

use std::cell::RefCell;

use napi::Env;
use napi::bindgen_prelude::{This, Unknown};
use napi_derive::napi;

use crate::args;
use crate::error::throwing;
use crate::js::{self, Fault};
use crate::reader::{self, At, Place};
use session_groups::error::Error;
use session_groups::graph::{DependencyGraph as Core, Held, Node, NodeState};
use session_groups::model::SessionStatus;

/// Refers to sessions by their position.
///
/// @internal
#[napi]
pub struct DependencyGraph {
    core: RefCell<Core>,
}

#[napi]
impl DependencyGraph {
    #[napi(constructor, skip_typescript)]
    pub fn new(env: Env, this: This<'_>, sessions: Unknown<'_>) -> napi::Result<Self> {
        throwing(&env, || {
            args::constructed(&env, &this, "DependencyGraph", c"waves")?;
            let sessions = At::new(&env, sessions, &Place::Argument("sessions")).list(Session::from_js)?;
            let core = Core::new(sessions.iter().map(Session::node));
            core.check()?;
            Ok(Self { core: RefCell::new(core) })
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn get_ready_sessions<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        throwing(env, || js::from_serde(env, &self.core.borrow().ready().collect::<Vec<_>>()))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn get_blocked_sessions<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        throwing(env, || self.held(env, Core::blocked))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn unreachable<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        throwing(env, || self.held(env, Core::unreachable))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn get_remaining_count(&self, env: Env) -> napi::Result<u32> {
        throwing(&env, || Ok(u32::try_from(self.core.borrow().remaining()).map_err(Error::internal)?))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn waves<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        throwing(env, || {
            let core = self.core.borrow();
            let waves = core.waves();
            let ids = |wave: &Vec<usize>| wave.iter().map(|&session| core.id(session)).collect::<Vec<_>>();
            js::from_serde(env, &waves.iter().map(ids).collect::<Vec<_>>())
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn critical_path<'env>(&self, env: &'env Env, weights: Unknown<'_>) -> napi::Result<Unknown<'env>> {
        throwing(env, || {
            // Read first: a getter of the weights may call this class again.
            let weights = args::weights(env, weights)?;
            let core = self.core.borrow();
            let weight = |session: usize| weights.get(core.id(session)).copied().unwrap_or(1.0);
            let path = core.critical_path(weight);
            js::from_serde(env, &path.into_iter().map(|session| core.id(session)).collect::<Vec<_>>())
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn mark_started(&self, env: Env, id: Unknown<'_>) -> napi::Result<()> {
        throwing(&env, || self.mark(&env, id, NodeState::Started))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn mark_completed(&self, env: Env, id: Unknown<'_>) -> napi::Result<()> {
        throwing(&env, || self.mark(&env, id, NodeState::Completed))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn mark_failed(&self, env: Env, id: Unknown<'_>) -> napi::Result<()> {
        throwing(&env, || self.mark(&env, id, NodeState::Failed))
    }
}

impl DependencyGraph {
    /// Marks a session, or an unknown id that sessions depend on. No session waits for any other id.
    fn mark(&self, env: &Env, id: Unknown<'_>, state: NodeState) -> Result<(), Fault> {
        let id = args::text(env, "sessionId", id)?;
        let mut core = self.core.borrow_mut();
        if let Some(index) = core.find(&id) {
            core.mark(index, state);
        }
        Ok(())
    }

    /// Returns pairs of a session's position and the ids that it waits for.
    fn held<'env>(&self, env: &'env Env, of: fn(&Core) -> Vec<Held>) -> Result<Unknown<'env>, Fault> {
        let core = self.core.borrow();
        let held = of(&core);
        let ids = |indices: &[usize]| indices.iter().map(|&index| core.id(index)).collect::<Vec<_>>();
        js::from_serde(env, &held.iter().map(|held| (held.session, ids(&held.by))).collect::<Vec<_>>())
    }
}

/// The fields of a session that the graph reads.
struct Session {
    id: String,
    depends_on: Vec<String>,
    state: NodeState,
}

impl Session {
    fn from_js(session: At<'_>) -> Result<Self, Fault> {
        let session = session.object()?;
        let id = session.required(c"id", reader::text)?;
        let depends_on = session.required(c"dependsOn", |ids| ids.list(reader::text))?;
        let status = session.required(c"status", |status| Ok(js::text_of(status.value).ok()))?;
        let status = status.and_then(|name| SessionStatus::from_name(&name));
        // An unknown status is not `pending`, so the session is neither ready nor blocked.
        Ok(Self { id, depends_on, state: status.map_or(NodeState::Started, NodeState::from) })
    }

    fn node(&self) -> Node<'_> {
        Node { state: self.state, ..Node::new(&self.id, &self.depends_on) }
    }
}
