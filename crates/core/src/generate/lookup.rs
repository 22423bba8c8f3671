//! The places of templates.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use crate::claude::environment::Environment;
use crate::error::{Error, Remedy, Result};

/// The largest template, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A place in which a template may be.
struct Place {
    path: PathBuf,
    /// The directory that the template may not be outside of, by a link.
    within: Option<PathBuf>,
}

/// Finds a template by its name or path, and reads it. Fails with `INVALID_TEMPLATE`, which says where it was looked for.
///
/// An absolute path is used as it is. A path that begins with `./` is looked for in the project, then in the working
/// directory. A name is looked for in `.session-groups/templates` of the project, then in `session-groups/templates` and
/// `claude-code-agent/templates` of the user's configuration directory.
pub fn find(name: &str, project: &Path, environment: &Environment) -> Result<(PathBuf, String)> {
    let places = places(name, project, environment)?;
    for place in &places {
        // A link is followed: where the user's templates are is the user's choice.
        let Ok(metadata) = place.path.metadata() else { continue };
        let unreadable = |reason: &str| Error::unreadable_template(&place.path, reason);
        if !metadata.is_file() {
            return Err(unreadable("it is not a file"));
        }
        if metadata.len() > MAX_BYTES {
            return Err(unreadable("it is larger than 1 MiB"));
        }
        if place.within.as_ref().is_some_and(|directory| !is_within(&place.path, directory)) {
            return Err(unreadable("it is a link to a file outside of the project"));
        }
        return Ok((place.path.clone(), read(&place.path)?));
    }
    let looked_in: Vec<_> = places.iter().map(|place| place.path.display().to_string()).collect();
    let message = format!("there is no template {name:?}. Looked for {}", looked_in.join(", "));
    Err(Error::no_template(message).with_remedy(Remedy::CreateTemplate))
}

fn places(name: &str, project: &Path, environment: &Environment) -> Result<Vec<Place>> {
    let path = Path::new(name);
    let in_project = |path: PathBuf| Place { path: project.join(path), within: Some(project.to_owned()) };
    if path.is_absolute() {
        return Ok(vec![Place { path: path.to_owned(), within: None }]);
    }
    if name.starts_with("./") {
        let mut places = vec![in_project(path.to_owned())];
        let working_directory = std::env::current_dir().ok();
        places.extend(working_directory.map(|directory| Place { path: directory.join(path), within: None }));
        return Ok(places);
    }
    let is_name = !name.trim().is_empty()
        && !name.contains('\0')
        && path.components().all(|component| matches!(component, Component::Normal(_)));
    if !is_name {
        let message = format!(
            "{name:?} is not the name of a template: use a name, a path that begins with ./, or an absolute path"
        );
        return Err(Error::no_template(message));
    }
    let mut places = vec![in_project(Path::new(".session-groups").join("templates").join(path))];
    for program in ["session-groups", "claude-code-agent"] {
        let directory = config_home(environment).map(|home| home.join(program).join("templates"));
        places.extend(directory.map(|directory| Place { path: directory.join(path), within: None }));
    }
    Ok(places)
}

/// Returns the user's directory of configuration: `$XDG_CONFIG_HOME`, else `~/.config`.
fn config_home(environment: &Environment) -> Option<PathBuf> {
    let absolute = |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))
}

fn is_within(path: &Path, directory: &Path) -> bool {
    let canonical = path.canonicalize().ok().zip(directory.canonicalize().ok());
    canonical.is_some_and(|(path, directory)| path.starts_with(directory))
}

fn read(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let file = open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    file.map_err(|error| Error::unreadable_template(path, error))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        let line = valid.matches('\n').count() + 1;
        Error::invalid_template(path, line, "", "is not UTF-8")
    })
}

/// Opens a file without waiting for the writer of a pipe that has taken its place.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NONBLOCK.bits();
        options.custom_flags(flags.cast_signed());
    }
    options.open(path)
}
