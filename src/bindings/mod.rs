//! The only place that knows JavaScript. Thin: arguments are checked and turned into the core's types, the core is
//! called, its answer turned back. Nothing is decided here that a Rust program would have to decide again.

mod args;
mod claude_stream;
mod constants;
mod error;
mod file_group_repository;
mod functions;
mod in_memory_group_repository;
mod js;
#[cfg(feature = "test-panics")]
mod panics;
mod progress;
mod progress_aggregator;
mod promise;
mod reader;
mod update;
