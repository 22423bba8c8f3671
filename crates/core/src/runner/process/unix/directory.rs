//! The directory of a session's files: private, opened without following links, its files created exclusively.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::error::{Error, Result};
use crate::repository::file::dir::{Dir, is_link};
use crate::repository::file::owner;
use crate::repository::file::paths::SESSIONS;
use crate::runner::process::unix::alive::{self, AliveFile, LockState};
use crate::runner::process::unix::reserve::Reserve;
use crate::runner::process::unix::tail::Tail;
use crate::runner::process::{Mark, SessionDirectoryNames};

/// The directory of the session's configuration.
const CONFIG: &str = "config";

/// The open directory of a session.
pub struct SessionDirectory {
    dir: Dir,
}

/// The files of a new attempt.
pub struct AttemptFiles {
    /// Locked. The child inherits it.
    pub alive: File,
    /// The output, for the child.
    pub output: File,
    /// The error output, for the child.
    pub errors: File,
}

impl SessionDirectory {
    /// Opens the directory for new attempts, in the group's own directory. Missing ones are created. Fails with
    /// `FOREIGN_OWNER` if one belongs to another user, and with `IO` if one is a link or a file.
    pub fn create(group: &Path, names: &SessionDirectoryNames) -> Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(group)
            .map_err(|source| Error::io(None, group, "creating", source))?;
        let group = open_group(group)?;
        let sessions = open_private(&group, SESSIONS, true)?;
        Ok(Self { dir: open_private(&sessions, &names.current, true)? })
    }

    /// Opens the directory in which the output of an attempt is; `None` if there is none. `group` is the group's directory.
    pub fn of_output(group: &Path, names: &SessionDirectoryNames, attempt: u64) -> Result<Option<Self>> {
        for name in std::iter::once(&names.current).chain(&names.former) {
            let is_missing = |error: &Error| error.io_kind() == Some(io::ErrorKind::NotFound);
            let found =
                open_existing(group, name).and_then(|directory| directory.output(attempt).map(|_| directory));
            match found {
                Err(error) if is_missing(&error) => {}
                directory => return directory.map(Some),
            }
        }
        Ok(None)
    }

    /// Opens the directory in which an attempt was started, and its lock; `None` if it was not.
    pub(super) fn of_attempt(
        group: &Path,
        names: &SessionDirectoryNames,
        attempt: u64,
        mark: Mark,
    ) -> Result<Option<(Self, AliveFile)>> {
        for name in std::iter::once(&names.current).chain(&names.former) {
            let directory = match open_existing(group, name) {
                Err(error) if error.io_kind() == Some(io::ErrorKind::NotFound) => continue,
                directory => directory?,
            };
            if let Some(alive) = directory.open_alive(attempt, mark)? {
                return Ok(Some((directory, alive)));
            }
        }
        Ok(None)
    }

    /// Creates the files of an attempt. Files of an attempt with the same number, which the group no longer has, are set
    /// aside first. Fails with `INVALID_STATE` if its process still runs, and with `IO` if anything else is in the way.
    pub(super) fn create_files(&self, attempt: u64, mark: Mark) -> Result<AttemptFiles> {
        self.set_aside(attempt, mark)?;
        let mut created = Vec::new();
        let mut create = |name: String, create: &dyn Fn(&str) -> io::Result<File>| match create(&name) {
            Ok(file) => {
                created.push(name);
                Ok(file)
            }
            Err(source) => {
                // They would be in the way of another try.
                for name in &created {
                    let _ = self.dir.remove_file(name);
                }
                Err(self.failure(&name, "creating", source))
            }
        };
        Ok(AttemptFiles {
            alive: create(alive::name(attempt), &|_| alive::create(&self.dir, attempt, mark))?,
            output: create(output_name(attempt), &|name| self.dir.create_log(name))?,
            errors: create(errors_name(attempt), &|name| self.dir.create_log(name))?,
        })
    }

    /// Renames the files of a forgotten attempt: of a session that was removed and added again, or of a group that was saved
    /// or restored as it was before. `mark` makes their new names unique.
    fn set_aside(&self, attempt: u64, mark: Mark) -> Result<()> {
        let name = alive::name(attempt);
        // What is no such file stays in the way of the new one, and is reported then.
        let forgotten = AliveFile::open_any(&self.dir, attempt);
        let forgotten = forgotten.map_err(|source| self.failure(&name, "opening", source))?;
        let Some(forgotten) = forgotten else { return Ok(()) };
        match forgotten.state().map_err(|source| self.failure(&name, "reading", source))? {
            LockState::Free => {}
            LockState::Unavailable => return Ok(()),
            LockState::Held => {
                let pids = forgotten
                    .holders()
                    .unwrap_or_default()
                    .iter()
                    .map(|holder| holder.pid.to_string())
                    .collect::<Vec<_>>();
                let pids = if pids.is_empty() { String::new() } else { format!(" ({})", pids.join(", ")) };
                return Err(Error::invalid_state(format!(
                    "cannot start a session: a process{pids} of it runs that the stored group does not know, perhaps \
                     because the group was restored. Wait for its end or end it"
                )));
            }
        }
        // The lock's file last: without it the others would stay in the way.
        for name in [output_name(attempt), errors_name(attempt), name] {
            match self.dir.rename(&name, &self.dir, &format!("{name}.before-{mark}")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(self.failure(&name, "renaming", error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the files of an attempt whose process did not start.
    pub(super) fn remove_files(&self, attempt: u64) {
        for name in [output_name(attempt), errors_name(attempt), alive::name(attempt)] {
            let _ = self.dir.remove_file(&name);
        }
    }

    /// Opens the output of an attempt for reading.
    pub fn output(&self, attempt: u64) -> Result<File> {
        self.open_file(&output_name(attempt))
    }

    /// Opens the error output of an attempt for reading.
    pub fn errors(&self, attempt: u64) -> Result<File> {
        self.open_file(&errors_name(attempt))
    }

    /// Opens the output and the error output of an attempt, to be read while they grow.
    pub(super) fn tails(&self, attempt: u64) -> Result<(Tail, Tail)> {
        let path = |name| self.dir.path().join(name);
        let output = Tail::new(self.output(attempt)?, path(output_name(attempt)));
        Ok((output, Tail::new(self.errors(attempt)?, path(errors_name(attempt)))))
    }

    /// Opens the reserve of an attempt's output.
    pub(super) fn reserve(&self, attempt: u64) -> Result<Reserve> {
        let name = output_name(attempt);
        let file = self.dir.open_appendable(&name).and_then(|file| alive::check(&file).map(|()| file));
        let file = file.map_err(|source| self.failure(&name, "opening", source))?;
        Ok(Reserve::new(file, self.dir.path().join(name)))
    }

    /// Opens the directory of the session's configuration, in this one. It is created if it is missing.
    pub(crate) fn open_config(&self) -> Result<Dir> {
        open_private(&self.dir, CONFIG, true)
    }

    /// Path of the directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn open_alive(&self, attempt: u64, mark: Mark) -> Result<Option<AliveFile>> {
        AliveFile::open(&self.dir, attempt, mark)
            .map_err(|source| self.failure(&alive::name(attempt), "reading", source))
    }

    fn open_file(&self, name: &str) -> Result<File> {
        let file = self.dir.open_file(name).and_then(|file| alive::check(&file).map(|()| file));
        file.map_err(|source| self.failure(name, "opening", source))
    }

    fn failure(&self, name: &str, action: &'static str, source: io::Error) -> Error {
        Error::io(None, &self.dir.path().join(name), action, explain(source))
    }
}

/// Opens the group's directory. Links in front of it are the user's choice.
fn open_group(group: &Path) -> Result<Dir> {
    let parent = group.parent().unwrap_or(group);
    let opened =
        Dir::open(parent).and_then(|parent| match group.file_name().and_then(|name| name.to_str()) {
            Some(name) => parent.open_dir(name),
            None => Ok(parent),
        });
    let dir = opened.map_err(|source| Error::io(None, group, "opening", explain(source)))?;
    check_owner(&dir)?;
    Ok(dir)
}

fn open_existing(group: &Path, name: &str) -> Result<SessionDirectory> {
    let sessions = open_private(&open_group(group)?, SESSIONS, false)?;
    Ok(SessionDirectory { dir: open_private(&sessions, name, false)? })
}

fn open_private(parent: &Dir, name: &str, create: bool) -> Result<Dir> {
    let opened =
        if create { parent.open_or_make_dir(name).map(|(dir, _)| dir) } else { parent.open_dir(name) };
    let path = parent.path().join(name);
    let failed = |source| Error::io(None, &path, "opening", explain(source));
    let dir = opened.map_err(failed)?;
    check_owner(&dir)?;
    if create && !dir.own_stat().map_err(failed)?.is_private() {
        dir.make_private().map_err(failed)?;
    }
    Ok(dir)
}

fn check_owner(dir: &Dir) -> Result<()> {
    let is_ours = dir.own_stat().map(|stat| stat.owned_by_us());
    if is_ours.map_err(|source| Error::io(None, dir.path(), "reading", source))? {
        return Ok(());
    }
    let foreign = owner::if_foreign(None, dir.path(), dir.path());
    Err(foreign
        .unwrap_or_else(|| Error::invalid_state(format!("{} belongs to another user", dir.path().display()))))
}

fn explain(error: io::Error) -> io::Error {
    if is_link(&error) || error.kind() == io::ErrorKind::NotADirectory {
        return io::Error::new(
            error.kind(),
            "it is a link or of another kind, and is not followed; remove it",
        );
    }
    if error.kind() == io::ErrorKind::AlreadyExists {
        return io::Error::new(error.kind(), "it exists, though the attempt is new; remove it");
    }
    error
}

fn output_name(attempt: u64) -> String {
    format!("{attempt}.jsonl")
}

fn errors_name(attempt: u64) -> String {
    format!("{attempt}.err")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::runner::process::directory_names;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use uuid::Uuid;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o7777
    }

    #[test]
    fn everything_is_private() {
        let base = tempfile::tempdir().unwrap();
        let group = base.path().join("state/group");
        std::fs::create_dir_all(group.join("sessions")).unwrap();
        std::fs::set_permissions(group.join("sessions"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let directory = SessionDirectory::create(&group, &directory_names("a", [])).unwrap();
        directory.create_files(1, Mark::new(Uuid::nil())).unwrap();
        assert_eq!((mode(&group.join("sessions")), mode(directory.path())), (0o700, 0o700));
        for name in ["1.alive", "1.jsonl", "1.err"] {
            assert_eq!(mode(&directory.path().join(name)), 0o600, "{name}");
        }
        assert!(directory.output(1).is_ok() && directory.errors(1).is_ok());
    }

    #[test]
    fn links_and_foreign_files_are_refused() {
        let base = tempfile::tempdir().unwrap();
        let elsewhere = base.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        let names = directory_names("a", []);
        let group = base.path().join("group");
        std::fs::create_dir(&group).unwrap();
        symlink(&elsewhere, group.join("sessions")).unwrap();
        assert!(SessionDirectory::create(&group, &names).is_err());
        std::fs::remove_file(group.join("sessions")).unwrap();
        std::fs::create_dir(group.join("sessions")).unwrap();
        symlink(&elsewhere, group.join("sessions/a")).unwrap();
        let error = SessionDirectory::create(&group, &names).err().unwrap();
        assert!(error.to_string().contains("not followed"), "{error}");
        std::fs::remove_file(group.join("sessions/a")).unwrap();
        std::fs::write(group.join("sessions/a"), "").unwrap();
        assert!(SessionDirectory::create(&group, &names).is_err());
        symlink(&group, base.path().join("link")).unwrap();
        assert!(SessionDirectory::create(&base.path().join("link"), &directory_names("b", [])).is_err());
        assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    }

    #[test]
    fn files_of_an_attempt_are_new_ones() {
        let base = tempfile::tempdir().unwrap();
        let directory = SessionDirectory::create(base.path(), &directory_names("a", [])).unwrap();
        let target = base.path().join("target");
        std::fs::write(&target, "precious").unwrap();
        symlink(&target, directory.path().join("1.jsonl")).unwrap();
        std::fs::write(directory.path().join("2.err"), "").unwrap();
        symlink(&target, directory.path().join("3.alive")).unwrap();
        for attempt in 1..=3 {
            let error = directory.create_files(attempt, Mark::new(Uuid::nil())).err().unwrap();
            assert!(error.to_string().contains("the attempt is new"), "{error}");
        }
        assert!(!directory.path().join("1.alive").exists());
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
        assert!(directory.output(1).is_err());
    }

    #[test]
    fn an_attempt_whose_files_cannot_be_created_leaves_none_in_the_way_of_another_try() {
        let base = tempfile::tempdir().unwrap();
        let directory = SessionDirectory::create(base.path(), &directory_names("a", [])).unwrap();
        for name in ["1.alive", "1.jsonl", "1.err"] {
            let obstacle = directory.path().join(name);
            std::fs::create_dir(&obstacle).unwrap();
            assert!(directory.create_files(1, Mark::new(Uuid::nil())).is_err());
            let names = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
            assert_eq!(names.collect::<Vec<_>>(), [name]);
            std::fs::remove_dir(obstacle).unwrap();
        }
        assert!(directory.create_files(1, Mark::new(Uuid::nil())).is_ok());
    }

    #[test]
    fn files_of_a_forgotten_attempt_are_set_aside_unless_its_process_lives() {
        let base = tempfile::tempdir().unwrap();
        let directory = SessionDirectory::create(base.path(), &directory_names("a", [])).unwrap();
        let [first, second] = [1, 2].map(|number| Mark::new(Uuid::from_u128(number)));
        let files = directory.create_files(1, first).unwrap();
        std::fs::write(directory.path().join("1.jsonl"), "first").unwrap();
        let error = directory.create_files(1, second).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidState, "{error}");
        #[cfg(target_os = "linux")]
        assert!(error.to_string().contains(&format!("({})", std::process::id())), "{error}");
        drop(files);
        let _second = directory.create_files(1, second).unwrap();
        let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
        assert_eq!(
            (read("1.jsonl"), read(&format!("1.jsonl.before-{second}"))),
            (String::new(), "first".into())
        );
        assert_eq!(read("1.alive"), second.to_string());
        assert_eq!(read(&format!("1.alive.before-{second}")), first.to_string());
    }
}
