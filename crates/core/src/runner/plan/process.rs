//! A process from its start to its exit: watchdogs, the end of its work, and the stop ladder.

use super::input::{Progress, TurnResult, Verdict};
use super::nanos::Nanos;
use super::session::{Phase, Process, SessionIndex, Stage, StopReason};
use super::timers::Timer;
use super::{Command, Event, Failure, Run, planted};
use crate::model::run::AttemptOutcome;

/// What happens to running sessions when no more start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Force {
    /// They finish their turns.
    Drain,
    /// They are interrupted.
    Interrupt,
    /// They are terminated without an interrupt.
    Terminate,
}

impl Process {
    /// A process that works on its turn.
    pub fn new(now: super::Monotonic) -> Self {
        Self {
            is_adopted: false,
            was_gone: false,
            stage: Stage::Working,
            stop: None,
            verdict: None,
            is_busy: false,
            has_background: false,
            has_open_turn: true,
            slept: false,
            since: now,
            ran_before_ms: 0,
        }
    }
}

impl Run {
    /// The commanded process runs: it is recorded and watched, and stopped if a halt came meanwhile.
    pub(super) fn started(&mut self, session: SessionIndex) {
        if self.session(session).phase != Phase::Spawning {
            return;
        }
        self.shortage_since = None;
        self.commits.report(Event::SessionStarted(session));
        self.watch(session, Process::new(self.now.monotonic));
    }

    /// Begins to watch a process that runs.
    pub(super) fn watch(&mut self, session: SessionIndex, process: Process) {
        let ran_ms = process.ran_before_ms;
        let entry = self.session_mut(session);
        entry.phase = Phase::Running(process);
        if let Some(attempt) = entry.record.attempts.last_mut() {
            attempt.has_process = true;
        }
        let used_ms = entry.record.run_ms.saturating_sub(entry.forgiven_ms).saturating_add(ran_ms);
        if let Some(timeout_ms) = entry.settings.timeout_ms {
            let left_ms = timeout_ms.saturating_sub(used_ms);
            self.timers.set(Timer::Timeout(session), self.now.monotonic.after(left_ms));
        }
        self.restart_stall_timer(session);
        self.changed(session);
        if !planted!(self, PauseForgottenWhileSpawning) {
            self.hold_back(session);
        }
    }

    /// The commanded process could not be started: the session failed.
    pub(super) fn not_started(&mut self, session: SessionIndex) {
        if self.session(session).phase != Phase::Spawning {
            return;
        }
        let entry = self.session_mut(session);
        entry.phase = Phase::Idle;
        if let Some(attempt) = entry.record.attempts.last_mut() {
            attempt.outcome = Some(AttemptOutcome::Failed);
        }
        self.probe_ended(session);
        self.fail(session, Failure::CannotStart);
        self.count_trouble(session);
    }

    /// A sign of life, or a change in what the session waits for.
    pub(super) fn progressed(&mut self, session: SessionIndex, progress: Progress) {
        let Some(process) = self.session_mut(session).process_mut() else { return };
        let is_after_result = matches!(process.stage, Stage::Background | Stage::Closing);
        let begins_turn = progress == Progress::Advanced && is_after_result && process.stop.is_none();
        match progress {
            // Background work that ended woke the session for a further turn, whose result counts. A process that is being
            // stopped may not get to it.
            Progress::Advanced => {
                process.has_open_turn = true;
                process.verdict = None;
            }
            Progress::Busy(is_busy) => process.is_busy = is_busy,
            Progress::Background(has_background) => process.has_background = has_background,
        }
        if begins_turn {
            process.stage = Stage::Working;
        }
        let work_ended = process.stage == Stage::Background && !process.has_background;
        if begins_turn {
            self.timers.stop(Timer::Stage(session));
        }
        self.restart_stall_timer(session);
        if progress == Progress::Advanced {
            self.probe_answered(session);
        }
        if work_ended {
            self.close(session);
        }
    }

    /// A session stalls when it prints nothing, unless a tool, an API retry or background work is under way.
    pub(super) fn restart_stall_timer(&mut self, session: SessionIndex) {
        let timer = Timer::Stall(session);
        let entry = self.session(session);
        let Some(process) = entry.process() else { return };
        let waits = (process.is_busy || process.has_background) && !planted!(self, BusySessionsStall);
        if process.stage == Stage::Working && !waits {
            let at = self.now.monotonic.after(entry.settings.stall_timeout_ms);
            self.timers.set(timer, at);
        } else {
            self.timers.stop(timer);
        }
    }

    /// No progress for too long: the turn is interrupted, and the session resumed once.
    pub(super) fn stalled(&mut self, session: SessionIndex) {
        self.stop(session, StopReason::Stall, Force::Interrupt);
    }

    /// Running for too long: the turn is interrupted, and the session failed.
    pub(super) fn timed_out(&mut self, session: SessionIndex) {
        self.stop(session, StopReason::Timeout, Force::Interrupt);
    }

    /// Too much output: the turn is interrupted, and the session failed.
    pub(super) fn output_limit(&mut self, session: SessionIndex) {
        self.stop(session, StopReason::OutputLimit, Force::Interrupt);
    }

    /// A result settles the money. The process ends once no background work is open.
    pub(super) fn result(&mut self, session: SessionIndex, result: TurnResult) {
        let Some(process) = self.session_mut(session).process_mut() else { return };
        process.verdict = Some(result.verdict);
        process.has_open_turn = false;
        let (stage, has_background) = (process.stage, process.has_background);
        self.book(session, result.cost);
        if let Verdict::UsageLimit { until } = result.verdict {
            self.limit_reached(session, until);
        } else {
            self.probe_answered(session);
        }
        match stage {
            Stage::Working if has_background => {
                self.enter(session, Stage::Background, self.options.background_ms);
            }
            Stage::Working | Stage::Interrupted => self.close(session),
            Stage::Background | Stage::Closing | Stage::Terminated | Stage::Killed => {}
        }
        self.changed(session);
    }

    /// Sets the money that the open attempt has spent.
    pub(super) fn book(&mut self, session: SessionIndex, cost: Nanos) {
        let books_reservation = planted!(self, ReservationBookedAsCost);
        let record = &mut self.session_mut(session).record;
        let Some(attempt) = record.attempts.last_mut().filter(|attempt| attempt.outcome.is_none()) else {
            return;
        };
        let cost = if books_reservation { attempt.reserved } else { cost };
        record.cost = record.cost - attempt.cost + cost;
        attempt.cost = cost;
    }

    /// The process is gone. What it left behind is swept, which holds up nothing else.
    pub(super) fn exited(&mut self, session: SessionIndex, cost: Nanos) {
        if self.session(session).process().is_none() {
            return;
        }
        if !planted!(self, SweepForgotten) {
            self.commands.push_back(Command::Sweep(session));
        }
        let phase = std::mem::replace(&mut self.session_mut(session).phase, Phase::Idle);
        if let Phase::Running(process) = phase {
            self.timers.stop_process(session);
            self.end_attempt(session, &process, cost);
        }
    }

    /// Begins to stop a process: by an interrupt, or by SIGTERM where only that is possible.
    pub(super) fn stop(&mut self, session: SessionIndex, reason: StopReason, force: Force) {
        let Some(process) = self.session_mut(session).process_mut() else { return };
        process.stop = match process.stop {
            // A pause replaces a stall, after which the session would have been resumed anyway.
            None | Some(StopReason::Stall) => Some(reason),
            Some(earlier) => Some(earlier),
        };
        let (stage, is_adopted) = (process.stage, process.is_adopted);
        self.timers.stop(Timer::Stall(session));
        self.timers.stop(Timer::Timeout(session));
        let must_terminate = force == Force::Terminate;
        let can_interrupt = !is_adopted || planted!(self, AdoptedInterrupted);
        match stage {
            Stage::Working if can_interrupt && !must_terminate => self.interrupt(session),
            // There is no turn to interrupt.
            Stage::Background if can_interrupt && !must_terminate => self.close(session),
            Stage::Working | Stage::Background => self.terminate(session),
            Stage::Interrupted | Stage::Closing if must_terminate => self.terminate(session),
            Stage::Interrupted | Stage::Closing | Stage::Terminated | Stage::Killed => {}
        }
    }

    /// The time of a stage is over: the next one begins.
    pub(super) fn stage_is_over(&mut self, session: SessionIndex) {
        let Some(process) = self.session(session).process() else { return };
        match process.stage {
            Stage::Background if !process.is_adopted => self.close(session),
            Stage::Background | Stage::Interrupted | Stage::Closing => self.terminate(session),
            Stage::Terminated => {
                self.set_stage(session, Stage::Killed);
                self.commands.push_back(Command::Kill(session));
            }
            Stage::Working | Stage::Killed => {}
        }
    }

    fn interrupt(&mut self, session: SessionIndex) {
        self.commands.push_back(Command::Interrupt(session));
        self.enter(session, Stage::Interrupted, self.options.interrupt_ms);
    }

    /// Closes standard input, after which the process exits. It would first wait for its background tasks, so they are asked
    /// to end. Standard input of an adopted process was closed when its runner died.
    fn close(&mut self, session: SessionIndex) {
        let Some(process) = self.session(session).process() else { return };
        if !process.is_adopted {
            if process.has_background && !planted!(self, TasksNotStopped) {
                self.commands.push_back(Command::StopTasks(session));
            }
            self.commands.push_back(Command::CloseInput(session));
        }
        self.enter(session, Stage::Closing, self.options.exit_ms);
    }

    fn terminate(&mut self, session: SessionIndex) {
        self.commands.push_back(Command::Terminate(session));
        self.enter(session, Stage::Terminated, self.options.terminate_ms);
    }

    /// Begins a stage that ends by itself after a time.
    fn enter(&mut self, session: SessionIndex, stage: Stage, milliseconds: u64) {
        self.set_stage(session, stage);
        if !planted!(self, LadderWithoutTimer) {
            self.timers.set(Timer::Stage(session), self.now.monotonic.after(milliseconds));
        }
    }

    fn set_stage(&mut self, session: SessionIndex, stage: Stage) {
        self.timers.stop(Timer::Stall(session));
        if let Some(process) = self.session_mut(session).process_mut() {
            process.stage = stage;
        }
    }
}
