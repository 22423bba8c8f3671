//! All knowledge of Claude Code: what it prints becomes the progress and the accounts of its session.

mod accounts;
mod counters;
mod line;
mod lines;
mod messages;
mod outcome;
mod stream;
mod tokens;
mod tools;

pub use stream::{ClaudeStream, Exit};
