//! Options of file repositories, and conditions of their writes.

use std::ffi::CString;
use std::path::PathBuf;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Unknown;

use super::{Parsed, argument, flag, is_undefined, must_be, options, text};
use crate::host;
use crate::js::{self, number_of};
use session_groups::error::Error;
use session_groups::repository::file::{Durability, FileOptions, default_base_in};
use session_groups::repository::{Condition, Revision};

/// `{ ifRevision?, ifAbsent? }` of `save`.
pub fn save_condition(env: &Env, value: Unknown<'_>) -> Parsed<Condition> {
    let mut condition = Condition::None;
    let members = options(env, "options", &["ifRevision", "ifAbsent"], value)?;
    for (key, value) in members {
        let given = if key == "ifRevision" { revision(env, value)? } else { absence(env, value)? };
        if given != Condition::None && condition != Condition::None {
            return Err(Error::argument("options", "can have ifRevision or ifAbsent, not both").into());
        }
        if given != Condition::None {
            condition = given;
        }
    }
    Ok(condition)
}

/// `{ ifRevision? }` of `delete`.
pub fn delete_condition(env: &Env, value: Unknown<'_>) -> Parsed<Condition> {
    let members = options(env, "options", &["ifRevision"], value)?;
    members.into_iter().next().map_or(Ok(Condition::None), |(_, value)| revision(env, value))
}

fn revision(env: &Env, value: Unknown<'_>) -> Parsed<Condition> {
    Ok(Condition::IfRevision(Revision::from_name(&text(env, "ifRevision", value)?)))
}

fn absence(env: &Env, value: Unknown<'_>) -> Parsed<Condition> {
    Ok(if flag(env, "ifAbsent", value)? { Condition::IfAbsent } else { Condition::None })
}

/// `{ durability?, lockTimeoutMs? }` of a file repository.
pub fn file_options(env: &Env, value: Unknown<'_>) -> Parsed<FileOptions> {
    const LONGEST_MS: f64 = 2_147_483_647.0;
    let mut file_options = FileOptions::default();
    for (key, value) in options(env, "options", &["durability", "lockTimeoutMs"], value)? {
        if key == "durability" {
            file_options.durability = match js::text_of(value).as_deref() {
                Ok("full") => Durability::Full,
                Ok("process") => Durability::Process,
                _ => return Err(must_be(env, argument, &key, "\"full\" or \"process\"", value)),
            };
        } else {
            let milliseconds = number_of(value).filter(|number| (0.0..=LONGEST_MS).contains(number));
            let expected = "a number of milliseconds from 0 to 2147483647";
            let milliseconds = milliseconds.ok_or_else(|| must_be(env, argument, &key, expected, value))?;
            file_options.lock_timeout = Duration::from_secs_f64(milliseconds / 1_000.0);
        }
    }
    Ok(file_options)
}

/// A base directory; by default the usual one in the user's home directory.
pub fn base_dir(env: &Env, value: Unknown<'_>) -> Parsed<Option<PathBuf>> {
    if is_undefined(value) {
        return Ok(host::home(env).as_deref().map(default_base_in));
    }
    let path = text(env, "baseDir", value)?;
    if path.is_empty() || CString::new(path.as_str()).is_err() {
        return Err(must_be(env, argument, "baseDir", "a path", value));
    }
    Ok(Some(path.into()))
}
