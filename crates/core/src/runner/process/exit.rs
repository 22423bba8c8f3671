//! Names of signals.

/// Signals that end a process, with the same number on Linux and macOS.
const SIGNALS: &[(i32, &str)] = &[
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (11, "SIGSEGV"),
    (13, "SIGPIPE"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
    (24, "SIGXCPU"),
    (25, "SIGXFSZ"),
    #[cfg(target_os = "macos")]
    (10, "SIGBUS"),
    #[cfg(not(target_os = "macos"))]
    (7, "SIGBUS"),
];

/// Returns the name of a signal, or `SIG` and its number.
pub fn signal_name(signal: i32) -> String {
    let name = SIGNALS.iter().find(|(number, _)| *number == signal);
    name.map_or_else(|| format!("SIG{signal}"), |(_, name)| (*name).to_owned())
}
