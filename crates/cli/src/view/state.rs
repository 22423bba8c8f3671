//! A group and its sessions as people see them.

use session_groups::graph::{DependencyGraph, Node};
use session_groups::model::run::GroupCause;
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupSession, GroupStatus, SessionGroup, SessionStatus};
use session_groups::ownership::{self, Owner};
use session_groups::progress::{GroupOutline, ProgressAggregator, SessionOutline};
use session_groups::repository::FileGroupRepository;

use crate::output::{Tone, format};

/// A group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupView {
    /// The id.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The status.
    pub status: GroupStatus,
    /// The reason why it is paused or failed.
    pub cause: Option<GroupCause>,
    /// `false` if it is stored as running, but no runner has it.
    pub has_runner: bool,
    /// The sessions in the group's order.
    pub sessions: Vec<SessionView>,
    /// US dollars spent.
    pub spent: f64,
    /// US dollars that may be spent.
    pub budget: f64,
    /// Estimated milliseconds until the end.
    pub time_left: Option<f64>,
}

/// A session.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionView {
    /// The id.
    pub id: String,
    /// The state.
    pub state: SessionState,
    /// US dollars spent.
    pub cost: f64,
    /// Tokens used.
    pub tokens: u64,
    /// Milliseconds spent running, in all attempts that ended.
    pub ran_ms: f64,
    /// Start of the running attempt, in Unix milliseconds.
    pub running_since: Option<f64>,
    /// The tool that is running.
    pub tool: Option<Tool>,
    /// The error message of a failed session.
    pub error: Option<String>,
}

/// A running tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// The name and the most telling part of the input.
    pub text: String,
    /// Start, in Unix milliseconds.
    pub since: f64,
}

/// The state of a session, as far as it can be derived from the group.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionState {
    /// Can start.
    Ready,
    /// Waits for other sessions.
    Waiting {
        /// Their ids.
        on: Vec<String>,
    },
    /// Waits for a time, in Unix milliseconds.
    Until(f64),
    /// Runs.
    Running,
    /// Interrupted, and can be resumed.
    Paused,
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
    /// Cannot start, because other sessions cannot complete.
    NotReached {
        /// Their ids.
        because: Vec<String>,
    },
    /// The plan no longer has it.
    Dropped,
}

impl SessionState {
    /// The state in a word or two.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Waiting { .. } | Self::Until(_) => "waiting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::NotReached { .. } => "not reached",
            Self::Dropped => "dropped",
        }
    }

    /// The tone of the word.
    pub fn tone(&self) -> Tone {
        match self {
            Self::Ready | Self::Waiting { .. } => Tone::Plain,
            Self::Until(_) | Self::Paused | Self::NotReached { .. } => Tone::Warning,
            Self::Running => Tone::Active,
            Self::Completed => Tone::Good,
            Self::Failed => Tone::Bad,
            Self::Dropped => Tone::Faint,
        }
    }
}

impl SessionView {
    /// Milliseconds spent running up to a time.
    pub fn time(&self, now: f64) -> f64 {
        self.ran_ms + self.running_since.map_or(0.0, |since| (now - since).max(0.0))
    }

    /// The part of the state that a word cannot tell; empty if there is none.
    pub fn note(&self, now: f64) -> String {
        match &self.state {
            SessionState::Waiting { on } => format!("needs {}", on.join(", ")),
            SessionState::NotReached { because } => format!("needs {}", because.join(", ")),
            SessionState::Until(time) => {
                format!("until {} (in {})", format::local_clock(*time, now), format::about(time - now))
            }
            SessionState::Failed => self.error.clone().unwrap_or_default(),
            SessionState::Running => self.tool.as_ref().map(|tool| tool.text.clone()).unwrap_or_default(),
            SessionState::Ready | SessionState::Paused | SessionState::Completed | SessionState::Dropped => {
                String::new()
            }
        }
    }
}

impl GroupView {
    /// The view of a stored group at a time, in Unix milliseconds.
    pub fn of(group: &SessionGroup, now: f64) -> Self {
        let outline = GroupOutline::from(group);
        let progress = ProgressAggregator::new(None).compute_progress(&outline, now);
        let states = states(group, now);
        let sessions = group.sessions.iter().zip(&outline.sessions).zip(states);
        Self {
            id: group.id.to_string(),
            name: group.name.clone(),
            status: group.status,
            cause: group.cause,
            has_runner: true,
            sessions: sessions
                .map(|((session, outline), state)| session_view(session, outline, state))
                .collect(),
            spent: progress.summary.total_cost,
            budget: group.config.max_budget_usd.get(),
            time_left: progress.estimated_time_remaining.filter(|_| !group.status.has_ended()),
        }
    }

    /// The view of a group in a store, which also knows if a runner has it.
    pub fn of_stored(group: &SessionGroup, store: &FileGroupRepository, now: f64) -> Self {
        let is_running = group.status == GroupStatus::Running;
        let has_runner = !is_running || ownership::owner(store, &group.id) != Owner::None;
        Self { has_runner, ..Self::of(group, now) }
    }

    /// Number of sessions whose state satisfies a condition.
    pub fn count(&self, is_counted: impl Fn(&SessionState) -> bool) -> usize {
        self.sessions.iter().filter(|session| is_counted(&session.state)).count()
    }

    /// Number of completed sessions.
    pub fn completed(&self) -> usize {
        self.count(|state| *state == SessionState::Completed)
    }

    /// Number of running sessions.
    pub fn running(&self) -> usize {
        self.count(|state| *state == SessionState::Running)
    }

    /// Number of failed sessions.
    pub fn failed(&self) -> usize {
        self.count(|state| *state == SessionState::Failed)
    }

    /// Number of sessions that cannot start.
    pub fn not_reached(&self) -> usize {
        self.count(|state| matches!(state, SessionState::NotReached { .. }))
    }

    /// Number of sessions that may still run: ready, waiting or paused.
    pub fn waiting(&self) -> usize {
        self.count(|state| {
            use SessionState::{Paused, Ready, Until, Waiting};
            matches!(state, Ready | Waiting { .. } | Until(_) | Paused)
        })
    }

    /// The status with its reason.
    pub fn status_text(&self) -> String {
        let status = self.status.name();
        match self.cause.map(cause_text) {
            _ if self.status == GroupStatus::Running && !self.has_runner => format!("{status} (no runner)"),
            Some(cause) if matches!(self.status, GroupStatus::Paused | GroupStatus::Failed) => {
                format!("{status}: {cause}")
            }
            _ => status.to_owned(),
        }
    }

    /// The tone of the status.
    pub fn tone(&self) -> Tone {
        status_tone(self.status)
    }
}

/// The tone of a group's status.
pub fn status_tone(status: GroupStatus) -> Tone {
    match status {
        GroupStatus::Created => Tone::Plain,
        GroupStatus::Running => Tone::Active,
        GroupStatus::Paused => Tone::Warning,
        GroupStatus::Completed => Tone::Good,
        GroupStatus::Failed => Tone::Bad,
        GroupStatus::Archived | GroupStatus::Deleted => Tone::Faint,
    }
}

/// The reason for a pause or a failure, in words.
pub fn cause_text(cause: GroupCause) -> &'static str {
    match cause {
        GroupCause::Manual => "by request",
        GroupCause::BudgetExceeded => "the budget is spent",
        GroupCause::ErrorThreshold => "too many sessions failed",
        GroupCause::Stopped => "stopped by request",
        GroupCause::UsageLimit => "a usage limit",
        GroupCause::Login => "claude is not logged in",
        GroupCause::Billing => "the account cannot pay",
        GroupCause::UnknownProcess => "a process may still be running",
        GroupCause::ConversationGone => "a conversation is gone",
        GroupCause::MassFailure => "several sessions failed in the same way",
        GroupCause::Unreachable => "some sessions cannot be reached",
    }
}

fn session_view(session: &GroupSession, outline: &SessionOutline, state: SessionState) -> SessionView {
    let tokens = session.tokens.unwrap_or_default();
    let is_running = state == SessionState::Running;
    SessionView {
        id: session.id.clone(),
        cost: outline.cost,
        tokens: tokens.input.get().saturating_add(tokens.output.get()),
        ran_ms: outline.ran_ms.unwrap_or(0.0),
        running_since: outline.started_at.filter(|_| is_running),
        tool: None,
        error: session.error.clone(),
        state,
    }
}

/// The state of each session.
fn states(group: &SessionGroup, now: f64) -> Vec<SessionState> {
    let graph = DependencyGraph::new(group.sessions.iter().map(Node::from));
    let ids = |indices: Vec<usize>| indices.into_iter().map(|index| graph.id(index).to_owned()).collect();
    let mut states: Vec<SessionState> =
        group.sessions.iter().map(|session| state_alone(session, group.status, now)).collect();
    let respects_dependencies = group.config.concurrency.is_none_or(|rules| rules.respect_dependencies);
    if !respects_dependencies {
        return states;
    }
    for held in graph.blocked() {
        if let Some(state @ SessionState::Ready) = states.get_mut(held.session) {
            *state = SessionState::Waiting { on: ids(held.by) };
        }
    }
    for held in graph.unreachable() {
        if let Some(state @ (SessionState::Ready | SessionState::Waiting { .. })) =
            states.get_mut(held.session)
        {
            *state = SessionState::NotReached { because: ids(held.by) };
        }
    }
    states
}

/// The state of a session, its dependencies aside.
fn state_alone(session: &GroupSession, group: GroupStatus, now: f64) -> SessionState {
    let waits_until = session.waits_until.as_ref().map(IsoTime::unix_ms);
    match session.status {
        SessionStatus::Active => SessionState::Running,
        SessionStatus::Completed => SessionState::Completed,
        SessionStatus::Failed => SessionState::Failed,
        SessionStatus::Paused => SessionState::Paused,
        SessionStatus::Pending if session.dropped == Some(true) => SessionState::Dropped,
        SessionStatus::Pending => match waits_until.filter(|time| *time > now && !group.has_ended()) {
            Some(time) => SessionState::Until(time),
            None => SessionState::Ready,
        },
    }
}
