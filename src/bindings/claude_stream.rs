//! `ClaudeStream` for JavaScript.

use std::cell::RefCell;

use napi::bindgen_prelude::{Either, JsObjectValue, Object, This, Uint8Array, Undefined, Unknown};
use napi::{Env, ValueType};
use napi_derive::napi;

use super::error::throwing;
use super::js::{self, Fault};
use super::{args, progress};
use crate::error::Error;
use crate::group::validate::GROUP_SESSION;
use crate::json;
use crate::stream::{ClaudeStream as Core, Exit};

/// Reads what `claude -p PROMPT --output-format stream-json --verbose` prints, and keeps the session's progress. One
/// stream is for one run; a session that is resumed gets a new one, made of the session as it was stored.
///
/// @example
/// const stream = new ClaudeStream(session)
/// const closed = once(claude, 'close') // of node:events
/// for await (const chunk of claude.stdout) if (stream.push(chunk)) show(stream.progress)
/// const [code, signal] = await closed
/// stream.end({ code, signal })
/// await repository.updateSession(group.id, session.id, stream.changes)
#[napi]
pub struct ClaudeStream {
    core: RefCell<Core>,
    /// The first half of a surrogate pair that a string chunk ended in.
    half: RefCell<Option<u16>>,
}

#[napi]
impl ClaudeStream {
    /// A reader for one run. Throws `INVALID_ARGUMENT`, whose `field` is the path of what is wrong.
    ///
    /// @param session The session as it is stored: what it has cost and used so far, and the `claudeSessionId` it is
    ///   resumed from.
    #[napi(constructor, ts_args_type = "session: GroupSession")]
    pub fn new(env: Env, this: This<'_>, session: Unknown<'_>) -> napi::Result<Self> {
        throwing(&env, || {
            args::constructed(&env, &this, "ClaudeStream", c"push")?;
            let session = json::typed(&args::checked(&env, "session", session, GROUP_SESSION)?)?;
            Ok(Self { core: RefCell::new(Core::new(session)), half: RefCell::default() })
        })
    }

    /// Takes the next piece of output, which may end anywhere. `true` when `progress` or `changes` are others than
    /// before. What is read never makes it throw; a chunk that is neither string nor bytes does: `INVALID_ARGUMENT`.
    ///
    /// @param chunk A string or UTF-8 bytes. A line longer than 64 MiB is dropped and counted.
    #[napi(enumerable = false, ts_args_type = "chunk: string | Uint8Array")]
    pub fn push(&self, env: Env, chunk: Unknown<'_>) -> napi::Result<bool> {
        throwing(&env, || {
            if chunk.get_type()? == ValueType::String {
                let text = self.whole_characters(chunk)?;
                return Ok(self.core.borrow_mut().push(text.as_bytes()));
            }
            // SAFETY: `from_napi_value` checks that it is a Uint8Array.
            let bytes = unsafe { chunk.cast::<Uint8Array>() };
            let bytes = bytes.map_err(|_| args::wrong(&env, "chunk", "a string or a Uint8Array", chunk))?;
            Ok(self.core.borrow_mut().push(&bytes))
        })
    }

    /// Takes the end of the output and how the process ended; after it nothing more is taken. The session has completed
    /// only if its last result was a success and the exit code is 0; else it has failed, and `error` says why. Throws
    /// `INVALID_ARGUMENT`.
    ///
    /// @param exit The exit code and the signal.
    #[napi(enumerable = false, ts_args_type = "exit?: ProcessExit")]
    pub fn end(&self, env: Env, exit: Unknown<'_>) -> napi::Result<()> {
        throwing(&env, || {
            let exit = exit_from_js(&env, exit)?;
            self.core.borrow_mut().end(&exit);
            Ok(())
        })
    }

    /// How far the session is.
    #[napi(getter, enumerable = false, ts_return_type = "SessionProgress")]
    pub fn progress<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        throwing(env, || {
            let progress = self.core.borrow().progress();
            Ok(progress::session_to_js(env, &progress)?)
        })
    }

    /// What the run has changed of its session, ready for `updateSession` of a repository: `status`,
    /// `claudeSessionId`, `startedAt`, `completedAt`, `cost`, `tokens`, as far as they are known.
    #[napi(getter, enumerable = false, ts_return_type = "SessionChanges")]
    pub fn changes<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        throwing(env, || {
            let changes = self.core.borrow().changes();
            let mut object = Object::new(env)?;
            progress::set_some(
                &mut object,
                c"status",
                changes.status.map(crate::group::SessionStatus::name),
            )?;
            progress::set_some(&mut object, c"claudeSessionId", changes.claude_session_id)?;
            progress::set_some(&mut object, c"startedAt", changes.started_at)?;
            match changes.completed_at {
                Some(Some(time)) => object.set_c_named_property(c"completedAt", time)?,
                // An earlier run had completed: `undefined` removes its time.
                Some(None) => object.set_c_named_property(c"completedAt", ())?,
                None => {}
            }
            progress::set_some(&mut object, c"cost", changes.cost)?;
            let tokens = changes.tokens.map(|tokens| progress::tokens_to_js(env, &tokens)).transpose()?;
            progress::set_some(&mut object, c"tokens", tokens)?;
            Ok(object)
        })
    }

    /// Why the session failed, for people; `undefined` unless it has.
    #[napi(getter, enumerable = false, ts_return_type = "string | undefined")]
    pub fn error(&self, env: Env) -> napi::Result<Either<String, Undefined>> {
        throwing(&env, || {
            Ok(self.core.borrow().error().map_or(Either::B(()), |error| Either::A(error.to_owned())))
        })
    }

    /// Lines that were no JSON object, of an unknown type, or too long.
    #[napi(getter, enumerable = false)]
    #[allow(clippy::cast_precision_loss, reason = "nobody reads 2^53 lines")]
    pub fn ignored_lines(&self, env: Env) -> napi::Result<f64> {
        throwing(&env, || Ok(self.core.borrow().ignored_lines() as f64))
    }
}

impl ClaudeStream {
    /// The text of a chunk. A character that the end of a chunk cuts in two waits for its other half.
    fn whole_characters(&self, chunk: Unknown<'_>) -> Result<String, Fault> {
        let text = js::text_of(chunk)?;
        let half = self.half.take();
        // Half a character alone comes as U+FFFD: only then it is worth looking at the single units.
        if half.is_none() && !text.ends_with('\u{FFFD}') {
            return Ok(text);
        }
        // SAFETY: it is a string, as the caller has checked.
        let units = unsafe { chunk.cast::<napi::JsString<'_>>() }?.into_utf16()?;
        let mut units: Vec<u16> = half.into_iter().chain(units.as_slice().iter().copied()).collect();
        // Some engines give the terminating zero along.
        if units.last() == Some(&0) && !text.ends_with('\0') {
            units.pop();
        }
        if let Some(last) = units.pop_if(|last| (0xD800..=0xDBFF).contains(last)) {
            self.half.replace(Some(last));
        }
        Ok(String::from_utf16_lossy(&units))
    }
}

fn exit_from_js(env: &Env, exit: Unknown<'_>) -> Result<Exit, Fault> {
    if exit.get_type()? == ValueType::Undefined {
        return Ok(Exit::default());
    }
    if exit.get_type()? != ValueType::Object {
        return Err(args::wrong(env, "exit", "an object with code and signal", exit));
    }
    let code = js::property(env, exit, c"code")?;
    let signal = js::property(env, exit, c"signal")?;
    let absent = |value: Unknown<'_>| matches!(value.get_type(), Ok(ValueType::Undefined | ValueType::Null));
    Ok(Exit {
        code: if absent(code) { None } else { Some(exit_code(args::number(env, "code", code)?)?) },
        signal: if absent(signal) { None } else { Some(args::text(env, "signal", signal)?) },
    })
}

fn exit_code(code: f64) -> Result<i64, Fault> {
    // Those of Windows have 32 bits without a sign.
    if code.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(u32::MAX)).contains(&code) {
        #[allow(clippy::cast_possible_truncation, reason = "whole and in range, as just checked")]
        return Ok(code as i64);
    }
    Err(Error::argument("code", format!("must be an exit code or null, but is {}", json::shown(code))).into())
}
