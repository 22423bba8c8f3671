//! The real program in several versions, against a stand-in for the model's API on loopback. `node scripts/claude.mjs`
//! installs them; those that are missing are skipped. The facts that the design rests on are tested, so that a change in a
//! new version is seen.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use session_groups::claude::command::{CommandOptions, Conversation};
use session_groups::claude::environment::Environment;
use session_groups::claude::{ClaudeStream, ClaudeVersion};
use session_groups::model::number::Usd;
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupSession, SessionPatch, SessionStatus};
use session_groups::runner::process::{
    Launch, Look, ProcessOptions, Processes, Program, ProgramSearch, SessionDirectory, Step, find_marked,
};
use uuid::Uuid;

use crate::support::{ATTEMPT, Attempt, PATIENCE, World, drive};

const ROUNDING: f64 = 1e-9;
/// US dollars that a request costs at least.
const MIN_PRICE: f64 = 0.001;
/// A command that never ends, as a scenario's argument (`tail -f /dev/null`).
pub const ENDLESS: &str = "arg64:dGFpbCAtZiAvZGV2L251bGw=";
/// The same in a session of its own that outlives the tool (`setsid tail -f /dev/null >/dev/null 2>&1 </dev/null & echo left`).
const LEFT_BEHIND: &str =
    "arg64:c2V0c2lkIHRhaWwgLWYgL2Rldi9udWxsID4vZGV2L251bGwgMj4mMSA8L2Rldi9udWxsICYgZWNobyBsZWZ0";

/// An installed version, with a stand-in for the model.
pub struct Real {
    pub world: World,
    pub program: Program,
    pub version: ClaudeVersion,
    pub environment: Environment,
    model: Child,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.model.kill();
        let _ = self.model.wait();
    }
}

impl Real {
    /// Returns `None` if the version is not installed.
    pub fn new(version: &str) -> Option<Self> {
        let path = installed(version);
        if path.is_none() {
            println!("skipped: Claude Code {version} is missing, run `node scripts/claude.mjs`");
        }
        let path = path?;
        let world = World::new();
        let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../__test__/runner/model-stub.mjs");
        let mut model = Command::new("node");
        model.arg(stub).env("STUB_LOG", world.base.join("requests.jsonl")).stdout(Stdio::piped());
        let mut model = model.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(model.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let home = world.base.join("home");
        std::fs::create_dir_all(&home).unwrap();
        let mut environment = Environment::of_process();
        let url = format!("http://127.0.0.1:{}", port.trim());
        for (name, value) in [
            ("HOME", home.to_str().unwrap()),
            ("TMPDIR", world.base.to_str().unwrap()),
            ("CLAUDE_CODE_TMPDIR", world.base.to_str().unwrap()),
            ("ANTHROPIC_BASE_URL", &url),
            ("ANTHROPIC_API_KEY", "dummy"),
            ("DISABLE_TELEMETRY", "1"),
            ("DISABLE_ERROR_REPORTING", "1"),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("CLAUDE_CODE_MAX_RETRIES", "1"),
        ] {
            environment.set(name, value);
        }
        let search = ProgramSearch { path: Some(&path), environment: &environment, projects: &[] };
        let program = Program::find(&search).unwrap();
        let version = program.version(&environment).unwrap();
        Some(Self { world, program, version, environment, model })
    }

    pub fn start(&self, processes: &mut Processes, name: &str, prompt: &str) -> Attempt {
        let uuid = Uuid::new_v4();
        self.start_with(processes, name, prompt, &command(Conversation::Fresh(uuid)), uuid)
    }

    pub fn start_with(
        &self,
        processes: &mut Processes,
        name: &str,
        prompt: &str,
        options: &CommandOptions,
        uuid: Uuid,
    ) -> Attempt {
        let mut attempt = Attempt::new(&self.world, name, uuid);
        let directory = SessionDirectory::create(&self.world.group, &attempt.names).unwrap();
        let identity = processes.start(&Launch {
            program: self.program.path(),
            arguments: &options.arguments(self.version).unwrap(),
            environment: &self.environment,
            project: &self.world.project,
            prompt,
            directory: &directory,
            attempt: ATTEMPT,
            mark: attempt.mark,
            label: "group/session",
        });
        attempt.identity = Some(identity.unwrap());
        attempt
    }

    /// Starts a session again, with the accounts of its earlier run.
    pub fn resume(&self, processes: &mut Processes, earlier: &Attempt, name: &str, prompt: &str) -> Attempt {
        let changes = earlier.stream.changes();
        let id = changes.claude_session_id.value().unwrap().parse().unwrap();
        let options = command(Conversation::Resume(id));
        let mut attempt = self.start_with(processes, name, prompt, &options, Uuid::new_v4());
        attempt.stream = ClaudeStream::new(resumed(&changes));
        attempt
    }

    /// Runs to the end and checks that nothing lives and nothing is lost.
    pub fn finish(
        &self,
        processes: &mut Processes,
        attempts: &mut [Attempt],
        act: impl FnMut(&mut Processes, &mut Attempt),
    ) {
        drive(processes, attempts, act, Attempt::is_done);
        for attempt in attempts {
            let name = format!("{} of {}", attempt.behaviour, self.version);
            assert!(attempt.is_done(), "{name}: it did not end: {:?}", attempt.ended);
            assert_eq!(attempt.swept.as_ref().unwrap().left, Vec::<i32>::new(), "{name}");
            assert_eq!(find_marked(attempt.mark).unwrap(), Vec::<i32>::new(), "{name}");
            assert_eq!(attempt.bytes, self.output(attempt).len() as u64, "{name}");
            assert!(
                matches!(attempt.look(&self.world, attempt.identity.as_ref()), Look::Gone(Some(_))),
                "{name}"
            );
        }
    }

    pub fn output(&self, attempt: &Attempt) -> String {
        let directory = SessionDirectory::create(&self.world.group, &attempt.names).unwrap();
        std::fs::read_to_string(directory.path().join(format!("{ATTEMPT}.jsonl"))).unwrap()
    }

    /// The lines of the output.
    pub fn lines(&self, attempt: &Attempt) -> Vec<Value> {
        self.output(attempt).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    pub fn results(&self, attempt: &Attempt) -> Vec<Value> {
        self.lines(attempt).into_iter().filter(|line| line["type"] == "result").collect()
    }

    /// The total that its last result prints.
    pub fn total(&self, attempt: &Attempt) -> f64 {
        self.results(attempt).last().unwrap()["total_cost_usd"].as_f64().unwrap()
    }

    /// The requests to the model, other than for titles and the like, whose messages contain a text.
    fn requests(&self, text: &str) -> Vec<Value> {
        let log = std::fs::read_to_string(self.world.base.join("requests.jsonl")).unwrap();
        let bodies = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let bodies = bodies.map(|mut entry| entry["body"].take());
        let has_tools = |body: &Value| body["tools"].as_array().is_some_and(|tools| !tools.is_empty());
        let asked = bodies.filter(|body| has_tools(body) && body["messages"].to_string().contains(text));
        asked.collect()
    }

    /// The newest request whose messages contain a text.
    pub fn last_request(&self, text: &str) -> Value {
        self.requests(text).pop().expect("the model was asked")
    }

    /// Number of requests whose messages contain a text.
    pub fn count_requests(&self, text: &str) -> usize {
        self.requests(text).len()
    }

    /// Returns `true` if a conversation that the program has stored contains a text.
    pub fn has_stored(&self, text: &str) -> bool {
        let files_in = |directory: &Path| std::fs::read_dir(directory).into_iter().flatten().flatten();
        let mut files = files_in(&self.world.base.join("home/.claude/projects"))
            .flat_map(|project| files_in(&project.path()));
        files.any(|file| std::fs::read_to_string(file.path()).is_ok_and(|stored| stored.contains(text)))
    }

    pub fn is_at_least(&self, minor: u32, patch: u32) -> bool {
        self.version >= ClaudeVersion::new(2, minor, patch)
    }
}

/// Returns the program of a version.
fn installed(version: &str) -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let path = target.join("claude").join(version).join("node_modules/.bin/claude");
    path.exists().then_some(path)
}

fn resumed(changes: &SessionPatch) -> GroupSession {
    let created_at = IsoTime::parse("2026-01-15T10:30:00.000Z").unwrap();
    GroupSession {
        cost: changes.cost.value().copied(),
        tokens: changes.tokens.value().copied(),
        claude_session_id: changes.claude_session_id.value().cloned(),
        usage_counters: changes.usage_counters.value().cloned(),
        ..GroupSession::new("resumed", "/p", "x", created_at)
    }
}

pub fn command(conversation: Conversation) -> CommandOptions {
    let allowed_tools = vec!["Bash".to_owned()];
    CommandOptions { allowed_tools, ..CommandOptions::new(conversation, "sonnet") }
}

/// Ladders that the real program does not reach, but for background work that never ends.
pub fn options() -> ProcessOptions {
    ProcessOptions {
        interrupt_grace: PATIENCE,
        terminate_grace: PATIENCE,
        exit_grace: PATIENCE,
        background_grace: Duration::from_secs(2),
        task_grace: Duration::from_secs(30),
        sweep_grace: Duration::from_millis(500),
        ..ProcessOptions::default()
    }
}

/// Acts once, as soon as the endless tool runs.
pub fn when_a_tool_runs(act: impl Fn(&mut Processes, &Attempt)) -> impl FnMut(&mut Processes, &mut Attempt) {
    move |processes, attempt| {
        let is_asked = attempt.stream.progress().current_tool.is_some();
        if is_asked && attempt.actions == 0 && endless_tool(attempt).is_some() {
            attempt.actions = 1;
            act(processes, attempt);
        }
    }
}

/// A running process, as `ps` shows it.
pub struct Row {
    pub pid: i32,
    pub group: i32,
    pub command: String,
}

/// The processes that bear an attempt's mark.
pub fn marked(attempt: &Attempt) -> Vec<Row> {
    let rows = find_marked(attempt.mark).unwrap().into_iter().filter_map(|pid| {
        let ps = Command::new("ps").args(["-o", "pgid=,command=", "-p", &pid.to_string()]).output().unwrap();
        let line = String::from_utf8_lossy(&ps.stdout).trim().to_owned();
        let (group, command) = line.split_once(' ')?;
        Some(Row { pid, group: group.parse().ok()?, command: command.trim().to_owned() })
    });
    rows.collect()
}

/// The command of the endless tool, while it runs.
pub fn endless_tool(attempt: &Attempt) -> Option<Row> {
    marked(attempt).into_iter().find(|row| row.command.starts_with("tail "))
}

pub fn cost(attempt: &Attempt) -> f64 {
    attempt.stream.progress().cost.get()
}

/// Checks that a first run counts what its last result says, and that this is what so many requests cost.
pub fn assert_cost(real: &Real, attempt: &Attempt, requests: u64) {
    let name = format!("{} of {}", attempt.behaviour, real.version);
    let printed = real.total(attempt);
    assert!(
        printed > 0.0 && (cost(attempt) - printed).abs() < ROUNDING,
        "{name}: {} of {printed}",
        cost(attempt)
    );
    // Input tokens of a request: 1,200 and the number of answers before it.
    let tokens = attempt.stream.progress().tokens.input.get();
    let paid = tokens / 1_200;
    // Older versions ask the model for more, such as titles.
    let is_exact = real.is_at_least(1, 276);
    assert!(paid == requests || (!is_exact && paid > requests), "{name}: {paid} requests");
}

/// Runs, limits and what tools leave behind.
fn runs(version: &str) {
    let Some(real) = Real::new(version) else { return };
    let mut processes = Processes::new(options()).unwrap();
    let mut attempts = vec![
        real.start(&mut processes, "tools", "Please do the work. scenario:tools"),
        real.start(&mut processes, "left", &format!("Do. scenario:cmd {LEFT_BEHIND}")),
        real.start(&mut processes, "slash", "/cost scenario:simple"),
    ];
    real.finish(&mut processes, &mut attempts, |_, _| {});
    let [tools, left, slash] = &attempts[..] else { unreachable!() };
    assert_eq!(tools.status(), SessionStatus::Completed);
    assert_cost(&real, tools, 2);
    assert_eq!(left.status(), SessionStatus::Completed);
    assert!(left.swept.as_ref().unwrap().ended >= 1, "a tool that was left behind was not swept");
    // A newline precedes the slash: the command is not carried out, the model is asked.
    assert_eq!(real.results(slash)[0]["num_turns"], 1);
    assert_cost(&real, slash, 1);
    caps_and_limits(&real);
}

fn caps_and_limits(real: &Real) {
    let mut processes = Processes::new(options()).unwrap();
    let uuid = Uuid::new_v4();
    let cap = Some(Usd::clamped(0.01));
    let capped = CommandOptions { max_budget_usd: cap, ..command(Conversation::Fresh(uuid)) };
    // 2.0.0 waits as long as the API says.
    let scenario = if real.is_at_least(1, 109) { "ratelimitlong" } else { "ratelimit" };
    let mut attempts = vec![real.start(&mut processes, "limited", &format!("Do. scenario:{scenario}"))];
    if real.is_at_least(1, 109) {
        let prompt = "Please do the work. scenario:long";
        attempts.push(real.start_with(&mut processes, "capped", prompt, &capped, uuid));
    } else {
        assert_eq!(capped.arguments(real.version).unwrap_err().code(), "CLAUDE_TOO_OLD");
    }
    real.finish(&mut processes, &mut attempts, |_, _| {});
    let limited = &real.results(&attempts[0])[0];
    assert_eq!(limited["is_error"], true, "{limited}");
    assert_eq!(attempts[0].status(), SessionStatus::Failed);
    if real.is_at_least(1, 200) {
        assert_eq!(limited["api_error_status"], 429, "{limited}");
    }
    if let Some(capped) = attempts.get(1) {
        assert_eq!(real.results(capped)[0]["subtype"], "error_max_budget_usd");
        // It is checked after each request, so that one request more is paid.
        assert_cost(real, capped, 3);
    }
}

/// Interrupts, kills, resumptions.
fn ends(version: &str) {
    let Some(real) = Real::new(version) else { return };
    let mut processes = Processes::new(options()).unwrap();
    let prompt = format!("Do. scenario:cmdlong {ENDLESS}");
    let mut interrupted = vec![real.start(&mut processes, "interrupted", &prompt)];
    real.finish(&mut processes, &mut interrupted, when_a_tool_runs(|it, attempt| it.interrupt(attempt.mark)));
    assert_eq!(interrupted[0].ended.as_ref().unwrap().step, Some(Step::Interrupt), "{version}");
    assert_eq!(real.results(&interrupted[0]).len(), 1);
    assert_cost(&real, &interrupted[0], 1);
    let mut resumed = vec![real.resume(&mut processes, &interrupted[0], "resumed", "Go on. now:simple")];
    real.finish(&mut processes, &mut resumed, |_, _| {});
    assert_eq!(resumed[0].status(), SessionStatus::Completed);
    assert!(cost(&resumed[0]) - cost(&interrupted[0]) > MIN_PRICE, "{}", cost(&resumed[0]));

    // Killed in the middle of a tool, which the program would leave alive.
    let mut killed = vec![real.start(&mut processes, "killed", &prompt)];
    real.finish(&mut processes, &mut killed, when_a_tool_runs(|it, attempt| it.kill(attempt.mark)));
    assert!(killed[0].swept.as_ref().unwrap().ended >= 1, "no tool was swept");
    assert!(real.results(&killed[0]).is_empty());
    let mut resumed = vec![real.resume(&mut processes, &killed[0], "killed-resumed", "Go on. now:simple")];
    real.finish(&mut processes, &mut resumed, |_, _| {});
    assert_eq!(resumed[0].status(), SessionStatus::Completed);

    let mut terminated = vec![real.start(&mut processes, "terminated", &prompt)];
    real.finish(&mut processes, &mut terminated, when_a_tool_runs(|it, attempt| it.terminate(attempt.mark)));
    assert_eq!(terminated[0].ended.as_ref().unwrap().step, Some(Step::Terminate));
    assert!(real.results(&terminated[0]).is_empty());
}

/// The death of a runner, and background work.
fn adoptions(version: &str) {
    let Some(real) = Real::new(version) else { return };
    let mut first = Processes::new(options()).unwrap();
    let mut attempts = vec![real.start(&mut first, "adopted", "Please do the work. scenario:slow")];
    drive(&mut first, &mut attempts, |_, _| {}, |attempt| attempt.stream.progress().current_tool.is_some());
    // Its input is closed, as by the death of the runner. The turn goes on.
    drop(first);
    let mut again = Attempt::new(&real.world, "adopted", attempts[0].mark.to_string().parse().unwrap());
    again.identity.clone_from(&attempts[0].identity);
    let mut second = Processes::new(options()).unwrap();
    match again.look(&real.world, None) {
        Look::Alive(adoption) => second.adopt(adoption).unwrap(),
        Look::Gone(_) => panic!("{version}: it has not survived"),
        Look::Unknown(reason) => panic!("{version}: {reason}"),
    }
    let mut again = vec![again];
    real.finish(&mut second, &mut again, |_, _| {});
    assert_eq!(real.results(&again[0]).len(), 1);
    assert_cost(&real, &again[0], 4);

    let mut third =
        Processes::new(ProcessOptions { exit_grace: Duration::from_secs(20), ..options() }).unwrap();
    let mut background = vec![real.start(&mut third, "background", &format!("Do. scenario:bg {ENDLESS}"))];
    real.finish(&mut third, &mut background, |_, _| {});
    // Asked to stop its task, it leaves by itself. 2.1.109 would wait for the task.
    if real.is_at_least(1, 276) {
        assert_eq!(background[0].ended.as_ref().unwrap().step, None, "{version}");
    }
    // No further turn is paid for the end of the task.
    assert_eq!(real.results(&background[0]).len(), 1);
    assert_cost(&real, &background[0], 2);
}

/// Ids of conversations.
fn conversations(version: &str) {
    let Some(real) = Real::new(version) else { return };
    let mut processes = Processes::new(options()).unwrap();
    let mut first = vec![real.start(&mut processes, "first", "Do. scenario:simple")];
    real.finish(&mut processes, &mut first, |_, _| {});
    let id: Uuid = first[0].mark.to_string().parse().unwrap();
    assert_eq!(first[0].stream.changes().claude_session_id.value().unwrap(), &id.to_string());
    let again = command(Conversation::Fresh(id));
    let unknown = command(Conversation::Resume(Uuid::new_v4()));
    let mut refused = vec![
        real.start_with(&mut processes, "again", "Do. scenario:simple", &again, Uuid::new_v4()),
        real.start_with(&mut processes, "unknown", "Go on.", &unknown, Uuid::new_v4()),
    ];
    real.finish(&mut processes, &mut refused, |_, _| {});
    let errors =
        |attempt: &Attempt| String::from_utf8_lossy(&attempt.ended.as_ref().unwrap().errors).into_owned();
    assert!(errors(&refused[0]).contains("already in use"), "{}", errors(&refused[0]));
    assert!(errors(&refused[1]).contains("No conversation found"), "{}", errors(&refused[1]));
    assert_eq!((cost(&refused[0]), cost(&refused[1])), (0.0, 0.0));
    // It is not taken for the session's conversation, even if a result line says so.
    assert_eq!(refused[1].stream.changes().claude_session_id.value(), None);
}

/// Runs tests with each version.
macro_rules! versions {
    ($($test:ident),*) => { crate::real::versions! { @versions [
        (v2_0_0, "2.0.0") (v2_1_109, "2.1.109") (v2_1_276, "2.1.276") (v2_1_332, "2.1.332")
    ] [$($test)*] } };
    (@versions [$($version:tt)*] $tests:tt) => { $(crate::real::versions! { @tests $version $tests })* };
    (@tests ($module:ident, $version:literal) [$($test:ident)*]) => {
        mod $module {
            $(#[test]
            fn $test() {
                super::$test($version);
            })*
        }
    };
}
pub(crate) use versions;

versions! { runs, ends, adoptions, conversations }
