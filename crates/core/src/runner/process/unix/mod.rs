//! Linux and macOS.

mod alive;
mod attempt;
mod child;
mod directory;
mod exec;
mod identity;
mod input;
mod look;
mod marked;
mod pinned;
mod poll;
mod processes;
mod recorder;
mod reserve;
mod spawn;
mod sweep;
mod table;
mod tail;
mod tree;
mod watch;

pub use directory::SessionDirectory;
pub use identity::{current_identity, is_running};
pub use look::{Earlier, Look, Recorded, look};
pub use marked::{MarkedProcess, marked_processes, marks_in_use};
pub use poll::Waker;
pub use processes::{Adoption, Processes};
pub use spawn::Launch;
pub use sweep::{end_marked, find_marked};
