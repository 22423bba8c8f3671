//! The exported classes, one file for each.

mod claude_stream;
mod file_group_repository;
mod in_memory_group_repository;
mod progress_aggregator;
