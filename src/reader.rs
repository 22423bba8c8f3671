//! Reads the fields of an object one by one, naming in errors where they stand. For what is read often: it costs less
//! than to make JSON of the whole object, of which much would not be looked at.

use std::ffi::CStr;

use napi::bindgen_prelude::Unknown;
use napi::{Env, JsValue, ValueType};

use super::args;
use super::js::{self, Fault};
use session_groups::error::Error;
use session_groups::model::number::to_whole;
use session_groups::model::time;

type Parsed<T> = Result<T, Fault>;

/// Where in the value the check is, without an allocation until an error needs it.
pub enum Place<'a> {
    /// An argument as a whole, which has a name; its members are known without.
    Argument(&'a str),
    Member(&'a Place<'a>, &'a str),
    Element(&'a Place<'a>, usize),
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Argument(name) | Place::Member(Place::Argument(_), name) => f.write_str(name),
            Place::Member(parent, name) => write!(f, "{parent}.{name}"),
            Place::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub env: &'a Env,
    pub value: Unknown<'a>,
    pub place: &'a Place<'a>,
}

impl<'a> At<'a> {
    /// An argument.
    pub fn new(env: &'a Env, value: Unknown<'_>, place: &'a Place<'a>) -> Self {
        // SAFETY: the value lives as long as the call in which it is read.
        Self { env, value: unsafe { Unknown::from_raw_unchecked(env.raw(), value.raw()) }, place }
    }

    /// Sees that it is an object.
    pub fn object(self) -> Parsed<Self> {
        args::object(self.env, self.place, self.value)?;
        Ok(self)
    }

    /// A field of an object.
    pub fn required<T>(self, name: &CStr, read: impl FnOnce(At<'_>) -> Parsed<T>) -> Parsed<T> {
        let place = Place::Member(self.place, name.to_str().unwrap_or_default());
        let value = readable(js::property(self.env, self.value, name), &place)?;
        read(At { env: self.env, value, place: &place })
    }

    /// A field of an object that may be absent.
    pub fn optional<T>(self, name: &CStr, read: impl FnOnce(At<'_>) -> Parsed<T>) -> Parsed<Option<T>> {
        self.required(name, |field| match field.value.get_type()? {
            ValueType::Undefined => Ok(None),
            _ => read(field).map(Some),
        })
    }

    /// An array, each element of which is read.
    pub fn list<T>(self, read: impl Fn(At<'_>) -> Parsed<T>) -> Parsed<Vec<T>> {
        let length = args::array_length(self.env, self.place, self.value)?;
        let element = |index: u32| {
            let place = Place::Element(self.place, index as usize);
            let value = readable(js::element(self.env, self.value, index), &place)?;
            read(At { env: self.env, value, place: &place })
        };
        (0..length).map(element).collect()
    }

    /// The error that says what is wrong with it.
    pub fn wrong(self, problem: String) -> Fault {
        Error::argument(self.place.to_string(), problem).into()
    }

    fn number(self, expected: &str, holds: impl Fn(f64) -> bool) -> Parsed<f64> {
        args::number_that(self.env, self.place, self.value, expected, holds)
    }
}

/// A string.
pub fn text(at: At<'_>) -> Parsed<String> {
    args::text(at.env, at.place, at.value)
}

/// `true` or `false`.
pub fn flag(at: At<'_>) -> Parsed<bool> {
    args::flag(at.env, at.place, at.value)
}

/// A finite number of 0 or more.
pub fn amount(at: At<'_>) -> Parsed<f64> {
    at.number("a finite number of 0 or more", |number| number.is_finite() && number >= 0.0)
}

/// A whole number of 0 or more.
pub fn whole(at: At<'_>) -> Parsed<u64> {
    let number = at.number("a whole number of 0 or more", |number| number >= 0.0 && is_whole(number));
    number.map(to_whole)
}

/// A whole number of 1 or more.
pub fn positive(at: At<'_>) -> Parsed<u64> {
    let number = at.number("a whole number of 1 or more", |number| number >= 1.0 && is_whole(number));
    number.map(to_whole)
}

/// A time in ISO 8601, in Unix milliseconds.
pub fn time(at: At<'_>) -> Parsed<f64> {
    let text = text(at)?;
    time::unix_ms(&text).ok_or_else(|| {
        let expected = "an ISO 8601 time such as \"2026-01-15T10:30:00.000Z\"";
        at.wrong(format!("must be {expected}, but is {text:?}"))
    })
}

fn is_whole(number: f64) -> bool {
    number.fract() == 0.0
}

/// Turns an exception of a getter into an error of the argument.
fn readable<'a>(value: napi::Result<Unknown<'a>>, place: &Place<'_>) -> Parsed<Unknown<'a>> {
    value.map_err(|thrown| {
        Error::argument(place.to_string(), format!("cannot be read: {}", thrown.reason)).into()
    })
}
