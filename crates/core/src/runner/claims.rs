//! A runner's claim on its group: taken before anything else, released at the very end.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::feed::Commit;
use crate::model::SessionGroup;
use crate::model::time::IsoTime;
use crate::ownership;
use crate::repository::{Changes, Document};
use crate::runner::store::{Claim, commit_and_wait};
use crate::runner::supervisor::runner_change;
use crate::runner::{Runner, RunnerState};

/// Times before the tries to remove a record, if the repository cannot be written.
const REMOVAL_PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(100), Duration::from_secs(1)];

impl Runner {
    /// Claims the group, and releases it at the end. The group's request is the one from before the claim: whoever finds the group
    /// claimed makes a new one, which the document has.
    pub(super) fn claimed<T>(
        &self,
        run: impl FnOnce(&Claim, SessionGroup, Document) -> Result<T>,
    ) -> Result<T> {
        let before = self.store.load();
        let claim = self.store.claim()?;
        let (before, found) = match claim {
            Claim::Lock(_) => (before.ok().flatten(), self.store.load()),
            Claim::Record => (None, before),
        };
        let end = found.and_then(|found| self.existing(found)).and_then(|found| {
            let (group, document) = match claim {
                Claim::Lock(_) => (with_request_of(before.as_ref(), found.group()?), found),
                // The record is written at once with the look at the request.
                Claim::Record => {
                    let document = self.record()?;
                    (document.group()?, document)
                }
            };
            // A panic of the caller's functions must not leave the group claimed.
            let end = catch_unwind(AssertUnwindSafe(|| run(&claim, group, document)));
            if let Claim::Record = claim {
                self.remove_record();
            }
            end.unwrap_or_else(|panic| {
                self.shared.end(RunnerState::Completed, None);
                resume_unwind(panic)
            })
        });
        // The group is gone: so is its lock.
        if let (Claim::Lock(lock), Ok(None)) = (claim, self.store.load()) {
            lock.remove();
        }
        end
    }

    pub(super) fn existing(&self, found: Option<Document>) -> Result<Document> {
        found.ok_or_else(|| Error::group_not_found(self.store.id().as_str()))
    }

    /// Writes the record of this process as the group's runner, unless another one has the group.
    fn record(&self) -> Result<Document> {
        let now = IsoTime::of_unix_ms((self.options.clock)());
        let record = ownership::record(now.clone())?;
        let id = self.store.id().clone();
        let change = move |document: &Document| {
            if let Some(stored) = document.group()?.runner {
                ownership::check_record(&id, &stored, now.unix_ms())?;
            }
            Ok(Commit::new(Changes::from(runner_change(Some(record))).made_at(now.unix_ms())))
        };
        commit_and_wait(&*self.store, Box::new(change)).map(|committed| committed.group)
    }

    /// Removes the record of this process. As long as it stays, nobody can run the group before this process has ended.
    fn remove_record(&self) {
        for pause in REMOVAL_PAUSES {
            thread::sleep(pause);
            let changes = Changes::from(runner_change(None)).made_at((self.options.clock)());
            let change = move |document: &Document| {
                ownership::check_still_ours(document)?;
                Ok(Commit::new(changes))
            };
            let removed = commit_and_wait(&*self.store, Box::new(change));
            if !removed.is_err_and(|error| error.is(ErrorKind::Io)) {
                return;
            }
        }
    }
}

/// Returns a group with the request that it had before, if it could be read then.
fn with_request_of(before: Option<&Document>, group: SessionGroup) -> SessionGroup {
    let Some(before) = before else { return group };
    let request = before.json().get("control");
    let control = request.and_then(|request| crate::model::from_json(request.text()).ok());
    SessionGroup { control, ..group }
}
