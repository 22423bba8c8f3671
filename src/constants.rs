//! Frozen objects with the defaults.

use napi::bindgen_prelude::{JsObjectValue, Object, ToNapiValue};
use napi::{Env, JsValue, sys};
use napi_derive::napi;

use session_groups::model::config;

/// Default budget.
#[napi]
pub const DEFAULT_BUDGET_CONFIG: BudgetConfig = BudgetConfig;

/// Default limits of concurrency.
#[napi]
pub const DEFAULT_CONCURRENCY_CONFIG: ConcurrencyConfig = ConcurrencyConfig;

/// Default configuration of a session.
#[napi]
pub const DEFAULT_SESSION_CONFIG: SessionConfig = SessionConfig;

/// Default configuration of a group.
#[napi]
pub const DEFAULT_GROUP_CONFIG: GroupConfig = GroupConfig;

/// Declares the type of a constant, which becomes an object when the module is loaded. The typings print its name, which is
/// also that of the interface.
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

frozen!(BudgetConfig, |object| {
    let default = config::BudgetConfig::default();
    object.set_named_property("maxBudgetUsd", default.max_budget_usd.get())?;
    object.set_named_property("onBudgetExceeded", default.on_budget_exceeded.name())?;
    object.set_named_property("warningThreshold", default.warning_threshold.get())
});

frozen!(ConcurrencyConfig, |object| {
    let default = config::ConcurrencyConfig::default();
    object.set_named_property("maxConcurrent", whole(default.max_concurrent.get()))?;
    object.set_named_property("respectDependencies", default.respect_dependencies)?;
    object.set_named_property("pauseOnError", default.pause_on_error)?;
    object.set_named_property("errorThreshold", whole(default.error_threshold.get()))
});

frozen!(SessionConfig, |object| {
    let default = config::SessionConfig::default();
    object.set_named_property("generateClaudeMd", default.generate_claude_md)?;
    object.set_named_property("generateSettings", default.generate_settings)
});

// In the order of the original, which shows in the files of groups that are saved with it.
frozen!(GroupConfig, |object| {
    let default = config::GroupConfig::default();
    object.set_named_property("model", default.model.as_str())?;
    object.set_named_property("maxBudgetUsd", default.max_budget_usd.get())?;
    object.set_named_property("maxConcurrentSessions", whole(default.max_concurrent_sessions.get()))?;
    object.set_named_property("onBudgetExceeded", default.on_budget_exceeded.name())?;
    object.set_named_property("warningThreshold", default.warning_threshold.get())
});

#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn whole(number: u64) -> f64 {
    number as f64
}
