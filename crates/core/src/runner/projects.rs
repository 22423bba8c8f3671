//! The project directories of a group's sessions, before any of them is started.

use std::collections::HashSet;
use std::path::Path;

use crate::generate::Problem;
use crate::model::{GroupSession, SessionGroup, SessionStatus};
use crate::runner::process::check_project;

/// Finds the sessions that cannot work in their project directories: it is not an absolute path, not a directory, missing,
/// contains the store or lies in it. `store` is the directory of all groups.
///
/// A missing directory is no problem of a session that waits for others, since these may create it.
pub fn check_projects(
    group: &SessionGroup,
    store: Option<&Path>,
    may_start: impl Fn(&GroupSession) -> bool,
) -> Vec<Problem> {
    let is_completed = |session: &&GroupSession| session.status == SessionStatus::Completed;
    let completed: HashSet<&str> =
        group.sessions.iter().filter(is_completed).map(|session| &*session.id).collect();
    let waits = |session: &GroupSession| session.depends_on.iter().any(|id| !completed.contains(id.as_str()));
    let problem = |session: &GroupSession| {
        let project = Path::new(&session.project_path);
        let error = check_project(project, store).err()?;
        if waits(session) && project.is_absolute() && !project.exists() {
            return None;
        }
        let error = error.in_session(group.id.as_str(), &session.id);
        Some(Problem { session: Some(session.id.clone()), error })
    };
    group.sessions.iter().filter(|session| may_start(session)).filter_map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GroupId;
    use crate::model::time::IsoTime;

    #[test]
    fn all_problems_are_found_and_a_directory_may_be_created_by_an_earlier_session() {
        let base = tempfile::tempdir().unwrap();
        let store = base.path().join("store");
        std::fs::create_dir_all(store.join("g/sessions")).unwrap();
        std::fs::create_dir_all(base.path().join("project")).unwrap();
        let created_at = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
        let mut group = SessionGroup::new(GroupId::new("g").unwrap(), "G", "g", created_at.clone());
        let project = |name: &str| base.path().join(name).to_str().unwrap().to_owned();
        let places = [
            ("fine", project("project"), ""),
            ("above", project(""), "contains the store"),
            ("equal", project("store"), "contains the store"),
            ("below", project("store/g/sessions"), "lies in the store"),
            ("later", project("none"), ""),
            ("missing", project("none"), "no such directory"),
            ("relative", "project".to_owned(), "absolute"),
        ];
        for (id, place, _) in &places {
            let mut session = GroupSession::new(id, place, "Do it", created_at.clone());
            session.depends_on = if *id == "later" { vec!["fine".to_owned()] } else { Vec::new() };
            group.sessions.push(session);
        }
        let found = check_projects(&group, Some(&store), |_| true);
        let expected = places.iter().filter(|(_, _, reason)| !reason.is_empty());
        assert_eq!(found.len(), expected.clone().count());
        for (found, (id, _, reason)) in found.iter().zip(expected) {
            assert_eq!((found.session.as_deref(), found.error.code()), (Some(*id), "INVALID_STATE"));
            assert!(found.error.to_string().contains(reason), "{}", found.error);
        }
        // Now nothing creates it any more.
        group.sessions[0].status = SessionStatus::Completed;
        assert_eq!(check_projects(&group, Some(&store), |session| session.id == "later").len(), 1);
    }
}
