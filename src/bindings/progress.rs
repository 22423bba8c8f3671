//! Progress as JavaScript objects, and back. Small values are built directly.

use std::ffi::CStr;

use napi::bindgen_prelude::{Array, JsObjectValue, Object, Unknown};
use napi::{Env, JsValue, ValueType};

use super::args;
use super::js::{self, Fault};
use crate::error::Error;
use crate::group::types::to_whole;
use crate::group::{GroupProgress, ProgressSummary, SessionProgress, SessionStatus, TokenUsage};

/// A `TokenUsage`.
#[allow(clippy::cast_precision_loss, reason = "JavaScript counts in doubles")]
pub fn tokens_to_js<'env>(env: &'env Env, tokens: &TokenUsage) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    object.set_c_named_property(c"input", tokens.input as f64)?;
    object.set_c_named_property(c"output", tokens.output as f64)?;
    set_some(&mut object, c"cacheRead", tokens.cache_read.map(|count| count as f64))?;
    set_some(&mut object, c"cacheWrite", tokens.cache_write.map(|count| count as f64))?;
    Ok(object)
}

/// A `SessionProgress`.
pub fn session_to_js<'env>(env: &'env Env, progress: &SessionProgress) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    object.set_c_named_property(c"id", progress.id.as_str())?;
    object.set_c_named_property(c"projectPath", progress.project_path.as_str())?;
    object.set_c_named_property(c"status", progress.status.name())?;
    object.set_c_named_property(c"cost", progress.cost)?;
    object.set_c_named_property(c"tokens", tokens_to_js(env, &progress.tokens)?)?;
    #[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 messages")]
    object.set_c_named_property(c"messageCount", progress.message_count as f64)?;
    set_some(&mut object, c"currentTool", progress.current_tool.as_deref())?;
    set_some(&mut object, c"startedAt", progress.started_at.as_deref())?;
    set_some(&mut object, c"durationMs", progress.duration_ms)?;
    Ok(object)
}

/// An array of `SessionProgress`.
pub fn sessions_to_js<'env, 'a>(
    env: &'env Env,
    sessions: impl ExactSizeIterator<Item = &'a SessionProgress>,
) -> napi::Result<Array<'env>> {
    let mut array = env.create_array(u32::try_from(sessions.len()).unwrap_or(u32::MAX))?;
    for (index, session) in (0..).zip(sessions) {
        array.set_element(index, session_to_js(env, session)?)?;
    }
    Ok(array)
}

/// What `ProgressAggregator.summary` gives.
pub fn summary_to_js<'env>(env: &'env Env, summary: &ProgressSummary) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    set_summary(env, &mut object, summary)?;
    Ok(object)
}

/// A `GroupProgress`.
pub fn group_to_js<'env>(env: &'env Env, progress: &GroupProgress) -> napi::Result<Object<'env>> {
    let mut object = Object::new(env)?;
    object.set_c_named_property(c"groupId", progress.group_id.as_str())?;
    object.set_c_named_property(c"totalSessions", count(progress.total_sessions))?;
    set_summary(env, &mut object, &progress.summary)?;
    object.set_c_named_property(c"sessions", sessions_to_js(env, progress.sessions.iter())?)?;
    set_some(&mut object, c"estimatedTimeRemaining", progress.estimated_time_remaining)?;
    Ok(object)
}

fn set_summary(env: &Env, object: &mut Object<'_>, summary: &ProgressSummary) -> napi::Result<()> {
    object.set_c_named_property(c"completed", count(summary.completed))?;
    object.set_c_named_property(c"running", count(summary.running))?;
    object.set_c_named_property(c"pending", count(summary.pending))?;
    object.set_c_named_property(c"failed", count(summary.failed))?;
    object.set_c_named_property(c"totalCost", summary.total_cost)?;
    object.set_c_named_property(c"totalTokens", tokens_to_js(env, &summary.total_tokens)?)?;
    set_some(object, c"elapsedTime", summary.elapsed_time)
}

/// An optional field is absent rather than `undefined`.
pub fn set_some<T: napi::bindgen_prelude::ToNapiValue>(
    object: &mut Object<'_>,
    name: &CStr,
    value: Option<T>,
) -> napi::Result<()> {
    value.map_or(Ok(()), |value| object.set_c_named_property(name, value))
}

#[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 sessions")]
fn count(count: usize) -> f64 {
    count as f64
}

/// Reads the fields of an object, naming them in errors.
struct Reader<'a> {
    env: &'a Env,
    object: Unknown<'a>,
    /// What stands before a field's name in its path.
    prefix: &'static str,
}

impl<'a> Reader<'a> {
    fn new(env: &'a Env, name: &str, prefix: &'static str, value: Unknown<'a>) -> Result<Self, Fault> {
        if value.get_type()? == ValueType::Object {
            return Ok(Self { env, object: value, prefix });
        }
        Err(Error::argument(name, "must be an object").into())
    }

    fn path(&self, name: &CStr) -> String {
        format!("{}{}", self.prefix, name.to_string_lossy())
    }

    fn get(&self, name: &CStr) -> Result<Option<Unknown<'a>>, Fault> {
        let value = js::property(self.env, self.object, name).map_err(|thrown| {
            Error::argument(self.path(name), format!("cannot be read: {}", thrown.reason))
        })?;
        Ok((value.get_type()? != ValueType::Undefined).then_some(value))
    }

    fn required(&self, name: &CStr, expected: &str) -> Result<Unknown<'a>, Fault> {
        self.get(name)?.ok_or_else(|| {
            Error::argument(self.path(name), format!("is missing, expected {expected}")).into()
        })
    }

    fn text(&self, name: &CStr) -> Result<String, Fault> {
        args::text(self.env, &self.path(name), self.required(name, "a string")?)
    }

    fn optional_text(&self, name: &CStr) -> Result<Option<String>, Fault> {
        self.get(name)?.map(|value| args::text(self.env, &self.path(name), value)).transpose()
    }

    fn amount(&self, name: &CStr, value: Unknown<'_>) -> Result<f64, Fault> {
        let number = args::number(self.env, &self.path(name), value)?;
        if number.is_finite() && number >= 0.0 {
            return Ok(number);
        }
        Err(Error::argument(
            self.path(name),
            format!("must be a finite number of 0 or more, but is {number}"),
        )
        .into())
    }

    fn whole(&self, name: &CStr, value: Unknown<'_>) -> Result<u64, Fault> {
        let number = self.amount(name, value)?;
        if number.fract() == 0.0 {
            return Ok(to_whole(number));
        }
        Err(Error::argument(self.path(name), format!("must be a whole number of 0 or more, but is {number}"))
            .into())
    }

    fn required_whole(&self, name: &CStr) -> Result<u64, Fault> {
        self.whole(name, self.required(name, "a whole number")?)
    }

    fn optional_whole(&self, name: &CStr) -> Result<Option<u64>, Fault> {
        self.get(name)?.map(|value| self.whole(name, value)).transpose()
    }

    fn status(&self) -> Result<SessionStatus, Fault> {
        let name = self.text(c"status")?;
        SessionStatus::from_name(&name).ok_or_else(|| {
            let expected = SessionStatus::NAMES.join(", ");
            Error::argument(self.path(c"status"), format!("must be one of {expected}, but is {name:?}"))
                .into()
        })
    }
}

/// A `SessionProgress` as an argument.
pub fn session_from_js(env: &Env, value: Unknown<'_>) -> Result<SessionProgress, Fault> {
    // SAFETY: the value lives as long as the call that this runs in.
    let value = unsafe { Unknown::from_raw_unchecked(env.raw(), value.raw()) };
    let progress = Reader::new(env, "progress", "", value)?;
    let tokens = progress.required(c"tokens", "an object")?;
    let tokens = Reader::new(env, "tokens", "tokens.", tokens)?;
    Ok(SessionProgress {
        id: progress.text(c"id")?,
        project_path: progress.text(c"projectPath")?,
        status: progress.status()?,
        cost: progress.amount(c"cost", progress.required(c"cost", "a number")?)?,
        tokens: TokenUsage {
            input: tokens.required_whole(c"input")?,
            output: tokens.required_whole(c"output")?,
            cache_read: tokens.optional_whole(c"cacheRead")?,
            cache_write: tokens.optional_whole(c"cacheWrite")?,
        },
        message_count: progress.required_whole(c"messageCount")?,
        current_tool: progress.optional_text(c"currentTool")?,
        started_at: progress.optional_text(c"startedAt")?,
        duration_ms: progress
            .get(c"durationMs")?
            .map(|value| progress.amount(c"durationMs", value))
            .transpose()?,
    })
}
