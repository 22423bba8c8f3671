//! The exported classes, one file for each.

mod claude_stream;
mod deletion;
mod dependency_graph;
mod file_group_repository;
mod group_request;
mod group_run;
mod in_memory_group_repository;
mod progress_aggregator;

pub use file_group_repository::FileGroupRepository;
pub use in_memory_group_repository::InMemoryGroupRepository;
