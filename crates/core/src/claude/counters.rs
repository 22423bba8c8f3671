//! Usage counters of earlier runs, stored with the session as `usageCounters`. A run of Claude Code may go on counting
//! from any of them.

use serde::{Deserialize, Serialize};

use crate::claude::tokens::Tokens;
use crate::model::{GroupSession, TokenUsage};

/// Maximum number of counters that a session keeps.
pub const MAX_PRINTED: usize = 20;

/// The process's counter, as a result line shows it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counter {
    /// US dollars.
    pub cost: f64,
    /// Tokens of all models.
    pub tokens: Tokens,
}

impl Counter {
    /// Returns `true` if the counter may have grown from the other one.
    pub fn covers(self, other: Self) -> bool {
        self.tokens.covers(other.tokens) && self.cost >= other.cost - ROUNDING
    }

    /// The counter after another amount was added.
    pub fn plus(self, other: Self) -> Self {
        Self { cost: self.cost + other.cost, tokens: self.tokens.plus(other.tokens) }
    }

    /// The counter before another amount was added.
    pub fn minus(self, other: Self) -> Self {
        Self { cost: (self.cost - other.cost).max(0.0), tokens: self.tokens.minus(other.tokens) }
    }

    /// Returns `true` if both are the same, rounding of dollars aside.
    pub fn is(self, other: Self) -> bool {
        self.tokens == other.tokens && (self.cost - other.cost).abs() <= ROUNDING
    }
}

/// Claude Code adds dollars in floating point.
pub const ROUNDING: f64 = 1e-9;

/// Counters stored with a session for the accounts of its later runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageCounters {
    /// The last counter that each run printed, by Claude Code's session id, oldest first. Only those that a later run
    /// may go on from.
    printed: Vec<Printed>,
    /// Tokens that the session counts and that no counter has shown yet, as after a killed turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unshown: Option<Unshown>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Printed {
    session_id: String,
    cost: f64,
    tokens: TokenUsage,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unshown {
    session_id: String,
    tokens: TokenUsage,
}

/// A counter from which a run may go on.
#[derive(Debug, Clone)]
pub struct Base {
    /// Claude Code's id of the session that printed it. Empty if it is not known.
    pub session_id: String,
    /// The counter.
    pub counter: Counter,
}

impl UsageCounters {
    /// The counters stored with a session. For a session that was stored without, what it is known to have cost is the
    /// only one.
    pub fn of(session: &GroupSession) -> Self {
        let stored = session.usage_counters.clone().map(serde_json::Value::Object);
        let stored = stored.and_then(|stored| serde_json::from_value::<Self>(stored).ok());
        let is_cost = |printed: &Printed| printed.cost.is_finite() && printed.cost >= 0.0;
        stored.filter(|stored| stored.printed.iter().all(is_cost)).unwrap_or_else(|| {
            let mut counters = Self::default();
            let tokens = Tokens::from(session.tokens.unwrap_or_default());
            let counter = Counter { cost: session.cost.unwrap_or(0.0), tokens };
            if !counter.is(Counter::default()) {
                counters.print(session.claude_session_id.as_deref().unwrap_or_default(), counter);
            }
            counters
        })
    }

    /// The counters as they are stored.
    pub fn to_stored(&self) -> serde_json::Map<String, serde_json::Value> {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(stored)) => stored,
            _ => serde_json::Map::new(),
        }
    }

    /// The counters from which a run may go on, newest first.
    pub fn bases(&self) -> impl Iterator<Item = Base> {
        self.printed.iter().rev().map(|printed| Base {
            session_id: printed.session_id.clone(),
            counter: Counter { cost: printed.cost, tokens: printed.tokens.into() },
        })
    }

    /// Tokens of this session of Claude Code that no counter has shown yet.
    pub fn unshown(&self, session_id: &str) -> Tokens {
        let unshown = self.unshown.as_ref().filter(|unshown| unshown.session_id == session_id);
        unshown.map(|unshown| unshown.tokens.into()).unwrap_or_default()
    }

    /// Replaces the tokens that no counter has shown yet.
    pub fn set_unshown(&mut self, session_id: &str, tokens: Tokens) {
        let unshown = Unshown { session_id: session_id.to_owned(), tokens: tokens.into() };
        self.unshown = Some(unshown).filter(|_| !tokens.is_zero());
    }

    /// Adds the last counter of a run.
    pub fn print(&mut self, session_id: &str, counter: Counter) {
        self.printed.push(Printed::new(session_id, counter));
        if self.printed.len() > MAX_PRINTED {
            // The newest of each session is the last to go.
            let is_old = |(index, printed): (usize, &Printed)| {
                self.printed[index + 1..].iter().any(|later| later.session_id == printed.session_id)
            };
            let oldest = self.printed.iter().enumerate().position(is_old).unwrap_or(0);
            self.printed.remove(oldest);
        }
    }

    /// Adds the last counter of a run that was killed before it could save it. A later run goes on from an earlier one.
    pub fn print_unsaved(&mut self, session_id: &str, counter: Counter) {
        if self.printed.len() < MAX_PRINTED {
            self.printed.insert(0, Printed::new(session_id, counter));
        }
    }
}

impl Printed {
    fn new(session_id: &str, counter: Counter) -> Self {
        Self { session_id: session_id.to_owned(), cost: counter.cost, tokens: counter.tokens.into() }
    }
}
