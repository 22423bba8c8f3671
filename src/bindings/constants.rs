//! The defaults, frozen.

use napi::bindgen_prelude::{JsObjectValue, Object, ToNapiValue};
use napi::{Env, JsValue, sys};
use napi_derive::napi;

use crate::group::types::{BudgetConfig, ConcurrencyConfig, GroupConfig, SessionConfig};

/// The limits a group has unless it says otherwise.
#[napi]
pub const DEFAULT_BUDGET_CONFIG: DefaultBudgetConfig = DefaultBudgetConfig;

/// The concurrency a group has unless it says otherwise.
#[napi]
pub const DEFAULT_CONCURRENCY_CONFIG: DefaultConcurrencyConfig = DefaultConcurrencyConfig;

/// What is generated for a session unless it says otherwise.
#[napi]
pub const DEFAULT_SESSION_CONFIG: DefaultSessionConfig = DefaultSessionConfig;

/// How a group runs unless it says otherwise.
#[napi]
pub const DEFAULT_GROUP_CONFIG: DefaultGroupConfig = DefaultGroupConfig;

/// Declares the type that stands for a constant until JavaScript asks for it. The typings print its name.
macro_rules! frozen {
    ($type:ident, $build:expr) => {
        pub struct $type;

        impl ToNapiValue for $type {
            unsafe fn to_napi_value(env: sys::napi_env, _: Self) -> napi::Result<sys::napi_value> {
                let env = Env::from_raw(env);
                let mut object = Object::new(&env)?;
                let build: fn(&mut Object<'_>) -> napi::Result<()> = $build;
                build(&mut object)?;
                object.freeze()?;
                Ok(object.raw())
            }
        }
    };
}

frozen!(DefaultBudgetConfig, |object| set_budget(object, &BudgetConfig::default()));

frozen!(DefaultConcurrencyConfig, |object| {
    let default = ConcurrencyConfig::default();
    object.set_named_property("maxConcurrent", whole(default.max_concurrent))?;
    object.set_named_property("respectDependencies", default.respect_dependencies)?;
    object.set_named_property("pauseOnError", default.pause_on_error)?;
    object.set_named_property("errorThreshold", whole(default.error_threshold))
});

frozen!(DefaultSessionConfig, |object| {
    let default = SessionConfig::default();
    object.set_named_property("generateClaudeMd", default.generate_claude_md)?;
    object.set_named_property("generateSettings", default.generate_settings)
});

frozen!(DefaultGroupConfig, |object| {
    let default = GroupConfig::default();
    object.set_named_property("model", default.model.as_str())?;
    set_budget(object, &default.budget)?;
    object.set_named_property("maxConcurrentSessions", whole(default.max_concurrent_sessions))
});

fn set_budget(object: &mut Object<'_>, budget: &BudgetConfig) -> napi::Result<()> {
    object.set_named_property("maxBudgetUsd", budget.max_budget_usd)?;
    object.set_named_property("onBudgetExceeded", budget.on_budget_exceeded.name())?;
    object.set_named_property("warningThreshold", budget.warning_threshold)
}

#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn whole(number: u64) -> f64 {
    number as f64
}
