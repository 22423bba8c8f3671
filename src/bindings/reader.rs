//! Reads the fields of an object one by one, naming in errors where they stand. For what is read often: it costs less
//! than to make JSON of the whole object, of which much would not be looked at.

use std::ffi::CStr;

use napi::bindgen_prelude::Unknown;
use napi::{Env, JsValue, ValueType};

use super::args;
use super::js::{self, Fault};
use crate::error::Error;
use crate::group::time;
use crate::group::types::to_whole;
use crate::group::validate::Place;

/// An object that is read.
pub struct Reader<'a> {
    env: &'a Env,
    object: Unknown<'a>,
    place: &'a Place<'a>,
}

impl<'a> Reader<'a> {
    /// The object that stands at a place.
    pub fn new(env: &'a Env, value: Unknown<'_>, place: &'a Place<'a>) -> Result<Self, Fault> {
        args::object(env, place, value)?;
        // SAFETY: the value lives as long as the call in which it is read.
        Ok(Self { env, object: unsafe { Unknown::from_raw_unchecked(env.raw(), value.raw()) }, place })
    }

    /// A field.
    pub fn required<T>(&self, name: &CStr, read: Read<T>) -> Result<T, Fault> {
        let (value, place) = self.field(name)?;
        read(self.env, value, &place)
    }

    /// A field that may be absent.
    pub fn optional<T>(&self, name: &CStr, read: Read<T>) -> Result<Option<T>, Fault> {
        let (value, place) = self.field(name)?;
        if value.get_type()? == ValueType::Undefined {
            return Ok(None);
        }
        read(self.env, value, &place).map(Some)
    }

    fn field<'b>(&'b self, name: &'b CStr) -> Result<(Unknown<'b>, Place<'b>), Fault> {
        let place = Place::Member(self.place, name.to_str().unwrap_or_default());
        let value = readable(js::property(self.env, self.object, name), &place)?;
        Ok((value, place))
    }
}

/// Reads a value that stands at a place.
pub type Read<T> = fn(&Env, Unknown<'_>, &Place<'_>) -> Result<T, Fault>;

/// A string.
pub fn text(env: &Env, value: Unknown<'_>, place: &Place<'_>) -> Result<String, Fault> {
    args::text(env, place, value)
}

/// A finite number of 0 or more.
pub fn amount(env: &Env, value: Unknown<'_>, place: &Place<'_>) -> Result<f64, Fault> {
    args::number_that(env, place, value, "a finite number of 0 or more", |number| {
        number.is_finite() && number >= 0.0
    })
}

/// A whole number of 0 or more.
pub fn whole(env: &Env, value: Unknown<'_>, place: &Place<'_>) -> Result<u64, Fault> {
    let is_whole = |number: f64| number >= 0.0 && number.fract() == 0.0;
    args::number_that(env, place, value, "a whole number of 0 or more", is_whole).map(to_whole)
}

/// A whole number of 1 or more.
pub fn positive(env: &Env, value: Unknown<'_>, place: &Place<'_>) -> Result<u64, Fault> {
    let is_positive = |number: f64| number >= 1.0 && number.fract() == 0.0;
    args::number_that(env, place, value, "a whole number of 1 or more", is_positive).map(to_whole)
}

/// `true` or `false`.
pub fn flag(env: &Env, value: Unknown<'_>, place: &Place<'_>) -> Result<bool, Fault> {
    args::flag(env, place, value)
}

/// A time in ISO 8601, in Unix milliseconds.
pub fn time(env: &Env, value: Unknown<'_>, place: &Place<'_>) -> Result<f64, Fault> {
    let text = text(env, value, place)?;
    time::unix_ms(&text).ok_or_else(|| {
        let problem =
            format!("must be an ISO 8601 time such as \"2026-01-15T10:30:00.000Z\", but is {text:?}");
        Error::argument(place.to_string(), problem).into()
    })
}

/// An array, each element of which is read.
pub fn list<T>(env: &Env, value: Unknown<'_>, place: &Place<'_>, read: Read<T>) -> Result<Vec<T>, Fault> {
    let length = args::array_length(env, place, value)?;
    let element = |index: u32| {
        let place = Place::Element(place, index as usize);
        read(env, readable(js::element(env, value, index), &place)?, &place)
    };
    (0..length).map(element).collect()
}

/// What a getter threw is an error of the argument.
fn readable<'a>(value: napi::Result<Unknown<'a>>, place: &Place<'_>) -> Result<Unknown<'a>, Fault> {
    value.map_err(|thrown| {
        Error::argument(place.to_string(), format!("cannot be read: {}", thrown.reason)).into()
    })
}
