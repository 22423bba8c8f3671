//! Groups that JavaScript parses while others are still being read. Otherwise its thread would have nothing to do until all
//! are read, and would then be busy for as long again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{FnArgs, Function, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, sys};

use crate::host;
use crate::js::{self, Value};
use crate::kept;
use session_groups::repository::Document;

type Append = ThreadsafeFunction<Vec<Document>, Unknown<'static>, FnArgs<(Value, Value)>, Status, false>;

/// The groups of one answer that are parsed ahead.
pub struct Ahead {
    append: Append,
    parsed: Parsed,
}

/// The groups that have been parsed, with the array that has their values in the same order.
#[derive(Clone)]
pub struct Parsed(Arc<Mutex<Option<State>>>);

struct State {
    groups: Vec<Document>,
    values: sys::napi_ref,
}

// SAFETY: the reference is only used on JavaScript's thread.
unsafe impl Send for State {}

impl Ahead {
    /// Prepares an answer.
    pub fn new(env: &Env) -> napi::Result<Self> {
        let values = js::reference(env, js::parse(env, "[]")?)?;
        let parsed = Parsed(Arc::new(Mutex::new(Some(State { groups: Vec::new(), values }))));
        // SAFETY: index.js gives a function.
        let append: Function<'_, FnArgs<(Value, Value)>, Unknown<'static>> =
            unsafe { host::append(env)?.cast() }?;
        let here = parsed.clone();
        let append = append.build_threadsafe_function::<Vec<Document>>().build_callback(move |context| {
            let (env, none) = (&context.env, || js::parse(&context.env, "[]"));
            let arguments = match here.parse(env, context.value) {
                Some((values, more)) => (values.into(), more.into()),
                None => (none()?.into(), none()?.into()),
            };
            Ok(arguments.into())
        })?;
        Ok(Self { append, parsed })
    }

    /// The groups that have been parsed.
    pub fn parsed(&self) -> Parsed {
        self.parsed.clone()
    }

    /// Parses groups as soon as JavaScript's thread is free. Called on any thread.
    pub fn parse(&self, groups: Vec<Document>) {
        self.append.call(groups, ThreadsafeFunctionCallMode::NonBlocking);
    }
}

impl Parsed {
    /// Parses groups. Returns the array and the values to append to it; `None` if that fails or the answer has been given.
    fn parse<'env>(&self, env: &'env Env, groups: Vec<Document>) -> Option<(Unknown<'env>, Unknown<'env>)> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = state.as_mut()?;
        let values = js::referenced(env, state.values).ok()?;
        let more = kept::parse(env, &groups).ok()?;
        state.groups.extend(groups);
        Some((values, more))
    }

    /// Ends the parsing ahead. Returns what was parsed; to be called once for each answer, or failure.
    pub fn end<'env>(&self, env: &'env Env) -> napi::Result<Option<Values<'env>>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(State { groups, values: reference }) = state else { return Ok(None) };
        let values = js::referenced(env, reference)?;
        js::delete_reference(env, reference)?;
        Ok(Some(Values { groups, values }))
    }
}

/// The values of groups.
pub struct Values<'env> {
    groups: Vec<Document>,
    values: Unknown<'env>,
}

impl<'env> Values<'env> {
    /// Number of groups.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Returns an array with the values of groups. Those that were not parsed ahead are parsed now.
    pub fn of(self, env: &'env Env, groups: &[Document]) -> napi::Result<Unknown<'env>> {
        let parsed = self.groups.iter().enumerate();
        // A text has its place in memory for itself while there is a document of it.
        let parsed: HashMap<_, _> = parsed.map(|(index, group)| (group.text().as_ptr(), index)).collect();
        let (mut positions, mut missing) = (Vec::new(), Vec::new());
        for group in groups {
            positions.push(parsed.get(&group.text().as_ptr()).copied().unwrap_or_else(|| {
                missing.push(group);
                self.groups.len() + missing.len() - 1
            }));
        }
        let more = kept::parse(env, missing)?;
        let positions =
            serde_json::to_string(&positions).map_err(|error| napi::Error::from_reason(error.to_string()))?;
        host::arrange(env, self.values, more, js::string(env, &positions)?)
    }
}
