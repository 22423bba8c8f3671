//! The objects of JavaScript that index.js hands to the addon: its error classes, its `JSON`, its clock, its environment and
//! its watchers.

use std::cell::Cell;
use std::path::PathBuf;

use napi::bindgen_prelude::{JsObjectValue, Object, Unknown};
use napi::{Env, JsValue, sys};
use napi_derive::napi;

use crate::error::throwing;
use crate::js::{self, Value};
use crate::kept::Slots;
use session_groups::error::{Error, ErrorKind};

/// References to the objects of the newest realm in which index.js was evaluated. There is one `Host` per environment:
/// the main thread, each worker thread. The environment frees the references when it ends.
#[derive(Clone, Copy)]
struct Host {
    errors: sys::napi_ref,
    rejected: sys::napi_ref,
    only_status: sys::napi_ref,
    parse: sys::napi_ref,
    stringify: sys::napi_ref,
    now: sys::napi_ref,
    home: sys::napi_ref,
    keep: sys::napi_ref,
    copy_group: sys::napi_ref,
    copy_groups: sys::napi_ref,
    copy_summaries: sys::napi_ref,
    append: sys::napi_ref,
    arrange: sys::napi_ref,
    watch: sys::napi_ref,
    shares_text: bool,
}

/// The data of an environment.
struct Instance {
    host: Host,
    /// The values that the host's `keep` has received.
    slots: Slots,
}

thread_local! {
    /// The host used last on this thread, and its environment: looking it up in the environment takes longer. A new
    /// environment at the same address replaces it by `initialize`.
    static NEWEST: Cell<Option<(sys::napi_env, Host)>> = const { Cell::new(None) };
}

impl Host {
    fn new(env: &Env, objects: Unknown<'_>) -> napi::Result<Self> {
        let reference = |name| js::reference(env, js::property(env, objects, name)?);
        Ok(Self {
            errors: reference(c"errors")?,
            rejected: reference(c"rejected")?,
            only_status: reference(c"onlyStatus")?,
            parse: reference(c"parse")?,
            stringify: reference(c"stringify")?,
            now: reference(c"now")?,
            home: reference(c"home")?,
            keep: reference(c"keep")?,
            copy_group: reference(c"copyGroup")?,
            copy_groups: reference(c"copyGroups")?,
            copy_summaries: reference(c"copySummaries")?,
            append: reference(c"append")?,
            arrange: reference(c"arrange")?,
            watch: reference(c"watch")?,
            // SAFETY: index.js gives a boolean.
            shares_text: unsafe { js::property(env, objects, c"sharesText")?.cast() }?,
        })
    }

    fn of(env: &Env) -> napi::Result<Self> {
        if let Some((_, host)) = NEWEST.get().filter(|(owner, _)| *owner == env.raw()) {
            return Ok(host);
        }
        let host = Instance::of(env)?.host;
        NEWEST.set(Some((env.raw(), host)));
        Ok(host)
    }

    /// Puts it in force; returns the one that was before.
    fn install(self, env: &Env) -> napi::Result<Option<Self>> {
        let instance = Instance { host: self, slots: Slots::default() };
        let former = match env.get_instance_data::<Instance>()? {
            Some(current) => Some(std::mem::replace(current, instance).host),
            None => env.set_instance_data(instance, (), |_| {}).map(|()| None)?,
        };
        NEWEST.set(Some((env.raw(), self)));
        Ok(former)
    }

    fn delete(self, env: &Env) -> napi::Result<()> {
        let Self { errors, rejected, only_status, parse, stringify, now, home, .. } = self;
        let Self { keep, copy_group, copy_groups, copy_summaries, append, arrange, watch, .. } = self;
        let first = [errors, rejected, only_status, parse, stringify, now, home];
        let others = [keep, copy_group, copy_groups, copy_summaries, append, arrange, watch];
        for reference in first.into_iter().chain(others) {
            js::delete_reference(env, reference)?;
        }
        Ok(())
    }
}

impl Instance {
    fn of(env: &Env) -> napi::Result<&'static mut Self> {
        let instance = env.get_instance_data::<Self>()?;
        instance.ok_or_else(|| napi::Error::from_reason("index.js has not called initialize"))
    }
}

/// Takes the objects that the addon needs from index.js. Returns the error classes to export: those of an earlier copy of
/// index.js in the same realm, if there is one.
#[napi(skip_typescript)]
pub fn initialize(env: Env, objects: Unknown<'_>) -> napi::Result<Value> {
    throwing(&env, || {
        let host = Host::new(&env, objects)?;
        let former = host.install(&env)?;
        let Some(former) = former else { return Ok(errors(&env)?.into()) };
        let before = realm(&env, js::referenced(&env, former.errors)?)?;
        let is_same_realm = env.strict_equals(before, realm(&env, errors(&env)?)?)?;
        if is_same_realm {
            former.install(&env)?;
        }
        let unused = if is_same_realm { host } else { former };
        unused.delete(&env)?;
        Ok(errors(&env)?.into())
    })
}

/// The class `Error` that the error classes extend: each realm has its own.
fn realm<'env>(env: &'env Env, errors: Unknown<'_>) -> napi::Result<Unknown<'env>> {
    let class = js::property(env, errors, c"SessionGroupsError")?;
    Object::from_raw(env.raw(), class.raw()).get_prototype_unchecked()
}

/// The object with the error classes.
fn errors(env: &Env) -> napi::Result<Unknown<'_>> {
    js::referenced(env, Host::of(env)?.errors)
}

/// The class of an error.
pub fn error_class<'env>(env: &'env Env, error: &Error) -> napi::Result<Unknown<'env>> {
    let is_circular = error.is(ErrorKind::CircularDependency);
    js::property(
        env,
        errors(env)?,
        if is_circular { c"CircularDependencyError" } else { c"SessionGroupsError" },
    )
}

/// Calls `rejected(Class, message, details)`: a promise that is rejected with an error.
pub fn rejected<'env>(env: &'env Env, error: &Error, details: Object<'_>) -> napi::Result<Unknown<'env>> {
    let class = error_class(env, error)?;
    let message = env.create_string(error.to_string())?.to_unknown();
    let rejected = js::referenced(env, Host::of(env)?.rejected)?;
    js::call(env, rejected, &[class, message, details.to_unknown()])
}

/// Calls `onlyStatus(filter)`: the status of a filter that has nothing else, else `undefined`.
pub fn only_status<'env>(env: &'env Env, filter: Unknown<'_>) -> napi::Result<Unknown<'env>> {
    js::call(env, js::referenced(env, Host::of(env)?.only_status)?, &[filter])
}

/// Returns `true` if the engine may read text where it is, because it will say when it needs it no longer.
pub fn shares_text(env: &Env) -> napi::Result<bool> {
    Host::of(env).map(|host| host.shares_text)
}

/// Calls `JSON.parse`.
pub fn parse<'env>(env: &'env Env, text: Unknown<'_>) -> napi::Result<Unknown<'env>> {
    js::call(env, js::referenced(env, Host::of(env)?.parse)?, &[text])
}

/// Calls `JSON.stringify`.
pub fn stringify<'env>(env: &'env Env, value: Unknown<'_>) -> napi::Result<Unknown<'env>> {
    js::call(env, js::referenced(env, Host::of(env)?.stringify)?, &[value])
}

/// Calls `watch(source, listener, signal?)`: a watcher, or an iterator if the listener is `undefined`.
pub fn watch<'env>(
    env: &'env Env,
    source: Unknown<'_>,
    listener: Unknown<'_>,
    signal: Option<Unknown<'_>>,
) -> napi::Result<Unknown<'env>> {
    let watch = js::referenced(env, Host::of(env)?.watch)?;
    match signal {
        Some(signal) => js::call(env, watch, &[source, listener, signal]),
        None => js::call(env, watch, &[source, listener]),
    }
}

/// Calls `Date.now()`, which fake timers may have replaced.
pub fn now_ms(env: &Env) -> napi::Result<f64> {
    now_by(env, &[])
}

/// The time of changes: that of the manager which made them, else now.
pub fn time_of_ms(env: &Env, changes: Unknown<'_>) -> napi::Result<f64> {
    now_by(env, &[changes])
}

fn now_by<const N: usize>(env: &Env, arguments: &[Unknown<'_>; N]) -> napi::Result<f64> {
    let now = js::call(env, js::referenced(env, Host::of(env)?.now)?, arguments)?;
    let now = js::number_of(now).filter(|now| now.is_finite());
    now.ok_or_else(|| napi::Error::from_reason("Date.now() does not return a time"))
}

/// The user's home directory in `process.env`. A change of `process.env` reaches the environment of the process neither in
/// Bun nor in a worker thread of Node.
pub fn home(env: &Env) -> Option<PathBuf> {
    let home = js::call(env, js::referenced(env, Host::of(env).ok()?.home).ok()?, &[]).ok()?;
    let home = PathBuf::from(js::text_of(home).ok()?);
    home.is_absolute().then_some(home)
}

/// Calls `keep(message)`: keeps values in slots.
pub fn keep(env: &Env, message: Unknown<'_>) -> napi::Result<()> {
    js::call(env, js::referenced(env, Host::of(env)?.keep)?, &[message]).map(|_| ())
}

/// Calls `copyGroup(slot)`: a copy of the group in a slot.
pub fn copy_group(env: &Env, slot: usize) -> napi::Result<Unknown<'_>> {
    let slot = u32::try_from(slot).map_err(|error| napi::Error::from_reason(error.to_string()))?;
    js::call(env, js::referenced(env, Host::of(env)?.copy_group)?, &[env.create_uint32(slot)?.to_unknown()])
}

/// Calls `copyGroups(slots)`: an array with copies of the groups in some slots.
pub fn copy_groups<'env>(env: &'env Env, slots: Unknown<'_>) -> napi::Result<Unknown<'env>> {
    js::call(env, js::referenced(env, Host::of(env)?.copy_groups)?, &[slots])
}

/// Calls `copySummaries(slots)`: an array with copies of the summaries in some slots.
pub fn copy_summaries<'env>(env: &'env Env, slots: Unknown<'_>) -> napi::Result<Unknown<'env>> {
    js::call(env, js::referenced(env, Host::of(env)?.copy_summaries)?, &[slots])
}

/// Returns `append(array, values)`, which appends values to an array.
pub fn append(env: &Env) -> napi::Result<Unknown<'_>> {
    js::referenced(env, Host::of(env)?.append)
}

/// Calls `arrange(values, more, positions)`: an array of the values at some positions of two arrays.
pub fn arrange<'env>(
    env: &'env Env,
    values: Unknown<'_>,
    more: Unknown<'_>,
    positions: Unknown<'_>,
) -> napi::Result<Unknown<'env>> {
    js::call(env, js::referenced(env, Host::of(env)?.arrange)?, &[values, more, positions])
}

/// Takes the slots that `keep` has filled, and leaves none.
pub fn take_slots(env: &Env) -> napi::Result<Slots> {
    Ok(std::mem::take(&mut Instance::of(env)?.slots))
}

/// Puts back the slots that `keep` has filled.
pub fn put_slots(env: &Env, slots: Slots) -> napi::Result<()> {
    Instance::of(env)?.slots = slots;
    Ok(())
}
