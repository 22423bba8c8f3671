//! Processes of a runner, tried with a program that behaves like Claude Code in all the ways that a runner has to survive.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failing test panics")]

mod bad_input;
mod behaviours;
mod facts;
mod matrix;
mod real;
mod single;
mod spawner;
mod support;
