//! Helpers of tests: a process that bears a mark, and tests that use up what a process has.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

use std::fs::File;
use std::process::{Child, Command, Stdio};

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::runner::process::{Mark, find_marked};

/// Starts a process that sleeps and bears a mark. Its environment can be read a moment after its start: the kernel lets the parent
/// go on before.
pub fn sleep_with(mark: Mark) -> Child {
    let mut sleep = Command::new("sleep");
    let sleep = sleep.arg("600").env(mark.variable(), "1").env("SESSION_GROUPS_SESSION", "group/session");
    let child = sleep.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while find_marked(mark).unwrap().is_empty() {}
    child
}

/// Returns `true` in a process that runs one test alone. Otherwise runs that test in one, since others need descriptors.
pub fn is_alone(module: &str, test: &str) -> bool {
    if std::env::args().any(|argument| argument.ends_with(test)) {
        return true;
    }
    let (_, module) = module.split_once("::").unwrap();
    let mut alone = Command::new(std::env::current_exe().unwrap());
    let output = alone.arg("--exact").arg(format!("{module}::{test}")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    false
}

/// Takes all file descriptors that this process may still open.
pub fn take_all_descriptors() -> Vec<File> {
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: Some(64) }).unwrap();
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    taken
}
