//! The native side of a watcher. It wakes JavaScript once changes are there and returns them when asked; watch.js does the
//! rest.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{Function, JavaScriptClassExt, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, JsValue, Status, sys};
use napi_derive::napi;

use crate::error::{self, throwing};
use crate::js::{self, Fault};
use crate::{args, host};
use session_groups::error::Error;
use session_groups::repository::{Change, Document, Watcher};

/// The function of JavaScript that is called once changes are there. It does not keep the process alive.
type Wake = ThreadsafeFunction<(), Unknown<'static>, (), Status, false, true>;

/// Changes for a watcher of JavaScript, which belongs to one environment and is closed when that ends.
///
/// @internal
#[napi]
pub struct ChangeSource {
    watcher: Arc<Watcher>,
    /// Changes that were requested and are not taken yet.
    ready: Arc<Mutex<Option<Batch>>>,
    /// Set from `start` to `close`. It keeps the JavaScript function alive, and so the whole watcher.
    wake: RefCell<Option<Arc<Wake>>>,
}

/// Starts to watch: returns a watcher that calls the listener, or without a listener an iterator.
pub fn watch<'env>(
    env: &'env Env,
    watcher: Watcher,
    listener: Unknown<'_>,
    signal: Option<Unknown<'_>>,
) -> Result<Unknown<'env>, Fault> {
    let source = ChangeSource { watcher: Arc::new(watcher), ready: Arc::default(), wake: RefCell::default() };
    let source = source.into_instance(env)?;
    Ok(host::watch(env, source.to_unknown(), listener, signal)?)
}

#[napi]
impl ChangeSource {
    /// Opens the source. `wake` is called each time after changes were requested and are there.
    #[napi(enumerable = false, skip_typescript)]
    pub fn start(&self, env: Env, wake: Unknown<'_>) -> napi::Result<()> {
        throwing(&env, || {
            if !args::is_function(wake) {
                return Err(args::wrong(&env, "wake", "a function", wake));
            }
            // SAFETY: it is a function, as just checked.
            let wake: Function<'_, (), Unknown<'static>> = unsafe { wake.cast() }?;
            let close = CloseOnDrop(Arc::clone(&self.watcher));
            let wake = wake.build_threadsafe_function().weak::<true>().build_callback(move |_| {
                // Owned by the function, to be dropped with it when the environment ends.
                let _ = &close;
                Ok(())
            })?;
            self.wake.replace(Some(Arc::new(wake)));
            Ok(())
        })
    }

    /// Requests the next changes.
    #[napi(enumerable = false, skip_typescript)]
    pub fn request(&self, env: Env) -> napi::Result<()> {
        throwing(&env, || {
            let Some(wake) = self.wake.borrow().clone() else { return Ok(()) };
            let ready = Arc::clone(&self.ready);
            self.watcher.request(move |changes| {
                if !changes.is_empty() {
                    *lock(&ready) = Some(Batch::new(changes));
                    wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
                }
            });
            Ok(())
        })
    }

    /// Returns the changes that are there: an array of `{ id, revision, group, error? }`.
    #[napi(enumerable = false, skip_typescript)]
    pub fn take<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        throwing(env, || {
            let batch = lock(&self.ready).take();
            batch.unwrap_or_else(|| Batch::new(Vec::new())).into_js(env)
        })
    }

    /// Keeps the process alive from now on.
    #[napi(js_name = "ref", enumerable = false, skip_typescript)]
    pub fn refer(&self, env: Env) -> napi::Result<()> {
        throwing(&env, || {
            // SAFETY: we are on the environment's thread, and the function is not released yet.
            self.with_wake(|wake| unsafe { sys::napi_ref_threadsafe_function(env.raw(), wake) })
        })
    }

    /// Does not keep the process alive any more.
    #[napi(enumerable = false, skip_typescript)]
    pub fn unref(&self, env: Env) -> napi::Result<()> {
        throwing(&env, || {
            // SAFETY: we are on the environment's thread, and the function is not released yet.
            self.with_wake(|wake| unsafe { sys::napi_unref_threadsafe_function(env.raw(), wake) })
        })
    }

    /// Closes the source. A call of `wake` may already be on its way.
    #[napi(enumerable = false, skip_typescript)]
    pub fn close(&self, env: Env) -> napi::Result<()> {
        throwing(&env, || {
            self.watcher.close();
            drop(self.wake.take());
            Ok(())
        })
    }

    /// Reports what a listener threw as an uncaught exception. Returns if there is a handler for those.
    #[napi(enumerable = false, skip_typescript)]
    #[allow(clippy::unused_self, reason = "JavaScript has no other access to the addon there")]
    pub fn throw_uncaught(&self, env: Env, error: Unknown<'_>) -> napi::Result<()> {
        throwing(&env, || Ok(js::throw_uncaught(&env, error)?))
    }
}

impl ChangeSource {
    fn with_wake(
        &self,
        call: impl FnOnce(sys::napi_threadsafe_function) -> sys::napi_status,
    ) -> Result<(), Fault> {
        match &*self.wake.borrow() {
            Some(wake) => Ok(js::checked(call(wake.raw()))?),
            None => Ok(()),
        }
    }
}

/// Closes a watcher when it is dropped, even if there are other owners.
struct CloseOnDrop(Arc<Watcher>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Changes as the text of an array, and the errors of some of them by index. The text is made on another thread, and parsed
/// at once.
struct Batch {
    text: String,
    errors: Vec<(u32, Error)>,
}

impl Batch {
    fn new(changes: Vec<Change>) -> Self {
        let mut text = String::from("[");
        let mut errors = Vec::new();
        for (index, Change { id, revision, group, error }) in (0..).zip(changes) {
            if index > 0 {
                text.push(',');
            }
            // Neither an id nor a revision has characters that JSON escapes.
            let revision =
                revision.map_or("null".to_owned(), |revision| format!(r#""{}""#, revision.as_str()));
            let group = group.as_ref().map_or("null", Document::text);
            text.extend([
                r#"{"id":""#,
                id.as_str(),
                r#"","revision":"#,
                &revision,
                r#","group":"#,
                group,
                "}",
            ]);
            errors.extend(error.map(|error| (index, error)));
        }
        text.push(']');
        Self { text, errors }
    }

    fn into_js(self, env: &Env) -> Result<Unknown<'_>, Fault> {
        let changes = js::parse(env, &self.text)?;
        for (index, error) in self.errors {
            let change = js::element(env, changes, index)?;
            js::set_property(env, change, "error", error::instance(env, &error)?)?;
        }
        Ok(changes)
    }
}

fn lock(ready: &Mutex<Option<Batch>>) -> MutexGuard<'_, Option<Batch>> {
    ready.lock().unwrap_or_else(PoisonError::into_inner)
}
