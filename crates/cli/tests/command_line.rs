//! The command line itself: its help, its version and its options.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

mod support;

use serde_json::json;
use support::Sandbox;
use support::stored::store;

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
