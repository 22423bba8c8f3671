//! The example in Rust does what it says.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]
#![allow(dead_code, reason = "its `main` is not called here")]

#[path = "../../../examples/plain_rust.rs"]
mod example;

use session_groups::model::{GroupId, SessionStatus};
use session_groups::repository::file::FileOptions;
use session_groups::repository::{FileGroupRepository, GroupRepository};

#[test]
fn a_recorded_run_becomes_progress_and_is_stored() {
    let base = tempfile::tempdir().unwrap();
    let recorded = include_bytes!("../../../examples/captures/2.1.330-tools.jsonl");
    let progress = example::follow(base.path(), recorded).unwrap();
    assert_eq!((progress.summary.completed, progress.total_sessions), (1, 1));
    let repository = FileGroupRepository::new(Some(base.path()), FileOptions::default()).unwrap();
    let stored = repository.find_by_id(&GroupId::new("20260115-103000-logging").unwrap()).unwrap().unwrap();
    let session = &stored.group().unwrap().sessions[0];
    assert_eq!((session.status, session.cost.unwrap().get()), (SessionStatus::Completed, 0.008_802));
}

#[test]
fn a_run_without_a_result_is_stored_too() {
    let base = tempfile::tempdir().unwrap();
    let recorded = include_bytes!("../../../examples/captures/2.1.330-killed.jsonl");
    let progress = example::follow(base.path(), recorded).unwrap();
    assert_eq!(progress.summary.failed, 1);
}
