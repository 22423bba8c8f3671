//! Running a group: from the stored group to processes and back.
//!
//! - [`plan`]: the decisions. A state machine that takes facts and returns commands, without input or output.

pub mod plan;
