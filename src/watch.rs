//! The native side of watchers and of readers of a feed. It wakes JavaScript once changes or events are there and returns
//! them when asked; watch.js does the rest.

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
use session_groups::feed::{Events, FeedEvent};
use session_groups::repository::{Change, Document, Watcher};

/// The function of JavaScript that is called once there is something to take. It does not keep the process alive.
type Wake = ThreadsafeFunction<(), Unknown<'static>, (), Status, false, true>;

/// The origin of what JavaScript takes.
trait Origin: Send + Sync {
    /// Requests the next batch. `done` is not called once the origin is closed.
    fn request(&self, done: Box<dyn FnOnce(Batch) + Send>);

    fn close(&self);
}

impl Origin for Watcher {
    fn request(&self, done: Box<dyn FnOnce(Batch) + Send>) {
        Watcher::request(self, |changes| {
            if !changes.is_empty() {
                done(Batch::of_changes(changes));
            }
        });
    }

    fn close(&self) {
        Watcher::close(self);
    }
}

impl Origin for Events {
    fn request(&self, done: Box<dyn FnOnce(Batch) + Send>) {
        Events::request(self, |events| {
            done(match events {
                Ok(events) if events.is_empty() => Batch::End,
                Ok(events) => Batch::of_events(&events),
                Err(error) => Batch::Failure(error),
            });
        });
    }

    fn close(&self) {
        Events::close(self);
    }
}

/// Changes or events for JavaScript, which belong to one environment. It is closed when that ends.
///
/// @internal
#[napi]
pub struct ChangeSource {
    origin: Arc<dyn Origin>,
    /// What was requested and is not taken yet.
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
    start(env, Arc::new(watcher), listener, signal)
}

/// Starts to read events: returns an iterator.
pub fn read<'env>(
    env: &'env Env,
    events: Events,
    signal: Option<Unknown<'_>>,
) -> Result<Unknown<'env>, Fault> {
    start(env, Arc::new(events), js::undefined(env)?.into_unknown(env), signal)
}

fn start<'env>(
    env: &'env Env,
    origin: Arc<dyn Origin>,
    listener: Unknown<'_>,
    signal: Option<Unknown<'_>>,
) -> Result<Unknown<'env>, Fault> {
    let source = ChangeSource { origin, ready: Arc::default(), wake: RefCell::default() };
    let source = source.into_instance(env)?;
    Ok(host::watch(env, source.to_unknown(), listener, signal)?)
}

#[napi]
impl ChangeSource {
    /// Opens the source. `wake` is called each time after a request, once there is something to take.
    #[napi(enumerable = false, skip_typescript)]
    pub fn start(&self, env: Env, wake: Unknown<'_>) -> napi::Result<()> {
        throwing(&env, || {
            if !args::is_function(wake) {
                return Err(args::wrong(&env, "wake", "a function", wake));
            }
            // SAFETY: it is a function, as just checked.
            let wake: Function<'_, (), Unknown<'static>> = unsafe { wake.cast() }?;
            let close = CloseOnDrop(Arc::clone(&self.origin));
            let wake = wake.build_threadsafe_function().weak::<true>().build_callback(move |_| {
                // Owned by the function, to be dropped with it when the environment ends.
                let _ = &close;
                Ok(())
            })?;
            self.wake.replace(Some(Arc::new(wake)));
            Ok(())
        })
    }

    /// Requests the next changes or events.
    #[napi(enumerable = false, skip_typescript)]
    pub fn request(&self, env: Env) -> napi::Result<()> {
        throwing(&env, || {
            let Some(wake) = self.wake.borrow().clone() else { return Ok(()) };
            let ready = Arc::clone(&self.ready);
            self.origin.request(Box::new(move |batch| {
                *lock(&ready) = Some(batch);
                wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
            }));
            Ok(())
        })
    }

    /// Returns an array of what there is: of changes `{ id, revision, group, error? }`, or of events. Returns `null` at the end
    /// of the events, and throws the error that ended them.
    #[napi(enumerable = false, skip_typescript)]
    pub fn take<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        throwing(env, || {
            let batch = lock(&self.ready).take();
            batch.unwrap_or_else(|| Batch::of_events(&[])).into_js(env)
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
            self.origin.close();
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

/// Closes an origin when it is dropped, even if there are other owners.
struct CloseOnDrop(Arc<dyn Origin>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What JavaScript takes at once.
enum Batch {
    /// The text of an array, and the errors of some elements by index. The text is made on another thread.
    Array { text: String, errors: Vec<(u32, Error)> },
    /// There is nothing more.
    End,
    /// There is nothing more because of an error.
    Failure(Error),
}

impl Batch {
    fn of_changes(changes: Vec<Change>) -> Self {
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
        Self::Array { text, errors }
    }

    fn of_events(events: &[FeedEvent]) -> Self {
        let events: Vec<&str> = events.iter().map(FeedEvent::json).collect();
        Self::Array { text: format!("[{}]", events.join(",")), errors: Vec::new() }
    }

    fn into_js(self, env: &Env) -> Result<Unknown<'_>, Fault> {
        let (text, errors) = match self {
            Self::Array { text, errors } => (text, errors),
            Self::End => return Ok(js::null(env)?.into_unknown(env)),
            Self::Failure(error) => return Err(error.into()),
        };
        let array = js::parse(env, &text)?;
        for (index, error) in errors {
            let element = js::element(env, array, index)?;
            js::set_property(env, element, "error", error::instance(env, &error)?)?;
        }
        Ok(array)
    }
}

fn lock(ready: &Mutex<Option<Batch>>) -> MutexGuard<'_, Option<Batch>> {
    ready.lock().unwrap_or_else(PoisonError::into_inner)
}
