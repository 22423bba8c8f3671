//! The rules: what a request makes of a group, and which event reports it. No input or output, no clock.

use std::collections::{HashMap, VecDeque};

use serde_json::json;

use crate::error::{Error, Result};
use crate::json::{self, Draft, Json};
use crate::manager::naming;
use crate::model::config::GroupConfig;
use crate::model::event::{
    EndStatus, GroupCompletedEvent, GroupCreatedEvent, GroupEvent, GroupFailedEvent,
    GroupSessionCompletedEvent, GroupSessionFailedEvent, GroupSessionStartedEvent,
};
use crate::model::number::Milliseconds;
use crate::model::time::IsoTime;
use crate::model::{GroupSession, GroupStatus, SessionGroup, SessionStatus};
use crate::repository::{Changes, Condition, Document, Write, WriteOutcome};

/// A group to create.
#[derive(Debug, Clone)]
pub struct NewGroup {
    /// The name for people.
    pub name: String,
    /// The description for people.
    pub description: Option<String>,
    /// JSON object with the fields of the configuration that differ from the defaults.
    pub config: Option<String>,
}

impl NewGroup {
    /// A group with the default configuration.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), description: None, config: None }
    }
}

/// A change of a group that exists.
#[derive(Debug, Clone)]
pub enum Request {
    /// Merges fields into the group.
    UpdateGroup(Changes),
    /// Adds a session, as JSON.
    AddSession(String),
    /// Removes a session.
    RemoveSession {
        /// Its id.
        id: String,
        /// `true` to remove the dependencies of other sessions on it, too.
        force: bool,
    },
    /// Merges fields into a session.
    UpdateSession {
        /// Its id.
        id: String,
        /// The fields.
        changes: Changes,
    },
}

impl Request {
    /// Returns `true` if it sets the status of the group or of a session.
    pub fn concerns_status(&self) -> bool {
        match self {
            Self::UpdateGroup(changes) | Self::UpdateSession { changes, .. } => {
                changes.value("status").is_some()
            }
            Self::AddSession(_) | Self::RemoveSession { .. } => false,
        }
    }

    /// The error if there is no such group.
    pub fn no_group(&self, group_id: &str) -> Error {
        match self {
            Self::UpdateSession { id, .. } => {
                Error::not_found(group_id, format!("Group or session not found: {group_id}/{id}"))
            }
            _ => group_not_found(group_id),
        }
    }
}

/// The error if there is no such group.
pub fn group_not_found(group_id: &str) -> Error {
    Error::group_not_found(group_id)
}

/// The effect of a request.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The changes to merge into the group, `updatedAt` included.
    pub changes: Changes,
    /// The group with the changes.
    pub group: Document,
    /// The event that reports the change, if it has one.
    pub event: Option<GroupEvent>,
    /// The changes to merge into the session alone, for a repository that cannot merge fields into a group.
    pub session: Option<Changes>,
}

/// Maximum number of ids that are tried for a new group.
const MAX_IDS: u32 = 10_000;

/// Decides what is stored as a new group. `number` is 1 for the first id that is tried, 2 for the next. Fails with
/// `INVALID_GROUP`, and with `INVALID_STATE` once too many have been tried.
pub fn create(new: &NewGroup, number: u32, now: &IsoTime) -> Result<Decision> {
    if number > MAX_IDS {
        let problem = "too many groups of this name were created in this second. Try again";
        return Err(Error::invalid_state(problem));
    }
    let slug = naming::slug(&new.name);
    let id = naming::group_id(now, &slug, number)?;
    let mut group = SessionGroup::new(id.clone(), &new.name, &slug, now.clone());
    group.description.clone_from(&new.description);
    let text = serde_json::to_string(&group).map_err(Error::internal)?;
    let mut draft = Draft::of(Json::of_valid(&text));
    if let Some(config) = &new.config {
        draft.set("config", over_defaults(config)?);
    }
    let group = Document::to_save(&id, draft.into_text())?;
    let event = GroupEvent::GroupCreated(GroupCreatedEvent {
        timestamp: now.clone(),
        group_id: id.to_string(),
        name: new.name.clone(),
        slug,
        total_sessions: 0.into(),
    });
    let changes = Changes::new("{}".to_owned(), Vec::new())?;
    Ok(Decision { changes, group, event: Some(event), session: None })
}

/// Returns the default configuration with the members of an object.
fn over_defaults(config: &str) -> Result<String> {
    let given = Json::parse(config).ok().filter(|config| config.is_object());
    let given = given.ok_or_else(|| {
        Error::argument("config", format!("must be an object, but is {}", json::excerpt(config)))
    })?;
    let defaults = serde_json::to_string(&GroupConfig::default()).map_err(Error::internal)?;
    let mut merged = Draft::of(Json::of_valid(&defaults));
    for member in given.members() {
        merged.copy(member);
    }
    Ok(merged.into_text())
}

/// Decides a request. `runner` is the other process that runs the group, as messages name it. The errors are those of the
/// methods of [`GroupManager`](super::GroupManager).
pub fn decide(group: &Document, request: &Request, runner: Option<&str>, now: &IsoTime) -> Result<Decision> {
    match request {
        Request::UpdateGroup(changes) => update_group(group, changes, runner, now),
        Request::AddSession(session) => add_session(group, session, now),
        Request::RemoveSession { id, force } => remove_session(group, id, *force, now),
        Request::UpdateSession { id, changes } => update_session(group, id, changes, runner, now),
    }
}

/// Fields of a group that are always there, so that `undefined` for one of them means nothing.
const REQUIRED_OF_GROUP: &[&str] =
    &["id", "name", "slug", "status", "sessions", "config", "createdAt", "updatedAt"];
/// The same of a session.
const REQUIRED_OF_SESSION: &[&str] = &["id", "projectPath", "prompt", "status", "dependsOn", "createdAt"];
/// Fields of a group that an update cannot change.
const FIXED: &[&str] = &["id", "slug", "createdAt", "sessions"];

fn update_group(
    group: &Document,
    changes: &Changes,
    runner: Option<&str>,
    now: &IsoTime,
) -> Result<Decision> {
    let stored_sessions = group.json().get("sessions");
    let has_other_sessions = changes
        .value("sessions")
        .is_some_and(|sessions| stored_sessions.is_none_or(|stored| !stored.is_same(sessions)));
    if has_other_sessions {
        let problem = "cannot be changed here: use addSession, removeSession and updateSession";
        return Err(Error::argument("sessions", problem));
    }
    // Checks that the other fixed fields stay what they are.
    applied(group, changes.without_removed(REQUIRED_OF_GROUP).without(&["sessions"]))?;
    let changes = changes.without_removed(REQUIRED_OF_GROUP).without(FIXED);
    let before = group.status();
    let decision = decided(group, &changes, now)?;
    let after = decision.group.status();
    if before == after {
        return Ok(decision);
    }
    let id = group.id().as_str();
    if matches!(before, GroupStatus::Archived | GroupStatus::Deleted) {
        let problem = format!("is {}, and stays so: create another group", before.name());
        return Err(Error::invalid_transition(id, &problem));
    }
    refuse_status_of_runner(id, runner)?;
    let event = group_event(&decision.group, now)?;
    Ok(Decision { event, ..decision })
}

/// A runner writes statuses itself, and would undo changes of them.
fn refuse_status_of_runner(group_id: &str, runner: Option<&str>) -> Result<()> {
    runner.map_or(Ok(()), |runner| Err(Error::status_of_runner(group_id, runner)))
}

fn add_session(group: &Document, session: &str, now: &IsoTime) -> Result<Decision> {
    let sessions = group.json().get("sessions").into_iter().flat_map(Json::elements).map(Json::text);
    let sessions: Vec<&str> = sessions.chain([session]).collect();
    let decision = with_sessions(group, &sessions, now)?;
    let after = decision.group.group()?;
    check_dependencies(&after, after.sessions.len() - 1, &[])?;
    Ok(decision)
}

fn remove_session(group: &Document, id: &str, force: bool, now: &IsoTime) -> Result<Decision> {
    let before = group.group()?;
    if before.sessions.iter().all(|session| session.id != id) {
        let message = format!("Session not found in group: {id}");
        return Err(Error::not_found(group.id().as_str(), message));
    }
    let depends = |session: &&GroupSession| session.id != id && session.depends_on.iter().any(|it| it == id);
    let dependants: Vec<_> = before.sessions.iter().filter(depends).map(|it| it.id.as_str()).collect();
    if !force && !dependants.is_empty() {
        return Err(Error::invalid_state(format!(
            "cannot remove session {id:?}: {} on it. Use force to remove these dependencies, too",
            depend(&dependants)
        )));
    }
    let texts = group.json().get("sessions").into_iter().flat_map(Json::elements);
    let rest = before.sessions.iter().zip(texts).filter(|(session, _)| session.id != id);
    let rest: Vec<String> = rest.map(|(session, text)| independent(session, text, id)).collect();
    with_sessions(group, &rest, now)
}

/// Says that sessions depend on something.
fn depend(sessions: &[&str]) -> String {
    const MAX_SHOWN: usize = 5;
    let shown = sessions.iter().take(MAX_SHOWN).map(|id| format!("{id:?}")).collect::<Vec<_>>().join(", ");
    match sessions.len() {
        1 => format!("{shown} depends"),
        0..=MAX_SHOWN => format!("{shown} depend"),
        all => format!("{shown} and {} more depend", all - MAX_SHOWN),
    }
}

/// Returns the text of a session without its dependency on another.
fn independent(session: &GroupSession, text: Json<'_>, other: &str) -> String {
    let kept: Vec<_> = session.depends_on.iter().filter(|id| *id != other).collect();
    if kept.len() == session.depends_on.len() {
        return text.text().to_owned();
    }
    let mut draft = Draft::of(text);
    draft.set("dependsOn", json!(kept).to_string());
    draft.into_text()
}

fn update_session(
    group: &Document,
    id: &str,
    changes: &Changes,
    runner: Option<&str>,
    now: &IsoTime,
) -> Result<Decision> {
    let changes = changes.without_removed(REQUIRED_OF_SESSION);
    let write = Write::UpdateSession { session_id: id.to_owned(), changes: changes.clone() };
    let after = match write.apply(group.id(), Some(group.clone()))? {
        WriteOutcome::Stored(after) => after,
        WriteOutcome::NotFound | WriteOutcome::Deleted => {
            let message = format!("Group or session not found: {}/{id}", group.id());
            return Err(Error::not_found(group.id().as_str(), message));
        }
    };
    let sessions: Vec<_> = after.json().get("sessions").into_iter().flat_map(Json::elements).collect();
    let sessions: Vec<&str> = sessions.into_iter().map(Json::text).collect();
    let decision = with_sessions(group, &sessions, now)?;
    let (before, after) = (group.group()?, decision.group.group()?);
    let index = after.sessions.iter().position(|session| session.id == id);
    let index = index.ok_or_else(|| Error::internal("an updated session is missing"))?;
    let (before, session) = (&before.sessions[index], &after.sessions[index]);
    if before.depends_on != session.depends_on {
        check_dependencies(&after, index, &before.depends_on)?;
    }
    if before.status != session.status {
        refuse_status_of_runner(group.id().as_str(), runner)?;
    }
    let has_status = changes.value("status").is_some();
    let event = has_status.then(|| session_event(after.id.as_str(), session, now)).flatten();
    Ok(Decision { event, session: Some(changes), ..decision })
}

/// Checks the dependencies of a session: those that are not among the `former` ones must be sessions of the group, and none
/// may lead back to the session.
fn check_dependencies(group: &SessionGroup, index: usize, former: &[String]) -> Result<()> {
    let session = &group.sessions[index];
    let place: HashMap<&str, usize> =
        group.sessions.iter().enumerate().map(|(index, session)| (session.id.as_str(), index)).collect();
    let is_missing = |(_, id): &(usize, &String)| !place.contains_key(id.as_str()) && !former.contains(id);
    if let Some((number, id)) = session.depends_on.iter().enumerate().find(is_missing) {
        let problem =
            format!("must be the id of a session of the group, but is {id:?}. Add that session first");
        return Err(Error::argument(format!("dependsOn[{number}]"), problem));
    }
    match circle(group, index, &place) {
        Some(circle) => Err(Error::circular_dependency(vec![circle])),
        None => Ok(()),
    }
}

/// Returns the ids of a shortest circle of dependencies through a session.
fn circle(group: &SessionGroup, start: usize, place: &HashMap<&str, usize>) -> Option<Vec<String>> {
    let mut dependant_of = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(index) = queue.pop_front() {
        for dependency in &group.sessions[index].depends_on {
            let Some(&dependency) = place.get(dependency.as_str()) else { continue };
            if dependency == start {
                let path = std::iter::successors(Some(index), |index| dependant_of.get(index).copied());
                let mut path: Vec<_> = path.map(|index| group.sessions[index].id.clone()).collect();
                path.reverse();
                return Some(path);
            }
            dependant_of.entry(dependency).or_insert_with(|| {
                queue.push_back(dependency);
                index
            });
        }
    }
    None
}

/// Replaces the sessions of a group.
fn with_sessions(group: &Document, sessions: &[impl AsRef<str>], now: &IsoTime) -> Result<Decision> {
    let sessions: Vec<&str> = sessions.iter().map(AsRef::as_ref).collect();
    let changes = Changes::new(format!("{{\"sessions\":[{}]}}", sessions.join(",")), Vec::new())?;
    decided(group, &changes, now)
}

/// Adds the time to changes, and applies them.
fn decided(group: &Document, changes: &Changes, now: &IsoTime) -> Result<Decision> {
    let changes = changes.with("updatedAt", json::quote(now)).made_at(now.unix_ms());
    Ok(Decision { group: applied(group, changes.clone())?, changes, event: None, session: None })
}

fn applied(group: &Document, changes: Changes) -> Result<Document> {
    let write = Write::Update { changes, condition: Condition::None };
    match write.apply(group.id(), Some(group.clone()))? {
        WriteOutcome::Stored(group) => Ok(group),
        WriteOutcome::NotFound | WriteOutcome::Deleted => Err(group_not_found(group.id().as_str())),
    }
}

/// Returns the event of a group whose status has changed.
fn group_event(group: &Document, now: &IsoTime) -> Result<Option<GroupEvent>> {
    let (timestamp, group_id) = (now.clone(), group.id().to_string());
    let summary = group.summary()?;
    let failed_sessions = summary.failed;
    Ok(match group.status() {
        GroupStatus::Completed => Some(GroupEvent::GroupCompleted(GroupCompletedEvent {
            timestamp,
            group_id,
            completed_sessions: summary.completed,
            failed_sessions,
            total_cost_usd: summary.total_cost,
            elapsed_ms: elapsed(summary.started_at.as_ref(), summary.completed_at.as_ref()),
        })),
        GroupStatus::Failed => Some(GroupEvent::GroupFailed(GroupFailedEvent {
            timestamp,
            group_id,
            failed_sessions,
            reason: "Error threshold exceeded".to_owned(),
            cause: None,
        })),
        _ => None,
    })
}

/// Returns the event of a session whose status was set.
fn session_event(group_id: &str, session: &GroupSession, now: &IsoTime) -> Option<GroupEvent> {
    let (timestamp, group_id, session_id) = (now.clone(), group_id.to_owned(), session.id.clone());
    let cost_usd = session.cost;
    match session.status {
        SessionStatus::Active => Some(GroupEvent::GroupSessionStarted(GroupSessionStartedEvent {
            timestamp,
            group_id,
            session_id,
            project_path: session.project_path.clone(),
            prompt: session.prompt.clone(),
            truncated: None,
        })),
        SessionStatus::Completed => Some(GroupEvent::GroupSessionCompleted(GroupSessionCompletedEvent {
            timestamp,
            group_id,
            session_id,
            status: EndStatus::Completed,
            duration_ms: elapsed(session.started_at.as_ref(), session.completed_at.as_ref()),
            cost_usd,
        })),
        SessionStatus::Failed => Some(GroupEvent::GroupSessionFailed(GroupSessionFailedEvent {
            timestamp,
            group_id,
            session_id,
            error: session.error.clone().unwrap_or_else(|| "Session failed".to_owned()),
            cost_usd,
        })),
        SessionStatus::Pending | SessionStatus::Paused => None,
    }
}

/// The time from a start to an end, 0 if one of them is unknown.
fn elapsed(start: Option<&IsoTime>, end: Option<&IsoTime>) -> Milliseconds {
    let elapsed = start.zip(end).map_or(0.0, |(start, end)| end.unix_ms() - start.unix_ms());
    Milliseconds::clamped(elapsed.max(0.0))
}
