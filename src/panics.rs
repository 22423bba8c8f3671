//! Functions that panic on purpose, for the tests of what a panic becomes. In no release.

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use super::error::throwing;
use super::promise::{on_thread, promise};

/// Panics on JavaScript's thread.
#[napi(ts_return_type = "never")]
pub fn panic_sync(env: Env) -> napi::Result<()> {
    throwing(&env, || panic!("on purpose, in a function"))
}

/// Panics on a worker thread.
#[napi(ts_return_type = "Promise<never>")]
pub fn panic_async(env: &Env) -> napi::Result<Object<'_>> {
    promise(env, || Ok(()), |(), deferred| on_thread(deferred, || panic!("on purpose, on a thread")))
}
