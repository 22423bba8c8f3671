//! The table of processes by `libproc` and `sysctl`. The environment of Apple's own programs cannot be read.

#![allow(clippy::unnecessary_wraps, reason = "Linux needs file descriptors for what costs nothing here")]

use std::ffi::CStr;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::ptr;

use crate::runner::process::unix::table::Entry;

/// `SZOMB` of `<sys/proc.h>`.
const ZOMBIE: u32 = 5;

pub fn pids() -> io::Result<Vec<i32>> {
    // SAFETY: without a buffer it only returns the number of processes.
    let count = unsafe { libc::proc_listallpids(ptr::null_mut(), 0) };
    // More, since others may start in between.
    let mut pids = vec![0_i32; usize::try_from(count).unwrap_or(0) + 256];
    let size = libc::c_int::try_from(size_of::<i32>() * pids.len()).unwrap_or(libc::c_int::MAX);
    // SAFETY: the buffer has the stated size in bytes.
    let count = unsafe { libc::proc_listallpids(pids.as_mut_ptr().cast(), size) };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    pids.truncate(count);
    Ok(pids)
}

pub fn entry(pid: i32) -> io::Result<Option<Entry>> {
    Ok(entry_of(pid))
}

fn entry_of(pid: i32) -> Option<Entry> {
    let mut info = MaybeUninit::<libc::proc_bsdinfo>::zeroed();
    let size = libc::c_int::try_from(size_of::<libc::proc_bsdinfo>()).ok()?;
    // SAFETY: the buffer has the stated size. Zombies are found because of the argument 1.
    let read = unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 1, info.as_mut_ptr().cast(), size) };
    if read != size {
        return None;
    }
    // SAFETY: it was filled completely, and consists of integers alone.
    let info = unsafe { info.assume_init() };
    // SAFETY: it takes any pid and fails for one that does not exist.
    let session = unsafe { libc::getsid(pid) };
    Some(Entry {
        pid,
        parent: i32::try_from(info.pbi_ppid).ok()?,
        group: i32::try_from(info.pbi_pgid).ok()?,
        session: session.max(0),
        start: info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec,
        is_zombie: info.pbi_status == ZOMBIE,
    })
}

pub fn environment(pid: i32) -> io::Result<Option<Vec<u8>>> {
    Ok(arguments_and_environment(pid).map(|(text, end_of_arguments)| text[end_of_arguments..].to_vec()))
}

pub fn arguments(pid: i32) -> io::Result<Option<Vec<u8>>> {
    Ok(arguments_and_environment(pid).map(|(text, end_of_arguments)| text[..end_of_arguments].to_vec()))
}

pub fn holds_lock(_pid: i32, _file: (u64, u64)) -> io::Result<bool> {
    Ok(false)
}

/// Returns the arguments and the environment of a process, each string followed by NUL, and where the environment begins.
fn arguments_and_environment(pid: i32) -> Option<(Vec<u8>, usize)> {
    let mut name = [libc::CTL_KERN, libc::KERN_PROCARGS2, pid];
    let mut size = 1024 * 1024;
    let mut buffer = vec![0_u8; size];
    // SAFETY: the name has three elements, and the buffer has the stated size.
    let result = unsafe {
        libc::sysctl(name.as_mut_ptr(), 3, buffer.as_mut_ptr().cast(), &raw mut size, ptr::null_mut(), 0)
    };
    if result != 0 {
        return None;
    }
    buffer.truncate(size);
    let count = i32::from_ne_bytes(buffer.get(..4)?.try_into().ok()?);
    // The path of the program comes first, with NULs behind it.
    let path_end = 4 + buffer.get(4..)?.iter().position(|&byte| byte == 0)?;
    let start = path_end + buffer.get(path_end..)?.iter().position(|&byte| byte != 0)?;
    let text = buffer.get(start..)?.to_vec();
    let mut end = 0;
    for _ in 0..count {
        end += text.get(end..)?.iter().position(|&byte| byte == 0)? + 1;
    }
    Some((text, end))
}

pub fn boot_id() -> io::Result<Option<String>> {
    Ok(read_boot_id())
}

fn read_boot_id() -> Option<String> {
    let mut buffer = [0_u8; 64];
    let mut size = buffer.len();
    // SAFETY: the buffer has the stated size, and the name ends with NUL.
    let result = unsafe {
        libc::sysctlbyname(
            c"kern.bootsessionuuid".as_ptr(),
            buffer.as_mut_ptr().cast(),
            &raw mut size,
            ptr::null_mut(),
            0,
        )
    };
    let text = CStr::from_bytes_until_nul(&buffer).ok()?.to_str().ok()?;
    (result == 0 && !text.is_empty()).then(|| text.to_owned())
}
