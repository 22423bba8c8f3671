//! Groups of coding-agent sessions: the data model, a durable store, and the accounting of what sessions cost.
//!
//! - [`model`]: what a session group is. Pure data and rules.
//! - [`progress`]: the progress of one session and of a group.
//! - [`claude`]: the output of a running session becomes its progress.
//! - [`repository`]: where groups are kept, in memory or in files that several processes share.
//! - [`error`]: every way to fail, with its code.
//! - [`json`]: JSON text, read and edited in place.

pub mod claude;
pub mod error;
pub mod executor;
pub mod json;
pub mod model;
pub mod progress;
pub mod repository;

pub use error::{Error, Result};
