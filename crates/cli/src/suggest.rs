//! The nearest of several names.

/// Returns the name that a misspelt one most probably means.
///
/// ```
/// use session_groups_cli::suggest::nearest;
///
/// assert_eq!(nearest("depend_on", ["dependsOn", "prompt"]), Some("dependsOn"));
/// assert_eq!(nearest("colour", ["dependsOn", "prompt"]), None);
/// ```
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const MIN_SIMILARITY: f64 = 0.75;
    let plain = |name: &str| name.to_lowercase().replace(['_', '-'], "");
    let wrong = plain(wrong);
    let rated = names.into_iter().map(|name| (strsim::jaro_winkler(&wrong, &plain(name)), name));
    let best = rated.max_by(|(left, _), (right, _)| left.total_cmp(right));
    best.filter(|(similarity, _)| *similarity >= MIN_SIMILARITY).map(|(_, name)| name)
}

/// The remedy for a misspelt name: the nearest one, or else all of them.
pub fn did_you_mean(wrong: &str, names: &[&str]) -> String {
    match nearest(wrong, names.iter().copied()) {
        Some(name) => format!("did you mean {name:?}?"),
        None => format!("use one of {}", names.join(", ")),
    }
}
