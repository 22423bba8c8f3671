//! A plan with the real Claude Code against a stand-in for the model's API on loopback: a killed runner, a usage limit and a
//! spent budget. `node scripts/claude.mjs` installs the program; without it the test is skipped. docs/real-use.md shows what is
//! printed.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failing test panics, and a skipped one says why"
)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use support::{Run, Sandbox, wait_until};

const VERSION: &str = "2.1.332";

/// The words after `scenario:` tell the stand-in what to answer.
const PLAN: &str = "\
version: 1
name: payments
budget: { max: 2 }
concurrency: 2
defaults:
  model: sonnet
  allowedTools: [Bash]
sessions:
  api:
    project: api
    prompt: Add idempotency keys to POST /payments. scenario:tools
  client-${{ matrix.lang }}:
    matrix: { lang: [ts, python] }
    dependsOn: [api]
    project: clients/${{ matrix.lang }}
    prompt: Send a key with each payment, once the API is ready. scenario:gate
  review:
    dependsOn: [\"client-*\"]
    project: api
    prompt: Review the change. scenario:ratelimitonce
  report:
    dependsOn: [review]
    project: docs
    prompt: Describe the change, step by step. scenario:long
";

/// Output tokens of each answer. They make an answer of the stand-in as expensive as one with much code.
const OUTPUT_TOKENS: &str = "15000";

/// Prices of the model, in US dollars per million tokens: input, writing the cache, reading it, output.
const PRICES: [(&str, f64); 4] = [
    ("input_tokens", 2.0),
    ("cache_creation_input_tokens", 2.5),
    ("cache_read_input_tokens", 0.1),
    ("output_tokens", 10.0),
];

const INTRODUCTION: &str = "\
# A run of the real program

This page shows a plan that is run with Claude Code 2.1.332. It works in four directories, and it meets what goes wrong in practice: the runner is killed in the middle, the account has reached a usage limit, and the budget is spent. The model is replaced by a program on this machine that answers as the prompts say (`scenario:…`), so nothing is spent; everything else is real. The test [real_use.rs](../crates/cli/tests/real_use.rs) runs it again, compares what is printed with this page, and writes the page with `UPDATE_DOCS=1`. It is skipped unless `node scripts/claude.mjs` has installed Claude Code.
";

const END: &str = "
## What the test checks

- Every session has completed once. None has been started twice, although its runner was killed and its account was limited.
- The costs and tokens that are stored are, to the token, those of the answers that the stand-in gave.
- No process of a session is left, and `doctor` finds no problem.
- The exit codes are those of [cli.md](cli.md#exit-codes): 75 for the usage limit, 11 for the spent budget, 0 at the end.
";

/// The real program, a stand-in for the model, and the page that is written.
struct Real {
    sandbox: Sandbox,
    claude: PathBuf,
    model: Child,
    url: String,
    page: String,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.model.kill();
        let _ = self.model.wait();
    }
}

impl Real {
    /// Returns `None` if the program is not installed.
    fn new() -> Option<Self> {
        let claude = Path::new(env!("CARGO_BIN_EXE_session-groups")).ancestors().nth(2).unwrap();
        let claude = claude.join("claude").join(VERSION).join("node_modules/.bin/claude");
        if !claude.exists() {
            println!("skipped: Claude Code {VERSION} is missing, run `node scripts/claude.mjs {VERSION}`");
            return None;
        }
        let sandbox = Sandbox::new();
        for project in ["api", "clients/ts", "clients/python", "docs"] {
            std::fs::create_dir_all(sandbox.path().join(project)).unwrap();
        }
        sandbox.write("payments.group.yaml", PLAN);
        let mut model = Command::new("node");
        model.arg(repository("__test__/runner/model-stub.mjs")).stdout(Stdio::piped());
        model.env("STUB_LOG", sandbox.path().join("requests")).env("STUB_OUTPUT_TOKENS", OUTPUT_TOKENS);
        let mut model = model.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(model.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let url = format!("http://127.0.0.1:{}", port.trim());
        let page = format!("{INTRODUCTION}\n```yaml\n{PLAN}```\n");
        Some(Self { sandbox, claude, model, url, page })
    }

    fn command(&self, line: &str) -> Command {
        let arguments: Vec<_> = line.split(' ').collect();
        let mut command = self.sandbox.command(&arguments);
        command
            .env("SESSION_GROUPS_CLAUDE", &self.claude)
            .env("TMPDIR", self.sandbox.path())
            .env("CLAUDE_CODE_TMPDIR", self.sandbox.path())
            .env("ANTHROPIC_BASE_URL", &self.url)
            .env("ANTHROPIC_API_KEY", "dummy")
            .env("DISABLE_TELEMETRY", "1")
            .env("DISABLE_ERROR_REPORTING", "1")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("CLAUDE_CODE_MAX_RETRIES", "1");
        command
    }

    /// Prints on the page.
    fn say(&mut self, text: &str) {
        write!(self.page, "\n{text}\n").unwrap();
    }

    fn shown(&mut self, line: &str, output: &str) {
        write!(self.page, "\n```console\n$ session-groups {line}\n{output}```\n").unwrap();
    }

    /// Runs a command, and shows it on the page.
    fn show(&mut self, line: &str) -> Run {
        let run = self.sandbox.finish(&mut self.command(line));
        let output = run.stdout.clone() + &run.stderr;
        self.shown(line, &output);
        run
    }

    /// Starts a command whose output goes to a file.
    fn start(&self, line: &str, output: &str) -> Child {
        let file = File::create(self.sandbox.path().join(output)).unwrap();
        self.command(line).stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap()
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.sandbox.path().join(file)).unwrap_or_default()
    }

    fn json(&self, line: &str) -> Value {
        self.sandbox.finish(&mut self.command(&format!("{line} --json"))).json()
    }

    fn group(&self) -> Value {
        self.json("show latest")["group"].take()
    }

    /// Waits until both clients use their tool, which waits for the file `gate`.
    fn wait_for_clients(&self) {
        for client in ["client-ts", "client-python"] {
            let logs = format!("logs latest {client}");
            wait_until(
                || "the client works",
                || self.sandbox.finish(&mut self.command(&logs)).stdout.contains("> Bash"),
            );
        }
    }

    /// Moves the end of the usage limit to the past.
    fn end_limit(&self) {
        let id = self.group()["id"].as_str().unwrap().to_owned();
        let meta = format!("store/{id}/meta.json");
        let stored = self.read(&meta);
        let (before, after) = stored.split_once("\"waitsUntil\": \"").unwrap();
        let (_, after) = after.split_once('"').unwrap();
        self.sandbox.write(&meta, &format!("{before}\"waitsUntil\": \"2026-01-01T00:00:00.000Z\"{after}"));
        std::fs::remove_file(self.sandbox.store().join(".limits.json")).unwrap();
    }

    /// The tokens that the stand-in billed.
    fn billed(&self) -> BTreeMap<String, f64> {
        let mut tokens = BTreeMap::new();
        for line in self.read("requests").lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            for (name, count) in entry["billed"].as_object().into_iter().flatten() {
                *tokens.entry(name.clone()).or_default() += count.as_f64().unwrap();
            }
        }
        tokens
    }
}

fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// Removes what differs from run to run: the order of lines, ids, times and process ids.
fn comparable(page: &str) -> Vec<String> {
    let is_varying = |word: &str| {
        let is_time = word.contains(['-', ':', 's', 'm', 'h']) && !word.contains('/');
        word.trim_start_matches('(').starts_with(|first: char| first.is_ascii_digit()) && is_time
    };
    let lines = page.lines().map(|line| {
        let mut before = "";
        let words = line.split_whitespace().map(|word| {
            let is_varying = is_varying(word) || before == "pid";
            before = word;
            if is_varying { "_" } else { word }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    // A slow machine prints the state each minute.
    let mut lines: Vec<_> = lines.filter(|line| !line.contains(" done ") || line.contains("DONE")).collect();
    lines.sort();
    lines
}

#[test]
fn a_plan_survives_a_killed_runner_a_usage_limit_and_a_spent_budget() {
    let Some(mut real) = Real::new() else { return };
    real.say("## The runner is killed");
    let line = "run payments.group.yaml --no-wait-for-limits";
    let mut killed = real.start(line, "killed");
    real.wait_for_clients();
    killed.kill().unwrap();
    killed.wait().unwrap();
    let output = real.read("killed");
    real.shown(line, &format!("{output}Killed\n"));
    real.say(
        "`kill -9` has ended the runner while two sessions worked. They work on, and the group is stored:",
    );
    let status = real.show("status");
    assert_eq!(status.code, Some(0), "{}", real.page);
    assert!(status.stdout.contains("no runner"), "{}", real.page);

    real.say("## The account reaches a usage limit");
    real.say(
        "The same command takes the group up: it adopts the two sessions, and starts nothing twice. The next session meets a usage limit. With `--no-wait-for-limits` the run ends there, with exit code 75; without this option it would wait.",
    );
    let mut again = real.start(line, "again");
    wait_until(|| "both sessions are adopted", || real.read("again").matches("ADOPTED").count() == 2);
    for client in ["ts", "python"] {
        real.sandbox.write(&format!("clients/{client}/gate"), "");
    }
    assert_eq!(again.wait().unwrap().code(), Some(75), "{}", real.read("again"));
    let output = real.read("again");
    real.shown(line, &output);

    real.say("## The budget is spent");
    real.say(
        "Here the test changes the stored end of the limit, instead of waiting for it. Then the group goes on, until its budget is spent. The exit code is 11.",
    );
    real.end_limit();
    assert_eq!(real.show("run payments.group.yaml").code, Some(11), "{}", real.page);
    real.say("With a larger budget, the last session goes on where it was:");
    assert_eq!(real.show("resume payments --budget 5").code, Some(0), "{}", real.page);
    real.say("What is stored:");
    assert_eq!(real.show("show payments").code, Some(0), "{}", real.page);

    every_session_ended_once(&real);
    the_costs_are_what_was_billed(&real);
    nothing_is_left(&real);
    let page = std::mem::take(&mut real.page) + END;
    let path = repository("docs/real-use.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let documented = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(comparable(&documented), comparable(&page), "docs/real-use.md: set UPDATE_DOCS=1 to write it");
}

fn every_session_ended_once(real: &Real) {
    let events = real.sandbox.finish(&mut real.command("events latest --jsonl")).stdout;
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |kind: &str, session: &str| {
        events.iter().filter(|event| event["type"] == kind && event["sessionId"] == session).count()
    };
    for (session, attempts) in
        [("api", 1), ("client-ts", 1), ("client-python", 1), ("review", 2), ("report", 2)]
    {
        let counts =
            ["started", "completed", "failed"].map(|kind| count(&format!("group_session_{kind}"), session));
        assert_eq!(counts, [attempts, 1, 0], "{session}");
    }
    for session in real.group()["sessions"].as_array().unwrap() {
        assert_eq!(session["status"], "completed", "{session}");
    }
}

fn the_costs_are_what_was_billed(real: &Real) {
    let billed = real.billed();
    let group = real.group();
    let sessions = group["sessions"].as_array().unwrap();
    let sum = |number: fn(&Value) -> &Value| -> f64 {
        sessions.iter().map(|session| number(session).as_f64().unwrap()).sum()
    };
    let tokens = [
        ("input_tokens", sum(|session| &session["tokens"]["input"])),
        ("output_tokens", sum(|session| &session["tokens"]["output"])),
        ("cache_read_input_tokens", sum(|session| &session["tokens"]["cacheRead"])),
        ("cache_creation_input_tokens", sum(|session| &session["tokens"]["cacheWrite"])),
    ];
    assert_eq!(BTreeMap::from(tokens.map(|(name, count)| (name.to_owned(), count))), billed);
    let price: f64 = PRICES.iter().map(|(name, price)| billed[*name] * price / 1e6).sum();
    let cost = sum(|session| &session["cost"]);
    assert!((cost - price).abs() < 1e-9, "{cost} of {price}");
    assert!(price > 2.0, "the first budget was spent: {price}");
}

fn nothing_is_left(real: &Real) {
    // The environment of each process of a session names the sandbox.
    let processes = Command::new("ps").args(["axeww", "-o", "pid,command"]).output().unwrap().stdout;
    let processes = String::from_utf8_lossy(&processes);
    assert!(processes.lines().any(|line| line.contains("model-stub.mjs")), "{processes}");
    let mark = format!("TMPDIR={}", real.sandbox.path().display());
    let left: Vec<_> = processes.lines().filter(|line| line.contains(&mark)).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(real.json("doctor")["problems"], Value::Array(Vec::new()));
}
