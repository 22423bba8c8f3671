//! Arguments of `watch` and `events`.

use std::ffi::CStr;

use napi::bindgen_prelude::Unknown;
use napi::{Env, ValueType};

use super::query::Query;
use super::{
    Parsed, argument, count, flag, group_id, is_absent, is_function, is_object, is_undefined, must_be,
};
use crate::js;
use session_groups::model::GroupId;

/// Splits the arguments of `watch`: `(listener, options?)` or `(options?)`.
pub fn listener_and_options<'a>(
    env: &'a Env,
    listener: Unknown<'a>,
    options: Unknown<'a>,
) -> Parsed<(Unknown<'a>, Unknown<'a>)> {
    if is_function(listener) {
        return Ok((listener, options));
    }
    if !is_undefined(options) {
        return Err(must_be(env, argument, "listener", "a function", listener));
    }
    if is_absent(listener) || is_object(listener) {
        return Ok((options, listener));
    }
    Err(must_be(env, argument, "listener", "a function, or options without a listener", listener))
}

/// Options of `watch`.
pub struct WatchOptions<'env> {
    pub watched: Watched,
    /// An `AbortSignal`.
    pub signal: Option<Unknown<'env>>,
}

/// The groups to watch.
pub enum Watched {
    All,
    Group(GroupId),
    /// The id cannot be the one of a group.
    Nothing,
}

/// `{ id?, signal? }` of `watch`. Unknown keys are ignored.
pub fn watch_options<'env>(env: &'env Env, value: Unknown<'_>) -> Parsed<WatchOptions<'env>> {
    let Some(query) = Query::new(env, argument, "options", value)? else {
        return Ok(WatchOptions { watched: Watched::All, signal: None });
    };
    let id = query.read(c"id", |key, value| group_id(env, key, value))?;
    let watched = id.map_or(Watched::All, |id| id.map_or(Watched::Nothing, Watched::Group));
    Ok(WatchOptions { watched, signal: query.read(c"signal", |_, value| abort_signal(env, value))? })
}

/// Options of `events`.
#[derive(Default)]
pub struct EventsOptions<'env> {
    /// Number of the event after which to begin.
    pub after: u64,
    /// `true` to wait for further events.
    pub follow: bool,
    /// An `AbortSignal`.
    pub signal: Option<Unknown<'env>>,
}

/// `{ after?, follow?, signal? }` of `events`. Unknown keys are ignored.
pub fn events_options<'env>(env: &'env Env, value: Unknown<'_>) -> Parsed<EventsOptions<'env>> {
    let Some(query) = Query::new(env, argument, "options", value)? else {
        return Ok(EventsOptions::default());
    };
    let after = query.read(c"after", |key, value| count(env, argument, key, value))?;
    let follow = query.read(c"follow", |key, value| flag(env, key, value))?;
    Ok(EventsOptions {
        after: after.unwrap_or(0) as u64,
        follow: follow.unwrap_or(false),
        signal: query.read(c"signal", |_, value| abort_signal(env, value))?,
    })
}

/// An `AbortSignal`, recognized by its members: each realm has a class of its own, and there are polyfills.
fn abort_signal<'env>(env: &'env Env, value: Unknown<'env>) -> Parsed<Unknown<'env>> {
    let has = |key: &CStr, is: fn(Unknown<'_>) -> bool| js::property(env, value, key).is_ok_and(is);
    let is_signal = is_object(value)
        && has(c"aborted", |aborted| matches!(aborted.get_type(), Ok(ValueType::Boolean)))
        && has(c"addEventListener", is_function)
        && has(c"removeEventListener", is_function);
    if is_signal { Ok(value) } else { Err(must_be(env, argument, "signal", "an AbortSignal", value)) }
}
