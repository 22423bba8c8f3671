//! The commands that make, change and delete groups.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

mod support;

use serde_json::json;
use support::Sandbox;
use support::stored::{PAYMENTS, store};

#[test]
fn a_group_is_made_without_a_plan_file() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["create", "Payments 2", "--budget", "12.5", "-j", "2", "--model", "opus"]);
    assert_eq!(run.code, Some(0));
    let id = run.stdout.trim();
    assert!(id.ends_with("-payments-2"), "{id}");
    assert!(run.stderr.contains("session-groups add payments-2 --project DIR"), "{}", run.stderr);
    sandbox
        .run(&["add", "latest", "--id", "api", "--project", "shop", "--prompt", "Add a login"])
        .succeeded();
    let arguments = [
        "add",
        "latest",
        "--prompt",
        "p",
        "--depends-on",
        "api",
        "--timeout",
        "1h",
        "--set",
        "env.A=b",
        "--json",
    ];
    let added = sandbox.run(&arguments).json();
    assert_eq!(added["session"]["id"], json!("002"));
    sandbox
        .run(&["set", "latest", "budget.max=20", "concurrency=5", "defaults.env.X=y", "errorThreshold=4"])
        .succeeded();
    sandbox
        .run(&["set", "latest", "--session", "002", "prompt=Fix: it", "env.C=d", "project=shop"])
        .succeeded();
    let group = sandbox.run(&["show", "latest", "--json"]).json()["group"].clone();
    assert_eq!((&group["config"]["maxBudgetUsd"], &group["config"]["model"]), (&json!(20), &json!("opus")));
    assert_eq!(group["config"]["concurrency"]["maxConcurrent"], json!(5));
    assert_eq!(group["config"]["sessionDefaults"]["env"], json!({ "X": "y" }));
    let session = &group["sessions"][1];
    assert_eq!((&session["prompt"], &session["timeoutMs"]), (&json!("Fix: it"), &json!(3_600_000)));
    assert_eq!(session["config"]["env"], json!({ "A": "b", "C": "d" }));
    assert!(session["projectPath"].as_str().unwrap().ends_with("/shop"));
    // The feed tells of it.
    let events = std::fs::read_to_string(sandbox.store().join(id).join("events.jsonl")).unwrap();
    assert!(events.contains("group_created"), "{events}");
}

#[test]
fn set_keeps_what_it_does_not_know() {
    let sandbox = store();
    let path = sandbox.store().join(PAYMENTS).join("meta.json");
    let before = std::fs::read_to_string(&path)
        .unwrap()
        .replace("\"model\":\"sonnet\"", "\"model\":\"sonnet\",\"later\":[1]");
    std::fs::write(&path, before).unwrap();
    sandbox.run(&["set", PAYMENTS, "budget.max=20"]).succeeded();
    let group = sandbox.run(&["show", PAYMENTS, "--json"]).json()["group"].clone();
    assert_eq!((&group["config"]["later"], &group["config"]["maxBudgetUsd"]), (&json!([1]), &json!(20)));
    assert_eq!(group["future"], json!({ "kept": 1e21 }));
}

#[test]
fn wrong_values_are_refused_with_a_remedy() {
    let sandbox = store();
    let error = |arguments: &[&str], code| sandbox.run(arguments).failed(code);
    assert_eq!(
        error(&["set", "docs", "budget.maks=1"], 2),
        "error: unknown key \"budget.maks\"\nhelp: did you mean \"max\"?\n"
    );
    assert_eq!(
        error(&["set", "docs", "model=opus"], 2),
        "error: unknown key \"model\"\nhelp: write `defaults.model`, or name a session with --session\n"
    );
    let unknown = error(&["set", "docs", "x=1"], 2);
    assert!(
        unknown.contains("help: use one of name, budget, ") && !unknown.contains("sessions"),
        "{unknown}"
    );
    assert!(error(&["set", "docs", "concurrency=0"], 2).contains("a whole number of 1 or more"));
    assert!(error(&["set", "docs", "version=1"], 2).contains("version cannot be set"));
    assert!(error(&["set", "docs", "--session", "nix", "budget=1"], 3).contains("did you mean \"next\"?"));
    assert!(error(&["add", "docs", "--id", "next", "--prompt", "p"], 2).contains("next"));
    assert!(error(&["add", "docs", "--prompt", "p", "--depends-on", "none"], 2).contains("none"));
    assert!(error(&["add", "docs", "--prompt", " "], 2).contains("blank"));
    assert!(error(&["add", "docs", "--prompt", "p", "--project", "none"], 2).contains("not a directory"));
    assert!(error(&["add", "docs", "--prompt", "p", "--id", "a*"], 2).contains("contains '*'"));
    assert!(error(&["create", " "], 2).contains("must not be blank"));
    assert!(error(&["add", "docs"], 2).contains("pass --prompt or --prompt-file"));
    assert!(error(&["add", "docs", "--prompt", "p", "--budget", "-1"], 2).contains("greater than 0; got -1"));
    for (arguments, expected) in [
        (["create", "x", "--budget", "-1"], "'--budget <USD>': must be a number greater than 0"),
        (["create", "x", "--budget", "0"], "'--budget <USD>': must be a number greater than 0"),
        (["run", "docs", "--budget", "0.0"], "'--budget <USD>': must be a number greater than 0"),
        (["resume", "docs", "--budget", "much"], "'--budget <USD>': must be a number greater than 0"),
        (["create", "x", "-j", "0"], "'--concurrency <N>': must be a whole number of 1 or more"),
        (["run", "docs", "-j", "-1"], "'--concurrency <N>': must be a whole number of 1 or more"),
        (["list", "--color=never", "--limit", "-1"], "'--limit <N>': must be a whole number of 1 or more"),
        (["list", "--color=never", "--limit", "0"], "'--limit <N>': must be a whole number of 1 or more"),
        (["events", "docs", "--after", "1.5"], "'--after <SEQ>': must be a whole number of 0 or more"),
    ] {
        let error = error(&arguments, 2);
        assert!(error.contains(expected), "{error}");
    }
    assert!(error(&["set", "docs", "--session", "next", "dependsOn=[next]"], 2).contains("Circular"));
    for (assignment, expected) in [
        ("timeout=0m", "timeout must be longer than 0; got \"0m\""),
        ("stallTimeout=0h00m", "stallTimeout must be longer than 0; got \"0h00m\""),
        ("budget=0", "budget must be a number greater than 0; got 0"),
        ("maxTurns=0", "maxTurns must be a whole number of 1 or more; got 0"),
    ] {
        let set = error(&["set", "docs", "--session", "next", assignment], 2);
        assert!(set.starts_with(&format!("error: {expected}")), "{set}");
        let add = error(&["add", "docs", "--prompt", "p", "--set", assignment], 2);
        assert!(add.starts_with(&format!("error: {expected}")), "{add}");
    }
}

#[test]
fn archive_and_delete_ask_first() {
    let sandbox = store();
    let error = sandbox.run(&["delete", PAYMENTS]).failed(2);
    assert_eq!(
        error,
        "error: Delete 20260822-101500-payments and the logs of its sessions? There is no terminal to ask on\nhelp: pass --yes\n"
    );
    sandbox.run(&["archive", PAYMENTS, "--yes"]).succeeded();
    assert!(sandbox.run(&["list", "--status", "archived"]).stdout.contains(PAYMENTS));
    assert!(sandbox.run(&["set", PAYMENTS, "budget.max=1"]).code.is_some());
    assert_eq!(sandbox.run(&["delete", PAYMENTS, "-y"]).succeeded(), format!("deleted {PAYMENTS}\n"));
    assert!(!sandbox.store().join(PAYMENTS).exists());
    sandbox.run(&["delete", PAYMENTS, "-y"]).failed(3);
}

#[test]
fn archiving_an_archived_group_succeeds() {
    let sandbox = store();
    sandbox.run(&["archive", "docs", "-y"]).succeeded();
    sandbox.run(&["archive", "docs", "-y", "--json"]).succeeded();
}
