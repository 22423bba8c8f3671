//! What a run has used: provisional sums over its distinct messages, until a result gives the real ones.

use std::collections::{HashMap, HashSet};

use crate::group::TokenUsage;
use crate::group::types::to_whole;
use crate::stream::line::{Line, Object};

/// The tokens of a session while it runs.
#[derive(Debug)]
pub struct Usage {
    /// What the session had used before this run.
    before: TokenUsage,
    /// What is certain: `before`, or what the last result said.
    certain: TokenUsage,
    /// The sum over the turns of this run, for results that have no `modelUsage`.
    turns: TokenUsage,
    /// The messages since the last result, by id.
    provisional: HashMap<String, TokenUsage>,
    /// All messages and tool results of this run.
    seen: HashSet<String>,
    /// With partial messages: the message being written, by the sub-agent that writes it.
    writing: HashMap<Option<String>, String>,
    counted: bool,
}

impl Usage {
    pub fn new(before: TokenUsage) -> Self {
        Self {
            before,
            certain: before,
            turns: TokenUsage::default(),
            provisional: HashMap::new(),
            seen: HashSet::new(),
            writing: HashMap::new(),
            counted: false,
        }
    }

    /// Whether this run has used anything that is known.
    pub fn has_counted(&self) -> bool {
        self.counted
    }

    pub fn total(&self) -> TokenUsage {
        self.provisional.values().fold(self.certain, |sum, message| add(sum, *message))
    }

    /// Whether an id comes for the first time in this run.
    pub fn is_new(&mut self, id: &str) -> bool {
        !self.seen.contains(id) && self.seen.insert(id.to_owned())
    }

    /// A message of the model, or a part of it: several lines can carry one message, each with the same usage.
    pub fn message(&mut self, line: &Line<'_>, message: &Object<'_>, message_count: &mut u64) {
        // A message without an id is known by its line; without that it is a message of its own.
        let id = message.text("id").or_else(|| line.text("uuid"));
        let id = id.unwrap_or_else(|| format!("message {}", self.seen.len()));
        let is_new = self.is_new(&id);
        *message_count += u64::from(is_new);
        let Some(usage) = message.object("usage").map(|usage| api_usage(&usage)) else {
            return;
        };
        self.counted = true;
        match self.provisional.get_mut(&id) {
            // The final count of a `message_delta` is larger than the one at the message's start.
            Some(known) => *known = TokenUsage { output: known.output.max(usage.output), ..usage },
            None if is_new => drop(self.provisional.insert(id, usage)),
            // Already part of what a result has counted.
            None => {}
        }
    }

    /// A piece of a message that is being written.
    pub fn stream_event(&mut self, line: &Line<'_>, message_count: &mut u64) {
        let Some(event) = line.object("event") else { return };
        match event.text("type").as_deref() {
            Some("message_start") => {
                let Some(message) = event.object("message") else {
                    return;
                };
                if let Some(id) = message.text("id") {
                    self.writing.insert(line.parent(), id);
                }
                self.message(line, &message, message_count);
            }
            Some("message_delta") => {
                let output = event.object("usage").and_then(|usage| usage.number("output_tokens"));
                let message = self.writing.get(&line.parent()).and_then(|id| self.provisional.get_mut(id));
                if let (Some(output), Some(message)) = (output, message) {
                    message.output = to_whole(output);
                }
            }
            _ => {}
        }
    }

    /// The end of a turn: its figures replace the provisional ones.
    pub fn result(&mut self, line: &Line<'_>, goes_on_counting: bool) {
        let turn = line.object("usage").map(|usage| api_usage(&usage));
        self.turns = add(self.turns, turn.unwrap_or_default());
        let by_model = line.object("modelUsage").filter(|models| models.values().len() > 0);
        let (paid, before) = match by_model {
            Some(models) => {
                let models = models.values().filter_map(Object::of);
                let paid = models.fold(TokenUsage::default(), |sum, model| add(sum, model_usage(&model)));
                (paid, if goes_on_counting { TokenUsage::default() } else { self.before })
            }
            None if turn.is_some() => (self.turns, self.before),
            // Nothing to replace the provisional figures with.
            None => return,
        };
        self.counted = true;
        self.certain = add(before, paid);
        self.provisional.clear();
    }
}

/// Usage as the model's API gives it.
fn api_usage(usage: &Object<'_>) -> TokenUsage {
    tokens(usage, ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"])
}

/// Usage as `modelUsage` gives it for one model.
fn model_usage(usage: &Object<'_>) -> TokenUsage {
    tokens(usage, ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"])
}

fn tokens(usage: &Object<'_>, [input, output, cache_read, cache_write]: [&str; 4]) -> TokenUsage {
    let count = |key| usage.number(key).map_or(0, to_whole);
    TokenUsage {
        input: count(input),
        output: count(output),
        cache_read: some(count(cache_read)),
        cache_write: some(count(cache_write)),
    }
}

fn add(left: TokenUsage, right: TokenUsage) -> TokenUsage {
    let both =
        |left: Option<u64>, right: Option<u64>| some(left.unwrap_or(0).saturating_add(right.unwrap_or(0)));
    TokenUsage {
        input: left.input.saturating_add(right.input),
        output: left.output.saturating_add(right.output),
        cache_read: both(left.cache_read, right.cache_read),
        cache_write: both(left.cache_write, right.cache_write),
    }
}

/// Absent when there are none.
fn some(count: u64) -> Option<u64> {
    (count > 0).then_some(count)
}
