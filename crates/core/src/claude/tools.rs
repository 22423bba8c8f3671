//! The tool uses of the main conversation that have no result yet.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// Open tool uses, in the order in which they began.
#[derive(Debug, Default)]
pub struct OpenTools {
    names: BTreeMap<u64, String>,
    order_of: HashMap<String, u64>,
    next: u64,
}

impl OpenTools {
    /// Adds a tool use, unless it is open already.
    pub fn begin(&mut self, id: String, name: String) {
        if let Entry::Vacant(free) = self.order_of.entry(id) {
            free.insert(self.next);
            self.names.insert(self.next, name);
            self.next += 1;
        }
    }

    /// Removes a tool use.
    pub fn end(&mut self, id: &str) {
        if let Some(order) = self.order_of.remove(id) {
            self.names.remove(&order);
        }
    }

    /// The name of the newest one.
    pub fn newest(&self) -> Option<&str> {
        self.names.last_key_value().map(|(_, name)| name.as_str())
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.names.clear();
        self.order_of.clear();
    }
}
