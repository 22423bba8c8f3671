//! Running a group: from the stored group to processes and back.
//!
//! - [`plan`]: the decisions. A state machine that takes facts and returns commands, without input or output.
//! - [`process`]: one process of Claude Code: its command line, its files, its end, and what it leaves behind.

pub mod plan;
pub mod process;
