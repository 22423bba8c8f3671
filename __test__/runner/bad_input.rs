//! Prompts, projects and directories that no process can be started with.

use std::os::unix::fs::symlink;

use session_groups::runner::process::{Look, Processes, SessionDirectory, directory_names, find_marked};
use uuid::Uuid;

use crate::support::{ATTEMPT, Attempt, SETTINGS, World, drive, options};

fn try_start(world: &World, prompt: &str) -> (session_groups::Result<()>, Attempt) {
    let mut processes = Processes::new(options()).unwrap();
    let mut attempt = Attempt::new(world, "answers", Uuid::new_v4());
    (attempt.try_start(world, &mut processes, SETTINGS, prompt), attempt)
}

#[test]
fn a_blank_prompt_starts_nothing() {
    let world = World::new();
    let (started, attempt) = try_start(&world, " \n");
    assert_eq!(started.unwrap_err().code(), "INVALID_STATE");
    assert!(matches!(attempt.look(&world, None), Look::Gone(None)));
}

#[test]
fn a_prompt_of_5_mb_arrives_and_blocks_nobody() {
    let world = World::new();
    let mut processes = Processes::new(options()).unwrap();
    let mut attempts = Vec::new();
    for behaviour in ["answers", "never_reads_its_input", "closes_its_input"] {
        let mut attempt = Attempt::new(&world, behaviour, Uuid::new_v4());
        // Would never return if it waited for a process that does not read.
        attempt.try_start(&world, &mut processes, SETTINGS, &"x".repeat(5_000_000)).unwrap();
        attempts.push(attempt);
    }
    let end = |processes: &mut Processes, attempt: &mut Attempt| {
        if attempt.behaviour == "never_reads_its_input" && crate::support::after(attempt, 1_500) {
            processes.interrupt(attempt.mark);
        }
    };
    drive(&mut processes, &mut attempts, end, Attempt::is_done);
    let problems: Vec<String> = attempts.iter().flat_map(|attempt| attempt.problems(&world)).collect();
    assert!(problems.is_empty(), "{problems:?}");
    assert!(attempts[0].stream.progress().cost.get() > 0.0);
}

#[test]
fn a_project_that_is_missing_or_a_file_starts_nothing() {
    let mut world = World::new();
    std::fs::write(world.base.join("file"), "").unwrap();
    for project in ["none", "file"] {
        world.project = world.base.join(project);
        let (started, attempt) = try_start(&world, "Do it.");
        let error = started.unwrap_err();
        assert!(error.code() == "INVALID_STATE" && error.to_string().contains("projectPath"), "{error}");
        assert!(find_marked(attempt.mark).unwrap().is_empty());
        // Nothing is left that a further start would stumble over.
        let directory = SessionDirectory::create(&world.group, &attempt.names).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_program_that_cannot_be_executed_starts_nothing() {
    use session_groups::claude::environment::Environment;
    use session_groups::runner::process::{Launch, Mark};
    let world = World::new();
    let names = directory_names("a", ["a"]);
    let directory = SessionDirectory::create(&world.group, &names).unwrap();
    std::fs::write(world.base.join("text"), "no program").unwrap();
    for program in ["none", "text", "project"] {
        let error = Processes::new(options()).unwrap().start(&Launch {
            program: &world.base.join(program),
            arguments: &[],
            environment: &Environment::of_process(),
            project: &world.project,
            prompt: "Do it.",
            directory: &directory,
            attempt: ATTEMPT,
            mark: Mark::new(Uuid::new_v4()),
            label: "group/a",
        });
        assert_eq!(error.unwrap_err().code(), "IO", "{program}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

#[test]
fn links_below_sessions_start_nothing() {
    let world = World::new();
    let elsewhere = world.base.join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    symlink(&elsewhere, world.group.join("sessions")).unwrap();
    assert_eq!(try_start(&world, "Do it.").0.unwrap_err().code(), "IO");
    std::fs::remove_file(world.group.join("sessions")).unwrap();
    std::fs::create_dir(world.group.join("sessions")).unwrap();
    symlink(&elsewhere, world.group.join("sessions/answers")).unwrap();
    let (started, attempt) = try_start(&world, "Do it.");
    assert_eq!(started.unwrap_err().code(), "IO");
    // Nor does a look decide by such a directory.
    assert_eq!(attempt.try_look(&world, None).err().unwrap().code(), "IO");
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn hostile_session_ids_stay_in_the_directory_of_the_group() {
    let world = World::new();
    let long = "x".repeat(300);
    let ids = ["../x", "a/b", "CON", "", ".", "..", "a\0b", "Api", "api", &long];
    let mut created = std::collections::BTreeSet::new();
    for id in ids {
        let directory = SessionDirectory::create(&world.group, &directory_names(id, ids)).unwrap();
        assert_eq!(directory.path().parent(), Some(world.group.join("sessions").as_path()));
        created.insert(directory.path().to_string_lossy().to_lowercase());
    }
    assert_eq!(created.len(), ids.len());
    assert_eq!(std::fs::read_dir(world.group.parent().unwrap()).unwrap().count(), 1);
}

/// A small file system of its own, unmounted at the end.
#[cfg(target_os = "linux")]
struct Disk<'a>(&'a std::path::Path);

#[cfg(target_os = "linux")]
impl<'a> Disk<'a> {
    /// Returns `None` if this user may not mount one.
    fn mount(path: &'a std::path::Path, options: &str) -> Option<Self> {
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "none"]).arg(path).stderr(std::process::Stdio::null());
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        if !is_mounted {
            println!("skipped: mounting a file system needs root");
        }
        is_mounted.then_some(Self(path))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_without_room_for_the_files_starts_nothing() {
    let world = World::new();
    // The directories, and one of the three files.
    let Some(_disk) = Disk::mount(&world.group, "mode=700,size=1m,nr_inodes=4") else { return };
    let (started, attempt) = try_start(&world, "Do it.");
    assert_eq!(started.unwrap_err().code(), "IO");
    assert!(find_marked(attempt.mark).unwrap().is_empty());
    assert_eq!(std::fs::read_dir(world.group.join("sessions/answers")).unwrap().count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_without_room_for_the_mark_in_the_lock_starts_nothing_until_there_is_room() {
    let world = World::new();
    let Some(_disk) = Disk::mount(&world.group, "mode=700,size=2m") else { return };
    let filler = world.group.join("filler");
    std::fs::write(&filler, vec![0; 2 << 20]).unwrap();
    let (started, _) = try_start(&world, "Do it.");
    assert!(started.unwrap_err().is_of_shortage());
    assert_eq!(std::fs::read_dir(world.group.join("sessions/answers")).unwrap().count(), 0);
    std::fs::remove_file(filler).unwrap();
    try_start(&world, "Do it.").0.unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_without_room_for_output_starts_nothing() {
    let world = World::new();
    let Some(_disk) = Disk::mount(&world.group, "mode=700,size=512k") else { return };
    let (started, attempt) = try_start(&world, "Do it.");
    let error = started.unwrap_err();
    let output = world.group.join("sessions/answers").join(format!("{ATTEMPT}.jsonl"));
    assert_eq!((error.code(), error.path(), error.is_of_shortage()), ("IO", Some(output.as_path()), true));
    assert!(find_marked(attempt.mark).unwrap().is_empty());
    assert_eq!(std::fs::read_dir(world.group.join("sessions/answers")).unwrap().count(), 0);
}

/// Takes the report that the disk was full for the output of an attempt.
#[cfg(target_os = "linux")]
fn take_full_disk(world: &World, attempt: &mut Attempt) {
    let output = world.group.join("sessions").join(&attempt.behaviour).join(format!("{ATTEMPT}.jsonl"));
    assert_eq!(attempt.output_failure.take(), Some((output, libc::ENOSPC)));
}

#[cfg(target_os = "linux")]
#[test]
fn an_attempt_that_is_interrupted_on_a_full_disk_still_prints_its_result() {
    let world = World::new();
    let Some(_disk) = Disk::mount(&world.group, "mode=700,size=2m") else { return };
    let mut processes = Processes::new(options()).unwrap();
    let mut attempts = vec![Attempt::new(&world, "floods_its_output", Uuid::new_v4())];
    attempts[0].start(&world, &mut processes, SETTINGS);
    let interrupt = |processes: &mut Processes, attempt: &mut Attempt| {
        if attempt.output_failure.is_some() {
            processes.interrupt(attempt.mark);
        }
    };
    drive(&mut processes, &mut attempts, interrupt, Attempt::is_done);
    take_full_disk(&world, &mut attempts[0]);
    assert_eq!(attempts[0].problems(&world), Vec::<String>::new());
    assert!(attempts[0].stream.progress().cost.get() > 0.0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_ends_as_a_run_without_a_result() {
    let world = World::new();
    let Some(_disk) = Disk::mount(&world.group, "mode=700,size=2m") else { return };
    let mut processes = Processes::new(options()).unwrap();
    let mut attempts = vec![Attempt::new(&world, "prints_a_long_line", Uuid::new_v4())];
    attempts[0].start(&world, &mut processes, SETTINGS);
    // It does not notice that its result was lost, and waits for more input.
    let end = |processes: &mut Processes, attempt: &mut Attempt| {
        if attempt.output_failure.is_some() && crate::support::after(attempt, 1_000) {
            processes.close_input(attempt.mark);
        }
    };
    drive(&mut processes, &mut attempts, end, Attempt::is_done);
    take_full_disk(&world, &mut attempts[0]);
    assert_eq!(attempts[0].problems(&world), Vec::<String>::new());
    assert_eq!(attempts[0].status(), session_groups::model::SessionStatus::Failed);
}
