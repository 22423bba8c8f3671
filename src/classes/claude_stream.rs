//! `ClaudeStream` for JavaScript.

use std::cell::RefCell;

use napi::bindgen_prelude::{Either, Object, This, Undefined, Unknown};
use napi::{Env, ValueType};
use napi_derive::napi;

use crate::error::throwing;
use crate::host::now_ms;
use crate::js::{self, Fault};
use crate::{args, progress};
use session_groups::claude::{ClaudeStream as Core, Exit};
use session_groups::error::Error;
use session_groups::json;
use session_groups::model::GroupSession;
use session_groups::model::validate::GROUP_SESSION;

/// Reads what `claude -p PROMPT --output-format stream-json --verbose` prints and keeps the session's progress. A stream
/// is for one run. A session that is resumed gets a new one, made from the session as it is stored.
///
/// Cost and tokens are those of all runs of the session, and never decrease. The counter that Claude Code prints is not
/// the session's total: depending on version, kills, `/clear` and forks it starts from zero or from an earlier
/// counter. `changes.usageCounters` keeps what the next run's stream needs to tell these apart, so store all of
/// `changes`.
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
    /// Creates a reader for one run. Throws `INVALID_ARGUMENT`, whose `field` is the path of the invalid value.
    ///
    /// @param session The session as it is stored: what it has cost and used so far, and the `claudeSessionId` it is
    ///   resumed from.
    /// @param options Sessions that the run may have been forked from.
    #[napi(constructor, ts_args_type = "session: GroupSession, options?: ClaudeStreamOptions")]
    pub fn new(env: Env, this: This<'_>, session: Unknown<'_>, options: Unknown<'_>) -> napi::Result<Self> {
        throwing(&env, || {
            args::constructed(&env, &this, "ClaudeStream", c"push")?;
            let session = session_from_js(&env, "session", session)?;
            let relatives = relatives_from_js(&env, options)?;
            let core = Core::with_relatives(session, &relatives);
            Ok(Self { core: RefCell::new(core), half: RefCell::default() })
        })
    }

    /// Reads the next piece of output, which may end anywhere. Returns `true` if `progress` or `changes` changed. Takes
    /// time in proportion to the chunk. Nothing in the output makes it throw, but a chunk that is neither a string nor
    /// a `Uint8Array` does: `INVALID_ARGUMENT`.
    ///
    /// @param chunk A string or UTF-8 bytes. A line longer than 64 MiB is dropped and counted.
    #[napi(enumerable = false, ts_args_type = "chunk: string | Uint8Array")]
    pub fn push(&self, env: Env, chunk: Unknown<'_>) -> napi::Result<bool> {
        throwing(&env, || {
            let now_ms = now_ms(&env)?;
            if chunk.get_type()? == ValueType::String {
                let text = self.whole_characters(chunk)?;
                return Ok(self.core.borrow_mut().push_at(text.as_bytes(), now_ms));
            }
            let bytes = js::bytes_of(&env, chunk)?;
            let bytes = bytes.ok_or_else(|| args::wrong(&env, "chunk", "a string or a Uint8Array", chunk))?;
            Ok(self.core.borrow_mut().push_at(&bytes, now_ms))
        })
    }

    /// Ends the run; later calls of `push` do nothing. The session has completed if its last result was a success and no
    /// turn began after it: a signal or a non-zero exit code after that becomes its `warning`. Otherwise it has failed,
    /// and `error` says why. Throws `INVALID_ARGUMENT`.
    ///
    /// @param exit The exit code and the signal, as `child_process` reports them.
    #[napi(enumerable = false, ts_args_type = "exit?: ProcessExit")]
    pub fn end(&self, env: Env, exit: Unknown<'_>) -> napi::Result<()> {
        throwing(&env, || {
            let exit = exit_from_js(&env, exit)?;
            let now_ms = now_ms(&env)?;
            self.core.borrow_mut().end_at(&exit, now_ms);
            Ok(())
        })
    }

    /// The session's progress.
    #[napi(getter, enumerable = false, ts_return_type = "SessionProgress")]
    pub fn progress<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        throwing(env, || {
            let now_ms = now_ms(env)?;
            let progress = self.core.borrow().progress_at(now_ms);
            Ok(progress::session_to_js(env, &progress)?)
        })
    }

    /// The fields of the session that the run has changed so far, ready for `updateSession` of a repository: `status`,
    /// `claudeSessionId`, `startedAt`, `completedAt`, `cost`, `tokens`, `runMs`, `error`, `deniedTools` and
    /// `usageCounters`, as far as they are known. A field that is `undefined` is to be removed.
    #[napi(getter, enumerable = false, ts_return_type = "SessionChanges")]
    pub fn changes<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        throwing(env, || {
            let changes = self.core.borrow().changes();
            let object = js::parse(env, &changes.to_json())?;
            for name in changes.removed() {
                js::set_property(env, object, &name, js::undefined(env)?)?;
            }
            Ok(object)
        })
    }

    /// Reason why the session failed. `undefined` unless it has.
    #[napi(getter, enumerable = false, ts_return_type = "string | undefined")]
    pub fn error(&self, env: Env) -> napi::Result<Either<String, Undefined>> {
        throwing(&env, || Ok(or_undefined(self.core.borrow().error())))
    }

    /// What a person should know of a completed session: a signal or a non-zero exit code after its successful result,
    /// tools whose use was refused. `undefined` if there is nothing.
    #[napi(getter, enumerable = false, ts_return_type = "string | undefined")]
    pub fn warning(&self, env: Env) -> napi::Result<Either<String, Undefined>> {
        throwing(&env, || Ok(or_undefined(self.core.borrow().warning())))
    }

    /// Names of the tools whose use was refused in this run, each once. Allow them with `--allowedTools` or
    /// `--permission-mode`.
    #[napi(getter, enumerable = false, ts_return_type = "readonly string[]")]
    pub fn denied_tools(&self, env: Env) -> napi::Result<Vec<String>> {
        throwing(&env, || Ok(self.core.borrow().denied_tools().to_vec()))
    }

    /// Number of lines that are not JSON objects, of an unknown type, or too long.
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

fn or_undefined(text: Option<&str>) -> Either<String, Undefined> {
    text.map_or(Either::B(()), |text| Either::A(text.to_owned()))
}

fn session_from_js(env: &Env, name: &str, session: Unknown<'_>) -> Result<GroupSession, Fault> {
    Ok(json::typed(&args::checked(env, name, session, GROUP_SESSION)?)?)
}

/// The sessions of `{ relatives? }`.
fn relatives_from_js(env: &Env, options: Unknown<'_>) -> Result<Vec<GroupSession>, Fault> {
    let members = args::options(env, "options", &["relatives"], options)?;
    let Some((_, relatives)) = members.into_iter().next() else { return Ok(Vec::new()) };
    let length = args::array_length(env, "relatives", relatives)?;
    (0..length).map(|index| session_from_js(env, "relatives", js::element(env, relatives, index)?)).collect()
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
        signal: if absent(signal) { None } else { Some(args::text(env, "signal", signal)?) }
            .filter(|signal| !signal.is_empty()),
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
