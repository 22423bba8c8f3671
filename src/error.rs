//! The class `SessionGroupsError`, and how the core's errors become instances of it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::bindgen_prelude::{FnArgs, Function, JsObjectValue, Object, ToNapiValue, Unknown};
use napi::{Env, JsValue, sys};
use napi_derive::napi;

use super::js::{self, Fault};
use session_groups::error::Error;

/// Made by the engine, so that it is a class like any other: with a stack, `instanceof`, and room for subclasses.
pub const CLASS: &str = "(class SessionGroupsError extends Error {
  static { Object.defineProperty(this.prototype, 'name', { value: 'SessionGroupsError', writable: true, configurable: true }) }
  constructor(message, about = {}) {
    super(message, 'cause' in about ? { cause: about.cause } : undefined)
    for (const key of ['code', 'groupId', 'path', 'field', 'actualRevision']) {
      if (about[key] !== undefined) this[key] = about[key]
    }
  }
})";

/// What happens on other threads has no stack of its own: an error gets that of the call that asked for it.
pub const TRACED: &str = "(SessionGroupsError, { captureStackTrace = () => {} } = Error, { defineProperty } = Object) => function traced(promise) {
  const call = {}
  captureStackTrace(call, traced)
  return promise.then(undefined, (error) => {
    // Whatever others have made of stacks.
    const stack = String(call.stack)
    const frames = stack.indexOf('\\n    at ')
    if (error instanceof SessionGroupsError && frames >= 0) {
      let at = stack.slice(frames)
      // Bun prints only frames with parentheses of a stack that was set, and begins with our own.
      if (process.versions.bun)
        at = at.replace(/\\n {4}at \\w+ \\(unknown\\)/, '').replace(/^( {4}at )([^(\\n]+)$/gm, '$1<anonymous> ($2)')
      const value = `${error.name}: ${error.message}${at}`
      defineProperty(error, 'stack', { value, writable: true, configurable: true })
    }
    throw error
  })
}";

/// Stands for the class where the module's exports are made.
#[allow(non_camel_case_types, reason = "the generated typings print this name")]
pub struct SessionGroupsErrorConstructor;

/// Every failure of this package, with its `code`.
#[napi]
#[allow(non_upper_case_globals, reason = "it is the name of the class in JavaScript")]
pub const SessionGroupsError: SessionGroupsErrorConstructor = SessionGroupsErrorConstructor;

impl ToNapiValue for SessionGroupsErrorConstructor {
    unsafe fn to_napi_value(env: sys::napi_env, _: Self) -> napi::Result<sys::napi_value> {
        Ok(js::error_class(&Env::from_raw(env))?.raw())
    }
}

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

fn instance<'env>(env: &'env Env, error: &Error) -> napi::Result<Unknown<'env>> {
    let mut about = Object::new(env)?;
    about.set_named_property("code", error.code())?;
    if let Some(group_id) = error.group_id() {
        about.set_named_property("groupId", group_id)?;
    }
    if let Some(path) = error.path() {
        about.set_named_property("path", path.to_string_lossy().as_ref())?;
    }
    if let Some(field) = error.field() {
        about.set_named_property("field", field)?;
    }
    if let Some(actual) = error.actual_revision() {
        about.set_named_property("actualRevision", actual)?;
    }
    let class = js::error_class(env)?;
    // SAFETY: it is the class above, which is a function.
    let class: Function<'_, FnArgs<(String, Object<'_>)>, Unknown<'_>> = unsafe { class.cast()? };
    class.new_instance((error.to_string(), about).into())
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
