//! The limits that the options of a run change, stored before it begins.

use crate::error::Result;
use crate::feed::Commit;
use crate::json::{Draft, Json};
use crate::model::GroupPatch;
use crate::model::number::Positive;
use crate::repository::{Changes, Document};
use crate::runner::Runner;
use crate::runner::options::ChangedLimits;
use crate::runner::store::commit_and_wait;
use crate::runner::supervisor::{json_of, with_config};

impl Runner {
    /// Stores the limits that the options change.
    pub(super) fn change_limits(&self, document: Document) -> Result<Document> {
        let limits = self.options.limits;
        if limits == ChangedLimits::default() {
            return Ok(document);
        }
        let at = (self.options.clock)();
        let change = move |document: &Document| {
            let config = with_limits(document, &limits)?;
            Ok(Commit::new(Changes::from(GroupPatch::default()).with("config", config).made_at(at)))
        };
        commit_and_wait(&*self.store, Box::new(change)).map(|committed| committed.group)
    }
}

/// Returns the configuration of a group with the changed limits, as JSON.
pub(super) fn with_limits(document: &Document, limits: &ChangedLimits) -> Result<String> {
    let mut members = Vec::new();
    members.extend(limits.max_budget_usd.map(|value| ("maxBudgetUsd", json_of(&value))));
    members.extend(limits.on_budget_exceeded.map(|value| ("onBudgetExceeded", json_of(&value))));
    members.extend(limits.warning_threshold.map(|value| ("warningThreshold", json_of(&value))));
    members.extend(limits.max_concurrent.map(|value| ("maxConcurrentSessions", json_of(&value))));
    members.extend(concurrency(document, limits)?.map(|rules| ("concurrency", rules)));
    Ok(with_config(document, members))
}

/// Returns the finer rules, whose number of sessions wins over the plain one; `None` if they stay as they are.
fn concurrency(document: &Document, limits: &ChangedLimits) -> Result<Option<String>> {
    let mut changed = Vec::new();
    changed.extend(limits.max_concurrent.map(|value| ("maxConcurrent", json_of(&value))));
    let is_plain = changed.len();
    changed.extend(limits.respect_dependencies.map(|value| ("respectDependencies", json_of(&value))));
    changed.extend(limits.pause_on_error.map(|value| ("pauseOnError", json_of(&value))));
    changed.extend(limits.error_threshold.map(|value| ("errorThreshold", json_of(&value))));
    let stored = document.json().get("config").and_then(|config| config.get("concurrency"));
    let stored = stored.map(Json::text).map(str::to_owned);
    if changed.is_empty() || stored.is_none() && changed.len() == is_plain {
        return Ok(None);
    }
    let group = document.group()?;
    let rules = stored.unwrap_or_else(|| {
        let mut rules = group.config.concurrency.unwrap_or_default();
        rules.max_concurrent = Positive::clamped(group.max_concurrent());
        json_of(&rules)
    });
    let mut rules = Draft::of(Json::of_valid(&rules));
    for (name, value) in changed {
        rules.set(name, value);
    }
    Ok(Some(rules.into_text()))
}
