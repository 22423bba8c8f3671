//! A plan file that was run before: its newest unfinished group is taken up and brought up to date.

use std::collections::HashMap;

use clap::ValueEnum;
use serde_json::Value;
use session_groups::Error;
use session_groups::feed::{self, Commit};
use session_groups::manager::{may_have_slug, slug};
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupSession, GroupStatus, SessionGroup, SessionStatus};
use session_groups::ownership;
use session_groups::repository::{Changes, Document, FileGroupRepository, GroupFilter, GroupRepository};

use crate::edit::merged_text;
use crate::error::{Failure, Result};
use crate::plan_file::Plan;
use crate::words;

/// Sessions to run again although they have run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rerun {
    /// Failed sessions, in their conversations
    Failed,
    /// Sessions whose definition has changed, from the beginning
    Changed,
    /// All sessions, from the beginning
    All,
}

/// The differences between a plan and the group that was made from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// New sessions.
    pub added: Vec<String>,
    /// Sessions that have not run and were changed.
    pub changed: Vec<String>,
    /// Sessions that have run and keep what they were started with.
    pub kept: Vec<String>,
    /// Sessions that are run again from the beginning.
    pub rerun: Vec<String>,
    /// Sessions that were to run again, but whose process may still run.
    pub active: Vec<String>,
    /// Sessions that never ran and were removed.
    pub removed: Vec<String>,
    /// Sessions that ran and are no longer in the plan.
    pub dropped: Vec<String>,
}

/// Returns the newest unfinished group that was made from a plan file under this name.
pub fn unfinished(store: &FileGroupRepository, plan: &Plan) -> Result<Option<Document>> {
    use GroupStatus::{Created, Failed, Paused, Running};
    let mut newest: Option<Document> = None;
    for status in [Created, Running, Paused, Failed] {
        for document in store.list(&GroupFilter { status: Some(status), ..GroupFilter::default() }, None)? {
            let source = document.group()?.plan;
            let is_same =
                source.is_some_and(|source| source.path == plan.source.path && source.name == plan.name);
            let is_newer = newest.as_ref().is_none_or(|other| {
                (document.created_at(), document.id()) > (other.created_at(), other.id())
            });
            if is_same && is_newer {
                newest = Some(document);
            }
        }
    }
    Ok(newest)
}

/// Fails if a group that cannot be read may have been made from a plan: a new one would run its sessions a second time. Only
/// the id of such a group can tell, so groups that were created under another name are not looked at.
pub fn check_unreadable(store: &FileGroupRepository, plan: &Plan) -> Result<()> {
    let slug = slug(&plan.name);
    match store.unreadable(|id| may_have_slug(id, &slug))?.first() {
        None => Ok(()),
        Some((id, error)) => {
            let message = format!(
                "cannot tell whether {id} is the unfinished group of this plan: {}",
                words::message(error)
            );
            let help = format!("repair it, or delete it with `session-groups delete {id}`");
            Err(Failure::unexpected(message).with_help(help))
        }
    }
}

/// Brings a group up to date with its plan, while no runner can have it. Fails with `ALREADY_RUNNING`.
pub fn merge(
    store: &FileGroupRepository,
    document: &Document,
    plan: &Plan,
    rerun: Option<Rerun>,
) -> Result<(Document, Differences)> {
    let lock = ownership::lock(store, document.id())?;
    let (sender, receiver) = std::sync::mpsc::channel();
    let plan = plan.clone();
    let change = move |stored: &Document| {
        let before = stored.group()?;
        let (after, differences) = merged(&before, &plan, rerun);
        let commit = Commit::new(changes(stored, &before, &after)?);
        // The receiver waits for the commit.
        let _ = sender.send(differences);
        Ok(commit)
    };
    let committed = feed::commit(store, document.id(), change)?;
    drop(lock);
    let committed =
        committed.ok_or_else(|| Error::not_found(document.id().as_str(), "the group was deleted"))?;
    Ok((committed.group, receiver.try_recv().unwrap_or_default()))
}

/// The group of a plan after it was brought up to date, and what is different.
pub fn merged(before: &SessionGroup, plan: &Plan, rerun: Option<Rerun>) -> (SessionGroup, Differences) {
    let mut differences = Differences::default();
    let mut after = before.clone();
    after.config = plan.config.clone();
    after.plan = Some(plan.source.clone());
    let stored: HashMap<&str, &GroupSession> =
        before.sessions.iter().map(|session| (session.id.as_str(), session)).collect();
    let now = IsoTime::now();
    after.sessions = plan
        .sessions
        .iter()
        .map(|planned| {
            if let Some(stored) = stored.get(planned.id.as_str()) {
                return updated(stored, planned, rerun, &mut differences);
            }
            differences.added.push(planned.id.clone());
            GroupSession { created_at: now.clone(), ..planned.clone() }
        })
        .collect();
    for session in &before.sessions {
        if plan.sessions.iter().any(|planned| planned.id == session.id) {
            continue;
        }
        if has_run(session) {
            differences.dropped.push(session.id.clone());
            after.sessions.push(GroupSession { dropped: Some(true), ..session.clone() });
        } else {
            differences.removed.push(session.id.clone());
        }
    }
    (after, differences)
}

fn updated(
    stored: &GroupSession,
    planned: &GroupSession,
    rerun: Option<Rerun>,
    differences: &mut Differences,
) -> GroupSession {
    let redefined = with_definition(stored, planned);
    let is_changed = redefined != GroupSession { dropped: None, ..stored.clone() };
    let is_wanted = rerun == Some(Rerun::All) || (rerun == Some(Rerun::Changed) && is_changed);
    let runs_again = is_wanted && has_run(stored);
    // A second process must not be started for a session whose first one may still run.
    if runs_again && stored.status == SessionStatus::Active {
        differences.active.push(stored.id.clone());
        return GroupSession { dropped: None, ..stored.clone() };
    }
    if runs_again {
        differences.rerun.push(stored.id.clone());
        return GroupSession {
            status: SessionStatus::Pending,
            claude_session_id: None,
            completed_at: None,
            error: None,
            denied_tools: None,
            waits_until: None,
            ..redefined
        };
    }
    if !is_changed {
        return GroupSession { dropped: None, ..stored.clone() };
    }
    if has_run(stored) {
        differences.kept.push(stored.id.clone());
        return GroupSession { dropped: None, ..stored.clone() };
    }
    differences.changed.push(stored.id.clone());
    redefined
}

/// The stored session with everything that a plan defines.
fn with_definition(stored: &GroupSession, planned: &GroupSession) -> GroupSession {
    let planned = planned.clone();
    GroupSession {
        project_path: planned.project_path,
        prompt: planned.prompt,
        depends_on: planned.depends_on,
        template: planned.template,
        config: planned.config,
        model: planned.model,
        max_budget_usd: planned.max_budget_usd,
        max_turns: planned.max_turns,
        timeout_ms: planned.timeout_ms,
        stall_timeout_ms: planned.stall_timeout_ms,
        retries: planned.retries,
        allow_failure: planned.allow_failure,
        dropped: None,
        ..stored.clone()
    }
}

fn has_run(session: &GroupSession) -> bool {
    session.status != SessionStatus::Pending
        || session.attempts.as_ref().is_some_and(|attempts| !attempts.is_empty())
        || session.claude_session_id.is_some()
}

/// The changes of the stored group. Fields that are not known stay, in the sessions, too.
fn changes(
    stored: &Document,
    before: &SessionGroup,
    after: &SessionGroup,
) -> session_groups::Result<Changes> {
    let mut sessions = Vec::new();
    let texts = stored.json().get("sessions").into_iter().flat_map(session_groups::json::Json::elements);
    let known: HashMap<&str, (&GroupSession, &str)> = before
        .sessions
        .iter()
        .zip(texts)
        .map(|(session, text)| (session.id.as_str(), (session, text.text())))
        .collect();
    for session in &after.sessions {
        sessions.push(match known.get(session.id.as_str()) {
            Some((before, text)) => merged_text(text, *before, session)?,
            None => serde_json::to_string(session).map_err(Error::internal)?,
        });
    }
    let json = |value: &dyn Fn() -> serde_json::Result<Value>| value().map_err(Error::internal);
    let config = stored.json().get("config").map_or("{}", session_groups::json::Json::text);
    let config = merged_text(config, &before.config, &after.config)?;
    let plan = json(&|| serde_json::to_value(&after.plan))?;
    let text = format!("{{\"sessions\":[{}],\"config\":{config},\"plan\":{plan}}}", sessions.join(","));
    Changes::new(text, Vec::new())
}

impl Differences {
    /// The differences that a person should know, one sentence for each kind.
    pub fn sentences(&self) -> Vec<String> {
        let all = [
            (&self.added, "new"),
            (&self.changed, "changed"),
            (&self.rerun, "run again from the beginning"),
            (
                &self.active,
                "not run again, because they may still be running: `session-groups stop` ends them",
            ),
            (&self.kept, "changed in the plan, but have run: run them again with --rerun changed"),
            (&self.removed, "removed"),
            (&self.dropped, "no longer in the plan: kept, but not run"),
        ];
        let some = all.iter().filter(|(ids, _)| !ids.is_empty());
        some.map(|(ids, what)| format!("{}: {what}", ids.join(", "))).collect()
    }
}
