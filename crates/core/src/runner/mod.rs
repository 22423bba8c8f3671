//! Runs the sessions of a group.

pub mod process;
