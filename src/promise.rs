//! Promises: what is asked for is done on other threads, what is wrong rejects, and nothing is thrown.

use napi::bindgen_prelude::{Object, PromiseRaw, ToNapiValue};
use napi::{Env, JsDeferred, JsError, JsValue};

use super::error::{self, to_js, unwinding};
use super::js::{self, Fault, Value};
use session_groups::error::Error;
use session_groups::json;
use session_groups::repository::{Document, RepositoryProblem};

type Resolver = Box<dyn FnOnce(Env) -> napi::Result<Value>>;

/// What a promise is fulfilled with. Made on any thread, so that JavaScript's has as little to do as possible.
pub enum Answer {
    Undefined,
    Null,
    Bool(bool),
    Count(usize),
    Text(String),
    /// Text for the engine's own `JSON.parse`.
    Json(String),
    /// A group as it lies in the repository.
    Group(Document),
    /// An array, given as the texts of its parts.
    Array(Vec<String>),
}

impl Answer {
    /// A group, or `null`.
    pub fn group(group: Option<Document>) -> Self {
        group.map_or(Self::Null, Self::Group)
    }

    /// A group's revision, or `null`.
    pub fn revision(group: Option<Document>) -> Self {
        group.map_or(Self::Null, |group| Self::Text(group.revision().as_str().to_owned()))
    }

    /// An array of groups. One text is the fastest for the engine, but Node's longest string has 512 MiB.
    pub fn groups(groups: &[Document]) -> Self {
        const LONGEST_TEXT: usize = 256 << 20;
        Self::Array(json::arrays(groups.iter().map(Document::text), LONGEST_TEXT))
    }

    /// An array of problems.
    pub fn problems(problems: &[RepositoryProblem]) -> Self {
        let problem = |problem: &RepositoryProblem| {
            serde_json::json!({
                "id": problem.id,
                "path": problem.path.to_string_lossy(),
                "kind": problem.kind.name(),
                "message": problem.message,
            })
        };
        let problems: serde_json::Value = problems.iter().map(problem).collect();
        Self::Json(problems.to_string())
    }

    /// The value itself.
    pub fn into_js(self, env: &Env) -> napi::Result<Value> {
        match self {
            Self::Undefined => js::undefined(env),
            Self::Null => js::null(env),
            // SAFETY: we are on the environment's thread.
            Self::Bool(bool) => unsafe { bool::to_napi_value(env.raw(), bool) }.map(Value),
            #[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 groups")]
            Self::Count(count) => Ok(env.create_double(count as f64)?.into()),
            Self::Text(text) => Ok(env.create_string(text)?.into()),
            Self::Json(text) => Ok(js::parse(env, &text)?.into()),
            Self::Group(group) => Ok(js::parse(env, group.text())?.into()),
            Self::Array(parts) => Ok(js::parse_array(env, parts)?.into()),
        }
    }
}

/// A promise that is not settled yet. Dropped unsettled, as by a panic, it is rejected with `INTERNAL`.
pub struct Deferred(Option<JsDeferred<Value, Resolver>>);

impl Deferred {
    /// Settles it from any thread.
    pub fn settle(self, outcome: session_groups::Result<Answer>) {
        self.go_on(move |env| outcome.map_err(Fault::from).and_then(|answer| Ok(answer.into_js(env)?)));
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

/// A promise for work on other threads: `prepare` looks at the arguments, `start` sets the work going.
pub fn promise<A>(
    env: &Env,
    prepare: impl FnOnce() -> Result<A, Fault>,
    start: impl FnOnce(A, Deferred),
) -> napi::Result<Object<'_>> {
    match unwinding(prepare) {
        Err(fault) => rejected(env, fault),
        Ok(prepared) => step(env, |deferred| start(prepared, deferred)),
    }
}

/// A promise that takes the place of another, for more work on other threads.
pub fn step(env: &Env, start: impl FnOnce(Deferred)) -> napi::Result<Object<'_>> {
    let (deferred, promise) = env.create_deferred()?;
    start(Deferred(Some(deferred)));
    Ok(promise)
}

/// A promise for work that is done at once.
pub fn settled(env: &Env, work: impl FnOnce() -> Result<Answer, Fault>) -> napi::Result<Object<'_>> {
    match unwinding(|| Ok(work()?.into_js(env)?)) {
        Err(fault) => rejected(env, fault),
        Ok(value) => Ok(Object::from_raw(env.raw(), PromiseRaw::resolve(env, value)?.raw())),
    }
}

fn rejected(env: &Env, fault: impl Into<Fault>) -> napi::Result<Object<'_>> {
    let error = JsError::from(to_js(env, fault));
    Ok(Object::from_raw(env.raw(), PromiseRaw::<Value>::reject(env, error)?.raw()))
}

/// Settles a promise with what work on another thread returns.
pub fn on_thread(deferred: Deferred, work: impl FnOnce() -> session_groups::Result<Answer> + Send + 'static) {
    session_groups::executor::run(move || {
        let outcome = unwinding(|| work().map_err(Fault::from));
        deferred.settle(outcome.map_err(|fault| match fault {
            Fault::Ours(error) => error,
            Fault::Thrown(error) => Error::internal(error.reason),
        }));
    });
}
