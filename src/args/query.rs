//! Objects of which only known keys are read.

use std::ffi::CStr;

use napi::bindgen_prelude::Unknown;
use napi::{Env, JsValue};

use super::{Complaint, Parsed, is_absent, is_object, must_be};
use crate::js;

/// An object whose keys are read one by one: a filter, a sort, or options of which unknown ones are ignored.
pub(super) struct Query<'env> {
    env: &'env Env,
    complain: Complaint,
    object: Unknown<'env>,
}

impl<'env> Query<'env> {
    /// An argument that is such an object; `None` when it is `undefined` or `null`.
    pub fn new(env: &'env Env, complain: Complaint, name: &str, value: Unknown<'_>) -> Parsed<Option<Self>> {
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
    pub fn read<T>(
        &self,
        key: &CStr,
        read: impl FnOnce(&str, Unknown<'env>) -> Parsed<T>,
    ) -> Parsed<Option<T>> {
        let name = key.to_str().unwrap_or_default();
        let unreadable = |thrown: napi::Error| {
            (self.complain)(name.to_owned(), format!("cannot be read: {}", thrown.reason))
        };
        let value = js::property(self.env, self.object, key).map_err(unreadable)?;
        if is_absent(value) { Ok(None) } else { read(name, value).map(Some) }
    }
}
