//! A stand-in for Claude Code. `FAKE_BEHAVIOUR` names what it does with the prompt, `FAKE_TURN_MS` how long the turn takes
//! before that, and `FAKE_TURN_GATE` a file for which every turn waits. `FAKE_CONVERSATIONS` is a directory that keeps conversations
//! between processes. Into the file `FAKE_LEDGER` it writes the pid of each process and each total that it printed, and each
//! request that it was billed for.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program of the tests")]

#[cfg(unix)]
mod behaviours;
#[cfg(unix)]
mod conversation;
#[cfg(unix)]
mod fake;
#[cfg(unix)]
mod unix;

#[cfg(unix)]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--version") => println!("2.1.332 (Claude Code)"),
        Some("--tool") => unix::tool(&arguments[1]),
        _ => {
            let behaviour = std::env::var("FAKE_BEHAVIOUR").unwrap_or_else(|_| "answers".to_owned());
            behaviours::run(&behaviour, fake::Fake::new(&arguments));
        }
    }
}

#[cfg(not(unix))]
fn main() {}
