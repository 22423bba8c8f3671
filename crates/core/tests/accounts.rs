//! The laws of the accounts, held against a simulated Claude Code: sequences of runs of any version, with kills,
//! `/clear`, forks, failed results and usage that no line shows.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]
#![allow(clippy::cast_precision_loss, reason = "small counts")]

use std::collections::HashMap;
use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use session_groups::claude::{ClaudeStream, Exit};
use session_groups::model::{GroupSession, SessionStatus};
use session_groups::progress::SessionProgress;

/// Claude Code adds dollars in floating point.
const ROUNDING: f64 = 1e-9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// Every process counts from zero.
    Old,
    /// Goes on from the saved counter.
    Middle,
    /// Reports what was used since the last result as well.
    New,
}

impl Version {
    fn name(self) -> &'static str {
        match self {
            Self::Old => "2.1.276",
            Self::Middle => "2.1.300",
            Self::New => "2.1.332",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Fresh,
    Resume,
    Fork,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Exit,
    /// After the last result.
    KilledIdle {
        is_saved: bool,
    },
    /// In a further turn.
    KilledInTurn {
        is_saved: bool,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Usage {
    tokens: [u64; 4],
    cost: f64,
}

impl Usage {
    fn of(tokens: [u64; 4]) -> Self {
        let prices = [3e-6, 15e-6, 0.3e-6, 3.75e-6];
        let cost = tokens.iter().zip(prices).map(|(count, price)| *count as f64 * price).sum();
        Self { tokens, cost }
    }

    fn add(&mut self, other: Self) {
        self.cost += other.cost;
        for (count, more) in self.tokens.iter_mut().zip(other.tokens) {
            *count += more;
        }
    }

    fn by_model(&self) -> Value {
        let [input, output, read, written] = self.tokens;
        if self.tokens == [0; 4] {
            return json!({});
        }
        json!({"m": {
            "inputTokens": input, "outputTokens": output, "cacheReadInputTokens": read,
            "cacheCreationInputTokens": written, "costUSD": self.cost,
        }})
    }

    fn by_api(&self, output: u64) -> Value {
        let [input, _, read, written] = self.tokens;
        json!({
            "input_tokens": input, "output_tokens": output, "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written,
        })
    }
}

#[derive(Debug, Clone)]
struct Turn {
    main: Vec<Usage>,
    subagents: Vec<Usage>,
    /// Titles, summaries and the like.
    hidden: Option<Usage>,
    clears_first: bool,
    failure: Failure,
}

/// A failed result after the turn, which shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    None,
    /// The counter goes on.
    Shows,
    /// The counter returns to zero.
    Resets,
}

#[derive(Debug, Clone)]
struct Run {
    version: Version,
    how: How,
    turns: Vec<Turn>,
    ending: Ending,
}

fn usage() -> impl Strategy<Value = Usage> {
    (1_u64..50_000, 2_u64..4_000, 0_u64..200_000, 0_u64..20_000)
        .prop_map(|(input, output, read, written)| Usage::of([input, output, read, written]))
}

fn turn() -> impl Strategy<Value = Turn> {
    (
        vec(usage(), 1..4),
        prop_oneof![3 => Just(Vec::new()), 1 => vec(usage(), 1..3)],
        prop_oneof![2 => Just(None), 1 => usage().prop_map(Some)],
        prop_oneof![7 => Just(false), 1 => Just(true)],
        prop_oneof![12 => Just(Failure::None), 1 => Just(Failure::Shows), 1 => Just(Failure::Resets)],
    )
        .prop_map(|(main, subagents, hidden, clears_first, failure)| Turn {
            main,
            subagents,
            hidden,
            clears_first,
            failure,
        })
}

fn run() -> impl Strategy<Value = Run> {
    let version = prop_oneof![Just(Version::Old), Just(Version::Middle), Just(Version::New)];
    let how = prop_oneof![1 => Just(How::Fresh), 5 => Just(How::Resume), 1 => Just(How::Fork)];
    let killed = prop_oneof![
        any::<bool>().prop_map(|is_saved| Ending::KilledIdle { is_saved }),
        any::<bool>().prop_map(|is_saved| Ending::KilledInTurn { is_saved }),
    ];
    let ending = prop_oneof![4 => Just(Ending::Exit), 1 => killed];
    let turns = prop_oneof![6 => vec(turn(), 1..4), 1 => Just(Vec::new())];
    (version, how, turns, ending).prop_map(|(version, how, mut turns, ending)| {
        let is_saved = !matches!(ending, Ending::KilledIdle { is_saved: false });
        let ending = if turns.is_empty() { Ending::KilledInTurn { is_saved } } else { ending };
        if turns.iter().any(|turn| turn.failure != Failure::None) {
            hide_nothing(&mut turns);
        }
        Run { version, how, turns, ending }
    })
}

/// Without `model_usage_since_last_result` only the messages tell a counter that went on from one that was reset.
fn hide_nothing(turns: &mut [Turn]) {
    for turn in turns {
        turn.hidden = None;
    }
}

fn runs() -> impl Strategy<Value = Vec<Run>> {
    vec(run(), 1..7).prop_map(|mut runs| {
        if runs.iter().flat_map(|run| &run.turns).any(|turn| turn.failure == Failure::Resets) {
            for run in &mut runs {
                hide_nothing(&mut run.turns);
            }
        }
        runs
    })
}

/// Claude Code, its transcripts, and what was billed for one session of a group.
#[derive(Default)]
struct World {
    /// The counters in the transcripts, by session id.
    saved: HashMap<String, Usage>,
    ids: u64,
    messages: u64,
    billed: Usage,
    /// Cost of the session by all that was printed.
    printed: f64,
    /// Some run was cut short, so that not everything that was billed was printed.
    is_cut: bool,
    /// Its base has turns that were cut off in it, or in the session that it was forked from, and whose cost shows
    /// only together with that of others.
    is_ambiguous: bool,
    has_saved_cut: bool,
}

/// A process of Claude Code.
struct Process {
    version: Version,
    id: String,
    counter: Usage,
    since_last: Usage,
    results: u64,
    output: String,
    messages: Usage,
}

impl Process {
    fn line(&mut self, value: &Value) {
        writeln!(self.output, "{value}").unwrap();
    }

    fn init(&mut self) {
        let version = self.version.name();
        let id = self.id.clone();
        self.line(
            &json!({"type": "system", "subtype": "init", "session_id": id, "claude_code_version": version}),
        );
    }

    fn message(&mut self, world: &mut World, usage: Usage, parent: Option<&str>) {
        world.messages += 1;
        let id = format!("msg_{}", world.messages);
        let tool = format!("toolu_{}", world.messages);
        let message = json!({
            "id": id, "model": "m", "usage": usage.by_api(1),
            "content": [{"type": "tool_use", "id": tool, "name": "Bash"}],
        });
        self.line(&json!({"type": "assistant", "message": message, "parent_tool_use_id": parent}));
        let content = json!([{"type": "tool_result", "tool_use_id": tool}]);
        self.line(&json!({"type": "user", "message": {"content": content}, "parent_tool_use_id": parent}));
        let mut counted = usage;
        counted.tokens[1] = 1;
        self.messages.add(counted);
        self.spend(world, usage);
    }

    fn spend(&mut self, world: &mut World, usage: Usage) {
        self.counter.add(usage);
        self.since_last.add(usage);
        world.billed.add(usage);
    }

    fn result(&mut self, world: &mut World, turn: &Usage, more: &Value) {
        let mut result = json!({
            "type": "result", "subtype": "success", "is_error": false, "num_turns": 1, "result": "Done.",
            "session_id": self.id, "total_cost_usd": self.counter.cost, "usage": turn.by_api(turn.tokens[1]),
            "modelUsage": self.counter.by_model(),
        });
        if self.version == Version::New {
            result["model_usage_since_last_result"] = self.since_last.by_model();
            result["result_index"] = json!(self.results);
        }
        result.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.results += 1;
        world.printed += self.since_last.cost;
        self.since_last = Usage::default();
        self.line(&result);
    }

    fn clear(&mut self, world: &mut World) {
        let id = self.id.clone();
        self.line(&json!({"type": "conversation_reset", "session_id": id}));
        self.save(world);
        world.ids += 1;
        self.id = format!("id-{}", world.ids);
        self.counter = Usage::default();
        self.init();
        self.result(world, &Usage::default(), &json!({"num_turns": 0, "result": ""}));
    }

    fn save(&self, world: &mut World) {
        if self.version != Version::Old {
            world.saved.insert(self.id.clone(), self.counter);
        }
    }

    fn turn(&mut self, world: &mut World, turn: &Turn) {
        if turn.clears_first {
            self.clear(world);
        }
        self.init();
        let mut main = Usage::default();
        for message in &turn.main {
            self.message(world, *message, None);
            main.add(*message);
        }
        for message in &turn.subagents {
            self.message(world, *message, Some("toolu_task"));
        }
        if let Some(hidden) = turn.hidden {
            self.spend(world, hidden);
        }
        self.result(world, &main, &json!({}));
        if turn.failure != Failure::None {
            let counter = std::mem::take(&mut self.counter);
            let failed = json!({"subtype": "error_during_execution", "is_error": true, "num_turns": 0});
            self.result(world, &Usage::default(), &failed);
            if turn.failure == Failure::Shows {
                self.counter = counter;
            }
        }
    }
}

impl World {
    /// Runs the session once. Returns what was printed, and what the run's own messages used.
    fn run(&mut self, run: &Run, resumed: Option<&str>) -> (String, Usage) {
        let source = resumed.filter(|_| run.how != How::Fresh);
        let goes_on = run.version != Version::Old;
        let counter = source.and_then(|id| self.saved.get(id)).copied().filter(|_| goes_on);
        self.ids += 1;
        let id = match source {
            Some(id) if run.how == How::Resume => id.to_owned(),
            _ => format!("id-{}", self.ids),
        };
        // A fork copies the transcript.
        if let Some(copied) = source.and_then(|id| self.saved.get(id)).copied() {
            self.saved.insert(id.clone(), copied);
        }
        let mut process = Process {
            version: run.version,
            id,
            counter: counter.unwrap_or_default(),
            since_last: Usage::default(),
            results: 0,
            output: String::new(),
            messages: Usage::default(),
        };
        for turn in &run.turns {
            process.turn(self, turn);
        }
        match run.ending {
            Ending::Exit => process.save(self),
            Ending::KilledIdle { is_saved } => {
                self.is_cut |= !is_saved;
                self.is_ambiguous |= !is_saved && self.has_saved_cut;
                if is_saved {
                    process.save(self);
                }
            }
            Ending::KilledInTurn { is_saved } => {
                self.is_cut = true;
                self.is_ambiguous |= !is_saved && self.has_saved_cut;
                self.has_saved_cut |= is_saved;
                process.init();
                process.message(self, Usage::of([100, 20, 3_000, 50]), None);
                if is_saved {
                    process.save(self);
                }
            }
        }
        (process.output, process.messages)
    }
}

/// Reads a run as it comes, in pieces, and returns the session as it is stored then.
fn read(session: &GroupSession, relatives: &[GroupSession], output: &str, run: &Run) -> GroupSession {
    let mut stream = ClaudeStream::with_relatives(session.clone(), relatives);
    // As a program stores it after each piece.
    let mut kept = session.clone();
    for chunk in output.as_bytes().chunks(611) {
        let last = (stream.progress(), stream.changes());
        let has_changed = stream.push(chunk);
        let now = (stream.progress(), stream.changes());
        let is_same = without_time(&now.0) == without_time(&last.0) && now.1 == last.1;
        assert_eq!(has_changed, !is_same, "{last:?} became {now:?}");
        let before = figures(&kept);
        kept = stored(&kept, &stream);
        let after = figures(&kept);
        assert!(
            after.iter().zip(before).all(|(after, before)| *after >= before),
            "{before:?} became {after:?}"
        );
    }
    let exit = match run.ending {
        Ending::Exit => Exit { code: Some(0), signal: None },
        Ending::KilledIdle { is_saved } | Ending::KilledInTurn { is_saved } => {
            let signal = if is_saved { "SIGTERM" } else { "SIGKILL" };
            Exit { code: None, signal: Some(signal.to_owned()) }
        }
    };
    stream.end(&exit);
    kept = stored(&kept, &stream);
    let session = stored(session, &stream);
    assert_eq!(kept, session);
    // As it is read from a file.
    serde_json::from_str(&serde_json::to_string(&session).unwrap()).unwrap()
}

fn without_time(progress: &SessionProgress) -> SessionProgress {
    SessionProgress { duration_ms: None, ..progress.clone() }
}

fn stored(session: &GroupSession, stream: &ClaudeStream) -> GroupSession {
    let mut stored = serde_json::to_value(session).unwrap();
    let changes = stream.changes();
    let set: Value = serde_json::from_str(&changes.to_json()).unwrap();
    let fields = stored.as_object_mut().unwrap();
    fields.extend(set.as_object().unwrap().clone());
    for name in changes.removed() {
        fields.remove(&name);
    }
    serde_json::from_value(stored).unwrap()
}

/// Figures that may never decrease.
fn figures(session: &GroupSession) -> [f64; 5] {
    let [input, output, read, written] = tokens(session);
    [session.cost.unwrap_or(0.0), input as f64, output as f64, read as f64, written as f64]
}

fn tokens(session: &GroupSession) -> [u64; 4] {
    let tokens = session.tokens.unwrap_or_default();
    [tokens.input, tokens.output, tokens.cache_read.unwrap_or(0), tokens.cache_write.unwrap_or(0)]
}

/// `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    ProptestConfig { cases: default.cases.max(2_000), ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn accounts_obey_the_laws(runs in runs()) {
        let mut world = World::default();
        let mut session = GroupSession::new("a", "/p", "x", "2026-01-01T00:00:00Z");
        let mut relatives = Vec::new();
        for run in &runs {
            let resumed = session.claude_session_id.clone();
            if run.how == How::Fresh {
                relatives.clear();
            }
            if run.how == How::Fork && resumed.is_some() {
                relatives.insert(0, session);
                session = GroupSession::new("b", "/p", "x", "2026-01-01T00:00:00Z");
                world.is_ambiguous |= world.is_cut;
                (world.billed, world.printed) = (Usage::default(), 0.0);
            }
            let before = tokens(&session);
            let (output, own) = world.run(run, resumed.as_deref());
            session = read(&session, &relatives, &output, run);
            let (cost, after) = (session.cost.unwrap_or(0.0), tokens(&session));
            for ((after, before), own) in after.iter().zip(before).zip(own.tokens) {
                prop_assert!(*after >= before + own, "{after} tokens, {before} before, {own} in messages");
            }
            prop_assert!(cost >= world.printed - ROUNDING, "{cost} of {} printed", world.printed);
            if !world.is_cut && !world.is_ambiguous {
                prop_assert!((cost - world.billed.cost).abs() < ROUNDING, "{cost} of {}", world.billed.cost);
                prop_assert_eq!(after, world.billed.tokens);
            } else if !world.is_ambiguous {
                prop_assert!(cost <= world.billed.cost + ROUNDING, "{cost} of {}", world.billed.cost);
            }
            let is_idle = !matches!(run.ending, Ending::KilledInTurn { .. });
            let has_answered = run.turns.last().is_some_and(|turn| turn.failure == Failure::None);
            let has_completed = is_idle && has_answered;
            prop_assert_eq!(session.status == SessionStatus::Completed, has_completed);
        }
    }
}
