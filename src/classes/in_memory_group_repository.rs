//! `InMemoryGroupRepository` for JavaScript.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};

use napi::Env;
use napi::bindgen_prelude::{Object, This, Unknown};
use napi_derive::napi;

use crate::args::{self, nothing_deleted};
use crate::error::{throwing, unwinding};
use crate::js::Fault;
use crate::promise::{Answer, Deferred, promise, settled};
use crate::update::{keep, update_in_memory};
use session_groups::model::GroupId;
use session_groups::repository::{Document, GroupRepository, InMemoryGroupRepository as Core};

/// A write of one group.
type Work = Box<dyn FnOnce(&Env, &Core) -> Result<Answer, Fault>>;

/// Keeps groups in memory, for tests: the same behaviour as in files, and nothing that lasts.
#[napi]
pub struct InMemoryGroupRepository {
    core: Core,
    /// Groups that are being written, with the writes that wait for it: those that a function given to `update` makes.
    turns: RefCell<HashMap<GroupId, VecDeque<(Deferred, Work)>>>,
}

impl InMemoryGroupRepository {
    /// Writes a group, after the write that is under way.
    fn write<'env>(
        &self,
        env: &'env Env,
        prepare: impl FnOnce() -> Result<(Option<GroupId>, Work), Fault>,
    ) -> napi::Result<Object<'env>> {
        let (id, work) = match unwinding(prepare) {
            Ok(prepared) => prepared,
            Err(fault) => return settled(env, || Err(fault)),
        };
        let Some(id) = id else { return settled(env, || work(env, &self.core)) };
        if !self.turns.borrow().contains_key(&id) {
            return settled(env, || self.take_turn(env, &id, work));
        }
        promise(
            env,
            || Ok(()),
            |(), deferred| {
                self.turns.borrow_mut().entry(id).or_default().push_back((deferred, work));
            },
        )
    }

    /// The work on a group. A group whose id names none is missing.
    fn work(
        id: Option<GroupId>,
        missing: Answer,
        work: impl FnOnce(&Env, &Core, &GroupId) -> Result<Answer, Fault> + 'static,
    ) -> Work {
        Box::new(move |env, core| id.map_or(Ok(missing), |id| work(env, core, &id)))
    }

    /// Carries out a write and then those that it has made itself.
    fn take_turn(&self, env: &Env, id: &GroupId, work: Work) -> Result<Answer, Fault> {
        self.turns.borrow_mut().insert(id.clone(), VecDeque::new());
        let outcome = unwinding(|| work(env, &self.core));
        while let Some((deferred, work)) = self.next_of(id) {
            let outcome = unwinding(|| work(env, &self.core));
            deferred.go_on(move |env| Ok(outcome?.into_js(env)?));
        }
        outcome
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

#[napi]
impl InMemoryGroupRepository {
    /// An empty repository.
    #[napi(constructor)]
    pub fn new(env: Env, this: This<'_>) -> napi::Result<Self> {
        throwing(&env, || {
            args::constructed(&env, &this, "InMemoryGroupRepository", c"findById")?;
            Ok(Self { core: Core::new(), turns: RefCell::default() })
        })
    }

    /// Forgets all groups.
    #[napi(enumerable = false)]
    pub fn clear(&self, env: Env) -> napi::Result<()> {
        throwing(&env, || {
            self.core.clear();
            Ok(())
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn find_by_id<'env>(&self, env: &'env Env, id: Unknown<'_>) -> napi::Result<Object<'env>> {
        settled(env, || Ok(Answer::group(self.find(env, id)?)))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn find_by_status<'env>(&self, env: &'env Env, status: Unknown<'_>) -> napi::Result<Object<'env>> {
        settled(env, || Ok(Answer::groups(&self.core.find_by_status(args::status(env, status)?)?)))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn list<'env>(
        &self,
        env: &'env Env,
        filter: Unknown<'_>,
        sort: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        settled(env, || {
            let filter = args::filter(env, filter)?;
            Ok(Answer::groups(&self.core.list(&filter, args::sort(env, sort)?)?))
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn count<'env>(&self, env: &'env Env, filter: Unknown<'_>) -> napi::Result<Object<'env>> {
        settled(env, || Ok(Answer::Count(self.core.count(&args::filter(env, filter)?)?)))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn save<'env>(
        &self,
        env: &'env Env,
        group: Unknown<'_>,
        options: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        self.write(env, || {
            let (id, text) = args::group_to_save(env, group)?;
            let condition = args::save_condition(env, options)?;
            let group = Document::to_save(&id, text)?;
            Ok((
                Some(id),
                Box::new(move |_, core| {
                    core.save(group, condition)?;
                    Ok(Answer::Undefined)
                }),
            ))
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn update<'env>(
        &self,
        env: &'env Env,
        id: Unknown<'_>,
        changes: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        self.write(env, || {
            let id = args::group_id(env, "id", id)?;
            let of = id.clone();
            if args::is_function(changes) {
                let function = keep(env, changes)?;
                let work = Self::work(of, Answer::Null, move |env, core, id| {
                    update_in_memory(env, core, id, &function)
                });
                return Ok((id, work));
            }
            let changes = args::changes(env, changes)?;
            let work =
                Self::work(of, Answer::Null, move |_, core, id| Ok(Answer::group(core.update(id, changes)?)));
            Ok((id, work))
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn update_session<'env>(
        &self,
        env: &'env Env,
        group_id: Unknown<'_>,
        session_id: Unknown<'_>,
        changes: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        self.write(env, || {
            let id = args::group_id(env, "groupId", group_id)?;
            let of = id.clone();
            let session_id = args::text(env, "sessionId", session_id)?;
            let changes = args::changes(env, changes)?;
            let work = Self::work(of, Answer::Bool(false), move |_, core, id| {
                Ok(Answer::Bool(core.update_session(id, &session_id, changes)?))
            });
            Ok((id, work))
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn delete<'env>(
        &self,
        env: &'env Env,
        id: Unknown<'_>,
        options: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        self.write(env, || {
            let group_id = args::group_id(env, "id", id)?;
            let of = group_id.clone();
            let condition = args::delete_condition(env, options)?;
            if of.is_none() {
                let nothing = nothing_deleted(&args::text(env, "id", id)?, condition)?;
                return Ok((None, Box::new(|_, _| Ok(nothing))));
            }
            let delete = move |core: &Core, id: &GroupId| Ok(Answer::Bool(core.delete(id, condition)?));
            Ok((group_id, Self::work(of, Answer::Bool(false), move |_, core, id| delete(core, id))))
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn revision<'env>(&self, env: &'env Env, id: Unknown<'_>) -> napi::Result<Object<'env>> {
        settled(env, || Ok(Answer::revision(self.find(env, id)?)))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn verify<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        settled(env, || Ok(Answer::problems(&self.core.verify()?)))
    }
}

impl InMemoryGroupRepository {
    fn find(&self, env: &Env, id: Unknown<'_>) -> Result<Option<Document>, Fault> {
        match args::group_id(env, "id", id)? {
            Some(id) => Ok(self.core.find_by_id(&id)?),
            None => Ok(None),
        }
    }
}
