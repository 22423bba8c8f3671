//! `posix_spawn`, which shares the memory of this process until the program is executed. A fork would copy the memory map of a
//! Node process with all its heaps, and make it fault for each page afterwards.

use std::ffi::{CString, OsStr, c_char, c_int, c_short};
use std::io;
use std::mem::{MaybeUninit, transmute};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use rustix::process::Pid;

use super::Start;

type AddDirectory = unsafe extern "C" fn(*mut libc::posix_spawn_file_actions_t, *const c_char) -> c_int;

/// The part of `posix_spawn` that not every system has.
pub struct PosixSpawn {
    add_directory: AddDirectory,
}

impl PosixSpawn {
    /// Looks it up; `None` before glibc 2.29, which could not change the directory.
    pub fn find() -> Option<Self> {
        let name = c"posix_spawn_file_actions_addchdir_np";
        // SAFETY: the name ends with NUL.
        let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        if symbol.is_null() {
            return None;
        }
        // SAFETY: the function of this name has this signature in glibc and musl.
        Some(Self { add_directory: unsafe { transmute::<*mut libc::c_void, AddDirectory>(symbol) } })
    }

    /// Executes a program.
    pub fn execute(&self, start: &Start<'_>) -> io::Result<Pid> {
        let program = text(start.program.as_os_str())?;
        let directory = text(start.directory.as_os_str())?;
        let mut arguments = vec![program.clone()];
        for argument in start.arguments {
            arguments.push(text(argument)?);
        }
        let mut environment = Vec::new();
        for (name, value) in start.environment.iter() {
            environment.push(variable(name, value)?);
        }
        let mut actions = Actions::new()?;
        for (number, stream) in (0..).zip(&start.streams) {
            actions.duplicate(stream.as_raw_fd(), number)?;
        }
        // The same number: it stays open in the program.
        actions.duplicate(start.inherited.as_raw_fd(), start.inherited.as_raw_fd())?;
        // SAFETY: the actions are initialized, and the path ends with NUL. It is copied.
        check(unsafe { (self.add_directory)(&raw mut actions.0, directory.as_ptr()) })?;
        let attributes = Attributes::new()?;
        let (argv, envp) = (pointers(&arguments), pointers(&environment));
        let mut pid = 0;
        // SAFETY: all pointers are valid for the call, and both lists of strings end with NULL.
        check(unsafe {
            libc::posix_spawn(
                &raw mut pid,
                program.as_ptr(),
                &raw const actions.0,
                &raw const attributes.0,
                argv.as_ptr(),
                envp.as_ptr(),
            )
        })?;
        Pid::from_raw(pid).ok_or_else(|| io::Error::other("a child without a pid"))
    }
}

/// What happens to descriptors in the child.
struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn new() -> io::Result<Self> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: it initializes what it is given.
        check(unsafe { libc::posix_spawn_file_actions_init(actions.as_mut_ptr()) })?;
        // SAFETY: it was initialized.
        Ok(Self(unsafe { actions.assume_init() }))
    }

    fn duplicate(&mut self, from: c_int, to: c_int) -> io::Result<()> {
        // SAFETY: the actions are initialized.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(&raw mut self.0, from, to) })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: they are initialized, and not used afterwards.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

/// A session of its own, and the signals of a program that a shell starts.
struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new() -> io::Result<Self> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: it initializes what it is given.
        check(unsafe { libc::posix_spawnattr_init(attributes.as_mut_ptr()) })?;
        // SAFETY: it was initialized.
        let mut attributes = Self(unsafe { attributes.assume_init() });
        let flags = c_int::from(libc::POSIX_SPAWN_SETSID)
            | c_int::from(libc::POSIX_SPAWN_SETSIGDEF)
            | c_int::from(libc::POSIX_SPAWN_SETSIGMASK);
        let flags = c_short::try_from(flags).map_err(io::Error::other)?;
        let mut none = MaybeUninit::uninit();
        let mut reset = MaybeUninit::uninit();
        // SAFETY: both sets are initialized before they are used, and the attributes are initialized.
        unsafe {
            libc::sigemptyset(none.as_mut_ptr());
            libc::sigemptyset(reset.as_mut_ptr());
            // This process ignores it, which a program would inherit.
            libc::sigaddset(reset.as_mut_ptr(), libc::SIGPIPE);
            check(libc::posix_spawnattr_setflags(&raw mut attributes.0, flags))?;
            check(libc::posix_spawnattr_setsigmask(&raw mut attributes.0, none.as_ptr()))?;
            check(libc::posix_spawnattr_setsigdefault(&raw mut attributes.0, reset.as_ptr()))?;
        }
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: they are initialized, and not used afterwards.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

/// These functions return the number of their error.
fn check(error: c_int) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

fn text(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

fn variable(name: &OsStr, value: &OsStr) -> io::Result<CString> {
    let entry = [name.as_bytes(), b"=", value.as_bytes()].concat();
    CString::new(entry).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

/// The pointers to some texts, and NULL.
fn pointers(texts: &[CString]) -> Vec<*mut c_char> {
    let pointers = texts.iter().map(|text| text.as_ptr().cast_mut());
    pointers.chain([ptr::null_mut()]).collect()
}
