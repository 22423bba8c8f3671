//! Plans and groups that are run again.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failing test panics")]

mod support;

use std::cell::RefCell;
use std::process::Child;

use serde_json::json;
use support::runs::{TWO, end, events, run, sandbox, start, wait_for_work};
use support::{Sandbox, wait_until};

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
