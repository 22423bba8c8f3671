//! All processes that bear the mark of an attempt, whoever started them.

use std::collections::BTreeSet;
use std::io;

use crate::runner::process::Mark;
use crate::runner::process::unix::table;

const PREFIX: &str = "SESSION_GROUPS_ATTEMPT_";
const LABEL: &str = "SESSION_GROUPS_SESSION=";

/// A running process that bears marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedProcess {
    /// Process id.
    pub pid: i32,
    /// The marks: one for each runner around it.
    pub marks: Vec<Mark>,
    /// The session that it works for, as `group/session`.
    pub label: Option<String>,
    /// The command line.
    pub command: String,
}

/// Returns the running processes that bear any mark. Processes whose environment cannot be read are left out: those of other
/// users, and on macOS those of the system.
pub fn marked_processes() -> io::Result<Vec<MarkedProcess>> {
    let mut found = Vec::new();
    for entry in table::list()?.into_iter().filter(|entry| !entry.is_zombie) {
        if let Some(environment) = table::environment(entry.pid)? {
            found.extend(marked(entry.pid, &environment)?);
        }
    }
    Ok(found)
}

/// Returns those of several marks that running processes bear; all of them if that cannot be seen.
pub fn marks_in_use(marks: &[Mark]) -> Vec<Mark> {
    if marks.is_empty() {
        return Vec::new();
    }
    let Ok(processes) = marked_processes() else { return marks.to_vec() };
    let used: BTreeSet<Mark> = processes.into_iter().flat_map(|process| process.marks).collect();
    marks.iter().copied().filter(|mark| used.contains(mark)).collect()
}

fn marked(pid: i32, environment: &[u8]) -> io::Result<Option<MarkedProcess>> {
    let variables =
        || environment.split(|&byte| byte == 0).filter_map(|entry| std::str::from_utf8(entry).ok());
    let mark = |variable: &str| variable.strip_prefix(PREFIX)?.strip_suffix("=1")?.parse().ok();
    let marks: Vec<Mark> = variables().filter_map(mark).collect();
    if marks.is_empty() {
        return Ok(None);
    }
    let label = variables().find_map(|variable| variable.strip_prefix(LABEL)).map(str::to_owned);
    Ok(Some(MarkedProcess { pid, marks, label, command: table::command_line(pid)? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::process::alone::sleep_with;
    use uuid::Uuid;

    #[test]
    fn a_marked_process_is_found_with_its_session() {
        let mark = Mark::new(Uuid::new_v4());
        let mut child = sleep_with(mark);
        let found = marked_processes().unwrap().into_iter().find(|process| process.marks == [mark]);
        child.kill().unwrap();
        child.wait().unwrap();
        let found = found.unwrap();
        assert_eq!(found.label.as_deref(), Some("group/session"));
        assert_eq!(u32::try_from(found.pid).unwrap(), child.id());
    }

    #[test]
    fn other_variables_are_no_marks() {
        let found = marked(1, b"SESSION_GROUPS_ATTEMPT_x=1\0SESSION_GROUPS_ATTEMPT=1\0A=B");
        assert_eq!(found.unwrap(), None);
    }
}
