//! Token counts and what arithmetic the accounts need of them.

use crate::claude::line::Object;
use crate::model::TokenUsage;
use crate::model::number::{Count, to_whole};

/// Counts of the four kinds of tokens: input, output, cache reads, cache writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens([u64; 4]);

impl Tokens {
    /// Reads usage as the model's API reports it.
    pub fn of_message(usage: &Object<'_>) -> Self {
        Self::read(
            usage,
            ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"],
        )
    }

    /// Reads usage as `modelUsage` reports it for one model.
    pub fn of_model(usage: &Object<'_>) -> Self {
        Self::read(usage, ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"])
    }

    fn read(usage: &Object<'_>, keys: [&str; 4]) -> Self {
        Self(keys.map(|key| usage.number(key).map_or(0, to_whole)))
    }

    /// The sum of both.
    pub fn plus(self, other: Self) -> Self {
        self.zip(other, u64::saturating_add)
    }

    /// The difference, no count below zero.
    pub fn minus(self, other: Self) -> Self {
        self.zip(other, u64::saturating_sub)
    }

    /// The larger of each count.
    pub fn max(self, other: Self) -> Self {
        self.zip(other, u64::max)
    }

    /// The smaller of each count.
    pub fn min(self, other: Self) -> Self {
        self.zip(other, u64::min)
    }

    /// Returns `true` if every count is at least as large.
    pub fn covers(self, other: Self) -> bool {
        self.max(other) == self
    }

    /// Returns `true` if all but the output is the same. Output is provisional until a message ends.
    pub fn has_same_input(self, other: Self) -> bool {
        let input = |Self([input, _, read, written]): Self| [input, read, written];
        input(self) == input(other)
    }

    /// Returns `true` if there are none.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// All kinds together.
    pub fn total(self) -> u64 {
        self.0.into_iter().fold(0, u64::saturating_add)
    }

    fn zip(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|index| of(self.0[index], other.0[index])))
    }
}

impl From<TokenUsage> for Tokens {
    fn from(usage: TokenUsage) -> Self {
        let or_zero = |count: Option<Count>| count.unwrap_or_default().get();
        Self([usage.input.get(), usage.output.get(), or_zero(usage.cache_read), or_zero(usage.cache_write)])
    }
}

impl From<Tokens> for TokenUsage {
    fn from(Tokens([input, output, read, written]): Tokens) -> Self {
        let some = |count: u64| (count > 0).then_some(count.into());
        Self {
            input: input.into(),
            output: output.into(),
            cache_read: some(read),
            cache_write: some(written),
        }
    }
}
