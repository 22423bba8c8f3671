//! JSON text that the engine parses.

use std::borrow::Cow;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use napi::bindgen_prelude::Unknown;
use napi::{Env, JsValue, sys};

use crate::js;

/// JSON text.
pub enum Json<'a, T> {
    /// Is copied for the engine.
    Copied(Cow<'a, str>),
    /// ASCII that the engine reads where it is. For long texts, that is faster.
    Shared(T),
}

/// `JSON.parse`.
pub fn parse<'env, T: AsRef<str> + Send + 'static>(
    env: &'env Env,
    json: Json<'_, T>,
) -> napi::Result<Unknown<'env>> {
    match json {
        Json::Copied(text) => js::parse(env, &text),
        Json::Shared(text) => js::parse_string(env, shared_string(env, text)?),
    }
}

/// An array of the results of `JSON.parse`.
pub fn parse_all<'env, 'a, T: AsRef<str> + Send + 'static>(
    env: &'env Env,
    texts: impl Iterator<Item = napi::Result<Json<'a, T>>>,
) -> napi::Result<Unknown<'env>> {
    let mut values = Values::new(env)?;
    for text in texts {
        match text? {
            Json::Copied(text) => values.push_text(&text)?,
            Json::Shared(text) => values.push(|env| js::parse_string(env, shared_string(env, text)?))?,
        }
    }
    values.finish()
}

/// Parsed values.
struct Values<'env> {
    env: &'env Env,
    array: Unknown<'env>,
    length: u32,
    /// Text of further elements, without the end of their array.
    chunk: String,
}

impl<'env> Values<'env> {
    fn new(env: &'env Env) -> napi::Result<Self> {
        // Of the realm of index.js, which need not be that of the addon.
        Ok(Self { env, array: js::parse(env, "[]")?, length: 0, chunk: String::new() })
    }

    /// Appends the value of a text.
    fn push_text(&mut self, text: &str) -> napi::Result<()> {
        /// Length of text, in bytes, from which on it is parsed. Few long texts are faster than many short ones, and one
        /// of everything would need twice the memory, or be longer than the engine's longest string.
        const CHUNK: usize = 1 << 18;
        self.chunk.push(if self.chunk.is_empty() { '[' } else { ',' });
        self.chunk.push_str(text);
        if self.chunk.len() >= CHUNK { self.parse_chunk() } else { Ok(()) }
    }

    /// Appends a value.
    fn push(&mut self, value: impl FnOnce(&'env Env) -> napi::Result<Unknown<'env>>) -> napi::Result<()> {
        self.parse_chunk()?;
        // Lets the engine free the text before the next one is parsed.
        let _scope = js::Scope::open(self.env)?;
        self.append(value(self.env)?)
    }

    fn parse_chunk(&mut self) -> napi::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.chunk.push(']');
        let _scope = js::Scope::open(self.env)?;
        let more = js::parse(self.env, &self.chunk)?;
        self.chunk.clear();
        for index in 0..js::array_length(self.env, more)? {
            self.append(js::element(self.env, more, index)?)?;
        }
        Ok(())
    }

    fn append(&mut self, value: Unknown<'_>) -> napi::Result<()> {
        let (env, array) = (self.env.raw(), self.array.raw());
        // SAFETY: array and value belong to this environment.
        js::checked(unsafe { sys::napi_set_element(env, array, self.length, value.raw()) })?;
        self.length += 1;
        Ok(())
    }

    fn finish(mut self) -> napi::Result<Unknown<'env>> {
        self.parse_chunk()?;
        Ok(self.array)
    }
}

/// Texts that the engine reads where they are take up to this much memory, in bytes, until it collects them as garbage. It does
/// not count them as memory of its own, so nothing would make it collect more of them.
const MAX_SHARED_BYTES: usize = 32 << 20;

/// Memory that these texts take in all environments.
static SHARED_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Returns `true` if there is room for another text.
pub fn can_share() -> bool {
    SHARED_BYTES.load(Ordering::Relaxed) < MAX_SHARED_BYTES
}

/// A text that an engine reads.
struct Owner<T: AsRef<str>>(T);

impl<T: AsRef<str>> Owner<T> {
    fn new(text: T) -> Self {
        SHARED_BYTES.fetch_add(text.as_ref().len(), Ordering::Relaxed);
        Self(text)
    }
}

impl<T: AsRef<str>> Drop for Owner<T> {
    fn drop(&mut self) {
        SHARED_BYTES.fetch_sub(self.0.as_ref().len(), Ordering::Relaxed);
    }
}

/// A string of a text in ASCII, which the engine reads where it is. It drops the text when it needs it no longer, after the end
/// of an environment on any thread.
fn shared_string<T: AsRef<str> + Send + 'static>(env: &Env, text: T) -> napi::Result<Unknown<'_>> {
    extern "C" fn release<T: AsRef<str>>(_: sys::node_api_basic_env, _: *mut c_void, owner: *mut c_void) {
        // SAFETY: the engine passes on what it was given below, once.
        drop(unsafe { Box::from_raw(owner.cast::<Owner<T>>()) });
    }
    let owner = Box::into_raw(Box::new(Owner::new(text)));
    // SAFETY: nobody else has it yet.
    let text = unsafe { &*owner }.0.as_ref();
    debug_assert!(text.is_ascii());
    let (start, length) = (text.as_ptr().cast(), text.len().cast_signed());
    let (mut value, mut is_copied) = (ptr::null_mut(), false);
    let (release, owner_pointer) = (Some(release::<T> as _), owner.cast());
    // SAFETY: the text stays where it is until its owner is dropped.
    let status = unsafe {
        let (value, is_copied) = (&raw mut value, &raw mut is_copied);
        sys::node_api_create_external_string_latin1(
            env.raw(),
            start,
            length,
            release,
            owner_pointer,
            value,
            is_copied,
        )
    };
    if status != sys::Status::napi_ok {
        // SAFETY: the engine has refused the call, and will not drop it.
        let owner = unsafe { Box::from_raw(owner) };
        return js::string(env, owner.0.as_ref());
    }
    // SAFETY: the engine has just given us this value.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), value) })
}
