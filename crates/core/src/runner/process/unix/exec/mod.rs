//! Executes a program in a session of its own.

#[cfg(target_os = "linux")]
mod posix_spawn;

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::process::Pid;

use crate::claude::environment::Environment;

/// A program to execute, and what it inherits.
pub struct Start<'a> {
    /// Absolute path of the program.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [OsString],
    /// Its whole environment.
    pub environment: &'a Environment,
    /// The directory to work in.
    pub directory: &'a Path,
    /// Standard input, output and error output.
    pub streams: [OwnedFd; 3],
    /// One more file. All others of this process are close-on-exec.
    pub inherited: OwnedFd,
}

/// Executes a program. It becomes a child that nobody waits for, so that its pid stays its own.
pub fn execute(start: Start<'_>) -> io::Result<Pid> {
    let [input, output, errors] = start.streams;
    let start = Start {
        streams: [
            above_standard_streams(input)?,
            above_standard_streams(output)?,
            above_standard_streams(errors)?,
        ],
        inherited: above_standard_streams(start.inherited)?,
        ..start
    };
    #[cfg(target_os = "linux")]
    if let Some(spawn) = posix_spawn::PosixSpawn::find() {
        return spawn.execute(&start);
    }
    fork(start)
}

/// Copies the memory map of this process, which takes about 75 ms for each GiB.
fn fork(start: Start<'_>) -> io::Result<Pid> {
    let [input, output, errors] = start.streams;
    let mut command = Command::new(start.program);
    command
        .args(start.arguments)
        .env_clear()
        .envs(start.environment.iter())
        .current_dir(start.directory)
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(errors));
    let inherited = start.inherited.as_raw_fd();
    // SAFETY: between fork and exec, only system calls are made: no memory is allocated and no lock is taken. The
    // descriptor is open, because `start` is dropped after the spawn.
    unsafe {
        command.pre_exec(move || {
            rustix::process::setsid()?;
            fcntl_setfd(BorrowedFd::borrow_raw(inherited), FdFlags::empty())?;
            Ok(())
        });
    }
    // Not waited for by the standard library, which would free the pid before the sweep.
    let child = command.spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::Error::other("a child without a pid"))
}

/// Moves a file out of the way of the child's standard streams, which would replace it.
fn above_standard_streams(file: OwnedFd) -> io::Result<OwnedFd> {
    if file.as_raw_fd() > 2 { Ok(file) } else { Ok(fcntl_dupfd_cloexec(file.as_fd(), 3)?) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read;

    fn start<'a>(arguments: &'a [OsString], environment: &'a Environment, output: OwnedFd) -> Start<'a> {
        Start {
            program: Path::new("/bin/sh"),
            arguments,
            environment,
            directory: Path::new("/"),
            streams: [
                File::open("/dev/null").unwrap().into(),
                output,
                File::create("/dev/null").unwrap().into(),
            ],
            inherited: File::open("/dev/zero").unwrap().into(),
        }
    }

    fn wait(pid: Pid) {
        let options = rustix::process::WaitIdOptions::EXITED;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), options).unwrap();
    }

    #[test]
    fn both_ways_give_the_program_the_same_surroundings() {
        let script = r#"echo "$A|$PWD|$1"; ps -o pid=,pgid= -p $$; head -c 4 /proc/self/fd/"$2" | wc -c"#;
        for execute in [execute, fork] {
            let mut environment = Environment::inherit([]);
            environment.set("A", "a variable");
            environment.set("PATH", "/usr/bin:/bin");
            let (mut reader, writer) = io::pipe().unwrap();
            let mut start = start(&[], &environment, writer.into());
            let number = start.inherited.as_raw_fd().to_string();
            let arguments = ["-c", script, "sh", "an argument", &number].map(OsString::from);
            start.arguments = &arguments;
            let pid = execute(start).unwrap();
            let mut output = String::new();
            reader.read_to_string(&mut output).unwrap();
            wait(pid);
            let own = pid.as_raw_nonzero().get().to_string();
            let mut lines = output.lines();
            assert_eq!(lines.next(), Some("a variable|/|an argument"));
            let ids: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
            assert_eq!(ids, [&own, &own], "it leads its own process group");
            if cfg!(target_os = "linux") {
                assert_eq!(lines.next().map(str::trim), Some("4"), "the file was not inherited");
            }
        }
    }

    #[test]
    fn errors_are_those_of_the_execution() {
        for execute in [execute, fork] {
            let environment = Environment::inherit([]);
            let output = || File::create("/dev/null").unwrap().into();
            let missing = Start { program: Path::new("/none"), ..start(&[], &environment, output()) };
            assert_eq!(execute(missing).unwrap_err().kind(), io::ErrorKind::NotFound);
            let directory = Start { program: Path::new("/tmp"), ..start(&[], &environment, output()) };
            assert_eq!(execute(directory).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
            let elsewhere = Start { directory: Path::new("/none"), ..start(&[], &environment, output()) };
            assert_eq!(execute(elsewhere).unwrap_err().kind(), io::ErrorKind::NotFound);
            let arguments = [OsString::from("a\0b")];
            let invalid = start(&arguments, &environment, output());
            assert_eq!(execute(invalid).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
