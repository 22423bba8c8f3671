//! Failures of sessions and what they mean for the group: error threshold, mass failure, unreachable sessions.

use super::process::Force;
use super::session::SessionIndex;
use super::time::Monotonic;
use super::{Event, Failure, Run, planted};
use crate::model::run::GroupCause;
use crate::model::{GroupStatus, SessionStatus};

/// Number of sessions in trouble that pauses the group.
const MASS: usize = 3;

/// The time within which they count.
const MASS_WINDOW_MS: u64 = 2 * 60_000;

/// The failures of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Failures {
    /// Number of failures since the newest run or resume.
    pub count: u32,
    /// The newest crashes, stalls and failed starts, at most one per session.
    pub troubles: Vec<(Monotonic, SessionIndex)>,
}

impl Run {
    /// A session failed. Failures that are allowed do not count towards the threshold.
    pub(super) fn fail(&mut self, session: SessionIndex, failure: Failure) {
        let entry = self.session_mut(session);
        entry.record.status = SessionStatus::Failed;
        entry.failure = Some(failure);
        entry.pause = None;
        let is_allowed = entry.settings.allow_failure;
        self.commits.report(Event::SessionFailed(session, failure));
        self.changed(session);
        if is_allowed {
            return;
        }
        self.report_unreachable(session);
        self.failures.count += 1;
        let reached = self.settings.error_threshold.is_some_and(|threshold| {
            self.failures.count >= threshold + u32::from(planted!(self, ThresholdOffByOne))
        });
        if reached {
            self.halt(GroupCause::ErrorThreshold, GroupStatus::Paused, Force::Drain);
        }
    }

    /// A session crashed, stalled or could not start. Three of them within two minutes pause the group.
    pub(super) fn count_trouble(&mut self, session: SessionIndex) {
        let now = self.now.monotonic;
        let troubles = &mut self.failures.troubles;
        troubles.retain(|(at, other)| *other != session && now.since(*at) < MASS_WINDOW_MS);
        troubles.push((now, session));
        if troubles.len() >= MASS && !planted!(self, MassFailureIgnored) {
            self.halt(GroupCause::MassFailure, GroupStatus::Paused, Force::Interrupt);
        }
    }

    /// Reports the sessions that can no longer start because this one failed.
    fn report_unreachable(&mut self, session: SessionIndex) {
        let dependencies = std::sync::Arc::clone(&self.dependencies);
        let mut found = vec![session];
        while let Some(cause) = found.pop() {
            for &dependant in dependencies.dependants(cause) {
                let entry = self.session_mut(dependant);
                let waits = matches!(entry.record.status, SessionStatus::Pending | SessionStatus::Paused);
                if waits && !std::mem::replace(&mut entry.is_told_unreachable, true) {
                    self.commits.report(Event::SessionUnreachable(dependant));
                    found.push(dependant);
                }
            }
        }
    }

    /// A failed session is tried again: its dependants can be reached again.
    pub(super) fn forget_unreachable(&mut self, session: SessionIndex) {
        let dependencies = std::sync::Arc::clone(&self.dependencies);
        let mut found = vec![session];
        while let Some(cause) = found.pop() {
            for &dependant in dependencies.dependants(cause) {
                if std::mem::take(&mut self.session_mut(dependant).is_told_unreachable) {
                    found.push(dependant);
                }
            }
        }
    }
}
