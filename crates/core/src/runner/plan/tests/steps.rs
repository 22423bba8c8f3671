//! What can happen next in a world.

use super::super::timers::Timer;
use super::world::{Proc, ProcState, World};

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The run gets its first fact.
    Begin,
    /// The open commit is written.
    Write,
    /// The success of the written commit is reported.
    Report,
    /// The open commit fails; what it wrote may remain.
    FailCommit,
    /// A commanded process starts to exist.
    Spawn(usize),
    /// Its start is reported.
    ReportStart(usize),
    /// A commanded process cannot be started.
    CannotSpawn(usize),
    /// The machine lacks something for the start of a commanded process.
    Shortage(usize),
    /// The output of a process that runs cannot be written.
    LoseOutput,
    /// A process prints a result.
    Print(usize, Say),
    /// A process prints text. After a result, that begins a further turn.
    Advance(usize),
    /// A tool begins or ends.
    Busy(usize, bool),
    /// A background task begins or ends.
    Background(usize, bool),
    /// A process exits.
    Exit(usize),
    /// A look at an earlier process is answered.
    Look(usize),
    /// It cannot be answered.
    CannotTell(usize),
    /// The machine lacks something for it.
    LackLook(usize),
    /// The files of a process that never started look like those of one that is gone.
    LookAtFiles(usize),
    /// Nothing happens until the deadline.
    Time,
    /// The machine sleeps for two hours.
    Sleep,
    /// The runner dies, and another one takes over.
    Crash,
    /// The ended run is run again.
    RunAgain,
    /// The runner dies, and another process only carries out a pause or a stop.
    Settle(Ask),
    /// Another group of the account reports a usage limit.
    LimitElsewhere,
    /// Another group of the account reports its end.
    LimitOver,
    /// A request is written.
    Ask(Ask),
    /// Somebody edits the group.
    Edit(Edit),
    /// Somebody deletes the group.
    Delete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Say {
    Success,
    Interrupted,
    Cap,
    Transient,
    Refused,
    Login,
    Gone,
    Limit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    Pause,
    PauseDrain,
    PauseOne(usize),
    /// By the process that runs the group, which does not store it.
    PauseHere,
    Stop,
    StopNow,
    Resume,
    ResumeOne(usize),
    Retry,
    RetryFresh,
    /// A named session, which is retried even if its plan file dropped it.
    RetryOne(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edit {
    /// A session's record is set to "pending, without attempts".
    Forge(usize),
    /// A session is removed.
    Remove(usize),
    /// Half the budget.
    HalveBudget,
    /// One at a time.
    OneAtATime,
    /// Another session, which waits for the first.
    Add,
}

const REQUESTS: [Ask; 11] = [
    Ask::Pause,
    Ask::PauseDrain,
    Ask::PauseOne(0),
    Ask::PauseHere,
    Ask::Stop,
    Ask::StopNow,
    Ask::Resume,
    Ask::ResumeOne(0),
    Ask::Retry,
    Ask::RetryFresh,
    Ask::RetryOne(0),
];

const TERSE_REQUESTS: [Ask; 4] = [Ask::Pause, Ask::StopNow, Ask::Resume, Ask::Retry];

const SETTLEMENTS: [Ask; 4] = [Ask::Pause, Ask::PauseDrain, Ask::Stop, Ask::StopNow];

impl World {
    /// All steps that are possible now.
    pub fn steps(&self, steps: &mut Vec<Step>) {
        steps.clear();
        if self.outcome.is_some() {
            if self.bounds.reruns > 0 && !self.truth.is_deleted {
                steps.push(Step::RunAgain);
            }
            return;
        }
        if !self.run.has_begun {
            steps.push(Step::Begin);
            return;
        }
        match &self.commit {
            Some((_, false)) => steps.push(Step::Write),
            Some((_, true)) => steps.push(Step::Report),
            None => {}
        }
        if self.commit.is_some() && self.bounds.failed_commits > 0 {
            steps.push(Step::FailCommit);
        }
        for number in 0..self.processes.len() {
            self.steps_of(number, steps);
        }
        if self.run.deadline().is_some() && (self.bounds.hangs > 0 || !self.is_hang()) {
            steps.push(Step::Time);
        }
        let is_running = |process: &Proc| process.state == ProcState::Running;
        if self.bounds.failed_commits > 0 && self.processes.iter().any(is_running) {
            steps.push(Step::LoseOutput);
        }
        if self.bounds.sleeps > 0 {
            steps.push(Step::Sleep);
        }
        if self.bounds.crashes > 0 {
            steps.push(Step::Crash);
        }
        if self.bounds.settlements > 0 && !self.truth.is_deleted {
            steps.extend(SETTLEMENTS.map(Step::Settle));
        }
        if self.bounds.limits > 0 {
            steps.push(Step::LimitElsewhere);
        }
        if self.bounds.limits > 0 && self.truth.limited_until.is_some() {
            steps.push(Step::LimitOver);
        }
        if self.bounds.requests > 0 && !self.truth.is_deleted {
            let requests: &[Ask] = if self.bounds.is_terse { &TERSE_REQUESTS } else { &REQUESTS };
            steps.extend(requests.iter().copied().map(Step::Ask));
        }
        if self.bounds.edits > 0 && !self.truth.is_deleted {
            steps
                .extend((0..self.stored.sessions.len().min(2)).map(|number| Step::Edit(Edit::Forge(number))));
            steps.push(Step::Edit(Edit::Remove(0)));
            steps.extend([Edit::HalveBudget, Edit::OneAtATime, Edit::Add].map(Step::Edit));
        }
        if self.bounds.deletions > 0 {
            steps.push(Step::Delete);
        }
    }

    /// Returns `true` if the deadline is that of a process, which does not react in time then.
    pub fn is_hang(&self) -> bool {
        matches!(self.run.timers.next_timer(), Some(Timer::Stall(_) | Timer::Timeout(_) | Timer::Stage(_)))
    }

    fn steps_of(&self, number: usize, steps: &mut Vec<Step>) {
        let process = &self.processes[number];
        if process.is_looked_at {
            steps.push(Step::Look(number));
            if self.bounds.unknown > 0 {
                steps.extend([Step::CannotTell(number), Step::LackLook(number)]);
            }
            if self.bounds.unknown > 0 && self.never_started(number) {
                steps.push(Step::LookAtFiles(number));
            }
        }
        match process.state {
            ProcState::None | ProcState::Gone => {}
            ProcState::Commanded => {
                steps.push(Step::Spawn(number));
                if self.bounds.troubles > 0 {
                    steps.push(Step::CannotSpawn(number));
                }
                if self.bounds.failed_commits > 0 {
                    steps.push(Step::Shortage(number));
                }
            }
            ProcState::Spawned if !process.is_orphan => steps.push(Step::ReportStart(number)),
            ProcState::Spawned | ProcState::Running => self.steps_of_running(number, process, steps),
        }
    }

    fn steps_of_running(&self, number: usize, process: &Proc, steps: &mut Vec<Step>) {
        let must_exit = process.is_terminated || process.is_killed;
        let is_done = process.printed.is_some() && (process.is_closed || process.is_orphan);
        if must_exit || is_done || self.bounds.troubles > 0 {
            steps.push(Step::Exit(number));
        }
        let is_active = self.bounds.activity > 0 && process.state == ProcState::Running && !process.is_orphan;
        if process.has_background {
            steps.push(Step::Background(number, false));
        } else if is_active && !must_exit {
            steps.push(Step::Background(number, true));
        }
        // A further turn, but not of one that is being stopped.
        let may_go_on = process.printed.is_some() && process.has_background && !process.is_interrupted;
        if may_go_on && is_active && !must_exit {
            steps.push(Step::Advance(number));
        }
        if process.printed.is_some() || process.is_killed {
            return;
        }
        steps.push(Step::Print(number, Say::Success));
        if process.is_interrupted {
            steps.push(Step::Print(number, Say::Interrupted));
        }
        if self.bounds.troubles > 0 {
            let troubles = [Say::Transient, Say::Refused, Say::Login, Say::Gone];
            steps.extend(troubles.map(|say| Step::Print(number, say)));
            if process.cap.is_some() {
                steps.push(Step::Print(number, Say::Cap));
            }
        }
        if self.bounds.limits > 0 {
            steps.push(Step::Print(number, Say::Limit));
        }
        if is_active {
            steps.push(Step::Advance(number));
            steps.push(Step::Busy(number, !process.is_busy));
        }
    }
}
