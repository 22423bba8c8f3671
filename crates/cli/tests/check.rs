//! Checks of plan files from the command line.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

mod support;

use serde_json::json;
use support::Sandbox;
use support::stored::store;

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
