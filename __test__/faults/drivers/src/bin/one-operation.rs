//! One operation on a store, on the calling thread: `one-operation BASE OPERATION`. Before it begins it prints `begin`;
//! then its outcome: `acknowledged`, or the code of the error. The fault tests let one of its system calls fail, or end the
//! process there.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program of the tests")]

use std::io::Write as _;
use std::path::Path;

use session_groups::model::GroupId;
use session_groups::repository::file::FileOptions;
use session_groups::repository::{
    Changes, Condition, Document, FileGroupRepository, GroupFilter, GroupRepository, Write, WriteOutcome,
};

const ID: &str = "20260115-103000-faults";

fn group(name: &str) -> Document {
    let session = r#"{"id":"a","projectPath":"/p","prompt":"x","status":"pending","dependsOn":[],"createdAt":"2026-01-15T10:30:00.000Z"}"#;
    let config = r#"{"model":"sonnet","maxBudgetUsd":10,"maxConcurrentSessions":3,"onBudgetExceeded":"pause","warningThreshold":0.8}"#;
    let times = r#""createdAt":"2026-01-15T10:30:00.000Z","updatedAt":"2026-01-15T10:30:00.000Z""#;
    let text = format!(
        r#"{{"id":"{ID}","name":"{name}","slug":"faults","status":"created","sessions":[{session}],"config":{config},{times}}}"#
    );
    Document::from_text(text).unwrap()
}

fn changes(text: &str) -> Changes {
    Changes::new(text.to_owned(), Vec::new()).unwrap()
}

/// Tasks of one batch: what each is, and whether it changes something.
fn mixed_tasks() -> [(&'static str, Write, bool); 7] {
    let save = || Write::Save { group: group("never"), condition: Condition::IfAbsent };
    let update = |text| Write::Update { changes: changes(text), condition: Condition::None };
    let session = |id: &str, text| Write::UpdateSession { session_id: id.to_owned(), changes: changes(text) };
    [
        ("CONFLICT", save(), false),
        ("stored", update(r#"{"name":"new"}"#), true),
        ("missing", session("none", r#"{"cost":1}"#), false),
        ("INVALID_GROUP", session("a", r#"{"cost":-1}"#), false),
        ("stored", session("a", r#"{"cost":1}"#), true),
        ("INVALID_ARGUMENT", update(r#"{"id":"x"}"#), false),
        // Judged by what the others have stored.
        ("CONFLICT", save(), false),
    ]
}

fn outcome_of(written: session_groups::Result<WriteOutcome>) -> String {
    match written {
        Ok(WriteOutcome::Stored(_)) => "stored".to_owned(),
        Ok(WriteOutcome::NotFound) => "missing".to_owned(),
        Ok(WriteOutcome::Deleted) => "removed".to_owned(),
        Err(error) => error.code().to_owned(),
    }
}

/// Carries out a batch of mixed operations. Returns the code of those that change something, or all outcomes when one of
/// them is wrong.
fn batch(repository: &FileGroupRepository, id: &GroupId) -> String {
    let writes = mixed_tasks().into_iter().map(|(_, write, _)| write).collect();
    let written = repository.write_all(id, writes);
    let outcomes: Vec<(String, &str, bool)> = written
        .into_iter()
        .zip(mixed_tasks())
        .map(|(written, (expected, _, has_effect))| (outcome_of(written), expected, has_effect))
        .collect();
    let effects: Vec<&str> = outcomes.iter().filter(|it| it.2).map(|it| it.0.as_str()).collect();
    let said = effects.first().copied().unwrap_or("nothing");
    let is_told_alike = effects.iter().all(|effect| *effect == said);
    // An outcome that was judged by a state that was not stored after all may say so; no other.
    let is_right = |(outcome, expected, _): &(String, &str, bool)| {
        outcome == expected
            || (outcome == "NOT_COMMITTED" && (said == "NOT_COMMITTED" || *expected == "CONFLICT"))
            || (outcome == said && !matches!(said, "stored" | "NOT_DURABLE"))
    };
    if is_told_alike && outcomes.iter().filter(|it| !it.2).all(is_right) {
        return if said == "stored" { "acknowledged".to_owned() } else { said.to_owned() };
    }
    format!("{outcomes:?}")
}

/// Changes a group that is watched, and sees whether it is found as it is then. A reading may fail.
fn update_watched(repository: &FileGroupRepository, id: &GroupId) -> Result<(), String> {
    for _ in 0..3 {
        let _ = repository.find_by_id(id);
    }
    repository.update(id, changes(r#"{"name":"new"}"#)).map_err(|error| error.code().to_owned())?;
    match repository.find_by_id(id) {
        Ok(Some(group)) if group.name() == "new" => Ok(()),
        Ok(_) => Err("stale".to_owned()),
        Err(_) => Ok(()),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, base, operation] = arguments.as_slice() else { panic!("one-operation BASE OPERATION") };
    let repository = FileGroupRepository::new(Some(Path::new(base)), FileOptions::default()).unwrap();
    let id = GroupId::new(ID).unwrap();
    let new = group("new");
    println!("begin");
    let outcome = match operation.as_str() {
        "save" => repository.save(new, Condition::None),
        "save-again" => repository.save(group("old"), Condition::None),
        "update" => repository.update(&id, changes(r#"{"name":"new"}"#)).map(drop),
        "update-session" => repository.update_session(&id, "a", changes(r#"{"cost":1}"#)).map(drop),
        "delete" => repository.delete(&id, Condition::None).map(drop),
        "batch" => {
            println!("{}", batch(&repository, &id));
            return std::io::stdout().flush().unwrap();
        }
        "update-watched" => {
            let outcome = update_watched(&repository, &id);
            println!("{}", outcome.err().unwrap_or_else(|| "acknowledged".to_owned()));
            return std::io::stdout().flush().unwrap();
        }
        "find" => repository.find_by_id(&id).map(drop),
        "list" => repository.list(&GroupFilter::default(), None).map(drop),
        unknown => panic!("no such operation: {unknown}"),
    };
    match outcome {
        Ok(()) => println!("acknowledged"),
        Err(error) => println!("{}", error.code()),
    }
    std::io::stdout().flush().unwrap();
}
