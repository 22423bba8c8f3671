//! Promises. An asynchronous function never throws: whatever fails, a panic included, rejects its promise.

use std::cell::Cell;
use std::time::{Duration, Instant};

use napi::bindgen_prelude::{Object, PromiseRaw};
use napi::{Env, JsDeferred, JsError, JsValue};

use crate::answer::Answer;
use crate::error::{self, to_js, unwinding};
use crate::js::{Fault, Value};
use session_groups::error::Error;
use session_groups::executor;

type Resolver = Box<dyn FnOnce(Env) -> napi::Result<Value>>;

/// The outcome of starting an asynchronous call.
pub enum Reply {
    /// The call is complete.
    Now(Answer),
    /// The call goes on and settles the promise later.
    Later(Box<dyn FnOnce(Deferred)>),
}

impl Reply {
    /// A call that goes on; `start` hands its promise to whoever settles it.
    pub fn later(start: impl FnOnce(Deferred) + 'static) -> Self {
        Self::Later(Box::new(start))
    }

    /// A call whose work is done on another thread.
    pub fn on_thread(work: impl FnOnce() -> session_groups::Result<Answer> + Send + 'static) -> Self {
        Self::later(move |deferred| {
            executor::run(move || {
                let outcome = unwinding(|| work().map_err(Fault::from));
                deferred.settle(outcome.map_err(|fault| match fault {
                    Fault::Ours(error) => error,
                    Fault::Thrown(error) => Error::internal(error.reason),
                }));
            });
        })
    }
}

/// A promise that is not settled yet. Dropped unsettled, as by a panic, it is rejected with `INTERNAL`.
pub struct Deferred(Option<JsDeferred<Value, Resolver>>);

impl Deferred {
    /// Settles it from any thread.
    pub fn settle(self, outcome: session_groups::Result<Answer>) {
        self.go_on(move |env| Ok(outcome?.into_js(env)?));
    }

    /// Goes on with it on JavaScript's thread: with a value, a failure, or another promise that takes its place.
    pub fn go_on(mut self, work: impl FnOnce(&Env) -> Result<Value, Fault> + 'static) {
        if let Some(deferred) = self.0.take() {
            resolve(deferred, work);
        }
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        if let Some(deferred) = self.0.take() {
            resolve(deferred, |_| Err(Error::internal("a call was given up").into()));
        }
    }
}

fn resolve(deferred: JsDeferred<Value, Resolver>, work: impl FnOnce(&Env) -> Result<Value, Fault> + 'static) {
    deferred.resolve(Box::new(move |env| match unwinding(|| work(&env)) {
        Err(Fault::Ours(error)) => error::rejected(&env, &error).map_err(|_| to_js(&env, error)),
        settled => settled.map_err(|fault| to_js(&env, fault)),
    }));
}

/// Makes an asynchronous call. Every exported function that returns a promise consists of this.
pub fn promise(env: &Env, call: impl FnOnce() -> Result<Reply, Fault>) -> napi::Result<Object<'_>> {
    let settled = match unwinding(call) {
        Ok(Reply::Later(start)) => return pending(env, start),
        Ok(Reply::Now(answer)) if is_turn_of_event_loop() => {
            return pending(env, |deferred| executor::run(|| deferred.settle(Ok(answer))));
        }
        Ok(Reply::Now(answer)) => unwinding(|| Ok(answer.into_js(env)?)),
        Err(fault) => Err(fault),
    };
    let promise = match settled {
        Ok(value) => PromiseRaw::resolve(env, value)?,
        Err(fault) => PromiseRaw::<Value>::reject(env, JsError::from(to_js(env, fault)))?,
    };
    Ok(Object::from_raw(env.raw(), promise.raw()))
}

/// Returns `true` if an answer has to go through the event loop. A program that awaits one answer after the other would
/// otherwise keep timers and I/O waiting as long as each answer is there at once.
fn is_turn_of_event_loop() -> bool {
    const MAX_AT_ONCE: u32 = 10;
    const MIN_PAUSE: Duration = Duration::from_millis(5);
    thread_local! {
        static AT_ONCE: Cell<(u32, Option<Instant>)> = const { Cell::new((0, None)) };
    }
    let (count, since) = AT_ONCE.get();
    if count < MAX_AT_ONCE {
        AT_ONCE.set((count + 1, since));
        return false;
    }
    let is_turn = since.is_none_or(|since| since.elapsed() >= MIN_PAUSE);
    AT_ONCE.set((0, if is_turn { Some(Instant::now()) } else { since }));
    is_turn
}

/// A promise that is settled later, also one that takes the place of another.
pub fn pending(env: &Env, start: impl FnOnce(Deferred)) -> napi::Result<Object<'_>> {
    let (deferred, promise) = env.create_deferred()?;
    let deferred = Deferred(Some(deferred));
    // A panic drops the deferred, which rejects the promise.
    let _ = unwinding(|| {
        start(deferred);
        Ok(())
    });
    Ok(promise)
}
