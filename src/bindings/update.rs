//! `update` with a function: it runs on JavaScript's thread outside every lock, on the group as it was read, and
//! again on the newer group when another writer came first.

use std::sync::Arc;
use std::time::Instant;

use napi::bindgen_prelude::{FunctionRef, Unknown};
use napi::{Env, JsValue, ValueType};

use super::js::{self, Fault, Value};
use super::promise::{Answer, Deferred, step};
use super::{args, error};
use crate::error::Error;
use crate::group::GroupId;
use crate::repository::{Changes, Condition, Document, FileGroupRepository, GroupRepository, Write, Written};

/// The function, kept until the promise is settled.
pub type Update = FunctionRef<Unknown<'static>, Unknown<'static>>;

/// The changes that the function makes of a group.
pub fn changes_for(env: &Env, function: Unknown<'_>, group: &Document) -> Result<Changes, Fault> {
    let group = js::parse(env, group.text())?;
    let changes = js::call(env, function, group)?;
    if changes.is_promise()? {
        let problem =
            "must be a synchronous function, which may be called several times, but returned a promise";
        return Err(Error::argument("changes", problem).into());
    }
    if changes.get_type()? == ValueType::Undefined {
        return Err(Error::argument("changes", "must return an object, but returned undefined").into());
    }
    args::changes(env, changes)
}

/// Updates a group in memory. Nobody comes in between but the function itself.
pub fn update_in_memory(
    env: &Env,
    repository: &dyn GroupRepository,
    id: &GroupId,
    function: Unknown<'_>,
) -> Result<Answer, Fault> {
    const MOST_ATTEMPTS: usize = 100;
    for _ in 0..MOST_ATTEMPTS {
        let Some(group) = repository.find_by_id(id)? else {
            return Ok(Answer::Null);
        };
        let write = conditional(&group, changes_for(env, function, &group)?);
        match repository.write(id, write) {
            Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
            Ok(written) => return Ok(answer(written)),
        }
    }
    Err(kept_winning(id).into())
}

/// An update of a group in a file on its way.
pub struct FileUpdate {
    pub repository: FileGroupRepository,
    pub id: GroupId,
    pub function: Arc<Update>,
    /// When it gives up.
    pub deadline: Instant,
}

impl FileUpdate {
    /// Reads the group, lets the function work on it, and stores the changes if nobody came first.
    pub fn attempt(self, deferred: Deferred) {
        let repository = self.repository.clone();
        let id = self.id.clone();
        repository.find(&id, move |found| {
            deferred.go_on(move |env| self.changed(env, found?));
        });
    }

    fn changed(self, env: &Env, found: Option<Document>) -> Result<Value, Fault> {
        let Some(group) = found else {
            return Ok(Answer::Null.into_js(env)?);
        };
        let function = self.function.borrow_back(env)?;
        let write = conditional(&group, changes_for(env, function.to_unknown(), &group)?);
        // The promise of the next step takes this one's place.
        Ok(step(env, |deferred| self.store(write, deferred))?.into())
    }

    fn store(self, write: Write, deferred: Deferred) {
        let repository = self.repository.clone();
        let id = self.id.clone();
        repository.submit(&id, write, move |written| match written {
            Err(Error::Conflict { .. }) if Instant::now() < self.deadline => self.attempt(deferred),
            Err(Error::Conflict { .. }) => deferred.settle(Err(kept_winning(&self.id))),
            written => deferred.settle(written.map(answer)),
        });
    }
}

fn conditional(group: &Document, changes: Changes) -> Write {
    Write::Update { changes, condition: Condition::IfRevision(group.revision()) }
}

/// What `update` is fulfilled with.
pub fn answer(written: Written) -> Answer {
    match written {
        Written::Stored(group) => Answer::group(Some(group)),
        Written::Missing | Written::Removed => Answer::Null,
    }
}

fn kept_winning(id: &GroupId) -> Error {
    Error::LockTimeout {
        group_id: id.to_string(),
        path: None,
        reason: "other writers always came first while the function made its changes".to_owned(),
    }
}

/// Keeps a function beyond the call.
pub fn keep(env: &Env, function: Unknown<'_>) -> Result<Arc<Update>, Fault> {
    // SAFETY: the caller has checked that it is a function.
    let function =
        unsafe { function.cast::<napi::bindgen_prelude::Function<'_, Unknown<'static>, Unknown<'static>>>() };
    let function = function.map_err(|error| error::to_js(env, Fault::Thrown(error)))?;
    Ok(Arc::new(function.create_ref()?))
}
