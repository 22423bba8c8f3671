//! All acyclic graphs of a size, up to renaming.

use std::collections::BTreeSet;

/// The dependencies of each session: earlier sessions only.
pub type Graph = Vec<Vec<usize>>;

/// All acyclic graphs of `size` sessions, one for each class of graphs that differ only by names.
pub fn all(size: usize) -> Vec<Graph> {
    let pairs: Vec<(usize, usize)> = (0..size).flat_map(|to| (0..to).map(move |from| (from, to))).collect();
    let mut seen = BTreeSet::new();
    let mut graphs = Vec::new();
    for bits in 0..1_u32 << pairs.len() {
        let edges: Vec<(usize, usize)> =
            pairs.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, edge)| *edge).collect();
        if seen.insert(canonical(size, &edges)) {
            let needs = |session| edges.iter().filter(move |edge| edge.1 == session).map(|edge| edge.0);
            graphs.push((0..size).map(|session| needs(session).collect()).collect());
        }
    }
    graphs
}

/// The smallest set of edges that renaming can produce.
fn canonical(size: usize, edges: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let renamed = |names: &Vec<usize>| {
        let mut edges: Vec<_> = edges.iter().map(|(from, to)| (names[*from], names[*to])).collect();
        edges.sort_unstable();
        edges
    };
    permutations(size).iter().map(renamed).min().unwrap_or_default()
}

fn permutations(size: usize) -> Vec<Vec<usize>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(size - 1);
    let insert = |at: usize, shorter: &Vec<usize>| {
        let mut longer = shorter.clone();
        longer.insert(at, size - 1);
        longer
    };
    (0..size).flat_map(|at| shorter.iter().map(move |names| insert(at, names))).collect()
}

#[test]
fn graphs_are_counted_as_in_the_encyclopedia_of_integer_sequences() {
    assert_eq!([1, 2, 3, 4].map(|size| all(size).len()), [1, 2, 6, 31]);
}
