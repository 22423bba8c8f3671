//! The tool uses of the main conversation that have no result yet.

use std::collections::{BTreeMap, HashMap};

/// Open tool uses, in the order in which they began.
#[derive(Debug, Default)]
pub struct OpenTools {
    names: BTreeMap<u64, String>,
    order_of: HashMap<String, u64>,
    next: u64,
}

impl OpenTools {
    /// Adds a tool use. Returns `false` if it is open already.
    pub fn begin(&mut self, id: String, name: String) -> bool {
        if self.order_of.contains_key(&id) {
            return false;
        }
        self.order_of.insert(id, self.next);
        self.names.insert(self.next, name);
        self.next += 1;
        true
    }

    /// Removes a tool use. Returns `false` if it is not open.
    pub fn end(&mut self, id: &str) -> bool {
        self.order_of.remove(id).is_some_and(|order| self.names.remove(&order).is_some())
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
