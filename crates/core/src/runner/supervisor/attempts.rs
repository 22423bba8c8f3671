//! Attempts: processes that are started, adopted, stopped, and observed to their end.

use std::io;

use super::book::Finished;
use super::live::{Limit, Live};
use super::{Supervisor, texts};
use crate::claude::command::Conversation;
use crate::error::{Error, Result};
use crate::model::run::{AttemptKind, ProcessIdentity};
use crate::model::time::IsoTime;
use crate::runner::RunNotice;
use crate::runner::plan::{Input, Look, Nanos, SessionIndex, TurnResult, Verdict};
use crate::runner::process::{self, Ended, Fact, Mark, SessionDirectoryNames};
use crate::runner::recovery;
use crate::runner::sessions::{SessionProcesses, Start};

impl Supervisor<'_> {
    pub(super) fn signal(
        &mut self,
        session: SessionIndex,
        send: impl FnOnce(&mut dyn SessionProcesses, Mark),
    ) {
        if let Some(mark) = self.book.entry(session).mark() {
            send(self.processes, mark);
        }
    }

    /// Starts the sweep of an attempt, unless it began with the end of its process.
    pub(super) fn sweep(&mut self, session: SessionIndex) {
        let mark = self.book.entry(session).mark().filter(|_| self.processes.are_swept());
        if let Some(mark) = mark.filter(|mark| self.sweeps.insert(*mark)) {
            self.processes.sweep(mark);
        }
    }

    /// Sweeps the attempts of earlier runners that had ended when their runner was killed, but were not swept yet.
    pub(super) fn sweep_ended_attempts(&mut self) {
        let ended = Mark::of_attempts(self.book.sessions(), |attempt| attempt.outcome.is_some());
        for mark in self.processes.unswept(&ended) {
            self.sweeps.insert(mark);
            self.processes.sweep(mark);
        }
    }

    pub(super) fn start(&mut self, session: SessionIndex, how: AttemptKind, cap: Option<Nanos>) {
        match self.try_start(session, how, cap) {
            Ok((mark, process, was_answered)) => {
                let entry = self.book.entry_mut(session);
                entry.process = process;
                let mut live = Live::new(session, entry.session.before_attempt());
                live.was_answered_before = was_answered;
                self.lives.insert(mark, live);
                self.facts.push_back(Input::Started(session));
            }
            Err(error) if error.is_of_shortage() => self.lacks(session, error),
            Err(error) => {
                self.book.entry_mut(session).finished = Some(Finished::not_started(error.to_string()));
                self.facts.push_back(Input::NotStarted(session));
            }
        }
    }

    fn try_start(
        &mut self,
        index: SessionIndex,
        how: AttemptKind,
        cap: Option<Nanos>,
    ) -> Result<(Mark, Option<ProcessIdentity>, bool)> {
        let entry = self.book.entry(index);
        let session = &entry.session;
        let missing = || Error::internal("a session is to be started without an attempt");
        let (attempt, mark) = entry.attempt().zip(entry.mark()).ok_or_else(missing)?;
        let id = attempt.claude_session_id.parse();
        let id = id.map_err(|_| {
            Error::invalid_state(format!(
                "cannot resume the conversation {:?}, which is not a UUID: retry the session with `fresh`",
                attempt.claude_session_id
            ))
        })?;
        let conversation = match how {
            AttemptKind::Fresh => Conversation::Fresh(id),
            AttemptKind::Resume => Conversation::Resume(id),
        };
        let was_answered = self.was_answered_before(index)?;
        let goes_on = how == AttemptKind::Resume && was_answered;
        let interrupted_at = self.interrupted_at(index);
        let prompt = if goes_on { texts::go_on(interrupted_at.as_ref()) } else { session.prompt.clone() };
        let project = self.launcher.project(session)?;
        let names = self.book.names(index);
        let prepared = self.processes.prepare(&self.book.group, session, &names, &self.launcher.context())?;
        let process = self.processes.start(&Start {
            arguments: &prepared.arguments(conversation, cap.map(Into::into))?,
            environment: &prepared.environment,
            project: &project,
            prompt: &prompt,
            names: &names,
            attempt: attempt.n.get(),
            mark,
            label: &format!("{}/{}", self.book.group.id, session.id),
        })?;
        Ok((mark, process, was_answered))
    }

    /// The machine lacks something for a start or a look.
    fn lacks(&mut self, session: SessionIndex, error: Error) {
        self.failure = Some(error);
        self.facts.push_back(Input::Shortage(session));
    }

    /// The end of the attempt before the newest one.
    fn interrupted_at(&self, session: SessionIndex) -> Option<IsoTime> {
        let attempts = self.book.entry(session).session.attempts.as_ref()?;
        attempts.iter().rev().nth(1)?.ended_at.clone()
    }

    /// Returns `true` if the model ever answered in the session's conversation before the newest attempt. Fails if the machine lacks
    /// something to tell.
    fn was_answered_before(&self, session: SessionIndex) -> Result<bool> {
        let entry = self.book.entry(session);
        let id = entry.session.claude_session_id.as_deref();
        let attempts = entry.session.attempts.iter().flatten();
        let same = attempts.rev().skip(1).filter(|attempt| Some(attempt.claude_session_id.as_str()) == id);
        recovery::was_answered(&*self.processes, &self.book.names(session), same)
    }

    pub(super) fn look(&mut self, session: SessionIndex) {
        if let Err(error) = self.try_look(session) {
            self.lacks(session, error);
        }
    }

    /// Fails if the machine lacks something for the look.
    fn try_look(&mut self, session: SessionIndex) -> Result<()> {
        // Before a process is adopted, whose exit then need not wait for it.
        let was_answered = self.was_answered_before(session)?;
        let entry = self.book.entry(session);
        let open = entry.attempt().filter(|attempt| attempt.ended_at.is_none() && attempt.outcome.is_none());
        let mark = entry.mark();
        let mut live = Live::new(session, entry.session.before_attempt());
        live.was_answered_before = was_answered;
        let names = self.book.names(session);
        let found = recovery::look(self.processes, &names, open, live, (self.clock)())?;
        if let Some(reason) = &found.unknown {
            let id = &self.book.entry(session).session.id;
            (self.sink)(RunNotice::Warning(&format!(
                "session {id:?} is not started: {reason}. Make sure that it does not run, then run the group with \
                 assumeDead: [{id:?}]"
            )));
        }
        let recorded = open.and_then(|attempt| attempt.process.clone());
        let printed = open.map_or(0, |attempt| self.printed(&names, attempt.n.get()));
        let now = self.wall_now();
        let entry = self.book.entry_mut(session);
        entry.process = found.process.or(recorded);
        match (found.look, found.live, mark) {
            (Look::Alive { .. }, Some(mut live), Some(mark)) => {
                live.adopt(printed, now);
                self.lives.insert(mark, live);
            }
            (_, Some(live), _) => {
                entry.cost = Some(live.total());
                entry.finished = Some(live.finished(&found.errors));
                self.deny(session, &live);
            }
            _ => {}
        }
        self.facts.push_back(Input::Looked(session, found.look));
        Ok(())
    }

    /// Number of bytes that an attempt has printed.
    fn printed(&self, names: &SessionDirectoryNames, attempt: u64) -> u64 {
        let output = self.processes.output(names, attempt).ok().flatten();
        output.and_then(|output| output.metadata().ok()).map_or(0, |metadata| metadata.len())
    }

    /// Takes a fact about a process.
    pub(super) fn observed(&mut self, process::Event { mark, fact }: process::Event) {
        if let Fact::Swept(_) = fact {
            self.sweeps.remove(&mark);
            return;
        }
        let Some(mut live) = self.lives.remove(&mark) else { return };
        let session = live.session;
        let mut limits = Vec::new();
        let now_ms = (self.clock)();
        let facts = match &fact {
            Fact::Output(bytes) => live.read(bytes, now_ms, |limit| limits.push(limit)),
            Fact::OutputLimit => vec![Input::OutputLimit(session)],
            Fact::OutputFailed { path, os_error } => {
                let source = io::Error::from_raw_os_error(*os_error);
                self.output_failure = Some(Error::output_failed(path, source));
                vec![Input::OutputFailed]
            }
            Fact::OutputUnreadable { path, os_error } => {
                let source = io::Error::from_raw_os_error(*os_error);
                self.output_failure = Some(Error::output_unreadable(path, source));
                vec![Input::OutputFailed]
            }
            Fact::Exited(Ended { exit, errors, .. }) => {
                let is_success =
                    exit.code == Some(0) && !live.has_lines() && self.processes.silence_is_success();
                let mut facts = live.end(exit, errors, now_ms, |limit| limits.push(limit));
                if is_success {
                    let result = TurnResult { verdict: Verdict::Success, cost: live.cost() };
                    facts.push(Input::Result(session, result));
                }
                facts.push(Input::Exited { session, cost: live.cost() });
                facts
            }
            Fact::Swept(_) => Vec::new(),
        };
        let has_cost = |fact: &Input| matches!(fact, Input::Result(..) | Input::Exited { .. });
        if facts.iter().any(has_cost) {
            self.book.entry_mut(session).cost = Some(live.total());
        }
        for fact in &facts {
            let gone = Verdict::ConversationGone { answered: false };
            if matches!(fact, Input::Result(_, result) if result.verdict == gone) {
                self.book.entry_mut(session).begins_again = true;
            }
        }
        self.facts.extend(facts);
        let wall = self.wall_now();
        for limit in limits {
            match limit {
                Limit::Reached(Some(until)) => self.limits.share(Some(until), wall),
                // The result that follows decides how long to wait.
                Limit::Reached(None) => {}
                Limit::Lifted => self.limits.share(None, wall),
            }
        }
        if let Fact::Exited(Ended { errors, .. }) = &fact {
            self.book.entry_mut(session).finished = Some(live.finished(errors));
            self.deny(session, &live);
            self.reports.forget(session);
            self.shared.update(|aggregator, _| {
                aggregator.remove_session(&live.progress(now_ms).id);
            });
            if self.processes.are_swept() {
                self.sweeps.insert(mark);
            }
        } else {
            self.reports.changed(session);
            self.lives.insert(mark, live);
        }
    }

    fn deny(&mut self, session: SessionIndex, live: &Live) {
        if !live.denied_tools().is_empty() {
            self.denied.insert(session, live.denied_tools().to_vec());
        }
    }
}
