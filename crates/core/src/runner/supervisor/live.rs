//! The output of one attempt: its session's accounts and progress, and the facts for the plan.

use std::io::{self, Read};

use crate::claude::signs::{Meaning, Sign, Signs};
use crate::claude::{ClaudeStream, Exit};
use crate::model::GroupSession;
use crate::model::number::{Usd, to_whole};
use crate::progress::SessionProgress;
use crate::runner::plan::{Input, Nanos, Progress, SessionIndex, TurnResult, Verdict, Wall};
use crate::runner::supervisor::book::Finished;

/// Size of the pieces in which a file is read, in bytes.
const PIECE: usize = 256 * 1024;

/// An attempt whose output is read.
pub struct Live {
    /// Its session.
    pub session: SessionIndex,
    /// `true` if the model had answered in its conversation before.
    pub was_answered_before: bool,
    stream: ClaudeStream,
    signs: Signs,
    /// US dollars that the session had cost before.
    cost_before: Usd,
    /// The newest result.
    verdict: Option<Verdict>,
}

/// Something that the output says, beyond the facts for the plan.
pub enum Limit {
    /// The account reached a usage limit.
    Reached(Option<Wall>),
    /// It may be used again.
    Lifted,
}

impl Live {
    /// An attempt of a session, given as it was before the attempt.
    pub fn new(session: SessionIndex, before: GroupSession) -> Self {
        let cost_before = before.cost.unwrap_or(Usd::clamped(0.0));
        let (stream, signs) = (ClaudeStream::new(before), Signs::default());
        Self { session, was_answered_before: false, stream, signs, cost_before, verdict: None }
    }

    /// Reads a piece of the output, in order.
    pub fn read(&mut self, bytes: &[u8], now_ms: f64, limit: impl FnMut(Limit)) -> Vec<Input> {
        let signs = &mut self.signs;
        self.stream.push_for(bytes, now_ms, |line| signs.read(line));
        let signs = signs.take();
        self.facts(&signs, limit)
    }

    /// Reads the end of the output.
    pub fn end(&mut self, exit: &Exit, errors: &[u8], now_ms: f64, limit: impl FnMut(Limit)) -> Vec<Input> {
        let signs = &mut self.signs;
        self.stream.end_for(exit, now_ms, |line| signs.read(line));
        let mut signs = signs.take();
        let has_failed = exit.code.is_some_and(|code| code != 0);
        if has_failed && !self.has_lines() {
            signs.extend(Meaning::of_errors(errors).map(Sign::Result));
        }
        self.facts(&signs, limit)
    }

    /// Reads the whole output of an attempt that is gone. Fails if it cannot be read to its end, where its result may be.
    pub fn read_file(&mut self, mut file: impl Read, now_ms: f64) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => drop(self.read(&piece[..length], now_ms, |_| {})),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.end(&Exit::default(), &[], now_ms, |_| {});
        Ok(())
    }

    /// The newest result, with the cost of the attempt so far.
    pub fn result(&self) -> Option<TurnResult> {
        self.verdict.map(|verdict| TurnResult { verdict, cost: self.cost() })
    }

    /// Money that the attempt is known to have spent.
    pub fn cost(&self) -> Nanos {
        Nanos::from(Usd::clamped(self.total().get() - self.cost_before.get()))
    }

    /// US dollars that the session has cost.
    pub fn total(&self) -> Usd {
        self.stream.progress_at(0.0).cost
    }

    /// Returns `true` if the attempt has printed anything.
    pub fn has_lines(&self) -> bool {
        self.stream.has_lines()
    }

    /// Returns `true` if the model has answered in this attempt.
    pub fn was_answered(&self) -> bool {
        self.signs.was_answered()
    }

    /// Names of the tools that were refused.
    pub fn denied_tools(&self) -> &[String] {
        self.stream.denied_tools()
    }

    /// The session's progress.
    pub fn progress(&self, now_ms: f64) -> SessionProgress {
        self.stream.progress_at(now_ms)
    }

    /// What is left to store once the attempt has ended.
    pub fn finished(&self, errors: &[u8]) -> Finished {
        Finished::new(&self.stream, !self.has_lines(), errors)
    }

    fn facts(&mut self, signs: &[Sign], mut limit: impl FnMut(Limit)) -> Vec<Input> {
        let mut facts = Vec::new();
        for sign in signs {
            let fact = match *sign {
                Sign::Advanced => {
                    // A turn goes on, or a further one has begun.
                    self.verdict = None;
                    Input::Progress(self.session, Progress::Advanced)
                }
                Sign::Busy(is_busy) => Input::Progress(self.session, Progress::Busy(is_busy)),
                Sign::Background(has_background) => {
                    Input::Progress(self.session, Progress::Background(has_background))
                }
                Sign::LimitReached { until_ms } => {
                    let until = until_ms.map(wall);
                    limit(Limit::Reached(until));
                    Input::LimitOpened { until }
                }
                Sign::LimitLifted => {
                    limit(Limit::Lifted);
                    Input::LimitClosed
                }
                Sign::Result(meaning) => {
                    let verdict = verdict(meaning, self.was_answered_before || self.was_answered());
                    self.verdict = Some(verdict);
                    Input::Result(self.session, TurnResult { verdict, cost: self.cost() })
                }
            };
            // Many lines at once are one sign of life.
            if facts.last() != Some(&fact) {
                facts.push(fact);
            }
        }
        facts
    }
}

fn verdict(meaning: Meaning, answered: bool) -> Verdict {
    match meaning {
        Meaning::Success => Verdict::Success,
        Meaning::Interrupted => Verdict::Interrupted,
        Meaning::UsageLimit { until_ms } => Verdict::UsageLimit { until: until_ms.map(wall) },
        Meaning::Transient => Verdict::Transient,
        Meaning::Login => Verdict::Login,
        Meaning::Billing => Verdict::Billing,
        Meaning::Refused => Verdict::Refused,
        Meaning::Cap => Verdict::Cap,
        Meaning::Turns => Verdict::Turns,
        Meaning::ConversationGone => Verdict::ConversationGone { answered },
    }
}

fn wall(unix_ms: f64) -> Wall {
    Wall(to_whole(unix_ms))
}
