//! Running a group for JavaScript: on a thread of its own, from any repository, with processes of Claude Code or those of a
//! process manager.

pub mod options;
pub mod processes;
pub mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use napi::bindgen_prelude::{ClassInstance, FromNapiValue, Unknown};
use napi::{Env, JsValue};
use serde::Serialize;
use serde_json::{Value, json};

use crate::bridge::Bridge;
use crate::classes::{FileGroupRepository, InMemoryGroupRepository};
use crate::runner::options::{GivenControl, GivenPlan, GivenStop, Task};
use crate::runner::processes::ManagedProcesses;
use crate::runner::store::{OwnFeed, OwnStore, OwnStoreCalls};
use session_groups::claude::ClaudeVersion;
use session_groups::error::{Error, Result};
use session_groups::feed::Event;
use session_groups::model::run::ControlRequest;
use session_groups::model::{GroupId, time};
use session_groups::runner::{
    Clock, Controlled, FileRunStore, MemoryRunStore, RunEnd, RunHandle, RunNotice, Runner, RunnerOptions,
    control,
};

/// The version whose options a process manager takes: one that has all options which the runner uses.
const MANAGED_VERSION: ClaudeVersion = ClaudeVersion::new(2, 1, 332);

/// The repository of ours that an object of JavaScript is, be it of a class that extends it.
enum Extended {
    File(session_groups::repository::FileGroupRepository),
    Memory(session_groups::repository::InMemoryGroupRepository),
}

impl Extended {
    fn of(env: &Env, object: Unknown<'_>) -> Option<Self> {
        // SAFETY: an object of another class is refused.
        let (file, memory) = unsafe {
            let (env, value) = (env.raw(), object.raw());
            let file = ClassInstance::<'_, FileGroupRepository>::from_napi_value(env, value);
            (file, ClassInstance::<'_, InMemoryGroupRepository>::from_napi_value(env, value))
        };
        let file = file.ok().map(|file| Self::File(file.core().clone()));
        file.or_else(|| memory.ok().map(|memory| Self::Memory(memory.core().clone())))
    }
}

/// The store of a group in any repository.
pub enum Store {
    File(FileRunStore),
    Memory(MemoryRunStore),
    Own(OwnStore),
}

impl Store {
    /// The store of a group in a repository of JavaScript. Unless it `is_native`, it has methods of JavaScript's own and answers
    /// questions through a bridge. Its events are kept by the class of ours that it extends, or else by the repository `beside` it.
    pub fn of(
        env: &Env,
        repository: Unknown<'_>,
        id: GroupId,
        bridge: &Bridge,
        (is_native, beside): (bool, Unknown<'_>),
    ) -> Self {
        let feed = match Extended::of(env, repository) {
            Some(Extended::File(core)) if is_native => return Self::File(FileRunStore::new(core, id)),
            Some(Extended::Memory(core)) if is_native => return Self::Memory(MemoryRunStore::new(core, id)),
            Some(Extended::File(core)) => OwnFeed::Files(core),
            Some(Extended::Memory(core)) => OwnFeed::Memory(core),
            None => OwnFeed::Beside(match Extended::of(env, beside) {
                Some(Extended::Memory(core)) => core,
                // An object that only looks like one of ours. Nobody asks for its events.
                _ => session_groups::repository::InMemoryGroupRepository::new(),
            }),
        };
        Self::Own(OwnStore::new(bridge.clone(), id, feed))
    }

    /// Returns what JavaScript calls of a store of its own.
    pub fn calls(&self) -> Option<OwnStoreCalls> {
        match self {
            Self::Own(store) => Some(store.calls()),
            Self::File(_) | Self::Memory(_) => None,
        }
    }

    /// Carries a request to the runner of the group out. Returns whether the runner has acted, or `null` if there is none and
    /// the request needs one.
    fn control(self, request: ControlRequest, given: &GivenControl, run: &RunnerOptions) -> Result<Value> {
        let options = given.options();
        let controlled = match self {
            Self::File(store) => control(&store, request, &options, run),
            Self::Memory(store) => control(&store, request, &options, run),
            Self::Own(store) => control(&store, request, &options, run),
        };
        Ok(match controlled? {
            Controlled::Requested { seen, .. } => seen.into(),
            Controlled::Settled(_) => true.into(),
            Controlled::NeedsRunner => Value::Null,
        })
    }

    /// A runner of the group.
    pub fn runner(self, options: RunnerOptions) -> Runner {
        match self {
            Self::File(store) => Runner::new(store, options),
            Self::Memory(store) => Runner::new(store, options),
            Self::Own(store) => Runner::new(store, options),
        }
    }
}

/// The clock of JavaScript's own. It is asked by other threads; on JavaScript's, which cannot wait for itself, its last answer
/// counts.
pub fn clock(bridge: Bridge) -> Clock {
    let javascript = thread::current().id();
    let newest = AtomicU64::new(time::now_ms().to_bits());
    Arc::new(move || {
        if thread::current().id() != javascript
            && let Ok(answer) = bridge.ask_and_wait("now", &json!({}))
            && let Ok(now) = answer.parse::<f64>()
            && now.is_finite()
        {
            newest.store(now.to_bits(), Ordering::Relaxed);
        }
        f64::from_bits(newest.load(Ordering::Relaxed))
    })
}

/// Sends what happens during a run to JavaScript.
pub fn notify(bridge: &Bridge, notice: RunNotice<'_>) {
    #[derive(Serialize)]
    #[serde(tag = "kind", rename_all = "lowercase")]
    enum Message<'a> {
        Event { event: &'a Event },
        Warning { text: &'a str },
    }
    bridge.send(&match notice {
        RunNotice::Event { event, .. } => Message::Event { event },
        RunNotice::Warning(text) => Message::Warning { text },
    });
}

/// A task, ready to be carried out on another thread.
pub enum Work {
    /// Run the group, with the processes of a manager if there is one.
    Run(Runner, Option<ManagedProcesses>),
    /// Run nothing, and stop what an earlier run has left.
    Stop(Runner, GivenStop),
    /// Run nothing, and end the processes that an earlier run has left.
    End(Runner),
    /// Run nothing, and return what a run would do.
    Plan { runner: Runner, plan: GivenPlan, is_managed: bool },
    /// Run nothing, and ask the runner of the group for something.
    Control(Store, ControlRequest, GivenControl, RunnerOptions),
}

impl Work {
    /// Prepares a task.
    pub fn new(
        task: Task,
        store: Store,
        options: RunnerOptions,
        processes: Option<ManagedProcesses>,
    ) -> Self {
        if let Some(request) = task.request {
            return Self::Control(store, request, task.control, options);
        }
        let runner = store.runner(options);
        if task.end {
            return Self::End(runner);
        }
        if let Some(plan) = task.plan {
            return Self::Plan { runner, plan, is_managed: processes.is_some() };
        }
        runner.begin();
        match task.stop {
            Some(stop) => Self::Stop(runner, stop),
            None => Self::Run(runner, processes),
        }
    }

    /// Returns what controls the run, if there is one.
    pub fn handle(&self) -> Option<RunHandle> {
        match self {
            Self::Run(runner, _) | Self::Stop(runner, _) => Some(runner.handle()),
            Self::End(_) | Self::Plan { .. } | Self::Control(..) => None,
        }
    }

    /// Carries the task out on this thread. Returns its outcome for JavaScript.
    pub fn carry_out(self, bridge: &Bridge) -> Result<Value> {
        let notice = |notice: RunNotice<'_>| notify(bridge, notice);
        match self {
            Self::Run(runner, Some(mut processes)) => {
                runner.run_with(&mut processes, MANAGED_VERSION, notice).map(outcome)
            }
            Self::Run(runner, None) => runner.run(notice).map(outcome),
            Self::Stop(runner, stop) => runner.settle(stop.request(), notice).map(outcome),
            Self::End(runner) => runner.end_processes().map(|()| Value::Null),
            Self::Plan { runner, plan, is_managed } => {
                let unstored = plan.unstored()?;
                let plan = if is_managed {
                    runner.plan_with(MANAGED_VERSION, unstored)?
                } else {
                    runner.plan(unstored)?
                };
                serde_json::to_value(plan).map_err(Error::internal)
            }
            Self::Control(store, request, control, options) => store.control(request, &control, &options),
        }
    }
}

fn outcome(RunEnd { status, cause }: RunEnd) -> Value {
    json!({ "status": status, "cause": cause })
}
