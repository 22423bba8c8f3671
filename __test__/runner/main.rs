//! Processes of a runner, tried with a program that behaves like Claude Code in all the ways that a runner has to survive.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failing test panics")]

mod bad_input;
mod behaviours;
mod group_bad_input;
mod group_control;
mod group_crashes;
mod group_driver;
mod group_load;
mod group_runs;
mod group_world;
mod matrix;
mod real;
mod single;
mod spawner;
mod support;
