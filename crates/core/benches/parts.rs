//! Micro-benchmarks of the parts, run by `cargo bench`. `npm run bench` measures the package as a whole.

#![allow(missing_docs, clippy::unwrap_used, reason = "a program of the benchmark")]

use std::path::PathBuf;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use session_groups::claude::ClaudeStream;
use session_groups::graph::{DependencyGraph, Node};
use session_groups::model::{GroupId, SessionStatus};
use session_groups::progress::{GroupOutline, ProgressAggregator, SessionOutline};
use session_groups::repository::file::{Durability, FileOptions};
use session_groups::repository::{
    Changes, Condition, Document, FileGroupRepository, GroupFilter, GroupRepository, InMemoryGroupRepository,
};

fn main() {
    divan::main();
}

/// Creates a group of ten sessions and about 9 KB.
fn group(number: usize) -> Document {
    let prompt = "Implement the feature as it is described. ".repeat(14);
    let session = |index: usize| {
        format!(
            r#"{{"id":"{index:03}-a","projectPath":"/home/user/projects/{index}","prompt":"{prompt}","status":"pending","dependsOn":[],"createdAt":"2026-01-15T10:30:00.000Z","cost":0.25,"tokens":{{"input":1200,"output":800}}}}"#
        )
    };
    let sessions: Vec<String> = (0..10).map(session).collect();
    let text = format!(
        r#"{{"id":"group-{number}","name":"Group {number}","slug":"group","status":"created","sessions":[{}],"config":{{"model":"sonnet","maxBudgetUsd":10,"onBudgetExceeded":"pause","warningThreshold":0.8,"maxConcurrentSessions":3}},"createdAt":"2026-01-15T10:30:00.000Z","updatedAt":"2026-01-15T10:30:00.000Z"}}"#,
        sessions.join(",")
    );
    Document::from_text(text).unwrap()
}

fn memory_of(groups: usize) -> InMemoryGroupRepository {
    let repository = InMemoryGroupRepository::new();
    for number in 0..groups {
        repository.save(group(number), Condition::None).unwrap();
    }
    repository
}

#[divan::bench]
fn check_a_group(bencher: Bencher) {
    let text = group(0).text().to_owned();
    bencher.counter(BytesCount::of_str(&text)).with_inputs(|| text.clone()).bench_values(Document::from_text);
}

#[divan::bench]
fn update_a_session(bencher: Bencher) {
    let repository = memory_of(1);
    let id = GroupId::new("group-0").unwrap();
    let changes = Changes::new(r#"{"status":"active","cost":0.5}"#.to_owned(), Vec::new()).unwrap();
    bencher.bench(|| repository.update_session(&id, "005-a", changes.clone()).unwrap());
}

#[divan::bench]
fn revision_of_an_updated_group(bencher: Bencher) {
    bencher.with_inputs(|| group(0)).bench_values(|group| group.revision());
}

#[divan::bench(args = [1_000])]
fn count_by_name(bencher: Bencher, groups: usize) {
    let repository = memory_of(groups);
    let filter = GroupFilter { name_contains: Some("9".to_owned()), ..GroupFilter::default() };
    bencher.bench(|| repository.count(black_box(&filter)).unwrap());
}

/// Creates ids, each with three dependencies on ids before it.
fn dependencies(sessions: usize) -> Vec<(String, Vec<String>)> {
    let id = |session: usize| format!("{session:05}-session");
    let depends_on = |session: usize| [2, 3, 7].map(|part| id(session / part)).to_vec();
    (0..sessions)
        .map(|session| (id(session), if session == 0 { Vec::new() } else { depends_on(session) }))
        .collect()
}

#[divan::bench(args = [100, 10_000])]
fn create_a_graph(bencher: Bencher, sessions: usize) {
    let dependencies = dependencies(sessions);
    bencher.bench(|| DependencyGraph::new(dependencies.iter().map(|(id, ids)| Node::new(id, ids))));
}

#[divan::bench(args = [100, 10_000])]
fn estimate_the_time_remaining(bencher: Bencher, sessions: usize) {
    let mut group = GroupOutline::from(&group(0).group().unwrap());
    group.sessions = dependencies(sessions)
        .into_iter()
        .map(|(id, depends_on)| SessionOutline::of_tracked(id, depends_on))
        .collect();
    group.sessions[0].status = SessionStatus::Completed;
    group.sessions[0].ran_ms = Some(1_000.0);
    let aggregator = ProgressAggregator::new(None);
    bencher.bench(|| aggregator.compute_progress(&group, 0.0).estimated_time_remaining.unwrap());
}

/// A store of 1,000 groups.
struct Files {
    directory: tempfile::TempDir,
    names: usize,
}

impl Files {
    fn new() -> Self {
        let files = Self { directory: tempfile::tempdir().unwrap(), names: 0 };
        let options = FileOptions { durability: Durability::Process, ..FileOptions::default() };
        let repository = FileGroupRepository::new(Some(&files.base()), options).unwrap();
        for number in 0..1_000 {
            repository.save(group(number), Condition::None).unwrap();
        }
        files
    }

    fn base(&self) -> PathBuf {
        self.directory.path().join("groups")
    }

    /// Returns a repository with an empty cache: the cache belongs to a path, and the link is new.
    fn unknown(&mut self) -> FileGroupRepository {
        self.names += 1;
        let name = self.directory.path().join(self.names.to_string());
        #[cfg(unix)]
        std::os::unix::fs::symlink(self.base(), &name).unwrap();
        #[cfg(windows)]
        std::os::windows::fs::symlink_dir(self.base(), &name).unwrap();
        FileGroupRepository::new(Some(&name), FileOptions::default()).unwrap()
    }

    /// Returns a repository whose cache holds all groups.
    fn read(mut self) -> (Self, FileGroupRepository) {
        std::thread::sleep(std::time::Duration::from_millis(200));
        let repository = self.unknown();
        repository.count(&GroupFilter::default()).unwrap();
        (self, repository)
    }
}

#[divan::bench]
fn list_1000_files_first(bencher: Bencher) {
    let mut files = Files::new();
    bencher
        .with_inputs(|| files.unknown())
        .bench_local_refs(|repository| repository.list(&GroupFilter::default(), None).unwrap());
}

#[divan::bench]
fn list_1000_files_again(bencher: Bencher) {
    let repository = Files::new().read();
    bencher.bench(|| repository.1.list(&GroupFilter::default(), None).unwrap());
}

#[divan::bench]
fn count_1000_files_again(bencher: Bencher) {
    let repository = Files::new().read();
    bencher.bench(|| repository.1.count(&GroupFilter::default()).unwrap());
}

#[divan::bench]
fn update_a_session_in_files(bencher: Bencher) {
    let files = Files::new();
    let options = FileOptions { durability: Durability::Process, ..FileOptions::default() };
    let repository = FileGroupRepository::new(Some(&files.base()), options).unwrap();
    let id = GroupId::new("group-0").unwrap();
    let changes = Changes::new(r#"{"status":"active","cost":0.5}"#.to_owned(), Vec::new()).unwrap();
    bencher.bench(|| repository.update_session(&id, "005-a", changes.clone()).unwrap());
}

#[divan::bench]
fn stat_1000_files(bencher: Bencher) {
    let files = Files::new();
    let paths: Vec<PathBuf> =
        (0..1_000).map(|number| files.base().join(format!("group-{number}/meta.json"))).collect();
    bencher.bench(|| paths.iter().map(|path| path.metadata().unwrap().len()).sum::<u64>());
}

/// Reads a stream with tool results of 200 KB each.
#[divan::bench]
fn read_long_lines(bencher: Bencher) {
    let content = "export const answer = \\\"forty-two\\\" // as the tests want it\\n".repeat(3_500);
    let line = format!(
        r#"{{"type":"user","message":{{"role":"user","content":[{{"tool_use_id":"toolu_1","type":"tool_result","content":"{content}"}}]}},"parent_tool_use_id":null,"session_id":"s"}}"#
    );
    let bytes = format!("{line}\n").repeat(20).into_bytes();
    let session = group(0).group().unwrap().sessions.remove(0);
    bencher
        .counter(BytesCount::new(bytes.len()))
        .with_inputs(|| ClaudeStream::new(session.clone()))
        .bench_values(|mut stream| {
            for chunk in bytes.chunks(64 * 1024) {
                stream.push(chunk);
            }
            assert_eq!(stream.ignored_lines(), 0);
            stream
        });
}

#[divan::bench]
fn read_a_stream(bencher: Bencher) {
    let bytes =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/captures/2.1.330-subagent.jsonl"))
            .unwrap();
    let session = group(0).group().unwrap().sessions.remove(0);
    bencher
        .counter(BytesCount::new(bytes.len()))
        .with_inputs(|| ClaudeStream::new(session.clone()))
        .bench_values(|mut stream| {
            stream.push(&bytes);
            stream
        });
}
