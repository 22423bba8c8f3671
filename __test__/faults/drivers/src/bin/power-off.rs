//! `power-off MOUNT`: the file system forgets at once whatever the disk was not told to keep, as it would without power.

#![allow(clippy::unwrap_used, reason = "a program of the tests")]

#[cfg(target_os = "linux")]
use rustix::ioctl::{Opcode, Setter, ioctl};

/// `FS_IOC_SHUTDOWN` of Linux, for ext4 and XFS.
#[cfg(target_os = "linux")]
const SHUTDOWN: Opcode = 0x8004_587D;
/// Without writing the log first.
#[cfg(target_os = "linux")]
const WITHOUT_LOG: u32 = 2;

#[cfg(target_os = "linux")]
fn main() {
    use std::os::fd::AsFd;

    let mount = std::fs::File::open(std::env::args().nth(1).unwrap()).unwrap();
    // SAFETY: the request reads a 32-bit number of flags, which is what it is given.
    unsafe { ioctl(mount.as_fd(), Setter::<SHUTDOWN, u32>::new(WITHOUT_LOG)) }.unwrap();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    panic!("only Linux has a way to do this");
}
