//! Whole groups, run with a program that behaves like Claude Code in all the ways that a runner has to survive.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failing test panics")]

mod group_bad_input;
mod group_control;
mod group_crashes;
mod group_driver;
mod group_load;
mod group_requests;
mod group_runs;
mod group_world;
#[allow(dead_code, reason = "shared with the tests of single processes")]
mod support;
