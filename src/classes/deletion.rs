//! The deletion of a group by a manager: while it goes on, nothing can run the group.

use std::cell::Cell;
use std::sync::mpsc::{Sender, channel};

use napi::bindgen_prelude::{ClassInstance, FromNapiValue, JavaScriptClassExt, Object, Unknown};
use napi::{Env, JsValue};
use napi_derive::napi;

use crate::answer::Answer;
use crate::args;
use crate::classes::file_group_repository::FileGroupRepository;
use crate::error::throwing;
use crate::promise::{Deferred, Reply, promise};
use session_groups::error::{Error, Result};
use session_groups::manager::Ownership;
use session_groups::model::GroupId;
use session_groups::ownership::{self, Owner};
use session_groups::repository::FileGroupRepository as Core;
use session_groups::runner::{FileOwnership, RunnerOptions};

/// The end of a deletion: whether the group is gone, and the promise that waits for the release of the group.
type Finish = (bool, Deferred);

/// A deletion that has begun. Nothing of the group runs, and nothing can run it until `finish`, or until this is collected.
///
/// @internal
#[napi]
pub struct Deletion {
    finish: Cell<Option<Sender<Finish>>>,
}

#[napi]
impl Deletion {
    /// Ends the deletion. `is_deleted` tells whether the group is gone. Returns a promise of the release of the group.
    #[napi(enumerable = false, skip_typescript)]
    pub fn finish<'env>(&self, env: &'env Env, is_deleted: Unknown<'_>) -> napi::Result<Object<'env>> {
        promise(env, || {
            let is_deleted = args::flag(env, "isDeleted", is_deleted)?;
            Ok(match self.finish.take() {
                // A deferred that nobody receives is dropped, which rejects its promise.
                Some(finish) => Reply::later(move |deferred| drop(finish.send((is_deleted, deferred)))),
                None => Reply::Now(Answer::Undefined),
            })
        })
    }
}

/// Returns a promise of a `Deletion`, or of `null` if the repository is not one of files. It is rejected with
/// `ALREADY_RUNNING` if a runner has the group. For manager.js.
#[napi(skip_typescript)]
pub fn begin_deletion<'env>(
    env: &'env Env,
    repository: Unknown<'_>,
    group_id: Unknown<'_>,
) -> napi::Result<Object<'env>> {
    promise(env, || {
        let id = args::group_id(env, "groupId", group_id)?;
        Ok(match files(env, repository).zip(id) {
            Some((core, id)) => Reply::later(move |deferred| begin(core, id, deferred)),
            None => Reply::Now(Answer::Null),
        })
    })
}

/// Ends what runs of a group on a thread of its own, which then waits for the deletion: it may take many seconds.
fn begin(core: Core, id: GroupId, deferred: Deferred) {
    let mut deferred = Some(deferred);
    let work = move || {
        let mut released = None;
        let mut delete = || {
            let (finish, finished) = channel();
            let deferred = deferred.take().ok_or_else(|| Error::internal("a deletion has begun twice"))?;
            deferred.go_on(move |env| {
                let deletion = Deletion { finish: Cell::new(Some(finish)) };
                Ok(deletion.into_instance(env)?.to_unknown().into())
            });
            let Ok((is_deleted, deferred)) = finished.recv() else { return Ok(false) };
            released = Some(deferred);
            Ok(is_deleted)
        };
        let ended: Result<bool> = FileOwnership::new(core, RunnerOptions::default()).delete(&id, &mut delete);
        if let Some(released) = released {
            released.settle(Ok(Answer::Undefined));
        }
        if let Some(deferred) = deferred.take() {
            deferred.settle(ended.map(|_| Answer::Null));
        }
    };
    // Without a thread the promise is rejected, since its half is dropped with the work.
    let _ = std::thread::Builder::new().name("group-deletion".to_owned()).spawn(work);
}

/// Returns a promise of the name of the process that runs a group: `this process`, that of another one, or `null`. For manager.js.
#[napi(skip_typescript)]
pub fn runner_of<'env>(
    env: &'env Env,
    repository: Unknown<'_>,
    group_id: Unknown<'_>,
) -> napi::Result<Object<'env>> {
    promise(env, || {
        let id = args::group_id(env, "groupId", group_id)?;
        let Some((core, id)) = files(env, repository).zip(id) else { return Ok(Reply::Now(Answer::Null)) };
        Ok(Reply::on_thread(move || {
            Ok(match ownership::owner(&core, &id) {
                Owner::Other { name, .. } => Answer::Text(name),
                Owner::ThisProcess => Answer::Text("this process".to_owned()),
                Owner::None => Answer::Null,
            })
        }))
    })
}

/// Throws `ALREADY_RUNNING` if a group has the record of a live runner. For manager.js.
#[napi(skip_typescript)]
pub fn refuse_recorded_runner(env: Env, group: Unknown<'_>, now: f64) -> napi::Result<()> {
    throwing(&env, || {
        let Some(document) = args::found_group(&env, group)? else { return Ok(()) };
        match document.group()?.runner {
            Some(record) => Ok(ownership::check_record(document.id(), &record, now)?),
            None => Ok(()),
        }
    })
}

/// The repository of files that a value is.
fn files(env: &Env, repository: Unknown<'_>) -> Option<Core> {
    let is_instance = FileGroupRepository::instance_of(env, &repository).unwrap_or(false);
    if !is_instance {
        return None;
    }
    // SAFETY: it is an instance of the class, as just checked.
    let instance =
        unsafe { ClassInstance::<FileGroupRepository>::from_napi_value(env.raw(), repository.raw()) };
    instance.ok().map(|instance| instance.core().clone())
}
