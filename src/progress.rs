//! Progress as JavaScript objects, and back. Small values are built directly.

use std::ffi::CStr;

use napi::Env;
use napi::bindgen_prelude::{JsObjectValue, Object, Unknown};

use super::args;
use super::js::{self, Fault};
use super::reader::{self, At, Place};
use session_groups::model::number::{Milliseconds, Usd};
use session_groups::model::session::ran_ms;
use session_groups::model::{GroupStatus, SessionStatus, TokenUsage};
use session_groups::progress::{
    GroupOutline, GroupProgress, ProgressSummary, SessionOutline, SessionProgress,
};

/// A `TokenUsage`.
#[allow(clippy::cast_precision_loss, reason = "JavaScript counts in doubles")]
pub fn tokens_to_js<'env>(env: &'env Env, tokens: &TokenUsage) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    object.set_c_named_property(c"input", tokens.input.get() as f64)?;
    object.set_c_named_property(c"output", tokens.output.get() as f64)?;
    set_some(&mut object, c"cacheRead", tokens.cache_read.map(|count| count.get() as f64))?;
    set_some(&mut object, c"cacheWrite", tokens.cache_write.map(|count| count.get() as f64))?;
    Ok(object)
}

/// A `SessionProgress`.
pub fn session_to_js<'env>(env: &'env Env, progress: &SessionProgress) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    object.set_c_named_property(c"id", progress.id.as_str())?;
    object.set_c_named_property(c"projectPath", progress.project_path.as_str())?;
    object.set_c_named_property(c"status", progress.status.name())?;
    object.set_c_named_property(c"cost", progress.cost.get())?;
    object.set_c_named_property(c"tokens", tokens_to_js(env, &progress.tokens)?)?;
    #[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 messages")]
    object.set_c_named_property(c"messageCount", progress.message_count.get() as f64)?;
    set_some(&mut object, c"currentTool", progress.current_tool.as_deref())?;
    set_some(&mut object, c"startedAt", progress.started_at.as_deref())?;
    set_some(&mut object, c"durationMs", progress.duration_ms.map(Milliseconds::get))?;
    Ok(object)
}

/// An array of `SessionProgress`. Of many, the engine reads JSON in half the time of setting each property.
pub fn sessions_to_js<'env, 'a>(
    env: &'env Env,
    sessions: impl Iterator<Item = &'a SessionProgress>,
) -> napi::Result<Unknown<'env>> {
    let sessions: Vec<_> = sessions.collect();
    let text = serde_json::to_string(&sessions);
    js::parse(env, &text.map_err(|error| napi::Error::from_reason(error.to_string()))?)
}

/// What `ProgressAggregator.summary` gives.
pub fn summary_to_js<'env>(env: &'env Env, summary: &ProgressSummary) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    set_summary(env, &mut object, summary)?;
    Ok(object)
}

/// A `GroupProgress`.
pub fn group_to_js<'env>(env: &'env Env, progress: &GroupProgress) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    object.set_c_named_property(c"groupId", progress.group_id.as_str())?;
    object.set_c_named_property(c"totalSessions", count(progress.total_sessions))?;
    set_summary(env, &mut object, &progress.summary)?;
    object.set_c_named_property(
        c"sessions",
        sessions_to_js(env, progress.sessions.iter().map(AsRef::as_ref))?,
    )?;
    set_some(&mut object, c"estimatedTimeRemaining", progress.estimated_time_remaining)?;
    Ok(object)
}

fn set_summary(env: &Env, object: &mut Object<'_>, summary: &ProgressSummary) -> napi::Result<()> {
    object.set_c_named_property(c"completed", count(summary.completed))?;
    object.set_c_named_property(c"running", count(summary.running))?;
    object.set_c_named_property(c"pending", count(summary.pending))?;
    object.set_c_named_property(c"failed", count(summary.failed))?;
    object.set_c_named_property(c"totalCost", summary.total_cost)?;
    object.set_c_named_property(c"totalTokens", tokens_to_js(env, &summary.total_tokens)?)?;
    set_some(object, c"elapsedTime", summary.elapsed_time)
}

/// An optional field is absent rather than `undefined`.
pub fn set_some<T: napi::bindgen_prelude::ToNapiValue>(
    object: &mut Object<'_>,
    name: &CStr,
    value: Option<T>,
) -> napi::Result<()> {
    value.map_or(Ok(()), |value| object.set_c_named_property(name, value))
}

#[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 sessions")]
fn count(count: usize) -> f64 {
    count as f64
}

/// A `SessionProgress` as an argument.
pub fn session_from_js(env: &Env, value: Unknown<'_>) -> Result<SessionProgress, Fault> {
    args::awaited(env, "progress", value)?;
    let progress = At::new(env, value, &Place::Argument("progress"));
    Ok(SessionProgress {
        id: progress.required(c"id", reader::text)?,
        project_path: progress.required(c"projectPath", reader::text)?,
        status: progress.required(c"status", status)?,
        cost: Usd::clamped(progress.required(c"cost", reader::amount)?),
        tokens: progress.required(c"tokens", tokens)?,
        message_count: progress.required(c"messageCount", reader::whole)?.into(),
        current_tool: progress.optional(c"currentTool", reader::text)?,
        started_at: progress.optional(c"startedAt", reader::text)?,
        duration_ms: progress.optional(c"durationMs", reader::amount)?.map(Milliseconds::clamped),
    })
}

/// A `SessionGroup` as an argument, as far as its progress depends on it: of a session that is tracked, what is stored
/// plays no part.
pub fn outline_from_js(
    env: &Env,
    value: Unknown<'_>,
    is_tracked: impl Fn(&str) -> bool,
) -> Result<GroupOutline, Fault> {
    args::awaited(env, "group", value)?;
    let group = At::new(env, value, &Place::Argument("group"));
    let (max_concurrent, respects_dependencies) = group.required(c"config", concurrency)?;
    Ok(GroupOutline {
        id: group.required(c"id", reader::text)?,
        sessions: group.required(c"sessions", |sessions| {
            sessions.list(|session| session_outline(session, &is_tracked))
        })?,
        started_at: group.optional(c"startedAt", reader::time)?,
        ended_at: ended_at(&group)?,
        max_concurrent,
        respects_dependencies,
    })
}

/// When a group ended; `None` while it has not.
fn ended_at(group: &At<'_>) -> Result<Option<f64>, Fault> {
    let status = group.optional(c"status", reader::text)?;
    if !status.and_then(|name| GroupStatus::from_name(&name)).is_some_and(GroupStatus::has_ended) {
        return Ok(None);
    }
    group.optional(c"completedAt", reader::time)
}

/// Of a group's configuration: how many sessions may run at once, and whether they wait for others.
fn concurrency(config: At<'_>) -> Result<(u64, bool), Fault> {
    let most = config.object()?.required(c"maxConcurrentSessions", reader::positive)?;
    let rules = config.optional(c"concurrency", |rules| {
        let most = rules.object()?.required(c"maxConcurrent", reader::positive)?;
        Ok((most, rules.required(c"respectDependencies", reader::flag)?))
    })?;
    Ok(rules.unwrap_or((most, true)))
}

fn session_outline(session: At<'_>, is_tracked: impl Fn(&str) -> bool) -> Result<SessionOutline, Fault> {
    let id = session.object()?.required(c"id", reader::text)?;
    let depends_on = session.required(c"dependsOn", |ids| ids.list(reader::text))?;
    if is_tracked(&id) {
        return Ok(SessionOutline::of_tracked(id, depends_on));
    }
    let status = session.required(c"status", status)?;
    let started_at = session.optional(c"startedAt", reader::time)?;
    let completed_at = session.optional(c"completedAt", reader::time)?;
    // An older program may have used the name for something else.
    let run_ms = session.optional(c"runMs", |run_ms| Ok(reader::amount(run_ms).ok()))?;
    Ok(SessionOutline {
        id,
        depends_on,
        status,
        cost: session.optional(c"cost", reader::amount)?.unwrap_or(0.0),
        tokens: session.optional(c"tokens", tokens)?.unwrap_or_default(),
        started_at,
        ran_ms: ran_ms(status, run_ms.flatten(), started_at, completed_at),
    })
}

fn status(status: At<'_>) -> Result<SessionStatus, Fault> {
    let name = reader::text(status)?;
    SessionStatus::from_name(&name).ok_or_else(|| {
        let expected = SessionStatus::NAMES.join(", ");
        status.wrong(format!("must be one of {expected}, but is {name:?}"))
    })
}

fn tokens(tokens: At<'_>) -> Result<TokenUsage, Fault> {
    let tokens = tokens.object()?;
    Ok(TokenUsage {
        input: tokens.required(c"input", reader::whole)?.into(),
        output: tokens.required(c"output", reader::whole)?.into(),
        cache_read: tokens.optional(c"cacheRead", reader::whole)?.map(Into::into),
        cache_write: tokens.optional(c"cacheWrite", reader::whole)?.map(Into::into),
    })
}
