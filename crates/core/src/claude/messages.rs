//! The messages of a run: which lines belong to one message, and what its own messages used.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::claude::line::{Line, Object};
use crate::claude::tokens::Tokens;

/// The model of messages that Claude Code writes itself. They are not billed.
const SYNTHETIC: &str = "<synthetic>";

/// Messages and tool results of a run, of its main conversation and of its sub-agents.
#[derive(Debug, Default)]
pub struct Messages {
    count: u64,
    /// By the tool use that a sub-agent works for; the main conversation has none.
    conversations: HashMap<Option<String>, Conversation>,
    /// Ids of the tool uses whose results were counted in this turn.
    results: HashSet<String>,
    since: Used,
}

/// Token usage of messages.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// Usage of the main conversation's messages.
    pub main: Tokens,
    /// Usage of the sub-agents' messages.
    pub subagents: Tokens,
    /// A lower bound of both: without what may be a repetition of a message.
    pub at_least: Tokens,
    /// A lower bound of what was billed for both: without messages that were aborted as well.
    pub billed: Tokens,
}

impl Used {
    /// Usage of all messages.
    pub fn all(&self) -> Tokens {
        self.main.plus(self.subagents)
    }
}

/// The messages between two tool results, by id. Messages without an id are one message.
#[derive(Debug, Default)]
struct Conversation {
    open: HashMap<String, Tokens>,
    /// The messages before the last tool result.
    closed: HashMap<String, Tokens>,
    /// With partial messages: the id of the message being written.
    writing: Option<String>,
}

impl Messages {
    /// Number of distinct messages and tool results.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Token usage since the last call of [`Self::take_used`].
    pub fn used(&self) -> &Used {
        &self.since
    }

    /// Ends a turn: returns what its messages used, and counts from zero again.
    pub fn take_used(&mut self) -> Used {
        self.results.clear();
        std::mem::take(&mut self.since)
    }

    /// Counts an `assistant` line. Several lines can carry one message, each with the same usage. Returns `true` if
    /// the model wrote it.
    pub fn assistant(&mut self, line: &Line<'_>, message: &Object<'_>) -> bool {
        let is_model = message.text("model").as_deref() != Some(SYNTHETIC);
        let usage = message.object("usage").filter(|_| is_model);
        let usage = usage.map(|usage| Tokens::of_message(&usage)).unwrap_or_default();
        let id = message.text("id").unwrap_or_default();
        self.add(line.parent(), id, usage, line.flag("aborted") || message.flag("aborted"));
        is_model
    }

    /// Counts a fragment of a message that is being written. Returns `true` if it begins a message.
    pub fn stream_event(&mut self, line: &Line<'_>) -> bool {
        let Some(event) = line.object("event") else { return false };
        match event.text("type").as_deref() {
            Some("message_start") => {
                let Some(message) = event.object("message") else { return false };
                let is_model = self.assistant(line, &message);
                let id = message.text("id").unwrap_or_default();
                self.conversations.entry(line.parent()).or_default().writing = is_model.then_some(id);
                is_model
            }
            Some("message_delta") => {
                if let Some(usage) = event.object("usage") {
                    self.delta(line.parent(), Tokens::of_message(&usage));
                }
                false
            }
            _ => false,
        }
    }

    /// Counts a line with results of tool uses, given by the ids of these. What follows are other messages, even with
    /// the same ids.
    pub fn tool_results(&mut self, line: &Line<'_>, tool_use_ids: &[String]) {
        if tool_use_ids.is_empty() {
            return;
        }
        let mut is_new = false;
        for id in tool_use_ids {
            is_new |= id.is_empty() || self.results.insert(id.clone());
        }
        self.count += u64::from(is_new);
        self.close(line.parent().as_ref());
    }

    /// Notes a new use of a tool, whose id may have been used before.
    pub fn tool_use(&mut self, id: &str) {
        self.results.remove(id);
    }

    /// Notes the beginning of a turn: what follows are other messages, even with the same ids.
    pub fn begin_turn(&mut self) {
        self.close(None);
    }

    fn close(&mut self, parent: Option<&String>) {
        if let Some(conversation) = self.conversations.get_mut(&parent.cloned()) {
            conversation.closed = std::mem::take(&mut conversation.open);
        }
    }

    fn add(&mut self, parent: Option<String>, id: String, usage: Tokens, is_aborted: bool) {
        let is_main = parent.is_none();
        let conversation = self.conversations.entry(parent).or_default();
        // Perhaps a part of a message one of whose tools has ended already.
        let may_repeat =
            !id.is_empty() && conversation.closed.get(&id).is_some_and(|closed| closed.has_same_input(usage));
        let added = match conversation.open.entry(id) {
            Entry::Occupied(mut known) => raise(known.get_mut(), usage),
            Entry::Vacant(free) => {
                self.count += 1;
                *free.insert(usage)
            }
        };
        self.since.add(added, is_main, may_repeat, is_aborted);
    }

    /// Takes the final counts of the message being written. Some proxies report its input only here.
    fn delta(&mut self, parent: Option<String>, usage: Tokens) {
        let is_main = parent.is_none();
        let conversation = self.conversations.entry(parent).or_default();
        let Some(id) = &conversation.writing else { return };
        let open = conversation.open.get_mut(id);
        if let Some(known) = open.or_else(|| conversation.closed.get_mut(id)) {
            let added = raise(known, usage);
            self.since.add(added, is_main, false, false);
        }
    }
}

/// Raises counts to later ones, of which none is smaller, and returns the difference.
fn raise(known: &mut Tokens, later: Tokens) -> Tokens {
    let all = known.max(later);
    all.minus(std::mem::replace(known, all))
}

impl Used {
    fn add(&mut self, added: Tokens, is_main: bool, may_repeat: bool, is_aborted: bool) {
        let part = if is_main { &mut self.main } else { &mut self.subagents };
        *part = part.plus(added);
        if !may_repeat {
            self.at_least = self.at_least.plus(added);
            if !is_aborted {
                self.billed = self.billed.plus(added);
            }
        }
    }
}
