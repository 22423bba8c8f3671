//! Objects that become typed data.

use std::collections::{BTreeMap, HashMap};

use napi::Env;
use napi::bindgen_prelude::Unknown;
use serde::de::DeserializeOwned;

use super::{Parsed, awaited, is_undefined, number_that, object, text, unreadable};
use crate::js;
use session_groups::error::{Error, FieldError};
use session_groups::model::{Model, from_json, from_older_json};

/// A session or a group that is only read, without invalid recent fields.
pub fn checked<T: Model>(env: &Env, name: &str, value: Unknown<'_>) -> Parsed<T> {
    awaited(env, name, value)?;
    let text = js::stringify(env, value).map_err(|thrown| unreadable(name, &thrown))?.unwrap_or_default();
    from_older_json(&text).map_err(|wrong| Error::invalid_argument(wrong).into())
}

/// An object that becomes JSON. `undefined` counts as an empty one.
pub fn read<T: DeserializeOwned>(env: &Env, name: &str, value: Unknown<'_>) -> Parsed<T> {
    from_json(&text_to_read(env, name, value)?).map_err(|wrong| Error::invalid_argument(wrong).into())
}

/// Typed data that this package has put together. An error names a field as the caller knows it: without the first part of its
/// path, if it has several.
pub fn read_parts<T: DeserializeOwned>(env: &Env, name: &str, value: Unknown<'_>) -> Parsed<T> {
    from_json(&text_to_read(env, name, value)?).map_err(|FieldError { field, problem }| {
        let given = field.split_once('.').map_or(field.as_str(), |(_, rest)| rest);
        Error::argument(given, problem).into()
    })
}

fn text_to_read(env: &Env, name: &str, value: Unknown<'_>) -> Parsed<String> {
    if is_undefined(value) {
        return Ok("{}".to_owned());
    }
    awaited(env, name, value)?;
    let text = js::stringify(env, value).map_err(|thrown| unreadable(name, &thrown))?;
    Ok(text.unwrap_or_default())
}

/// The weights of sessions by their ids; none for `undefined`.
pub fn weights(env: &Env, value: Unknown<'_>) -> Parsed<HashMap<String, f64>> {
    if is_undefined(value) {
        return Ok(HashMap::new());
    }
    object(env, "weights", value)?;
    let members = js::properties(env, value).map_err(|thrown| unreadable("weights", &thrown))?;
    let weight = |(id, value)| {
        let (field, expected) = (format!("weights.{id}"), "a finite number of 0 or more");
        let weight = number_that(env, field, value, expected, |weight| weight.is_finite() && weight >= 0.0)?;
        Ok((id, weight))
    };
    members.into_iter().map(weight).collect()
}

/// An object whose values are strings; those that are `undefined` are left out.
pub fn texts_by_name(env: &Env, name: &str, value: Unknown<'_>) -> Parsed<BTreeMap<String, String>> {
    object(env, name, value)?;
    let members = js::properties(env, value).map_err(|thrown| unreadable(name, &thrown))?;
    let members = members.into_iter().filter(|(_, value)| !is_undefined(*value));
    members.map(|(key, value)| Ok((key.clone(), text(env, format!("{name}.{key}"), value)?))).collect()
}
