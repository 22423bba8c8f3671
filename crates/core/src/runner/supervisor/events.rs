//! The plan's events, completed from the group.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::feed::{
    Event, FurtherEvent, SessionAdoptedEvent, SessionInterruptedEvent, SessionLimitLiftedEvent,
    SessionRetryingEvent, SessionUnreachableEvent, SessionWaitingLimitEvent, ToolsDeniedEvent,
};
use crate::graph::{DependencyGraph, Node};
use crate::model::event::{
    BudgetExceededEvent, BudgetWarningEvent, DependencyResolvedEvent, DependencyWaitingEvent, EndStatus,
    GroupCompletedEvent, GroupFailedEvent, GroupPausedEvent, GroupResumedEvent, GroupSessionCompletedEvent,
    GroupSessionFailedEvent, GroupSessionStartedEvent, GroupStartedEvent, PauseReason,
};
use crate::model::number::{Count, Milliseconds, Percent, Positive, Usd};
use crate::model::run::{AttemptOutcome, GroupCause};
use crate::model::time::IsoTime;
use crate::model::{GroupSession, SessionStatus};
use crate::runner::plan::{self, SessionIndex};
use crate::runner::supervisor::book::Book;

/// Completes events from the group as it will be stored.
pub struct Events<'a> {
    pub book: &'a Book,
    /// Time of the events.
    pub now: &'a IsoTime,
    /// Number of sessions that run.
    pub running: usize,
    /// Sessions whose newest attempt has just ended, with the tools that it was refused.
    pub denied: &'a HashMap<SessionIndex, Vec<String>>,
    /// The causes of each session that can no longer start, once they were needed.
    pub causes: OnceCell<HashMap<usize, Vec<String>>>,
}

impl Events<'_> {
    /// Completes the events of a commit, in their order.
    pub fn complete(&self, events: &[plan::Event]) -> Vec<Event> {
        let mut all = Vec::new();
        for &event in events {
            all.push(self.event(event));
            if let Some(session) = ended(event)
                && let Some(tools) = self.denied.get(&session)
            {
                all.push(self.denied(session, tools));
            }
        }
        all
    }

    fn session(&self, session: SessionIndex) -> &GroupSession {
        &self.book.entry(session).session
    }

    fn event(&self, event: plan::Event) -> Event {
        use plan::Event as Plan;
        match event {
            Plan::GroupStarted | Plan::GroupResumed | Plan::GroupCompleted | Plan::GroupPaused(_) => {
                self.group(event)
            }
            Plan::GroupFailed { cause, failed, unreachable } => GroupFailedEvent {
                timestamp: self.now.clone(),
                group_id: self.group_id(),
                failed_sessions: u64::from(failed).into(),
                reason: self.reason_of_failure(cause, failed, unreachable),
                cause,
            }
            .into(),
            Plan::SessionStarted(session) => self.started(session),
            Plan::SessionCompleted(session) | Plan::SessionFailed(session, _) => self.ended(session, event),
            Plan::SessionRetrying(session) => self.retrying(session),
            Plan::SessionInterrupted(session) => self.interrupted(session),
            Plan::SessionWaitingLimit(session) => further(SessionWaitingLimitEvent {
                timestamp: self.now.clone(),
                group_id: self.group_id(),
                session_id: self.session(session).id.clone(),
                waits_until: self.session(session).waits_until.clone(),
            }),
            Plan::LimitLifted => {
                further(SessionLimitLiftedEvent { timestamp: self.now.clone(), group_id: self.group_id() })
            }
            Plan::SessionAdopted(session) => further(SessionAdoptedEvent {
                timestamp: self.now.clone(),
                group_id: self.group_id(),
                session_id: self.session(session).id.clone(),
                attempt: self.attempt_number(session),
                pid: self.book.entry(session).process.as_ref().map(|process| process.pid),
            }),
            Plan::SessionUnreachable(session) => self.unreachable(session),
            Plan::DependencyWaiting(session) | Plan::DependencyResolved(session) => {
                self.dependencies(session, event)
            }
            Plan::BudgetWarning | Plan::BudgetExceeded => self.budget(event),
        }
    }

    fn group_id(&self) -> String {
        self.book.group.id.to_string()
    }

    fn group(&self, event: plan::Event) -> Event {
        let (timestamp, group_id) = (self.now.clone(), self.group_id());
        let group = &self.book.group;
        match event {
            plan::Event::GroupStarted => GroupStartedEvent {
                timestamp,
                group_id,
                total_sessions: (self.book.sessions().len() as u64).into(),
                max_concurrent: group.max_concurrent().into(),
            }
            .into(),
            plan::Event::GroupCompleted => {
                let started = group.started_at.as_ref().map_or(self.now.unix_ms(), IsoTime::unix_ms);
                GroupCompletedEvent {
                    timestamp,
                    group_id,
                    completed_sessions: self.book.count(SessionStatus::Completed),
                    failed_sessions: self.book.count(SessionStatus::Failed),
                    total_cost_usd: self.book.total_cost(),
                    elapsed_ms: Milliseconds::clamped(self.now.unix_ms() - started),
                }
                .into()
            }
            plan::Event::GroupPaused(cause) => GroupPausedEvent {
                timestamp,
                group_id,
                running_sessions: (self.running as u64).into(),
                reason: match cause {
                    GroupCause::Manual => PauseReason::Manual,
                    GroupCause::BudgetExceeded => PauseReason::BudgetExceeded,
                    _ => PauseReason::ErrorThreshold,
                },
                cause: Some(cause),
            }
            .into(),
            _ => {
                let open = self.book.sessions().filter(|session| !session.status.has_ended()).count();
                GroupResumedEvent { timestamp, group_id, pending_sessions: (open as u64).into() }.into()
            }
        }
    }

    fn reason_of_failure(&self, cause: Option<GroupCause>, failed: u32, unreachable: u32) -> String {
        match cause {
            Some(GroupCause::Stopped) => "Manually stopped".to_owned(),
            Some(GroupCause::BudgetExceeded) => {
                let (spent, limit) = (self.book.total_cost(), self.book.group.config.max_budget_usd);
                format!("Budget exceeded: ${:.4} of ${}", spent.get(), limit.get())
            }
            _ => match (failed, unreachable) {
                (failed, 0) => format!("{failed} failed"),
                (failed, unreachable) => format!("{failed} failed, {unreachable} not reached"),
            },
        }
    }

    fn started(&self, session: SessionIndex) -> Event {
        let session = self.session(session);
        GroupSessionStartedEvent {
            timestamp: self.now.clone(),
            group_id: self.group_id(),
            session_id: session.id.clone(),
            project_path: session.project_path.clone(),
            prompt: session.prompt.clone(),
            truncated: None,
        }
        .into()
    }

    fn ended(&self, session: SessionIndex, event: plan::Event) -> Event {
        let session = self.session(session);
        let (timestamp, group_id, session_id) = (self.now.clone(), self.group_id(), session.id.clone());
        if matches!(event, plan::Event::SessionCompleted(_)) {
            GroupSessionCompletedEvent {
                timestamp,
                group_id,
                session_id,
                status: EndStatus::Completed,
                duration_ms: session.run_ms.unwrap_or(Milliseconds::clamped(0.0)),
                cost_usd: session.cost,
            }
            .into()
        } else {
            let error = session.error.clone().unwrap_or_else(|| "it failed".to_owned());
            GroupSessionFailedEvent { timestamp, group_id, session_id, error, cost_usd: session.cost }.into()
        }
    }

    fn attempt_number(&self, session: SessionIndex) -> Positive {
        self.book.entry(session).attempt().map_or(Positive::clamped(1), |attempt| attempt.n)
    }

    fn retrying(&self, session: SessionIndex) -> Event {
        let attempt = self.book.entry(session).attempt();
        further(SessionRetryingEvent {
            timestamp: self.now.clone(),
            group_id: self.group_id(),
            session_id: self.session(session).id.clone(),
            attempt: self.attempt_number(session),
            outcome: attempt.and_then(|attempt| attempt.outcome).unwrap_or(AttemptOutcome::Crashed),
            error: attempt.and_then(|attempt| attempt.error.clone()),
            waits_until: self.session(session).waits_until.clone(),
        })
    }

    fn interrupted(&self, session: SessionIndex) -> Event {
        further(SessionInterruptedEvent {
            timestamp: self.now.clone(),
            group_id: self.group_id(),
            session_id: self.session(session).id.clone(),
            attempt: self.attempt_number(session),
            cost_usd: self.session(session).cost,
        })
    }

    fn denied(&self, session: SessionIndex, tools: &[String]) -> Event {
        further(ToolsDeniedEvent {
            timestamp: self.now.clone(),
            group_id: self.group_id(),
            session_id: self.session(session).id.clone(),
            tools: tools.to_vec(),
        })
    }

    fn dependencies(&self, session: SessionIndex, event: plan::Event) -> Event {
        let session = self.session(session);
        let (timestamp, group_id, session_id) = (self.now.clone(), self.group_id(), session.id.clone());
        let depends_on = session.depends_on.clone();
        if matches!(event, plan::Event::DependencyResolved(_)) {
            let event = DependencyResolvedEvent {
                timestamp,
                group_id,
                session_id,
                resolved_dependencies: depends_on,
            };
            return event.into();
        }
        let is_open = |id: &&String| {
            self.book.find(id).is_none_or(|session| match session.status {
                SessionStatus::Completed => false,
                SessionStatus::Failed => session.allow_failure != Some(true),
                _ => true,
            })
        };
        let pending_dependencies = depends_on.iter().filter(is_open).cloned().collect();
        DependencyWaitingEvent { timestamp, group_id, session_id, depends_on, pending_dependencies }.into()
    }

    fn unreachable(&self, session: SessionIndex) -> Event {
        let causes = self.causes.get_or_init(|| self.causes());
        further(SessionUnreachableEvent {
            timestamp: self.now.clone(),
            group_id: self.group_id(),
            session_id: self.session(session).id.clone(),
            because: causes.get(&session.get()).cloned().unwrap_or_default(),
        })
    }

    fn causes(&self) -> HashMap<usize, Vec<String>> {
        let graph = DependencyGraph::new(self.book.sessions().map(Node::from));
        let ids = |by: Vec<usize>| by.into_iter().map(|place| graph.id(place).to_owned()).collect();
        graph.unreachable().into_iter().map(|held| (held.session, ids(held.by))).collect()
    }

    fn budget(&self, event: plan::Event) -> Event {
        let (timestamp, group_id) = (self.now.clone(), self.group_id());
        let config = &self.book.group.config;
        let (usage, limit) = (self.book.total_cost(), config.max_budget_usd);
        if matches!(event, plan::Event::BudgetWarning) {
            let percent_used = Percent::clamped(percent(usage, limit));
            BudgetWarningEvent { timestamp, group_id, current_usage: usage, limit, percent_used }.into()
        } else {
            BudgetExceededEvent { timestamp, group_id, usage, limit, action: config.on_budget_exceeded }
                .into()
        }
    }
}

fn percent(usage: Usd, limit: Usd) -> f64 {
    if limit.get() > 0.0 { usage.get() / limit.get() * 100.0 } else { 0.0 }
}

fn further(event: impl Into<FurtherEvent>) -> Event {
    Event::Further(event.into())
}

/// The session whose attempt an event ends.
fn ended(event: plan::Event) -> Option<SessionIndex> {
    match event {
        plan::Event::SessionCompleted(session)
        | plan::Event::SessionFailed(session, _)
        | plan::Event::SessionRetrying(session)
        | plan::Event::SessionInterrupted(session) => Some(session),
        _ => None,
    }
}

/// Number of sessions by what a `group_progress` event counts.
pub fn counts(book: &Book) -> [Count; 4] {
    let [completed, active, pending, paused, failed] = [
        SessionStatus::Completed,
        SessionStatus::Active,
        SessionStatus::Pending,
        SessionStatus::Paused,
        SessionStatus::Failed,
    ]
    .map(|status| book.count(status).get());
    [completed, active, pending + paused, failed].map(Count::from)
}
