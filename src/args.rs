//! Arguments: an invalid one is an error with the path of its field, before anything is done.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, CString};
use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use napi::bindgen_prelude::{This, Unknown};
use napi::{Env, JsValue, ValueType};
use serde::de::DeserializeOwned;

use super::host;
use super::js::{self, Fault, number_of};
use session_groups::error::{Error, FieldError};
use session_groups::json;
use session_groups::manager::NewGroup;
use session_groups::model::time::{self, Timestamp};
use session_groups::model::{GroupId, GroupStatus, Model, from_json, from_older_json};
use session_groups::repository::file::{Durability, FileOptions, default_base_in};
use session_groups::repository::{
    Changes, Condition, Direction, Document, GroupFilter, GroupSort, Revision, SortField,
};

type Parsed<T> = Result<T, Fault>;

/// Constructor of the error for a field, of arguments in general or of filters.
type Complaint = fn(String, String) -> Error;

fn argument(field: String, problem: String) -> Error {
    Error::argument(field, problem)
}

fn in_filter(field: String, problem: String) -> Error {
    Error::filter(field, problem)
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

/// A `GroupFilter`, or nothing. Unknown keys are ignored, so that an object made for something else as well can be passed
/// on; getters and inherited properties are read.
pub fn filter(env: &Env, value: Unknown<'_>) -> Parsed<GroupFilter> {
    let Some(query) = Query::new(env, in_filter, "filter", value)? else {
        return Ok(GroupFilter::default());
    };
    // What is wrong with any other filter, or thrown by it, shows when it is read key by key.
    let only = host::only_status(env, value).and_then(js::text_of).ok();
    if let Some(status) = only.and_then(|name| GroupStatus::from_name(&name)) {
        return Ok(GroupFilter { status: Some(status), ..GroupFilter::default() });
    }
    Ok(GroupFilter {
        status: query.read(c"status", |_, value| status(env, value))?,
        name_contains: query.read(c"nameContains", |key, value| filter_text(env, key, "a string", value))?,
        since: query.read(c"since", |_, value| instant(env, value))?,
        limit: query.read(c"limit", |key, value| limit(env, key, value))?.flatten(),
        offset: query.read(c"offset", |key, value| count(env, in_filter, key, value))?,
    })
}

/// An object whose keys are read one by one: a filter, a sort, or options of which unknown ones are ignored.
struct Query<'env> {
    env: &'env Env,
    complain: Complaint,
    object: Unknown<'env>,
}

impl<'env> Query<'env> {
    /// An argument that is such an object; `None` when it is `undefined` or `null`.
    fn new(env: &'env Env, complain: Complaint, name: &str, value: Unknown<'_>) -> Parsed<Option<Self>> {
        if is_absent(value) {
            return Ok(None);
        }
        if !is_object(value) {
            return Err(must_be(env, complain, name, "an object", value));
        }
        // SAFETY: the value lives as long as the call in which it is read.
        let object = unsafe { Unknown::from_raw_unchecked(env.raw(), value.raw()) };
        Ok(Some(Self { env, complain, object }))
    }

    /// The value of a key; `None` when it is `undefined` or `null`.
    fn read<T>(&self, key: &CStr, read: impl FnOnce(&str, Unknown<'env>) -> Parsed<T>) -> Parsed<Option<T>> {
        let name = key.to_str().unwrap_or_default();
        let unreadable = |thrown: napi::Error| {
            (self.complain)(name.to_owned(), format!("cannot be read: {}", thrown.reason))
        };
        let value = js::property(self.env, self.object, key).map_err(unreadable)?;
        if is_absent(value) { Ok(None) } else { read(name, value).map(Some) }
    }
}

/// Returns whether a value is `undefined` or `null`.
fn is_absent(value: Unknown<'_>) -> bool {
    matches!(value.get_type(), Ok(ValueType::Undefined | ValueType::Null))
}

/// A `GroupStatus`, as a filter has it.
pub fn status(env: &Env, value: Unknown<'_>) -> Parsed<GroupStatus> {
    let name = if value.get_type()? == ValueType::String { Some(js::text_of(value)?) } else { None };
    name.and_then(|name| GroupStatus::from_name(&name)).ok_or_else(|| {
        let expected = format!("one of {}", GroupStatus::NAMES.join(", "));
        must_be(env, in_filter, "status", &expected, value)
    })
}

/// A `GroupSort`, or nothing. Unknown keys are ignored.
pub fn sort(env: &Env, value: Unknown<'_>) -> Parsed<Option<GroupSort>> {
    let Some(query) = Query::new(env, in_filter, "sort", value)? else {
        return Ok(None);
    };
    let field = query.read(c"field", |_, value| sort_field(env, value))?;
    let direction = query.read(c"direction", |_, value| direction(env, value))?;
    let missing = |field, expected| Error::filter(field, format!("is missing, expected {expected}")).into();
    match (field, direction) {
        (Some(field), Some(direction)) => Ok(Some(GroupSort { field, direction })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(missing("sort.field", SORT_FIELDS)),
        (Some(_), None) => Err(missing("sort.direction", DIRECTIONS)),
    }
}

const SORT_FIELDS: &str = "one of name, createdAt, updatedAt";
const DIRECTIONS: &str = "asc or desc";

fn sort_field(env: &Env, value: Unknown<'_>) -> Parsed<SortField> {
    match filter_text(env, "sort.field", SORT_FIELDS, value)?.as_str() {
        "name" => Ok(SortField::Name),
        "createdAt" => Ok(SortField::CreatedAt),
        "updatedAt" => Ok(SortField::UpdatedAt),
        _ => Err(must_be(env, in_filter, "sort.field", SORT_FIELDS, value)),
    }
}

fn direction(env: &Env, value: Unknown<'_>) -> Parsed<Direction> {
    match filter_text(env, "sort.direction", DIRECTIONS, value)?.as_str() {
        "asc" => Ok(Direction::Ascending),
        "desc" => Ok(Direction::Descending),
        _ => Err(must_be(env, in_filter, "sort.direction", DIRECTIONS, value)),
    }
}

fn filter_text(env: &Env, field: &str, expected: &str, value: Unknown<'_>) -> Parsed<String> {
    if value.get_type()? == ValueType::String {
        return Ok(js::text_of(value)?);
    }
    Err(must_be(env, in_filter, field, expected, value))
}

/// A maximum; `None` for `Infinity`.
fn limit(env: &Env, field: &str, value: Unknown<'_>) -> Parsed<Option<usize>> {
    if number_of(value) == Some(f64::INFINITY) {
        return Ok(None);
    }
    count(env, in_filter, field, value).map(Some)
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

fn instant(env: &Env, value: Unknown<'_>) -> Parsed<Timestamp> {
    let expected = "a valid Date or an ISO 8601 string";
    let instant = if value.is_date()? {
        date(env, "since", value).ok().map(Timestamp::from_unix_ms)
    } else if value.get_type()? == ValueType::String {
        time::instant(&js::text_of(value)?)
    } else {
        None
    };
    instant.ok_or_else(|| {
        let found =
            if value.is_date().unwrap_or(false) { "an invalid Date".to_owned() } else { shown(env, value) };
        in_filter("since".to_owned(), format!("must be {expected}, but is {found}")).into()
    })
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

/// A function, where `changes` may be one.
pub fn is_function(value: Unknown<'_>) -> bool {
    matches!(value.get_type(), Ok(ValueType::Function))
}

/// Splits the arguments of `watch`: `(listener, options?)` or `(options?)`.
pub fn listener_and_options<'a>(
    env: &'a Env,
    listener: Unknown<'a>,
    options: Unknown<'a>,
) -> Parsed<(Unknown<'a>, Unknown<'a>)> {
    if is_function(listener) {
        return Ok((listener, options));
    }
    if !is_undefined(options) {
        return Err(must_be(env, argument, "listener", "a function", listener));
    }
    if is_absent(listener) || is_object(listener) {
        return Ok((options, listener));
    }
    Err(must_be(env, argument, "listener", "a function, or options without a listener", listener))
}

/// Options of `watch`.
pub struct WatchOptions<'env> {
    pub watched: Watched,
    /// An `AbortSignal`.
    pub signal: Option<Unknown<'env>>,
}

/// The groups to watch.
pub enum Watched {
    All,
    Group(GroupId),
    /// The id cannot be the one of a group.
    Nothing,
}

/// `{ id?, signal? }` of `watch`. Unknown keys are ignored.
pub fn watch_options<'env>(env: &'env Env, value: Unknown<'_>) -> Parsed<WatchOptions<'env>> {
    let Some(query) = Query::new(env, argument, "options", value)? else {
        return Ok(WatchOptions { watched: Watched::All, signal: None });
    };
    let id = query.read(c"id", |key, value| group_id(env, key, value))?;
    let watched = id.map_or(Watched::All, |id| id.map_or(Watched::Nothing, Watched::Group));
    Ok(WatchOptions { watched, signal: query.read(c"signal", |_, value| abort_signal(env, value))? })
}

/// Options of `events`.
#[derive(Default)]
pub struct EventsOptions<'env> {
    /// Number of the event after which to begin.
    pub after: u64,
    /// `true` to wait for further events.
    pub follow: bool,
    /// An `AbortSignal`.
    pub signal: Option<Unknown<'env>>,
}

/// `{ after?, follow?, signal? }` of `events`. Unknown keys are ignored.
pub fn events_options<'env>(env: &'env Env, value: Unknown<'_>) -> Parsed<EventsOptions<'env>> {
    let Some(query) = Query::new(env, argument, "options", value)? else {
        return Ok(EventsOptions::default());
    };
    let after = query.read(c"after", |key, value| count(env, argument, key, value))?;
    let follow = query.read(c"follow", |key, value| flag(env, key, value))?;
    Ok(EventsOptions {
        after: after.unwrap_or(0) as u64,
        follow: follow.unwrap_or(false),
        signal: query.read(c"signal", |_, value| abort_signal(env, value))?,
    })
}

/// An `AbortSignal`, recognized by its members: each realm has a class of its own, and there are polyfills.
fn abort_signal<'env>(env: &'env Env, value: Unknown<'env>) -> Parsed<Unknown<'env>> {
    let has = |key: &CStr, is: fn(Unknown<'_>) -> bool| js::property(env, value, key).is_ok_and(is);
    let is_signal = is_object(value)
        && has(c"aborted", |aborted| matches!(aborted.get_type(), Ok(ValueType::Boolean)))
        && has(c"addEventListener", is_function)
        && has(c"removeEventListener", is_function);
    if is_signal { Ok(value) } else { Err(must_be(env, argument, "signal", "an AbortSignal", value)) }
}
