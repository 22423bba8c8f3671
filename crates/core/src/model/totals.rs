//! Totals of sessions: their number by status, what they cost and the tokens they used.
//!
//! ```
//! use session_groups::model::totals::Totals;
//! use session_groups::model::{SessionStatus, TokenUsage};
//!
//! let mut totals = Totals::default();
//! for _ in 0..10 {
//!     totals.add(SessionStatus::Completed, 0.1, &TokenUsage::default());
//! }
//! assert_eq!((totals.completed(), totals.cost()), (10, 1.0));
//! ```

use crate::model::money::Money;
use crate::model::number::Count;
use crate::model::{SessionStatus, TokenUsage};

/// Totals that change with each session that is added or removed, so that reading them takes constant time.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    by_status: [usize; SessionStatus::NAMES.len()],
    cost: Money,
    input: u128,
    output: u128,
    cache_read: u128,
    cache_write: u128,
}

impl Totals {
    /// Adds a session.
    pub fn add(&mut self, status: SessionStatus, cost: f64, tokens: &TokenUsage) {
        self.count(status);
        self.spend(cost, tokens);
    }

    /// Removes a session that was added with these values.
    pub fn remove(&mut self, status: SessionStatus, cost: f64, tokens: &TokenUsage) {
        self.by_status[status as usize] -= 1;
        self.cost -= cost;
        self.input -= wide(tokens.input);
        self.output -= wide(tokens.output);
        self.cache_read -= wide(tokens.cache_read.unwrap_or_default());
        self.cache_write -= wide(tokens.cache_write.unwrap_or_default());
    }

    /// Counts a session without what it spent.
    pub fn count(&mut self, status: SessionStatus) {
        self.by_status[status as usize] += 1;
    }

    /// Adds what a session spent without counting it.
    pub fn spend(&mut self, cost: f64, tokens: &TokenUsage) {
        self.cost += cost;
        self.input += wide(tokens.input);
        self.output += wide(tokens.output);
        self.cache_read += wide(tokens.cache_read.unwrap_or_default());
        self.cache_write += wide(tokens.cache_write.unwrap_or_default());
    }

    /// Returns the same cost and tokens without any session counted.
    #[must_use]
    pub fn without_counts(self) -> Self {
        Self { by_status: Default::default(), ..self }
    }

    /// Returns the number of completed sessions.
    pub fn completed(&self) -> usize {
        self.of(SessionStatus::Completed)
    }

    /// Returns the number of active sessions.
    pub fn running(&self) -> usize {
        self.of(SessionStatus::Active)
    }

    /// Returns the number of pending and paused sessions.
    pub fn pending(&self) -> usize {
        self.of(SessionStatus::Pending) + self.of(SessionStatus::Paused)
    }

    /// Returns the number of failed sessions.
    pub fn failed(&self) -> usize {
        self.of(SessionStatus::Failed)
    }

    /// Returns the cost in US dollars: the number nearest to the exact sum.
    pub fn cost(&self) -> f64 {
        self.cost.to_dollars()
    }

    /// Returns the tokens used. Those of the cache are absent when zero.
    pub fn tokens(&self) -> TokenUsage {
        let whole = |sum: u128| Count::from(u64::try_from(sum).unwrap_or(u64::MAX));
        let some = |sum: u128| (sum > 0).then(|| whole(sum));
        TokenUsage {
            input: whole(self.input),
            output: whole(self.output),
            cache_read: some(self.cache_read),
            cache_write: some(self.cache_write),
        }
    }

    fn of(&self, status: SessionStatus) -> usize {
        self.by_status[status as usize]
    }
}

fn wide(count: Count) -> u128 {
    count.get().into()
}
