//! The core without JavaScript: a stored group, a recorded run of Claude Code, and the progress that comes of it.
//!
//! `cargo run -p session-groups --example plain_rust < examples/captures/2.1.330-tools.jsonl`

#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::error::Error;
use std::io::Read;
use std::path::Path;

use serde_json::json;
use session_groups::claude::{ClaudeStream, Exit};
use session_groups::model::config::GroupConfig;
use session_groups::model::{GroupId, time};
use session_groups::progress::{GroupOutline, GroupProgress, ProgressAggregator};
use session_groups::repository::file::FileOptions;
use session_groups::repository::{Condition, Document, FileGroupRepository, GroupRepository};

fn main() -> Result<(), Box<dyn Error>> {
    let mut recorded = Vec::new();
    std::io::stdin().read_to_end(&mut recorded)?;
    let progress = follow(Path::new("groups"), &recorded)?;
    let summary = progress.summary;
    println!("{} of {} completed, ${}", summary.completed, progress.total_sessions, summary.total_cost);
    Ok(())
}

/// Stores a group of one session under `base`, reads what its run printed, stores what has become of it, and gives
/// the progress of what is stored.
pub fn follow(base: &Path, recorded: &[u8]) -> Result<GroupProgress, Box<dyn Error>> {
    let now = "2026-01-15T10:30:00.000Z";
    let session = json!({
        "id": "api", "projectPath": "/projects/api", "prompt": "Add logging", "status": "pending",
        "dependsOn": [], "createdAt": now,
    });
    let group = json!({
        "id": "20260115-103000-logging", "name": "Logging", "slug": "logging", "status": "created",
        "sessions": [session], "config": GroupConfig::default(), "createdAt": now, "updatedAt": now,
    });
    let repository = FileGroupRepository::new(Some(base), FileOptions::default())?;
    let id = GroupId::new("20260115-103000-logging")?;
    repository.save(Document::from_text(group.to_string())?, Condition::None)?;

    let stored = repository.find_by_id(&id)?.ok_or("it was just saved")?.group()?;
    let mut run = ClaudeStream::new(stored.sessions[0].clone());
    run.push(recorded);
    run.end(&Exit { code: Some(0), signal: None });
    let (progress, changes) = (run.progress(), run.changes());

    repository.update_session(&id, &progress.id, changes.into())?;

    let stored = repository.find_by_id(&id)?.ok_or("it was just updated")?.group()?;
    let mut aggregator = ProgressAggregator::new(None);
    let now = time::unix_ms(now).ok_or("a time")?;
    aggregator.update_session(progress, now);
    Ok(aggregator.compute_progress(&GroupOutline::from(&stored), now))
}
