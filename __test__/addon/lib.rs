//! The addon with functions that panic on purpose, for the tests of a panic's consequences.

#[path = "../../src/ahead.rs"]
mod ahead;
#[path = "../../src/answer.rs"]
mod answer;
#[path = "../../src/args/mod.rs"]
mod args;
#[path = "../../src/bridge.rs"]
mod bridge;
#[path = "../../src/classes/mod.rs"]
mod classes;
#[path = "../../src/constants.rs"]
mod constants;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/functions.rs"]
mod functions;
#[path = "../../src/host.rs"]
mod host;
#[path = "../../src/js.rs"]
mod js;
#[path = "../../src/json.rs"]
mod json;
#[path = "../../src/kept.rs"]
mod kept;
mod panics;
#[path = "../../src/progress.rs"]
mod progress;
#[path = "../../src/promise.rs"]
mod promise;
#[path = "../../src/reader.rs"]
mod reader;
#[path = "../../src/repository.rs"]
mod repository;
#[path = "../../src/runner/mod.rs"]
mod runner;
#[path = "../../src/update.rs"]
mod update;
#[path = "../../src/watch.rs"]
mod watch;
