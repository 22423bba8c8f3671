//! Commits: what was decided, as writes of the stored group. One is under way at a time.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::book::{SessionWrite, runner_change};
use super::events::Events;
use super::{Message, Supervisor};
use crate::error::{Error, ErrorKind, Result};
use crate::feed::{Commit, Committed, Event};
use crate::json::{Draft, Json};
use crate::model::GroupPatch;
use crate::model::number::Usd;
use crate::ownership;
use crate::repository::{Changes, Document, Revision};
use crate::runner::RunNotice;
use crate::runner::plan::{self, CommitFailure, CommitId, Input, Request};
use crate::runner::store::Change;

/// What a commit is for.
pub enum Flight {
    /// It stores what the plan decided.
    Plan(CommitId),
    /// It changes the budget, after which a request is carried out.
    Budget(Request),
    /// It renews the record of the group's runner.
    Renewal,
}

/// A commit that waits for the one before it.
pub struct Pending {
    flight: Flight,
    change: Change,
}

impl Supervisor<'_> {
    /// Stores what the plan decided.
    pub(super) fn commit(&mut self, commit: &plan::Commit) {
        let now = self.timestamp();
        let sessions: Vec<SessionWrite> =
            commit.sessions.iter().map(|change| self.book.decide(change, &now)).collect();
        for change in &commit.sessions {
            self.show_session(change.session);
        }
        let group =
            commit.group.as_ref().map(|record| self.book.decide_group(record, &now)).unwrap_or_default();
        let running = self.lives.len();
        let (book, denied) = (&self.book, &self.denied);
        let events = Events { book, now: &now, running, denied, causes: OnceCell::new() };
        let events = events.complete(&commit.events);
        for change in commit.sessions.iter().filter(|change| change.record.open_attempt().is_none()) {
            self.denied.remove(&change.session);
        }
        let at = now.unix_ms();
        let change = move |document: &Document| Ok(changes(document, group, sessions, events, at));
        self.submit(Pending { flight: Flight::Plan(commit.id), change: Box::new(change) });
    }

    /// Changes the budget in the stored group, then carries out a request.
    pub(super) fn change_budget(&mut self, budget: Usd, request: Request) {
        self.is_changing_budget = true;
        let at = self.timestamp().unix_ms();
        let change = move |document: &Document| {
            let config = with_config(document, [("maxBudgetUsd", json_of(&budget))]);
            Ok(Commit::new(Changes::from(GroupPatch::default()).with("config", config).made_at(at)))
        };
        self.submit(Pending { flight: Flight::Budget(request), change: Box::new(change) });
    }

    /// Renews the record of the group's runner, if it is due. While a commit is under way it waits: on a slow disk, renewals would
    /// only gather, and each with the time at which it was due.
    pub(super) fn renew_record(&mut self, now: Instant) {
        let is_due = !self.in_flight && now >= self.next_renewal;
        let Some(renewal) = self.renewal.filter(|_| is_due) else { return };
        self.next_renewal = now + renewal;
        let at = self.timestamp();
        let Ok(record) = ownership::record(at.clone()) else { return };
        let changes = Changes::from(runner_change(Some(record))).made_at(at.unix_ms());
        let change = move |_: &Document| Ok(Commit::new(changes));
        self.submit(Pending { flight: Flight::Renewal, change: Box::new(change) });
    }

    /// Submits a commit, or lets it wait for the one that is under way.
    fn submit(&mut self, pending: Pending) {
        if self.in_flight {
            self.waiting.push_back(pending);
            return;
        }
        self.in_flight = true;
        let Pending { flight, change } = pending;
        let was = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&was);
        let has_record = self.renewal.is_some();
        let change = move |document: &Document| {
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(document.revision());
            if has_record {
                ownership::check_still_ours(document)?;
            }
            change(document)
        };
        let (sender, wake) = (self.sender.clone(), Arc::clone(&self.wake));
        let done = move |result: Result<Option<Committed>>| {
            let was = was.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Fails if the run has ended.
            let _ = sender.send(Message::Answered { flight, result, was });
            wake();
        };
        self.store.commit(Box::new(change), Box::new(done));
    }

    /// Takes the answer to a commit.
    pub(super) fn answered(
        &mut self,
        flight: Flight,
        result: Result<Option<Committed>>,
        was: Option<&Revision>,
    ) {
        self.in_flight = false;
        match result {
            Ok(Some(committed)) => self.stored(flight, committed, was),
            Ok(None) => match flight {
                Flight::Plan(id) => self.facts.push_back(Input::CommitFailed(id, CommitFailure::Deleted)),
                Flight::Budget(_) | Flight::Renewal => self.facts.push_back(Input::GroupDeleted),
            },
            Err(error) => self.failed(flight, error),
        }
        if std::mem::take(&mut self.must_look) {
            self.look_at_store();
        }
        if let Some(next) = self.waiting.pop_front() {
            self.submit(next);
        }
    }

    /// Appends the events that are missing in the feed, if it is time to.
    pub(super) fn append_unreported(&mut self, now: Instant) {
        let Some(events) = self.unreported.take_due(now) else { return };
        let newest = events.last().map_or(0, |(seq, _)| *seq);
        let (sender, wake) = (self.sender.clone(), Arc::clone(&self.wake));
        let done = move |is_appended| {
            // Fails if the run has ended.
            let _ = sender.send(Message::Appended { newest, is_appended });
            wake();
        };
        self.store.append(events, Box::new(done));
    }

    fn stored(&mut self, flight: Flight, committed: Committed, was: Option<&Revision>) {
        self.unreported.committed(&committed, Instant::now());
        let Committed { group, events, is_rebased, is_reported: _ } = committed;
        let is_foreign = is_rebased || was != Some(&self.stored) || matches!(flight, Flight::Budget(_));
        self.stored = group.revision();
        if is_foreign {
            // What others have changed counts before the start that this commit has recorded.
            if let Err(error) = self.group_changed(group) {
                self.failure = Some(error);
            }
        } else {
            self.book.keep(group);
        }
        for (seq, event) in &events {
            self.emit(Some(*seq), event);
        }
        match flight {
            Flight::Plan(id) => {
                self.report_group();
                self.facts.push_back(Input::Committed(id));
            }
            Flight::Budget(request) => self.budget_changed(request),
            Flight::Renewal => {}
        }
    }

    fn budget_changed(&mut self, request: Request) {
        self.is_changing_budget = false;
        self.facts.push_back(Input::Requested(Box::new(request)));
        self.take_orders();
    }

    fn failed(&mut self, flight: Flight, error: Error) {
        let is_deleted = error.is(ErrorKind::NotFound);
        // The other runner adopts the sessions.
        self.is_detached |= error.is(ErrorKind::AlreadyRunning);
        if let Flight::Budget(_) = flight {
            (self.sink)(RunNotice::Warning(&format!("the budget stays as it is: {error}")));
        }
        self.failure = Some(error);
        match flight {
            Flight::Plan(id) => {
                let failure = if is_deleted { CommitFailure::Deleted } else { CommitFailure::Other };
                self.facts.push_back(Input::CommitFailed(id, failure));
            }
            // The request is carried out all the same.
            Flight::Budget(request) => self.budget_changed(request),
            Flight::Renewal => {}
        }
    }

    /// Reads the stored group, to learn what others have changed.
    pub(super) fn look_at_store(&mut self) {
        match self.store.load() {
            Ok(Some(document)) if document.revision() == self.stored => {}
            Ok(Some(document)) => {
                self.stored = document.revision();
                if let Err(error) = self.group_changed(document) {
                    self.failure = Some(error);
                }
            }
            Ok(None) => self.facts.push_back(Input::GroupDeleted),
            // The next commit fails as well, and says so.
            Err(error) => self.failure = Some(error),
        }
    }
}

/// Computes a commit from the stored group. A session that has disappeared is put back if it has an open attempt; otherwise
/// its changes are left out.
fn changes(
    document: &Document,
    group: GroupPatch,
    sessions: Vec<SessionWrite>,
    events: Vec<Event>,
    at: f64,
) -> Commit {
    let mut changes = Changes::from(group).made_at(at);
    let stored = document.json().get("sessions");
    let ids: HashSet<_> = stored
        .into_iter()
        .flat_map(Json::elements)
        .filter_map(|session| session.get("id").and_then(Json::string))
        .collect();
    let mut put_back = Vec::new();
    let mut writes = Vec::new();
    for SessionWrite { id, patch, removed } in sessions {
        if !ids.contains(id.as_str()) {
            let Some(text) = removed else { continue };
            put_back.push(text);
        }
        writes.push((id, Changes::from(patch).made_at(at)));
    }
    if !put_back.is_empty() {
        let kept = stored.into_iter().flat_map(Json::elements).map(|session| session.text().to_owned());
        let all: Vec<String> = kept.chain(put_back).collect();
        changes = changes.with("sessions", format!("[{}]", all.join(",")));
    }
    Commit { group: changes, sessions: writes, events }
}

/// Returns the configuration of a group with other values of some members, as JSON. Members that are not known stay.
pub fn with_config<'a>(document: &Document, members: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let config = document.json().get("config");
    let mut config = config.map_or_else(|| Draft::of(Json::of_valid("{}")), Draft::of);
    for (name, value) in members {
        config.set(name, value);
    }
    config.into_text()
}

/// A value as JSON.
pub fn json_of(value: &impl serde::Serialize) -> String {
    // Numbers, texts and flags cannot fail to become JSON.
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
