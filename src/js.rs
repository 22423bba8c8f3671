//! The primitives of the engine: its own `JSON`, reads of properties and calls of functions, with what they throw
//! caught.

use std::ffi::CStr;
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};

use napi::bindgen_prelude::{FromNapiValue, ToNapiValue, Unknown};
use napi::{Env, JsValue, ValueType, sys};
use serde::Serialize;

use crate::host;
use session_groups::error::Error;

/// A failure on its way to JavaScript: one of ours, or something that JavaScript threw and gets back as it is.
pub enum Fault {
    /// Becomes a `SessionGroupsError`.
    Ours(Error),
    /// Stays what it is.
    Thrown(napi::Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<napi::Error> for Fault {
    fn from(error: napi::Error) -> Self {
        Self::Thrown(error)
    }
}

/// A reference that keeps a value alive until its environment ends or the reference is deleted.
pub fn reference(env: &Env, value: Unknown<'_>) -> napi::Result<sys::napi_ref> {
    let mut reference = ptr::null_mut();
    // SAFETY: the value belongs to this environment, on whose thread we are.
    checked(unsafe { sys::napi_create_reference(env.raw(), value.raw(), 1, &raw mut reference) })?;
    Ok(reference)
}

/// The value of a reference.
pub fn referenced(env: &Env, reference: sys::napi_ref) -> napi::Result<Unknown<'_>> {
    let mut value = ptr::null_mut();
    // SAFETY: the reference was made in this environment and has not been deleted.
    checked(unsafe { sys::napi_get_reference_value(env.raw(), reference, &raw mut value) })?;
    // SAFETY: the engine has just given us this value.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), value) })
}

/// Deletes a reference, which is not used again.
pub fn delete_reference(env: &Env, reference: sys::napi_ref) -> napi::Result<()> {
    // SAFETY: the reference was made in this environment and has not been deleted.
    checked(unsafe { sys::napi_delete_reference(env.raw(), reference) })
}

/// Turns a status that is not `napi_ok` into an error.
pub fn checked(status: sys::napi_status) -> napi::Result<()> {
    if status == sys::Status::napi_ok {
        return Ok(());
    }
    Err(napi::Error::new(napi::Status::from(status), "the JavaScript engine refused a call".to_owned()))
}

/// Calls a function. What it throws is the error, to be thrown again as it is.
pub fn call<'env, const N: usize>(
    env: &'env Env,
    function: Unknown<'_>,
    arguments: &[Unknown<'_>; N],
) -> napi::Result<Unknown<'env>> {
    let mut result = ptr::null_mut();
    let arguments = arguments.map(|argument| argument.raw());
    let this = undefined(env)?.0;
    // SAFETY: function and arguments belong to this environment; the array outlives the call.
    let status = unsafe {
        let (count, arguments) = (arguments.len(), arguments.as_ptr());
        sys::napi_call_function(env.raw(), this, function.raw(), count, arguments, &raw mut result)
    };
    caught(env, status)?;
    // SAFETY: the engine has just given us this value.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), result) })
}

/// Reports an error as an uncaught exception of the process or the worker thread, which it ends unless there is a handler.
pub fn throw_uncaught(env: &Env, error: Unknown<'_>) -> napi::Result<()> {
    // SAFETY: the error belongs to this environment.
    checked(unsafe { sys::napi_fatal_exception(env.raw(), error.raw()) })
}

/// Turns a status into what was thrown, so that nothing stays pending behind our back. Node's status does not always
/// tell that something was.
fn caught(env: &Env, status: sys::napi_status) -> napi::Result<()> {
    if status == sys::Status::napi_ok {
        return Ok(());
    }
    let mut pending = false;
    // SAFETY: we are on the environment's thread.
    checked(unsafe { sys::napi_is_exception_pending(env.raw(), &raw mut pending) })?;
    if !pending {
        return checked(status);
    }
    let mut exception = ptr::null_mut();
    // SAFETY: an exception is pending, as just asked.
    checked(unsafe { sys::napi_get_and_clear_last_exception(env.raw(), &raw mut exception) })?;
    // SAFETY: the engine has just given us this value.
    let exception = unsafe { Unknown::from_raw_unchecked(env.raw(), exception) };
    Err(napi::Error::from_unknown_without_coercion(exception))
}

/// `JSON.parse`.
pub fn parse<'env>(env: &'env Env, text: &str) -> napi::Result<Unknown<'env>> {
    parse_string(env, string(env, text)?)
}

/// `JSON.parse` of a string that JavaScript has.
pub fn parse_string<'env>(env: &'env Env, text: Unknown<'_>) -> napi::Result<Unknown<'env>> {
    host::parse(env, text)
}

/// A value of Rust, as its JSON text for the engine: faster than setting each property.
pub fn from_serde<'env>(env: &'env Env, value: &impl Serialize) -> Result<Unknown<'env>, Fault> {
    let text = serde_json::to_string(value).map_err(Error::internal)?;
    Ok(parse(env, &text)?)
}

/// Values that are made while it is open must not be used afterwards.
pub struct Scope<'env> {
    env: &'env Env,
    scope: sys::napi_handle_scope,
}

impl<'env> Scope<'env> {
    /// Opens a scope.
    pub fn open(env: &'env Env) -> napi::Result<Self> {
        let mut scope = ptr::null_mut();
        // SAFETY: we are on the environment's thread.
        checked(unsafe { sys::napi_open_handle_scope(env.raw(), &raw mut scope) })?;
        Ok(Self { env, scope })
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        // SAFETY: it is the innermost open scope.
        let _ = unsafe { sys::napi_close_handle_scope(self.env.raw(), self.scope) };
    }
}

/// A string. Node copies ASCII several times as fast when it is told that nothing has to be decoded.
pub fn string<'env>(env: &'env Env, text: &str) -> napi::Result<Unknown<'env>> {
    if text.is_ascii() {
        return Ok(env.create_string_latin1(text.as_bytes())?.to_unknown());
    }
    Ok(env.create_string(text)?.to_unknown())
}

/// `JSON.stringify`; `None` where it gives `undefined`.
pub fn stringify(env: &Env, value: Unknown<'_>) -> napi::Result<Option<String>> {
    let text = host::stringify(env, value)?;
    if text.get_type()? == ValueType::Undefined { Ok(None) } else { text_of(text).map(Some) }
}

/// The text of a value that is a string. A lone surrogate becomes U+FFFD.
pub fn text_of(value: Unknown<'_>) -> napi::Result<String> {
    // Most strings are short, and to ask for the length first costs as much as to copy them.
    let mut short = [0_u8; 128];
    let mut length = 0;
    // SAFETY: the buffer is as long as we say. What is no string is refused.
    let status = unsafe {
        let start = short.as_mut_ptr().cast();
        sys::napi_get_value_string_utf8(value.value().env, value.raw(), start, short.len(), &raw mut length)
    };
    checked(status)?;
    // With room left for another character and the NUL it is all there was.
    if length + 4 < short.len()
        && let Ok(text) = std::str::from_utf8(&short[..length])
    {
        return Ok(text.to_owned());
    }
    // SAFETY: it is a string, as just seen.
    unsafe { String::from_napi_value(value.value().env, value.raw()) }
}

/// The value of a number; `None` for anything else.
pub fn number_of(value: Unknown<'_>) -> Option<f64> {
    let mut number = 0.0;
    // SAFETY: what is no number is refused.
    let status = unsafe { sys::napi_get_value_double(value.value().env, value.raw(), &raw mut number) };
    (status == sys::Status::napi_ok).then_some(number)
}

/// A property of an object, or what its getter throws.
pub fn property<'env>(env: &'env Env, object: Unknown<'_>, name: &CStr) -> napi::Result<Unknown<'env>> {
    let mut value = ptr::null_mut();
    // SAFETY: the object belongs to this environment, the name ends in NUL.
    let status =
        unsafe { sys::napi_get_named_property(env.raw(), object.raw(), name.as_ptr(), &raw mut value) };
    caught(env, status)?;
    // SAFETY: the engine has just given us this value.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), value) })
}

/// Length of an array.
pub fn array_length(env: &Env, array: Unknown<'_>) -> napi::Result<u32> {
    let mut length = 0;
    // SAFETY: the array belongs to this environment.
    checked(unsafe { sys::napi_get_array_length(env.raw(), array.raw(), &raw mut length) })?;
    Ok(length)
}

/// An element of an array.
pub fn element<'env>(env: &'env Env, array: Unknown<'_>, index: u32) -> napi::Result<Unknown<'env>> {
    let mut value = ptr::null_mut();
    // SAFETY: the array belongs to this environment.
    caught(env, unsafe { sys::napi_get_element(env.raw(), array.raw(), index, &raw mut value) })?;
    // SAFETY: the engine has just given us this value.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), value) })
}

/// The own enumerable properties of an object whose keys are strings, with their values, in their order.
pub fn properties<'env>(env: &'env Env, object: Unknown<'_>) -> napi::Result<Vec<(String, Unknown<'env>)>> {
    let mut names = ptr::null_mut();
    let mut length = 0;
    // SAFETY: the object belongs to this environment; the flags are those of Node-API.
    unsafe {
        let status = sys::napi_get_all_property_names(
            env.raw(),
            object.raw(),
            sys::KeyCollectionMode::own_only,
            sys::KeyFilter::enumerable | sys::KeyFilter::skip_symbols,
            sys::KeyConversion::numbers_to_strings,
            &raw mut names,
        );
        caught(env, status)?;
        checked(sys::napi_get_array_length(env.raw(), names, &raw mut length))?;
    }
    (0..length).map(|index| own_property(env, object, names, index)).collect()
}

fn own_property<'env>(
    env: &'env Env,
    object: Unknown<'_>,
    names: sys::napi_value,
    index: u32,
) -> napi::Result<(String, Unknown<'env>)> {
    let mut name = ptr::null_mut();
    let mut value = ptr::null_mut();
    // SAFETY: `names` is an array of strings that the engine has just made, `index` is inside it.
    unsafe {
        checked(sys::napi_get_element(env.raw(), names, index, &raw mut name))?;
        caught(env, sys::napi_get_property(env.raw(), object.raw(), name, &raw mut value))?;
        let name = text_of(Unknown::from_raw_unchecked(env.raw(), name))?;
        Ok((name, Unknown::from_raw_unchecked(env.raw(), value)))
    }
}

/// Sets a property.
pub fn set_property(
    env: &Env,
    object: Unknown<'_>,
    name: &str,
    value: impl for<'env> Into<Value>,
) -> napi::Result<()> {
    let name = env.create_string(name)?;
    // SAFETY: object, name and value belong to this environment.
    caught(env, unsafe { sys::napi_set_property(env.raw(), object.raw(), name.raw(), value.into().0) })
}

/// The bytes of a `Uint8Array`.
pub enum Bytes<'a> {
    /// In memory that only JavaScript's thread changes.
    Own(&'a [u8]),
    /// A copy of memory that other threads may change at any time.
    OfShared(Vec<u8>),
}

impl std::ops::Deref for Bytes<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::OfShared(bytes) => bytes,
        }
    }
}

/// The bytes of a `Uint8Array`, to be read before JavaScript runs again. `None` for any other value.
pub fn bytes_of<'a>(env: &'a Env, value: Unknown<'_>) -> napi::Result<Option<Bytes<'a>>> {
    let (mut kind, mut length, mut offset) = (0, 0, 0);
    let (mut data, mut buffer) = (ptr::null_mut(), ptr::null_mut());
    let mut is_shared = false;
    // SAFETY: the value belongs to this environment; the name ends in NUL; only a typed array is asked for more.
    unsafe {
        let mut is_typed_array = false;
        checked(sys::napi_is_typedarray(env.raw(), value.raw(), &raw mut is_typed_array))?;
        if !is_typed_array {
            return Ok(None);
        }
        let (value, kind, length) = (value.raw(), &raw mut kind, &raw mut length);
        let (data, buffer_at) = (&raw mut data, &raw mut buffer);
        checked(sys::napi_get_typedarray_info(
            env.raw(),
            value,
            kind,
            length,
            data,
            buffer_at,
            &raw mut offset,
        ))?;
        // Only shared buffers have it.
        let name = c"growable".as_ptr();
        caught(env, sys::napi_has_named_property(env.raw(), buffer, name, &raw mut is_shared))?;
    }
    if kind != sys::TypedarrayType::uint8_array {
        return Ok(None);
    }
    if length == 0 {
        return Ok(Some(Bytes::Own(&[])));
    }
    if is_shared {
        // SAFETY: the engine keeps these bytes while the call lasts, and atomics may be read while others write.
        let shared = unsafe { std::slice::from_raw_parts(data.cast::<AtomicU8>(), length) };
        return Ok(Some(Bytes::OfShared(shared.iter().map(|byte| byte.load(Ordering::Relaxed)).collect())));
    }
    // SAFETY: the engine keeps these bytes while the call lasts, and no JavaScript runs that could change them.
    Ok(Some(Bytes::Own(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) })))
}

/// A JavaScript value that Rust hands back as it is.
pub struct Value(pub sys::napi_value);

impl Value {
    /// The same value for calls of the engine.
    pub fn into_unknown(self, env: &Env) -> Unknown<'_> {
        // SAFETY: the engine has given us this value in the current call.
        unsafe { Unknown::from_raw_unchecked(env.raw(), self.0) }
    }
}

impl ToNapiValue for Value {
    unsafe fn to_napi_value(_env: sys::napi_env, value: Self) -> napi::Result<sys::napi_value> {
        Ok(value.0)
    }
}

impl<'env, T: JsValue<'env>> From<T> for Value {
    fn from(value: T) -> Self {
        Self(value.raw())
    }
}

/// `undefined`.
pub fn undefined(env: &Env) -> napi::Result<Value> {
    // SAFETY: we are on the environment's thread.
    unsafe { <() as ToNapiValue>::to_napi_value(env.raw(), ()) }.map(Value)
}

/// `null`.
pub fn null(env: &Env) -> napi::Result<Value> {
    // SAFETY: we are on the environment's thread.
    unsafe {
        <napi::bindgen_prelude::Null as ToNapiValue>::to_napi_value(env.raw(), napi::bindgen_prelude::Null)
    }
    .map(Value)
}

/// `true` or `false`.
pub fn boolean(env: &Env, value: bool) -> napi::Result<Value> {
    // SAFETY: we are on the environment's thread.
    unsafe { bool::to_napi_value(env.raw(), value) }.map(Value)
}
