//! The sound part of a map: its entries without those that have problems, so that a mistake in one hides none in the others.

use std::collections::HashSet;

use crate::plan_file::expression::Variables;
use crate::plan_file::node::{Entry, Node, Value};
use crate::plan_file::problem::Problems;
use crate::plan_file::shape::{self, Expressions, Key};

/// The entries of a map that have no problem, with their expressions replaced.
pub struct SoundPart {
    /// A map of them.
    pub node: Node,
    /// The keys whose values have problems.
    faulty: HashSet<String>,
    /// `true` if a key is unknown, so that it may be meant for any other, or if the whole is no map.
    is_unclear: bool,
}

impl SoundPart {
    /// Reads a map, of which the shape has been checked before its expressions were replaced. Reports what is wrong after that.
    /// Entries of other keys than `keys` are left out. `what` names the map in messages, such as `sessions.api`.
    pub fn of(
        node: &Node,
        keys: &[Key],
        what: &str,
        variables: &Variables<'_>,
        problems: &mut Problems,
    ) -> Self {
        let mut part = Self::empty(node);
        let mut sound = Vec::new();
        for entry in node.entries() {
            let Some(key) = keys.iter().find(|key| key.name == entry.key) else {
                part.is_unclear = true;
                continue;
            };
            match sound_value(entry, key, what, variables, problems) {
                Some(value) => sound.push(entry.with(value)),
                None => drop(part.faulty.insert(entry.key.clone())),
            }
        }
        part.node.value = Value::Map(sound);
        part
    }

    fn empty(node: &Node) -> Self {
        Self {
            node: Node { place: node.place, value: Value::Map(Vec::new()) },
            faulty: HashSet::new(),
            is_unclear: !matches!(node.value, Value::Map(_)),
        }
    }

    /// Returns `true` if a key has a value, sound or not.
    pub fn has(&self, key: &str) -> bool {
        self.node.get(key).is_some() || self.is_faulty(key)
    }

    /// Returns `true` if the value of a key has a problem.
    pub fn is_faulty(&self, key: &str) -> bool {
        self.faulty.contains(key)
    }

    /// Returns `true` if nothing in the map can be meant for a key.
    pub fn surely_lacks(&self, key: &str) -> bool {
        !self.is_unclear && !self.has(key)
    }
}

fn sound_value(
    entry: &Entry,
    key: &Key,
    what: &str,
    variables: &Variables<'_>,
    problems: &mut Problems,
) -> Option<Node> {
    if !shape::is_sound(&entry.value, key.shape) {
        return None;
    }
    let replaced = problems.unless_any(|problems| variables.replace_in(&entry.value, problems))?;
    let what = if what.is_empty() { key.name.to_owned() } else { format!("{what}.{}", key.name) };
    problems.unless_any(|problems| {
        shape::check(&replaced, key.shape, &what, Expressions::Replaced, problems);
    })?;
    Some(replaced)
}
