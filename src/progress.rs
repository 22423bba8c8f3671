//! Progress as an argument. Its fields are read one by one, because it is read often.

use napi::Env;
use napi::bindgen_prelude::Unknown;

use super::args;
use super::js::Fault;
use super::reader::{self, At, Place};
use session_groups::model::number::{Milliseconds, Usd};
use session_groups::model::session::ran_ms;
use session_groups::model::{GroupStatus, SessionStatus, TokenUsage};
use session_groups::progress::{GroupOutline, SessionOutline, SessionProgress};

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

/// End of a group; `None` while it has not ended.
fn ended_at(group: &At<'_>) -> Result<Option<f64>, Fault> {
    let status = group.optional(c"status", reader::text)?;
    if !status.and_then(|name| GroupStatus::from_name(&name)).is_some_and(GroupStatus::has_ended) {
        return Ok(None);
    }
    group.optional(c"completedAt", reader::time)
}

/// Maximum number of concurrent sessions, and `true` if they wait for others.
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
