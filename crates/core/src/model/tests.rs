//! Tests of the whole model.

use crate::model::{SessionGroup, from_json, from_older_json};

pub const GROUP: &str = r#"{"id":"20260115-103000-auth","name":"Auth","slug":"auth","status":"created","sessions":[{"id":"001-a","projectPath":"/p/a","prompt":"Do it","status":"pending","dependsOn":[],"createdAt":"2026-01-15T10:30:00.000Z"},{"id":"002-b","projectPath":"/p/b","prompt":"Then this","status":"pending","dependsOn":["001-a"],"createdAt":"2026-01-15T10:30:00.000Z","cost":0.5,"tokens":{"input":1,"output":2}}],"config":{"model":"sonnet","maxBudgetUsd":10,"onBudgetExceeded":"pause","warningThreshold":0.8,"maxConcurrentSessions":3},"createdAt":"2026-01-15T10:30:00.000Z","updatedAt":"2026-01-15T10:30:00.000Z"}"#;

fn problem(from: &str, to: &str) -> String {
    assert!(GROUP.contains(from), "{from}");
    let text = GROUP.replacen(from, to, 1);
    from_json::<SessionGroup>(&text).expect_err(to).to_string()
}

#[test]
fn a_group_is_valid() {
    assert!(from_json::<SessionGroup>(GROUP).is_ok());
}

#[test]
fn each_wrong_field_is_named_with_what_was_expected() {
    assert_eq!(
        problem(r#""status":"pending""#, r#""status":"bogus""#),
        "sessions[0].status must be one of pending, active, paused, completed, failed, but is \"bogus\""
    );
    assert_eq!(
        problem(r#""cost":0.5"#, r#""cost":-1"#),
        "sessions[1].cost must be a number of 0 or more, but is -1"
    );
    assert_eq!(
        problem(r#""input":1"#, r#""input":1.5"#),
        "sessions[1].tokens.input must be a whole number of 0 or more, but is 1.5"
    );
    assert_eq!(
        problem(r#""dependsOn":["001-a"]"#, r#""dependsOn":["a",5]"#),
        "sessions[1].dependsOn[1] must be a string, but is 5"
    );
    assert_eq!(problem(r#""slug":"auth","#, ""), "slug is missing, expected a string");
    assert_eq!(problem(r#""sessions":["#, r#""sessions":3,"x":["#), "sessions must be an array, but is 3");
    assert_eq!(
        problem(r#""warningThreshold":0.8"#, r#""warningThreshold":1.1"#),
        "config.warningThreshold must be a number from 0 to 1, but is 1.1"
    );
    assert_eq!(
        problem("002-b", "001-a"),
        "sessions[1].id must be unique, but \"001-a\" is the id of sessions[0] too"
    );
    assert_eq!(
        problem(r#""name":"Auth""#, r#""name":"Auth","n\u0061me":"B""#),
        "name is there twice, and readers differ on which one holds"
    );
    assert!(
        problem(r#""createdAt":"2026-01-15T10:30:00.000Z"},"#, r#""createdAt":"soon"},"#)
            .starts_with("sessions[0].createdAt must be an ISO 8601 time")
    );
    assert!(problem(r#""maxBudgetUsd":10"#, r#""maxBudgetUsd":1e400"#).contains("but is 1e400"));
}

/// The places at which a field can be added to [`GROUP`].
const IN_GROUP: &str = "{";
const IN_CONFIG: &str = r#""config":{"#;
const IN_SESSION: &str = r#""sessions":[{"#;

/// Valid fields for the runner, and where they belong.
const FOR_RUNNER: &[(&str, &str)] = &[
    (
        IN_GROUP,
        r#""control":{"request":"retry","sessions":["001-a"],"drain":true,"now":false,"fresh":true,"reason":"r","at":"2026-01-15T10:30:00Z","by":"me","seq":3}"#,
    ),
    (IN_GROUP, r#""controlSeen":3,"cause":"usage_limit","eventSeq":0,"budgetWarned":true"#),
    (
        IN_GROUP,
        r#""runner":{"pid":4711,"startTime":"12345","bootId":"b","host":"h","at":"2026-01-15T10:30:00Z"}"#,
    ),
    (IN_GROUP, r#""plan":{"path":"/p/plan.yaml","name":"n","vars":{"a":"b"}}"#),
    (IN_CONFIG, r#""exclusiveDirectories":true"#),
    (
        IN_SESSION,
        r#""config":{"generateClaudeMd":true,"generateSettings":false,"variables":{"a":"b"},"permissionMode":"acceptEdits","allowedTools":["Bash"],"disallowedTools":[],"appendSystemPrompt":"p","mcpServers":{"s":{"command":"c"}},"env":{"A":"b","C":{"from":"D"}}}"#,
    ),
    (
        IN_SESSION,
        r#""model":"opus","maxBudgetUsd":1.5,"maxTurns":3,"timeoutMs":1,"stallTimeoutMs":480000,"retries":0,"allowFailure":true,"waitsUntil":"2026-01-15T10:30:00Z","dropped":false"#,
    ),
    (IN_SESSION, r#""runMs":5.5,"error":"e","deniedTools":["Write"],"usageCounters":{"a":[1]}"#),
    (
        IN_SESSION,
        r#""attempts":[{"n":1,"uuid":"u","how":"fresh","startedAt":"2026-01-15T10:30:00Z","reservedUsd":1,"claudeSessionId":"c"},{"n":2,"uuid":"u","how":"resume","startedAt":"2026-01-15T10:30:00Z","reservedUsd":0.5,"claudeSessionId":"c","endedAt":"2026-01-15T10:31:00Z","costUsd":0.1,"estimated":true,"outcome":"output_limit","error":"e","process":{"pid":1,"startTime":"1","bootId":"b","host":"h"}}]"#,
    ),
];

fn with(group: &str, place: &str, field: &str) -> String {
    group.replacen(place, &format!("{place}{field},"), 1)
}

/// [`GROUP`] with all valid fields for the runner.
pub fn group_with_all_fields() -> String {
    FOR_RUNNER.iter().fold(GROUP.to_owned(), |group, (place, field)| with(&group, place, field))
}

#[test]
fn fields_for_the_runner_are_checked() {
    for (place, field) in FOR_RUNNER {
        let text = with(GROUP, place, field);
        let typed: SessionGroup = from_json(&text).expect(field);
        let again: serde_json::Value = serde_json::to_value(&typed).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(&text).unwrap(), "{field}");
    }
    for (place, field, wrong) in [
        (
            IN_GROUP,
            r#""control":{"request":"explode","at":"2026-01-15T10:30:00Z","seq":1}"#,
            "control.request",
        ),
        (IN_GROUP, r#""control":{"request":"stop","at":"2026-01-15T10:30:00Z"}"#, "control.seq"),
        (IN_GROUP, r#""cause":"boredom""#, "cause"),
        (IN_GROUP, r#""controlSeen":-1"#, "controlSeen"),
        (IN_GROUP, r#""eventSeq":"1""#, "eventSeq"),
        (IN_GROUP, r#""budgetWarned":1"#, "budgetWarned"),
        (IN_GROUP, r#""runner":{"pid":0}"#, "runner.pid"),
        (IN_GROUP, r#""plan":{"path":"p","name":"n","vars":{"a":1}}"#, "plan.vars.a"),
        (IN_CONFIG, r#""exclusiveDirectories":"yes""#, "config.exclusiveDirectories"),
        (
            IN_CONFIG,
            r#""sessionDefaults":{"generateClaudeMd":true,"generateSettings":false,"variables":{"a":1}}"#,
            "config.sessionDefaults.variables.a",
        ),
        (
            IN_SESSION,
            r#""config":{"generateClaudeMd":true,"generateSettings":false,"env":{"A":{"from":1}}}"#,
            "sessions[0].config.env.A.from",
        ),
        (
            IN_SESSION,
            r#""config":{"generateClaudeMd":true,"generateSettings":false,"env":{"A":1}}"#,
            "sessions[0].config.env.A",
        ),
        (
            IN_SESSION,
            r#""config":{"generateClaudeMd":true,"generateSettings":false,"mcpServers":{"s":"c"}}"#,
            "sessions[0].config.mcpServers.s",
        ),
        (
            IN_SESSION,
            r#""config":{"generateClaudeMd":true,"generateSettings":false,"allowedTools":"Bash"}"#,
            "sessions[0].config.allowedTools",
        ),
        (IN_SESSION, r#""model":5"#, "sessions[0].model"),
        (IN_SESSION, r#""maxBudgetUsd":-1"#, "sessions[0].maxBudgetUsd"),
        (IN_SESSION, r#""maxTurns":0"#, "sessions[0].maxTurns"),
        (IN_SESSION, r#""timeoutMs":-1"#, "sessions[0].timeoutMs"),
        (IN_SESSION, r#""stallTimeoutMs":null"#, "sessions[0].stallTimeoutMs"),
        (IN_SESSION, r#""retries":0.5"#, "sessions[0].retries"),
        (IN_SESSION, r#""allowFailure":"no""#, "sessions[0].allowFailure"),
        (IN_SESSION, r#""attempts":[{"n":1}]"#, "sessions[0].attempts[0].uuid"),
        (IN_SESSION, r#""waitsUntil":"soon""#, "sessions[0].waitsUntil"),
        (IN_SESSION, r#""dropped":1"#, "sessions[0].dropped"),
        (IN_SESSION, r#""runMs":-1"#, "sessions[0].runMs"),
        (IN_SESSION, r#""error":{}"#, "sessions[0].error"),
        (IN_SESSION, r#""deniedTools":[1]"#, "sessions[0].deniedTools[0]"),
        (IN_SESSION, r#""usageCounters":[]"#, "sessions[0].usageCounters"),
    ] {
        let text = with(GROUP, place, field);
        assert_eq!(from_json::<SessionGroup>(&text).expect_err(field).field, wrong);
        from_older_json::<SessionGroup>(&text).expect(field);
    }
}

#[test]
fn unknown_members_may_be_anything_but_too_deep() {
    let with = |value: &str| GROUP.replacen('{', &format!("{{\"x\":{value},"), 1);
    assert!(from_json::<SessionGroup>(&with(r#"[null,{"\ud800":1e999}]"#)).is_ok());
    let deep = |depth: usize| with(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    assert!(from_json::<SessionGroup>(&deep(1_000)).is_ok());
    let error = from_json::<SessionGroup>(&deep(1_001)).unwrap_err().to_string();
    assert!(error.starts_with("x must be nested at most 1,000 levels deep, but is [[["), "{error}");
    let session = GROUP.replacen(
        "{\"id\":\"001",
        &format!("{{\"x\":{}{},\"id\":\"001", "[".repeat(9_999), "]".repeat(9_999)),
        1,
    );
    assert_eq!(from_json::<SessionGroup>(&session).unwrap_err().field, "sessions[0].x");
}

#[test]
fn arrays_are_not_objects() {
    assert_eq!(
        problem(r#"{"input":1,"output":2}"#, "[1,2]"),
        "sessions[1].tokens must be an object, but is [1,2]"
    );
    assert_eq!(from_json::<SessionGroup>("[]").unwrap_err().to_string(), "it must be an object, but is []");
}

#[test]
fn null_is_not_a_value() {
    let null = ", which is what JSON makes of NaN and Infinity";
    assert_eq!(
        problem(r#""cost":0.5"#, r#""cost":null"#),
        format!("sessions[1].cost must be a number of 0 or more, but is null{null}")
    );
    assert_eq!(problem(r#""slug":"auth""#, r#""slug":null"#), "slug must be a string, but is null");
}

#[test]
fn a_lone_surrogate_is_readable() {
    let text = GROUP.replacen("Do it", r"a\ud800b", 1).replacen('{', r#"{"\udc00":1,"#, 1);
    assert_eq!(from_json::<SessionGroup>(&text).unwrap().sessions[0].prompt, "a\u{FFFD}b");
    let error = from_json::<SessionGroup>(&text.replacen("created", r"\ud800", 1)).unwrap_err();
    assert!(error.problem.ends_with(r#"but is "\ud800""#), "{error}");
}
