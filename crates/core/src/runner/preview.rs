//! The dry run: what a run would do, found by the decisions themselves with simulated facts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use uuid::Uuid;

use crate::claude::ClaudeVersion;
use crate::claude::command::Conversation;
use crate::error::Result;
use crate::generate::{Context, prepare_inline};
use crate::graph::{DependencyGraph, Node};
use crate::json::Draft;
use crate::model::number::{Usd, to_whole};
use crate::model::run::AttemptKind;
use crate::model::{GroupSession, SessionGroup, SessionStatus, time};
use crate::repository::Document;
use crate::runner::Runner;
use crate::runner::changed_limits::with_limits;
use crate::runner::options::ChangedLimits;
use crate::runner::plan::{
    Command, Input, Look, Monotonic, Nanos, Now, Run, RunOptions, SessionIndex, TurnResult, Verdict, Wall,
};
use crate::runner::supervisor::{Launcher, directory_warnings};

/// Time that a session takes where none of the group has completed, in milliseconds. It affects the order of starts alone.
const ASSUMED_MS: u64 = 60_000;

/// Maximum number of facts of a simulation. A session has about ten.
const MAX_FACTS: usize = 1_000_000;

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionPlan {
    /// Id of the group.
    pub group_id: String,
    /// Ids of the remaining sessions in waves. Those of a wave can start once those of the waves before it have completed.
    pub waves: Vec<Vec<String>>,
    /// The sessions that would start, in the order of their starts.
    pub sessions: Vec<PlannedSession>,
    /// The sessions that could not start.
    pub unreachable: Vec<UnreachableSession>,
    /// Time that the run would take if each session took as long as the completed ones did on average, in milliseconds.
    /// `None` if none has completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_ms: Option<f64>,
    /// What a person should know before the start.
    pub warnings: Vec<String>,
}

/// A session that would start.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedSession {
    /// Id of the session.
    pub id: String,
    /// Number of its wave, from 0.
    pub wave: usize,
    /// The program and its arguments. The id of a new conversation is a placeholder, and texts are in place of the files that
    /// are written at the start.
    pub command: Vec<String>,
    /// Working directory.
    pub cwd: PathBuf,
    /// Share of the budget that it starts with, in US dollars; `None` if it starts without a cap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_usd: Option<Usd>,
}

/// A session that could not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreachableSession {
    /// Id of the session.
    pub session: String,
    /// Ids of the sessions that it waits for in vain: those that failed, do not exist, or are on a cycle.
    pub because: Vec<String>,
}

/// A start that a run would make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedStart {
    /// Index of the session in the group.
    pub session: usize,
    /// Whether its conversation is new or resumed.
    pub how: AttemptKind,
    /// Share of the budget that it starts with; `None` if it starts without a cap.
    pub cap: Option<Usd>,
}

/// Returns the starts of a run in their order, as if every session succeeded and cost nothing.
pub fn planned_starts(group: &SessionGroup, options: &RunOptions) -> Result<Vec<PlannedStart>> {
    Ok(simulate(group, options, completed_times(group).unwrap_or(ASSUMED_MS))?.0)
}

/// Returns the ids of the remaining sessions in waves. Those of a wave can start once those of the waves before it have
/// completed. Sessions that could not start are in none.
pub fn remaining_waves(group: &SessionGroup) -> Vec<Vec<String>> {
    let graph = remaining_graph(group);
    let ids = |wave: Vec<usize>| wave.into_iter().map(|index| graph.id(index).to_owned()).collect();
    graph.waves().into_iter().map(ids).collect()
}

/// The dependencies of a group in which paused sessions are to be run.
fn remaining_graph(group: &SessionGroup) -> DependencyGraph {
    DependencyGraph::new(group.sessions.iter().map(|session| Node {
        state: if session.status == SessionStatus::Paused {
            SessionStatus::Pending.into()
        } else {
            session.status.into()
        },
        ..Node::from(session)
    }))
}

impl Runner {
    /// Returns what [`run_with`](Self::run_with) would do with the stored group, or with one that is not stored.
    pub fn plan_with(self, version: ClaudeVersion, unstored: Option<SessionGroup>) -> Result<ExecutionPlan> {
        let group = self.to_plan(unstored)?;
        self.preview(&group, "claude", &self.launcher(version, false))
    }

    /// The stored group, or the given one if it is not stored, with the limits that the options change.
    pub(super) fn to_plan(&self, unstored: Option<SessionGroup>) -> Result<SessionGroup> {
        let document = match (self.store.load()?, unstored) {
            (None, Some(group)) => Document::from_group(&group)?,
            (found, _) => self.existing(found)?,
        };
        if self.options.limits == ChangedLimits::default() {
            return document.group();
        }
        let mut draft = Draft::of(document.json());
        draft.set("config", with_limits(&document, &self.options.limits)?);
        Document::from_text(draft.into_text())?.group()
    }

    pub(super) fn preview(
        &self,
        group: &SessionGroup,
        program: &str,
        launcher: &Launcher,
    ) -> Result<ExecutionPlan> {
        self.check_start(group, launcher)?;
        let warnings = directory_warnings(group);
        preview(group, &self.options.decisions(), program, &launcher.context(), warnings)
    }
}

/// Returns what a run of a group would do. `program` is shown as the program of each session.
fn preview(
    group: &SessionGroup,
    options: &RunOptions,
    program: &str,
    context: &Context<'_>,
    warnings: Vec<String>,
) -> Result<ExecutionPlan> {
    let waves = remaining_waves(group);
    let wave_of: BTreeMap<&str, usize> =
        waves.iter().enumerate().flat_map(|(wave, ids)| ids.iter().map(move |id| (&**id, wave))).collect();
    let times = completed_times(group);
    let (starts, elapsed_ms) = simulate(group, options, times.unwrap_or(ASSUMED_MS))?;
    let sessions = starts.iter().map(|start| {
        let session = &group.sessions[start.session];
        Ok(PlannedSession {
            id: session.id.clone(),
            wave: wave_of.get(&*session.id).copied().unwrap_or(0),
            command: command(group, session, start, program, context)?,
            cwd: PathBuf::from(&session.project_path),
            share_usd: start.cap,
        })
    });
    let graph = remaining_graph(group);
    let unreachable = graph.unreachable().into_iter().map(|held| UnreachableSession {
        session: graph.id(held.session).to_owned(),
        because: held.by.iter().map(|&index| graph.id(index).to_owned()).collect(),
    });
    #[allow(clippy::cast_precision_loss, reason = "exact below 285,000 years")]
    Ok(ExecutionPlan {
        group_id: group.id.to_string(),
        sessions: sessions.collect::<Result<_>>()?,
        unreachable: unreachable.collect(),
        estimated_ms: times.map(|_| elapsed_ms as f64),
        waves,
        warnings,
    })
}

/// The mean time of completed sessions, in milliseconds.
fn completed_times(group: &SessionGroup) -> Option<u64> {
    let completed = group.sessions.iter().filter(|session| session.status == SessionStatus::Completed);
    let times: Vec<f64> = completed.filter_map(GroupSession::ran_ms).collect();
    #[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 sessions")]
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    (!times.is_empty()).then(|| to_whole(mean.round()))
}

fn command(
    group: &SessionGroup,
    session: &GroupSession,
    start: &PlannedStart,
    program: &str,
    context: &Context<'_>,
) -> Result<Vec<String>> {
    let stored = session.claude_session_id.as_deref().and_then(|id| id.parse().ok());
    let id = stored.unwrap_or(Uuid::nil());
    let conversation = match start.how {
        AttemptKind::Fresh => Conversation::Fresh(id),
        AttemptKind::Resume => Conversation::Resume(id),
    };
    let prepared = prepare_inline(group, session, context)?;
    let arguments = prepared.arguments(conversation, start.cap)?;
    let arguments = arguments.iter().map(|argument| argument.to_string_lossy().into_owned());
    Ok(std::iter::once(program.to_owned()).chain(arguments).collect())
}

/// Lets every session succeed after a time, without costs. Returns the starts and the time that everything takes.
fn simulate(
    group: &SessionGroup,
    options: &RunOptions,
    duration_ms: u64,
) -> Result<(Vec<PlannedStart>, u64)> {
    let mut run = Run::new(group, options)?;
    // Sessions may wait until a time of day.
    let mut now = Now { wall: Wall(to_whole(time::now_ms())), ..Now::default() };
    let mut starts = Vec::new();
    let mut running: BTreeMap<(Monotonic, usize), SessionIndex> = BTreeMap::new();
    let mut facts = vec![Input::TimePassed];
    for _ in 0..MAX_FACTS {
        let Some(fact) = facts.pop() else { break };
        run.handle(now, fact);
        while let Some(command) = run.poll() {
            match command {
                Command::Commit(commit) => facts.push(Input::Committed(commit.id)),
                Command::Start { session, how, cap, .. } => {
                    starts.push(PlannedStart { session: session.get(), how, cap: cap.map(Usd::from) });
                    running.insert((now.monotonic.after(duration_ms), starts.len()), session);
                    facts.push(Input::Started(session));
                }
                Command::Look(session) => {
                    let dead = Look::Dead { cost: Nanos::ZERO, ran_ms: 0 };
                    facts.push(Input::Looked(session, dead));
                }
                Command::Done(_) => return Ok((starts, now.monotonic.0)),
                _ => {}
            }
        }
        if !facts.is_empty() {
            continue;
        }
        // Nothing happens before the next session ends or a timer fires.
        let end = running.first_key_value().map(|((at, _), _)| *at);
        let Some(next) = end.into_iter().chain(run.deadline()).min() else { break };
        let passed = next.since(now.monotonic);
        now = Now { monotonic: now.monotonic.after(passed), wall: Wall(now.wall.0.saturating_add(passed)) };
        match running.first_entry().filter(|entry| entry.key().0 <= now.monotonic) {
            Some(entry) => {
                let session = entry.remove();
                let result = TurnResult { verdict: Verdict::Success, cost: Nanos::ZERO };
                // The fact that is pushed last comes first.
                facts.push(Input::Exited { session, cost: Nanos::ZERO });
                facts.push(Input::Result(session, result));
            }
            None => facts.push(Input::TimePassed),
        }
    }
    Ok((starts, now.monotonic.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::environment::Environment;
    use crate::model::GroupId;
    use crate::model::number::Positive;
    use crate::model::time::IsoTime;

    fn group(sessions: &[(&str, &[&str])]) -> SessionGroup {
        let created_at = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
        let mut group = SessionGroup::new(GroupId::new("g").unwrap(), "G", "g", created_at.clone());
        group.sessions = sessions
            .iter()
            .map(|&(id, depends_on)| {
                let mut session = GroupSession::new(id, "/p", "Do it", created_at.clone());
                session.depends_on = depends_on.iter().map(ToString::to_string).collect();
                session
            })
            .collect();
        group
    }

    fn plan(group: &SessionGroup) -> ExecutionPlan {
        let environment = Environment::inherit([]);
        let context = Context::new(ClaudeVersion::new(2, 1, 332), &environment);
        preview(group, &RunOptions::default(), "claude", &context, Vec::new()).unwrap()
    }

    #[test]
    fn sessions_start_in_waves_with_their_shares() {
        let mut group = group(&[("a", &[]), ("b", &[]), ("c", &["a", "b"]), ("d", &["missing"])]);
        group.config.max_budget_usd = Usd::clamped(8.0);
        let plan = plan(&group);
        assert_eq!(plan.waves, [vec!["a", "b"], vec!["c"]]);
        let shares: Vec<_> = plan
            .sessions
            .iter()
            .map(|session| (&*session.id, session.wave, session.share_usd.unwrap().get()))
            .collect();
        assert_eq!(shares, [("a", 0, 2.66), ("b", 0, 2.67), ("c", 1, 4.0)]);
        assert_eq!(
            plan.unreachable,
            [UnreachableSession { session: "d".into(), because: vec!["missing".into()] }]
        );
        assert_eq!(plan.estimated_ms, None);
        assert_eq!(plan.sessions[0].command[0], "claude");
        assert!(plan.sessions[0].command.contains(&"--session-id".to_owned()));
    }

    #[test]
    fn a_session_whose_wait_is_over_does_not_wait_again() {
        let mut group = group(&[("a", &[]), ("b", &[])]);
        group.sessions[0].waits_until = IsoTime::parse("2026-01-15T10:30:00Z");
        let starts = planned_starts(&group, &RunOptions::default()).unwrap();
        assert_eq!(starts.iter().map(|start| start.session).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_chain_of_a_thousand_starts_as_a_whole() {
        let ids: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        let mut group = group(&[]);
        for (index, id) in ids.iter().enumerate() {
            let mut session = GroupSession::new(id, "/p", "Do it", group.created_at.clone());
            session.depends_on = index.checked_sub(1).map(|before| ids[before].clone()).into_iter().collect();
            group.sessions.push(session);
        }
        group.sessions[0].status = SessionStatus::Completed;
        let starts = planned_starts(&group, &RunOptions::default()).unwrap();
        let indexes: Vec<_> = starts.iter().map(|start| start.session).collect();
        assert_eq!(indexes, (1..1_000).collect::<Vec<_>>());
        assert_eq!(remaining_waves(&group).len(), 999);
    }

    #[test]
    fn the_time_is_estimated_from_completed_sessions() {
        let mut group = group(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &["a"])]);
        group.config.max_concurrent_sessions = Positive::clamped(1);
        let session = &mut group.sessions[0];
        session.status = SessionStatus::Completed;
        session.run_ms = crate::model::number::Milliseconds::new(60_000.0);
        let plan = plan(&group);
        assert_eq!(plan.estimated_ms, Some(180_000.0));
        let ids: Vec<_> = plan.sessions.iter().map(|session| &*session.id).collect();
        assert_eq!(ids, ["b", "c", "d"]);
    }

    #[test]
    fn sessions_that_ran_before_are_resumed() {
        let mut group = group(&[("a", &[])]);
        let session = &mut group.sessions[0];
        session.status = SessionStatus::Paused;
        session.claude_session_id = Some("f8583c87-dcc3-4521-834e-d68f75432474".to_owned());
        let attempt = r#"[{ "n": 1, "uuid": "f8583c87-dcc3-4521-834e-d68f75432475", "how": "fresh", "startedAt": "2026-01-15T10:30:00Z",
            "reservedUsd": 1, "claudeSessionId": "f8583c87-dcc3-4521-834e-d68f75432474", "endedAt": "2026-01-15T10:31:00Z",
            "outcome": "interrupted" }]"#;
        session.attempts = Some(serde_json::from_str(attempt).unwrap());
        assert_eq!(remaining_waves(&group), [["a"]]);
        let plan = plan(&group);
        assert!(
            plan.sessions[0]
                .command
                .windows(2)
                .any(|pair| pair == ["--resume", "f8583c87-dcc3-4521-834e-d68f75432474"])
        );
    }
}
