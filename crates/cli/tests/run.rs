//! Groups run from the command line, with a stand-in for Claude Code.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failing test panics")]

mod support;

use serde_json::json;
use support::runs::{TWO, run, sandbox};

#[test]
fn a_plan_runs_to_its_end() {
    let sandbox = sandbox(TWO);
    let run = run(&sandbox, &["run", "demo.group.yaml"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
    let words: Vec<_> = run.stderr.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(words, ["Running", "START", "COMPLETED", "START", "COMPLETED", "Summary"], "{}", run.stderr);
    assert!(
        run.stderr.contains("(1/2) api  sonnet  [DIR]/shop  at most $10.00") || run.stderr.contains("~/shop")
    );
    assert!(run.stderr.contains("2 completed; $0.50 of $10.00 (5%)"), "{}", run.stderr);
    assert!(!run.stderr.contains('\u{1b}'));
}

#[test]
fn json_lines_are_the_events_and_json_is_the_end() {
    let sandbox = sandbox(TWO);
    let lines = run(&sandbox, &["run", "demo.group.yaml", "--jsonl"]);
    let events: Vec<serde_json::Value> =
        lines.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["v"] == json!(1)));
    let types: Vec<_> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert!(types.contains(&"group_session_completed") && types.contains(&"group_completed"), "{types:?}");
    let report = run(&sandbox, &["run", "demo.group.yaml", "--json"]).json();
    assert_eq!(report["status"], json!("completed"));
    assert_eq!(
        (&report["exitCode"], &report["spentUsd"], &report["completed"]),
        (&json!(0), &json!(0.5), &json!(2))
    );
}

#[test]
fn what_cannot_be_run_is_explained() {
    let sandbox = sandbox(TWO);
    for command in ["run", "plan"] {
        let error = run(&sandbox, &[command, "demo"]).failed(3);
        assert!(error.ends_with("help: the plan file is named \"demo.group.yaml\"\n"), "{error}");
    }
    for arguments in [["--skip", "*"], ["--only", "none"]] {
        let error = run(&sandbox, &[&["run", "demo.group.yaml"][..], &arguments].concat()).failed(4);
        assert!(
            error.ends_with("help: `session-groups plan demo.group.yaml` shows the sessions\n"),
            "{error}"
        );
        assert_eq!(run(&sandbox, &["list", "--json"]).json()["groups"], json!([]));
    }
    run(&sandbox, &["run", "demo.group.yaml", "--only", "api"]);
    let error = run(&sandbox, &["run", "latest", "--only", "api"]).failed(4);
    assert!(error.contains("help: --only and --skip leave out each session that could run"), "{error}");
    run(&sandbox, &["run", "demo.group.yaml"]);
    let error = run(&sandbox, &["run", "latest", "--only", "*"]).failed(4);
    assert!(error.contains("help: all sessions of this run have completed"), "{error}");
}

#[test]
fn problems_of_a_stored_group_are_listed_in_the_words_of_plans() {
    let sandbox = sandbox("");
    run(&sandbox, &["create", "demo"]);
    for (id, assignment) in [("a", "settings={ model: 1 }"), ("b", "env.ANTHROPIC_BASE_URL=x")] {
        let added = ["add", "demo", "--id", id, "--project", "shop", "--prompt", "p", "--set", assignment];
        run(&sandbox, &added).succeeded();
    }
    let error = run(&sandbox, &["run", "demo"]).failed(2);
    assert!(error.contains("-demo\": there are 2 problems\n"), "{error}");
    assert!(error.contains("\n  - session \"a\": settings.model must be a string, but is 1. "), "{error}");
    let remedy = "who pays. Set it for session-groups itself instead\n";
    let expected = format!("\n  - session \"b\": env.ANTHROPIC_BASE_URL may change what runs or {remedy}");
    assert!(error.ends_with(&expected), "{error}");
}

#[test]
fn only_some_sessions_are_run() {
    let sandbox = sandbox("  a-1: { prompt: x }\n  a-2: { prompt: x }\n  b: { prompt: x }\n");
    let run_some = run(&sandbox, &["run", "demo.group.yaml", "--only", "a-*", "--skip", "a-2"]);
    assert_eq!(run_some.code, Some(13), "{}", run_some.stderr);
    assert_eq!(run_some.stderr.matches("COMPLETED").count(), 1);
    assert!(
        run(&sandbox, &["run", "latest", "--only", "z*"]).failed(4).contains("no session matches \"z*\"")
    );
}

#[test]
fn a_spent_budget_pauses() {
    let sandbox = sandbox("  api: { prompt: EXPENSIVE }\n  web: { prompt: x, dependsOn: [api] }\n");
    let paused = run(&sandbox, &["run", "demo.group.yaml", "--budget", "5"]);
    assert_eq!(paused.code, Some(11), "{}", paused.stderr);
    assert!(paused.stderr.contains("session-groups resume demo --budget USD"), "{}", paused.stderr);
}

#[test]
fn a_usage_limit_can_end_the_run() {
    let sandbox = sandbox("  api: { prompt: LIMIT }\n");
    let limited = run(&sandbox, &["run", "demo.group.yaml", "--no-wait-for-limits"]);
    assert_eq!(limited.code, Some(75), "{}", limited.stderr);
}

#[test]
fn refused_tools_are_named_with_the_option_that_allows_them() {
    let sandbox = sandbox("  api: { prompt: DENIED }\n");
    let denied = run(&sandbox, &["run", "demo.group.yaml"]);
    assert!(denied.stderr.contains("not allowed: WebFetch"), "{}", denied.stderr);
    assert!(denied.stderr.contains("allow with allowedTools: [WebFetch]"), "{}", denied.stderr);
}

#[test]
fn a_missing_claude_is_an_error_that_says_where_it_was_looked_for() {
    let sandbox = sandbox(TWO);
    let error = sandbox.run(&["run", "demo.group.yaml"]);
    assert_eq!(error.code, Some(1));
    assert!(error.stderr.contains("cannot find the program `claude`"), "{}", error.stderr);
}
