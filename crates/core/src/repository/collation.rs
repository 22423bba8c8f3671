//! The order of names: that of the root locale, which is what `Intl.Collator('en')` follows.

use std::cmp::Ordering;

use icu_collator::CollatorBorrowed;
use icu_collator::options::CollatorOptions;

/// Compares names. Only the root locale's data is linked; the tailorings of all languages would be three times the
/// size of everything else.
pub struct NameOrder(CollatorBorrowed<'static>);

impl NameOrder {
    /// The order of the root locale.
    pub fn new() -> Self {
        Self(CollatorBorrowed::new_root(CollatorOptions::default()))
    }

    /// Compares two names.
    pub fn compare(&self, left: &str, right: &str) -> Ordering {
        self.0.compare(left, right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_case_come_after_letters() {
        let mut names = ["Zebra", "émile", "Emil", "apple", "Äpfel", "Emile", "apfel", "10", "a b", "_x"];
        let order = NameOrder::new();
        names.sort_by(|left, right| order.compare(left, right));
        assert_eq!(names, ["_x", "10", "a b", "apfel", "Äpfel", "apple", "Emil", "Emile", "émile", "Zebra"]);
    }
}
