//! Groups and sessions named on the command line.

use std::path::Path;
use std::sync::Arc;

use session_groups::model::{GroupId, GroupSession, GroupSummary, SessionGroup};
use session_groups::repository::file::FileOptions;
use session_groups::repository::{Document, FileGroupRepository, GroupFilter, GroupRepository};

use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::suggest::nearest;

/// The name of the newest group.
const LATEST: &str = "latest";
/// Maximum number of groups that a message names.
const MAX_NAMED: usize = 5;

/// Opens the store.
pub fn open_store(directory: Option<&Path>) -> Result<FileGroupRepository> {
    Ok(FileGroupRepository::new(directory, FileOptions::default())?)
}

/// Finds a group by its id, a unique beginning or end of it, or `latest`.
pub fn find_group(store: &FileGroupRepository, name: &str) -> Result<Document> {
    if let Ok(id) = GroupId::new(name)
        && let Some(group) = store.find_by_id(&id)?
    {
        return Ok(group);
    }
    let summaries = store.summaries(&GroupFilter::default(), None)?;
    let id = choose(&summaries, name)?;
    store.find_by_id(&id)?.ok_or_else(|| not_found(name, &summaries))
}

fn choose(summaries: &[Arc<GroupSummary>], name: &str) -> Result<GroupId> {
    let newest = |groups: &mut dyn Iterator<Item = &Arc<GroupSummary>>| {
        groups.max_by(|left, right| order(left).cmp(&order(right))).map(|group| group.id.clone())
    };
    if name == LATEST {
        let none = || {
            Failure::new(Exit::NotFound, "the store has no groups")
                .with_help("its directory is set by --store; `session-groups create NAME` makes a group")
        };
        return newest(&mut summaries.iter()).ok_or_else(none);
    }
    let is_named = |group: &&Arc<GroupSummary>| {
        let id = group.id.as_str();
        !name.is_empty() && (id.starts_with(name) || id.ends_with(name))
    };
    let mut found: Vec<_> = summaries.iter().filter(is_named).collect();
    found.sort_by(|left, right| order(right).cmp(&order(left)));
    match &found[..] {
        [] => Err(not_found(name, summaries)),
        [group] => Ok(group.id.clone()),
        _ => {
            let named: Vec<_> = found.iter().take(MAX_NAMED).map(|group| group.id.as_str()).collect();
            let more = found.len().saturating_sub(MAX_NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let message = format!("{name:?} names {} groups", found.len());
            Err(Failure::usage(message).with_help(format!("use one of {}{more}", named.join(", "))))
        }
    }
}

fn order(group: &GroupSummary) -> (session_groups::model::time::Timestamp, &GroupId) {
    (group.created_at.instant(), &group.id)
}

fn not_found(name: &str, summaries: &[Arc<GroupSummary>]) -> Failure {
    let ids = summaries.iter().map(|group| group.id.as_str());
    let failure = Failure::new(Exit::NotFound, format!("there is no group {name:?}"));
    match nearest(name, ids) {
        Some(near) => failure.with_help(format!("did you mean {near:?}?")),
        None => failure.with_help("`session-groups list` shows all groups"),
    }
}

/// Finds a session of a group by its id.
pub fn find_session<'a>(group: &'a SessionGroup, id: &str) -> Result<&'a GroupSession> {
    group.sessions.iter().find(|session| session.id == id).ok_or_else(|| {
        let ids = group.sessions.iter().map(|session| session.id.as_str());
        let failure = Failure::new(Exit::NotFound, format!("group {} has no session {id:?}", group.id));
        match nearest(id, ids) {
            Some(near) => failure.with_help(format!("did you mean {near:?}?")),
            None => failure.with_help(format!("`session-groups show {}` shows its sessions", group.id)),
        }
    })
}

/// The shortest name of a group for the commands of a message: its slug if that ends no other id, else its id.
pub fn short_name(group: &SessionGroup, store: &FileGroupRepository) -> String {
    let summaries = store.summaries(&GroupFilter::default(), None).unwrap_or_default();
    let slug = group.slug.as_str();
    let is_ambiguous = |other: &Arc<GroupSummary>| {
        let id = other.id.as_str();
        other.id != group.id && (id.ends_with(slug) || id.starts_with(slug))
    };
    let is_usable = !slug.is_empty() && slug != LATEST && group.id.as_str().ends_with(slug);
    if is_usable && !summaries.iter().any(is_ambiguous) { slug.to_owned() } else { group.id.to_string() }
}
