//! Starts a process.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Instant;

use crate::claude::environment::Environment;
use crate::claude::input;
use crate::error::{Error, Remedy, Result};
use crate::model::run::ProcessIdentity;
use crate::runner::process::Mark;
use crate::runner::process::unix::alive::AliveFile;
use crate::runner::process::unix::child::Child;
use crate::runner::process::unix::directory::{AttemptFiles, SessionDirectory};
use crate::runner::process::unix::exec::{Start, execute};
use crate::runner::process::unix::identity::{cannot_look, identity_of};
use crate::runner::process::unix::input::InputPipe;
use crate::runner::process::unix::reserve::Reserve;
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
    pub identity: ProcessIdentity,
    pub alive: AliveFile,
    pub input: InputPipe,
    pub output: Tail,
    pub errors: Tail,
    pub reserve: Reserve,
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
    let (output, errors) = launch.directory.tails(launch.attempt)?;
    let mut reserve = launch.directory.reserve(launch.attempt)?;
    let reserved = reserve.keep(0, Instant::now());
    reserved.map_err(|source| Error::output_failed(reserve.path(), source))?;
    let alive = launch.directory.open_alive(launch.attempt, launch.mark)?;
    let alive = alive.ok_or_else(|| Error::internal("the file of the lock is gone"))?;
    let failed = |source| Error::io(None, launch.program, "starting", source);
    let (reader, writer) = io::pipe().map_err(failed)?;
    let input = InputPipe::new(writer).map_err(failed)?;
    let mut environment = launch.environment.clone();
    environment.set(launch.mark.variable(), "1");
    environment.set(SESSION_VARIABLE, launch.label);
    let start = Start {
        program: launch.program,
        arguments: launch.arguments,
        environment: &environment,
        directory: launch.project,
        streams: [reader.into(), files.output.into(), files.errors.into()],
        // Closed here by the spawn: otherwise the lock would outlive the child.
        inherited: files.alive.into(),
    };
    let child = Child::new(execute(start).map_err(|source| explain(launch, source))?);
    let known = known(&child).inspect_err(|_| child.signal(rustix::process::Signal::KILL));
    let (entry, identity) = known?;
    Ok(Spawned { child, entry, identity, alive, input, output, errors, reserve })
}

/// Returns what is known of a child that was just started.
fn known(child: &Child) -> Result<(Entry, ProcessIdentity)> {
    let entry = table::entry(child.pid()).map_err(cannot_look)?;
    let entry = entry.ok_or_else(|| Error::internal("a child that is not in the table of processes"))?;
    Ok((entry, identity_of(entry).map_err(cannot_look)?))
}

fn explain(launch: &Launch<'_>, source: io::Error) -> Error {
    if !launch.project.is_dir() {
        return Error::unusable_project(launch.project, source, Remedy::ChangeProject);
    }
    Error::io(None, launch.program, "starting", source)
}
