//! Summaries on their way to JavaScript. index.js keeps those that it has parsed, each in a slot, and copies them for every
//! answer, which takes a tenth of the time of parsing them again.

use std::collections::HashMap;
use std::fmt::{Display, Write};
use std::sync::{Arc, Weak};

use napi::Env;

use crate::answer::MAX_TEXT;
use crate::host;
use crate::js::{self, Value};
use session_groups::json;
use session_groups::model::GroupSummary;

/// Approximate memory that the slots of an environment may take, in bytes.
const MAX_BYTES: usize = 16 << 20;

/// Approximate memory that a slot takes beyond the text of its summary, in bytes.
const SLOT_BYTES: usize = 640;

/// Maximum number of summaries of an answer that can fit into the slots.
pub const MAX_KEPT: usize = MAX_BYTES / SLOT_BYTES;

/// Number of slots at which those of summaries that no longer exist are first looked for.
const MIN_SWEPT: usize = 1_024;

/// The slots of the summaries that index.js keeps in one environment.
#[derive(Default)]
pub struct Slots {
    /// The slot of each summary by its address.
    by_address: HashMap<*const GroupSummary, usize>,
    entries: Vec<Entry>,
    unused: Vec<usize>,
    bytes: usize,
    sweep_at: usize,
}

struct Entry {
    /// Keeps the address, so that no other summary can have it.
    summary: Weak<GroupSummary>,
    bytes: usize,
}

/// A message to index.js as the elements of three JSON arrays.
#[derive(Default)]
struct Message {
    /// The slots of the answer.
    slots: String,
    /// The slots among them that index.js has to fill.
    new_slots: String,
    /// The summaries to fill them with.
    new: String,
}

impl Slots {
    /// Returns the text of the message with which index.js can return these summaries, or `None` if they do not fit. If
    /// index.js does not receive it, these slots must not be used again.
    fn message(&mut self, summaries: &[Arc<GroupSummary>]) -> serde_json::Result<Option<String>> {
        let mut message = Message::default();
        for summary in summaries {
            let slot = if let Some(&slot) = self.by_address.get(&Arc::as_ptr(summary)) {
                slot
            } else {
                let text = serde_json::to_string(&**summary)?;
                let Some(slot) = self.add(summary, text.len() + SLOT_BYTES) else { return Ok(None) };
                push(&mut message.new_slots, slot);
                push(&mut message.new, text);
                slot
            };
            push(&mut message.slots, slot);
        }
        let Message { slots, new_slots, new } = message;
        Ok(Some(format!("[[{slots}],[{new_slots}],[{new}]]")))
    }

    /// Assigns a slot to a summary.
    fn add(&mut self, summary: &Arc<GroupSummary>, bytes: usize) -> Option<usize> {
        if self.bytes + bytes > MAX_BYTES || (self.unused.is_empty() && self.entries.len() >= self.sweep_at) {
            self.sweep();
        }
        if self.bytes + bytes > MAX_BYTES {
            return None;
        }
        let entry = Entry { summary: Arc::downgrade(summary), bytes };
        let slot = if let Some(slot) = self.unused.pop() {
            self.entries[slot] = entry;
            slot
        } else {
            self.entries.push(entry);
            self.entries.len() - 1
        };
        self.by_address.insert(Arc::as_ptr(summary), slot);
        self.bytes += bytes;
        Some(slot)
    }

    /// Frees the slots of summaries that no longer exist.
    fn sweep(&mut self) {
        let Self { by_address, entries, unused, bytes, sweep_at } = self;
        by_address.retain(|_, &mut slot| {
            let is_used = entries[slot].summary.strong_count() > 0;
            if !is_used {
                *bytes -= entries[slot].bytes;
                unused.push(slot);
            }
            is_used
        });
        *sweep_at = MIN_SWEPT.max(2 * by_address.len());
    }
}

/// Adds an element to the text of an array.
fn push(elements: &mut String, element: impl Display) {
    let comma = if elements.is_empty() { "" } else { "," };
    // Writing to a string cannot fail.
    let _ = write!(elements, "{comma}{element}");
}

/// Returns an array of new objects for summaries.
pub fn into_js(env: &Env, summaries: &[Arc<GroupSummary>]) -> napi::Result<Value> {
    let failed = |error: serde_json::Error| napi::Error::from_reason(error.to_string());
    // Slots that are not put back are given up: index.js then receives all summaries again.
    for mut slots in [host::take_slots(env)?, Slots::default()] {
        if let Some(message) = slots.message(summaries).map_err(failed)? {
            let copies = host::summaries(env, js::string(env, &message)?)?.into();
            host::put_slots(env, slots)?;
            return Ok(copies);
        }
    }
    Ok(js::parse_array(env, texts(summaries).map_err(failed)?)?.into())
}

/// Returns summaries as the texts of arrays, as [`Answer::Array`](crate::answer::Answer::Array) has them.
pub fn texts(summaries: &[Arc<GroupSummary>]) -> serde_json::Result<Vec<String>> {
    let texts = summaries.iter().map(|summary| serde_json::to_string(&**summary));
    let texts = texts.collect::<serde_json::Result<Vec<_>>>()?;
    Ok(json::arrays(texts.iter().map(String::as_str), MAX_TEXT))
}
