//! Runs the built program in a directory of its own.

#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "tests, each of which uses a part of this")]

#[cfg(unix)]
pub mod runs;
pub mod stored;

use std::fmt::Display;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A bound for everything that waits. Far above what is needed on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory with a store, a home and projects.
pub struct Sandbox {
    directory: TempDir,
}

/// The outcome of a command.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("shop")).unwrap();
        Self { directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn store(&self) -> PathBuf {
        self.path().join("store")
    }

    /// Writes a file, with the directories above it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes an executable script.
    #[cfg(unix)]
    pub fn write_script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, text);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Installs a stand-in for Claude Code.
    #[cfg(unix)]
    pub fn install_claude(&self) {
        self.write_script("bin/claude", include_str!("claude.sh"));
    }

    /// Writes `demo.group.yaml` with these sessions, of which those of one directory run one after the other.
    pub fn write_plan(&self, sessions: &str) {
        let start = "version: 1\ndefaults: { project: shop }\nexclusiveDirectories: true\nsessions:\n";
        self.write("demo.group.yaml", &format!("{start}{sessions}"));
    }

    /// Value of PATH with the stand-in.
    pub fn search_path(&self) -> String {
        format!("{}:/usr/bin:/bin", self.path().join("bin").display())
    }

    /// Stores a group as another program would.
    pub fn store_group(&self, id: &str, text: &str) {
        self.write(&format!("store/{id}/meta.json"), text);
    }

    /// The program, without the environment of the tests.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_session-groups"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", "/usr/bin:/bin")
            .env("TZ", "UTC")
            .env("SESSION_GROUPS_STORE", self.store())
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.finish(&mut self.command(arguments))
    }

    pub fn run_at_width(&self, width: usize, arguments: &[&str]) -> Run {
        self.finish(self.command(arguments).env("COLUMNS", width.to_string()))
    }

    pub fn finish(&self, command: &mut Command) -> Run {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(self.path().to_str().unwrap(), "[DIR]");
        Run { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }
}

impl Run {
    /// Stdout of a command that succeeded.
    #[track_caller]
    pub fn succeeded(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        self.stdout
    }

    /// Stderr of a command that failed with a code and printed nothing else.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        self.stderr
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// Waits until something is the case.
#[track_caller]
pub fn wait_until<T: Display>(what: impl Fn() -> T, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{}", what());
        std::thread::sleep(Duration::from_millis(20));
    }
}
