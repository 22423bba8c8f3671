//! The events of a group: what each of them carries, and how a line of JSON is checked to be one.

use crate::error::{Error, FieldError, Result};
use crate::json::{self, Json};
use crate::model::types::BudgetAction;
use crate::model::validate::{
    self, CAUSE, Field, MONEY, Rule, Strictness, TEXTS, one_of, optional, required,
};

const COUNT: Rule = Rule::Whole(0.0);
const MILLISECONDS: Rule = Rule::Number(0.0, f64::INFINITY);
const COST: Field = optional("costUsd", MONEY);

/// Each type of event with its own fields; all have `timestamp` and `groupId` besides.
const EVENTS: &[(&str, &[Field])] = &[
    (
        "group_created",
        &[required("name", Rule::Text), required("slug", Rule::Text), required("totalSessions", COUNT)],
    ),
    ("group_started", &[required("totalSessions", COUNT), required("maxConcurrent", COUNT)]),
    (
        "group_completed",
        &[
            required("completedSessions", COUNT),
            required("failedSessions", COUNT),
            required("totalCostUsd", MONEY),
            required("elapsedMs", MILLISECONDS),
        ],
    ),
    (
        "group_paused",
        &[
            required("runningSessions", COUNT),
            required("reason", one_of(&["manual", "budget_exceeded", "error_threshold"])),
            optional("cause", CAUSE),
        ],
    ),
    ("group_resumed", &[required("pendingSessions", COUNT)]),
    ("group_failed", &[required("failedSessions", COUNT), required("reason", Rule::Text)]),
    (
        "group_session_started",
        &[
            required("sessionId", Rule::Text),
            required("projectPath", Rule::Text),
            required("prompt", Rule::Text),
        ],
    ),
    (
        "group_session_completed",
        &[
            required("sessionId", Rule::Text),
            required("status", one_of(&["completed", "failed"])),
            required("durationMs", MILLISECONDS),
            COST,
        ],
    ),
    ("group_session_failed", &[required("sessionId", Rule::Text), required("error", Rule::Text), COST]),
    (
        "budget_warning",
        &[required("currentUsage", MONEY), required("limit", MONEY), required("percentUsed", MONEY)],
    ),
    (
        "budget_exceeded",
        &[
            required("usage", MONEY),
            required("limit", MONEY),
            required("action", one_of(BudgetAction::NAMES)),
        ],
    ),
    (
        "dependency_waiting",
        &[
            required("sessionId", Rule::Text),
            required("dependsOn", TEXTS),
            required("pendingDependencies", TEXTS),
        ],
    ),
    ("dependency_resolved", &[required("sessionId", Rule::Text), required("resolvedDependencies", TEXTS)]),
    (
        "session_progress",
        &[
            required("sessionId", Rule::Text),
            required("messageCount", COUNT),
            optional("currentTool", Rule::Text),
            COST,
        ],
    ),
    (
        "group_progress",
        &[
            required("completed", COUNT),
            required("running", COUNT),
            required("pending", COUNT),
            required("failed", COUNT),
            required("totalCostUsd", MONEY),
        ],
    ),
];

const TYPED: Rule = Rule::Object(&[required("type", Rule::Text)]);

const BASE_EVENT: Rule = Rule::Object(&[
    required("type", Rule::Text),
    required("timestamp", Rule::Time),
    required("groupId", Rule::Text),
]);

/// Checks that a text is one event; fails with `INVALID_EVENT`, which names the field. Further fields may be
/// anything.
pub fn check_event(text: &str) -> Result<()> {
    let whole = |problem: String| Error::invalid_event(FieldError::new("", problem));
    if !text.trim_start().starts_with('{') {
        let found = if text.trim_start().is_empty() { "empty".into() } else { json::excerpt(text) };
        return Err(whole(format!("must be a JSON object, but is {found}")));
    }
    let event = Json::parse(text).map_err(|error| whole(format!("is no JSON: {error}")))?;
    let valid = |rule| {
        validate::check(event, rule, Strictness::Strict)
            .map_err(|invalid| Error::invalid_event(invalid.wrong))
    };
    valid(TYPED)?;
    let kind = event.get("type").and_then(Json::string);
    let Some((_, fields)) = EVENTS.iter().find(|(name, _)| Some(*name) == kind.as_deref()) else {
        let names: Vec<&str> = EVENTS.iter().map(|(name, _)| *name).collect();
        let problem = format!("must be one of {}, but is {:?}", names.join(", "), kind.unwrap_or_default());
        return Err(Error::invalid_event(FieldError::new("type", problem)));
    };
    valid(BASE_EVENT)?;
    valid(Rule::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of(text: &str) -> String {
        let error = check_event(text).expect_err(text);
        assert_eq!(error.code(), "INVALID_EVENT");
        error.field().unwrap_or_default().to_owned()
    }

    #[test]
    fn an_event_with_further_fields_is_one() {
        let event = r#"{"type":"group_resumed","timestamp":"2026-01-15T10:30:00Z","groupId":"g","pendingSessions":2,"x":[1]}"#;
        assert!(check_event(event).is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
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
