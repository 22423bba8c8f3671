//! The exported classes, one file for each.

mod claude_stream;
mod deletion;
mod dependency_graph;
mod file_group_repository;
mod group_request;
mod in_memory_group_repository;
mod progress_aggregator;
