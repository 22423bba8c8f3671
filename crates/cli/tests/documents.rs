//! The pages about the command line: their help is the program's, and the program accepts their plans.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failing test panics")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use session_groups_cli::plan_file::schema;
use support::Sandbox;

fn page_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn page(name: &str) -> String {
    std::fs::read_to_string(page_path(name)).unwrap()
}

/// The blocks of code of a page: the words after the backticks, and the code.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let parts: Vec<_> = page.split("```").collect();
    parts.iter().skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect()
}

/// A directory with everything that the plans of the pages name.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.install_claude();
    for directory in ["api", "clients/ts", "clients/python", "docs", "web"] {
        std::fs::create_dir_all(sandbox.path().join(directory)).unwrap();
    }
    sandbox.write("prompts/web.md", "Use the new endpoint.\n");
    sandbox.write("shop/templates/reviewer.md", "---\nvariables: [{ name: tone }]\n---\nBe {{tone}}.\n");
    sandbox
}

/// The short help of a command, without the options that all commands have.
fn help(command: &str) -> String {
    let help = Sandbox::new().run(&[command, "-h"]).succeeded();
    let (own, rest) = help.split_once("Global options:\n").unwrap();
    let (_, example) = rest.split_once("\n\n").unwrap();
    format!("{own}{}\n", example.trim_end())
}

/// The names of all commands.
fn commands() -> Vec<String> {
    let help = Sandbox::new().run(&["-h"]).succeeded();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_page_of_the_commands_shows_the_help_of_each() {
    let text = page("docs/cli.md");
    let mut expected = String::new();
    let mut sections = text.split("\n### `");
    expected += sections.next().unwrap();
    let mut names = Vec::new();
    for section in sections {
        let (name, rest) = section.split_once("`\n").unwrap();
        let (before, block) = rest.split_once("```text\n").unwrap();
        let (_, after) = block.split_once("```").unwrap();
        write!(expected, "\n### `{name}`\n{before}```text\n{}```{after}", help(name)).unwrap();
        names.push(name);
    }
    assert_eq!(names, commands());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(page_path("docs/cli.md"), &expected).unwrap();
    }
    assert!(text == expected, "docs/cli.md shows another help: set UPDATE_DOCS=1 to write it");
}

#[test]
fn the_page_of_plan_files_explains_each_key() {
    fn keys(schema: &Value, found: &mut BTreeSet<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            found.insert(name.clone());
            // The row of `env` explains its values.
            if name != "env" {
                keys(property, found);
            }
        }
        let inner = &schema["additionalProperties"];
        if inner.is_object() {
            keys(inner, found);
        }
    }
    let mut expected = BTreeSet::new();
    let schema = schema();
    keys(&schema, &mut expected);
    assert!(expected.contains("stallTimeout") && expected.contains("onExceeded"), "{expected:?}");
    let text = page("docs/plan-files.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let explained: BTreeSet<_> = rows.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(explained, expected);
}

#[test]
fn the_plans_of_the_pages_are_accepted() {
    let sandbox = sandbox();
    let path = sandbox.search_path();
    for name in ["README.md", "docs/plan-files.md", "docs/from-scripts.md"] {
        let text = page(name);
        let plans = blocks(&text).into_iter().filter(|(_, code)| code.starts_with("version: 1\n"));
        let mut count = 0;
        for (kind, plan) in plans.filter(|(kind, _)| *kind != "yaml error") {
            sandbox.write("shop.group.yaml", plan);
            let mut arguments = vec!["check", "shop.group.yaml"];
            if let Some(variable) = kind.strip_prefix("yaml vars ") {
                arguments.extend(["-V", variable]);
            }
            let checked =
                sandbox.finish(sandbox.command(&arguments).env("PATH", &path).env("NPM_TOKEN", "secret"));
            assert_eq!(checked.code, Some(0), "{name}: {plan}\n{}", checked.stderr);
            assert!(!checked.stderr.contains("error"), "{name}: {plan}\n{}", checked.stderr);
            count += 1;
        }
        assert!(count > 0, "{name}");
    }
}

#[test]
fn the_page_of_plan_files_shows_the_errors_of_a_plan() {
    let sandbox = sandbox();
    let text = page("docs/plan-files.md");
    let blocks = blocks(&text);
    let at = blocks.iter().position(|(kind, _)| *kind == "yaml error").unwrap();
    sandbox.write("shop.group.yaml", blocks[at].1);
    let error = sandbox.run(&["check", "shop.group.yaml"]).failed(2);
    assert_eq!(error, blocks[at + 1].1);
}
