//! The end of a process as a state machine without clock and processes: when to interrupt, to close the input, to
//! terminate and to kill.

use std::time::{Duration, Instant};

use crate::claude::work::Work;
use crate::runner::process::{ProcessOptions, Step};

/// Actions on the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Ask it to end its turn.
    Interrupt,
    /// Ask it to end each background task.
    StopTasks,
    /// Close its input.
    CloseInput,
    /// Send SIGTERM.
    Terminate,
    /// Send SIGKILL.
    Kill,
}

/// The input of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// It reads what is written.
    Open,
    /// It was closed by either side.
    Closed,
    /// Another runner had it, which is gone: the process is adopted.
    Foreign,
}

/// The way of one process to its end.
#[derive(Debug)]
pub struct Ending {
    phase: Phase,
    input: Input,
    step: Option<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A turn goes on.
    Working,
    /// A turn has ended; background work goes on, or another turn follows.
    Resting(Instant),
    /// Background tasks were asked to end.
    StoppingTasks(Instant),
    /// The turn was asked to end, when there had been so many results.
    Interrupting(Instant, u64),
    /// The input is closed and nothing is left to do.
    Leaving(Instant),
    Terminating(Instant),
    Killing,
}

impl Ending {
    /// The way of a process that has just been started or adopted.
    pub fn new(input: Input) -> Self {
        Self { phase: Phase::Working, input, step: None }
    }

    /// The last step of the ladder that was taken.
    pub fn step(&self) -> Option<Step> {
        self.step
    }

    /// The time at which [`Self::update`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Working | Phase::Killing => None,
            Phase::Resting(until)
            | Phase::StoppingTasks(until)
            | Phase::Interrupting(until, _)
            | Phase::Leaving(until)
            | Phase::Terminating(until) => Some(until),
        }
    }

    /// Notes that the process no longer reads its input.
    pub fn input_broke(&mut self) {
        if self.input == Input::Open {
            self.input = Input::Closed;
        }
    }

    /// Ends the turn. Does nothing if it has ended or the process was adopted.
    pub fn interrupt(&mut self, now: Instant, work: &Work, options: &ProcessOptions) -> Vec<Action> {
        match (self.phase, self.input) {
            (Phase::Working, Input::Open) => {
                self.step = Some(Step::Interrupt);
                self.phase = Phase::Interrupting(now + options.interrupt_grace, work.results());
                vec![Action::Interrupt]
            }
            // Nothing can be asked of it any more.
            (Phase::Working, Input::Closed) => self.terminate(now, options),
            (Phase::Resting(_), Input::Open) => self.stop_tasks(now, work, options),
            _ => Vec::new(),
        }
    }

    /// Asks the background tasks to end that go on after a turn.
    pub fn end_tasks(&mut self, now: Instant, work: &Work, options: &ProcessOptions) -> Vec<Action> {
        if matches!(self.phase, Phase::Resting(_)) { self.stop_tasks(now, work, options) } else { Vec::new() }
    }

    /// Closes the input. The process still finishes its turn.
    pub fn close_input(&mut self) -> Vec<Action> {
        if self.input != Input::Open {
            return Vec::new();
        }
        self.input = Input::Closed;
        vec![Action::CloseInput]
    }

    /// Starts the ladder at SIGTERM, unless that has been done.
    pub fn terminate(&mut self, now: Instant, options: &ProcessOptions) -> Vec<Action> {
        if self.step >= Some(Step::Terminate) {
            return Vec::new();
        }
        self.step = Some(Step::Terminate);
        self.phase = Phase::Terminating(now + options.terminate_grace);
        let mut actions = self.close_input();
        actions.push(Action::Terminate);
        actions
    }

    /// Sends SIGKILL, unless that has been done.
    pub fn kill(&mut self) -> Vec<Action> {
        if self.step == Some(Step::Kill) {
            return Vec::new();
        }
        self.step = Some(Step::Kill);
        self.phase = Phase::Killing;
        let mut actions = self.close_input();
        actions.push(Action::Kill);
        actions
    }

    /// Takes the next steps after output was read or time has passed.
    pub fn update(&mut self, now: Instant, work: &Work, options: &ProcessOptions) -> Vec<Action> {
        match self.phase {
            Phase::Working | Phase::Resting(_) if work.has_ended() => self.leave(now, options),
            Phase::Working if work.is_between_turns() => {
                self.phase = Phase::Resting(now + options.background_grace);
                Vec::new()
            }
            // After an interrupt, no further turn is paid for.
            Phase::Resting(_) | Phase::Leaving(_) if !work.is_between_turns() && self.step.is_none() => {
                self.phase = Phase::Working;
                Vec::new()
            }
            Phase::Resting(until) if now >= until => self.stop_tasks(now, work, options),
            Phase::StoppingTasks(until) if now >= until || work.tasks().next().is_none() => {
                self.leave(now, options)
            }
            Phase::Interrupting(_, results) if work.results() > results => {
                self.stop_tasks(now, work, options)
            }
            Phase::Interrupting(until, _) | Phase::Leaving(until) if now >= until => {
                self.terminate(now, options)
            }
            Phase::Terminating(until) if now >= until => self.kill(),
            _ => Vec::new(),
        }
    }

    fn stop_tasks(&mut self, now: Instant, work: &Work, options: &ProcessOptions) -> Vec<Action> {
        if self.input != Input::Open || work.tasks().next().is_none() {
            return self.leave(now, options);
        }
        self.phase = Phase::StoppingTasks(now + options.task_grace);
        vec![Action::StopTasks]
    }

    fn leave(&mut self, now: Instant, options: &ProcessOptions) -> Vec<Action> {
        self.phase = Phase::Leaving(now + options.exit_grace);
        self.close_input()
    }
}

/// Returns the earlier of two deadlines.
pub fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// Returns the time that is left until a deadline.
pub fn until(deadline: Option<Instant>, now: Instant) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESULT: &str = r#"{"type":"result","subtype":"success","num_turns":1}"#;
    const INIT: &str = r#"{"type":"system","subtype":"init"}"#;
    const TASK: &str = r#"{"type":"system","subtype":"background_tasks_changed","tasks":[{"task_id":"b1"}]}"#;
    const NO_TASK: &str = r#"{"type":"system","subtype":"background_tasks_changed","tasks":[]}"#;

    struct World {
        ending: Ending,
        work: Work,
        now: Instant,
        options: ProcessOptions,
    }

    impl World {
        fn new(input: Input) -> Self {
            let (work, now, options) = (Work::default(), Instant::now(), ProcessOptions::default());
            Self { ending: Ending::new(input), work, now, options }
        }

        fn reads(&mut self, line: &str) -> Vec<Action> {
            self.work.read(line.as_bytes());
            self.ending.update(self.now, &self.work, &self.options)
        }

        fn waits(&mut self, seconds: u64) -> Vec<Action> {
            self.now += Duration::from_secs(seconds);
            self.ending.update(self.now, &self.work, &self.options)
        }

        fn interrupt(&mut self) -> Vec<Action> {
            self.ending.interrupt(self.now, &self.work, &self.options)
        }
    }

    #[test]
    fn the_input_is_closed_after_the_result_and_the_exit_awaited() {
        let mut world = World::new(Input::Open);
        assert_eq!(world.reads(INIT), []);
        assert_eq!(world.reads(RESULT), [Action::CloseInput]);
        assert_eq!(world.waits(9), []);
        assert_eq!(world.waits(1), [Action::Terminate]);
        assert_eq!(world.waits(9), []);
        assert_eq!(world.waits(1), [Action::Kill]);
        assert_eq!((world.ending.step(), world.ending.deadline()), (Some(Step::Kill), None));
    }

    #[test]
    fn background_tasks_get_their_time_and_are_then_stopped() {
        let mut world = World::new(Input::Open);
        world.reads(TASK);
        assert_eq!(world.reads(RESULT), []);
        assert_eq!(world.waits(59), []);
        assert_eq!(world.waits(1), [Action::StopTasks]);
        assert_eq!(world.reads(NO_TASK), [Action::CloseInput]);
        let mut deaf = World::new(Input::Open);
        deaf.reads(TASK);
        deaf.reads(RESULT);
        assert_eq!(deaf.waits(60), [Action::StopTasks]);
        assert_eq!(deaf.waits(2), [Action::CloseInput]);
    }

    #[test]
    fn a_turn_that_begins_after_a_result_is_not_disturbed() {
        let mut world = World::new(Input::Open);
        world.reads(TASK);
        world.reads(RESULT);
        assert_eq!(world.waits(50), []);
        assert_eq!(world.reads(INIT), []);
        assert_eq!(world.waits(600), []);
        world.reads(NO_TASK);
        assert_eq!(world.reads(RESULT), [Action::CloseInput]);
        // Even when the input is closed: the turn was paid for.
        assert_eq!(world.reads(INIT), []);
        assert_eq!(world.waits(600), []);
        assert_eq!(world.reads(RESULT), []);
        assert_eq!(world.waits(10), [Action::Terminate]);
    }

    #[test]
    fn an_interrupt_waits_for_the_result_of_the_turn() {
        let mut world = World::new(Input::Open);
        world.reads(INIT);
        assert_eq!(world.interrupt(), [Action::Interrupt]);
        assert_eq!(world.interrupt(), []);
        assert_eq!(world.reads(RESULT), [Action::CloseInput]);
        assert_eq!(world.ending.step(), Some(Step::Interrupt));
        assert_eq!(world.reads(INIT), []);
        assert_eq!(world.waits(10), [Action::Terminate]);
        let mut deaf = World::new(Input::Open);
        deaf.interrupt();
        assert_eq!(deaf.waits(5), [Action::CloseInput, Action::Terminate]);
        assert_eq!(deaf.waits(10), [Action::Kill]);
    }

    #[test]
    fn an_interrupt_after_the_result_costs_nothing_more() {
        let mut world = World::new(Input::Open);
        world.reads(TASK);
        world.reads(RESULT);
        assert_eq!(world.interrupt(), [Action::StopTasks]);
        assert_eq!(world.interrupt(), []);
        assert_eq!(world.waits(2), [Action::CloseInput]);
        assert_eq!(world.ending.step(), None);
    }

    #[test]
    fn an_interrupt_without_input_terminates() {
        let mut world = World::new(Input::Open);
        world.ending.input_broke();
        assert_eq!(world.interrupt(), [Action::Terminate]);
    }

    #[test]
    fn an_adopted_process_ends_its_turn_and_then_has_to_leave() {
        let mut world = World::new(Input::Foreign);
        assert_eq!(world.interrupt(), []);
        assert_eq!(world.reads(RESULT), []);
        assert_eq!(world.waits(10), [Action::Terminate]);
        let mut busy = World::new(Input::Foreign);
        busy.reads(TASK);
        busy.reads(RESULT);
        assert_eq!(busy.waits(60), []);
        assert_eq!(busy.waits(10), [Action::Terminate]);
    }
}
