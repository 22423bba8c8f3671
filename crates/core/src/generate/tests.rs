//! Tests of the configuration of sessions, from hostile input too.

use std::ffi::OsString;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::template::{Template, Values, substitute};
use super::*;
use crate::model::tests::GROUP;
use crate::model::{SessionGroup, from_json};

const NEW: ClaudeVersion = ClaudeVersion::new(2, 1, 332);
const OLD: ClaudeVersion = ClaudeVersion::new(2, 0, 0);

/// A group of one session with this configuration, in a project.
fn group(project: &Path, defaults: &Value, own: &Value) -> SessionGroup {
    let mut group: Value = serde_json::from_str(GROUP).unwrap();
    let mut session = group["sessions"][0].clone();
    session["projectPath"] = json!(project);
    for (place, config) in
        [(&mut session["config"], own), (&mut group["config"]["sessionDefaults"], defaults)]
    {
        if !config.is_null() {
            let mut all = json!({ "generateClaudeMd": true, "generateSettings": true });
            all.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
            *place = all;
        }
    }
    group["sessions"] = json!([session]);
    let without_null = |mut value: Value| {
        value.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        value
    };
    group["config"] = without_null(group["config"].clone());
    group["sessions"][0] = without_null(group["sessions"][0].clone());
    from_json(&group.to_string()).unwrap()
}

fn environment(home: &Path) -> Environment {
    Environment::inherit([("HOME".into(), home.into()), ("TOKEN".into(), "s3cret".into())])
}

fn errors(project: &Path, defaults: &Value, own: &Value) -> Vec<Error> {
    let environment = environment(project);
    let problems = check(&group(project, defaults, own), &Context::new(NEW, &environment), |_| true);
    problems.into_iter().map(|problem| problem.error).collect()
}

fn fields(errors: &[Error]) -> Vec<&str> {
    errors.iter().map(|error| error.field().unwrap_or_default()).collect()
}

fn settings_of(defaults: &Value, own: &Value) -> Value {
    let nowhere = Path::new("/");
    let merged = Effective::of(&group(nowhere, defaults, own), &group(nowhere, defaults, own).sessions[0]);
    merged.settings.map_or(Value::Null, Value::Object)
}

fn arguments(prepared: &Prepared) -> Vec<String> {
    let arguments = prepared.arguments(NO_CONVERSATION, None).unwrap();
    arguments.into_iter().map(|argument: OsString| argument.into_string().unwrap()).collect()
}

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn settings_are_merged_and_permissions_united() {
    let group = json!({ "settingsOverride": {
        "model": "a", "env": { "A": "1", "B": "2" },
        "permissions": { "allow": ["Read"], "deny": ["WebFetch"], "defaultMode": "plan" },
    } });
    let own = json!({ "settingsOverride": {
        "model": null, "env": { "B": null, "C": "3" },
        "permissions": { "allow": ["Edit", "Read"], "defaultMode": null },
    } });
    assert_eq!(
        settings_of(&group, &own),
        json!({
            "env": { "A": "1", "C": "3" },
            "permissions": { "allow": ["Read", "Edit"], "deny": ["WebFetch"] },
        })
    );
    assert_eq!(settings_of(&Value::Null, &own)["env"], json!({ "C": "3" }));
    assert_eq!(settings_of(&json!({}), &json!({})), Value::Null);
}

#[test]
fn a_session_cannot_remove_what_its_group_denies() {
    let group = json!({
        "settingsOverride": { "model": "a", "permissions": { "deny": ["WebFetch"], "allow": ["Read"] } },
        "disallowedTools": ["Bash"],
    });
    for own in [
        json!({ "settingsOverride": { "permissions": null } }),
        json!({ "settingsOverride": { "permissions": { "deny": null } } }),
        json!({ "settingsOverride": { "permissions": { "deny": [] } } }),
        json!({ "generateSettings": false }),
        json!({ "generateSettings": false, "settingsOverride": { "permissions": { "deny": [] } } }),
        json!({ "disallowedTools": [] }),
    ] {
        assert_eq!(settings_of(&group, &own)["permissions"]["deny"], json!(["WebFetch"]), "{own}");
        let group = self::group(Path::new("/"), &group, &own);
        let options = Effective::of(&group, &group.sessions[0]).options(&group, &group.sessions[0]);
        assert_eq!(options.disallowed_tools, ["Bash"], "{own}");
    }
    let without = settings_of(&group, &json!({ "generateSettings": false }));
    assert_eq!(without, json!({ "permissions": { "deny": ["WebFetch"] } }));
    let wrong = json!({ "settingsOverride": { "permissions": { "deny": "none" } } });
    assert_eq!(fields(&errors(Path::new("/"), &group, &wrong)), ["config.settingsOverride.permissions.deny"]);
}

#[test]
fn a_wrong_type_anywhere_in_the_settings_is_found() {
    for (settings, field) in [
        (json!({ "env": "x" }), "env"),
        (json!({ "env": { "A": 5 } }), "env.A"),
        (json!({ "env": { "NODE_OPTIONS": "--inspect" } }), "env.NODE_OPTIONS"),
        (json!({ "env": { "LD_PRELOAD": "x" } }), "env.LD_PRELOAD"),
        (json!({ "permissions": [] }), "permissions"),
        (json!({ "permissions": { "allow": "Read" } }), "permissions.allow"),
        (json!({ "permissions": { "allow": ["Read", 5] } }), "permissions.allow[1]"),
        (json!({ "permissions": { "deny": ["Bash(rm"] } }), "permissions.deny[0]"),
        (json!({ "permissions": { "deny": ["Bash()"] } }), "permissions.deny[0]"),
        (json!({ "permissions": { "deny": [""] } }), "permissions.deny[0]"),
        (json!({ "permissions": { "defaultMode": "all" } }), "permissions.defaultMode"),
        (json!({ "permissions": { "additionalDirectories": [1] } }), "permissions.additionalDirectories[0]"),
        (json!({ "hooks": [] }), "hooks"),
        (
            json!({ "hooks": { "Stop": [{ "hooks": [{ "type": "command" }] }] } }),
            "hooks.Stop[0].hooks[0].command",
        ),
        (json!({ "hooks": { "Stop": [{ "matcher": 1, "hooks": [] }] } }), "hooks.Stop[0].matcher"),
        (json!({ "hooks": { "Stop": [{}] } }), "hooks.Stop[0].hooks"),
        (json!({ "hooks": { "Stop": ["x"] } }), "hooks.Stop[0]"),
        (json!({ "includeCoAuthoredBy": "no" }), "includeCoAuthoredBy"),
        (json!({ "cleanupPeriodDays": "5" }), "cleanupPeriodDays"),
        (json!({ "statusLine": { "type": "command" } }), "statusLine.command"),
        (json!({ "model": 5 }), "model"),
        (json!({ "enabledMcpjsonServers": "x" }), "enabledMcpjsonServers"),
    ] {
        let found = errors(Path::new("/"), &Value::Null, &json!({ "settingsOverride": settings }));
        assert_eq!(fields(&found), [format!("config.settingsOverride.{field}")], "{settings}");
        assert_eq!(found[0].code(), "INVALID_ARGUMENT");
        assert!(found[0].to_string().starts_with("session \"001-a\": "), "{}", found[0]);
    }
    let good = json!({ "settingsOverride": {
        "unknown": { "x": [1, null] }, "env": { "A": "1" }, "includeCoAuthoredBy": false, "sandbox": { "enabled": true },
        "permissions": { "allow": ["Bash(git *)", "mcp__server__tool", "Read(./**)", "WebFetch(domain:x.org)"] },
        "hooks": { "Stop": [{ "hooks": [{ "type": "command", "command": "x", "timeout": 5 }] }] },
    } });
    assert!(errors(Path::new("/"), &Value::Null, &good).is_empty());
}

#[test]
fn mcp_servers_are_checked_without_showing_their_values() {
    for (server, field) in [
        (json!({}), "command"),
        (json!({ "command": "" }), "command"),
        (json!({ "command": ["s3cret"] }), "command"),
        (json!({ "command": "x", "args": "s3cret" }), "args"),
        (json!({ "command": "x", "args": ["a", 1] }), "args[1]"),
        (json!({ "command": "x", "env": { "A": { "from": "s3cret" } } }), "env.A"),
        (json!({ "url": "https://s3cret" }), "type"),
        (json!({ "type": "http" }), "url"),
        (json!({ "type": "http", "url": "s3cret" }), "url"),
        (json!({ "type": "sse", "url": "https://x", "headers": ["s3cret"] }), "headers"),
        (json!({ "type": "carrier pigeon" }), "type"),
        (json!({ "type": 5 }), "type"),
    ] {
        let found = errors(Path::new("/"), &Value::Null, &json!({ "mcpServers": { "x": server } }));
        assert_eq!(fields(&found), [format!("config.mcpServers.x.{field}")], "{server}");
        assert!(!found[0].to_string().contains("s3cret"), "{}", found[0]);
    }
    let good = json!({ "mcpServers": {
        "a": { "command": "node", "args": ["x"], "env": { "A": "${A}" }, "more": 1 },
        "b": { "type": "http", "url": "https://x", "headers": { "Authorization": "Bearer ${T}" } },
    } });
    assert!(errors(Path::new("/"), &Value::Null, &good).is_empty());
}

#[test]
fn all_problems_are_found_before_anything_starts() {
    let home = tempfile::tempdir().unwrap();
    let own = json!({
        "claudeMdTemplate": "none.md",
        "settingsOverride": { "env": 1, "hooks": 1 },
        "mcpServers": { "x": {} },
        "env": { "A": { "from": "MISSING" } },
        "permissionMode": "--continue",
    });
    let mut group = group(home.path(), &Value::Null, &own);
    group.sessions[0].prompt = " \n".to_owned();
    let environment = environment(home.path());
    let problems = check(&group, &Context::new(NEW, &environment), |_| true);
    let codes: Vec<_> = problems.iter().map(|problem| problem.error.code()).collect();
    let expected = [
        "INVALID_STATE",
        "INVALID_TEMPLATE",
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
    ];
    assert_eq!(codes, expected);
    assert!(problems.iter().all(|problem| problem.session.as_deref() == Some("001-a")));
    assert!(check(&group, &Context::new(NEW, &environment), |_| false).is_empty());
}

#[test]
fn an_old_version_is_refused_where_it_lacks_something() {
    let home = tempfile::tempdir().unwrap();
    let environment = environment(home.path());
    let mut group = group(home.path(), &Value::Null, &json!({}));
    let codes = |group: &SessionGroup| -> Vec<_> {
        let problems = check(group, &Context::new(OLD, &environment), |_| true);
        problems.into_iter().map(|problem| (problem.session, problem.error.code())).collect()
    };
    assert_eq!(codes(&group), [(None, "CLAUDE_TOO_OLD")]);
    group.config.on_budget_exceeded = BudgetAction::Warn;
    assert!(codes(&group).is_empty());
    group.sessions[0].max_budget_usd = Some(Usd::clamped(1.0));
    assert_eq!(codes(&group), [(None, "CLAUDE_TOO_OLD")]);
    group.sessions[0].max_budget_usd = None;
    group.config.additional_args = Some(vec!["--plugin-dir".to_owned(), "/p".to_owned()]);
    assert_eq!(codes(&group), [(Some("001-a".to_owned()), "CLAUDE_TOO_OLD")]);
}

#[test]
fn templates_are_looked_up_in_order() {
    let base = tempfile::tempdir().unwrap();
    let (project, home) = (base.path().join("project"), base.path().join("home"));
    std::fs::create_dir_all(&project).unwrap();
    let environment = environment(&home);
    let render = |name: &str| {
        let group = group(&project, &Value::Null, &json!({ "claudeMdTemplate": name }));
        Draft::new(&group, &group.sessions[0], &Context::new(NEW, &environment))
            .map(|draft| draft.instructions)
    };
    let error = render("a.md").err().unwrap();
    for place in ["project/.session-groups/templates/a.md", ".config/session-groups/templates/a.md"] {
        let place = place.replace('/', std::path::MAIN_SEPARATOR_STR);
        assert!(error.to_string().contains(&place), "{error}");
    }
    for (path, text) in [
        (home.join(".config/claude-code-agent/templates/a.md"), "original"),
        (home.join(".config/session-groups/templates/a.md"), "user"),
        (project.join(".session-groups/templates/a.md"), "project"),
    ] {
        put(&path, text);
        assert_eq!(render("a.md").unwrap().as_deref(), Some(text));
    }
    put(&project.join("b.md"), "beside {{project_path}}");
    let expected = format!("beside {}", project.display());
    assert_eq!(render("./b.md").unwrap(), Some(expected.clone()));
    assert_eq!(render(project.join("b.md").to_str().unwrap()).unwrap(), Some(expected));
    for bad in ["../home/.config/session-groups/templates/a.md", "", "a\0b", ".."] {
        assert_eq!(render(bad).err().unwrap().code(), "INVALID_TEMPLATE", "{bad:?}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_not_a_plain_file_is_no_template() {
    let base = tempfile::tempdir().unwrap();
    let project = base.path().join("project");
    let templates = project.join(".session-groups/templates");
    put(&templates.join("large.md"), &"x".repeat(1024 * 1024 + 1));
    std::fs::create_dir(templates.join("directory.md")).unwrap();
    std::fs::write(templates.join("binary.md"), b"a\n\xff").unwrap();
    put(&base.path().join("secret"), "s3cret");
    std::os::unix::fs::symlink(base.path().join("secret"), templates.join("link.md")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(templates.join("pipe.md")).status().unwrap();
    assert!(made.success());
    for (name, reason) in [
        ("large.md", "larger than 1 MiB"),
        ("directory.md", "not a file"),
        ("binary.md", ":2: "),
        ("link.md", "outside of the project"),
        ("pipe.md", "not a file"),
    ] {
        let found = errors(&project, &Value::Null, &json!({ "claudeMdTemplate": name }));
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!((found[0].code(), found[0].path()), ("INVALID_TEMPLATE", Some(&*templates.join(name))));
        assert!(found[0].to_string().contains(reason), "{}", found[0]);
    }
}

#[test]
fn the_error_of_a_template_has_its_place() {
    for (text, line, variable) in [
        ("a\nb {{x}}", 2, "x"),
        ("{{ x-y.z }}", 1, "x-y.z"),
        ("a\n\n{{#if x}}", 3, ""),
        ("a {{", 1, ""),
        ("a {{x\n}}", 1, ""),
        ("{{}}", 1, ""),
        ("---\nvariables:\n  - name: x\n    required: true\n---\n", 3, "x"),
        ("---\nvariables:\n  - name: x\n  - name: x\n---\n", 4, "x"),
        ("---\nvariables:\n  - required: true\n---\n", 3, ""),
        ("---\nvariables:\n  - name: x\n    defualt: y\n---\n", 4, ""),
        ("---\nvariables:\n  - name: x\n    required: maybe\n---\n", 4, ""),
        ("---\nvariables: x\n---\n", 2, ""),
        ("---\nvariables:\n  - x\n---\n", 3, ""),
        ("---\na: [\n---\n", 3, ""),
        ("---\nname: x\n---\n\n{{x}}", 5, "x"),
    ] {
        let flaw = Template::parse(text).and_then(|template| template.render(&Values::new()).map(drop));
        let flaw = flaw.expect_err(text);
        assert_eq!((flaw.line, flaw.variable.as_str()), (line, variable), "{text:?}: {}", flaw.problem);
    }
    let base = tempfile::tempdir().unwrap();
    put(&base.path().join("t.md"), "\n{{who}}");
    let found = errors(base.path(), &Value::Null, &json!({ "claudeMdTemplate": "./t.md" }));
    assert_eq!((found[0].code(), found[0].field()), ("INVALID_TEMPLATE", Some("who")));
    let message = found[0].to_string();
    assert!(message.contains("t.md:2: ") && message.contains("Known are group_id, "), "{message}");
}

#[test]
fn front_matter_declares_variables() {
    let text = "---\r\nvariables:\r\n  - name: a\r\n    default: 5\r\n  - { name: b, required: false, description: x }\r\n\
                extra: { deep: [1, { x: y }] }\r\n---\r\n{{a}}|{{b}}|{{c}}";
    let template = Template::parse(text).unwrap();
    let values = [("c".to_owned(), "3".to_owned())].into();
    assert_eq!(template.render(&values).unwrap(), "5||3");
    // Markdown between two lines.
    let rule = "---\n# Title\n---\n";
    assert_eq!(Template::parse(rule).unwrap().render(&Values::new()).unwrap(), rule);
    for text in ["\\", "a\\\n", "{ {", "}}"] {
        assert_eq!(Template::parse(text).unwrap().render(&Values::new()).unwrap(), text);
    }
    let open = "---\nno end {{x}}";
    assert_eq!(Template::parse(open).unwrap().render(&values).unwrap_err().line, 2);
}

#[test]
fn variables_of_the_configuration_do_not_replace_those_of_the_session() {
    let base = tempfile::tempdir().unwrap();
    put(&base.path().join("t.md"), "{{tone}} {{session_id}} {{model}}");
    let config = |variables: Value| json!({ "claudeMdTemplate": "./t.md", "variables": variables });
    let found = errors(base.path(), &config(json!({ "tone": "x" })), &config(json!({ "model": "x" })));
    assert_eq!(fields(&found), ["config.variables.model"]);
    let group =
        group(base.path(), &config(json!({ "tone": "brief", "x": "" })), &config(json!({ "x": "y" })));
    let environment = environment(base.path());
    let draft = Draft::new(&group, &group.sessions[0], &Context::new(NEW, &environment)).unwrap();
    assert_eq!(draft.instructions.as_deref(), Some("brief 001-a sonnet"));
}

#[test]
fn the_result_of_a_template_is_bounded() {
    let template = Template::parse(&"{{x}}".repeat(1000)).unwrap();
    let values = [("x".to_owned(), "x".repeat(100_000))].into();
    assert!(template.render(&values).unwrap_err().problem.contains("4 MiB"));
}

#[cfg(unix)]
mod written {
    use super::*;
    use crate::runner::process::directory_names;
    use std::os::unix::fs::{MetadataExt, symlink};

    fn config() -> Value {
        json!({
            "claudeMdTemplate": "./t.md",
            "settingsOverride": { "model": "opus" },
            "mcpServers": { "x": { "command": "x" } },
            "env": { "API": { "from": "TOKEN" }, "PLAIN": "1" },
            "permissionMode": "acceptEdits",
            "allowedTools": ["Read"],
            "appendSystemPrompt": "Be brief",
        })
    }

    fn mode(path: &Path) -> u32 {
        path.symlink_metadata().unwrap().mode() & 0o7777
    }

    #[test]
    fn files_are_private_and_replaced_at_each_start() {
        let base = tempfile::tempdir().unwrap();
        put(&base.path().join("project/t.md"), "Work on {{prompt}}");
        let directory =
            SessionDirectory::create(&base.path().join("group"), &directory_names("a", [])).unwrap();
        let environment = environment(base.path());
        let context = Context::new(NEW, &environment);
        let prepare = |own: &Value| {
            let group = group(&base.path().join("project"), &Value::Null, own);
            prepare(&group, &group.sessions[0], &directory, &context).unwrap()
        };
        let prepared = prepare(&config());
        let place = directory.path().join("config");
        let names = ["instructions.md", "settings.json", "mcp.json"];
        for name in names {
            assert_eq!(mode(&place.join(name)), 0o600, "{name}");
        }
        assert_eq!(mode(&place), 0o700);
        let read = |name: &str| std::fs::read_to_string(place.join(name)).unwrap();
        assert_eq!(read("instructions.md"), "Work on Do it");
        assert_eq!(
            serde_json::from_str::<Value>(&read("mcp.json")).unwrap(),
            json!({ "mcpServers": { "x": { "command": "x" } } })
        );
        let line = arguments(&prepared).join("|");
        for (option, name) in [
            ("--append-system-prompt-file", "instructions.md"),
            ("--settings", "settings.json"),
            ("--mcp-config", "mcp.json"),
        ] {
            assert!(line.contains(&format!("{option}|{}", place.join(name).display())), "{line}");
        }
        assert!(line.contains("--permission-mode|acceptEdits|--allowedTools|Read"), "{line}");
        assert!(line.contains("--append-system-prompt=Be brief"), "{line}");
        // The value of `{ from }` is in the environment alone.
        assert_eq!(prepared.environment.get("API").unwrap(), "s3cret");
        assert!(!line.contains("s3cret") && !format!("{prepared:?}").contains("s3cret"));
        assert!(names.iter().all(|name| !read(name).contains("s3cret")));

        // A hostile entry is replaced, not followed.
        put(&base.path().join("precious"), "precious");
        std::fs::remove_file(place.join("settings.json")).unwrap();
        symlink(base.path().join("precious"), place.join("settings.json")).unwrap();
        prepare(&config());
        assert!(place.join("settings.json").symlink_metadata().unwrap().is_file());
        assert_eq!(std::fs::read_to_string(base.path().join("precious")).unwrap(), "precious");

        prepare(&json!({}));
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
    }

    #[test]
    fn nothing_is_written_for_a_session_that_cannot_start() {
        let base = tempfile::tempdir().unwrap();
        let directory =
            SessionDirectory::create(&base.path().join("group"), &directory_names("a", [])).unwrap();
        let environment = environment(base.path());
        let group = group(base.path(), &Value::Null, &config());
        let error =
            prepare(&group, &group.sessions[0], &directory, &Context::new(NEW, &environment)).err().unwrap();
        assert!(error.code() == "INVALID_TEMPLATE" && error.to_string().starts_with("session \"001-a\": "));
        assert!(!directory.path().join("config").exists());
    }

    #[test]
    fn a_link_in_place_of_the_directory_is_not_followed() {
        let base = tempfile::tempdir().unwrap();
        put(&base.path().join("project/t.md"), "x");
        let directory =
            SessionDirectory::create(&base.path().join("group"), &directory_names("a", [])).unwrap();
        let elsewhere = base.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, directory.path().join("config")).unwrap();
        let environment = environment(base.path());
        let group = group(&base.path().join("project"), &Value::Null, &config());
        assert!(prepare(&group, &group.sessions[0], &directory, &Context::new(NEW, &environment)).is_err());
        assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    }

    #[test]
    fn without_files_the_texts_are_arguments() {
        let base = tempfile::tempdir().unwrap();
        put(&base.path().join("t.md"), "Hello");
        let environment = environment(base.path());
        let group = group(base.path(), &Value::Null, &config());
        let prepared = prepare_inline(&group, &group.sessions[0], &Context::new(NEW, &environment)).unwrap();
        let arguments = arguments(&prepared);
        assert!(arguments.contains(&"--append-system-prompt=Hello\n\nBe brief".to_owned()), "{arguments:?}");
        let settings = arguments.iter().position(|argument| argument == "--settings").unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&arguments[settings + 1]).unwrap(),
            json!({ "model": "opus" })
        );
    }
}

/// Any JSON value, of little depth.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-zA-Z(){}*]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let key = prop_oneof![
            "[a-z]{1,3}",
            Just("permissions".to_owned()),
            Just("deny".to_owned()),
            Just("env".to_owned()),
            Just("hooks".to_owned())
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_rendered_or_refused_with_its_place(text in "(\\{\\{|\\}\\}|\\\\|---|\n|[a-c: \\[\\]-]|variables:|name){0,24}") {
        let values: Values = [("a".to_owned(), "{{b}}".to_owned())].into();
        let lines = text.matches('\n').count() + 1;
        let rendered = Template::parse(&text).and_then(|template| template.render(&values));
        if let Err(flaw) = rendered {
            prop_assert!((1..=lines + 1).contains(&flaw.line), "{flaw:?}");
            prop_assert!(!flaw.problem.is_empty());
        }
    }

    #[test]
    fn a_text_without_braces_and_front_matter_stays_as_it_is(text in "[^{\\\\-]{0,64}") {
        let rendered = Template::parse(&text).unwrap().render(&Values::new()).unwrap();
        prop_assert_eq!(&rendered, text.strip_prefix('\u{FEFF}').unwrap_or(&text));
        prop_assert_eq!(substitute(&text, |_| None), text);
    }

    #[test]
    fn a_value_is_never_expanded(value in "[a-z{}\\\\ ]{0,32}") {
        let values: Values = [("x".to_owned(), value.clone()), ("a".to_owned(), "wrong".to_owned())].into();
        let rendered = Template::parse("<{{x}}>").unwrap().render(&values).unwrap();
        prop_assert_eq!(rendered, format!("<{value}>"));
        prop_assert_eq!(substitute("<{{x}}>", |name| values.get(name).cloned()), format!("<{value}>"));
    }

    #[test]
    fn no_settings_remove_what_the_group_denies(base in any_json(), own in any_json(), generates in any::<bool>()) {
        let mut base = base;
        if !base.is_object() {
            base = json!({});
        }
        base["permissions"] = json!({ "deny": ["WebFetch"] });
        let group = json!({ "settingsOverride": base });
        let own = if own.is_object() { own } else { json!({}) };
        let own = json!({ "generateSettings": generates, "settingsOverride": own });
        let merged = settings_of(&group, &own);
        let denied = merged["permissions"]["deny"].as_array().is_some_and(|deny| deny.contains(&json!("WebFetch")));
        // Otherwise the session has something else there, and does not start.
        prop_assert!(denied || !errors(Path::new("/"), &group, &own).is_empty(), "{merged}");
    }
}
