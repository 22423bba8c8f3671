//! Filters and sorts of groups.

use napi::bindgen_prelude::Unknown;
use napi::{Env, JsValue, ValueType};

use super::query::Query;
use super::{Parsed, count, date, must_be, shown};
use crate::host;
use crate::js::{self, number_of};
use session_groups::error::Error;
use session_groups::model::GroupStatus;
use session_groups::model::time::{self, Timestamp};
use session_groups::repository::{Direction, GroupFilter, GroupSort, SortField};

fn in_filter(field: String, problem: String) -> Error {
    Error::filter(field, problem)
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
