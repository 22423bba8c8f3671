//! Groups of coding-agent sessions: what a group is, where it is kept, and how far it is.
//!
//! - [`group`]: what a session group is. Pure data and rules.
//! - [`stream`]: the output of a running session becomes its progress.
//! - [`repository`]: where groups are kept, in memory or in files that several processes share.
//! - [`error`]: every way to fail, with its code.
//! - [`json`]: JSON text, looked into without being rebuilt.
//! - `bindings`: the only place that knows JavaScript.

// Tested from JavaScript: in `cargo test` no host would call them.
#[cfg(all(feature = "bindings", not(test)))]
mod bindings;
pub mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod group;
pub mod json;
pub mod repository;
pub mod stream;

pub use error::{Error, Result};
