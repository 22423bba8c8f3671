//! Facts about the real program that the design rests on. A new version that differs in one of them is seen here.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use session_groups::claude::command::{CommandOptions, Conversation};
use session_groups::claude::input;
use session_groups::model::SessionStatus;
use session_groups::model::number::Usd;
use session_groups::runner::process::{Look, Processes};
use uuid::Uuid;

use crate::real::{ENDLESS, Real, command, cost, endless_tool, marked, options, when_a_tool_runs};
use crate::support::{Attempt, PATIENCE, drive};

fn wait_until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it never happened");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Words after `arg64:` in a prompt.
fn argument(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = "arg64:".to_owned();
    for chunk in text.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) as usize & 63;
            encoded.push(if digit <= chunk.len() { DIGITS[value] as char } else { '=' });
        }
    }
    encoded
}

/// Tools have sessions of their own, bear the mark, outlive a killed program, and do not hold its lock.
fn tools(version: &str) {
    let Some(real) = Real::new(version) else { return };
    let mut first = Processes::new(options()).unwrap();
    let prompt = format!("Do. scenario:cmdlong {ENDLESS}");
    let mut attempts = vec![real.start(&mut first, "killed", &prompt)];
    drive(&mut first, &mut attempts, |_, _| {}, |attempt| endless_tool(attempt).is_some());
    let attempt = &attempts[0];
    let pid = i32::try_from(attempt.identity.as_ref().unwrap().pid.get()).unwrap();
    drop(first);
    let kill = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    assert!(kill.unwrap().success());
    wait_until(|| matches!(attempt.look(&real.world, attempt.identity.as_ref()), Look::Gone(Some(_))));
    let tool = endless_tool(attempt).expect("the tool outlives the program");
    assert!(tool.group != pid, "the tool is in the group of the program");
    let mut second = Processes::new(options()).unwrap();
    second.sweep(attempts[0].mark);
    drive(&mut second, &mut attempts, |_, _| {}, |attempt| attempt.swept.is_some());
    assert!(marked(&attempts[0]).is_empty(), "{} lives", tool.pid);
}

/// A resumed conversation: what the model learns of a tool that was cut off, what counts towards the cost and the cap, and
/// which instructions it gets.
fn resumptions(version: &str) {
    let Some(real) = Real::new(version) else { return };
    let mut processes = Processes::new(options()).unwrap();
    let prompt = format!("Do. scenario:cmdlong {ENDLESS}");
    let mut killed = vec![real.start(&mut processes, "killed", &prompt)];
    let kill = |processes: &mut Processes, attempt: &Attempt| {
        // The program stores the call while it runs, perhaps a little later.
        wait_until(|| real.has_stored(r#""type":"tool_use""#));
        processes.kill(attempt.mark);
    };
    real.finish(&mut processes, &mut killed, when_a_tool_runs(kill));
    let mut resumed =
        vec![real.resume(&mut processes, &killed[0], "resumed", "Go on after a kill. now:simple")];
    real.finish(&mut processes, &mut resumed, |_, _| {});
    assert_eq!(resumed[0].status(), SessionStatus::Completed);
    assert!(cost(&resumed[0]) >= cost(&killed[0]), "the cost fell");
    let asked = real.last_request("Go on after a kill.");
    let messages = asked["messages"].to_string();
    // Older versions drop the call: the prompt of the resumption has to say what happened.
    let is_told = messages.contains("Tool call interrupted");
    assert_eq!(is_told, real.is_at_least(1, 330), "{version}");

    let instructed = |conversation, text: &str| CommandOptions {
        append_system_prompt: Some(text.to_owned()),
        ..command(conversation)
    };
    let id = Uuid::new_v4();
    for (name, conversation, text) in [
        ("first", Conversation::Fresh(id), "The word is apple."),
        ("second", Conversation::Resume(id), "The word is banana."),
    ] {
        let options = instructed(conversation, text);
        let uuid = if name == "first" { id } else { Uuid::new_v4() };
        let prompt = format!("Be the {name} one. scenario:simple");
        let mut attempts = vec![real.start_with(&mut processes, name, &prompt, &options, uuid)];
        real.finish(&mut processes, &mut attempts, |_, _| {});
    }
    let system = real.last_request("Be the second one.")["system"].to_string();
    // So instructions belong to the session, not to the attempt.
    let keeps_the_first = real.is_at_least(1, 276);
    assert_eq!(
        (system.contains("apple"), system.contains("banana")),
        (keeps_the_first, !keeps_the_first),
        "{version}"
    );
    if real.is_at_least(1, 109) {
        caps_of_resumptions(&real);
    }
}

fn caps_of_resumptions(real: &Real) {
    let mut processes = Processes::new(options()).unwrap();
    let id = Uuid::new_v4();
    let mut spent = Vec::new();
    for (name, conversation) in [("capped", Conversation::Fresh(id)), ("again", Conversation::Resume(id))] {
        let capped = CommandOptions { max_budget_usd: Some(Usd::clamped(0.01)), ..command(conversation) };
        let uuid = if name == "capped" { id } else { Uuid::new_v4() };
        let prompt = "Please do the work. now:long";
        let mut attempts = vec![real.start_with(&mut processes, name, prompt, &capped, uuid)];
        real.finish(&mut processes, &mut attempts, |_, _| {});
        assert_eq!(real.results(&attempts[0])[0]["subtype"], "error_max_budget_usd", "{name}");
        spent.push(real.count_requests("now:long"));
    }
    // It counts what this process spends: the second one may spend as much as the first.
    assert_eq!(spent[1], 2 * spent[0]);
}

/// Settings, hooks and servers, which are given by files outside the project.
fn extensions(version: &str) {
    let Some(real) = Real::new(version) else { return };
    let mut processes = Processes::new(options()).unwrap();
    let base = &real.world.base;
    let write = |name: &str, content: &Value| -> PathBuf {
        let path = base.join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path
    };
    let hooks = |file: &str| {
        let command = format!("env > {}; ps -o pgid= -p $$ >> {0}", base.join(file).display());
        json!({ "PreToolUse": [{ "matcher": "Bash", "hooks": [{ "type": "command", "command": command }] }] })
    };
    let right = write("right.json", &json!({ "env": { "FROM_SETTINGS": "1" }, "hooks": hooks("right") }));
    let wrong = write("wrong.json", &json!({ "env": "no object", "hooks": hooks("wrong") }));
    let probe = concat!(env!("CARGO_MANIFEST_DIR"), "/../../__test__/runner/mcp-probe.mjs");
    let server = json!({ "command": "node", "args": [probe, base.join("server")] });
    let servers = write("mcp.json", &json!({ "mcpServers": { "probe": server } }));

    let uuids = [(); 3].map(|()| Uuid::new_v4());
    let settings = |uuid, path| CommandOptions { settings: Some(path), ..command(Conversation::Fresh(uuid)) };
    let mcp = CommandOptions {
        mcp_config: Some(servers),
        allowed_tools: vec!["mcp__probe__ping".to_owned()],
        ..command(Conversation::Fresh(uuids[2]))
    };
    let mut attempts = vec![
        real.start_with(&mut processes, "right", "Do. scenario:tools", &settings(uuids[0], right), uuids[0]),
        real.start_with(&mut processes, "wrong", "Do. scenario:tools", &settings(uuids[1], wrong), uuids[1]),
        real.start_with(&mut processes, "server", "Do. scenario:mcp", &mcp, uuids[2]),
    ];
    let mut groups = Vec::new();
    real.finish(&mut processes, &mut attempts, |_, attempt| {
        if attempt.behaviour == "server" {
            groups.extend(marked(attempt).into_iter().filter(|row| row.command.contains("mcp-probe")));
        }
    });
    for attempt in &attempts {
        assert_eq!(attempt.status(), SessionStatus::Completed, "{version}: {}", attempt.behaviour);
    }
    let seen = std::fs::read_to_string(base.join("right")).expect("the hook ran");
    let mark = attempts[0].mark.variable();
    for line in ["FROM_SETTINGS=1", "SESSION_GROUPS_SESSION=group/session", &format!("{mark}=1")] {
        assert!(seen.lines().any(|seen| seen == line), "{version}: no {line} in a hook");
    }
    let pid = |attempt: &Attempt| i32::try_from(attempt.identity.as_ref().unwrap().pid.get()).unwrap();
    let hook_group: i32 = seen.lines().last().unwrap().trim().parse().unwrap();
    assert_eq!(hook_group != pid(&attempts[0]), real.is_at_least(1, 276), "{version}: the group of a hook");
    // One wrong type, and the whole file is dropped without a word. So it is checked before the start.
    assert!(!base.join("wrong").exists(), "{version}: wrong settings were used");
    assert!(attempts[1].ended.as_ref().unwrap().errors.is_empty());
    // Servers end with the group of the program.
    assert!(!groups.is_empty() && groups.iter().all(|row| row.group == pid(&attempts[2])), "{version}");
    assert!(real.output(&attempts[2]).contains("pong hi"), "{version}");
}

/// Sub-agents, denied tools, limits of turns.
fn turns(version: &str) {
    let Some(real) = Real::new(version) else { return };
    let mut processes = Processes::new(options()).unwrap();
    let id = [(); 2].map(|()| Uuid::new_v4());
    let forbidden = CommandOptions { allowed_tools: Vec::new(), ..command(Conversation::Fresh(id[0])) };
    let few = CommandOptions { max_turns: Some(2), ..command(Conversation::Fresh(id[1])) };
    let touch = argument(&format!("touch {}", real.world.base.join("touched").display()));
    let mut attempts = vec![
        real.start(&mut processes, "agent", "Do. scenario:subagent"),
        real.start_with(&mut processes, "denied", &format!("Do. scenario:cmd {touch}"), &forbidden, id[0]),
        real.start_with(&mut processes, "few", "Please do the work. scenario:long", &few, id[1]),
    ];
    real.finish(&mut processes, &mut attempts, |_, _| {});
    let [agent, denied, few] = &attempts[..] else { unreachable!() };
    assert_eq!(agent.status(), SessionStatus::Completed);
    // Those of the agent are paid, too: two of the session, two of the agent, and others for titles and the like.
    assert!(real.count_requests("scenario:subagent") >= 4);
    let tokens = agent.stream.progress().tokens.input.get();
    assert!(tokens >= 4 * 1_200 && (cost(agent) - real.total(agent)).abs() < 1e-9, "{version}: {tokens}");
    let of_agent = |line: &Value| line["type"] == "assistant" && line["parent_tool_use_id"].is_string();
    assert!(real.lines(agent).iter().any(of_agent), "{version}");
    // Nobody answers: the tool is denied, and the session completes all the same.
    let result = &real.results(denied)[0];
    assert_eq!((&result["subtype"], denied.status()), (&json!("success"), SessionStatus::Completed));
    assert_eq!(result["permission_denials"][0]["tool_name"], "Bash", "{version}");
    assert!(!real.world.base.join("touched").exists());
    assert_eq!(real.results(few)[0]["subtype"], "error_max_turns", "{version}");
    assert_eq!(few.status(), SessionStatus::Failed);
}

/// The fields that tell one failure from another.
fn failures(version: &str) {
    let Some(real) = Real::new(version) else { return };
    let mut processes = Processes::new(options()).unwrap();
    // Scenario, status, what the program says of it, and whether it tries again by itself.
    let scenarios = [
        ("unauthorized", 401, "authentication_failed", true),
        ("payment", 402, "unknown", false),
        ("forbidden", 403, "authentication_failed", false),
        ("nomodel", 404, "model_not_found", false),
        ("toolarge", 413, "invalid_request", false),
        ("credit", 400, "billing_error", false),
        ("toolong", 400, "invalid_request", false),
        ("servererror", 500, "server_error", true),
        ("overloaded", 529, "server_error", true),
    ];
    for chunk in scenarios.chunks(3) {
        let mut attempts = Vec::new();
        for (scenario, ..) in chunk {
            attempts.push(real.start(&mut processes, scenario, &format!("Do. scenario:{scenario}")));
        }
        real.finish(&mut processes, &mut attempts, |_, _| {});
        for (attempt, failure) in attempts.iter().zip(chunk) {
            check_failure(&real, attempt, *failure);
        }
    }
}

fn check_failure(
    real: &Real,
    attempt: &Attempt,
    (scenario, status, error, is_retried): (&str, u64, &str, bool),
) {
    let name = format!("{}: {scenario}", real.version);
    let lines = real.lines(attempt);
    let result = &real.results(attempt)[0];
    // The subtype says nothing.
    assert_eq!((&result["subtype"], &result["is_error"]), (&json!("success"), &json!(true)), "{name}");
    assert_eq!(attempt.status(), SessionStatus::Failed, "{name}");
    let answers = lines.iter().filter(|line| line["type"] == "assistant");
    let errors: Vec<&Value> = answers.map(|line| &line["error"]).collect();
    // 2.0.0 has neither field: there, only the text of the result tells.
    if !real.is_at_least(1, 109) {
        assert_eq!((errors, &result["api_error_status"]), (vec![&Value::Null], &Value::Null), "{name}");
        assert!(result["result"].as_str().is_some_and(|text| !text.is_empty()), "{name}: {result}");
        return;
    }
    let differs = scenario == "nomodel" && !real.is_at_least(1, 276);
    assert_eq!(errors, [&json!(if differs { "invalid_request" } else { error })], "{name}");
    let retries: Vec<&Value> = lines.iter().filter(|line| line["subtype"] == "api_retry").collect();
    assert_eq!(!retries.is_empty(), is_retried, "{name}");
    assert!(retries.iter().all(|line| line["error_status"] == status), "{name}");
    if real.is_at_least(1, 276) {
        assert_eq!(result["api_error_status"], status, "{name}");
    }
}

/// Input and ids of conversations.
fn inputs(version: &str) {
    let Some(real) = Real::new(version) else { return };
    let mut processes = Processes::new(options()).unwrap();
    // Killed at once: nothing was stored, and the same id begins the conversation.
    let id = Uuid::new_v4();
    let mut killed = vec![real.start_with(
        &mut processes,
        "killed",
        "Do. scenario:simple",
        &command(Conversation::Fresh(id)),
        Uuid::new_v4(),
    )];
    processes.kill(killed[0].mark);
    real.finish(&mut processes, &mut killed, |_, _| {});
    let mut fresh = vec![real.start_with(
        &mut processes,
        "fresh",
        "Do. scenario:simple",
        &command(Conversation::Fresh(id)),
        Uuid::new_v4(),
    )];
    real.finish(&mut processes, &mut fresh, |_, _| {});
    assert_eq!(fresh[0].status(), SessionStatus::Completed);

    // The input stays open after a result: the process waits for another turn.
    let arguments = command(Conversation::Fresh(Uuid::new_v4())).arguments(real.version).unwrap();
    let mut child = Command::new(real.program.path())
        .args(arguments)
        .env_clear()
        .envs(real.environment.iter())
        .current_dir(&real.world.project)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        stdin.write_all(&input::user_message("Do. scenario:simple").unwrap()).unwrap();
        let result = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(r#""type":"result""#)));
        assert!(result.is_some(), "{version}: it ended with its turn");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());

    // Both at once are refused: a resumption names the conversation that it continues.
    let mut both = command(Conversation::Resume(id)).arguments(real.version).unwrap();
    both.extend(["--session-id".into(), Uuid::new_v4().to_string().into()]);
    let refused = Command::new(real.program.path())
        .args(both)
        .env_clear()
        .envs(real.environment.iter())
        .current_dir(&real.world.project)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{version}");
}

/// Signals from outside, and a conversation that is resumed in another directory.
fn signals(version: &str) {
    let Some(real) = Real::new(version) else { return };
    let mut processes = Processes::new(options()).unwrap();
    let prompt = format!("Do. scenario:cmdlong {ENDLESS}");
    let mut attempts = vec![real.start(&mut processes, "interrupted", &prompt)];
    real.finish(&mut processes, &mut attempts, when_a_tool_runs(|_, attempt| signal("INT", attempt)));
    let interrupted = &attempts[0];
    // It exits as after a success. Only newer versions say what happened, and what it has cost.
    assert_eq!(interrupted.ended.as_ref().unwrap().exit.code, Some(0), "{version}");
    let subtypes: Vec<Value> = real.results(interrupted).iter().map(|it| it["subtype"].clone()).collect();
    let said = if real.is_at_least(1, 276) { vec![json!("error_during_execution")] } else { vec![] };
    assert_eq!(subtypes, said, "{version}");
    assert_ne!(interrupted.status(), SessionStatus::Completed, "{version}");

    // A stopped program goes on, but its tools are not stopped meanwhile.
    let ticks = real.world.base.join("ticks");
    let count = argument(&format!("for i in 1 2 3 4; do echo $i >> {}; sleep 0.5; done", ticks.display()));
    let mut attempts = vec![real.start(&mut processes, "stopped", &format!("Do. scenario:cmdlong {count}"))];
    real.finish(&mut processes, &mut attempts, |_, attempt| {
        if attempt.actions == 0 && ticks.exists() {
            attempt.actions = 1;
            signal("STOP", attempt);
            wait_until(|| std::fs::read_to_string(&ticks).unwrap().lines().count() == 4);
            signal("CONT", attempt);
        }
    });
    assert_eq!(attempts[0].actions, 1);
    assert_eq!(attempts[0].status(), SessionStatus::Completed, "{version}");

    // A conversation belongs to its directory, except in newer versions.
    let elsewhere = real.world.base.join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let id = attempts[0].stream.changes().claude_session_id.value().unwrap().parse().unwrap();
    let resumed = Command::new(real.program.path())
        .args(command(Conversation::Resume(id)).arguments(real.version).unwrap())
        .env_clear()
        .envs(real.environment.iter())
        .current_dir(&elsewhere)
        .stdin(input_of("Go on elsewhere. now:simple"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&resumed.stderr);
    assert_eq!(resumed.status.success(), real.is_at_least(1, 276), "{version}: {errors}");
    assert_eq!(errors.contains("No conversation found"), !real.is_at_least(1, 276), "{version}: {errors}");
}

fn signal(name: &str, attempt: &Attempt) {
    let pid = attempt.identity.as_ref().unwrap().pid.get().to_string();
    assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
}

/// Standard input with one message.
fn input_of(prompt: &str) -> Stdio {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&input::user_message(prompt).unwrap()).unwrap();
    reader.into()
}

crate::real::versions! { tools, resumptions, extensions, turns, failures, inputs, signals }
