//! Times and limits.

use std::time::Duration;

/// Times and limits of all processes of a runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessOptions {
    /// Time from an interrupt to SIGTERM. Default: 5 s.
    pub interrupt_grace: Duration,
    /// Time from SIGTERM to SIGKILL. Default: 10 s.
    pub terminate_grace: Duration,
    /// Time from the end of the input to SIGTERM, once the last turn has ended. Default: 10 s.
    pub exit_grace: Duration,
    /// Time that background work may take after the last result. Default: 60 s.
    pub background_grace: Duration,
    /// Time to wait for the end of background tasks that were asked to stop. Default: 2 s.
    pub task_grace: Duration,
    /// Time from SIGTERM to SIGKILL for what a process left behind. Default: 2 s.
    pub sweep_grace: Duration,
    /// Time for which the output of a process may be unreadable before that is reported. It is read again meanwhile. Default:
    /// 60 s.
    pub read_patience: Duration,
    /// Maximum size of each of the two output files, in bytes. Default: 256 MiB. At most half of this process's limit for
    /// files (`ulimit -f`) is used.
    pub max_output_bytes: u64,
    /// Processes to leave alone after a normal end: those whose command line contains one of these texts.
    pub keep_processes: Vec<String>,
}

impl Default for ProcessOptions {
    fn default() -> Self {
        Self {
            interrupt_grace: Duration::from_secs(5),
            terminate_grace: Duration::from_secs(10),
            exit_grace: Duration::from_secs(10),
            background_grace: Duration::from_secs(60),
            task_grace: Duration::from_secs(2),
            sweep_grace: Duration::from_secs(2),
            read_patience: Duration::from_secs(60),
            max_output_bytes: 256 * 1024 * 1024,
            keep_processes: Vec::new(),
        }
    }
}
