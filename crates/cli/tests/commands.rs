//! The commands that show stored groups.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;
use support::Sandbox;
use support::stored::{PAYMENTS, store};

/// Snapshots of an output at three widths, and in colour.
macro_rules! snapshots {
    ($name:literal, $sandbox:expr, $arguments:expr) => {
        let mut all = String::new();
        for width in [40, 80, 200] {
            let text = $sandbox.run_at_width(width, $arguments).succeeded();
            all.extend([format!("--- {width} columns\n{text}")]);
        }
        let coloured = $sandbox
            .finish($sandbox.command($arguments).env("COLUMNS", "80").arg("--color=always"))
            .succeeded()
            .replace('\u{1b}', "ESC");
        all += &format!("--- 80 columns in colour\n{coloured}");
        insta::assert_snapshot!($name, all);
    };
}

#[test]
fn list_shows_the_newest_group_first() {
    let sandbox = store();
    snapshots!("list", sandbox, &["list"]);
    let ids = |arguments: &[&str]| {
        let lines = sandbox.run(arguments).succeeded();
        lines.lines().skip(1).map(|line| line.split(' ').next().unwrap()[9..].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&["list", "--status", "failed"]), ["101500-payments"]);
    assert_eq!(ids(&["list", "--limit", "1"]), ["090000-docs"]);
    assert_eq!(ids(&["list", "--sort", "name"]).last().unwrap(), "090000-docs");
}

#[test]
fn list_prints_json_and_json_lines() {
    let sandbox = store();
    let json = sandbox.run(&["list", "--json"]).json();
    assert_eq!((&json["v"], json["groups"].as_array().unwrap().len()), (&json!(1), 3));
    assert_eq!(json["groups"][1]["totalCost"], json!(3.87));
    let lines = sandbox.run(&["list", "--jsonl"]).succeeded();
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((lines.lines().count(), &first["v"]), (3, &json!(1)));
    assert!(first["name"].as_str().unwrap().contains('\u{1b}') && !lines.contains('\u{1b}'));
}

#[test]
fn the_store_is_that_of_the_option_of_the_environment_or_of_the_home_directory() {
    let sandbox = Sandbox::new();
    let directory = |variable: &str, arguments: &[&str]| {
        let mut command = sandbox.command(&[&["doctor", "--claude", "none", "--json"], arguments].concat());
        let report = sandbox.finish(command.env("SESSION_GROUPS_STORE", variable)).json();
        report["store"].clone()
    };
    assert_eq!(directory("", &[]), json!("[DIR]/.local/claude-code-agent/session-groups"));
    assert_eq!(directory("/variable", &[]), json!("/variable"));
    assert_eq!(directory("/variable", &["--store", "/option"]), json!("/option"));
    let mut homeless = sandbox.command(&["list"]);
    let error = sandbox.finish(homeless.env_remove("SESSION_GROUPS_STORE").env("HOME", "relative")).failed(2);
    assert!(error.ends_with("help: pass --store DIR, or set SESSION_GROUPS_STORE or HOME\n"), "{error}");
}

#[test]
fn an_empty_store_lists_nothing_and_is_not_created() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["list"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "", "no groups\n"));
    assert!(!sandbox.store().exists());
    assert_eq!(sandbox.run(&["status"]).stderr, "no group is running or paused\n");
}

#[test]
fn show_tells_the_state_of_each_session() {
    let sandbox = store();
    snapshots!("show", sandbox, &["show", PAYMENTS]);
    snapshots!("show_wide_characters", sandbox, &["show", "docs"]);
}

#[test]
fn show_prints_the_stored_group_as_json() {
    let sandbox = store();
    let text = sandbox.run(&["show", PAYMENTS, "--json"]).succeeded();
    assert!(text.contains("\"kept\": 1e21") || text.contains("\"kept\": 1e+21"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["v"], &json["group"]["sessions"][3]["id"]), (&json!(1), &json!("report")));
}

#[test]
fn status_shows_running_and_paused_groups() {
    let sandbox = store();
    snapshots!("status", sandbox, &["status"]);
    let json = sandbox.run(&["status", "--json"]).json();
    assert_eq!(json["groups"][0]["cause"], json!("budget_exceeded"));
}

#[test]
fn a_group_is_named_by_its_id_an_end_of_it_or_latest() {
    let sandbox = store();
    for name in [PAYMENTS, "20260822", "1500-payments", "latest"] {
        assert!(sandbox.run(&["show", name]).code == Some(0), "{name}");
    }
    assert!(sandbox.run(&["show", "latest"]).stdout.contains("20260823-090000-docs"));
    let error = sandbox.run(&["show", "2026"]).failed(2);
    assert_eq!(
        error,
        "error: \"2026\" names 3 groups\nhelp: use one of 20260823-090000-docs, 20260822-101500-payments, 20260101-000000-payments-old\n"
    );
    let error = sandbox.run(&["show", "20260822-101500-paiments"]).failed(3);
    assert_eq!(
        error,
        "error: there is no group \"20260822-101500-paiments\"\nhelp: did you mean \"20260822-101500-payments\"?\n"
    );
    assert!(Sandbox::new().run(&["show", "latest"]).failed(3).contains("the store has no groups"));
}

#[test]
fn logs_show_the_conversation() {
    let sandbox = store();
    let output = concat!(
        r#"{"type":"system","subtype":"init","model":"claude-sonnet","session_id":"s"}"#,
        "\n",
        r#"{"type":"assistant","message":{"content":[{"type":"text","text":"I run the tests.\u001b[2J"}]}}"#,
        "\n",
        r#"{"type":"assistant","message":{"content":[{"type":"tool_use","id":"1","name":"Bash","input":{"command":"pytest -x"}}]}}"#,
        "\n",
        r#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"1","is_error":true,"content":"1\n2\n3\n4\n5\n6\n7\n8"}]}}"#,
        "\n",
        r#"{"type":"system","subtype":"api_retry","error":"overloaded","error_status":529}"#,
        "\n",
        "\u{1b}[31mnot JSON\n",
        r#"{"type":"result","subtype":"error_max_turns","is_error":true,"num_turns":30,"total_cost_usd":2.2,"duration_ms":760000}"#,
    );
    sandbox.write(&format!("store/{PAYMENTS}/sessions/client-python/2.jsonl"), output);
    private(&sandbox.store().join(PAYMENTS));
    insta::assert_snapshot!("logs", sandbox.run(&["logs", PAYMENTS, "client-python"]).succeeded());
    assert_eq!(sandbox.run(&["logs", PAYMENTS, "client-python", "--raw"]).succeeded(), output);
    let followed =
        sandbox.run(&["logs", PAYMENTS, "client-python", "--follow", "--attempt", "2"]).succeeded();
    assert!(followed.ends_with("30 turns  $2.20  12m40s\n"), "{followed}");
    let lines = sandbox.run(&["logs", PAYMENTS, "client-python", "--jsonl"]).succeeded();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (lines.len(), &lines[0]["line"]["type"], &lines[0]["attempt"]),
        (7, &json!("system"), &json!(2))
    );
    let document = sandbox.run(&["logs", PAYMENTS, "client-python", "--json"]).json();
    let values: Vec<_> = lines.iter().map(|line| line["line"].clone()).collect();
    assert_eq!(
        (&document["session"], &document["attempt"], &document["lines"]),
        (&json!("client-python"), &json!(2), &json!(values))
    );
    let followed = ["logs", PAYMENTS, "client-python", "--json", "--follow", "--attempt", "2"];
    let followed = sandbox.run(&followed).succeeded();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(followed.lines().next().unwrap()).unwrap(),
        lines[0]
    );
    assert!(
        sandbox
            .run(&["logs", PAYMENTS, "client-python", "--attempt", "1"])
            .failed(3)
            .contains("the newest attempt is 2")
    );
    assert!(sandbox.run(&["logs", PAYMENTS, "report"]).failed(4).contains("has not run yet"));
    assert!(sandbox.run(&["logs", PAYMENTS, "rapport"]).failed(3).contains("did you mean \"report\"?"));
}

/// Makes directories and files private, as the runner does.
fn private(directory: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        if path.is_dir() {
            private(&path);
        }
    }
}

#[test]
fn a_damaged_group_is_an_unexpected_failure() {
    let sandbox = store();
    sandbox.store_group("20260101-000000-broken", "{");
    let error = sandbox.run(&["show", "20260101-000000-broken"]).failed(1);
    assert!(error.contains("meta.json is not a session group"), "{error}");
}

#[test]
fn latest_is_no_group_while_a_newer_one_may_be_damaged() {
    // Later, in the second of the newest one, and at a time that is not known.
    for damaged in ["20260901-000000-broken", "20260823-090000-broken", "broken"] {
        let sandbox = store();
        sandbox.store_group(damaged, "{");
        for command in ["show", "run", "pause", "resume", "stop", "retry", "events", "doctor"] {
            let error = sandbox.run(&[command, "latest"]).failed(1);
            let start = format!("error: cannot tell whether {damaged} is the latest group: ");
            assert!(error.starts_with(&start), "{command}: {error}");
            assert!(error.ends_with("help: `session-groups doctor` shows the problems of the store; another group is named by its id\n"), "{error}");
        }
        assert!(sandbox.run(&["delete", "latest", "--yes"]).failed(1).contains(damaged));
        assert!(sandbox.run(&["show", "docs"]).succeeded().contains("20260823-090000-docs"));
        sandbox.run(&["delete", damaged, "--yes"]).succeeded();
        assert!(sandbox.run(&["show", "latest"]).succeeded().contains("20260823-090000-docs"));
    }
    let sandbox = store();
    sandbox.store_group("20260823-085959-broken", "{");
    assert!(sandbox.run(&["show", "latest"]).succeeded().contains("20260823-090000-docs"));
    let sandbox = Sandbox::new();
    sandbox.store_group("20260101-000000-broken", "{");
    assert!(sandbox.run(&["show", "latest"]).failed(1).contains("20260101-000000-broken"));
}

#[test]
fn a_damaged_group_is_named_as_any_other() {
    let sandbox = store();
    sandbox.store_group("20260901-000000-docs", "{");
    let error = sandbox.run(&["show", "docs"]).failed(2);
    assert_eq!(
        error,
        "error: \"docs\" names 2 groups\nhelp: use one of 20260901-000000-docs, 20260823-090000-docs\n"
    );
    let error = sandbox.run(&["show", "202609"]).failed(1);
    assert!(error.contains("20260901-000000-docs/meta.json is not a session group"), "{error}");
    let error = sandbox.run(&["show", "20260901-000000-dogs"]).failed(3);
    assert!(error.contains("did you mean \"20260901-000000-docs\"?"), "{error}");
}

#[test]
fn lists_tell_which_groups_cannot_be_read() {
    let sandbox = store();
    let clean = [sandbox.run(&["list"]).succeeded(), sandbox.run(&["status"]).succeeded()];
    for number in 1..=6 {
        sandbox.store_group(&format!("20260101-00000{number}-broken"), "{");
    }
    let first = "warning: cannot read group 20260101-000001-broken: [DIR]/store/20260101-000001-broken/meta.json is not a session group";
    let last =
        "warning: cannot read 1 more group\nhelp: `session-groups doctor` shows the problems of the store\n";
    for (command, clean) in ["list", "status"].into_iter().zip(clean) {
        for format in [&[][..], &["--json"], &["--jsonl"]] {
            let shown = sandbox.run(&[&[command], format].concat());
            assert_eq!(shown.code, Some(0), "{}", shown.stderr);
            assert!(shown.stderr.starts_with(first) && shown.stderr.ends_with(last), "{}", shown.stderr);
            assert_eq!(shown.stderr.matches("warning: ").count(), 6, "{}", shown.stderr);
            match format {
                [] => assert_eq!(shown.stdout, clean),
                ["--json"] => {
                    let unreadable = &shown.json()["unreadable"];
                    assert_eq!(unreadable.as_array().unwrap().len(), 6);
                    assert_eq!(unreadable[5]["id"], json!("20260101-000006-broken"));
                    assert_eq!(unreadable[5]["code"], json!("CORRUPT"));
                    assert!(unreadable[5]["message"].as_str().unwrap().contains("is not a session group"));
                }
                _ => assert!(shown.stdout.lines().all(|line| line.contains("\"status\":"))),
            }
        }
    }
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["list", "--json"]).json()["unreadable"], json!([]));
    sandbox.store_group("a", "{");
    assert!(sandbox.run(&["list"]).stderr.ends_with("\nno other groups\n"));
    assert!(sandbox.run(&["status"]).stderr.ends_with("\nno other group is running or paused\n"));
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let sandbox = Sandbox::new();
    for number in 0..300 {
        let id = format!("20260101-{number:06}-{}", "x".repeat(100));
        let group = json!({
            "id": id, "name": "n", "slug": "s", "status": "created", "sessions": [],
            "config": { "model": "m", "maxBudgetUsd": 1, "onBudgetExceeded": "pause", "warningThreshold": 0.5, "maxConcurrentSessions": 1 },
            "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z"
        });
        sandbox.store_group(&id, &group.to_string());
    }
    let mut child = sandbox.command(&["list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}
