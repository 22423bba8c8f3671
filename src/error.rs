//! Turns the core's errors into instances of `SessionGroupsError` and its subclass, which index.js defines.

use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::Env;
use napi::bindgen_prelude::{FnArgs, Function, JsObjectValue, Object, Unknown};

use crate::host;
use crate::js::{self, Fault, Value};
use session_groups::error::{Error, ErrorKind};

/// A failure as JavaScript sees it.
pub fn to_js(env: &Env, fault: impl Into<Fault>) -> napi::Error {
    match fault.into() {
        Fault::Thrown(error) => error,
        Fault::Ours(error) => instance(env, &error).map_or_else(
            // The engine refuses even to make an error: say what can still be said.
            |_| napi::Error::from_reason(error.to_string()),
            napi::Error::from_unknown_without_coercion,
        ),
    }
}

/// A promise that is rejected with an error, and whose stack tells who awaits it. For errors that come from other threads.
pub fn rejected(env: &Env, error: &Error) -> napi::Result<Value> {
    Ok(host::rejected(env, error, details(env, error)?)?.into())
}

/// An error of the class.
pub fn instance<'env>(env: &'env Env, error: &Error) -> napi::Result<Unknown<'env>> {
    // SAFETY: index.js gives a class, which is a function.
    let class: Function<'_, FnArgs<(String, Object<'_>)>, Unknown<'_>> =
        unsafe { host::error_class(env, error)?.cast()? };
    class.new_instance((error.to_string(), details(env, error)?).into())
}

/// The second argument of the class's constructor.
fn details<'env>(env: &'env Env, error: &Error) -> napi::Result<Object<'env>> {
    let mut details = Object::new(env)?;
    details.set_named_property("code", error.code())?;
    if let Some(group_id) = error.group_id() {
        details.set_named_property("groupId", group_id)?;
    }
    if let Some(path) = error.path() {
        details.set_named_property("path", path.to_string_lossy().as_ref())?;
    }
    if let Some(field) = error.field() {
        details.set_named_property("field", field)?;
    }
    if let Some(actual) = error.actual_revision() {
        details.set_named_property("actualRevision", actual)?;
    }
    if error.is(ErrorKind::CircularDependency) {
        let cycles = serde_json::to_string(error.cycles());
        let cycles = cycles.map_err(|error| napi::Error::from_reason(error.to_string()))?;
        details.set_named_property("cycles", js::parse(env, &cycles)?)?;
    }
    Ok(details)
}

/// Runs what a synchronous function does. Failures and panics are thrown as errors of ours.
pub fn throwing<T>(env: &Env, work: impl FnOnce() -> Result<T, Fault>) -> napi::Result<T> {
    unwinding(work).map_err(|fault| to_js(env, fault))
}

/// Turns a panic into an error, so that it never reaches the engine.
pub fn unwinding<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Error::internal(text.unwrap_or_else(|| "a panic without a message".to_owned())).into())
    })
}
