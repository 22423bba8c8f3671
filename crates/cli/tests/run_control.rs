//! Running groups, controlled by signals and by other processes.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failing test panics")]

mod support;

use std::process::{Command, Stdio};

use serde_json::json;
use support::runs::{command, end, events, run, sandbox, signal, start, wait_for_work};
use support::wait_until;

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
