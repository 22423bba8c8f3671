//! One function for each place in which a panic has to be caught.

use std::path::Path;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use session_groups::model::GroupId;
use session_groups::repository::FileGroupRepository;
use session_groups::repository::file::FileOptions;

use crate::error::throwing;
use crate::js::Fault;
use crate::promise::{on_thread, promise};

fn repository() -> Result<(FileGroupRepository, GroupId), Fault> {
    Ok((FileGroupRepository::new(Some(Path::new("/nowhere")), FileOptions::default())?, GroupId::new("g")?))
}

/// Panics in a synchronous function.
#[napi]
pub fn panic_in_function(env: Env) -> napi::Result<()> {
    throwing(&env, || panic!("on purpose, in a function"))
}

/// Panics while the arguments of an asynchronous function are read.
#[napi]
pub fn panic_in_arguments(env: &Env) -> napi::Result<Object<'_>> {
    promise(env, || -> Result<(), Fault> { panic!("on purpose, in arguments") }, |(), _| {})
}

/// Panics on another thread.
#[napi]
pub fn panic_on_thread(env: &Env) -> napi::Result<Object<'_>> {
    promise(env, || Ok(()), |(), deferred| on_thread(deferred, || panic!("on purpose, on a thread")))
}

/// Panics on JavaScript's thread, when the result is turned into a value.
#[napi]
pub fn panic_in_answer(env: &Env) -> napi::Result<Object<'_>> {
    promise(env, || Ok(()), |(), deferred| deferred.go_on(|_| panic!("on purpose, in an answer")))
}

/// Panics in the callback of a read, which drops the promise unsettled.
#[napi]
pub fn panic_in_read(env: &Env) -> napi::Result<Object<'_>> {
    promise(env, repository, |(repository, id), deferred| {
        repository.find(&id, move |_| {
            let _unsettled = deferred;
            panic!("on purpose, in a read")
        });
    })
}

/// Panics during the turn of an update, which drops the turn and the promise.
#[napi]
pub fn panic_in_turn(env: &Env) -> napi::Result<Object<'_>> {
    promise(env, repository, |(repository, id), deferred| {
        repository.take_turn(&id, move |_turn| {
            let _unsettled = deferred;
            panic!("on purpose, in a turn")
        });
    })
}
