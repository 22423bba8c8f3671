//! A checked plan file becomes a session group.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use session_groups::model::config::GroupConfig;
use session_groups::model::run::PlanSource;
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupId, GroupSession, SessionGroup};

use crate::plan_file::Source;
use crate::plan_file::dependencies::{resolve, warn_of_shared_directories, without_repeated_ids};
use crate::plan_file::expression::{GivenVariables, Variables};
use crate::plan_file::files::Files;
use crate::plan_file::matrix;
use crate::plan_file::node::{Entry, Node, Place, Value};
use crate::plan_file::problem::{Problem, Problems};
use crate::plan_file::record::{group_config, group_defaults, text};
use crate::plan_file::session::{Planned, SessionReader};
use crate::plan_file::shape::{DEFAULTS, Key, PLAN_KEYS};
use crate::plan_file::sound::SoundPart;
use crate::suggest::did_you_mean;

/// Maximum number of sessions of a plan.
pub const MAX_SESSIONS: usize = 10_000;

/// The permission modes of Claude Code 2.0.0 to 2.1.332.
const PERMISSION_MODES: &[&str] =
    &["acceptEdits", "auto", "bypassPermissions", "default", "delegate", "dontAsk", "manual", "plan"];

/// Endings of the names of plan files, which are not part of the group's name.
const ENDINGS: &[&str] = &[".yaml", ".yml", ".json"];

/// A compiled plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name of the group.
    pub name: String,
    /// Configuration of the group.
    pub config: GroupConfig,
    /// The sessions, not started.
    pub sessions: Vec<GroupSession>,
    /// The file and the values of its variables.
    pub source: PlanSource,
    /// Things to look at that are no errors.
    pub warnings: Vec<Problem>,
    /// The places of each session in the file.
    pub places: Vec<SessionPlaces>,
    /// The variables with a value that the plan does not use.
    pub unused_variables: Vec<String>,
}

/// The places of a session in a file.
#[derive(Debug, Clone)]
pub struct SessionPlaces {
    /// The session's key.
    pub key: Place,
    /// The name of its template, its own or that of the defaults.
    pub template: Option<Place>,
}

impl Plan {
    /// The group of this plan, not stored yet.
    pub fn group(&self, id: GroupId, slug: &str, created_at: &IsoTime) -> SessionGroup {
        let mut group = SessionGroup::new(id, &self.name, slug, created_at.clone());
        group.config = self.config.clone();
        group.sessions.clone_from(&self.sessions);
        for session in &mut group.sessions {
            session.created_at = created_at.clone();
        }
        group.plan = Some(self.source.clone());
        group
    }
}

/// Compiles a plan file. Fails with all its problems, apart from those of dependencies while it is not known which sessions
/// there are.
pub fn compile(
    source: &Source<'_>,
    vars: &BTreeMap<String, String>,
    files: &dyn Files,
) -> Result<Plan, Vec<Problem>> {
    let mut problems = Problems::new(source.shown.to_owned());
    let plan = source.check_shape(&mut problems).and_then(|root| {
        if problems.count() == 0
            || root.get("sessions").is_some_and(|sessions| !sessions.entries().is_empty())
        {
            build(&root, source, vars, files, &mut problems)
        } else {
            None
        }
    });
    let warnings = problems.into_result()?;
    plan.map(|plan| Plan { warnings, ..plan }).ok_or_else(Vec::new)
}

fn build(
    root: &Node,
    source: &Source<'_>,
    vars: &BTreeMap<String, String>,
    files: &dyn Files,
    problems: &mut Problems,
) -> Option<Plan> {
    let given = GivenVariables::new(vars.clone());
    let outside = Variables { matrix: None, vars: &given };
    let rest: Vec<Key> = PLAN_KEYS.iter().filter(|key| !is_read_apart(key)).copied().collect();
    let top = SoundPart::of(root, &rest, "", &outside, problems).node;
    let no_defaults = Node { place: root.place, value: Value::Map(Vec::new()) };
    let defaults = root.get("defaults").unwrap_or(&no_defaults);
    let defaults = SoundPart::of(defaults, DEFAULTS, "defaults", &outside, problems);
    let sessions = root.get("sessions")?.entries();
    check_number(sessions, problems)?;
    let created_at = IsoTime::of_unix_ms(0.0);
    let directory = source.path.parent().unwrap_or(Path::new("/"));
    let reader =
        SessionReader { directory, files, vars: &given, defaults: &defaults, created_at: &created_at };
    let read: Vec<_> = sessions.iter().flat_map(|entry| reader.read(entry, problems)).collect();
    let has_all = read.iter().all(Option::is_some);
    let mut planned = without_repeated_ids(read.into_iter().flatten().collect(), problems);
    // Otherwise one of the others may be the one that a session depends on.
    if has_all {
        resolve(&mut planned, problems);
    }
    if problems.count() > 0 {
        return None;
    }
    let defaults = defaults.node;
    let config = config(&top, &defaults);
    if config.exclusive_directories != Some(true) {
        warn_of_shared_directories(&planned, problems);
    }
    warn_of_unknown_modes(
        std::iter::once(&defaults).chain(planned.iter().map(|planned| &planned.node)),
        problems,
    );
    let name = text(&top, "name").unwrap_or_else(|| name_of(source.path));
    let path = source.path.to_string_lossy().into_owned();
    let source = PlanSource { path, name: name.clone(), vars: vars.clone() };
    let template_of = |node: &Node| node.get("template").map(|template| template.place);
    let with_places = |planned: Planned| {
        let template = template_of(&planned.node).or(template_of(&defaults));
        (planned.session, SessionPlaces { key: planned.place, template })
    };
    let (sessions, places) = planned.into_iter().map(with_places).unzip();
    let unused_variables = given.unused();
    Some(Plan { name, config, sessions, source, warnings: Vec::new(), places, unused_variables })
}

/// Warns of permission modes that no known version of Claude Code has. A later one may have them.
fn warn_of_unknown_modes<'a>(nodes: impl Iterator<Item = &'a Node>, problems: &mut Problems) {
    let mut warned = HashSet::new();
    for mode in nodes.filter_map(|node| node.get("permissionMode")) {
        let Some(text) = mode.text().filter(|text| !PERMISSION_MODES.contains(text)) else { continue };
        if warned.insert(mode.place) {
            let message = format!("permissionMode {text:?} is not known");
            problems.warn(mode.place, message, did_you_mean(text, PERMISSION_MODES));
        }
    }
}

/// Returns `true` for a key whose value has sound parts even if it has a problem.
fn is_read_apart(key: &Key) -> bool {
    matches!(key.name, "defaults" | "sessions")
}

/// Checks the number of sessions before any is made.
fn check_number(sessions: &[Entry], problems: &mut Problems) -> Option<()> {
    let mut total = 0_usize;
    for entry in sessions {
        let count = entry.value.get("matrix").map_or(Some(1), matrix::count);
        total = total.saturating_add(count.unwrap_or(usize::MAX));
        if total > MAX_SESSIONS {
            let message =
                format!("a plan may have at most {MAX_SESSIONS} sessions, with those of each matrix");
            problems.add_with_help(entry.place, message, "use several plans");
            return None;
        }
    }
    Some(())
}

fn config(top: &Node, defaults: &Node) -> GroupConfig {
    let mut config = GroupConfig::default();
    group_config(top, &mut config);
    group_defaults(defaults, &mut config);
    config
}

/// The name of a group whose plan has none: `payments` for `payments.group.yaml`.
fn name_of(path: &Path) -> String {
    let name = path.file_name().map(|name| PathBuf::from(name).to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let without = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    without.strip_suffix(".group").unwrap_or(without).to_owned()
}
