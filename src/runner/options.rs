//! The options of a run, as JavaScript gives them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use session_groups::claude::environment::Environment;
use session_groups::error::Result;
use session_groups::model::SessionGroup;
use session_groups::model::number::{Count, Milliseconds, Positive, Usd};
use session_groups::model::run::ControlRequest;
use session_groups::repository::Document;
use session_groups::runner::plan::{Request, Retry, Spacing};
use session_groups::runner::process::ProcessOptions;
use session_groups::runner::{ChangedLimits, ControlOptions, RunHandle, RunnerOptions};

/// Number of sessions that start within the time of `startSpacingMs`.
const STARTS: usize = 4;

/// `RunOptions` of the typings. What only JavaScript reads is ignored here.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct GivenOptions {
    #[serde(deserialize_with = "some")]
    max_concurrent: Option<Positive>,
    #[serde(deserialize_with = "some")]
    respect_dependencies: Option<bool>,
    #[serde(deserialize_with = "some")]
    pause_on_error: Option<bool>,
    #[serde(deserialize_with = "some")]
    error_threshold: Option<Positive>,
    #[serde(rename = "resume")]
    _resume: serde::de::IgnoredAny,
    #[serde(rename = "signal")]
    _signal: serde::de::IgnoredAny,
    #[serde(deserialize_with = "some")]
    claude_path: Option<String>,
    #[serde(deserialize_with = "some")]
    work_dir: Option<String>,
    #[serde(deserialize_with = "some")]
    min_reservation_usd: Option<Usd>,
    assume_dead: Vec<String>,
    allow_env: Vec<String>,
    keep_processes: Vec<String>,
    #[serde(deserialize_with = "some")]
    only: Option<Vec<String>>,
    skip: Vec<String>,
    #[serde(deserialize_with = "some")]
    wait_for_limits: Option<bool>,
    #[serde(deserialize_with = "some")]
    start_spacing_ms: Option<Milliseconds>,
    #[serde(deserialize_with = "some")]
    background_grace_ms: Option<Milliseconds>,
    #[serde(deserialize_with = "some")]
    max_output_bytes: Option<Positive>,
    #[serde(deserialize_with = "some")]
    interrupt_grace_ms: Option<Milliseconds>,
    #[serde(deserialize_with = "some")]
    terminate_grace_ms: Option<Milliseconds>,
    #[serde(deserialize_with = "some")]
    exit_grace_ms: Option<Milliseconds>,
    #[serde(deserialize_with = "some")]
    seed: Option<Count>,
}

/// A field that is given: `null` is not a value.
fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The reason for a run: more than to run the group.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Task {
    /// The group's new budget.
    #[serde(deserialize_with = "some")]
    budget: Option<Usd>,
    /// Failed sessions to run again.
    #[serde(deserialize_with = "some")]
    retry: Option<GivenRetry>,
    /// Stop what an earlier run has left, and run nothing.
    #[serde(deserialize_with = "some")]
    pub stop: Option<GivenStop>,
    /// End the processes that an earlier run has left, and run nothing.
    pub end: bool,
    /// Run nothing, and return what a run would do.
    #[serde(deserialize_with = "some")]
    pub plan: Option<GivenPlan>,
    /// Run nothing, and ask the runner of the group for something, as `control` says.
    #[serde(deserialize_with = "some")]
    pub request: Option<ControlRequest>,
    pub control: GivenControl,
}

/// What to plan.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct GivenPlan {
    /// The group, in case that it is not stored.
    group: Option<Box<RawValue>>,
}

impl GivenPlan {
    /// The group, in case that it is not stored. Fails with `INVALID_GROUP`.
    pub fn unstored(&self) -> Result<Option<SessionGroup>> {
        let group = |text: &RawValue| Document::from_text(text.get().to_owned())?.group();
        self.group.as_deref().map(group).transpose()
    }
}

/// `ControlOptions` of the typings, without `workDir`, which is an option of the run.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct GivenControl {
    #[serde(deserialize_with = "some")]
    sessions: Option<Vec<String>>,
    drain: bool,
    now: bool,
    fresh: bool,
    #[serde(deserialize_with = "some")]
    budget: Option<Usd>,
    #[serde(deserialize_with = "some")]
    reason: Option<String>,
    #[serde(deserialize_with = "some")]
    by: Option<String>,
    #[serde(deserialize_with = "some")]
    wait_ms: Option<Milliseconds>,
}

impl GivenControl {
    /// The options for the core.
    pub fn options(&self) -> ControlOptions {
        let default = ControlOptions::default();
        ControlOptions {
            sessions: self.sessions.clone(),
            drain: self.drain,
            now: self.now,
            fresh: self.fresh,
            budget: self.budget,
            reason: self.reason.clone(),
            by: self.by.clone(),
            wait: match self.wait_ms.map(whole_ms) {
                Some(0) => None,
                Some(ms) => Some(Duration::from_millis(ms)),
                None => default.wait,
            },
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct GivenRetry {
    #[serde(deserialize_with = "some")]
    sessions: Option<Vec<String>>,
    fresh: bool,
}

/// The way to stop.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct GivenStop {
    /// Whether running sessions are terminated at once.
    pub now: bool,
}

/// What JavaScript knows of the process that the native environment may not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Surroundings {
    /// `process.env`: its changes reach the environment of the process neither in Bun nor in a worker thread.
    pub environment: BTreeMap<String, String>,
    /// `true` if times are those of a clock of JavaScript's own.
    pub has_clock: bool,
    /// `true` if processes are those of a manager of JavaScript's own.
    pub has_process_manager: bool,
    /// `true` if no method of the repository is written in JavaScript.
    pub is_native: bool,
}

/// A request to a run.
#[derive(Deserialize)]
#[serde(tag = "request", rename_all = "lowercase", deny_unknown_fields)]
pub enum Asked {
    Pause {
        #[serde(default)]
        drain: bool,
    },
    Stop {
        #[serde(default)]
        now: bool,
    },
    Retry(GivenRetry),
}

impl Asked {
    /// Passes it on. Fails with `INVALID_STATE` if the run has ended, and with `INVALID_ARGUMENT` for a session that the group
    /// does not have.
    pub fn send(&self, handle: &RunHandle) -> Result<()> {
        match self {
            Self::Pause { drain } => handle.pause(*drain),
            Self::Stop { now } => handle.stop(*now),
            Self::Retry(retry) => handle.retry(retry.sessions.as_deref(), retry.fresh),
        }
    }
}

impl GivenStop {
    /// The request to a run that only stops.
    pub fn request(&self) -> Request {
        Request {
            seq: 0,
            action: ControlRequest::Stop,
            sessions: None,
            drain: false,
            now: self.now,
            fresh: false,
        }
    }
}

/// The options of a run for the core.
pub fn read(given: GivenOptions, task: &Task, surroundings: &Surroundings) -> RunnerOptions {
    let default = RunnerOptions::default();
    let variables = surroundings.environment.iter().map(|(name, value)| (name.into(), value.into()));
    let ids = |ids: &Vec<String>| ids.iter().map(|id| id.as_str().into()).collect();
    let spacing = match given.start_spacing_ms.map(whole_ms) {
        None if surroundings.has_process_manager => None,
        None => default.spacing,
        Some(0) => None,
        Some(window_ms) => Some(Spacing { starts: STARTS, window_ms }),
    };
    RunnerOptions {
        limits: ChangedLimits {
            max_concurrent: given.max_concurrent,
            respect_dependencies: given.respect_dependencies,
            pause_on_error: given.pause_on_error,
            error_threshold: given.error_threshold,
            max_budget_usd: task.budget,
            ..ChangedLimits::default()
        },
        only: given.only,
        skip: given.skip,
        retry: task
            .retry
            .as_ref()
            .map(|retry| Retry { sessions: retry.sessions.as_ref().map(ids), fresh: retry.fresh }),
        assume_dead: given.assume_dead,
        wait_for_limits: given.wait_for_limits.unwrap_or(default.wait_for_limits),
        min_reservation: given.min_reservation_usd.unwrap_or(default.min_reservation),
        spacing,
        max_crashes: if surroundings.has_process_manager { 0 } else { default.max_crashes },
        seed: given.seed.map(Count::get),
        claude_path: given.claude_path.map(PathBuf::from),
        work_dir: given.work_dir.map(PathBuf::from),
        allow_env: given.allow_env,
        environment: Environment::inherit(variables),
        process: ProcessOptions {
            interrupt_grace: duration(given.interrupt_grace_ms, default.process.interrupt_grace),
            terminate_grace: duration(given.terminate_grace_ms, default.process.terminate_grace),
            exit_grace: duration(given.exit_grace_ms, default.process.exit_grace),
            background_grace: duration(given.background_grace_ms, default.process.background_grace),
            max_output_bytes: given.max_output_bytes.map_or(default.process.max_output_bytes, Positive::get),
            keep_processes: given.keep_processes,
            ..default.process
        },
        ..default
    }
}

fn duration(given: Option<Milliseconds>, default: Duration) -> Duration {
    given.map_or(default, |time| Duration::from_millis(whole_ms(time)))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
fn whole_ms(time: Milliseconds) -> u64 {
    time.get().round() as u64
}
