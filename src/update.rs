//! `update` with a function. It runs on JavaScript's thread, on the group as it was read, and again on the newer group
//! when another process came first. Calls in one process take turns.

use std::sync::Arc;

use napi::bindgen_prelude::{CallbackContext, FunctionRef, PromiseRaw, Unknown};
use napi::{Env, JsValue, ValueType};

use super::answer::Answer;
use super::js::{self, Fault, Value};
use super::promise::{Deferred, pending};
use super::{args, error};
use session_groups::error::{Error, ErrorKind};
use session_groups::model::GroupId;
use session_groups::repository::file::{Again, Attempt, Turn};
use session_groups::repository::{Changes, Condition, Document, FileGroupRepository, GroupRepository, Write};

/// The function, kept until the promise is settled.
pub type Update = FunctionRef<Unknown<'static>, Unknown<'static>>;

/// The changes that the function makes of a group.
pub fn changes_for(env: &Env, function: Unknown<'_>, group: &Document) -> Result<Changes, Fault> {
    let group = js::parse(env, group.text())?;
    let changes = js::call(env, function, &[group])?;
    if changes.is_promise()? {
        // Its own rejection would otherwise end the process as one that nobody handles.
        PromiseRaw::<Unknown>::new(env.raw(), changes.raw()).catch(|_: CallbackContext<Unknown>| Ok(()))?;
        let problem =
            "must be a synchronous function, which may be called several times, but returned a promise";
        return Err(Error::argument("changes", problem).into());
    }
    if changes.get_type()? == ValueType::Undefined {
        return Err(Error::argument("changes", "must return an object, but returned undefined").into());
    }
    args::changes(env, changes)
}

/// Updates a group in memory. The writes of JavaScript take turns; if a runner has written on its own thread meanwhile, the
/// function is called again.
pub fn update_in_memory(
    env: &Env,
    repository: &dyn GroupRepository,
    id: &GroupId,
    function: &Update,
) -> Result<Answer, Fault> {
    loop {
        let Some(group) = repository.find_by_id(id)? else {
            return Ok(Answer::Null);
        };
        let function = function.borrow_back(env)?;
        let changes = changes_for(env, function.to_unknown(), &group)?;
        let condition = Condition::IfRevision(group.revision());
        match repository.write(id, Write::Update { changes, condition }) {
            Ok(written) => return Ok(Answer::written(written)),
            Err(error) if error.is(ErrorKind::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// An update of a group in a file, computed by a function on JavaScript's thread.
pub struct FileUpdate {
    pub id: GroupId,
    pub function: Arc<Update>,
}

impl FileUpdate {
    /// Waits for the update's turn in the repository.
    pub fn wait(self, repository: &FileGroupRepository, deferred: Deferred) {
        let id = self.id.clone();
        repository.take_turn(&id, |turn| self.go_on(turn, deferred));
    }

    /// Waits for another turn.
    fn wait_again(self, again: Again, deferred: Deferred) {
        again.wait(|turn| self.go_on(turn, deferred));
    }

    fn go_on(self, turn: session_groups::Result<Turn>, deferred: Deferred) {
        deferred.go_on(move |env| self.run(env, turn?));
    }

    /// Calls the function and has its changes written. Where others have gone first because this thread was busy, it
    /// waits for another turn instead. The promise of the next step takes this one's place.
    fn run(self, env: &Env, turn: Turn) -> Result<Value, Fault> {
        let turn = match turn.begin() {
            Ok(turn) => turn,
            Err(again) => return Ok(pending(env, |deferred| self.wait_again(again, deferred))?.into()),
        };
        let Some(group) = turn.group() else {
            return Ok(Answer::Null.into_js(env)?);
        };
        let function = self.function.borrow_back(env)?;
        let changes = changes_for(env, function.to_unknown(), group)?;
        Ok(pending(env, |deferred| turn.write(changes, |attempt| self.settle(attempt, deferred)))?.into())
    }

    fn settle(self, attempt: Attempt, deferred: Deferred) {
        match attempt {
            Attempt::Done(written) => deferred.settle(written.map(Answer::written)),
            Attempt::Lost(again) => self.wait_again(again, deferred),
        }
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
