//! Arguments: an invalid one is an error with the path of its field, before anything is done. The values that all have in
//! common are read here.

mod filter;
mod groups;
mod objects;
mod query;
mod store;
mod watch;

pub use filter::{filter, sort, status};
pub use groups::{changes, force, found_group, group_to_save, new_group, session_text};
pub use objects::{checked, read, read_parts, texts_by_name, weights};
pub use store::{base_dir, delete_condition, file_options, save_condition};
pub use watch::{EventsOptions, Watched, events_options, listener_and_options, watch_options};

use std::ffi::CStr;
use std::fmt::Display;

use napi::bindgen_prelude::{This, Unknown};
use napi::{Env, JsValue, ValueType};

use crate::js::{self, Fault, number_of};
use session_groups::error::Error;
use session_groups::json;
use session_groups::model::GroupId;

type Parsed<T> = Result<T, Fault>;

/// Constructor of the error for a field, of arguments in general or of filters.
type Complaint = fn(String, String) -> Error;

fn argument(field: String, problem: String) -> Error {
    Error::argument(field, problem)
}

/// Rejects a class that was called without `new`: the engine would make its instance of any `this`. An instance is
/// recognized by a method of its class.
pub fn constructed(env: &Env, this: &This<'_>, class: &str, method: &CStr) -> Parsed<()> {
    let this = this.to_unknown();
    let has_method = is_object(this) && js::property(env, this, method).is_ok_and(is_function);
    if has_method { Ok(()) } else { Err(Error::argument(class, "is a class: call it with `new`").into()) }
}

/// A value as a message shows it.
fn shown(env: &Env, value: Unknown<'_>) -> String {
    match value.get_type() {
        Ok(ValueType::Undefined) => "undefined".to_owned(),
        Ok(ValueType::Function) => "a function".to_owned(),
        Ok(ValueType::Symbol) => "a symbol".to_owned(),
        Ok(ValueType::BigInt) => "a bigint".to_owned(),
        Ok(ValueType::Number) => number_of(value).map_or_else(|| "a number".to_owned(), json::shown),
        Ok(ValueType::Object) if value.is_array().unwrap_or(false) => "an array".to_owned(),
        Ok(ValueType::Object) if value.is_promise().unwrap_or(false) => "a promise: await it".to_owned(),
        Ok(ValueType::Object) => "an object".to_owned(),
        _ => js::stringify(env, value)
            .ok()
            .flatten()
            .map_or_else(|| "something else".to_owned(), |text| json::excerpt(&text)),
    }
}

fn must_be(env: &Env, complain: Complaint, field: impl Display, expected: &str, value: Unknown<'_>) -> Fault {
    complain(field.to_string(), format!("must be {expected}, but is {}", shown(env, value))).into()
}

/// The error of an argument that is something else.
pub fn wrong(env: &Env, field: &str, expected: &str, value: Unknown<'_>) -> Fault {
    must_be(env, argument, field, expected, value)
}

fn is_undefined(value: Unknown<'_>) -> bool {
    matches!(value.get_type(), Ok(ValueType::Undefined))
}

fn is_object(value: Unknown<'_>) -> bool {
    matches!(value.get_type(), Ok(ValueType::Object)) && !value.is_array().unwrap_or(false)
}

/// Turns an exception of an argument's getter or `toJSON` into an error of this package.
fn unreadable(field: &str, thrown: &napi::Error) -> Error {
    Error::argument(field, format!("cannot be read: {}", thrown.reason))
}

/// A string.
pub fn text(env: &Env, field: impl Display, value: Unknown<'_>) -> Parsed<String> {
    js::text_of(value).map_err(|_| must_be(env, argument, field, "a string", value))
}

/// A number, which may be of any value.
pub fn number(env: &Env, field: impl Display, value: Unknown<'_>) -> Parsed<f64> {
    number_of(value).ok_or_else(|| must_be(env, argument, field, "a number", value))
}

/// A number that something holds of.
pub fn number_that(
    env: &Env,
    field: impl Display,
    value: Unknown<'_>,
    expected: &str,
    holds: impl Fn(f64) -> bool,
) -> Parsed<f64> {
    let number = number_of(value).filter(|number| holds(*number));
    number.ok_or_else(|| must_be(env, argument, field, expected, value))
}

/// `true` or `false`.
pub fn flag(env: &Env, field: impl Display, value: Unknown<'_>) -> Parsed<bool> {
    if value.get_type()? != ValueType::Boolean {
        return Err(must_be(env, argument, field, "true or false", value));
    }
    Ok(value.coerce_to_bool()?)
}

/// Sees that a value is an object and no array.
pub fn object(env: &Env, field: impl Display, value: Unknown<'_>) -> Parsed<()> {
    if is_object(value) { Ok(()) } else { Err(must_be(env, argument, field, "an object", value)) }
}

/// Sees that an argument is an object and no promise of one.
pub fn awaited(env: &Env, field: &str, value: Unknown<'_>) -> Parsed<()> {
    if value.is_promise()? {
        return Err(must_be(env, argument, field, "an object", value));
    }
    object(env, field, value)
}

/// The length of an array.
pub fn array_length(env: &Env, field: impl Display, value: Unknown<'_>) -> Parsed<u32> {
    if !value.is_array()? {
        return Err(must_be(env, argument, field, "an array", value));
    }
    Ok(js::array_length(env, value)?)
}

/// A finite number or `undefined`.
pub fn optional_number(env: &Env, field: &str, value: Unknown<'_>) -> Parsed<Option<f64>> {
    if is_undefined(value) {
        return Ok(None);
    }
    number_that(env, field, value, "a finite number", f64::is_finite).map(Some)
}

/// A group's id; `None` for a string that cannot be one, so that there is no such group.
pub fn group_id(env: &Env, field: &str, value: Unknown<'_>) -> Parsed<Option<GroupId>> {
    Ok(GroupId::new(&text(env, field, value)?).ok())
}

/// The members of an options object, those that are `undefined` left out. An unknown one is an error: a misspelt
/// precondition must not be a missing one.
pub fn options<'env>(
    env: &'env Env,
    name: &str,
    known: &[&str],
    value: Unknown<'_>,
) -> Parsed<Vec<(String, Unknown<'env>)>> {
    if is_undefined(value) {
        return Ok(Vec::new());
    }
    if !is_object(value) {
        return Err(must_be(env, argument, name, "an object", value));
    }
    let mut members = js::properties(env, value).map_err(|thrown| unreadable(name, &thrown))?;
    if let Some((key, _)) = members.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        let problem = format!("is unknown in {name}, which has {}", known.join(", "));
        return Err(Error::argument(key, problem).into());
    }
    members.retain(|(_, value)| !is_undefined(*value));
    Ok(members)
}

/// Returns whether a value is `undefined` or `null`.
fn is_absent(value: Unknown<'_>) -> bool {
    matches!(value.get_type(), Ok(ValueType::Undefined | ValueType::Null))
}

fn count(env: &Env, complain: Complaint, field: &str, value: Unknown<'_>) -> Parsed<usize> {
    let number =
        number_of(value).filter(|number| *number >= 0.0 && number.is_finite() && number.fract() == 0.0);
    let number = number.ok_or_else(|| must_be(env, complain, field, "a whole number of 0 or more", value))?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and not negative; saturates"
    )]
    Ok(number as usize)
}

/// A valid `Date`, in Unix milliseconds.
pub fn date(env: &Env, field: &str, value: Unknown<'_>) -> Parsed<f64> {
    let time = if value.is_date()? {
        // SAFETY: it is a Date, as just checked.
        Some(unsafe { value.cast::<napi::JsDate<'_>>() }?.value_of()?).filter(|time| time.is_finite())
    } else {
        None
    };
    time.ok_or_else(|| must_be(env, argument, field, "a valid Date", value))
}

/// A function, where `changes` may be one.
pub fn is_function(value: Unknown<'_>) -> bool {
    matches!(value.get_type(), Ok(ValueType::Function))
}
