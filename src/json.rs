//! JSON text that the engine parses.

use std::borrow::Cow;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use napi::bindgen_prelude::Unknown;
use napi::{Env, JsValue, sys};

use crate::host;
use crate::js;
use session_groups::repository::Document;

/// JSON text.
pub enum Json<'a> {
    /// Is copied for the engine.
    Copied(Cow<'a, str>),
    /// The text of a group, all ASCII, that the engine reads where it is.
    Shared(&'a Document),
}

impl<'a> Json<'a> {
    /// The text of a group.
    pub fn of_group(group: &'a Document) -> Self {
        /// Length of text, in bytes, from which on sharing it takes less time than copying it.
        const LONG: usize = 2_048;
        let text = group.text();
        let has_room = || SHARED_BYTES.load(Ordering::Relaxed) + text.len() <= MAX_SHARED_BYTES;
        let is_shared = text.len() >= LONG && group.is_ascii() && has_room();
        if is_shared { Self::Shared(group) } else { Self::Copied(text.into()) }
    }
}

type CreateString = unsafe extern "C" fn(
    sys::napi_env,
    *const c_char,
    isize,
    sys::napi_finalize,
    *mut c_void,
    *mut sys::napi_value,
    *mut bool,
) -> sys::napi_status;

/// `node_api_create_external_string_latin1`, which versions of Bun before 1.2.5 do not have. What napi calls in its place
/// does nothing and reports success.
static CREATE_STRING: LazyLock<Option<CreateString>> = LazyLock::new(|| {
    #[cfg(unix)]
    let host = libloading::os::unix::Library::this();
    #[cfg(windows)]
    let host = libloading::os::windows::Library::this().ok()?;
    // SAFETY: this is the function's signature, and the process that has loaded the addon keeps it.
    unsafe { host.get::<CreateString>(b"node_api_create_external_string_latin1\0") }.ok().map(|found| *found)
});

/// `JSON.parse`.
pub fn parse<'env>(env: &'env Env, json: &Json<'_>) -> napi::Result<Unknown<'env>> {
    match json {
        Json::Copied(text) => js::parse(env, text),
        Json::Shared(group) => js::parse_string(env, shared_string(env, group)?),
    }
}

/// An array of the results of `JSON.parse`.
pub fn parse_all<'env, 'a>(
    env: &'env Env,
    texts: impl Iterator<Item = napi::Result<Json<'a>>>,
) -> napi::Result<Unknown<'env>> {
    let mut values = Values::new(env)?;
    for text in texts {
        match text? {
            Json::Copied(text) => values.push_text(&text)?,
            shared @ Json::Shared(_) => values.push(&shared)?,
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

    /// Appends the value of a text by itself.
    fn push(&mut self, json: &Json<'_>) -> napi::Result<()> {
        self.parse_chunk()?;
        // Lets the engine free the text before the next one is parsed.
        let _scope = js::Scope::open(self.env)?;
        self.append(parse(self.env, json)?)
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

/// Maximum memory for texts that engines read where they are, in bytes. They keep a text until they collect garbage, which
/// such texts do not make them do: they are not counted as the engine's memory.
const MAX_SHARED_BYTES: usize = 32 << 20;

/// Memory that these texts take in all environments.
static SHARED_BYTES: AtomicUsize = AtomicUsize::new(0);

/// A group whose text an engine reads.
struct Shared(Document);

impl Shared {
    fn new(group: Document) -> Self {
        SHARED_BYTES.fetch_add(group.text().len(), Ordering::Relaxed);
        Self(group)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        SHARED_BYTES.fetch_sub(self.0.text().len(), Ordering::Relaxed);
    }
}

/// A string of a group's text, all ASCII, which the engine reads where it is. It drops the group when it needs it no longer,
/// after the end of an environment on any thread.
fn shared_string<'env>(env: &'env Env, group: &Document) -> napi::Result<Unknown<'env>> {
    extern "C" fn release(_: sys::napi_env, _: *mut c_void, shared: *mut c_void) {
        // SAFETY: the engine passes on what it was given below, once.
        drop(unsafe { Box::from_raw(shared.cast::<Shared>()) });
    }
    debug_assert!(group.is_ascii());
    let create = if host::shares_text(env)? { *CREATE_STRING } else { None };
    let Some(create) = create else { return js::string(env, group.text()) };
    let (start, length) = (group.text().as_ptr().cast(), group.text().len().cast_signed());
    let shared = Box::into_raw(Box::new(Shared::new(group.clone())));
    let (mut value, mut is_copied) = (ptr::null_mut(), false);
    // SAFETY: the text stays where it is as long as any clone of the document.
    let status = unsafe {
        let (value, is_copied) = (&raw mut value, &raw mut is_copied);
        let (env, hint, release) = (env.raw(), shared.cast(), Some(release as _));
        create(env, start, length, release, hint, value, is_copied)
    };
    if status != sys::Status::napi_ok {
        // SAFETY: the engine has refused the call, and will not drop it.
        drop(unsafe { Box::from_raw(shared) });
        return js::string(env, group.text());
    }
    // SAFETY: the engine has just given us this value.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), value) })
}
