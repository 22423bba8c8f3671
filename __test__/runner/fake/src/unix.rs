//! Processes and signals.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use crate::fake::note;

/// Set by SIGTERM after [`notice_sigterm`].
pub static IS_TERMINATED: AtomicBool = AtomicBool::new(false);

/// Ignores a signal.
pub fn ignore(signal: i32) {
    // SAFETY: no handler runs.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// Lets SIGTERM set [`IS_TERMINATED`].
pub fn notice_sigterm() {
    extern "C" fn on_signal(_: i32) {
        IS_TERMINATED.store(true, Ordering::Relaxed);
    }
    let handler: extern "C" fn(i32) = on_signal;
    // SAFETY: the handler only stores to an atomic.
    unsafe { libc::signal(libc::SIGTERM, handler as libc::sighandler_t) };
}

/// Sends a signal to this process.
pub fn raise(signal: i32) {
    // SAFETY: it takes any number.
    unsafe { libc::raise(signal) };
}

/// Closes a descriptor of the standard streams.
pub fn close(descriptor: i32) {
    // SAFETY: the tests use no owner of this descriptor afterwards that would need it.
    unsafe { libc::close(descriptor) };
}

/// Keeps tools from inheriting descriptors, as Node does.
pub fn keep_descriptors() {
    for descriptor in 3..4_096 {
        // SAFETY: it fails for a descriptor that is not open.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// Lets writes to files fail beyond a size.
pub fn limit_file_size(bytes: u64) {
    ignore(libc::SIGXFSZ);
    let limit = libc::rlimit { rlim_cur: bytes as libc::rlim_t, rlim_max: bytes as libc::rlim_t };
    // SAFETY: the structure is valid for the call.
    unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) };
}

/// Starts this program as a tool, in a session of its own unless told otherwise.
pub fn start_tool(kind: &str, own_session: bool, clear_environment: bool) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--tool", kind]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if clear_environment {
        let ledger = std::env::var_os("FAKE_LEDGER").unwrap_or_default();
        command.env_clear().env("FAKE_LEDGER", ledger);
    }
    if own_session {
        // SAFETY: a system call alone.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                Ok(())
            });
        }
    }
    let child = command.spawn().unwrap();
    // Also by the tool itself, which may be killed before.
    note(&format!("process {}", child.id()));
    child
}

/// The life of a tool.
pub fn tool(kind: &str) {
    note(&format!("process {}", std::process::id()));
    match kind {
        "short" => sleep(Duration::from_millis(100)),
        "sleeping" => sleep(Duration::from_secs(600)),
        "deaf" => {
            ignore(libc::SIGTERM);
            sleep(Duration::from_secs(600));
        }
        "daemon" => {
            drop(start_tool("sleeping", true, false));
            drop(start_tool("deaf", true, false));
        }
        "chain" => {
            sleep(Duration::from_millis(15));
            // Ends by itself at last, in case that nobody ends it.
            let links: u32 =
                std::env::var("FAKE_LINKS").ok().and_then(|links| links.parse().ok()).unwrap_or(0);
            // SAFETY: this process has one thread.
            unsafe { std::env::set_var("FAKE_LINKS", (links + 1).to_string()) };
            if links < 1_000 {
                drop(start_tool("chain", true, false));
            }
        }
        _ => exit(2),
    }
}
