//! The addon that Node and Bun load: the only place that knows JavaScript. Arguments are checked and turned into the
//! core's types, the core is called, and its answer is turned back.

mod ahead;
mod answer;
mod args;
mod bridge;
mod classes;
mod constants;
mod error;
mod functions;
mod host;
mod js;
mod json;
mod kept;
mod progress;
mod promise;
mod reader;
mod repository;
mod runner;
mod update;
mod watch;
