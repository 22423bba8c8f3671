//! The events of a group.
//!
//! ```
//! use session_groups::model::event::GroupEvent;
//!
//! let line = r#"{ "type": "group_resumed", "timestamp": "2026-01-15T10:30:00Z", "groupId": "g", "pendingSessions": 2 }"#;
//! let GroupEvent::GroupResumed(event) = line.parse()? else { unreachable!() };
//! assert_eq!(event.pending_sessions.get(), 2);
//! # Ok::<(), session_groups::Error>(())
//! ```

use std::str::FromStr;

use serde::Deserialize;

use crate::error::{Error, FieldError};
use crate::json::{self, Json};
use crate::model::from_json;
use crate::model::number::{Count, Milliseconds, Percent, Usd};
use crate::model::record::{Field, names, record};
use crate::model::run::GroupCause;
use crate::model::status::BudgetAction;
use crate::model::time::IsoTime;

names! {
    /// The reason why a group was paused.
    PauseReason {
        /// By request.
        Manual = "manual",
        /// The budget is spent.
        BudgetExceeded = "budget_exceeded",
        /// Too many sessions failed.
        ErrorThreshold = "error_threshold",
    }
}

names! {
    /// The status of a session that ended.
    EndStatus {
        /// It succeeded.
        Completed = "completed",
        /// It failed.
        Failed = "failed",
    }
}

/// Declares the struct of each event of a union, and the union.
macro_rules! events {
    ($(#[$union_doc:meta])* pub enum $union:ident {
        $($(#[$doc:meta])* $variant:ident($event:ident) = $name:literal { $($fields:tt)* })*
    }) => {
        $(record! {
            $(#[$doc])*
            pub struct $event {
                /// Time of the event.
                timestamp: IsoTime,
                /// The group it happened in.
                group_id: String,
                $($fields)*
            }
        })*

        $(#[$union_doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        #[serde(tag = "type")]
        pub enum $union {
            $($(#[$doc])* #[serde(rename = $name)] $variant($event),)*
        }

        impl $union {
            /// The values of `type` and the fields of the events.
            pub const TYPES: &'static [(&'static str, &'static [crate::model::Field])] =
                &[$(($name, $event::FIELDS),)*];

            /// Returns the value of `type`.
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// Returns the time of the event.
            pub fn timestamp(&self) -> &IsoTime {
                match self { $(Self::$variant(event) => &event.timestamp,)* }
            }

            /// Returns the id of the group it happened in.
            pub fn group_id(&self) -> &str {
                match self { $(Self::$variant(event) => &event.group_id,)* }
            }

            /// Reads an event of this type from a JSON object; `None` if the union has no such type.
            pub(crate) fn read(
                type_name: &str,
                text: &str,
            ) -> Option<Result<Self, crate::error::FieldError>> {
                match type_name {
                    $($name => Some(crate::model::from_json(text).map(Self::$variant)),)*
                    _ => None,
                }
            }
        }

        $(impl From<$event> for $union {
            fn from(event: $event) -> Self {
                Self::$variant(event)
            }
        })*
    };
}
pub(crate) use events;

/// Reads one JSON object, which may have further fields. Fails with `INVALID_EVENT`, which names the field.
impl FromStr for GroupEvent {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        check_object(text)?;
        let Tag { kind } = from_json(text).map_err(Error::invalid_event)?;
        let event = Self::read(&kind, text).ok_or_else(|| unknown_type(&kind, [Self::TYPES]))?;
        event.map_err(Error::invalid_event)
    }
}

/// The error of an event whose type is not one of some unions.
pub(crate) fn unknown_type(
    kind: &str,
    unions: impl IntoIterator<Item = &'static [(&'static str, &'static [Field])]>,
) -> Error {
    let names: Vec<&str> = unions.into_iter().flatten().map(|(name, _)| *name).collect();
    let problem = format!("must be one of {}, but is {kind:?}", names.join(", "));
    Error::invalid_event(FieldError::new("type", problem))
}

/// The field that says which event it is.
#[derive(Deserialize)]
struct Tag {
    #[serde(rename = "type")]
    kind: String,
}

/// Fails unless a text is a JSON object.
pub(crate) fn check_object(text: &str) -> Result<(), Error> {
    let whole = |problem: String| Error::invalid_event(FieldError::new("", problem));
    if !text.trim_start().starts_with('{') {
        let found = if text.trim_start().is_empty() { "empty".into() } else { json::excerpt(text) };
        return Err(whole(format!("must be a JSON object, but is {found}")));
    }
    Json::parse(text).map(drop).map_err(|error| whole(format!("is no JSON: {error}")))
}

events! {
    /// An event, which in JSON has a `type`.
    pub enum GroupEvent {
        /// A group was made.
        GroupCreated(GroupCreatedEvent) = "group_created" {
            /// The group's name.
            name: String,
            /// The group's slug.
            slug: String,
            /// Number of sessions in the group.
            total_sessions: Count,
        }
        /// A group began to run.
        GroupStarted(GroupStartedEvent) = "group_started" {
            /// Number of sessions in the group.
            total_sessions: Count,
            /// Maximum number of sessions at the same time.
            max_concurrent: Count,
        }
        /// All sessions of a group have ended.
        GroupCompleted(GroupCompletedEvent) = "group_completed" {
            /// Number of sessions that completed.
            completed_sessions: Count,
            /// Number of sessions that failed.
            failed_sessions: Count,
            /// US dollars spent.
            total_cost_usd: Usd,
            /// Time since the group's start.
            elapsed_ms: Milliseconds,
        }
        /// A group was paused.
        GroupPaused(GroupPausedEvent) = "group_paused" {
            /// Number of sessions that were running.
            running_sessions: Count,
            /// The reason.
            reason: PauseReason,
            /// The exact reason, from the runner.
            cause: Option<GroupCause>,
        }
        /// A paused group runs again.
        GroupResumed(GroupResumedEvent) = "group_resumed" {
            /// Number of sessions still to run.
            pending_sessions: Count,
        }
        /// A group was given up.
        GroupFailed(GroupFailedEvent) = "group_failed" {
            /// Number of sessions that failed.
            failed_sessions: Count,
            /// The reason, for people.
            reason: String,
            /// The exact reason, from the runner.
            cause: Option<GroupCause>,
        }
        /// A session began to run.
        GroupSessionStarted(GroupSessionStartedEvent) = "group_session_started" {
            /// The session.
            session_id: String,
            /// The directory it works in.
            project_path: String,
            /// The request to the model.
            prompt: String,
            /// `true` if only the beginning of the prompt is given, as in the feed.
            truncated: Option<bool>,
        }
        /// A session ended.
        GroupSessionCompleted(GroupSessionCompletedEvent) = "group_session_completed" {
            /// The session.
            session_id: String,
            /// Its status now.
            status: EndStatus,
            /// Time it ran.
            duration_ms: Milliseconds,
            /// US dollars spent.
            cost_usd: Option<Usd>,
        }
        /// A session failed.
        GroupSessionFailed(GroupSessionFailedEvent) = "group_session_failed" {
            /// The session.
            session_id: String,
            /// The reason, for people.
            error: String,
            /// US dollars spent.
            cost_usd: Option<Usd>,
        }
        /// The group's cost has reached its warning threshold.
        BudgetWarning(BudgetWarningEvent) = "budget_warning" {
            /// US dollars spent.
            current_usage: Usd,
            /// US dollars allowed.
            limit: Usd,
            /// The part of the budget that is used.
            percent_used: Percent,
        }
        /// The group's cost has reached its budget.
        BudgetExceeded(BudgetExceededEvent) = "budget_exceeded" {
            /// US dollars spent.
            usage: Usd,
            /// US dollars allowed.
            limit: Usd,
            /// The reaction.
            action: BudgetAction,
        }
        /// A session waits for others.
        DependencyWaiting(DependencyWaitingEvent) = "dependency_waiting" {
            /// The session.
            session_id: String,
            /// All sessions it depends on.
            depends_on: Vec<String>,
            /// Those that have not completed yet.
            pending_dependencies: Vec<String>,
        }
        /// The sessions that another one waited for have completed.
        DependencyResolved(DependencyResolvedEvent) = "dependency_resolved" {
            /// The session.
            session_id: String,
            /// The sessions it waited for.
            resolved_dependencies: Vec<String>,
        }
        /// A session has made progress.
        SessionProgress(SessionProgressEvent) = "session_progress" {
            /// The session.
            session_id: String,
            /// Number of distinct messages.
            message_count: Count,
            /// The tool that is running now.
            current_tool: Option<String>,
            /// US dollars spent.
            cost_usd: Option<Usd>,
        }
        /// A group has made progress.
        GroupProgress(GroupProgressEvent) = "group_progress" {
            /// Number of sessions that completed.
            completed: Count,
            /// Number of sessions that are running.
            running: Count,
            /// Number of sessions that are pending.
            pending: Count,
            /// Number of sessions that failed.
            failed: Count,
            /// US dollars spent.
            total_cost_usd: Usd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of(text: &str) -> String {
        let error = text.parse::<GroupEvent>().expect_err(text);
        assert_eq!(error.code(), "INVALID_EVENT");
        error.field().unwrap_or_default().to_owned()
    }

    #[test]
    fn an_event_may_have_further_fields() {
        let text =
            r#"{"type":"group_resumed","timestamp":"2026-01-15T10:30:00Z","groupId":"g","pendingSessions":2"#;
        let event: GroupEvent = format!(r#"{text},"x":[1,"\ud800",1e999]}}"#).parse().unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), format!("{text}}}"));
    }

    #[test]
    fn invalid_fields_are_named() {
        assert_eq!(field_of("not json"), "");
        assert_eq!(field_of("[]"), "");
        assert_eq!(field_of("{"), "");
        assert_eq!(field_of("{}"), "type");
        assert_eq!(field_of(r#"{"type":"group_exploded"}"#), "type");
        assert_eq!(field_of(r#"{"type":"group_resumed","groupId":"g","pendingSessions":2}"#), "timestamp");
        let resumed = |rest: &str| {
            format!(r#"{{"type":"group_resumed","timestamp":"2026-01-15T10:30:00Z","groupId":"g"{rest}}}"#)
        };
        assert_eq!(field_of(&resumed("")), "pendingSessions");
        assert_eq!(field_of(&resumed(r#","pendingSessions":"2""#)), "pendingSessions");
        assert_eq!(field_of(&resumed(r#","pendingSessions":-1"#)), "pendingSessions");
    }
}
