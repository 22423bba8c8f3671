//! Plan files: what they become, and the problems that are found in them.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use session_groups::model::time::IsoTime;
use session_groups::model::{GroupId, SessionGroup};
use session_groups::repository::Document;
use session_groups_cli::plan_file::{self, Files, Plan, Problem, Source};

/// A file system with a home, two projects and some prompts.
struct Fake;

impl Files for Fake {
    fn is_directory(&self, path: &Path) -> bool {
        ["/plans", "/home/ada/src/shop", "/plans/web"].iter().any(|known| Path::new(known) == path)
    }

    fn read(&self, path: &Path) -> Result<String, String> {
        match path.to_str() {
            Some("/plans/prompts/client.md") => Ok("Write the ${{ matrix.lang }} client.\n".to_owned()),
            Some("/plans/prompts/blank.md") => Ok(" \n".to_owned()),
            Some("/plans/prompts/faulty.md") => Ok("One\ntwo ${{ matrix.lag }}\n".to_owned()),
            _ => Err("does not exist".to_owned()),
        }
    }

    fn home(&self) -> Option<PathBuf> {
        Some("/home/ada".into())
    }
}

fn compile_file(name: &str, text: &str, vars: &[(&str, &str)]) -> Result<Plan, Vec<Problem>> {
    let path = Path::new("/plans").join(name);
    let source = Source { path: &path, shown: Path::new(name), text };
    let vars: BTreeMap<_, _> =
        vars.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    plan_file::compile(&source, &vars, &Fake)
}

#[track_caller]
fn compile(text: &str) -> Plan {
    compile_file("p.group.yaml", text, &[]).unwrap()
}

/// The problems as they are printed.
#[track_caller]
fn problems(text: &str) -> Vec<String> {
    let problems = compile_file("p.yaml", text, &[]).unwrap_err();
    let shown = |problem: Problem| match &problem.help {
        Some(help) => format!("{} [{help}]", problem.located()),
        None => problem.located(),
    };
    problems.into_iter().map(shown).collect()
}

fn group(plan: &Plan) -> SessionGroup {
    plan.group(GroupId::new("g").unwrap(), "g", &IsoTime::parse("2026-01-15T10:30:00.000Z").unwrap())
}

const PAYMENTS: &str = r#"version: 1
name: payments
budget: { max: 12.50, onExceeded: stop, warnAt: 0.5 }
concurrency: 2
errorThreshold: 3
args: [--verbose]
defaults:
  model: sonnet
  project: ~/src/shop
  permissionMode: acceptEdits
  allowedTools: [Read, Edit, "Bash(cargo test:*)"]
  timeout: 45m
sessions:
  api:
    prompt: Add idempotency keys to POST /payments.
    model: opus
    budget: 5
    maxTurns: 30
    retries: 0
    env: { A: b, TOKEN: { from: SHOP_TOKEN } }
    settings: { permissions: { deny: [WebFetch] }, cleanupPeriodDays: 30 }
  client-${{ matrix.lang }}:
    matrix: { lang: [ts, python] }
    dependsOn: [api]
    promptFile: prompts/client.md
    with: { lang: "${{ matrix.lang }}" }
    project: ./web
    timeout: 1h
  report:
    dependsOn: ["client-*"]
    allowFailure: true
    prompt: Write CHANGES.md.
"#;

#[test]
fn a_plan_becomes_a_group_that_can_be_stored() {
    let group = group(&compile(PAYMENTS));
    let stored = Document::from_group(&group).unwrap();
    insta::assert_snapshot!("payments", session_groups::json::pretty(stored.text()));
}

#[test]
fn json_of_the_same_shape_is_the_same_plan() {
    let text = r#"{
      "version": 1, "defaults": { "project": "~/src/shop", "stallTimeout": "10m" },
      "sessions": { "a-${{ matrix.n }}": { "matrix": { "n": [1, 2] }, "maxTurns": "${{ matrix.n }}", "prompt": "Say \ud83d\ude00\/" } }
    }"#;
    let json = compile_file("demo.json", text, &[]).unwrap();
    assert_eq!(json.name, "demo");
    let ids: Vec<_> = json.sessions.iter().map(|session| session.id.as_str()).collect();
    assert_eq!(ids, ["a-1", "a-2"]);
    assert_eq!(json.sessions[1].max_turns.unwrap().get(), 2);
    assert_eq!(json.sessions[0].prompt, "Say 😀/");
    let yaml = "version: 1\ndefaults: { project: ~/src/shop, stallTimeout: 10m }\nsessions:\n  a-${{ matrix.n }}:\n    matrix: { n: [1, 2] }\n    maxTurns: ${{ matrix.n }}\n    prompt: Say 😀/\n";
    let yaml = compile_file("demo.group.yaml", yaml, &[]).unwrap();
    assert_eq!((&yaml.name, &yaml.sessions, &yaml.config), (&json.name, &json.sessions, &json.config));
}

#[test]
fn the_group_is_named_after_the_file_unless_it_has_a_name() {
    let text = "version: 1\nsessions: { a: { prompt: p, project: . } }\n";
    for (file, name) in
        [("pay.group.yaml", "pay"), ("pay.yml", "pay"), ("pay", "pay"), ("支付.group.yaml", "支付")]
    {
        assert_eq!(compile_file(file, text, &[]).unwrap().name, name);
    }
}

#[test]
fn variables_are_replaced_and_kept_with_the_group() {
    let text = "version: 1\nname: on ${{ vars.branch }}\nbudget: { max: \"${{ vars.usd }}\" }\nsessions:\n  a: { prompt: 'use \\${{ x }} on ${{ vars.branch }}', project: . }\n";
    let plan = compile_file("p.yaml", text, &[("branch", "main"), ("usd", "2.5")]).unwrap();
    assert_eq!((plan.name.as_str(), plan.config.max_budget_usd.get()), ("on main", 2.5));
    assert_eq!(plan.sessions[0].prompt, "use ${{ x }} on main");
    assert_eq!(plan.source.vars["branch"], "main");
    assert_eq!(plan.source.path, "/plans/p.yaml");
}

#[test]
fn a_matrix_repeats_a_session_for_each_combination() {
    let text = "version: 1\ndefaults: { project: ., prompt: p }\nsessions:\n  ${{ matrix.a }}-${{ matrix.b }}:\n    matrix: { a: [x, y], b: [1, true] }\n  last: { dependsOn: [\"?-1\", x-true, \"x-*\"] }\n";
    let plan = compile(text);
    let ids: Vec<_> = plan.sessions.iter().map(|session| session.id.as_str()).collect();
    assert_eq!(ids, ["x-1", "x-true", "y-1", "y-true", "last"]);
    assert_eq!(plan.sessions[4].depends_on, ["x-1", "y-1", "x-true"]);
}

#[test]
fn all_problems_are_reported_at_once_with_their_places() {
    let text = r#"version: 2
nam: payments
budget: { max: -1, onExceeded: pauze, warnAt: 2 }
concurrency: 2.5
pauseOnError: yes
defaults:
  timeout: 45
sessions:
  api:
    prompt: " "
    depend_on: [web]
    maxTurns: many
    allowedTools: Read
    env: { A: 1, B: { form: X } }
  api: 5
  b: &x
    stallTimeout: 5 minutes
    settings: [a]
    with: { n: 3 }
    mcpServers: { x: { n: .inf } }
    matrix: { os: [] }
    prompt: !!str 5
  c: *x
"#;
    insta::assert_snapshot!("all_problems", problems(text).join("\n"));
}

#[test]
fn sessions_are_checked_against_each_other_and_the_files() {
    let text = r#"version: 1
defaults: { project: ~/src/shop }
sessions:
  api: { prompt: p, dependsOn: [apj, "z*", report] }
  web: { prompt: p, project: nowhere }
  none: {}
  both: { prompt: p, promptFile: prompts/client.md }
  missing: { promptFile: prompts/x.md }
  blank: { promptFile: prompts/blank.md }
  faulty-${{ matrix.lang }}: { matrix: { lang: [ts] }, promptFile: prompts/faulty.md }
  " spaces ": { prompt: p }
  star*: { prompt: p }
  expression-${{ matrix.os }}: { prompt: p }
  variable: { prompt: "${{ vars.branch }}" }
  number: { prompt: p, maxTurns: "${{ vars.n }}" }
"#;
    insta::assert_snapshot!("files_and_ids", problems(text).join("\n"));
}

#[test]
fn unknown_dependencies_repeated_ids_and_circles_are_found() {
    let text = r#"version: 1
defaults: { project: ~/src/shop, prompt: p }
sessions:
  api: { dependsOn: [apj, "z*", report] }
  report: { dependsOn: [api] }
  self: { dependsOn: [self] }
  same: { matrix: { n: [1, 2] } }
  x-${{ matrix.n }}: { matrix: { n: [1] } }
  x-1: {}
"#;
    insta::assert_snapshot!("dependencies", problems(text).join("\n"));
}

#[test]
fn what_is_no_yaml_is_reported_where_it_begins() {
    for (text, expected) in [
        ("version: 1\n  name: x\n", "p.yaml:2:"),
        ("a: [1, 2\nb: }", "p.yaml:2:"),
        ("\"unclosed", "p.yaml:"),
        ("a: \u{1}", "p.yaml:1:4: the character U+0001 is not allowed in YAML"),
        ("a: 1\n---\nb: 2\n", "p.yaml:2:1: a plan file is one YAML document"),
        ("", "p.yaml:1:1: the file is empty"),
        ("# only a comment\n", "p.yaml:1:1: the file is empty"),
        ("- a\n", "p.yaml:1:1: a plan file must be a map; got a list"),
        ("? [a]\n: b\n", "p.yaml:1:3: a key must be text"),
    ] {
        let found = problems(text);
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{text:?}: {found:?}");
    }
    let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
    assert!(problems(&deep)[0].contains("nested deeper than 100 levels"));
    let json = compile_file("p.json", "{ \"version\": 1, }", &[]).unwrap_err();
    assert!(json[0].located().starts_with("p.json:1:17: this is not JSON: key must be a string"), "{json:?}");
}

#[test]
fn frequent_mistakes_have_a_remedy() {
    let session = |lines: &str| format!("version: 1\nsessions:\n  a:\n    project: .\n    {lines}\n");
    for (text, expected) in [
        (
            session("prompt: Fix: this"),
            "put text that contains `: ` in quotes, and indent all keys of a map alike",
        ),
        (session("prompt: `x` is wrong"), "put text that begins with this character in quotes"),
        (session("prompt: *.ts"), "put text that begins with `*` in quotes"),
        (session("prompt: \"x\" is wrong"), "put the whole text in quotes, or write it below a `|`"),
        (session("prompt: [x] is wrong"), "put the whole text in quotes, and indent all keys of a map alike"),
        (
            session("env: { A: ${{ vars.x }} }"),
            "put text that contains any of `,[]{}` in quotes, and close each bracket",
        ),
        (session("\tprompt: x"), "indent with spaces"),
        (session("prompt: x\n    budget: { max: 3 }"), "write the number alone"),
        ("version: 1\nbudget: 3\nsessions: {}\n".to_owned(), "write it as { max: 3 }"),
        ("version: 1\nsessions:\n  - a\n".to_owned(), "write `KEY: VALUE` lines without dashes"),
        ("sessions: {}\n".to_owned(), "add `version: 1`"),
        ("version: 1\ndefaults: { matrix: {} }\nsessions: {}\n".to_owned(), "only a session has a matrix"),
    ] {
        let found = problems(&text);
        assert!(
            found.iter().any(|problem| problem.ends_with(&format!(" [{expected}]"))),
            "{text:?}: {found:?}"
        );
    }
}

#[test]
fn a_misspelt_key_is_not_followed_by_problems_that_it_causes() {
    let text = "version: 1\ndefaults: { projekt: . }\nsessions: { a: { promt: x }, b: { prompt: y } }\n";
    assert_eq!(
        problems(text),
        [
            "p.yaml:2:13: unknown key \"projekt\" [did you mean \"project\"?]",
            "p.yaml:3:18: unknown key \"promt\" [did you mean \"prompt\"?]",
        ]
    );
}

#[test]
fn a_mistake_hides_no_other() {
    let text = r#"version: 1
concurrency: ${{ vars.n }}
errorThreshold: 0
defaults: { timeout: 45, model: "${{ vars.model }}" }
sessions:
  a: { prompt: p, project: nowhere, maxTurns: many, dependsOn: [bb] }
  b: { promptFile: gone.md, project: ., timeout: "${{ vars.t }}", dependsOn: [a] }
  c: { project: ., colour: red, retries: "${{ vars.r }}" }
  d: { project: . }
  e: { prompt: [], dependsOn: [d, f] }
  f: { prompt: p, project: ., budget: 0, dependsOn: [e] }
  g: nothing
"#;
    let duration = "write whole numbers with units, largest first, e.g. 90s, 45m or 1h30m";
    let keys = "use one of matrix, project, prompt, promptFile, model, dependsOn, template, with, budget, maxTurns, timeout, stallTimeout, retries, allowFailure, permissionMode, allowedTools, disallowedTools, appendSystemPrompt, mcpServers, env, settings";
    let expected = [
        "2:14: the variable \"n\" has no value [pass it with -V n=VALUE]",
        "3:17: errorThreshold must be a whole number of 1 or more; got 0",
        &format!("4:22: defaults.timeout must be a duration; got 45 [{duration}]"),
        "4:33: the variable \"model\" has no value [pass it with -V model=VALUE]",
        "6:28: the project /plans/nowhere is not a directory [create it, or correct the path]",
        "6:47: sessions.a.maxTurns must be a whole number of 1 or more; got \"many\"",
        "6:65: unknown session \"bb\" in dependsOn [did you mean \"b\"?]",
        "7:20: the prompt file /plans/gone.md does not exist",
        "7:50: the variable \"t\" has no value [pass it with -V t=VALUE]",
        &format!("8:20: unknown key \"colour\" [{keys}]"),
        "8:42: the variable \"r\" has no value [pass it with -V r=VALUE]",
        "9:3: session \"d\" has no prompt [add prompt or promptFile]",
        "10:3: session \"e\" has no project [add `project: .` to the session or to defaults for the directory of this file]",
        "10:16: sessions.e.prompt must be text; got a list",
        "10:20: sessions depend on each other in a circle: e -> f -> e [remove one of these dependencies]",
        "11:39: sessions.f.budget must be a number greater than 0; got 0",
        "12:6: sessions.g must be a map; got \"nothing\"",
    ];
    assert_eq!(problems(text), expected.map(|problem| format!("p.yaml:{problem}")));
}

#[test]
fn dependencies_are_checked_once_it_is_known_which_sessions_there_are() {
    let text = |key: &str| {
        format!(
            "version: 1\ndefaults: {{ project: ., prompt: p }}\nsessions:\n  a: {{ dependsOn: [b] }}\n  {key}\n"
        )
    };
    for (key, expected) in [
        ("b*: {}", "p.yaml:5:3: the session id \"b*\" contains '*'"),
        ("\"${{ vars.b }}\": {}", "p.yaml:5:3: the variable \"b\" has no value"),
        (
            "\"${{ matrix.x }}\": { matrix: { x: [] } }",
            "p.yaml:5:37: sessions.${{ matrix.x }}.matrix.x must not be empty",
        ),
    ] {
        let found = problems(&text(key));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    }
}

#[test]
fn limits_of_zero_are_refused() {
    let text = r"version: 1
budget: { max: 0 }
defaults: { project: ., prompt: p, stallTimeout: 0s }
sessions:
  a: { timeout: 0h0m, budget: 0.0, retries: 0 }
  b: { timeout: 0 }
";
    let expected = [
        "p.yaml:2:16: budget.max must be a number greater than 0; got 0",
        "p.yaml:3:50: defaults.stallTimeout must be longer than 0; got \"0s\"",
        "p.yaml:5:17: sessions.a.timeout must be longer than 0; got \"0h0m\"",
        "p.yaml:5:31: sessions.a.budget must be a number greater than 0; got 0.0",
        "p.yaml:6:17: sessions.b.timeout must be a duration; got 0 [write whole numbers with units, largest first, e.g. 90s, 45m or 1h30m]",
    ];
    assert_eq!(problems(text), expected);
    let text = "version: 1\nsessions:\n  a-${{ matrix.t }}: { matrix: { t: [1m, 0m] }, project: ., prompt: p, timeout: '${{ matrix.t }}' }\n";
    assert_eq!(problems(text), ["p.yaml:3:81: sessions.a-0m.timeout must be longer than 0; got \"0m\""]);
}

#[test]
fn yaml_is_read_by_version_1_2() {
    let text =
        "version: 1\nsessions:\n  a: { prompt: no, model: on, project: ., env: { A: 'yes', B: 012 } }\n";
    assert_eq!(problems(text), ["p.yaml:3:63: sessions.a.env.B must be text; got 012 [put it in quotes]"]);
    let plan = compile("version: 1\nsessions:\n  a: { prompt: no, model: on, project: . }\n");
    assert_eq!((plan.sessions[0].prompt.as_str(), plan.sessions[0].model.as_deref()), ("no", Some("on")));
}

#[test]
fn too_many_sessions_are_refused_before_any_is_made() {
    let values: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    let values = values.join(", ");
    let text = format!(
        "version: 1\nsessions:\n  a: {{ prompt: p, project: ., matrix: {{ a: [{values}], b: [{values}], c: [{values}] }} }}\n"
    );
    let found = problems(&text);
    assert!(found.len() == 1 && found[0].contains("at most 10000 sessions"), "{found:?}");
}

#[test]
fn ten_thousand_sessions_that_depend_on_each_other_are_compiled() {
    let values: Vec<String> = (0..4_999).map(|number| number.to_string()).collect();
    let values = values.join(", ");
    let text = format!(
        "version: 1\ndefaults: {{ project: ., prompt: p }}\nsessions:\n  a-${{{{ matrix.n }}}}: {{ matrix: {{ n: [{values}] }} }}\n  middle: {{ dependsOn: [\"a-*\"] }}\n  b-${{{{ matrix.n }}}}: {{ matrix: {{ n: [{values}] }}, dependsOn: [middle] }}\n"
    );
    assert_eq!(compile(&text).sessions.len(), 9_999);
    let many = text.replace("[middle]", "[\"a-*\"]");
    assert!(problems(&many)[0].contains("more than 1000000 dependencies"));
}

#[test]
fn independent_sessions_in_one_directory_are_worth_a_warning() {
    let text = |more: &str| {
        format!(
            "version: 1\n{more}defaults: {{ project: ., prompt: p }}\nsessions:\n  a: {{}}\n  b: {{ dependsOn: [a] }}\n  c: {{ dependsOn: [b] }}\n"
        )
    };
    assert!(compile(&text("")).warnings.is_empty());
    let parallel = text("").replace("[b]", "[a]");
    let warnings = compile(&parallel).warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].message.contains("sessions \"b\" and \"c\" can run at the same time in /plans"));
    assert!(compile(&text("exclusiveDirectories: true\n").replace("[b]", "[a]")).warnings.is_empty());
}

#[test]
fn a_prompt_of_a_session_replaces_the_prompt_file_of_the_defaults() {
    let text =
        "version: 1\ndefaults: { project: ., promptFile: prompts/x.md }\nsessions: { a: { prompt: own } }\n";
    assert_eq!(compile(text).sessions[0].prompt, "own");
}

#[test]
fn settings_of_the_defaults_hold_for_sessions_with_a_configuration_of_their_own() {
    let text = "version: 1\ndefaults: { project: ., prompt: p, settings: { a: 1 } }\nsessions: { a: { env: { X: y } }, b: {} }\n";
    let group = group(&compile(text));
    assert!(group.config.session_defaults.unwrap().generate_settings);
    assert!(group.sessions[0].config.as_ref().unwrap().generate_settings);
    assert!(group.sessions[1].config.is_none());
}
