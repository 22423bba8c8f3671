//! The commands that show what would run, what runs and what has run.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failing test panics")]

mod support;

use std::io::{BufRead, BufReader};

use serde_json::json;
use support::runs::{TWO, end, run, sandbox, start, wait_for_work};

#[test]
fn a_watch_of_events_that_cannot_be_read_says_so() {
    let sandbox = sandbox(TWO);
    run(&sandbox, &["create", "demo"]);
    run(&sandbox, &["add", "latest", "--project", "shop", "--prompt", "Add it"]).succeeded();
    let group = run(&sandbox, &["list", "--json"]).json()["groups"][0]["id"].as_str().unwrap().to_owned();
    let events = sandbox.store().join(&group).join("events.jsonl");
    let _ = std::fs::remove_file(&events);
    std::os::unix::fs::symlink("elsewhere", &events).unwrap();
    let error = run(&sandbox, &["watch", &group]).failed(1);
    assert!(error.contains("symbolic link") && !error.contains("deleted"), "{error}");
}

#[test]
fn a_plan_shows_the_commands_that_the_run_then_uses() {
    let sandbox = sandbox(
        "  api: { prompt: Add it, settings: { cleanupPeriodDays: 3 }, allowedTools: [Read, \"Bash(make *)\"] }\n  web: { prompt: Use it, dependsOn: [api] }\n",
    );
    let log = sandbox.path().join("commands");
    let claude = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] || {{ printf '%s\\n' \"$0\" \"$@\" >> {log}; echo >> {log}; }}\nexec {real} \"$@\"\n",
        log = log.display(),
        real = sandbox.path().join("bin/real").display()
    );
    std::fs::rename(sandbox.path().join("bin/claude"), sandbox.path().join("bin/real")).unwrap();
    sandbox.write_script("bin/claude", &claude);

    let plan = run(&sandbox, &["run", "demo.group.yaml", "--dry-run", "--json"]).json();
    assert!(!log.exists() && !sandbox.store().exists(), "nothing was started or stored");
    run(&sandbox, &["run", "demo.group.yaml"]);

    let used = std::fs::read_to_string(&log).unwrap().replace(sandbox.path().to_str().unwrap(), "[DIR]");
    let group = run(&sandbox, &["show", "latest", "--json"]).json()["group"].clone();
    let planned_id = plan["group"].as_str().unwrap();
    let mut planned = String::new();
    for (index, session) in plan["sessions"].as_array().unwrap().iter().enumerate() {
        let conversation = group["sessions"][index]["claudeSessionId"].as_str().unwrap();
        for argument in session["command"].as_array().unwrap() {
            let argument = argument.as_str().unwrap().replace("CONVERSATION", conversation);
            planned += &argument.replace(planned_id, group["id"].as_str().unwrap());
            planned.push('\n');
        }
        planned.push('\n');
    }
    // The second session has what the first one did not spend.
    let without_caps = |text: &str| {
        let mut lines: Vec<&str> = text.lines().collect();
        while let Some(at) = lines.iter().position(|line| *line == "--max-budget-usd") {
            lines.drain(at..at + 2);
        }
        lines.join("\n")
    };
    assert_eq!(without_caps(&used), without_caps(&planned));
    let files: Vec<_> =
        plan["sessions"][0]["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    assert!(files.iter().any(|file| file.ends_with("/api/config/settings.json")), "{files:?}");
    let text = run(&sandbox, &["plan", "demo.group.yaml"]).stdout;
    assert!(text.contains("demo: 2 sessions in 2 waves") && text.contains("Nothing was started."), "{text}");
}

#[test]
fn a_dry_run_heeds_the_options_of_the_run() {
    let sandbox = sandbox(
        "  api: { prompt: Add it }\n  web: { prompt: REFUSED }\n  docs: { prompt: Write, dependsOn: [api] }\n",
    );
    let dry = |arguments: &[&str]| run(&sandbox, &[arguments, &["--dry-run", "--json"]].concat());
    let ids = |plan: &serde_json::Value| -> Vec<String> {
        let sessions = plan["sessions"].as_array().unwrap().iter();
        sessions.map(|session| session["id"].as_str().unwrap().to_owned()).collect()
    };
    let plan = dry(&["run", "demo.group.yaml", "-j", "1", "--budget", "3", "--skip", "web"]).json();
    assert_eq!(ids(&plan), ["api", "docs"]);
    assert_eq!((&plan["maxConcurrent"], &plan["maxBudgetUsd"]), (&json!(1), &json!(3.0)));
    assert_eq!(plan["waves"], json!([["api"], ["docs"]]));
    let unknown = dry(&["run", "demo.group.yaml", "--only", "none"]).failed(4);
    assert!(unknown.starts_with("error: no session matches \"none\"\n"), "{unknown}");

    assert_eq!(run(&sandbox, &["run", "demo.group.yaml"]).code, Some(10));
    for target in ["demo.group.yaml", "latest"] {
        assert!(ids(&dry(&["run", target]).json()).is_empty());
        let again = dry(&["run", target, "--rerun", "failed"]).json();
        assert_eq!((ids(&again), &again["waves"]), (vec!["web".to_owned()], &json!([["web"]])));
        let text = run(&sandbox, &["run", target, "--rerun", "failed", "--dry-run"]).stdout;
        assert!(text.ends_with("Nothing was started. Leave out --dry-run to start it.\n"), "{text}");
    }
    let text = run(&sandbox, &["plan", "demo.group.yaml"]).stdout;
    assert!(
        text.ends_with("Nothing was started. `session-groups run demo.group.yaml` starts it.\n"),
        "{text}"
    );
}

#[test]
fn logs_show_why_a_session_without_output_has_failed() {
    let sandbox = sandbox("  api: { prompt: Add it, retries: 0 }\n");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && exec echo '2.1.332 (Claude Code)'\necho 'unknown mode' >&2\nexit 3\n";
    sandbox.write_script("bin/claude", script);
    assert_eq!(run(&sandbox, &["run", "demo.group.yaml"]).code, Some(10));
    for arguments in [&["logs", "latest", "api"][..], &["logs", "latest", "api", "-f"]] {
        let logs = run(&sandbox, arguments).succeeded();
        assert!(logs.starts_with("ended  exit code 3") && logs.ends_with("unknown mode\n"), "{logs}");
    }
    assert_eq!(run(&sandbox, &["logs", "latest", "api", "--raw"]).succeeded(), "");
}

#[test]
fn doctor_reports_a_claude_that_cannot_run_groups() {
    let sandbox = sandbox("  api: { prompt: Add it }\n");
    for (version, expected) in [
        ("1.0.50", "error: Claude Code 1.0.50 is too old to run groups\nhelp: update it to 2.0.0 or newer\n"),
        (
            "2.0.5",
            "error: Claude Code 2.0.5 lacks --max-budget-usd, which groups with a budget need\nhelp: update it, or set budget.onExceeded of each group to warn\n",
        ),
    ] {
        sandbox.write_script("bin/claude", &format!("#!/bin/sh\necho '{version} (Claude Code)'\n"));
        let sick = run(&sandbox, &["doctor"]);
        assert_eq!((sick.code, sick.stderr.as_str()), (Some(1), expected));
        assert!(!sick.stdout.contains("no problems"), "{}", sick.stdout);
        let error = run(&sandbox, &["run", "demo.group.yaml"]).failed(2);
        assert!(error.contains(&format!("Claude Code {version} lacks")), "{error}");
        assert!(!error.contains("onBudgetExceeded") && !error.contains("maxBudgetUsd"), "{error}");
    }
}

#[test]
fn doctor_finds_what_a_dead_runner_left() {
    let sandbox = sandbox("  api: { prompt: WORK }\n");
    let healthy = run(&sandbox, &["doctor"]);
    assert_eq!(healthy.code, Some(0), "{}", healthy.stderr);
    assert!(healthy.stdout.contains("2.1.332 at ~/bin/claude") && healthy.stdout.contains("no problems"));
    let mut child = start(&sandbox, &["run", "demo.group.yaml"]);
    wait_for_work(&sandbox, "api");
    let running = run(&sandbox, &["doctor"]).succeeded();
    assert!(running.contains(&format!("by process {}", child.id())), "{running}");
    // Its input stays open, so that the session works on.
    let report = run(&sandbox, &["doctor", "--json"]).json();
    assert_eq!(report["problems"], json!([]));
    assert_eq!(report["runners"][0]["pid"], json!(child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    let sick = run(&sandbox, &["doctor", "latest"]);
    assert_eq!(sick.code, Some(1));
    assert!(sick.stderr.contains("is stored as running, but its runner is gone"), "{}", sick.stderr);
    run(&sandbox, &["stop", "latest"]).succeeded();
    assert_eq!(run(&sandbox, &["doctor"]).code, Some(0));
    sandbox.store_group("20260101-000000-broken", "{");
    let damaged = run(&sandbox, &["doctor"]);
    assert_eq!(damaged.code, Some(1));
    assert!(damaged.stderr.contains("meta.json"), "{}", damaged.stderr);
}

#[test]
fn the_feed_is_shown_for_people_and_for_programs() {
    let sandbox = sandbox("  api: { prompt: Add it }\n");
    run(&sandbox, &["run", "demo.group.yaml"]);
    let text = run(&sandbox, &["events", "latest"]).succeeded();
    assert!(text.starts_with("    1  ") && text.contains("group_created"), "{text}");
    assert!(text.contains("group_session_completed  api  costUsd=0.25"), "{text}");
    let all = run(&sandbox, &["events", "latest", "--json"]).json()["events"].as_array().unwrap().len();
    let after = run(&sandbox, &["events", "latest", "--after", "2", "--jsonl"]).stdout;
    assert_eq!(after.lines().count(), all - 2);
    let mut follower = start(&sandbox, &["events", "latest", "--follow", "--jsonl"]);
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("group_created"));
    run(&sandbox, &["delete", "latest", "--yes"]).succeeded();
    assert!(lines.last().unwrap().unwrap().contains("group_deleted"));
    assert_eq!(end(follower).code, Some(0));
}

#[test]
fn all_groups_are_watched_on_a_terminal_only() {
    let sandbox = sandbox(TWO);
    assert!(run(&sandbox, &["watch"]).failed(2).contains("use `session-groups status`"));
}
