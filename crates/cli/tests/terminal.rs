//! Runs in a terminal, which tmux stands in for. Without tmux the tests are skipped.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failing test panics, and a skipped one says why"
)]

mod support;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::{Sandbox, wait_until};

/// A shell in a terminal.
struct Terminal {
    sandbox: Sandbox,
    socket: PathBuf,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

impl Terminal {
    /// Returns `None` if tmux is missing.
    fn new(size: (usize, usize), sessions: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").stdout(Stdio::null()).status().is_err() {
            println!("skipped: tmux is missing");
            return None;
        }
        let sandbox = Sandbox::new();
        sandbox.install_claude();
        sandbox.write_plan(sessions);
        std::os::unix::fs::symlink(
            env!("CARGO_BIN_EXE_session-groups"),
            sandbox.path().join("bin/session-groups"),
        )
        .unwrap();
        sandbox.write("tmux.conf", "set -g status off\nset -g history-limit 5000\n");
        let socket = sandbox.path().join("tmux");
        let terminal = Self { sandbox, socket };
        let at = terminal.sandbox.path().to_str().unwrap().to_owned();
        let (width, height) = (size.0.to_string(), size.1.to_string());
        let mut command = vec!["new-session", "-d", "-x", &width, "-y", &height, "-c", &at, "--"];
        let environment = [
            "TERM=screen".to_owned(),
            "TZ=UTC".to_owned(),
            "LC_ALL=C.UTF-8".to_owned(),
            "PS1=$ ".to_owned(),
            format!("HOME={at}"),
            format!("PATH={}", terminal.sandbox.search_path()),
            format!("SESSION_GROUPS_STORE={}", terminal.sandbox.store().display()),
        ];
        command.extend(["env", "-i"]);
        command.extend(environment.iter().map(String::as_str));
        command.push("sh");
        terminal.tmux(&command);
        terminal.wait_for("$");
        terminal.enter("stty -g > before; echo ready");
        terminal.wait_for("\nready\n$");
        Some(terminal)
    }

    /// Runs a command of tmux. Returns its output.
    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        let config = self.sandbox.path().join("tmux.conf");
        command.arg("-u").arg("-f").arg(config).arg("-S").arg(&self.socket).args(arguments);
        let output = command.env_remove("TMUX").env("LC_ALL", "C.UTF-8").output().unwrap();
        // Its server is gone once the last window is closed.
        let is_end = arguments[0] == "kill-server";
        assert!(output.status.success() || is_end, "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Types a line.
    fn enter(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.press("Enter");
    }

    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// The text on the screen.
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// The text on the screen and above it.
    fn history(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-S", "-"])
    }

    #[track_caller]
    fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        wait_until(|| format!("{what}:\n{}", self.history()), is_so);
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        self.wait_until(&format!("{text:?} is shown"), || self.history().contains(text));
    }

    /// Starts a command and waits until its session works.
    #[track_caller]
    fn start(&self, command: &str) {
        self.enter(&format!("{command}; echo \"exit $?\""));
        self.wait_for("Bash make all");
    }

    /// Waits until the command has ended with a code, and checks that the terminal is as before.
    #[track_caller]
    fn ended(&self, code: u8) {
        self.wait_for(&format!("\nexit {code}\n"));
        self.enter("stty -g > after; echo checked");
        self.wait_for("\nchecked\n");
        let settings = |name| std::fs::read_to_string(self.sandbox.path().join(name)).unwrap();
        assert_eq!(settings("before"), settings("after"));
        let flags = self.tmux(&["display-message", "-p", "#{cursor_flag} #{alternate_on} #{insert_flag}"]);
        assert_eq!(flags.trim(), "1 0 0", "the cursor, the alternate screen and the insert mode");
        // What is typed is echoed, and the live part is gone.
        assert!(self.history().contains("$ stty -g > after"), "{}", self.history());
        assert_eq!(self.history().matches(" of $10.00 [").count(), 0, "{}", self.history());
    }

    /// The newest group, as it is stored.
    fn group(&self) -> Value {
        self.sandbox.run(&["show", "latest", "--json"]).json()["group"].take()
    }

    /// Keeps everything that is written to the terminal, escape sequences too.
    fn record(&self) {
        let file = self.sandbox.path().join("recording");
        self.tmux(&["pipe-pane", &format!("cat >> {}", file.display())]);
    }

    /// What was written up to the end of a command.
    fn recording(&self) -> String {
        let read = || std::fs::read(self.sandbox.path().join("recording")).unwrap_or_default();
        let recorded = || String::from_utf8_lossy(&read()).into_owned();
        self.wait_until("the recording is complete", || recorded().contains("\nchecked"));
        recorded()
    }

    /// Lets sessions that wait for it go on.
    fn open_gate(&self) {
        self.sandbox.write("shop/gate", "");
    }
}

const GATE: &str = "  api: { prompt: GATE }\n";

#[test]
fn the_live_part_is_removed_at_the_end() {
    for size in [(80, 24), (40, 12)] {
        let Some(terminal) = Terminal::new(size, GATE) else { return };
        terminal.start("session-groups run demo.group.yaml");
        let screen = terminal.screen();
        assert!(screen.contains("\n demo  1 running"), "{screen}");
        terminal.open_gate();
        terminal.ended(0);
        let history = terminal.history();
        for line in ["START", "COMPLETED", "Summary"] {
            assert_eq!(history.matches(line).count(), 1, "{history}");
        }
    }
}

#[test]
fn a_terminal_is_resized_while_a_group_runs() {
    let Some(terminal) = Terminal::new((80, 24), GATE) else { return };
    terminal.start("session-groups run demo.group.yaml");
    for (width, height, total) in [
        ("40", "12", " demo  1 running  $0.00 of $10.00\n"),
        ("100", "30", " demo  1 running  0 waiting  0 done  0 failed  $0.00 of $10.00 [----------------]\n"),
        ("30", "8", " demo  0/1 done  $0.00 of $1…\n"),
        ("80", "24", " demo  1 running  $0.00 of $10.00 [----------------]\n"),
    ] {
        terminal.tmux(&["resize-window", "-x", width, "-y", height]);
        // The live part is drawn once, however often the size has changed.
        terminal.wait_until("the live part is drawn anew", || {
            let screen = terminal.screen();
            screen.contains(total) && screen.matches(" demo  ").count() == 1
        });
        // tmux tells programs of a resize only some time after an earlier one.
        std::thread::sleep(Duration::from_millis(500));
    }
    terminal.open_gate();
    terminal.ended(0);
    let history = terminal.history();
    assert_eq!(history.matches("Bash make all").count(), 0, "{history}");
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let Some(terminal) = Terminal::new((80, 24), "  api: { prompt: Add it }\n") else { return };
    terminal.record();
    terminal.enter("TERM=dumb session-groups run demo.group.yaml; echo \"exit $?\"");
    terminal.ended(0);
    let recording = terminal.recording();
    assert!(recording.contains("COMPLETED") && recording.contains("Summary"), "{recording}");
    assert!(!recording.contains('\u{1b}'), "{recording:?}");
}

#[test]
fn a_pipe_gets_plain_lines() {
    let Some(terminal) = Terminal::new((80, 24), "  api: { prompt: Add it }\n") else { return };
    terminal.enter("session-groups run demo.group.yaml 2>&1 | cat > piped; echo \"exit $?\"");
    terminal.ended(0);
    let piped = std::fs::read_to_string(terminal.sandbox.path().join("piped")).unwrap();
    assert!(piped.contains("COMPLETED") && piped.contains("Summary"), "{piped}");
    assert!(!piped.contains('\u{1b}'), "{piped:?}");
}

#[test]
fn colours_can_be_turned_off() {
    for (setting, has_colours) in [("", true), ("NO_COLOR=1 ", false)] {
        let Some(terminal) = Terminal::new((80, 24), GATE) else { return };
        terminal.record();
        terminal.start(&format!("{setting}session-groups run demo.group.yaml"));
        terminal.open_gate();
        terminal.ended(0);
        let recording = terminal.recording();
        let mut sequences = recording.split("\u{1b}[").skip(1);
        let is_colour = |rest: &str| {
            rest.trim_start_matches(|part: char| part.is_ascii_digit() || part == ';').starts_with('m')
        };
        assert_eq!(sequences.any(is_colour), has_colours, "{setting}: {recording:?}");
        assert!(recording.contains("\u{1b}[2K"), "there is a live part: {recording:?}");
    }
}

#[test]
fn a_stopped_terminal_does_not_hold_up_the_run() {
    let Some(terminal) = Terminal::new((80, 24), GATE) else { return };
    terminal.start("session-groups run demo.group.yaml");
    terminal.press("C-s");
    terminal.open_gate();
    terminal.wait_until("the group completes", || terminal.group()["status"] == json!("completed"));
    assert!(!terminal.history().contains("COMPLETED"), "{}", terminal.history());
    // The program has nothing more to do, but its last lines are not lost, however long the terminal is stopped.
    std::thread::sleep(Duration::from_millis(2500));
    terminal.press("C-q");
    terminal.ended(0);
    let history = terminal.history();
    assert!(history.contains("COMPLETED") && history.contains("Summary"), "{history}");
}

#[test]
fn ctrl_c_pauses_then_stops_then_kills() {
    let announced = ["PAUSING", "STOPPING", "KILLING"];
    for (presses, status) in [(1, "paused"), (2, "failed"), (3, "failed")] {
        let prompt = if presses == 1 { "WORK" } else { "STUBBORN" };
        let Some(terminal) = Terminal::new((80, 24), &format!("  api: {{ prompt: {prompt} }}\n")) else {
            return;
        };
        terminal.start("session-groups run demo.group.yaml");
        for word in &announced[..presses] {
            terminal.press("C-c");
            terminal.wait_for(word);
            // A signal that comes right after another is taken for a copy of it.
            std::thread::sleep(Duration::from_millis(300));
        }
        terminal.ended(130);
        // The echo of the key has not moved the lines.
        for line in terminal.history().lines().filter(|line| line.contains("ING [")) {
            assert!(announced.iter().any(|word| line.starts_with(&format!("{word:>12} [")[..])), "{line:?}");
        }
        assert_eq!(terminal.group()["status"], json!(status), "{presses}");
        assert_eq!(terminal.group()["sessions"][0]["status"], json!("paused"), "{presses}");
        let doctor = terminal.sandbox.run(&["doctor", "--claude", "bin/claude", "--json"]).json();
        assert_eq!(doctor["problems"], json!([]), "{presses}");
    }
}

#[test]
fn a_closed_terminal_pauses_the_group() {
    let Some(terminal) = Terminal::new((80, 24), "  api: { prompt: WORK }\n") else { return };
    terminal.start("session-groups run demo.group.yaml");
    terminal.tmux(&["kill-server"]);
    terminal.wait_until("the group is paused", || terminal.group()["status"] == json!("paused"));
    terminal.wait_until("no process is left", || {
        let doctor = terminal.sandbox.run(&["doctor", "--claude", "bin/claude", "--json"]).json();
        doctor["problems"] == json!([]) && doctor["runners"] == json!([])
    });
    assert_eq!(terminal.group()["sessions"][0]["status"], json!("paused"));
}

/// Two hundred sessions with wide names, of which so many run at once.
fn crowd(at_once: usize) {
    let mut sessions = String::new();
    for number in 0..200 {
        let name = ["认证服务", "🎉 party", "👩‍💻 naïve"][number % 3];
        writeln!(sessions, "  {name} {number}: {{ prompt: WORK }}").unwrap();
    }
    let Some(terminal) = Terminal::new((40, 12), "") else { return };
    terminal.sandbox.write(
        "demo.group.yaml",
        &format!("version: 1\nconcurrency: {at_once}\ndefaults: {{ project: shop }}\nsessions:\n{sessions}"),
    );
    terminal.enter("session-groups run demo.group.yaml; echo \"exit $?\"");
    let more = format!("and {} more", at_once - 8);
    terminal.wait_until("all run", || terminal.screen().contains(&more));
    let screen = terminal.screen();
    assert_eq!(screen.matches(" demo  ").count(), 1, "{screen}");
    // The width of a line is measured by the terminal: one that is too wide would be wrapped.
    assert!(screen.lines().count() <= 12 && screen.contains("认证服务"), "{screen}");
    terminal.press("C-c");
    terminal.ended(130);
    assert!(terminal.history().contains("200 not finished"), "{}", terminal.history());
}

#[test]
fn a_crowd_of_wide_names_fits_into_a_small_terminal() {
    crowd(16);
}

#[test]
#[ignore = "starts two hundred processes, which takes half a minute"]
fn two_hundred_sessions_run_at_once() {
    crowd(200);
}
