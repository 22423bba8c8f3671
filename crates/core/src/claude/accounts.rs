//! Cost and tokens of a session, over all its runs.
//!
//! The counter that Claude Code prints with each result is not the session's total. In each process it starts from a
//! base: zero, a counter saved by an earlier run of the session, or that of the session it was forked from. It can
//! return to zero within a process. Which base it is follows from what this run's own messages used: the counter
//! cannot show less than its base and them.

use crate::claude::counters::{Base, Counter, MAX_PRINTED, ROUNDING, UsageCounters};
use crate::claude::line::{Line, Object};
use crate::claude::messages::Used;
use crate::claude::tokens::Tokens;
use crate::model::GroupSession;
use crate::model::money::Money;
use crate::model::types::to_whole;

/// The accounts of a session during one run.
#[derive(Debug)]
pub struct Accounts {
    cost_before: f64,
    tokens_before: Tokens,
    counters_before: UsageCounters,
    /// Counters of the session's own runs, newest first.
    own: Vec<Base>,
    /// Counters of its relatives, newest first for each.
    related: Vec<Related>,
    saved: Saved,
    /// Amounts spent before the counter last returned to zero.
    settled_cost: Money,
    settled_tokens: Tokens,
    /// The counter's way since it started or returned to zero.
    epoch: Option<Epoch>,
    origin: Origin,
    since_base: Evidence,
    since_counter: Evidence,
    /// Tokens of turns whose results show none by model.
    turns: Tokens,
    /// Tokens of earlier runs that this run's base includes, and that were counted before.
    counted_twice: Tokens,
    next_index: u64,
    cost: Option<f64>,
    /// The last counter of each session of Claude Code in this run.
    printed: Vec<(String, Counter)>,
    /// The number of changes of `printed`.
    revision: u64,
    /// Claude Code's session id and the counter in its transcript when the run began.
    started_from: Option<(String, Counter)>,
    /// The process was killed before it could save its counters.
    is_killed: bool,
}

/// The counter's starting point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Zero, or a counter of an earlier run.
    Earlier,
    /// Zero, to which it returned within the run.
    Reset,
    /// Zero, in the new session that began when the conversation was cleared.
    Cleared,
}

/// A counter of a relative.
#[derive(Debug)]
struct Related {
    /// Printed under the relative's newest session id, from which it is forked now.
    is_newest: bool,
    base: Base,
}

/// Tells if counters are saved in the session's transcript, so that a later run goes on from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saved {
    /// Up to 2.1.276. Every process starts from zero.
    Never,
    /// Since 2.1.277.
    Always,
    /// The version is not known.
    Perhaps,
}

/// A counter's way from its base.
#[derive(Debug, Clone, Copy)]
struct Epoch {
    base: Counter,
    last: Counter,
    /// Tokens that were certainly used between the two.
    at_least: Tokens,
}

impl Epoch {
    fn tokens(&self) -> Tokens {
        self.last.tokens.minus(self.base.tokens).max(self.at_least)
    }
}

/// Lower bounds of the tokens used in a part of a run.
#[derive(Debug, Clone, Copy, Default)]
struct Evidence {
    /// Usage by the results: the main conversation's final counts.
    results: Tokens,
    /// Usage by the messages: also sub-agents', but with provisional output.
    messages: Tokens,
    /// The same without aborted messages, which may not be billed.
    billed: Tokens,
}

impl Evidence {
    fn add(&mut self, turn: Tokens, used: &Used) {
        self.results = self.results.plus(turn);
        self.messages = self.messages.plus(used.at_least);
        self.billed = self.billed.plus(used.billed);
    }

    fn at_least(&self) -> Tokens {
        self.results.max(self.messages)
    }

    fn billed(&self) -> Tokens {
        self.results.max(self.billed)
    }
}

/// The figures of a result line.
struct Figures {
    /// `total_cost_usd`, or else the sum over `modelUsage`.
    cost: Option<f64>,
    /// The tokens of `modelUsage`; `None` where it is missing or empty.
    models: Option<Tokens>,
    /// The sum over `model_usage_since_last_result`.
    since_last: Option<Counter>,
    /// The tokens of `usage`: the main conversation in this turn.
    turn: Tokens,
    /// `result_index`.
    index: Option<u64>,
}

impl Figures {
    /// Reads a result line. `last` is the counter of the result before.
    fn of(line: &Line<'_>, last: Counter) -> Self {
        let usage =
            |key| line.object(key).filter(|models| models.values().len() > 0).map(|models| sum(&models));
        let models = usage("modelUsage");
        let since_last = usage("model_usage_since_last_result");
        let has_since_last = line.object("model_usage_since_last_result").is_some();
        let dollars = line.number("total_cost_usd").filter(|cost| *cost >= 0.0);
        let next = since_last.map(|since| last.plus(since));
        Self {
            cost: dollars.or(models.or(next).map(|counter| counter.cost)),
            models: models.or(next).map(|counter| counter.tokens),
            since_last: has_since_last.then(|| since_last.unwrap_or_default()),
            turn: line.object("usage").map(|usage| Tokens::of_message(&usage)).unwrap_or_default(),
            index: line.number("result_index").map(to_whole),
        }
    }
}

/// The sum over all models.
fn sum(models: &Object<'_>) -> Counter {
    let mut cost = Money::default();
    let mut tokens = Tokens::default();
    for model in models.values().filter_map(Object::of) {
        cost += model.number("costUSD").filter(|cost| *cost >= 0.0).unwrap_or(0.0);
        tokens = tokens.plus(Tokens::of_model(&model));
    }
    Counter { cost: cost.to_dollars(), tokens }
}

impl Accounts {
    /// The accounts of a session before a run. It may have been forked from one of its relatives.
    pub fn new(session: &GroupSession, relatives: &[GroupSession]) -> Self {
        let counters_before = UsageCounters::of(session);
        let related = relatives.iter().flat_map(|relative| {
            let bases = UsageCounters::of(relative).bases().collect::<Vec<_>>();
            let newest_id = relative.claude_session_id.clone().unwrap_or_default();
            bases.into_iter().map(move |base| Related { is_newest: base.session_id == newest_id, base })
        });
        Self {
            cost_before: session.cost.unwrap_or(0.0),
            tokens_before: session.tokens.unwrap_or_default().into(),
            own: counters_before.bases().collect(),
            related: related.collect(),
            counters_before,
            saved: Saved::Perhaps,
            settled_cost: Money::default(),
            settled_tokens: Tokens::default(),
            epoch: None,
            origin: Origin::Earlier,
            since_base: Evidence::default(),
            since_counter: Evidence::default(),
            turns: Tokens::default(),
            counted_twice: Tokens::default(),
            next_index: 0,
            cost: None,
            printed: Vec::new(),
            revision: 0,
            started_from: None,
            is_killed: false,
        }
    }

    /// Notes that the process was killed before it could save its counters.
    pub fn kill(&mut self) {
        self.is_killed = true;
    }

    /// Notes the version that runs.
    pub fn set_version(&mut self, version: Option<&str>) {
        self.saved = match version.and_then(parse_version) {
            None => Saved::Perhaps,
            Some(version) if version >= (2, 1, 277) => Saved::Always,
            Some(_) => Saved::Never,
        };
    }

    /// Returns `true` if any turn of this run that ended has cost or used something.
    pub fn has_counted(&self) -> bool {
        self.cost.is_some() || !self.settled_tokens.plus(self.turns).is_zero()
    }

    /// A number for the state of the counters, pending usage aside.
    pub fn state(&self) -> (u64, Tokens, bool) {
        (self.revision, self.turns, self.saved == Saved::Never)
    }

    /// US dollars over all runs. `None` before a result.
    pub fn cost(&self) -> Option<f64> {
        self.cost
    }

    /// Tokens over all runs. `pending` is what messages used since the last result.
    pub fn tokens(&self, pending: &Used) -> Tokens {
        let epoch = self.epoch.as_ref().map(Epoch::tokens).unwrap_or_default();
        let run = self.settled_tokens.plus(epoch).plus(self.turns).plus(pending.all());
        self.tokens_before.minus(self.counted_twice).plus(run)
    }

    /// The counters to store with the session.
    pub fn counters(&self, session_id: &str, pending: &Used) -> UsageCounters {
        let mut counters = self.counters_before.clone();
        for (id, counter) in &self.printed {
            if self.is_killed {
                counters.print_unsaved(id, *counter);
                counters.print(id, self.saved_before(id));
            } else {
                counters.print(id, *counter);
            }
        }
        let earlier = if self.printed.is_empty() { counters.unshown(session_id) } else { Tokens::default() };
        let unshown = earlier.plus(self.turns).plus(pending.all());
        counters
            .set_unshown(session_id, if self.saved == Saved::Never { Tokens::default() } else { unshown });
        counters
    }

    /// The counter that a session's transcript had before this run.
    fn saved_before(&self, session_id: &str) -> Counter {
        let before = self.started_from.as_ref().filter(|(id, _)| id == session_id);
        before.map(|(_, counter)| *counter).unwrap_or_default()
    }

    /// Notes that the conversation was cleared: the counter starts again from zero, and so does the session.
    pub fn reset(&mut self, used: &Used) {
        self.settle();
        self.settled_tokens = self.settled_tokens.plus(self.turns).plus(used.all());
        self.turns = Tokens::default();
        self.since_base = Evidence::default();
        self.since_counter = Evidence::default();
        self.origin = Origin::Cleared;
    }

    /// Takes the figures of a result. `used` is what messages used since the last one.
    pub fn result(&mut self, line: &Line<'_>, session_id: &str, used: &Used) {
        let last = self.epoch.map(|epoch| epoch.last).unwrap_or_default();
        let figures = Figures::of(line, last);
        // A result without usage, as that of an aborted turn, says less than its messages.
        let turn = if figures.turn.is_zero() { used.main } else { figures.turn };
        self.since_base.add(turn, used);
        self.since_counter.add(turn, used);
        self.turns = self.turns.plus(turn.max(used.main)).plus(used.subagents);
        let has_gap = figures.index.is_some_and(|index| index > self.next_index);
        self.next_index = figures.index.unwrap_or(self.next_index).saturating_add(1);
        if let Some(cost) = figures.cost {
            // Some failed results show nothing, whether the counter has returned to zero or not: the next one tells.
            if cost > 0.0 || figures.models.is_some() {
                self.count(cost, &figures, has_gap, session_id);
            }
            self.cost = Some(self.total_cost());
        }
    }

    fn count(&mut self, cost: f64, figures: &Figures, has_gap: bool, session_id: &str) {
        let is_first = self.epoch.is_none();
        let Some(tokens) = figures.models else {
            return self.count_cost(cost, session_id);
        };
        let counter = Counter { cost, tokens };
        let since_last = figures.since_last.filter(|_| !(has_gap && is_first));
        let before_turn = since_last.map(|since| counter.minus(since));
        match (&self.epoch, before_turn) {
            (None, Some(before)) => {
                let base = self.base_before(before, session_id);
                self.open(base, before.tokens, session_id);
                if !base.is(before) {
                    // The transcript holds it until this run ends.
                    self.counters_before.print(session_id, before);
                }
            }
            (None, None) => {
                let base = self.base_of(counter, session_id);
                self.open(base, tokens.minus(self.since_base.billed()), session_id);
            }
            // More than was shown at last is a result that was lost.
            (Some(epoch), Some(before)) if before.covers(epoch.last) => {}
            (Some(_), Some(before)) => self.restart(before),
            (Some(epoch), None) if self.goes_on(epoch, counter) => {}
            (Some(_), None) => self.restart(Counter::default()),
        }
        self.show(counter, session_id);
        let repeated = if self.origin == Origin::Earlier { self.counted_twice } else { Tokens::default() };
        if let Some(epoch) = &mut self.epoch {
            epoch.at_least = self.since_base.at_least().plus(repeated);
        }
        self.turns = Tokens::default();
        self.since_counter = Evidence::default();
    }

    /// Takes a counter that shows dollars and no tokens, as those of old versions.
    fn count_cost(&mut self, cost: f64, session_id: &str) {
        match self.epoch {
            Some(epoch) if cost >= epoch.last.cost - ROUNDING => {}
            Some(_) => self.restart(Counter::default()),
            None => {
                let is_base =
                    |base: &&Base| base.session_id == session_id && base.counter.cost <= cost + ROUNDING;
                let goes_on = self.saved == Saved::Always && self.origin == Origin::Earlier;
                let base = self.own.iter().find(is_base).filter(|_| goes_on).map(|base| base.counter);
                self.epoch = Some(Epoch::at(base.unwrap_or_default()));
            }
        }
        let tokens = self.epoch.map(|epoch| epoch.last.tokens).unwrap_or_default();
        self.show(Counter { cost, tokens }, session_id);
    }

    /// Begins the counter's way. `shown` are tokens that the counter includes beside those of this run.
    fn open(&mut self, base: Counter, shown: Tokens, session_id: &str) {
        if self.origin == Origin::Earlier {
            let unshown = self.counters_before.unshown(session_id);
            self.counted_twice = unshown.min(shown.minus(base.tokens));
            self.started_from = Some((session_id.to_owned(), base))
                .filter(|_| self.saved != Saved::Never && !session_id.is_empty());
        }
        self.epoch = Some(Epoch::at(base));
    }

    /// Notes a new counter.
    fn show(&mut self, counter: Counter, session_id: &str) {
        if let Some(epoch) = &mut self.epoch {
            epoch.last = counter;
        }
        self.print(counter, session_id);
    }

    /// Notes the counter from which a later run may go on.
    fn print(&mut self, counter: Counter, session_id: &str) {
        // Old versions do not save their counter, but a session that they began certainly has none.
        let counter = if self.saved == Saved::Never { Counter::default() } else { counter };
        if self.saved == Saved::Never && self.origin != Origin::Cleared {
            return;
        }
        match self.printed.iter_mut().rev().find(|(id, _)| id == session_id) {
            Some((_, printed)) if printed.is(counter) => {}
            Some((_, printed)) => {
                *printed = counter;
                self.revision += 1;
            }
            None => self.add_printed(session_id, counter),
        }
    }

    fn add_printed(&mut self, session_id: &str, counter: Counter) {
        if self.printed.len() == MAX_PRINTED {
            self.printed.remove(0);
        }
        self.printed.push((session_id.to_owned(), counter));
        self.revision += 1;
    }

    /// Ends the counter's way: what it has shown is spent.
    fn settle(&mut self) {
        if let Some(epoch) = self.epoch.take() {
            self.settled_cost += epoch.last.cost;
            self.settled_cost -= epoch.base.cost;
            self.settled_tokens = self.settled_tokens.plus(epoch.tokens());
        }
    }

    /// The counter went on from another base than it was seen at last.
    fn restart(&mut self, base: Counter) {
        self.settle();
        if self.origin == Origin::Earlier {
            self.origin = Origin::Reset;
        }
        self.since_base = self.since_counter;
        self.epoch = Some(Epoch::at(base));
    }

    fn total_cost(&self) -> f64 {
        let mut total = self.settled_cost.clone();
        total += self.cost_before;
        if let Some(epoch) = &self.epoch {
            total += epoch.last.cost;
            total -= epoch.base.cost;
        }
        total.to_dollars().max(self.cost.unwrap_or(self.cost_before)).min(f64::MAX)
    }

    /// Returns `true` if a later counter of the process goes on from the last one, and `false` if it has returned to
    /// zero in between.
    fn goes_on(&self, epoch: &Epoch, counter: Counter) -> bool {
        if !counter.covers(epoch.last) {
            return false;
        }
        // Less than the messages used: either some were not billed, or what came before the counter was reset is missing.
        let used = self.since_base.billed();
        let missing = used.minus(counter.tokens.minus(epoch.base.tokens)).total();
        let unexplained = counter.tokens.minus(self.since_counter.billed()).total();
        missing == 0 || missing < unexplained
    }

    /// The counter from which this run went on, by what it showed before the first turn.
    fn base_before(&self, before: Counter, session_id: &str) -> Counter {
        if self.origin != Origin::Earlier || before.is(Counter::default()) {
            return Counter::default();
        }
        if let Some(same) = self.bases().find(|base| base.is(before)) {
            return same;
        }
        // More than was seen at last of the same session: turns that were cut off, and are paid now.
        let unshown = self.counters_before.unshown(session_id);
        let nothing = Counter::default();
        let includes_unshown = |base: &Counter| {
            !unshown.is_zero() && before.covers(*base) && before.tokens.minus(base.tokens).covers(unshown)
        };
        let forked = self.parents().chain([nothing]).find(includes_unshown);
        self.own_of(session_id).find(|base| before.covers(*base)).or(forked).unwrap_or(before)
    }

    /// The counter from which this run went on, by what it shows now and what its messages used.
    fn base_of(&self, counter: Counter, session_id: &str) -> Counter {
        let zero = Counter::default();
        if self.origin != Origin::Earlier || self.saved == Saved::Never {
            return zero;
        }
        let used = self.since_base.billed();
        let grown = |base: Counter| counter.tokens.minus(base.tokens);
        let is_exact = |base: &Counter| {
            !base.tokens.is_zero() && counter.covers(*base) && grown(*base).has_same_input(used)
        };
        if let Some(exact) = self.bases().find(is_exact) {
            return exact;
        }
        if self.saved == Saved::Perhaps || counter.tokens.has_same_input(used) {
            return zero;
        }
        // Usage that no message shows hides which one it is. A session with a new id has most likely started anew,
        // unless it may be a fork.
        let related =
            self.related.iter().filter(|related| related.is_newest).map(|related| related.base.counter);
        let bases = || self.own_of(session_id).chain(related.clone()).filter(|base| counter.covers(*base));
        // Some messages may not have been billed: better a base that misses a little than one that explains nothing.
        let missing = |base: &Counter| used.minus(grown(*base)).total();
        let newest = bases().find(|base| missing(base) == 0).unwrap_or(zero);
        let closest = bases().min_by_key(missing).unwrap_or(zero);
        if missing(&closest) < grown(newest).minus(used).total() { closest } else { newest }
    }

    /// Counters of the session's own runs, then of its relatives.
    fn bases(&self) -> impl Iterator<Item = Counter> {
        self.own.iter().chain(self.related.iter().map(|related| &related.base)).map(|base| base.counter)
    }

    /// Counters of the relatives' newest sessions, from which a fork goes on.
    fn parents(&self) -> impl Iterator<Item = Counter> {
        self.related.iter().filter(|related| related.is_newest).map(|related| related.base.counter)
    }

    /// Counters of the session's own runs under one of Claude Code's session ids.
    fn own_of(&self, session_id: &str) -> impl Iterator<Item = Counter> {
        self.own.iter().filter(move |base| base.session_id == session_id).map(|base| base.counter)
    }
}

impl Epoch {
    fn at(base: Counter) -> Self {
        Self { base, last: base, at_least: Tokens::default() }
    }
}

/// `2.1.277` as numbers.
fn parse_version(version: &str) -> Option<(u64, u64, u64)> {
    let mut numbers = version.split(['.', '-', '+', ' ']).map_while(|part| part.parse().ok());
    Some((numbers.next()?, numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        let version = |text: &str| parse_version(text).unwrap();
        assert!(version("2.1.276") < (2, 1, 277) && version("2.0.999") < (2, 1, 277));
        assert!(version("2.1.277-beta.1") >= (2, 1, 277) && version("10.0.0") >= (2, 1, 277));
        assert_eq!((parse_version(""), parse_version("next")), (None, None));
    }
}
