//! Runs of plans with a stand-in for Claude Code.

use std::process::{Child, Command, Stdio};

use super::{Run, Sandbox, wait_until};

/// A directory with a stand-in for Claude Code and a plan of these sessions.
pub fn sandbox(sessions: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.install_claude();
    sandbox.write_plan(sessions);
    sandbox
}

pub fn command(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    command.env("PATH", sandbox.search_path());
    command
}

pub fn run(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    sandbox.finish(&mut command(sandbox, arguments))
}

/// Starts a command that goes on.
pub fn start(sandbox: &Sandbox, arguments: &[&str]) -> Child {
    command(sandbox, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

pub fn end(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

pub fn events(sandbox: &Sandbox) -> String {
    run(sandbox, &["events", "latest", "--jsonl"]).stdout
}

/// Waits until a session uses its tool.
pub fn wait_for_work(sandbox: &Sandbox, session: &str) {
    wait_until(
        || "the session works",
        || run(sandbox, &["logs", "latest", session]).stdout.contains("> Bash"),
    );
}

pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

pub const TWO: &str = "  api: { prompt: Add it }\n  web: { prompt: Use it, dependsOn: [api] }\n";
