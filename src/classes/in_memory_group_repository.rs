//! `InMemoryGroupRepository` for JavaScript.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Object, This, Unknown};
use napi_derive::napi;

use crate::answer::Answer;
use crate::args;
use crate::error::{throwing, unwinding};
use crate::js::Fault;
use crate::promise::{Deferred, Reply, promise};
use crate::repository::{self, Backend, repository_methods};
use crate::update::{Update, update_in_memory};
use session_groups::feed::{self, Events};
use session_groups::model::GroupId;
use session_groups::repository::{
    Condition, Document, GroupFilter, GroupRepository, GroupSort, InMemoryGroupRepository as Core,
    RepositoryProblem, Watcher, Write, WriteOutcome,
};

/// Stores groups in memory, for tests. It behaves like the repository of files, but nothing is durable.
#[napi]
pub struct InMemoryGroupRepository {
    backend: Memory,
}

#[napi]
impl InMemoryGroupRepository {
    /// Creates an empty repository.
    #[napi(constructor)]
    pub fn new(env: Env, this: This<'_>) -> napi::Result<Self> {
        throwing(&env, || {
            args::constructed(&env, &this, "InMemoryGroupRepository", c"findById")?;
            Ok(Self { backend: Memory::default() })
        })
    }

    /// Deletes all groups.
    #[napi(enumerable = false)]
    pub fn clear(&self, env: Env) -> napi::Result<()> {
        throwing(&env, || {
            self.backend.core.clear();
            Ok(())
        })
    }
}

impl InMemoryGroupRepository {
    /// The repository itself.
    pub fn core(&self) -> &Core {
        &self.backend.core
    }
}

repository_methods!(InMemoryGroupRepository);

/// A write of one group.
type Work = Box<dyn FnOnce(&Env, &Core) -> Result<Answer, Fault>>;

/// Writes by their group.
type Turns = HashMap<GroupId, VecDeque<(Deferred, Work)>>;

#[derive(Default)]
struct Memory {
    core: Core,
    /// Groups that are being written, with the writes that wait for it: those made by a function given to `update`.
    turns: Rc<RefCell<Turns>>,
}

impl Memory {
    /// Writes a group, after the write that is under way.
    fn take_turn(
        &self,
        env: &Env,
        id: GroupId,
        work: impl FnOnce(&Env, &Core, &GroupId) -> Result<Answer, Fault> + 'static,
    ) -> Result<Reply, Fault> {
        let of = id.clone();
        let work: Work = Box::new(move |env, core| work(env, core, &of));
        if self.turns.borrow().contains_key(&id) {
            let turns = Rc::clone(&self.turns);
            return Ok(Reply::later(move |deferred| {
                turns.borrow_mut().entry(id).or_default().push_back((deferred, work));
            }));
        }
        self.turns.borrow_mut().insert(id.clone(), VecDeque::new());
        let outcome = unwinding(|| work(env, &self.core));
        while let Some((deferred, work)) = self.next_of(&id) {
            let outcome = unwinding(|| work(env, &self.core));
            deferred.go_on(move |env| Ok(outcome?.into_js(env)?));
        }
        outcome.map(Reply::Now)
    }

    /// The next write that waits; without one the turn has ended.
    fn next_of(&self, id: &GroupId) -> Option<(Deferred, Work)> {
        let mut turns = self.turns.borrow_mut();
        let next = turns.get_mut(id)?.pop_front();
        if next.is_none() {
            turns.remove(id);
        }
        next
    }
}

impl Backend for Memory {
    fn find(&self, id: GroupId, answer: fn(Option<Document>) -> Answer) -> Result<Reply, Fault> {
        Ok(Reply::Now(answer(self.core.find_by_id(&id)?)))
    }

    fn list(&self, _env: &Env, filter: GroupFilter, sort: Option<GroupSort>) -> Result<Reply, Fault> {
        Ok(Reply::Now(Answer::Groups(self.core.list(&filter, sort)?)))
    }

    fn summaries(&self, filter: GroupFilter, sort: Option<GroupSort>) -> Result<Reply, Fault> {
        Ok(Reply::Now(Answer::Summaries(self.core.summaries(&filter, sort)?)))
    }

    fn count(&self, filter: GroupFilter) -> Result<Reply, Fault> {
        Ok(Reply::Now(Answer::Count(self.core.count(&filter)?)))
    }

    fn save(&self, env: &Env, id: GroupId, text: String, condition: Condition) -> Result<Reply, Fault> {
        let group = Document::to_save(&id, text)?;
        self.write(env, id, Write::Save { group, condition }, |_| Answer::Undefined)
    }

    fn write(
        &self,
        env: &Env,
        id: GroupId,
        write: Write,
        answer: fn(WriteOutcome) -> Answer,
    ) -> Result<Reply, Fault> {
        self.take_turn(env, id, move |_, core, id| Ok(answer(core.write(id, write)?)))
    }

    fn update_by(&self, env: &Env, id: GroupId, function: Arc<Update>) -> Result<Reply, Fault> {
        self.take_turn(env, id, move |env, core, id| update_in_memory(env, core, id, &function))
    }

    fn verify(&self, answer: fn(&[RepositoryProblem]) -> Answer) -> Result<Reply, Fault> {
        Ok(Reply::Now(answer(&self.core.verify()?)))
    }

    fn watch(&self, only: Option<GroupId>) -> session_groups::Result<Watcher> {
        self.core.watch(only)
    }

    fn events(&self, id: &GroupId, after: u64, follow: bool) -> Events {
        feed::events(&self.core, id, after, follow)
    }
}
