//! Groups run from the command line, with a stand-in for Claude Code.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failing test panics")]

mod support;

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use support::{Run, Sandbox, wait_until};

/// A directory with a stand-in for Claude Code and a plan of these sessions.
fn sandbox(sessions: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.install_claude();
    sandbox.write_plan(sessions);
    sandbox
}

fn command(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    command.env("PATH", sandbox.search_path());
    command
}

fn run(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    sandbox.finish(&mut command(sandbox, arguments))
}

/// Starts a command that goes on.
fn start(sandbox: &Sandbox, arguments: &[&str]) -> Child {
    command(sandbox, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn events(sandbox: &Sandbox) -> String {
    run(sandbox, &["events", "latest", "--jsonl"]).stdout
}

/// Waits until a session uses its tool.
fn wait_for_work(sandbox: &Sandbox, session: &str) {
    wait_until(
        || "the session works",
        || run(sandbox, &["logs", "latest", session]).stdout.contains("> Bash"),
    );
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

const TWO: &str = "  api: { prompt: Add it }\n  web: { prompt: Use it, dependsOn: [api] }\n";

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
fn a_signal_pauses_a_run_whose_events_nobody_reads() {
    use std::fmt::Write as _;
    let mut sessions = String::new();
    // More than a pipe holds.
    for number in 0..20 {
        writeln!(sessions, "  s{number}: {{ prompt: {} }}", "x".repeat(4000)).unwrap();
    }
    sessions += "  work: { prompt: WORK }\n";
    let sandbox = sandbox(&sessions);
    let mut child = start(&sandbox, &["run", "demo.group.yaml", "--jsonl"]);
    // Before the group is stored there is nothing to show.
    let show = || {
        let shown = run(&sandbox, &["show", "latest", "--json"]).stdout;
        serde_json::from_str::<serde_json::Value>(&shown).unwrap_or_default()["group"].clone()
    };
    let completed = || {
        let group = show();
        let sessions = group["sessions"].as_array().into_iter().flatten();
        sessions.filter(|session| session["status"] == json!("completed")).count()
    };
    wait_until(|| "all but the last one complete", || completed() == 20);
    signal(&child, "TERM");
    wait_until(|| "the group is paused", || show()["status"] == json!("paused"));
    child.kill().unwrap();
    child.wait().unwrap();
}

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
fn a_completed_group_has_nothing_to_run_and_its_plan_makes_a_new_one() {
    let sandbox = sandbox(TWO);
    run(&sandbox, &["run", "demo.group.yaml"]);
    let error = run(&sandbox, &["run", "latest"]).failed(4);
    assert!(error.contains("there is nothing to run in"), "{error}");
    assert_eq!(run(&sandbox, &["run", "demo.group.yaml"]).code, Some(0));
    let groups = run(&sandbox, &["list", "--json"]).json();
    assert_eq!(groups["groups"].as_array().unwrap().len(), 2);
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
fn failed_sessions_are_retried_on_request_only() {
    let sandbox = sandbox("  api: { prompt: REFUSED }\n  web: { prompt: Use it, dependsOn: [api] }\n");
    let first = run(&sandbox, &["run", "demo.group.yaml"]);
    assert_eq!(first.code, Some(10), "{}", first.stderr);
    for expected in [
        "FAILED",
        "prompt is too long",
        "session-groups logs demo api",
        "NOT REACHED",
        "needs api",
        "session-groups retry demo",
    ] {
        assert!(first.stderr.contains(expected), "{expected}: {}", first.stderr);
    }
    let again = run(&sandbox, &["run", "demo.group.yaml"]).failed(4);
    assert!(again.contains("`session-groups retry demo` runs failed sessions again"), "{again}");
    let unreachable = run(&sandbox, &["retry", "latest", "web"]).failed(4);
    assert!(unreachable.contains("web needs api: retry that"), "{unreachable}");
    assert!(run(&sandbox, &["stop", "latest"]).failed(5).contains("it is failed"));
    let retried = run(&sandbox, &["retry", "latest", "api", "--fresh"]);
    assert_eq!(retried.code, Some(10), "{}", retried.stderr);
    assert!(retried.stderr.contains("START"), "{}", retried.stderr);
    sandbox.write_plan(TWO);
    let reported = run(&sandbox, &["run", "demo.group.yaml"]);
    assert!(reported.stderr.contains("api: changed in the plan, but have run"), "{}", reported.stderr);
    let changed = run(&sandbox, &["run", "demo.group.yaml", "--rerun", "changed"]);
    assert_eq!(changed.code, Some(0), "{}", changed.stderr);
    assert!(changed.stderr.contains("api: run again"), "{}", changed.stderr);
    assert!(run(&sandbox, &["retry", "latest"]).failed(4).contains("no session of"));
}

#[test]
fn interrupted_sessions_are_run_again_from_the_beginning_on_request() {
    for (which, is_changed) in [("changed", true), ("all", false)] {
        let sandbox = sandbox("  api: { prompt: WORK }\n");
        let child = start(&sandbox, &["run", "demo.group.yaml"]);
        wait_for_work(&sandbox, "api");
        run(&sandbox, &["pause", "latest"]).succeeded();
        assert_eq!(end(child).code, Some(13));
        sandbox.write_plan("  api: { prompt: Add it }\n");
        if !is_changed {
            run(&sandbox, &["set", "latest", "--session", "api", "prompt=Add it"]).succeeded();
        }
        let again = run(&sandbox, &["run", "demo.group.yaml", "--rerun", which]);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert!(again.stderr.contains("api: run again from the beginning"), "{}", again.stderr);
        assert!(again.stderr.contains("START") && !again.stderr.contains("RESUME"), "{}", again.stderr);
        let session = run(&sandbox, &["show", "latest", "--json"]).json()["group"]["sessions"][0].clone();
        assert_eq!((&session["prompt"], &session["cost"]), (&json!("Add it"), &json!(0.35)));
        let conversation = |attempt: usize| session["attempts"][attempt]["claudeSessionId"].clone();
        assert_ne!(conversation(0), conversation(1));
    }
}

#[test]
fn a_session_that_may_still_run_is_not_run_again() {
    let sandbox = sandbox("  api: { prompt: GATE }\n");
    let mut child = start(&sandbox, &["run", "demo.group.yaml"]);
    wait_for_work(&sandbox, "api");
    child.kill().unwrap();
    child.wait().unwrap();
    sandbox.write_plan("  api: { prompt: Add it }\n");
    let plan = run(&sandbox, &["run", "demo.group.yaml", "--rerun", "changed", "--dry-run"]);
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);
    let child = start(&sandbox, &["run", "demo.group.yaml", "--rerun", "changed"]);
    wait_until(|| "the session is adopted", || events(&sandbox).contains("session_adopted"));
    sandbox.write("shop/gate", "");
    let ended = end(child);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("api: not run again, because they may still be running"),
        "{}",
        ended.stderr
    );
    let session = run(&sandbox, &["show", "latest", "--json"]).json()["group"]["sessions"][0].clone();
    assert_eq!(session["prompt"], json!("GATE"));
    assert_eq!(session["attempts"].as_array().unwrap().len(), 1);
}

#[test]
fn an_attempt_with_a_huge_number_is_followed_by_another_one() {
    for (stored, next) in [("4294967295", "4294967296"), ("9007199254740991", "1"), ("1e300", "1")] {
        let sandbox = sandbox("  api: { prompt: REFUSED }\n");
        assert_eq!(run(&sandbox, &["run", "demo.group.yaml"]).code, Some(10));
        let id = run(&sandbox, &["list", "--json"]).json()["groups"][0]["id"].as_str().unwrap().to_owned();
        let path = sandbox.store().join(id).join("meta.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("\"n\": 1,").count(), 1, "{text}");
        std::fs::write(&path, text.replace("\"n\": 1,", &format!("\"n\": {stored},"))).unwrap();
        let retried = run(&sandbox, &["retry", "latest", "--fresh"]);
        let attempts =
            run(&sandbox, &["show", "latest", "--json"]).json()["group"]["sessions"][0]["attempts"].clone();
        assert_eq!(attempts.as_array().unwrap().len(), 2, "{}", retried.stderr);
        assert_eq!(attempts[1]["n"].to_string(), next, "{}", retried.stderr);
        assert!(attempts[1]["uuid"] != attempts[0]["uuid"] && attempts[1]["endedAt"].is_string());
        let logs = run(&sandbox, &["logs", "latest", "api", "--attempt", next]).succeeded();
        assert!(!logs.is_empty());
    }
}

#[test]
fn an_unfinished_group_is_taken_up_with_the_changes_of_its_plan() {
    let sandbox = sandbox(
        "  api: { prompt: Add it }\n  web: { prompt: LOGIN, dependsOn: [api] }\n  old: { prompt: Never, dependsOn: [web] }\n",
    );
    let first = run(&sandbox, &["run", "demo.group.yaml"]);
    assert_eq!(first.code, Some(12), "{}", first.stderr);
    assert!(first.stderr.contains("not logged in"), "{}", first.stderr);
    sandbox.write_plan("  web: { prompt: Use it }\n  new: { prompt: Join, dependsOn: [web] }\n");
    let plan = run(&sandbox, &["plan", "demo.group.yaml"]);
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);
    for expected in ["new: new", "old: removed", "api: no longer in the plan", "web: changed in the plan"] {
        assert!(plan.stderr.contains(expected), "{expected}: {}", plan.stderr);
    }
    let groups =
        |sandbox: &Sandbox| run(sandbox, &["list", "--json"]).json()["groups"].as_array().unwrap().len();
    assert_eq!(groups(&sandbox), 1);
    run(&sandbox, &["run", "demo.group.yaml"]);
    assert_eq!(groups(&sandbox), 1);
    let group = run(&sandbox, &["show", "latest", "--json"]).json()["group"].clone();
    let ids: Vec<_> =
        group["sessions"].as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["web", "new", "api"]);
    assert_eq!(group["sessions"][2]["dropped"], json!(true));
}

#[test]
fn of_several_runs_of_a_plan_at_once_one_runs_it() {
    let sandbox = sandbox("  api: { prompt: WORK }\n");
    let children: Vec<Child> = (0..4).map(|_| start(&sandbox, &["run", "demo.group.yaml"])).collect();
    let children = RefCell::new(children);
    let is_one_left = || {
        let mut children = children.borrow_mut();
        children.iter_mut().filter_map(|child| child.try_wait().unwrap()).count() == 3
    };
    wait_until(|| "all but one end", is_one_left);
    wait_for_work(&sandbox, "api");
    run(&sandbox, &["stop", "latest"]).succeeded();
    let mut codes: Vec<_> = children.into_inner().into_iter().map(|child| end(child).code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(5), Some(5), Some(5), Some(13)]);
    assert_eq!(run(&sandbox, &["list", "--json"]).json()["groups"].as_array().unwrap().len(), 1);
    assert_eq!(events(&sandbox).matches("\"group_session_started\"").count(), 1);
}

#[test]
fn a_plan_whose_group_cannot_be_read_is_not_run_a_second_time() {
    let sandbox = sandbox("  api: { prompt: OK }\n");
    let ended = run(&sandbox, &["run", "demo.group.yaml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let id = run(&sandbox, &["list", "--json"]).json()["groups"][0]["id"].as_str().unwrap().to_owned();
    sandbox.write(&format!("store/{id}/meta.json"), "{");
    let refused = run(&sandbox, &["run", "demo.group.yaml"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("session-groups delete {id}")), "{}", refused.stderr);
    run(&sandbox, &["delete", &id, "--yes"]).succeeded();
    let again = run(&sandbox, &["run", "demo.group.yaml"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
}

#[test]
fn a_damaged_group_that_may_be_that_of_a_plan_is_not_run_a_second_time() {
    for id in ["20260101-000000-demo", "20260101-000000-demo-2", "20260101-000000-demo.bak", "renamed"] {
        let sandbox = sandbox("  api: { prompt: OK }\n");
        sandbox.store_group(id, "{");
        let refused = run(&sandbox, &["run", "demo.group.yaml"]).failed(1);
        let message = format!("cannot tell whether {id} is the unfinished group of this plan");
        assert!(refused.contains(&message), "{id}: {refused}");
        assert!(refused.contains(&format!("session-groups delete {id}")), "{id}: {refused}");
    }
}

#[test]
fn damaged_groups_of_other_plans_do_not_keep_a_plan_from_running() {
    let sandbox = sandbox("  api: { prompt: OK }\n");
    for id in ["20260101-000000-demo2", "20260101-000000-demo-api", "20260101-000000-other"] {
        sandbox.store_group(id, "{");
    }
    let ended = run(&sandbox, &["run", "demo.group.yaml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
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
fn another_process_pauses_and_resumes_a_run() {
    let sandbox = sandbox("  api: { prompt: WORK }\n");
    let child = start(&sandbox, &["run", "demo.group.yaml"]);
    wait_for_work(&sandbox, "api");
    let second = run(&sandbox, &["run", "demo.group.yaml"]).failed(5);
    assert!(second.contains(&child.id().to_string()), "{second}");
    assert!(second.contains("help: `session-groups watch 2") && second.ends_with("` stops it\n"), "{second}");
    let archived = run(&sandbox, &["archive", "latest", "-y"]).failed(5);
    assert!(archived.contains("\nhelp: use `session-groups stop 2"), "{archived}");
    assert!(archived.ends_with("-demo` first\n"), "{archived}");
    assert!(run(&sandbox, &["delete", "latest", "-y"]).failed(5).contains(&child.id().to_string()));
    assert!(run(&sandbox, &["status"]).stdout.contains("running"));
    let watcher = start(&sandbox, &["watch", "latest"]);
    let paused = run(&sandbox, &["pause", "latest", "--reason", "lunch"]).succeeded();
    assert!(paused.starts_with("pause acknowledged"), "{paused}");
    let ended = end(child);
    assert_eq!(ended.code, Some(13), "{}", ended.stderr);
    assert!(ended.stderr.contains("INTERRUPTED"), "{}", ended.stderr);
    let seen = end(watcher);
    assert_eq!(seen.code, Some(13), "{}{}", seen.stdout, seen.stderr);
    assert!(seen.stdout.contains("Summary"), "{}", seen.stdout);
    assert!(run(&sandbox, &["pause", "latest"]).failed(5).contains("it is paused"));
    // The interrupted session is told to go on, which this stand-in does at once.
    let resumed = run(&sandbox, &["resume", "latest"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert!(resumed.stderr.contains("RESUME"), "{}", resumed.stderr);
    assert!(run(&sandbox, &["resume", "latest"]).failed(4).contains("has completed"));
}

#[test]
fn a_stop_of_a_session_pauses_it() {
    let sandbox = sandbox("  api: { prompt: WORK }\n");
    let child = start(&sandbox, &["run", "demo.group.yaml"]);
    wait_for_work(&sandbox, "api");
    let stopped = run(&sandbox, &["stop", "latest", "api"]).succeeded();
    assert!(stopped.starts_with("stop acknowledged "), "{stopped}");
    assert_eq!(end(child).code, Some(13));
    let group = run(&sandbox, &["show", "latest", "--json"]).json()["group"].clone();
    assert_eq!((&group["status"], &group["sessions"][0]["status"]), (&json!("paused"), &json!("paused")));
    let settled = run(&sandbox, &["stop", "latest"]).succeeded();
    assert!(settled.starts_with("stop done ") && settled.ends_with(": the group is failed\n"), "{settled}");
}

#[test]
fn a_stop_from_another_process_fails_the_group() {
    let sandbox = sandbox("  api: { prompt: WORK }\n");
    let child = start(&sandbox, &["run", "demo.group.yaml"]);
    wait_for_work(&sandbox, "api");
    run(&sandbox, &["stop", "latest"]).succeeded();
    assert_eq!(end(child).code, Some(13));
    let group = run(&sandbox, &["show", "latest", "--json"]).json()["group"].clone();
    assert_eq!((&group["status"], &group["cause"]), (&json!("failed"), &json!("stopped")));
}

#[test]
fn signals_pause_the_run_and_name_themselves_in_the_exit_code() {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let sandbox = sandbox("  api: { prompt: WORK }\n");
        let child = start(&sandbox, &["run", "demo.group.yaml"]);
        wait_for_work(&sandbox, "api");
        signal(&child, name);
        let ended = end(child);
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(ended.stderr.contains("PAUSING"), "{}", ended.stderr);
        assert!(events(&sandbox).contains("group_paused"));
    }
}

#[test]
fn a_run_under_nohup_survives_the_end_of_its_terminal() {
    let sandbox = sandbox("  api: { prompt: WORK }\n");
    let mut run = Command::new("nohup");
    let program = command(&sandbox, &["run", "demo.group.yaml"]);
    run.arg(program.get_program()).args(program.get_args()).current_dir(program.get_current_dir().unwrap());
    run.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_work(&sandbox, "api");
    signal(&child, "HUP");
    signal(&child, "INT");
    let ended = end(child);
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
}

#[test]
fn a_run_whose_events_nobody_reads_any_more_goes_on_to_its_end() {
    for (format, session, code) in [
        ("--jsonl", "{ prompt: OK }", 0),
        ("--jsonl", "{ prompt: REFUSED }", 10),
        ("--json", "{ prompt: REFUSED }", 10),
    ] {
        let sandbox = sandbox(&format!("  api: {session}\n"));
        let mut child = start(&sandbox, &["run", "demo.group.yaml", format]);
        drop(child.stdout.take());
        let ended = end(child);
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(!ended.stderr.contains("error:"), "{}", ended.stderr);
        assert!(events(&sandbox).contains("session_"), "{}", ended.stderr);
    }
}

#[test]
fn a_killed_run_leaves_a_group_that_is_taken_up() {
    let sandbox = sandbox("  api: { prompt: WORK }\n");
    let mut child = start(&sandbox, &["run", "demo.group.yaml"]);
    wait_for_work(&sandbox, "api");
    child.kill().unwrap();
    child.wait().unwrap();
    let status = run(&sandbox, &["status"]).succeeded();
    assert!(status.contains("no runner"), "{status}");
    let again = run(&sandbox, &["run", "demo.group.yaml"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(run(&sandbox, &["list", "--json"]).json()["groups"].as_array().unwrap().len(), 1);
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
fn a_missing_claude_is_an_error_that_says_where_it_was_looked_for() {
    let sandbox = sandbox(TWO);
    let error = sandbox.run(&["run", "demo.group.yaml"]);
    assert_eq!(error.code, Some(1));
    assert!(error.stderr.contains("cannot find the program `claude`"), "{}", error.stderr);
}

#[test]
fn sessions_are_added_and_changed_while_the_group_runs() {
    let sandbox = sandbox("  api: { prompt: WORK, budget: 1 }\n");
    let child = start(&sandbox, &["run", "demo.group.yaml"]);
    wait_for_work(&sandbox, "api");
    run(&sandbox, &["add", "latest", "--id", "late", "--project", "shop", "--prompt", "LOGIN"]).succeeded();
    run(&sandbox, &["set", "latest", "--session", "late", "prompt=Join", "project=bin"]).succeeded();
    wait_until(
        || "the added session completes",
        || {
            events(&sandbox)
                .lines()
                .any(|line| line.contains("group_session_completed") && line.contains("\"late\""))
        },
    );
    run(&sandbox, &["stop", "latest"]).succeeded();
    assert_eq!(end(child).code, Some(13));
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
