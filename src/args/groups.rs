//! Groups, sessions and changes that are to be stored.

use std::ffi::CStr;

use napi::bindgen_prelude::Unknown;
use napi::{Env, JsValue, ValueType};

use super::{
    Parsed, argument, awaited, flag, is_absent, is_object, is_undefined, must_be, object, options, shown,
    text, unreadable,
};
use crate::{host, js};
use session_groups::error::{Error, FieldError};
use session_groups::manager::NewGroup;
use session_groups::model::GroupId;
use session_groups::repository::{Changes, Document};

/// A group to be saved: its id and its text, which the repository checks.
pub fn group_to_save(env: &Env, value: Unknown<'_>) -> Parsed<(GroupId, String)> {
    let invalid = |group_id: &str, field: &str, problem: String| {
        Error::invalid_group(group_id, FieldError::new(field, problem))
    };
    if !is_object(value) || value.is_promise()? {
        return Err(invalid("", "group", format!("must be an object, but is {}", shown(env, value))).into());
    }
    let cannot =
        |thrown: &napi::Error| invalid("", "group", format!("cannot be made JSON: {}", thrown.reason));
    let id = js::property(env, value, c"id").map_err(|thrown| cannot(&thrown))?;
    if id.get_type()? != ValueType::String {
        return Err(invalid("", "id", format!("must be a string, but is {}", shown(env, id))).into());
    }
    let id = GroupId::new(&js::text_of(id)?)?;
    let text = js::stringify(env, value).map_err(|thrown| cannot(&thrown))?;
    Ok((id, text.unwrap_or_else(|| "null".to_owned())))
}

/// Changes: the fields to set, and those given as `undefined`, which `JSON.stringify` would drop, to remove.
pub fn changes(env: &Env, value: Unknown<'_>) -> Parsed<Changes> {
    awaited(env, "changes", value)?;
    let mut removed = Vec::new();
    for (key, value) in js::properties(env, value).map_err(|thrown| unreadable("changes", &thrown))? {
        match value.get_type()? {
            ValueType::Undefined => removed.push(key),
            ValueType::Function | ValueType::Symbol | ValueType::BigInt => {
                return Err(must_be(env, argument, &key, "a JSON value or undefined", value));
            }
            _ => {}
        }
    }
    let text = js::stringify(env, value).map_err(|thrown| unreadable("changes", &thrown))?;
    Ok(Changes::new(text.unwrap_or_default(), removed)?.made_at(host::time_of_ms(env, value)?))
}

/// `{ name, description?, config? }` of a group to create.
pub fn new_group(env: &Env, value: Unknown<'_>) -> Parsed<NewGroup> {
    awaited(env, "options", value)?;
    let member = |key: &CStr| {
        js::property(env, value, key).map_err(|thrown| unreadable(key.to_str().unwrap_or_default(), &thrown))
    };
    let (name, description, config) = (member(c"name")?, member(c"description")?, member(c"config")?);
    let description =
        if is_undefined(description) { None } else { Some(text(env, "description", description)?) };
    let config = if is_undefined(config) {
        None
    } else {
        object(env, "config", config)?;
        js::stringify(env, config).map_err(|thrown| unreadable("config", &thrown))?
    };
    Ok(NewGroup { name: text(env, "name", name)?, description, config })
}

/// A session to be added, as JSON.
pub fn session_text(env: &Env, value: Unknown<'_>) -> Parsed<String> {
    awaited(env, "session", value)?;
    let text = js::stringify(env, value).map_err(|thrown| unreadable("session", &thrown))?;
    Ok(text.unwrap_or_default())
}

/// `{ force? }` of `removeSession`.
pub fn force(env: &Env, value: Unknown<'_>) -> Parsed<bool> {
    let members = options(env, "options", &["force"], value)?;
    members.into_iter().next().map_or(Ok(false), |(key, value)| flag(env, key, value))
}

/// A group that a repository has found; `None` for `null` and `undefined`.
pub fn found_group(env: &Env, value: Unknown<'_>) -> Parsed<Option<Document>> {
    if is_absent(value) {
        return Ok(None);
    }
    awaited(env, "group", value)?;
    let text = js::stringify(env, value).map_err(|thrown| unreadable("group", &thrown))?;
    let group = Document::from_stored(text.unwrap_or_default().into_bytes());
    let group = group.map_err(|invalid| {
        let problem = format!("is not one that can be changed: {}", invalid.problem);
        Error::invalid_group("", FieldError::new(invalid.field.unwrap_or_default(), problem))
    });
    Ok(Some(group?))
}
