//! Values that JavaScript receives again and again. index.js keeps them parsed, each in a slot, and copies them for every
//! answer, which takes a tenth of the time of parsing them again. A value is kept from its second answer on, so that a
//! program that reads a store once pays neither the time nor the memory.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{Display, Write};
use std::sync::{Arc, Weak};

use napi::Env;
use napi::bindgen_prelude::Unknown;

use crate::host;
use crate::js::{self, Value};
use crate::json::{self, Json};
use session_groups::model::{GroupId, GroupSummary};
use session_groups::repository::{Document, WeakDocument};

/// Approximate memory that the values of an environment may take, in bytes.
const MAX_BYTES: usize = 32 << 20;

/// Approximate memory that a value takes beyond its text, in bytes.
const SLOT_BYTES: usize = 640;

/// The kinds of values. Each group has a slot for each kind.
const GROUPS: usize = 0;
const SUMMARIES: usize = 1;

/// A value that index.js may keep.
pub trait Keepable {
    const KIND: usize;
    fn id(&self) -> &GroupId;
    fn text(&self) -> serde_json::Result<Cow<'_, str>>;
    /// Its text for the engine.
    fn json(&self) -> serde_json::Result<Json<'_>> {
        self.text().map(Json::Copied)
    }
    /// Approximate length of its text, in bytes.
    fn length(&self) -> usize;
    fn mark(&self) -> Mark;
    /// Returns `true` if the mark is that of this very value.
    fn has(&self, mark: &Mark) -> bool;
    /// Returns an array with copies of the values in some slots.
    fn copies<'env>(env: &'env Env, slots: Unknown<'_>) -> napi::Result<Unknown<'env>>;
}

/// Recognizes a value without keeping it alive.
pub enum Mark {
    Group(WeakDocument),
    Summary(Weak<GroupSummary>),
}

impl Keepable for Document {
    const KIND: usize = GROUPS;

    fn id(&self) -> &GroupId {
        self.id()
    }

    fn text(&self) -> serde_json::Result<Cow<'_, str>> {
        Ok(self.text().into())
    }

    fn json(&self) -> serde_json::Result<Json<'_>> {
        Ok(Json::of_group(self))
    }

    fn length(&self) -> usize {
        self.text().len()
    }

    fn mark(&self) -> Mark {
        Mark::Group(self.downgrade())
    }

    fn has(&self, mark: &Mark) -> bool {
        matches!(mark, Mark::Group(group) if group.is(self))
    }

    fn copies<'env>(env: &'env Env, slots: Unknown<'_>) -> napi::Result<Unknown<'env>> {
        host::copy_groups(env, slots)
    }
}

impl Keepable for Arc<GroupSummary> {
    const KIND: usize = SUMMARIES;

    fn id(&self) -> &GroupId {
        &self.id
    }

    fn text(&self) -> serde_json::Result<Cow<'_, str>> {
        serde_json::to_string(&**self).map(Cow::from)
    }

    fn length(&self) -> usize {
        let description = self.description.as_ref().map_or(0, |text| text.len());
        self.name.len() + self.slug.len() + description
    }

    fn mark(&self) -> Mark {
        Mark::Summary(Self::downgrade(self))
    }

    fn has(&self, mark: &Mark) -> bool {
        matches!(mark, Mark::Summary(summary) if std::ptr::eq(summary.as_ptr(), Self::as_ptr(self)))
    }

    fn copies<'env>(env: &'env Env, slots: Unknown<'_>) -> napi::Result<Unknown<'env>> {
        host::copy_summaries(env, slots)
    }
}

/// The slots of an environment.
#[derive(Default)]
pub struct Slots {
    by_id: [HashMap<GroupId, usize>; 2],
    entries: Vec<Entry>,
    /// Sum of the entries' sizes.
    bytes: usize,
    /// Set when index.js has any of the values.
    has_kept: bool,
}

/// The newest value of a slot.
struct Entry {
    mark: Mark,
    bytes: usize,
    /// Set when index.js has it.
    is_kept: bool,
}

/// The slots of an answer, with what index.js has to do before it copies the values in them.
#[derive(Default)]
struct Answer {
    slots: Vec<usize>,
    /// The slots that it has to fill, and the values for them, as elements of JSON arrays.
    new_slots: String,
    new: String,
    /// Set when it has to empty all others.
    is_first: bool,
}

impl Slots {
    /// Returns the slots of the values of an answer. `None` if they had better be parsed from their text: most of them are
    /// new, or they do not fit. If index.js does not receive what is new, these slots must not be used again.
    fn answer<T: Keepable>(&mut self, values: &[T]) -> serde_json::Result<Option<Answer>> {
        let mut found: Vec<_> = values.iter().map(|value| self.find(value)).collect();
        let mut known = found.iter().flatten().count();
        if known < values.len() {
            let needed: usize = values.iter().map(bytes_of).sum();
            if needed > MAX_BYTES {
                return Ok(None);
            }
            if self.bytes + needed > MAX_BYTES {
                *self = Self::default();
                found.fill(None);
                known = 0;
            }
        }
        let slot = |(value, found): (&T, Option<usize>)| found.unwrap_or_else(|| self.set(value));
        let slots = values.iter().zip(found).map(slot).collect();
        if 2 * known < values.len() {
            return Ok(None);
        }
        let mut answer = Answer { slots, is_first: !self.has_kept, ..Answer::default() };
        for (value, &slot) in values.iter().zip(&answer.slots) {
            if !std::mem::replace(&mut self.entries[slot].is_kept, true) {
                push(&mut answer.new_slots, slot);
                push(&mut answer.new, value.text()?);
                self.has_kept = true;
            }
        }
        Ok(Some(answer))
    }

    /// Returns the slot that has a value.
    fn find<T: Keepable>(&self, value: &T) -> Option<usize> {
        let slot = *self.by_id[T::KIND].get(value.id())?;
        value.has(&self.entries[slot].mark).then_some(slot)
    }

    /// Puts a value into the slot of its group. Returns the slot.
    fn set<T: Keepable>(&mut self, value: &T) -> usize {
        let entry = Entry { mark: value.mark(), bytes: bytes_of(value), is_kept: false };
        self.bytes += entry.bytes;
        if let Some(&slot) = self.by_id[T::KIND].get(value.id()) {
            self.bytes -= self.entries[slot].bytes;
            self.entries[slot] = entry;
            return slot;
        }
        self.by_id[T::KIND].insert(value.id().clone(), self.entries.len());
        self.entries.push(entry);
        self.entries.len() - 1
    }
}

/// Approximate memory that a value takes in its slot.
fn bytes_of<T: Keepable>(value: &T) -> usize {
    SLOT_BYTES + value.length() + value.length() / 4
}

/// Adds an element to the text of an array.
fn push(elements: &mut String, element: impl Display) {
    let comma = if elements.is_empty() { "" } else { "," };
    // Writing to a string cannot fail.
    let _ = write!(elements, "{comma}{element}");
}

/// Returns a new object for a group.
pub fn copy(env: &Env, group: &Document) -> napi::Result<Value> {
    let copy = from_slots(env, std::slice::from_ref(group), |answer| host::copy_group(env, answer.slots[0]))?;
    copy.map_or_else(|| Ok(json::parse(env, &Json::of_group(group))?.into()), Ok)
}

/// Returns an array of new objects for values, or `None` if they are not kept.
pub fn copies<T: Keepable>(env: &Env, values: &[T]) -> napi::Result<Option<Value>> {
    from_slots(env, values, |answer| {
        let mut slots = String::new();
        answer.slots.iter().for_each(|slot| push(&mut slots, slot));
        T::copies(env, js::string(env, &format!("[{slots}]"))?)
    })
}

/// Returns an array of new objects for values that are not kept.
pub fn parse<'env, 'a, T: Keepable + 'a>(
    env: &'env Env,
    values: impl IntoIterator<Item = &'a T>,
) -> napi::Result<Unknown<'env>> {
    json::parse_all(env, values.into_iter().map(|value| value.json().map_err(failed)))
}

/// Returns what `copy` makes of the slots of values, or `None` if the values are not kept.
fn from_slots<'env, T: Keepable>(
    env: &'env Env,
    values: &[T],
    copy: impl FnOnce(&Answer) -> napi::Result<Unknown<'env>>,
) -> napi::Result<Option<Value>> {
    // Slots that are not put back are given up: index.js then receives all values again.
    let mut slots = host::take_slots(env)?;
    let copied = match slots.answer(values).map_err(failed)? {
        Some(answer) => {
            if !answer.new_slots.is_empty() {
                let Answer { new_slots, new, is_first, .. } = &answer;
                host::keep(env, js::string(env, &format!("[{is_first},[{new_slots}],[{new}]]"))?)?;
            }
            Some(copy(&answer)?.into())
        }
        None => None,
    };
    host::put_slots(env, slots)?;
    Ok(copied)
}

fn failed(error: impl Display) -> napi::Error {
    napi::Error::from_reason(error.to_string())
}
