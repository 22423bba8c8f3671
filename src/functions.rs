//! The exported functions.

use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use super::args;
use super::error::throwing;
use super::host;
use super::js::{self, Value};
use session_groups::error::Error;
use session_groups::feed::FeedEvent;
use session_groups::generate::template;
use session_groups::manager::rules;
use session_groups::model::event::GroupEvent;
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupStatus, money};
use session_groups::ownership;
use session_groups::progress::SessionProgress;
use session_groups::runner::process::directory_names;

/// Returns `true` if the status ends a group: `completed`, `failed` or `deleted`, but not `archived`. Returns `false` for an
/// unknown status.
///
/// @param status Status of the group.
#[napi(ts_args_type = "status: GroupStatus")]
pub fn is_terminal_group_status(env: Env, status: Unknown<'_>) -> napi::Result<bool> {
    throwing(&env, || Ok(group_status(status).is_some_and(GroupStatus::is_terminal)))
}

/// Returns `true` if the group can be resumed: `paused`. Returns `false` for an unknown status.
///
/// @param status Status of the group.
#[napi(ts_args_type = "status: GroupStatus")]
pub fn can_resume_group(env: Env, status: Unknown<'_>) -> napi::Result<bool> {
    throwing(&env, || Ok(group_status(status) == Some(GroupStatus::Paused)))
}

/// Returns `true` if the group is running: `running`. Returns `false` for an unknown status.
///
/// @param status Status of the group.
#[napi(ts_args_type = "status: GroupStatus")]
pub fn is_active_group(env: Env, status: Unknown<'_>) -> napi::Result<bool> {
    throwing(&env, || Ok(group_status(status) == Some(GroupStatus::Running)))
}

fn group_status(status: Unknown<'_>) -> Option<GroupStatus> {
    js::text_of(status).ok().and_then(|name| GroupStatus::from_name(&name))
}

/// Returns the used percentage of a budget, 0 to 100 and above, or 0 if `max` is 0 or less. Throws `INVALID_ARGUMENT` for a
/// value that is not a finite number.
///
/// @param cost Amount spent, in US dollars.
/// @param max Budget in US dollars.
#[napi(ts_args_type = "cost: number, max: number")]
pub fn calculate_budget_usage(env: Env, cost: Unknown<'_>, max: Unknown<'_>) -> napi::Result<f64> {
    throwing(&env, || Ok(money::usage(args::number(&env, "cost", cost)?, args::number(&env, "max", max)?)?))
}

/// Returns `true` if a cost has reached the warning threshold of a budget: `cost >= max * threshold`. Throws
/// `INVALID_ARGUMENT` for a value that is not a finite number.
///
/// @param cost Amount spent, in US dollars.
/// @param max Budget in US dollars.
/// @param threshold Warning threshold as a fraction of the budget, 0 to 1.
#[napi(ts_args_type = "cost: number, max: number, threshold: number")]
pub fn is_budget_warning(
    env: Env,
    cost: Unknown<'_>,
    max: Unknown<'_>,
    threshold: Unknown<'_>,
) -> napi::Result<bool> {
    throwing(&env, || {
        let (cost, max) = (args::number(&env, "cost", cost)?, args::number(&env, "max", max)?);
        Ok(money::is_warning(cost, max, args::number(&env, "threshold", threshold)?)?)
    })
}

/// Returns `true` if a cost has reached the budget: `cost >= max`. Throws `INVALID_ARGUMENT` for a value that is not a
/// finite number.
///
/// @param cost Amount spent, in US dollars.
/// @param max Budget in US dollars.
#[napi(ts_args_type = "cost: number, max: number")]
pub fn is_budget_exceeded(env: Env, cost: Unknown<'_>, max: Unknown<'_>) -> napi::Result<bool> {
    throwing(&env, || {
        Ok(money::is_exceeded(args::number(&env, "cost", cost)?, args::number(&env, "max", max)?)?)
    })
}

/// Returns the progress of a stored session. Throws `INVALID_ARGUMENT`, whose `field` is the path of the invalid value.
///
/// @param session Session as it is stored.
#[napi(ts_args_type = "session: GroupSession", ts_return_type = "SessionProgress")]
pub fn create_session_progress<'env>(env: &'env Env, session: Unknown<'_>) -> napi::Result<Unknown<'env>> {
    throwing(env, || {
        let session = args::checked(env, "session", session)?;
        let progress = SessionProgress::of(&session, host::now_ms(env)?);
        js::from_serde(env, &progress)
    })
}

/// Parses an event from one line of JSON. Throws `INVALID_EVENT` for an unknown type, a missing field or a field of the wrong
/// type, whose path is `field`. Keeps unknown fields.
///
/// @param text JSON object.
#[napi(ts_args_type = "text: string", ts_return_type = "GroupEvent")]
pub fn parse_group_event(env: Env, text: Unknown<'_>) -> napi::Result<Value> {
    throwing(&env, || {
        args::text(&env, "text", text)?.parse::<GroupEvent>()?;
        // The original string may have lone surrogates, which the copy has not.
        Ok(js::parse_string(&env, text)?.into())
    })
}

/// Parses an event of a feed from one line of JSON. Throws `INVALID_EVENT` for an unknown type, a missing field or a field of
/// the wrong type, whose path is `field`. Keeps unknown fields.
///
/// @param text JSON object.
#[napi(ts_args_type = "text: string", ts_return_type = "GroupFeedEvent")]
pub fn parse_group_feed_event(env: Env, text: Unknown<'_>) -> napi::Result<Value> {
    throwing(&env, || {
        args::text(&env, "text", text)?.parse::<FeedEvent>()?;
        Ok(js::parse_string(&env, text)?.into())
    })
}

/// Replaces the variables of a template that have a value. For config-generator.js.
#[napi(skip_typescript)]
pub fn substitute_template(env: Env, template: Unknown<'_>, variables: Unknown<'_>) -> napi::Result<String> {
    throwing(&env, || {
        let template = args::text(&env, "template", template)?;
        let values = args::texts_by_name(&env, "variables", variables)?;
        Ok(template::substitute(&template, |name| values.get(name).cloned()))
    })
}

/// Returns the name of the directory of a group's or a session's files: its id, unless that cannot name a directory. For
/// config-generator.js.
#[napi(skip_typescript)]
pub fn directory_name(env: Env, id: Unknown<'_>) -> napi::Result<String> {
    throwing(&env, || Ok(directory_names(&args::text(&env, "id", id)?, []).current))
}

/// Throws `INVALID_ARGUMENT` unless a value is an object. For the classes that are written in JavaScript.
#[napi(skip_typescript)]
pub fn require_object(env: Env, name: Unknown<'_>, value: Unknown<'_>) -> napi::Result<()> {
    throwing(&env, || args::awaited(&env, &args::text(&env, "name", name)?, value))
}

/// Returns the time of a `Date` in Unix milliseconds. Throws `INVALID_ARGUMENT`. For the classes that are written in
/// JavaScript.
#[napi(skip_typescript)]
pub fn unix_time(env: Env, name: Unknown<'_>, value: Unknown<'_>) -> napi::Result<f64> {
    throwing(&env, || args::date(&env, &args::text(&env, "name", name)?, value))
}

/// Throws `NOT_FOUND`. For manager.js.
#[napi(skip_typescript)]
pub fn throw_not_found(env: Env, group_id: Unknown<'_>) -> napi::Result<()> {
    throwing(&env, || Err(rules::group_not_found(&args::text(&env, "groupId", group_id)?).into()))
}

/// Throws `UNSUPPORTED`. For manager.js.
#[napi(skip_typescript)]
pub fn throw_unusable_update(env: Env) -> napi::Result<()> {
    throwing(&env, || {
        let problem =
            "has not called the function it was given. Implement it as GroupStore describes, or leave it out";
        Err(Error::unsupported(format!("cannot change the group: the repository's update {problem}")).into())
    })
}

/// Throws `ALREADY_RUNNING`: this process runs a group or deletes it, since a time in Unix milliseconds. For claims.js.
#[napi(skip_typescript)]
pub fn throw_already_running(env: Env, group_id: Unknown<'_>, since: f64) -> napi::Result<()> {
    throwing(&env, || {
        let id = args::text(&env, "groupId", group_id)?;
        Err(ownership::runs_here(&id, IsoTime::of_unix_ms(since)).into())
    })
}

/// Throws `INVALID_STATE`. For runner.js.
#[napi(skip_typescript)]
pub fn throw_invalid_state(env: Env, message: String) -> napi::Result<()> {
    throwing(&env, || Err(Error::invalid_state(message).into()))
}

/// Throws `INVALID_ARGUMENT`. `problem` is a sentence without its subject, which is `name`. For arguments.js.
#[napi(skip_typescript)]
pub fn throw_problem(env: Env, name: Unknown<'_>, problem: Unknown<'_>) -> napi::Result<()> {
    throwing(&env, || {
        let problem = args::text(&env, "problem", problem)?;
        Err(Error::argument(args::text(&env, "name", name)?, problem).into())
    })
}

/// Throws `INVALID_ARGUMENT` for a value that is not what is expected. For arguments that only JavaScript can check.
#[napi(skip_typescript)]
pub fn throw_invalid_argument(
    env: Env,
    name: Unknown<'_>,
    expected: Unknown<'_>,
    value: Unknown<'_>,
) -> napi::Result<()> {
    throwing(&env, || {
        let (name, expected) = (args::text(&env, "name", name)?, args::text(&env, "expected", expected)?);
        Err(args::wrong(&env, &name, &expected, value))
    })
}
