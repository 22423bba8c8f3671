//! Starts a process.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::process::Pid;

use crate::claude::environment::Environment;
use crate::claude::input;
use crate::error::{Error, Result};
use crate::runner::process::Mark;
use crate::runner::process::unix::alive::AliveFile;
use crate::runner::process::unix::child::Child;
use crate::runner::process::unix::directory::{AttemptFiles, SessionDirectory};
use crate::runner::process::unix::input::InputPipe;
use crate::runner::process::unix::table::{self, Entry};
use crate::runner::process::unix::tail::Tail;

/// The variable that tells hooks and people which session a process belongs to.
const SESSION_VARIABLE: &str = "SESSION_GROUPS_SESSION";

/// A process to start.
#[derive(Clone, Copy)]
pub struct Launch<'a> {
    /// Absolute path of `claude`.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [OsString],
    /// Its environment, to which the marks are added.
    pub environment: &'a Environment,
    /// The directory to work in, an absolute path.
    pub project: &'a Path,
    /// The prompt.
    pub prompt: &'a str,
    /// The session's directory.
    pub directory: &'a SessionDirectory,
    /// Number of the attempt.
    pub attempt: u64,
    /// Mark of the attempt.
    pub mark: Mark,
    /// The session's name for people: `{group}/{session}`.
    pub label: &'a str,
}

/// A process that was started.
pub struct Spawned {
    pub child: Child,
    pub entry: Entry,
    pub alive: AliveFile,
    pub input: InputPipe,
    pub output: Tail,
    pub errors: Tail,
}

/// Starts a process and queues its prompt. Nothing is left behind if that fails.
pub fn spawn(launch: &Launch<'_>) -> Result<Spawned> {
    let prompt = input::user_message(launch.prompt)?;
    let files = launch.directory.create_files(launch.attempt, launch.mark)?;
    let spawned = spawn_with(launch, files);
    if spawned.is_err() {
        launch.directory.remove_files(launch.attempt);
    }
    let mut spawned = spawned?;
    spawned.input.push(&prompt);
    spawned.input.flush();
    Ok(spawned)
}

fn spawn_with(launch: &Launch<'_>, files: AttemptFiles) -> Result<Spawned> {
    let output = Tail::new(launch.directory.output(launch.attempt)?);
    let errors = Tail::new(launch.directory.errors(launch.attempt)?);
    let alive = launch.directory.open_alive(launch.attempt, launch.mark)?;
    let alive = alive.ok_or_else(|| Error::internal("the file of the lock is gone"))?;
    let failed = |source| Error::io(None, launch.program, "starting", source);
    let (reader, writer) = io::pipe().map_err(failed)?;
    let input = InputPipe::new(writer).map_err(failed)?;
    let mut environment = launch.environment.clone();
    environment.set(launch.mark.variable(), "1");
    environment.set(SESSION_VARIABLE, launch.label);
    let lock = above_standard_streams(files.alive).map_err(failed)?;
    let mut command = Command::new(launch.program);
    command
        .args(launch.arguments)
        .env_clear()
        .envs(environment.iter())
        .current_dir(launch.project)
        .stdin(Stdio::from(OwnedFd::from(reader)))
        .stdout(Stdio::from(files.output))
        .stderr(Stdio::from(files.errors));
    let inherited = lock.as_raw_fd();
    // SAFETY: between fork and exec, only system calls are made: no memory is allocated and no lock is taken. The
    // descriptor is open, because `lock` is dropped after the spawn.
    unsafe {
        command.pre_exec(move || {
            rustix::process::setsid()?;
            fcntl_setfd(BorrowedFd::borrow_raw(inherited), FdFlags::empty())?;
            Ok(())
        });
    }
    // Not waited for by the standard library, which would free the pid before the sweep.
    let spawned = command.spawn().map_err(|source| explain(launch, source))?;
    // Otherwise the lock would outlive the child.
    drop(lock);
    let pid = i32::try_from(spawned.id()).ok().and_then(Pid::from_raw);
    let child = Child::new(pid.ok_or_else(|| Error::internal("a child without a pid"))?);
    let entry = table::entry(child.pid()).ok_or_else(|| {
        child.signal(rustix::process::Signal::KILL);
        Error::internal("a child that is not in the table of processes")
    })?;
    Ok(Spawned { child, entry, alive, input, output, errors })
}

/// Moves a file out of the way of the child's standard streams, which would replace it.
fn above_standard_streams(file: File) -> io::Result<OwnedFd> {
    if file.as_raw_fd() > 2 { Ok(file.into()) } else { Ok(fcntl_dupfd_cloexec(file.as_fd(), 3)?) }
}

fn explain(launch: &Launch<'_>, source: io::Error) -> Error {
    if !launch.project.is_dir() {
        let project = launch.project.display();
        return Error::invalid_state(format!(
            "cannot start a session in {project}: {source}. Change projectPath"
        ));
    }
    Error::io(None, launch.program, "starting", source)
}
