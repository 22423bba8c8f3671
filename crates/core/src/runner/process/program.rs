//! The program `claude`: where it is, and which version.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::claude::ClaudeVersion;
use crate::claude::environment::Environment;
use crate::error::{Error, Result, is_shortage};

/// The variable that names the program.
const VARIABLE: &str = "SESSION_GROUPS_CLAUDE";
/// The program's name in PATH.
const NAME: &str = "claude";
/// Maximum time for `claude --version`.
const VERSION_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum length of its answer that is read, in bytes.
const MAX_ANSWER: usize = 4096;

/// Places to look for the program.
#[derive(Debug, Clone, Copy)]
pub struct ProgramSearch<'a> {
    /// The path that the caller gave, the option `claudePath`.
    pub path: Option<&'a Path>,
    /// The runner's environment.
    pub environment: &'a Environment,
    /// The projects of all sessions. A program in one of them is never found by PATH.
    pub projects: &'a [&'a Path],
}

/// The program `claude` of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
}

impl Program {
    /// Finds the program. Fails with `CLAUDE_NOT_FOUND`, which says where it was looked for, and with `IO` if the machine lacks
    /// something for that, such as memory.
    ///
    /// ```
    /// use session_groups::claude::environment::Environment;
    /// use session_groups::runner::process::{Program, ProgramSearch};
    ///
    /// let environment = Environment::inherit([("PATH".into(), "".into())]);
    /// let search = ProgramSearch { path: None, environment: &environment, projects: &[] };
    /// assert_eq!(Program::find(&search).unwrap_err().code(), "CLAUDE_NOT_FOUND");
    /// ```
    pub fn find(search: &ProgramSearch<'_>) -> Result<Self> {
        if let Some(path) = search.path {
            return Self::at(path, "the given path");
        }
        if let Some(path) = search.environment.get(VARIABLE).filter(|path| !path.is_empty()) {
            return Self::at(Path::new(path), VARIABLE);
        }
        let path = search.environment.get("PATH").unwrap_or_default();
        let projects = search.projects.iter().map(|project| canonical(project));
        let projects: Vec<PathBuf> = projects.collect::<Result<_>>()?;
        let mut looked_at = Vec::new();
        let mut seen = HashSet::new();
        for directory in std::env::split_paths(path).filter(|directory| seen.insert(directory.clone())) {
            let shown = directory.display();
            if !directory.is_absolute() {
                looked_at.push(format!("{shown:?} (skipped: not an absolute path)"));
                continue;
            }
            let resolved = canonical(&directory)?;
            if projects.iter().any(|project| resolved.starts_with(project)) {
                looked_at.push(format!("{shown} (skipped: inside a session's project)"));
            } else if is_executable(&directory.join(NAME))? {
                return Ok(Self { path: directory.join(NAME) });
            } else {
                looked_at.push(shown.to_string());
            }
        }
        let looked_at =
            if looked_at.is_empty() { "nowhere, PATH is empty".to_owned() } else { looked_at.join(", ") };
        let message = format!("cannot find the program `claude`. Looked in: {looked_at}");
        let remedy = format!("Install Claude Code, or set {VARIABLE} to its path");
        Err(Error::claude_not_found(message).with_remedy(remedy))
    }

    fn at(path: &Path, from: &str) -> Result<Self> {
        let absolute = known(path, std::path::absolute(path))?;
        if let Some(path) = absolute
            && is_executable(&path)?
        {
            return Ok(Self { path });
        }
        Err(Error::claude_not_found(format!(
            "cannot use {from} as `claude`: {} is not an executable file",
            path.display()
        )))
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks the program for its version. Blocks; asked once as long as the file stays the same. Fails with
    /// `CLAUDE_NOT_FOUND` if the program prints no version, and with `IO` if it cannot be started because the machine lacks
    /// something: file descriptors, processes or memory.
    pub fn version(&self, environment: &Environment) -> Result<ClaudeVersion> {
        static KNOWN: LazyLock<Mutex<HashMap<FileState, ClaudeVersion>>> = LazyLock::new(Mutex::default);
        let state = FileState::of(&self.path);
        let known = state.as_ref().and_then(|state| lock(&KNOWN).get(state).copied());
        if let Some(version) = known {
            return Ok(version);
        }
        let answer = self.ask(environment)?;
        lock(&KNOWN).extend(state.map(|state| (state, answer)));
        Ok(answer)
    }

    fn ask(&self, environment: &Environment) -> Result<ClaudeVersion> {
        let failed = |source: io::Error| {
            if is_shortage(&source) {
                // As for the start of a session.
                return Error::io(None, &self.path, "starting", source);
            }
            self.unusable(&format!("did not start: {source}"))
        };
        let mut child = Command::new(&self.path)
            .arg("--version")
            .env_clear()
            .envs(environment.iter())
            // Not in a project, whose files could change what runs.
            .current_dir(self.path.parent().unwrap_or(Path::new("/")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let deadline = Instant::now() + VERSION_TIMEOUT;
        while child.try_wait().map_err(failed)?.is_none() {
            if Instant::now() >= deadline {
                let _ = child.kill();
                let _ = child.wait();
                return Err(self.unusable(&format!("did not end within {} s", VERSION_TIMEOUT.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut answer = [0; MAX_ANSWER];
        let read = child.stdout.take().map_or(Ok(0), |stdout| read_now(stdout, &mut answer));
        let length = read.map_err(failed)?;
        let answer = String::from_utf8_lossy(&answer[..length]);
        ClaudeVersion::parse(&answer).ok_or_else(|| {
            let answer = crate::json::shortened(answer.trim(), 80);
            self.unusable(&format!("printed no version, but {answer:?}"))
        })
    }

    fn unusable(&self, reason: &str) -> Error {
        let path = self.path.display();
        Error::claude_not_found(format!(
            "cannot use {path}: `{path} --version` {reason}. It must be the path of Claude Code"
        ))
    }
}

/// Reads what is in a pipe, which a process that was left behind may hold open.
fn read_now(mut pipe: ChildStdout, buffer: &mut [u8]) -> io::Result<usize> {
    #[cfg(unix)]
    {
        use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
    }
    match pipe.read(buffer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        read => read,
    }
}

/// The state of a file, by which a changed one is noticed.
#[derive(PartialEq, Eq, Hash)]
struct FileState {
    path: PathBuf,
    size: u64,
    modified: SystemTime,
}

impl FileState {
    fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        Some(Self { path: path.to_owned(), size: metadata.len(), modified: metadata.modified().ok()? })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The result of a look at a path; `None` if there is nothing to see. What cannot be looked at for want of something may be there.
fn known<T>(path: &Path, look: io::Result<T>) -> Result<Option<T>> {
    match look {
        Err(error) if is_shortage(&error) => Err(Error::io(None, path, "looking at", error)),
        look => Ok(look.ok()),
    }
}

fn canonical(path: &Path) -> Result<PathBuf> {
    Ok(known(path, path.canonicalize())?.unwrap_or_else(|| path.to_owned()))
}

fn is_file(path: &Path) -> Result<bool> {
    Ok(known(path, path.metadata())?.is_some_and(|metadata| metadata.is_file()))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> Result<bool> {
    let access = rustix::fs::access(path, rustix::fs::Access::EXEC_OK);
    Ok(is_file(path)? && known(path, access.map_err(io::Error::from))?.is_some())
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> Result<bool> {
    Ok(is_file(path)? || is_file(&path.with_extension("exe"))?)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[allow(clippy::unwrap_used, reason = "a failing test panics")]
    fn program(directory: &Path, text: &str) -> PathBuf {
        std::fs::create_dir_all(directory).unwrap();
        let path = directory.join(NAME);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn find(path: &str, variable: &str, projects: &[&Path]) -> Result<Program> {
        let variables = [("PATH", path), (VARIABLE, variable)];
        let environment = Environment::inherit(variables.map(|(name, value)| (name.into(), value.into())));
        Program::find(&ProgramSearch { path: None, environment: &environment, projects })
    }

    #[test]
    fn a_program_inside_a_project_or_by_a_relative_entry_is_not_found() {
        let base = tempfile::tempdir().unwrap();
        let project = base.path().join("project");
        program(&project.join("bin"), "");
        let good = program(&base.path().join("bin"), "");
        std::os::unix::fs::symlink(project.join("bin"), base.path().join("link")).unwrap();
        let path = format!("{0}/project/bin::bin:.:{0}/link:{0}/none:{0}/bin", base.path().display());
        assert_eq!(find(&path, "", &[&project]).unwrap().path(), good);
        let path = format!("{0}/project/bin::bin:.:{0}/link", base.path().display());
        let error = find(&path, "", &[&project]).unwrap_err();
        assert_eq!(error.code(), "CLAUDE_NOT_FOUND");
        assert!(error.to_string().contains("inside a session's project"), "{error}");
        // A path that the caller names is the caller's decision.
        let named = project.join("bin/claude");
        assert_eq!(find("", named.to_str().unwrap(), &[&project]).unwrap().path(), named);
    }

    #[test]
    fn what_cannot_be_executed_is_not_found() {
        let base = tempfile::tempdir().unwrap();
        let path = program(base.path(), "");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(find(base.path().to_str().unwrap(), "", &[]).is_err());
        assert!(find("", path.to_str().unwrap(), &[]).is_err());
        assert!(find("", base.path().to_str().unwrap(), &[]).is_err());
        assert!(find("", "", &[]).unwrap_err().to_string().contains("SESSION_GROUPS_CLAUDE"));
    }

    #[test]
    fn a_program_that_prints_nothing_and_leaves_a_process_behind_is_not_waited_for() {
        let base = tempfile::tempdir().unwrap();
        let path = program(base.path(), "#!/bin/sh\nsleep 600 &\necho $! > \"$(dirname \"$0\")/pid\"\n");
        let error = Program::at(&path, "the given path").unwrap().version(&Environment::of_process());
        let pid = std::fs::read_to_string(base.path().join("pid")).unwrap();
        Command::new("kill").arg(pid.trim()).status().unwrap();
        assert!(error.unwrap_err().to_string().contains("printed no version"));
    }

    #[test]
    fn the_version_is_asked_once_per_file() {
        let base = tempfile::tempdir().unwrap();
        let count = base.path().join("count");
        let text = |version: &str| {
            format!("#!/bin/sh\necho x >> {}\necho '{version} (Claude Code)'\n", count.display())
        };
        let path = program(base.path(), &text("2.1.332"));
        let environment = Environment::of_process();
        let program_at = Program::at(&path, "the given path").unwrap();
        for _ in 0..2 {
            assert_eq!(program_at.version(&environment).unwrap(), ClaudeVersion::new(2, 1, 332));
        }
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
        program(base.path(), &text("2.0.0"));
        assert_eq!(program_at.version(&environment).unwrap(), ClaudeVersion::new(2, 0, 0));
        program(base.path(), "#!/bin/sh\necho hello\n");
        let error = program_at.version(&environment).unwrap_err();
        assert!(error.to_string().contains("printed no version"), "{error}");
    }

    #[test]
    fn a_program_that_cannot_be_started_for_want_of_descriptors_is_not_missing() {
        use crate::runner::process::alone::{is_alone, take_all_descriptors};

        const NAME: &str = "a_program_that_cannot_be_started_for_want_of_descriptors_is_not_missing";
        if !is_alone(module_path!(), NAME) {
            return;
        }
        let base = tempfile::tempdir().unwrap();
        let path = program(base.path(), "#!/bin/sh\necho 2.1.332\n");
        let environment = Environment::of_process();
        let search = ProgramSearch { path: Some(&path), environment: &environment, projects: &[] };
        let taken = take_all_descriptors();
        let error = Program::find(&search).and_then(|found| found.version(&environment)).unwrap_err();
        drop(taken);
        assert!(error.is_of_shortage() && error.code() == "IO", "{error}");
        assert_eq!(error.path(), Some(&*path));
        let version = Program::find(&search).unwrap().version(&environment);
        assert_eq!(version.unwrap(), ClaudeVersion::new(2, 1, 332));
    }
}
