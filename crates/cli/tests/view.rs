//! The view of a run: state in, lines out.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

use serde_json::{Value, json};
use session_groups::feed::FeedEvent;
use session_groups::model::{GroupStatus, SessionGroup};
use session_groups_cli::output::Line;
use session_groups_cli::view::lines::{Scene, event};
use session_groups_cli::view::{GroupView, SessionState, SessionView, Tool, live};

const NOW: f64 = 1_787_428_800_000.0;

/// Draws at three widths, and at 80 columns in colour.
fn at_widths(draw: impl Fn(usize) -> Vec<Line>) -> String {
    let mut all = String::new();
    for width in [40, 80, 200] {
        all.extend([format!("--- {width} columns\n")]);
        for line in draw(width) {
            all += &(line.to_text(false) + "\n");
        }
    }
    all += "--- 80 columns in colour\n";
    for line in draw(80) {
        all += &(line.to_text(true).replace('\u{1b}', "ESC") + "\n");
    }
    all
}

fn session(id: &str, state: SessionState) -> SessionView {
    let is_running = state == SessionState::Running;
    SessionView {
        id: id.to_owned(),
        cost: 0.74,
        tokens: 41_000,
        ran_ms: 0.0,
        running_since: is_running.then_some(NOW - 372_000.0),
        tool: None,
        error: None,
        state,
    }
}

fn running(id: &str, tool: &str, tool_ms: f64) -> SessionView {
    let tool = Some(Tool { text: tool.to_owned(), since: NOW - tool_ms });
    SessionView { tool, ..session(id, SessionState::Running) }
}

fn payments() -> GroupView {
    GroupView {
        id: "20260822-101500-payments".to_owned(),
        name: "payments".to_owned(),
        status: GroupStatus::Running,
        cause: None,
        has_runner: true,
        sessions: vec![
            session("api", SessionState::Completed),
            running("client-ts", "Edit src/retry.ts", 2_000.0),
            running(
                "client-python",
                "Bash pytest -x \u{1b}[2J --durations=10 tests/test_retry.py tests/test_client.py",
                123_000.0,
            ),
            session("report", SessionState::Waiting { on: vec!["client-ts".to_owned()] }),
        ],
        spent: 1.92,
        budget: 12.5,
        time_left: Some(1_300_000.0),
    }
}

#[test]
fn the_live_part_shows_totals_and_running_sessions() {
    let view = payments();
    insta::assert_snapshot!("live", at_widths(|width| live::draw(&view, NOW, width, 10)));
}

#[test]
fn wide_names_are_measured() {
    let mut view = payments();
    view.name = "支付系统 und Größe 🎉👩‍💻".to_owned();
    view.sessions = vec![
        running("认证服务", "Bash echo 你好世界你好世界你好世界你好世界你好世界", 0.0),
        running("e\u{301}clair", "Read a", 0.0),
    ];
    insta::assert_snapshot!("live_wide", at_widths(|width| live::draw(&view, NOW, width, 10)));
    for width in 0..120 {
        for line in live::draw(&view, NOW, width, 10) {
            assert!(line.width() <= width, "{width}: {}", line.to_text(false));
        }
    }
}

#[test]
fn two_hundred_sessions_fit_into_the_height() {
    let mut view = payments();
    view.sessions = (0..200).map(|number| running(&format!("session-{number}"), "Read a", 0.0)).collect();
    for height in 0..30 {
        assert!(live::draw(&view, NOW, 80, height).len() <= height, "{height}");
    }
    let lines = live::draw(&view, NOW, 80, 12);
    assert_eq!((lines.len(), lines[11].to_text(false).as_str()), (12, "   and 190 more"));
}

fn group() -> SessionGroup {
    let session = |id: &str, status: &str, more: Value| {
        let mut session = json!({
            "id": id, "projectPath": "/home/ada/src/shop", "prompt": "p", "status": status, "dependsOn": [],
            "createdAt": "2020-08-22T10:15:00.000Z"
        });
        session.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        session
    };
    let attempt = |how: &str| {
        json!([{
            "n": 1, "uuid": "f8583c87-dcc3-4521-834e-d68f75432474", "how": how,
            "startedAt": "2020-08-22T10:15:00.000Z", "reservedUsd": 4.16, "claudeSessionId": "c"
        }])
    };
    let group = json!({
        "id": "20260822-101500-payments", "name": "payments", "slug": "payments", "status": "failed",
        "cause": "unreachable",
        "sessions": [
            session("api", "completed", json!({ "cost": 0.41, "runMs": 184_000, "attempts": attempt("fresh") })),
            session("client-ts", "completed", json!({ "cost": 1.26, "runMs": 70_000, "attempts": attempt("resume") })),
            session("client-python", "failed", json!({ "cost": 2.2, "runMs": 760_000, "model": "opus" })),
            session("report of 认证", "pending", json!({ "dependsOn": ["client-python"] })),
        ],
        "config": {
            "model": "sonnet", "maxBudgetUsd": 12.5, "onBudgetExceeded": "pause", "warningThreshold": 0.8,
            "maxConcurrentSessions": 3
        },
        "createdAt": "2020-08-22T10:15:00.000Z", "updatedAt": "2020-08-22T10:20:00.000Z",
        "startedAt": "2020-08-22T10:15:00.000Z", "completedAt": "2020-08-22T11:13:12.000Z"
    });
    serde_json::from_value(group).unwrap()
}

/// The events of a run, one of each kind that has a line.
fn events() -> Vec<FeedEvent> {
    let events = [
        json!({ "type": "group_created", "name": "payments", "slug": "payments", "totalSessions": 4 }),
        json!({ "type": "group_started", "totalSessions": 4, "maxConcurrent": 3 }),
        json!({ "type": "group_session_started", "sessionId": "api", "projectPath": "/", "prompt": "p" }),
        json!({ "type": "group_session_started", "sessionId": "client-ts", "projectPath": "/", "prompt": "p" }),
        json!({ "type": "tools_denied", "sessionId": "api", "tools": ["Bash", "WebFetch"] }),
        json!({ "type": "group_session_completed", "sessionId": "api", "status": "completed", "durationMs": 184_000, "costUsd": 0.41 }),
        json!({ "type": "session_retrying", "sessionId": "client-ts", "attempt": 1, "outcome": "failed", "error": "529 overloaded", "waitsUntil": "2026-08-22T20:00:34.000Z" }),
        json!({ "type": "session_retrying", "sessionId": "client-ts", "attempt": 1, "outcome": "cap", "error": "error_max_budget_usd after 6 turns" }),
        json!({ "type": "session_retrying", "sessionId": "client-ts", "attempt": 1, "outcome": "limited", "error": "API Error: 429" }),
        json!({ "type": "session_waiting_limit", "sessionId": "client-ts" }),
        json!({ "type": "session_limit_lifted" }),
        json!({ "type": "session_adopted", "sessionId": "client-ts", "attempt": 2, "pid": 4711 }),
        json!({ "type": "session_interrupted", "sessionId": "client-ts", "attempt": 2, "costUsd": 1.26 }),
        json!({ "type": "budget_warning", "currentUsage": 10, "limit": 12.5, "percentUsed": 80 }),
        json!({ "type": "budget_exceeded", "usage": 12.6, "limit": 12.5, "action": "pause" }),
        json!({ "type": "group_session_failed", "sessionId": "client-python", "error": "error_max_turns after 30 turns\nand \u{1b}[2J more", "costUsd": 2.2 }),
        json!({ "type": "session_unreachable", "sessionId": "report of 认证", "because": ["client-python"] }),
        json!({ "type": "dependency_waiting", "sessionId": "api", "dependsOn": [], "pendingDependencies": [] }),
        json!({ "type": "group_failed", "failedSessions": 1, "reason": "r" }),
        json!({ "type": "feed_gap", "from": 20, "to": 20 }),
        json!({ "type": "group_deleted" }),
    ];
    let numbered = events.into_iter().enumerate().map(|(index, mut event)| {
        let members = event.as_object_mut().unwrap();
        members.insert("v".to_owned(), 1.into());
        members.insert("seq".to_owned(), (index + 1).into());
        members.insert("groupId".to_owned(), "20260822-101500-payments".into());
        members.insert("timestamp".to_owned(), "2020-08-22T10:15:00.000Z".into());
        event.to_string().parse().unwrap()
    });
    numbered.collect()
}

#[test]
fn every_event_of_interest_has_a_line() {
    let group = group();
    let view = GroupView::of(&group, NOW);
    let drawn = at_widths(|width| {
        let scene =
            Scene { group: &group, view: &view, name: "payments", now: NOW, width, home: Some("/home/ada") };
        let mut lines: Vec<Line> = events().iter().flat_map(|read| event(read.event(), &scene)).collect();
        lines.extend(scene.warning("a session left a process behind"));
        lines.extend(scene.announcement("PAUSING", "running sessions are interrupted and can be resumed"));
        lines.extend(scene.summary());
        lines
    });
    insta::assert_snapshot!("events", drawn);
}

#[test]
fn the_summary_says_how_to_go_on() {
    let summary = |status: &str, cause: Option<&str>| {
        let mut value = serde_json::to_value(group()).unwrap();
        value["status"] = status.into();
        match cause {
            Some(cause) => value["cause"] = cause.into(),
            None => {
                value.as_object_mut().unwrap().remove("cause");
            }
        }
        let group: SessionGroup = serde_json::from_value(value).unwrap();
        let view = GroupView::of(&group, NOW);
        let scene = Scene { group: &group, view: &view, name: "payments", now: NOW, width: 200, home: None };
        let lines = scene.summary().into_iter().skip(1).map(|line| line.to_text(false).trim().to_owned());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(summary("completed", None), Vec::<String>::new());
    assert_eq!(summary("failed", Some("unreachable")), ["session-groups retry payments"]);
    assert_eq!(
        summary("paused", Some("budget_exceeded")),
        ["PAUSED [        ] the budget is spent", "session-groups resume payments --budget USD"]
    );
    assert_eq!(
        summary("paused", Some("manual")),
        ["PAUSED [        ] by request", "session-groups resume payments"]
    );
    assert_eq!(summary("failed", Some("stopped"))[1], "session-groups run payments");
    assert_eq!(summary("paused", Some("error_threshold"))[1], "session-groups retry payments");
}
