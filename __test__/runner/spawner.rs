//! A runner that dies: this test program itself, started once more.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use session_groups::model::run::ProcessIdentity;
use session_groups::runner::process::Processes;
use uuid::Uuid;

use crate::behaviours::BEHAVIOURS;
use crate::support::{Attempt, SETTINGS, Settings, World, fake_claude, options};

/// Names the world of the runner that is to die.
const VARIABLE: &str = "RUNNER_TEST_WORLD";

/// A runner that has started every behaviour. Their turns end when the gate of the world is opened.
pub struct Spawner {
    child: Child,
    attempts: Vec<Attempt>,
}

impl Spawner {
    pub fn start(world: &World) -> Self {
        fake_claude();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "spawner::runner_that_dies", "--nocapture"])
            .env(VARIABLE, &world.base)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut attempts = Vec::new();
        while attempts.len() < BEHAVIOURS.len() {
            let line = lines.next().unwrap().unwrap();
            let Some((_, started)) = line.split_once("started ") else { continue };
            let mut fields = started.splitn(3, ' ');
            let (behaviour, uuid) = (fields.next().unwrap(), fields.next().unwrap());
            let mut attempt = Attempt::new(world, behaviour, uuid.parse().unwrap());
            let identity: ProcessIdentity = session_groups::model::from_json(fields.next().unwrap()).unwrap();
            attempt.identity = Some(identity);
            attempts.push(attempt);
        }
        Self { child, attempts }
    }

    /// Kills the runner in the middle of all turns, as a crash would end it.
    pub fn die(mut self) -> Vec<Attempt> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.attempts
    }
}

/// Does nothing in an ordinary test run.
#[test]
fn runner_that_dies() {
    let Some(base) = std::env::var_os(VARIABLE).map(PathBuf::from) else { return };
    let world = World::at(&base);
    let mut processes = Processes::new(options()).unwrap();
    let mut attempts = Vec::new();
    for behaviour in BEHAVIOURS {
        let uuid = Uuid::new_v4();
        let mut attempt = Attempt::new(&world, behaviour.name, uuid);
        attempt.start(&world, &mut processes, Settings { has_gate: true, ..SETTINGS });
        let identity = serde_json::to_string(attempt.identity.as_ref().unwrap()).unwrap();
        println!("started {} {uuid} {identity}", behaviour.name);
        attempts.push(attempt);
    }
    std::io::stdout().flush().unwrap();
    loop {
        // Neither interrupts nor closes anything: it is about to die.
        std::thread::sleep(Duration::from_secs(1));
    }
}
