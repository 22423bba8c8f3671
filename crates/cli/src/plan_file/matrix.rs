//! The combinations of a matrix.

use std::collections::BTreeMap;

use crate::plan_file::node::{Entry, Node};

/// The values of one combination by their names.
pub type Combination = BTreeMap<String, String>;

/// The number of combinations; `None` if it is too large to count.
pub fn count(matrix: &Node) -> Option<usize> {
    matrix
        .entries()
        .iter()
        .try_fold(1_usize, |product, entry| product.checked_mul(entry.value.elements().len()))
}

/// All combinations of the values of a matrix, in the order of the file: the last name changes fastest.
pub fn combinations(matrix: &Node) -> Vec<Combination> {
    let start = vec![Combination::new()];
    matrix.entries().iter().fold(start, |shorter, entry| {
        shorter.iter().flat_map(|combination| extended(combination, entry)).collect()
    })
}

fn extended(combination: &Combination, entry: &Entry) -> Vec<Combination> {
    let values = entry.value.elements().iter().filter_map(Node::scalar);
    let with = |value: &str| {
        let mut longer = combination.clone();
        longer.insert(entry.key.clone(), value.to_owned());
        longer
    };
    values.map(|scalar| with(&scalar.text)).collect()
}
