//! Usage limits of accounts, shared between groups and later runs by a file, `.limits.json`. It is replaced as a whole,
//! under a lock of its own.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::claude::environment::Environment;
use crate::model::time::IsoTime;
use crate::runner::plan::Wall;

/// The file in the store, or beside the directories of the sessions.
const FILE: &str = ".limits.json";

/// Maximum size of the file that is read, in bytes. A larger one is not ours.
const MAX_SIZE: u64 = 1 << 20;

/// A usage limit of an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Limit {
    /// Its end.
    until: IsoTime,
}

type Limits = BTreeMap<String, Limit>;

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// It may be used.
    No,
    /// It may not be used before that time.
    Until(Wall),
}

/// The usage limits that runners on this machine know. The file is a help, not a promise: what cannot be read or written is
/// as if nothing were known.
#[derive(Debug)]
pub struct SharedLimits {
    path: PathBuf,
    account: String,
    /// The limit of the account in the file when it was read or written last, be it over or not.
    seen: Option<Wall>,
    /// The limit of the account as this runner knows it.
    known: Option<Wall>,
}

impl SharedLimits {
    /// The limits in a directory, for the account that an environment names.
    pub fn new(directory: &Path, environment: &Environment) -> Self {
        let account = account(environment);
        Self { path: directory.join(FILE), account, seen: None, known: None }
    }

    /// Returns the account's limit if another runner has changed it.
    pub fn changed(&mut self, now: Wall) -> Option<Limited> {
        // The file is small. Its time would not tell one of two changes within a step of the clock.
        let stored = read(&self.path).get(&self.account).map(Limit::until);
        if std::mem::replace(&mut self.seen, stored) == stored {
            return None;
        }
        let stored = stored.filter(|until| *until > now);
        let limited = stored.map_or(Limited::No, Limited::Until);
        (stored != std::mem::replace(&mut self.known, stored)).then_some(limited)
    }

    /// Tells other runners of the account's limit.
    pub fn share(&mut self, until: Option<Wall>, now: Wall) {
        self.known = until;
        if self.write(until, now).is_ok() {
            self.seen = until;
        }
    }

    fn write(&self, until: Option<Wall>, now: Wall) -> io::Result<()> {
        let _lock = self.lock()?;
        let mut limits = read(&self.path);
        limits.retain(|_, limit| limit.until() > now);
        match until {
            Some(until) => drop(limits.insert(self.account.clone(), Limit::new(until))),
            None => drop(limits.remove(&self.account)),
        }
        let text = serde_json::to_string_pretty(&limits)?;
        let new = self.path.with_extension(format!("{}.tmp", std::process::id()));
        let written = private(OpenOptions::new().write(true).create(true).truncate(true))
            .open(&new)
            .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
            .and_then(|()| std::fs::rename(&new, &self.path));
        if written.is_err() {
            let _ = std::fs::remove_file(&new);
        }
        written
    }

    /// Held for the time of a small write.
    fn lock(&self) -> io::Result<File> {
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let path = self.path.with_extension("lock");
        let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(path)?;
        file.lock()?;
        Ok(file)
    }
}

impl Limit {
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of this millennium are exact")]
    fn new(until: Wall) -> Self {
        Self { until: IsoTime::of_unix_ms(until.0 as f64) }
    }

    fn until(&self) -> Wall {
        Wall(crate::model::number::to_whole(self.until.unix_ms()))
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn read(path: &Path) -> Limits {
    let is_small = path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MAX_SIZE);
    let text = is_small.then(|| std::fs::read_to_string(path).ok()).flatten();
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Names the account: by a hash of the API key, else of the directory of the login.
fn account(environment: &Environment) -> String {
    let variables =
        ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CONFIG_DIR", "HOME"];
    let is_set = |name: &&str| environment.get(name).is_some_and(|value| !value.is_empty());
    let name = variables.into_iter().find(is_set).unwrap_or("none");
    let value = environment.get(name).unwrap_or_default();
    let hash = xxhash_rust::xxh3::xxh3_128(&[name.as_bytes(), b"=", value.as_encoded_bytes()].concat());
    format!("{hash:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str, value: &str) -> Environment {
        Environment::inherit([(name.into(), value.into())])
    }

    #[test]
    fn a_limit_is_known_to_other_runners_of_the_account_until_it_ends() {
        let directory = tempfile::tempdir().unwrap();
        let limits = |value| SharedLimits::new(directory.path(), &environment("ANTHROPIC_API_KEY", value));
        let (mut one, mut two, mut foreign) = (limits("one"), limits("one"), limits("other"));
        assert_eq!(two.changed(Wall(0)), None);
        one.share(Some(Wall(5_000)), Wall(0));
        assert_eq!(one.changed(Wall(0)), None);
        assert_eq!(two.changed(Wall(0)), Some(Limited::Until(Wall(5_000))));
        assert_eq!((two.changed(Wall(0)), foreign.changed(Wall(0))), (None, None));
        assert_eq!(limits("one").changed(Wall(6_000)), None);
        one.share(None, Wall(0));
        assert_eq!(limits("one").changed(Wall(0)), None);
        let text = std::fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert!(!text.contains("one"), "{text}");
    }

    #[test]
    fn a_change_right_after_the_own_one_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let limits = || SharedLimits::new(directory.path(), &environment("HOME", "/home/me"));
        let (mut one, mut two) = (limits(), limits());
        one.share(Some(Wall(5_000)), Wall(0));
        let path = directory.path().join(FILE);
        let written = path.metadata().unwrap().modified().unwrap();
        two.share(Some(Wall(9_000)), Wall(0));
        // As if the clock of the file system had not moved on.
        OpenOptions::new().write(true).open(path).unwrap().set_modified(written).unwrap();
        assert_eq!(one.changed(Wall(0)), Some(Limited::Until(Wall(9_000))));
        assert_eq!((one.changed(Wall(0)), two.changed(Wall(0))), (None, None));
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE), "{ torn").unwrap();
        let mut limits = SharedLimits::new(directory.path(), &environment("HOME", "/home/me"));
        assert_eq!(limits.changed(Wall(0)), None);
        limits.share(Some(Wall(9)), Wall(0));
        let mut later = SharedLimits::new(directory.path(), &environment("HOME", "/home/me"));
        assert_eq!(later.changed(Wall(0)), Some(Limited::Until(Wall(9))));
    }
}
