//! Working directories that independent sessions share, which is rarely meant.

use std::collections::BTreeMap;

use crate::graph::{DependencyGraph, Node};
use crate::model::{GroupSession, SessionGroup};

/// Returns a warning for each directory in which independent sessions may work at the same time.
pub fn directory_warnings(group: &SessionGroup) -> Vec<String> {
    if group.config.exclusive_directories == Some(true) {
        return Vec::new();
    }
    let sessions: Vec<&GroupSession> = group.sessions.iter().collect();
    let warning = |(directory, [one, other]): (&str, [&str; 2])| {
        format!(
            "sessions {one:?} and {other:?} may work in {directory} at the same time: let one depend on the other, or set \
             exclusiveDirectories"
        )
    };
    shared_directories(&sessions).into_iter().map(warning).collect()
}

/// Returns the directories in which two sessions may work at the same time, each with two such sessions.
fn shared_directories<'a>(sessions: &[&'a GroupSession]) -> Vec<(&'a str, [&'a str; 2])> {
    let graph = DependencyGraph::new(sessions.iter().map(|session| Node::from(*session)));
    let mut users = BTreeMap::<&str, Vec<usize>>::new();
    // Each session comes after those that it waits for.
    for place in graph.waves().into_iter().flatten() {
        users.entry(&sessions[place].project_path).or_default().push(place);
    }
    let mut shared = Vec::new();
    for (directory, places) in users {
        let pair = places.windows(2).find(|pair| !graph.waits_for(pair[1], pair[0]));
        shared.extend(pair.map(|pair| (directory, [pair[0], pair[1]].map(|place| &*sessions[place].id))));
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::IsoTime;

    fn session(id: &str, directory: &str, depends_on: &[&str]) -> GroupSession {
        let created_at = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
        let mut session = GroupSession::new(id, directory, "x", created_at);
        session.depends_on = depends_on.iter().map(ToString::to_string).collect();
        session
    }

    #[test]
    fn only_sessions_that_can_run_at_the_same_time_share_a_directory() {
        let all = [
            session("a", "/p", &[]),
            session("b", "/q", &["a"]),
            session("c", "/p", &["b"]),
            session("d", "/r", &["a"]),
            session("e", "/r", &["c"]),
        ];
        let all: Vec<&GroupSession> = all.iter().collect();
        assert_eq!(shared_directories(&all[..3]), []);
        assert_eq!(shared_directories(&all), [("/r", ["d", "e"])]);
    }
}
