//! `ProgressAggregator` for JavaScript.

use std::cell::RefCell;

use napi::Env;
use napi::bindgen_prelude::{Either, Object, This, Undefined, Unknown};
use napi_derive::napi;

use crate::error::throwing;
use crate::host::now_ms;
use crate::{args, progress};
use session_groups::progress::ProgressAggregator as Core;

/// Keeps the progress of the sessions of a group and sums it up. Money is summed exactly: ten sessions at 0.1 are 1.
#[napi]
pub struct ProgressAggregator {
    core: RefCell<Core>,
}

#[napi]
impl ProgressAggregator {
    /// An aggregator that tracks no session yet. Throws `INVALID_ARGUMENT`.
    ///
    /// @param groupStartTime When the group started, in Unix milliseconds; what `elapsedTime` counts from.
    #[napi(constructor, ts_args_type = "groupStartTime?: number")]
    pub fn new(env: Env, this: This<'_>, group_start_time: Unknown<'_>) -> napi::Result<Self> {
        throwing(&env, || {
            args::constructed(&env, &this, "ProgressAggregator", c"summary")?;
            let start = args::optional_number(&env, "groupStartTime", group_start_time)?;
            Ok(Self { core: RefCell::new(Core::new(start)) })
        })
    }

    /// Tracks a session, or replaces what was known of it. Throws `INVALID_ARGUMENT`, whose `field` is the path of
    /// what is wrong.
    ///
    /// @param progress How far the session is.
    #[napi(enumerable = false, ts_args_type = "progress: SessionProgress")]
    pub fn update_session(&self, env: Env, progress: Unknown<'_>) -> napi::Result<()> {
        throwing(&env, || {
            let progress = progress::session_from_js(&env, progress)?;
            let now_ms = now_ms(&env)?;
            self.core.borrow_mut().update_session(progress, now_ms);
            Ok(())
        })
    }

    /// Stops tracking a session. Does nothing if it was not tracked.
    ///
    /// @param id The session's id.
    #[napi(enumerable = false, ts_args_type = "id: string")]
    pub fn remove_session(&self, env: Env, id: Unknown<'_>) -> napi::Result<()> {
        throwing(&env, || {
            let id = args::text(&env, "id", id)?;
            self.core.borrow_mut().remove_session(&id);
            Ok(())
        })
    }

    /// Stops tracking all sessions.
    #[napi(enumerable = false)]
    pub fn clear(&self, env: Env) -> napi::Result<()> {
        throwing(&env, || {
            self.core.borrow_mut().clear();
            Ok(())
        })
    }

    /// What is known of a session; `undefined` if it is not tracked.
    ///
    /// @param id The session's id.
    #[napi(enumerable = false, ts_args_type = "id: string", ts_return_type = "SessionProgress | undefined")]
    pub fn get_session_progress<'env>(
        &self,
        env: &'env Env,
        id: Unknown<'_>,
    ) -> napi::Result<Either<Object<'env>, Undefined>> {
        throwing(env, || {
            let id = args::text(env, "id", id)?;
            // Copied: the engine may call this class again while it makes the object.
            let session = self.core.borrow().session_progress(&id).cloned();
            match session {
                Some(session) => Ok(Either::A(progress::session_to_js(env, &session)?)),
                None => Ok(Either::B(())),
            }
        })
    }

    /// All tracked sessions, in the order in which they were first tracked.
    #[napi(enumerable = false, ts_return_type = "readonly SessionProgress[]")]
    pub fn get_all_sessions<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        // The engine calls nobody else while it reads JSON.
        throwing(env, || Ok(progress::sessions_to_js(env, self.core.borrow().all_sessions())?))
    }

    /// How far a group is. What is tracked of a session wins over what the group has stored of it; money and tokens
    /// are those of all tracked sessions and of the group's others. Throws `INVALID_ARGUMENT`, whose `field` is the
    /// path of what is wrong.
    ///
    /// `estimatedTimeRemaining` follows the plan: each session that has not ended takes the mean duration of those
    /// that completed, starts when those it depends on have completed (unless `config.concurrency.respectDependencies` is
    /// false), and at most `config.concurrency.maxConcurrent ?? config.maxConcurrentSessions` run at a time.
    ///
    /// @param group The group.
    #[napi(enumerable = false, ts_args_type = "group: SessionGroup", ts_return_type = "GroupProgress")]
    pub fn compute_progress<'env>(&self, env: &'env Env, group: Unknown<'_>) -> napi::Result<Object<'env>> {
        throwing(env, || {
            // A getter of the group may update a session while the group is read.
            let is_tracked = |id: &str| self.core.borrow().session_progress(id).is_some();
            let group = progress::outline_from_js(env, group, is_tracked)?;
            let now_ms = now_ms(env)?;
            let progress = self.core.borrow().compute_progress(&group, now_ms);
            Ok(progress::group_to_js(env, &progress)?)
        })
    }

    /// The sums over the tracked sessions alone, at a cost that does not grow with their number: for a budget check or an
    /// event after each message. For it to be that of the group, track all sessions of the group first.
    ///
    /// @example
    /// for (const session of group.sessions) aggregator.updateSession(createSessionProgress(session))
    /// // From now on: aggregator.updateSession(stream.progress)
    /// if (isBudgetExceeded(aggregator.summary().totalCost, group.config.maxBudgetUsd)) return
    #[napi(enumerable = false, ts_return_type = "ProgressSummary")]
    pub fn summary<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        throwing(env, || {
            let now_ms = now_ms(env)?;
            let summary = self.core.borrow().summary(now_ms);
            Ok(progress::summary_to_js(env, &summary)?)
        })
    }
}
