//! One run of a group, for `GroupRunner` in run.js.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;
use serde_json::{Value, json};

use crate::args;
use crate::bridge::Bridge;
use crate::error::throwing;
use crate::js;
use crate::runner::options::{self, Asked, Surroundings, Task};
use crate::runner::processes::{ManagedProcessCalls, ManagedProcesses};
use crate::runner::store::OwnStoreCalls;
use crate::runner::{self, Store, Work};
use session_groups::error::{Error, ErrorKind, Result};
use session_groups::runner::RunHandle;

/// Maximum time for which the end of an environment waits for the thread of a run. It takes some milliseconds, unless the disk is
/// slow.
const MAX_END: Duration = Duration::from_secs(1);

/// A run of a group on a thread of its own, and what JavaScript tells that thread.
///
/// @internal
#[napi]
pub struct GroupRun {
    bridge: Bridge,
    /// Controls the run, if the task is one.
    handle: Option<RunHandle>,
    /// The task only stops what an earlier run has left, so that it cannot run sessions again.
    is_stop: bool,
    /// What begins with `start`.
    work: RefCell<Option<Work>>,
    store: Option<OwnStoreCalls>,
    processes: ManagedProcessCalls,
    end: Arc<Mutex<Option<Result<Value>>>>,
}

#[napi]
impl GroupRun {
    /// Prepares a task on a group. `options` are those of a run, and `surroundings` is what only JavaScript knows. `beside` is
    /// an `InMemoryGroupRepository` for the events of a repository that keeps none.
    #[napi(constructor, skip_typescript)]
    pub fn new(
        env: Env,
        repository: Unknown<'_>,
        id: Unknown<'_>,
        options: Unknown<'_>,
        task: Unknown<'_>,
        surroundings: Unknown<'_>,
        beside: Unknown<'_>,
    ) -> napi::Result<Self> {
        throwing(&env, || {
            let text = args::text(&env, "group", id)?;
            let id = args::group_id(&env, "group", id)?.ok_or_else(|| Error::group_not_found(&text))?;
            let task: Task = args::read_parts(&env, "task", task)?;
            let surroundings: Surroundings = args::read(&env, "surroundings", surroundings)?;
            let mut run_options = options::read(args::read(&env, "options", options)?, &task, &surroundings);
            let bridge = Bridge::default();
            if surroundings.has_clock {
                run_options.clock = runner::clock(bridge.clone());
            }
            let store = Store::of(&env, repository, id, &bridge, (surroundings.is_native, beside));
            let processes = ManagedProcesses::new(bridge.clone());
            let (store_calls, process_calls) = (store.calls(), processes.calls());
            let processes = surroundings.has_process_manager.then_some(processes);
            let work = Work::new(task, store, run_options, processes);
            Ok(Self {
                handle: work.handle(),
                is_stop: matches!(work, Work::Stop(..)),
                work: RefCell::new(Some(work)),
                store: store_calls,
                processes: process_calls,
                bridge,
                end: Arc::default(),
            })
        })
    }

    /// Begins the run. `wake` is called when there are messages to take. The last one is of the kind `end`.
    #[napi(enumerable = false, skip_typescript)]
    pub fn start(&self, env: Env, wake: Unknown<'_>) -> napi::Result<()> {
        throwing(&env, || {
            let Some(work) = self.work.take() else { return Ok(()) };
            let handle = self.handle.clone();
            let (is_running, over) = sync_channel::<()>(0);
            let ended = move || {
                handle.iter().for_each(RunHandle::detach);
                // Until the thread has released the group, so that who knows of the end of this environment can run it.
                let _ = over.recv_timeout(MAX_END);
            };
            self.bridge.open(&env, wake, ended)?;
            let (bridge, end) = (self.bridge.clone(), Arc::clone(&self.end));
            let carry_out = move || {
                // Dropped at the end.
                let _is_running = is_running;
                let outcome = AssertUnwindSafe(|| work.carry_out(&bridge));
                let ended =
                    catch_unwind(outcome).unwrap_or_else(|_| Err(Error::internal("the run panicked")));
                *end.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
                bridge.send(&json!({ "kind": "end" }));
            };
            let thread = thread::Builder::new().name("session-groups run".to_owned());
            let started = thread.spawn(carry_out);
            started.map(drop).map_err(|error| {
                // Otherwise it would keep the program alive.
                self.bridge.close();
                Error::internal(format!("a thread cannot be started: {error}")).into()
            })
        })
    }

    /// Returns the messages since the last call.
    #[napi(enumerable = false, skip_typescript)]
    pub fn take<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        throwing(env, || Ok(js::parse(env, &self.bridge.take())?))
    }

    /// Returns the outcome after the message `end`, or throws the error of the run.
    #[napi(enumerable = false, skip_typescript)]
    pub fn outcome<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        throwing(env, || {
            let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).take();
            js::from_serde(env, &end.unwrap_or_else(|| Err(Error::internal("the run has no outcome")))?)
        })
    }

    /// Asks the run for something: `{ request: 'pause', drain? }`, `{ request: 'stop', now? }`, or
    /// `{ request: 'retry', sessions?, fresh? }`. Returns `false` if it can no longer do that, since it has just ended.
    #[napi(enumerable = false, skip_typescript)]
    pub fn request(&self, env: Env, request: Unknown<'_>) -> napi::Result<bool> {
        throwing(&env, || {
            let asked: Asked = args::read(&env, "request", request)?;
            let is_refused = self.is_stop && matches!(asked, Asked::Retry(_));
            let Some(handle) = self.handle.as_ref().filter(|_| !is_refused) else { return Ok(false) };
            match asked.send(handle) {
                Err(error) if error.is(ErrorKind::InvalidState) => Ok(false),
                sent => Ok(sent.map(|()| true)?),
            }
        })
    }

    /// Returns the progress of the group, or `null` before the run has read it.
    #[napi(enumerable = false, skip_typescript)]
    pub fn progress<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        throwing(env, || js::from_serde(env, &self.handle.as_ref().and_then(RunHandle::progress)))
    }

    /// Answers a question.
    #[napi(enumerable = false, skip_typescript)]
    pub fn answer(&self, env: Env, question: u32, answer: String) -> napi::Result<()> {
        throwing(&env, || {
            self.bridge.answer(question, Ok(answer));
            Ok(())
        })
    }

    /// Answers a question by the message of an error.
    #[napi(enumerable = false, skip_typescript)]
    pub fn fail(&self, env: Env, question: u32, message: String) -> napi::Result<()> {
        throwing(&env, || {
            self.bridge.answer(question, Err(Error::of_caller(message)));
            Ok(())
        })
    }

    /// Returns what a commit makes of a stored group, as JSON.
    #[napi(enumerable = false, skip_typescript)]
    pub fn change(&self, env: Env, commit: u32, group: String) -> napi::Result<String> {
        throwing(&env, || {
            let store =
                self.store.as_ref().ok_or_else(|| Error::internal("not a store of JavaScript's own"))?;
            Ok(store.change(commit, group)?.text().to_owned())
        })
    }

    /// Reports that the group may have changed.
    #[napi(enumerable = false, skip_typescript)]
    pub fn changed(&self, env: Env) -> napi::Result<()> {
        throwing(&env, || {
            if let Some(store) = &self.store {
                store.changed();
            }
            Ok(())
        })
    }

    /// Reports a line that a process printed.
    #[napi(enumerable = false, skip_typescript)]
    pub fn output(&self, env: Env, process: u32, line: String) -> napi::Result<()> {
        throwing(&env, || {
            self.processes.output(process, line);
            Ok(())
        })
    }

    /// Reports a line of the error output of a process.
    #[napi(enumerable = false, skip_typescript)]
    pub fn errors(&self, env: Env, process: u32, line: String) -> napi::Result<()> {
        throwing(&env, || {
            self.processes.errors(process, line);
            Ok(())
        })
    }

    /// Reports the end of a process: its exit code, or `null` if a signal ended it.
    #[napi(enumerable = false, skip_typescript)]
    pub fn exited(&self, env: Env, process: u32, code: Option<i32>) -> napi::Result<()> {
        throwing(&env, || {
            self.processes.exited(process, code.map(i64::from));
            Ok(())
        })
    }

    /// Ends the conversation, after the last message.
    #[napi(enumerable = false, skip_typescript)]
    pub fn close(&self, env: Env) -> napi::Result<()> {
        throwing(&env, || {
            self.bridge.close();
            Ok(())
        })
    }
}
