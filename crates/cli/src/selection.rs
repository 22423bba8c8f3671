//! Groups and sessions named on the command line.

use std::path::Path;

use session_groups::Error;
use session_groups::manager::id_parts;
use session_groups::model::time::Timestamp;
use session_groups::model::{GroupId, GroupSession, GroupSummary, SessionGroup};
use session_groups::repository::file::FileOptions;
use session_groups::repository::{Document, FileGroupRepository, GroupFilter, GroupRepository};

use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::suggest::nearest;
use crate::words;

/// The name of the newest group.
const LATEST: &str = "latest";
/// Maximum number of groups that a message names.
const MAX_NAMED: usize = 5;

/// Opens the store in the given directory, or else in that of the environment, or else in that of the home directory.
pub fn open_store(given: Option<&Path>) -> Result<FileGroupRepository> {
    // A variable that is set to nothing counts as not set.
    let variable = std::env::var_os("SESSION_GROUPS_STORE").filter(|directory| !directory.is_empty());
    let directory = given.or(variable.as_deref().map(Path::new));
    FileGroupRepository::new(directory, FileOptions::default()).map_err(|error| match directory {
        Some(_) => error.into(),
        None => Failure::usage("there is no home directory for the store")
            .with_help("pass --store DIR, or set SESSION_GROUPS_STORE or HOME"),
    })
}

/// Finds a group by its id, a unique beginning or end of it, or `latest`. A group that cannot be read counts, too, so that an
/// older one is never taken for it.
pub fn find_group(store: &FileGroupRepository, name: &str) -> Result<Document> {
    if let Ok(id) = GroupId::new(name)
        && let Some(group) = store.find_by_id(&id)?
    {
        return Ok(group);
    }
    let summaries = store.summaries(&GroupFilter::default(), None)?;
    let unreadable = store.unreadable(|_| true)?;
    let mut candidates: Vec<Candidate<'_>> = summaries.iter().map(|group| group.as_ref().into()).collect();
    candidates.extend(unreadable.iter().map(Candidate::from));
    // The newest first.
    candidates.sort_unstable_by(|left, right| right.order().cmp(&left.order()));
    let id = if name == LATEST { latest(&candidates)? } else { choose(&candidates, name)? };
    store.find_by_id(id)?.ok_or_else(|| not_found(name, &candidates))
}

/// A group that a name may mean.
struct Candidate<'a> {
    id: &'a GroupId,
    /// Time of its creation, where it is known: for a group that cannot be read, only from its id, without the fraction of the
    /// second.
    created_at: Option<Timestamp>,
    /// The reason why it cannot be read.
    error: Option<&'a Error>,
}

impl<'a> From<&'a GroupSummary> for Candidate<'a> {
    fn from(group: &'a GroupSummary) -> Self {
        Self { id: &group.id, created_at: Some(group.created_at.instant()), error: None }
    }
}

impl<'a> From<&'a (GroupId, Error)> for Candidate<'a> {
    fn from((id, error): &'a (GroupId, Error)) -> Self {
        Self { id, created_at: time_in(id), error: Some(error) }
    }
}

impl Candidate<'_> {
    fn order(&self) -> (Option<Timestamp>, &GroupId) {
        (self.created_at, self.id)
    }

    /// Returns `true` if it is not certain that this group was created before another one. Their ids are compared where both
    /// have a time.
    fn may_be_newer_than(&self, other: &Self) -> bool {
        let second = |time: Timestamp| (time.unix_ms() / 1000.0).floor();
        let (own, other) = (time_in(self.id), time_in(other.id).or(other.created_at));
        own.zip(other).is_none_or(|(own, other)| second(own) >= second(other))
    }
}

/// Time of the creation of a group, without the fraction of the second, if its id has it.
fn time_in(id: &GroupId) -> Option<Timestamp> {
    id_parts(id).map(|(created_at, _)| created_at.instant())
}

/// The newest of the groups. Fails if one that cannot be read may be newer.
fn latest<'a>(candidates: &[Candidate<'a>]) -> Result<&'a GroupId> {
    let newest = candidates.iter().find(|group| group.error.is_none());
    let unreadable = candidates.iter().filter_map(|group| Some((group, group.error?)));
    let mut may_be_newer =
        unreadable.filter(|(group, _)| newest.is_none_or(|newest| group.may_be_newer_than(newest)));
    if let Some((group, error)) = may_be_newer.next() {
        let message =
            format!("cannot tell whether {} is the latest group: {}", group.id, words::message(error));
        let help =
            "`session-groups doctor` shows the problems of the store; another group is named by its id";
        return Err(Failure::unexpected(message).with_help(help));
    }
    let none = || {
        Failure::new(Exit::NotFound, "the store has no groups")
            .with_help("its directory is set by --store; `session-groups create NAME` makes a group")
    };
    newest.map(|group| group.id).ok_or_else(none)
}

/// The only group whose id begins or ends with a name.
fn choose<'a>(candidates: &[Candidate<'a>], name: &str) -> Result<&'a GroupId> {
    let is_named = |group: &&Candidate<'_>| {
        let id = group.id.as_str();
        !name.is_empty() && (id.starts_with(name) || id.ends_with(name))
    };
    let found: Vec<_> = candidates.iter().filter(is_named).map(|group| group.id).collect();
    match &found[..] {
        [] => Err(not_found(name, candidates)),
        [id] => Ok(id),
        _ => {
            let named: Vec<_> = found.iter().take(MAX_NAMED).map(|id| id.as_str()).collect();
            let more = found.len().saturating_sub(MAX_NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let message = format!("{name:?} names {} groups", found.len());
            Err(Failure::usage(message).with_help(format!("use one of {}{more}", named.join(", "))))
        }
    }
}

fn not_found(name: &str, candidates: &[Candidate<'_>]) -> Failure {
    let ids = candidates.iter().map(|group| group.id.as_str());
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
    let slug = group.slug.as_str();
    let is_ambiguous = |other: &GroupId| {
        let id = other.as_str();
        *other != group.id && (id.ends_with(slug) || id.starts_with(slug))
    };
    let is_usable = !slug.is_empty() && slug != LATEST && group.id.as_str().ends_with(slug);
    let is_unique = || !store.ids().unwrap_or_default().iter().any(is_ambiguous);
    if is_usable && is_unique() { slug.to_owned() } else { group.id.to_string() }
}
