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
    /// Set while what it printed before its process was adopted is read.
    replay: Option<Replay>,
}

/// The part of an output that was printed before the process was adopted. Limits of which it tells may be over by now.
struct Replay {
    /// Number of bytes that are left.
    left: u64,
    /// The time of the adoption.
    adopted_at: Wall,
    /// The end of the newest limit, if it was not lifted.
    limit: Option<Wall>,
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
        Self { session, was_answered_before: false, stream, signs, cost_before, verdict: None, replay: None }
    }

    /// Notes that the process was adopted when it had printed so many bytes, which are read again.
    pub fn adopt(&mut self, printed: u64, now: Wall) {
        self.replay = (printed > 0).then_some(Replay { left: printed, adopted_at: now, limit: None });
    }

    /// Reads a piece of the output, in order.
    pub fn read(&mut self, bytes: &[u8], now_ms: f64, mut limit: impl FnMut(Limit)) -> Vec<Input> {
        let Some(replay) = &mut self.replay else { return self.read_piece(bytes, now_ms, limit) };
        let length = usize::try_from(replay.left).unwrap_or(usize::MAX).min(bytes.len());
        replay.left -= length as u64;
        let is_over = replay.left == 0;
        let (old, new) = bytes.split_at(length);
        let mut facts = self.read_piece(old, now_ms, &mut limit);
        if is_over {
            facts.extend(self.end_replay());
            facts.extend(self.read_piece(new, now_ms, limit));
        }
        facts
    }

    /// Returns the limit that still holds by what was printed before the adoption.
    fn end_replay(&mut self) -> Option<Input> {
        let Replay { adopted_at, limit, .. } = self.replay.take()?;
        limit.filter(|until| *until > adopted_at).map(|until| Input::LimitOpened { until: Some(until) })
    }

    fn read_piece(&mut self, bytes: &[u8], now_ms: f64, limit: impl FnMut(Limit)) -> Vec<Input> {
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
        let mut facts = self.facts(&signs, limit);
        facts.extend(self.end_replay());
        facts
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
                    if let Some(replay) = &mut self.replay {
                        replay.limit = until;
                        continue;
                    }
                    limit(Limit::Reached(until));
                    Input::LimitOpened { until }
                }
                Sign::LimitLifted => {
                    if let Some(replay) = &mut self.replay {
                        replay.limit = None;
                        continue;
                    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::IsoTime;

    /// An event of a usage limit that ends at a time in seconds since 1970.
    fn reached(until: u64) -> String {
        let info = format!(r#"{{"status":"rejected","resetsAt":{until}}}"#);
        format!("{{\"type\":\"rate_limit_event\",\"rate_limit_info\":{info}}}\n")
    }

    /// A success after it.
    const LIFTED: &str = "{\"type\":\"result\",\"subtype\":\"success\",\"num_turns\":1}\n";

    fn live() -> Live {
        let session = GroupSession::new("a", "/p", "Do it.", IsoTime::of_unix_ms(0.0));
        Live::new(SessionIndex(0), session)
    }

    /// What is said of limits by an output of which a part was printed before its process was adopted at 100 s.
    fn limits(old: &[&str], new: &[&str]) -> (Vec<Input>, usize) {
        let text = [old.concat(), new.concat()].concat();
        let mut all = Vec::new();
        for size in 1..=text.len() {
            let (mut live, mut shared) = (live(), 0);
            live.adopt(old.concat().len() as u64, Wall(100_000));
            let mut facts = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                facts.extend(live.read(piece, 0.0, |_| shared += 1));
            }
            facts.extend(live.end(&Exit::default(), &[], 0.0, |_| shared += 1));
            let is_of_limits = |fact: &Input| matches!(fact, Input::LimitOpened { .. } | Input::LimitClosed);
            facts.retain(is_of_limits);
            all.push((facts, shared));
        }
        all.dedup();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn a_limit_from_before_the_adoption_counts_only_while_it_holds() {
        let opened = |until| Input::LimitOpened { until: Some(Wall(until)) };
        let (over, open) = (&*reached(50), &*reached(200));
        let none = (Vec::new(), 0);
        assert_eq!(limits(&[over], &[]), none);
        assert_eq!(limits(&[over, LIFTED], &[]), none);
        assert_eq!(limits(&[open, LIFTED], &[]), none);
        assert_eq!(limits(&[over, open], &[]), (vec![opened(200_000)], 0));
        assert_eq!(limits(&[], &[over]), (vec![opened(50_000)], 1));
        assert_eq!(limits(&[over], &[open, LIFTED]), (vec![opened(200_000), Input::LimitClosed], 2));
    }
}
