//! The commands on stored groups, as a user sees them.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;
use support::Sandbox;

const PAYMENTS: &str = "20260822-101500-payments";

/// A store with groups in several states.
fn store() -> Sandbox {
    let sandbox = Sandbox::new();
    let session = |id: &str, status: &str, more: serde_json::Value| {
        let mut session = json!({
            "id": id, "projectPath": "/src/shop", "prompt": "Add idempotency keys", "status": status,
            "dependsOn": [], "createdAt": "2026-08-22T10:15:00.000Z"
        });
        session.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        session
    };
    let group = |id: &str, name: &str, status: &str, sessions: serde_json::Value, more: serde_json::Value| {
        let mut group = json!({
            "id": id, "name": name, "slug": id.get(16..).unwrap_or(id), "status": status, "sessions": sessions,
            "config": {
                "model": "sonnet", "maxBudgetUsd": 12.5, "onBudgetExceeded": "pause", "warningThreshold": 0.8,
                "maxConcurrentSessions": 3
            },
            "createdAt": format!("2020-{}-{}T10:15:00.000Z", &id[4..6], &id[6..8]),
            "updatedAt": "2026-08-22T10:20:00.000Z"
        });
        group.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        group.to_string()
    };
    let payments = json!([
        session(
            "api",
            "completed",
            json!({ "cost": 0.41, "runMs": 184_000, "tokens": { "input": 40_000, "output": 1_400 } })
        ),
        session("client-ts", "completed", json!({ "cost": 1.26, "runMs": 370_000 })),
        session(
            "client-python",
            "failed",
            json!({
                "cost": 2.2, "runMs": 760_000, "dependsOn": ["api"], "error": "error_max_turns after 30 turns",
                "attempts": [{
                    "n": 2, "uuid": "f8583c87-dcc3-4521-834e-d68f75432474", "how": "resume",
                    "startedAt": "2026-08-22T10:16:00.000Z", "endedAt": "2026-08-22T10:17:00.000Z", "reservedUsd": 1,
                    "claudeSessionId": "c", "outcome": "failed"
                }]
            })
        ),
        session("report", "pending", json!({ "dependsOn": ["client-ts", "client-python"] })),
    ]);
    let more = json!({ "cause": "unreachable", "startedAt": "2020-08-22T10:15:01.000Z", "future": { "kept": 1e21 } });
    sandbox.store_group(PAYMENTS, &group(PAYMENTS, "payments", "failed", payments, more));
    let paused = json!([
        session("认证服务", "completed", json!({ "cost": 2, "runMs": 60_000 })),
        session("next", "pending", json!({})),
        session("evil\u{1b}[2J\u{202e}", "pending", json!({ "dependsOn": ["next"] })),
    ]);
    let docs = "20260823-090000-docs";
    sandbox.store_group(
        docs,
        &group(
            docs,
            "文档 und Docs 🎉\u{1b}]0;x\u{7}",
            "paused",
            paused,
            json!({ "cause": "budget_exceeded" }),
        ),
    );
    let empty = "20260101-000000-payments-old";
    sandbox.store_group(empty, &group(empty, "Old", "created", json!([]), json!({})));
    sandbox
}

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
fn an_unknown_command_suggests_the_nearest() {
    let sandbox = Sandbox::new();
    let error = sandbox.run(&["shwo"]).failed(2);
    assert!(
        error.starts_with(
            "error: unrecognized subcommand 'shwo'\nhelp: a similar subcommand exists: 'show'\n"
        ),
        "{error}"
    );
    let error = sandbox.run(&["list", "--status", "failled"]).failed(2);
    assert!(error.contains("did you mean \"failed\"?"), "{error}");
    let error = sandbox.run(&["list", "--limit", "x\u{1b}[2J"]).failed(2);
    assert!(!error.contains('\u{1b}'), "{error}");
    assert!(sandbox.run(&[]).failed(2).contains("Usage: session-groups"));
    let none = "error: a command is missing\nUsage: session-groups [OPTIONS] <COMMAND>\nhelp: try --help\n";
    assert_eq!(sandbox.run(&["--store", "x"]).failed(2), none);
}

#[test]
fn the_version_is_not_printed_in_place_of_a_command() {
    let sandbox = Sandbox::new();
    for arguments in [&["-V", "list"][..], &["--version", "run", "p.group.yaml"], &["--json", "-V", "list"]] {
        let error = sandbox.run(arguments).failed(2);
        let start = "error: the argument '--version' cannot be used with a command\n";
        assert!(error.starts_with(start), "{arguments:?}: {error}");
    }
    // `-V KEY=VALUE` stands behind the command.
    let error = sandbox.run(&["-V", "branch=main", "run", "p.group.yaml"]).failed(2);
    assert!(error.starts_with("error: unrecognized subcommand 'branch=main'\n"), "{error}");
    for arguments in [["list", "--version"], ["list", "-V"]] {
        let error = sandbox.run(&arguments).failed(2);
        assert!(
            error.starts_with(&format!("error: unexpected argument '{}' found\n", arguments[1])),
            "{error}"
        );
    }
}

#[test]
fn variables_that_have_no_effect_are_refused() {
    let sandbox = store();
    sandbox.write(
        "p.group.yaml",
        "version: 1\nname: ${{ vars.name }}\nsessions:\n  a: { prompt: '${{ vars.task }}', project: shop }\n",
    );
    let given = ["-V", "name=n", "-V", "task=t"];
    sandbox.run(&[&["check", "p.group.yaml"][..], &given].concat()).succeeded();
    for command in ["check", "plan", "run"] {
        let error =
            sandbox.run(&[&[command, "p.group.yaml", "-V", "tasks=u"][..], &given].concat()).failed(2);
        let expected = "error: p.group.yaml does not use the variable \"tasks\"\nhelp: write ${{ vars.tasks }} in the plan, or leave out -V tasks=…\n";
        assert_eq!(error, expected);
    }
    for arguments in [&["run"][..], &["plan"], &["run", "--dry-run"]] {
        let error = sandbox.run(&[arguments, &["docs", "-V", "name=n"]].concat()).failed(2);
        let expected = "error: -V sets a variable of a plan file, but \"docs\" is a stored group\nhelp: name the plan file, or leave -V out\n";
        assert_eq!(error, expected);
    }
}

#[test]
fn help_is_a_command_as_well() {
    let sandbox = Sandbox::new();
    let text = |arguments: &[&str]| sandbox.run(arguments).succeeded();
    assert_eq!(text(&["help"]), text(&["--help"]));
    for command in ["run", "set", "completions", "help"] {
        assert_eq!(text(&["help", command]), text(&[command, "--help"]));
    }
    let error = sandbox.run(&["help", "lits"]).failed(2);
    assert!(error.contains("help: a similar subcommand exists: 'list'\n"), "{error}");
    let error = sandbox.run(&["help", "lits", "--color=always"]).failed(2);
    assert!(error.starts_with("\u{1b}[1m\u{1b}[31merror\u{1b}[0m: "), "{error:?}");
}

#[test]
fn every_command_has_help_with_an_example() {
    let sandbox = Sandbox::new();
    let help = sandbox.run(&["--help"]).succeeded();
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<&str> =
        commands.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    assert!(names.len() >= 12, "{names:?}");
    for name in names.iter().filter(|name| !name.is_empty()) {
        let help = sandbox.run(&[name, "--help"]).succeeded();
        assert!(help.contains(&format!("Example:\n  session-groups {name}")), "{name}: {help}");
    }
    assert_eq!(
        sandbox.run(&["--version"]).succeeded(),
        format!("session-groups {}\n", env!("CARGO_PKG_VERSION"))
    );
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(sandbox.run(&["completions", shell]).succeeded().contains("session-groups"), "{shell}");
    }
}

#[test]
fn version_schema_and_completions_are_printed_as_json_on_request() {
    let sandbox = Sandbox::new();
    let text = |arguments: &[&str]| sandbox.run(arguments).succeeded();
    let version = json!({ "v": 1, "name": "session-groups", "version": env!("CARGO_PKG_VERSION") });
    let schema: serde_json::Value = serde_json::from_str(&text(&["schema"])).unwrap();
    assert_eq!(schema["title"], json!("Plan file of session-groups"));
    let schema = json!({ "v": 1, "schema": schema });
    let script = json!({ "v": 1, "shell": "bash", "script": text(&["completions", "bash"]) });
    for (command, expected) in
        [(&["--version"][..], version), (&["schema"], schema), (&["completions", "bash"], script)]
    {
        for (option, is_line) in [("--json", false), ("--jsonl", true)] {
            for arguments in [[command, &[option]].concat(), [&[option], command].concat()] {
                let printed = text(&arguments);
                let json: serde_json::Value = serde_json::from_str(&printed).unwrap();
                assert_eq!(json, expected, "{arguments:?}");
                assert_eq!(printed.lines().count() == 1, is_line, "{printed}");
            }
        }
        let both = sandbox.run(&[command, &["--json", "--jsonl"]].concat()).failed(2);
        let conflict = "error: the argument '--json' cannot be used with '--jsonl'\n";
        assert!(both.starts_with(conflict), "{both}");
    }
    let raw = sandbox.run(&["logs", "g", "s", "--raw", "--json"]).failed(2);
    assert!(raw.starts_with("error: the argument '--raw' cannot be used with '--json'\n"), "{raw}");
}

#[test]
fn colour_follows_the_option_and_the_environment() {
    let sandbox = store();
    let has_colour = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = sandbox.command(arguments);
        let text = sandbox.finish(command.envs(variables.iter().copied())).stdout;
        text.contains('\u{1b}')
    };
    assert!(!has_colour(&["list"], &[]));
    assert!(has_colour(&["list", "--color", "always"], &[("NO_COLOR", "1")]));
    assert!(has_colour(&["list"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!has_colour(&["list"], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!has_colour(&["list"], &[("CLICOLOR_FORCE", "0")]));
    let error = sandbox.finish(&mut sandbox.command(&["show", "x", "--color=always"])).stderr;
    assert!(error.starts_with("\u{1b}[1m\u{1b}[31merror\u{1b}[0m: "), "{error:?}");
    let error = sandbox.finish(&mut sandbox.command(&["--color=always", "shwo"])).stderr;
    assert!(error.starts_with("\u{1b}[1m\u{1b}[31merror\u{1b}[0m: "), "{error:?}");
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

#[test]
fn check_finds_missing_templates_and_wrong_settings_at_their_places() {
    let sandbox = Sandbox::new();
    let plan = "version: 1\ndefaults: { project: shop, template: nowhere }\nsessions:\n  a: { prompt: p }\n  b: { prompt: p, template: elsewhere, settings: { permissions: { allow: Read } } }\n";
    sandbox.write("p.group.yaml", plan);
    let error = sandbox.run(&["check", "p.group.yaml"]).failed(2);
    let starts: Vec<_> = error.lines().map(|line| line.split(" session ").next().unwrap()).collect();
    let help = "help: create it, or change template";
    let expected =
        ["error: p.group.yaml:2:38:", help, "error: p.group.yaml:5:29:", help, "error: p.group.yaml:5:3:"];
    assert_eq!(starts, expected, "{error}");
    let json = sandbox.run(&["check", "p.group.yaml", "--json"]);
    assert_eq!((json.code, &json.json()["ok"]), (Some(2), &json!(false)));
    assert_eq!(json.json()["problems"][0]["line"], json!(2));
}

#[test]
fn problems_of_sessions_name_the_keys_of_the_plan() {
    let sandbox = Sandbox::new();
    let plan = "version: 1\nargs: [--model, opus]\ndefaults: { project: shop, prompt: p }\nsessions:\n  a: { settings: { model: 1 } }\n  b: { env: { ANTHROPIC_BASE_URL: x } }\n  c: { template: nowhere }\n  d: { mcpServers: { m: {} } }\n  e: { template: ./t.md, with: { prompt: x } }\n  f: { template: ./t.md }\n";
    sandbox.write("shop/t.md", "Be {{tone}}.\n");
    sandbox.write("p.group.yaml", plan);
    let error = sandbox.run(&["check", "p.group.yaml"]).failed(2);
    for expected in [
        "args[0] must not",
        "settings.model must",
        ": env.ANTHROPIC_BASE_URL may change what runs or who pays\nhelp: set it for session-groups itself instead\n",
        "\nhelp: create it, or change template\n",
        ": mcpServers.m.command is missing",
        ": with.prompt cannot be set",
        ": {{tone}} is unknown. Known are group_id, group_name, model, project_path, prompt, session_id\nhelp: set further ones in `with`\n",
    ] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
    for name in ["config.", "additionalArgs", "settingsOverride", "claudeMdTemplate", "allowEnv"] {
        assert!(!error.contains(name), "{name}: {error}");
    }
}

#[test]
fn an_unknown_permission_mode_is_a_warning() {
    let sandbox = Sandbox::new();
    let plan = "version: 1\ndefaults: { project: shop, permissionMode: plan }\nsessions:\n  a: { prompt: p, permissionMode: acceptEdit }\n";
    sandbox.write("p.group.yaml", plan);
    let checked = sandbox.run(&["check", "p.group.yaml"]);
    assert_eq!(
        (checked.code, checked.stderr.as_str()),
        (
            Some(0),
            "warning: p.group.yaml:4:35: permissionMode \"acceptEdit\" is not known\nhelp: did you mean \"acceptEdits\"?\n"
        )
    );
}

#[test]
fn check_accepts_a_plan_and_names_what_it_is() {
    let sandbox = Sandbox::new();
    sandbox.write("p.group.yaml", "version: 1\nsessions:\n  a: { prompt: p, project: shop }\n");
    assert_eq!(
        sandbox.run(&["check", "p.group.yaml"]).succeeded(),
        "OK p: 1 session, 3 at once, budget $10.00\n"
    );
    assert!(
        sandbox.run(&["check", "none.yaml"]).failed(2).contains("the plan file none.yaml does not exist")
    );
    assert!(sandbox.run(&["check", "shop"]).failed(2).contains("is a directory\nhelp: name a file"));
    std::fs::write(sandbox.path().join("latin.yaml"), b"version: 1 # \xe4").unwrap();
    let unreadable = sandbox.run(&["check", "latin.yaml"]).failed(2);
    assert_eq!(unreadable, "error: the plan file latin.yaml is not UTF-8 in line 1\n");
}
