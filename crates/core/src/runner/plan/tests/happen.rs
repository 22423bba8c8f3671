//! How steps happen: what changes in the world, and the fact that the run is given.

use std::sync::Arc;

use super::super::session::Phase;
use super::super::*;
use super::Check;
use super::steps::{Ask, Edit, Say, Step};
use super::world::{CALL, Proc, ProcState, TURN, Truth, World};
use crate::model::run::{AttemptOutcome, ControlRequest};
use crate::model::{GroupStatus, SessionStatus};

impl World {
    /// Lets a step happen, and checks what must be true then.
    pub fn apply(&mut self, step: Step) -> Check {
        self.happen(step)?;
        self.check()
    }

    /// Lets a step happen.
    pub fn happen(&mut self, step: Step) -> Check {
        match step {
            Step::Begin => self.begin(),
            Step::Write => {
                self.write();
                Ok(())
            }
            Step::Report => self.report(),
            Step::FailCommit => self.fail_commit(),
            Step::Spawn(number) => {
                self.processes[number].state = ProcState::Spawned;
                Ok(())
            }
            Step::ReportStart(number) => self.report_start(number),
            Step::CannotSpawn(number) => self.cannot_spawn(number),
            Step::Shortage(number) => self.shortage(number),
            Step::LoseOutput => {
                self.bounds.failed_commits -= 1;
                self.tell(Input::OutputFailed)
            }
            Step::Print(number, say) => self.print(number, say),
            Step::Advance(number) => self.advance(number),
            Step::Busy(number, is_busy) => {
                self.bounds.activity = self.bounds.activity.saturating_sub(1);
                self.processes[number].is_busy = is_busy;
                self.tell_about(number, |session| Input::Progress(session, Progress::Busy(is_busy)))
            }
            Step::Background(number, has_background) => {
                self.bounds.activity = self.bounds.activity.saturating_sub(1);
                self.processes[number].has_background = has_background;
                let progress = Progress::Background(has_background);
                self.tell_about(number, |session| Input::Progress(session, progress))
            }
            Step::Exit(number) => self.exit(number),
            Step::Look(number) => self.look_at(number),
            Step::CannotTell(number) => {
                self.bounds.unknown -= 1;
                self.processes[number].is_looked_at = false;
                self.tell_about(number, |session| Input::Looked(session, Look::CannotTell))
            }
            Step::LackLook(number) => {
                self.bounds.unknown = self.bounds.unknown.saturating_sub(1);
                self.processes[number].is_looked_at = false;
                self.tell_about(number, Input::Shortage)
            }
            Step::LookAtFiles(number) => {
                self.bounds.unknown -= 1;
                self.processes[number].is_looked_at = false;
                let look = Look::Dead { cost: Nanos::ZERO, ran_ms: 0 };
                self.tell_about(number, |session| Input::Looked(session, look))?;
                self.count_failure(number);
                Ok(())
            }
            Step::Time => {
                let deadline = self.run.deadline().unwrap_or_default();
                self.bounds.hangs = self.bounds.hangs.saturating_sub(u8::from(self.is_hang()));
                self.pass(deadline.since(self.now.monotonic))
            }
            Step::Sleep => self.sleep(),
            Step::Crash => {
                self.bounds.crashes -= 1;
                self.truth.crashes += 1;
                self.truth.completions.fill(0);
                self.take_over(None);
                Ok(())
            }
            Step::RunAgain => {
                self.bounds.reruns -= 1;
                self.take_over(None);
                Ok(())
            }
            Step::Settle(ask) => {
                self.bounds.settlements -= 1;
                self.truth.crashes += 1;
                self.truth.completions.fill(0);
                self.take_over(Some(ask.request(0)));
                self.truth.is_halted = true;
                Ok(())
            }
            Step::LimitElsewhere => {
                self.bounds.limits -= 1;
                self.note_limit();
                self.tell(Input::LimitOpened { until: None })
            }
            Step::LimitOver => {
                self.bounds.limits -= 1;
                self.truth.limited_until = None;
                self.truth.probe = None;
                self.shared_limit = None;
                self.tell(Input::LimitClosed)
            }
            Step::Ask(ask) => self.ask(ask),
            Step::Edit(edit) => self.edit(edit),
            Step::Delete => {
                self.bounds.deletions -= 1;
                self.truth.is_deleted = true;
                self.tell(Input::GroupDeleted)
            }
        }
    }

    fn begin(&mut self) -> Check {
        self.tell(Input::TimePassed)?;
        match self.shared_limit {
            Some(until) => self.tell(Input::LimitOpened { until: Some(until) }),
            None => Ok(()),
        }
    }

    fn report(&mut self) -> Check {
        let Some((commit, _)) = self.commit.take() else { return Ok(()) };
        self.emit(&commit.events)?;
        self.tell(Input::Committed(commit.id))
    }

    fn fail_commit(&mut self) -> Check {
        self.bounds.failed_commits -= 1;
        let Some((commit, _)) = self.commit.take() else { return Ok(()) };
        let failure = if self.truth.is_deleted { CommitFailure::Deleted } else { CommitFailure::Other };
        self.tell(Input::CommitFailed(commit.id, failure))
    }

    fn tell_about(&mut self, number: usize, input: impl FnOnce(SessionIndex) -> Input) -> Check {
        match self.index(number) {
            Some(session) => self.tell(input(session)),
            None => Ok(()),
        }
    }

    /// Returns `true` if the run follows the output of the process.
    fn is_followed(&self, number: usize) -> bool {
        let session = self.index(number).map(|session| self.run.session(session));
        session.is_some_and(|session| matches!(session.phase, Phase::Running(_)))
    }

    fn report_start(&mut self, number: usize) -> Check {
        self.processes[number].state = ProcState::Running;
        self.tell_about(number, Input::Started)
    }

    fn cannot_spawn(&mut self, number: usize) -> Check {
        self.bounds.troubles -= 1;
        self.processes[number] = Proc::default();
        if self.truth.probe == Some(number) {
            self.truth.probe = None;
        }
        self.trouble(number);
        self.tell_about(number, Input::NotStarted)?;
        self.count_failure(number);
        Ok(())
    }

    fn shortage(&mut self, number: usize) -> Check {
        self.bounds.failed_commits -= 1;
        self.processes[number] = Proc::default();
        if self.truth.probe == Some(number) {
            self.truth.probe = None;
        }
        self.tell_about(number, Input::Shortage)
    }

    fn trouble(&mut self, number: usize) {
        let now = self.now.monotonic;
        self.truth.troubles.retain(|(at, other)| *other != number && now.since(*at) < 120_000);
        self.truth.troubles.push((now, number));
    }

    fn count_failure(&mut self, number: usize) {
        let failed = self.index(number).map(|session| self.run.session(session));
        if failed.is_some_and(|session| {
            session.record.status == SessionStatus::Failed && !session.settings.allow_failure
        }) {
            self.truth.failures += 1;
        }
    }

    fn answered(&mut self, number: usize) {
        if self.truth.probe == Some(number) {
            self.truth.probe = None;
            self.truth.limited_until = None;
        }
    }

    fn advance(&mut self, number: usize) -> Check {
        self.bounds.activity = self.bounds.activity.saturating_sub(1);
        let process = &mut self.processes[number];
        process.base = process.cost();
        process.printed = None;
        self.answered(number);
        self.tell_about(number, |session| Input::Progress(session, Progress::Advanced))
    }

    fn print(&mut self, number: usize, say: Say) -> Check {
        let Proc { cap, base, .. } = self.processes[number];
        let cost = base + cap.map_or(TURN, |cap| (cap - base).min(TURN));
        let (verdict, cost) = match say {
            Say::Success => (Verdict::Success, cost),
            Say::Interrupted => (Verdict::Interrupted, cost),
            Say::Cap => (Verdict::Cap, base.max(cap.unwrap_or_default()) + CALL),
            Say::Transient => (Verdict::Transient, cost),
            Say::Refused => (Verdict::Refused, cost),
            Say::Login => (Verdict::Login, base),
            Say::Gone => (Verdict::ConversationGone { answered: number == 0 }, base),
            Say::Limit => (Verdict::UsageLimit { until: None }, base),
        };
        match say {
            Say::Success | Say::Interrupted => {}
            Say::Limit => self.bounds.limits -= 1,
            Say::Cap => {
                self.bounds.troubles -= 1;
                self.truth.overshoot += CALL;
            }
            _ => self.bounds.troubles -= 1,
        }
        let result = TurnResult { verdict, cost };
        self.processes[number].printed = Some(result);
        if !self.is_followed(number) {
            return Ok(());
        }
        self.note_result(number, verdict);
        self.tell_about(number, |session| Input::Result(session, result))
    }

    /// Notes what the run learns from a result.
    fn note_result(&mut self, number: usize, verdict: Verdict) {
        if matches!(verdict, Verdict::UsageLimit { .. }) {
            self.note_limit();
        } else {
            self.answered(number);
        }
    }

    fn note_limit(&mut self) {
        let until = self.now.wall.after(5 * 60_000);
        self.truth.limited_until = self.truth.limited_until.max(Some(until));
        self.truth.probe = None;
    }

    fn exit(&mut self, number: usize) -> Check {
        let process = self.processes[number];
        let is_expected = process.is_terminated || process.is_killed || process.printed.is_some();
        if !is_expected {
            self.bounds.troubles -= 1;
        }
        self.processes[number].state = ProcState::Gone;
        let cost = process.cost();
        self.truth.spent[number] += cost;
        if process.printed.is_some_and(|result| result.verdict == Verdict::Success) {
            self.truth.succeeded[number] = true;
        }
        if self.truth.probe == Some(number) {
            self.truth.probe = None;
        }
        let Some(session) = self.index(number) else { return Ok(()) };
        if !self.is_followed(number) {
            return Ok(());
        }
        let reason = self.run.session(session).process().and_then(|process| process.stop);
        if reason.is_none() && process.printed.is_none() {
            self.trouble(number);
        }
        self.truth.swept = None;
        self.tell(Input::Exited { session, cost })?;
        if self.truth.swept.take() != Some(number) {
            return Err(format!("what session {number} left behind was not swept"));
        }
        self.count_failure(number);
        self.check_outcome_of(number, &process)
    }

    fn look_at(&mut self, number: usize) -> Check {
        self.processes[number].is_looked_at = false;
        let process = self.processes[number];
        let ran_ms = 0;
        let look = match (process.is_alive(), process.printed) {
            (true, _) => Look::Alive { ran_ms },
            _ if self.never_started(number) => Look::NeverStarted,
            (false, Some(result)) => Look::Settled { result, ran_ms },
            (false, None) => Look::Dead { cost: process.cost(), ran_ms },
        };
        if process.is_alive() {
            self.processes[number].state = ProcState::Running;
        }
        if let Look::Settled { result, .. } = look {
            self.note_result(number, result.verdict);
        }
        self.tell_about(number, |session| Input::Looked(session, look))?;
        self.count_failure(number);
        if process.is_alive() && process.is_busy {
            self.tell_about(number, |session| Input::Progress(session, Progress::Busy(true)))?;
        }
        if process.is_alive() && process.has_background {
            self.tell_about(number, |session| Input::Progress(session, Progress::Background(true)))?;
        }
        // An adopted process may have printed its result before it was adopted.
        match process.printed {
            Some(result) if process.is_alive() => {
                self.note_result(number, result.verdict);
                self.tell_about(number, |session| Input::Result(session, result))
            }
            _ => Ok(()),
        }
    }

    fn pass(&mut self, milliseconds: u64) -> Check {
        self.now.monotonic = self.now.monotonic.after(milliseconds);
        self.now.wall = self.now.wall.after(milliseconds);
        self.tell(Input::TimePassed)
    }

    fn sleep(&mut self) -> Check {
        self.bounds.sleeps -= 1;
        self.now.wall = self.now.wall.after(2 * 60 * 60_000);
        for process in &mut self.processes {
            process.slept |= process.state == ProcState::Running;
        }
        self.tell(Input::TimePassed)
    }

    /// Returns `true` if no process was started for the session's open attempt.
    pub fn never_started(&self, number: usize) -> bool {
        let process = &self.processes[number];
        let open = self.index(number).and_then(|index| self.run.session(index).record.open_attempt());
        process.state == ProcState::None || open.is_none_or(|open| open.n != process.attempt)
    }

    /// Another runner takes over what is stored, or only settles it. Processes live on without their standard input.
    fn take_over(&mut self, settle: Option<Request>) {
        // Events of a commit that was written but not confirmed are lost, as in a crash.
        if self.outcome == Some(Outcome::WriteFailed) {
            self.truth.crashes += 1;
            self.truth.completions.fill(0);
        }
        for process in &mut self.processes {
            process.is_looked_at = false;
            match process.state {
                ProcState::Commanded => *process = Proc::default(),
                ProcState::Spawned | ProcState::Running => {
                    process.state = ProcState::Spawned;
                    process.is_orphan = true;
                }
                ProcState::None | ProcState::Gone => {}
            }
        }
        let is_stored = |number: &usize| {
            let id = number.to_string();
            self.stored.sessions.iter().any(|session| *session.id == *id)
        };
        let lost: Vec<usize> = (0..self.processes.len()).filter(|number| !is_stored(number)).collect();
        let Truth { spent, overshoot, succeeded, warned, was_retried, completions, crashes, slots, .. } =
            std::mem::take(&mut self.truth);
        self.truth = Truth {
            spent,
            overshoot,
            succeeded,
            // Without the money of a removed session, the threshold may be crossed again.
            warned: warned && lost.is_empty(),
            was_retried,
            completions,
            crashes,
            slots,
            lost,
            limited_until: self.shared_limit,
            ..Truth::default()
        };
        // A forged record is believed once no runner holds the lock.
        for session in &self.stored.sessions {
            let is_pending =
                session.record.status == SessionStatus::Pending && session.record.open_attempt().is_none();
            if let (true, Ok(number)) = (is_pending, session.id.parse::<usize>()) {
                self.truth.succeeded[number] = false;
            }
        }
        self.commit = None;
        self.outcome = None;
        let options = match settle {
            None => Arc::clone(&self.options),
            settle => Arc::new(RunOptions { settle, ..RunOptions::clone(&self.options) }),
        };
        self.run = Run::of(&self.stored, options);
        self.run.defect = self.defect;
    }

    fn ask(&mut self, ask: Ask) -> Check {
        self.bounds.requests -= 1;
        let newest = self.stored.request.as_ref().map_or(0, |request| request.seq);
        let request = ask.request(newest + 1);
        match ask {
            Ask::Pause | Ask::PauseDrain | Ask::PauseHere | Ask::Stop | Ask::StopNow => {
                self.truth.is_halted = true;
            }
            Ask::PauseOne(_) | Ask::ResumeOne(_) => {}
            // It is left to the next run.
            _ if self.run.needs_another_run(&request) => {}
            // A retry takes up a group that does not go on.
            Ask::Resume | Ask::Retry | Ask::RetryFresh | Ask::RetryOne(_) => {
                self.truth.is_halted = false;
                self.truth.was_retried |= ask != Ask::Resume;
                self.truth.failures = 0;
                self.truth.troubles.clear();
            }
        }
        if ask == Ask::PauseHere {
            return self.tell(Input::Requested(Box::new(request)));
        }
        self.stored.request = Some(request);
        self.tell(Input::GroupChanged(Box::new(self.stored.clone())))
    }

    fn edit(&mut self, edit: Edit) -> Check {
        self.bounds.edits -= 1;
        let position = |number: usize| {
            let id = number.to_string();
            self.stored.sessions.iter().position(|session| *session.id == *id)
        };
        match edit {
            Edit::Forge(number) => {
                let Some(at) = position(number) else { return Ok(()) };
                self.stored.sessions[at].record.status = SessionStatus::Pending;
                // The next runner takes a failed session that was made pending for one to retry.
                self.truth.was_retried = true;
            }
            Edit::Remove(number) => {
                let Some(at) = position(number) else { return Ok(()) };
                self.stored.sessions.remove(at);
            }
            Edit::HalveBudget => {
                self.stored.settings.budget = self.stored.settings.budget / 2;
                self.stored.settings.warning_at = self.stored.settings.warning_at / 2;
            }
            Edit::OneAtATime => self.stored.settings.max_concurrent = 1,
            Edit::Add => {
                let number = self.processes.len();
                self.stored.sessions.push(super::world::session(number, &[0]));
                self.processes.push(Proc::default());
                self.truth.spent.push(Nanos::ZERO);
                self.truth.succeeded.push(false);
                self.truth.completions.push(0);
            }
        }
        self.tell(Input::GroupChanged(Box::new(self.stored.clone())))
    }

    /// Checks the outcome that the run gave to an attempt.
    fn check_outcome_of(&self, number: usize, process: &Proc) -> Check {
        let Some(session) = self.index(number) else { return Ok(()) };
        let attempts = &self.run.session(session).record.attempts;
        let ended = attempts.iter().find(|attempt| attempt.n == process.attempt);
        let outcome = ended.and_then(|attempt| attempt.outcome);
        if process.slept && outcome == Some(AttemptOutcome::Stalled) {
            return Err(format!("session {number} stalled while the machine slept"));
        }
        let group = self.run.group.status;
        let has_succeeded = process.printed.is_some_and(|result| result.verdict == Verdict::Success);
        if has_succeeded && outcome != Some(AttemptOutcome::Completed) && group != GroupStatus::Deleted {
            return Err(format!("session {number} succeeded, but its attempt is {outcome:?}"));
        }
        if !has_succeeded && outcome == Some(AttemptOutcome::Completed) {
            return Err(format!(
                "the attempt of session {number} is completed, but its last turn has not succeeded"
            ));
        }
        Ok(())
    }
}

impl Ask {
    /// The request, with its number.
    fn request(self, seq: u64) -> Request {
        let action = match self {
            Self::Pause | Self::PauseDrain | Self::PauseOne(_) | Self::PauseHere => ControlRequest::Pause,
            Self::Stop | Self::StopNow => ControlRequest::Stop,
            Self::Resume | Self::ResumeOne(_) => ControlRequest::Resume,
            Self::Retry | Self::RetryFresh | Self::RetryOne(_) => ControlRequest::Retry,
        };
        let sessions = match self {
            Self::PauseOne(number) | Self::ResumeOne(number) | Self::RetryOne(number) => {
                Some(vec![number.to_string().as_str().into()])
            }
            _ => None,
        };
        let (drain, now, fresh) = (self == Self::PauseDrain, self == Self::StopNow, self == Self::RetryFresh);
        Request { seq, action, sessions, drain, now, fresh }
    }
}
