//! Functions that need no object.

use napi::Env;
use napi::bindgen_prelude::{Object, Unknown};
use napi_derive::napi;

use super::error::throwing;
use super::host;
use super::js::{self, Value};
use super::{args, progress};
use session_groups::json;
use session_groups::model::validate::GROUP_SESSION;
use session_groups::model::{GroupStatus, event, money};
use session_groups::progress::SessionProgress;

/// Returns whether the status is one that ends a group: `completed`, `failed` or `deleted`, not `archived`; `false` for an
/// unknown status.
///
/// @param status The group's status.
#[napi(ts_args_type = "status: GroupStatus")]
pub fn is_terminal_group_status(status: Unknown<'_>) -> bool {
    group_status(status).is_some_and(GroupStatus::is_terminal)
}

/// Returns whether the group can be resumed: `paused`; `false` for an unknown status.
///
/// @param status The group's status.
#[napi(ts_args_type = "status: GroupStatus")]
pub fn can_resume_group(status: Unknown<'_>) -> bool {
    group_status(status) == Some(GroupStatus::Paused)
}

/// Returns whether the group is running: `running`; `false` for an unknown status.
///
/// @param status The group's status.
#[napi(ts_args_type = "status: GroupStatus")]
pub fn is_active_group(status: Unknown<'_>) -> bool {
    group_status(status) == Some(GroupStatus::Running)
}

fn group_status(status: Unknown<'_>) -> Option<GroupStatus> {
    js::text_of(status).ok().and_then(|name| GroupStatus::from_name(&name))
}

/// How much of a budget is used, in percent: 0 to 100 and above; 0 when `max` is 0 or less. Throws
/// `INVALID_ARGUMENT` for what is no finite number.
///
/// @param cost US dollars spent.
/// @param max US dollars allowed.
#[napi(ts_args_type = "cost: number, max: number")]
pub fn calculate_budget_usage(env: Env, cost: Unknown<'_>, max: Unknown<'_>) -> napi::Result<f64> {
    throwing(&env, || Ok(money::usage(args::number(&env, "cost", cost)?, args::number(&env, "max", max)?)?))
}

/// Whether a cost has reached the part of the budget from which on to warn: `cost >= max * threshold`. Throws
/// `INVALID_ARGUMENT` for what is no finite number.
///
/// @param cost US dollars spent.
/// @param max US dollars allowed.
/// @param threshold The part of the budget, 0 to 1.
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

/// Whether a cost has reached the budget: `cost >= max`. Throws `INVALID_ARGUMENT` for what is no finite number.
///
/// @param cost US dollars spent.
/// @param max US dollars allowed.
#[napi(ts_args_type = "cost: number, max: number")]
pub fn is_budget_exceeded(env: Env, cost: Unknown<'_>, max: Unknown<'_>) -> napi::Result<bool> {
    throwing(&env, || {
        Ok(money::is_exceeded(args::number(&env, "cost", cost)?, args::number(&env, "max", max)?)?)
    })
}

/// The progress that a stored session shows. Throws `INVALID_ARGUMENT`, whose `field` is the path of what is wrong.
///
/// @param session The session.
#[napi(ts_args_type = "session: GroupSession", ts_return_type = "SessionProgress")]
pub fn create_session_progress<'env>(env: &'env Env, session: Unknown<'_>) -> napi::Result<Object<'env>> {
    throwing(env, || {
        let session = json::typed(&args::checked(env, "session", session, GROUP_SESSION)?)?;
        let progress = SessionProgress::of(&session, host::now_ms(env)?);
        Ok(progress::session_to_js(env, &progress)?)
    })
}

/// One event from one line of JSON, checked: an unknown type, a missing field or a wrong type throws
/// `INVALID_EVENT`, whose `field` is its path. Fields that are not known are kept.
///
/// @param text A JSON object.
#[napi(ts_args_type = "text: string", ts_return_type = "GroupEvent")]
pub fn parse_group_event(env: Env, text: Unknown<'_>) -> napi::Result<Value> {
    throwing(&env, || {
        event::check_event(&args::text(&env, "text", text)?)?;
        // Of the text as it was given: ours has no lone surrogates.
        Ok(js::parse_string(&env, text)?.into())
    })
}
