//! One operation on a store, from one thread: `one-operation BASE OPERATION`. Before it begins it prints `begin`; then
//! what came of it: `acknowledged`, or the code of the error. The fault tests let one of its system calls fail, or end
//! the process there.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program of the tests")]

use std::io::Write as _;
use std::path::Path;

use session_groups::group::GroupId;
use session_groups::repository::file::FileOptions;
use session_groups::repository::{
    Changes, Condition, Document, FileGroupRepository, GroupFilter, GroupRepository,
};

const ID: &str = "20260115-103000-faults";

fn group(name: &str) -> Document {
    let session = r#"{"id":"a","projectPath":"/p","prompt":"x","status":"pending","dependsOn":[],"createdAt":"2026-01-15T10:30:00.000Z"}"#;
    let config = r#"{"model":"sonnet","maxBudgetUsd":10,"onBudgetExceeded":"pause","warningThreshold":0.8,"maxConcurrentSessions":3}"#;
    let times = r#""createdAt":"2026-01-15T10:30:00.000Z","updatedAt":"2026-01-15T10:30:00.000Z""#;
    let text = format!(
        r#"{{"id":"{ID}","name":"{name}","slug":"faults","status":"created","sessions":[{session}],"config":{config},{times}}}"#
    );
    Document::from_text(text).unwrap()
}

fn changes(text: &str) -> Changes {
    Changes::new(text.to_owned(), Vec::new()).unwrap()
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
