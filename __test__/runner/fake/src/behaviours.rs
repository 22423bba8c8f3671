//! The reactions of the program to a prompt.

use std::io::Write;
use std::process::exit;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::fake::{Fake, Input, hang, write};
use crate::unix::{self, start_tool};

const SHORT: Duration = Duration::from_millis(150);
const FOREVER: Duration = Duration::from_secs(600);

#[allow(clippy::too_many_lines, reason = "a list")]
pub fn run(behaviour: &str, mut fake: Fake) {
    if !behaviour.starts_with("gives_its_lock") {
        unix::keep_descriptors();
    }
    match behaviour {
        // Before the turn.
        "refuses_its_options" => {
            let _ = writeln!(std::io::stderr(), "error: unknown option '--x'");
            exit(1)
        }
        "hangs_before_init" => {
            fake.prompt();
            hang()
        }
        "closes_its_input" => {
            unix::close(0);
            fake.init();
            fake.work(SHORT);
            fake.answer();
            fake.leave(0)
        }
        "never_reads_its_input" => {
            fake.init();
            hang()
        }
        "finds_no_conversation" => {
            let _ = writeln!(std::io::stderr(), "No conversation found with session ID: x");
            fake.result("error_during_execution", true, 0, r#""errors":["No conversation found"],"#);
            exit(1)
        }
        "is_not_logged_in" => {
            fake.prompt();
            fake.result("success", true, 1, r#""terminal_reason":"api_error","#);
            fake.leave(1)
        }
        "ignores_sigterm" | "ignores_sigterm_with_a_tool" => {
            unix::ignore(libc::SIGTERM);
            fake.is_deaf = true;
        }
        "ignores_interrupts" => fake.is_deaf = true,
        "exits_slowly" => {
            unix::notice_sigterm();
            fake.is_deaf = true;
        }
        "fills_the_disk" => unix::limit_file_size(64 * 1024),
        _ => {}
    }
    fake.begin();
    in_turn(behaviour, &mut fake);
    fake.leave(0)
}

#[allow(clippy::too_many_lines, reason = "a list")]
fn in_turn(behaviour: &str, fake: &mut Fake) {
    match behaviour {
        "uses_a_tool" => {
            fake.tool_use();
            start_tool("short", true, false).wait().unwrap();
            fake.answer();
        }
        "works_on" => loop {
            fake.tool_use();
            fake.work(Duration::from_millis(20));
        },
        "ignores_interrupts" | "ignores_sigterm" | "hangs_after_init" => {
            if behaviour == "hangs_after_init" {
                hang();
            }
            fake.work(FOREVER);
        }
        "ignores_sigterm_with_a_tool" => {
            fake.tool_use();
            drop(start_tool("deaf", true, false));
            fake.work(FOREVER);
        }
        "exits_slowly" => {
            while !unix::IS_TERMINATED.load(Ordering::Relaxed) {
                fake.work(Duration::from_millis(10));
            }
            sleep(SHORT);
            exit(143)
        }
        "waits_at_a_gate" => {
            let gate = std::env::var_os("FAKE_GATE").unwrap_or_default();
            while !std::path::Path::new(&gate).exists() {
                fake.work(Duration::from_millis(5));
            }
            fake.answer();
        }
        "prints_fifty_lines_a_second" => {
            let until = Instant::now() + Duration::from_secs(10);
            while Instant::now() < until {
                fake.tool_use();
                fake.work(Duration::from_millis(20));
            }
            fake.answer();
        }
        // Processes and files that are left behind.
        "leaves_a_tool" | "leaves_a_deaf_tool" | "gives_its_lock_to_a_tool" => {
            fake.tool_use();
            drop(start_tool(
                if behaviour == "leaves_a_deaf_tool" { "deaf" } else { "sleeping" },
                true,
                false,
            ));
            fake.answer();
        }
        "gives_its_lock_to_an_unmarked_tool" => {
            drop(start_tool("sleeping", true, true));
            fake.answer();
        }
        "forks_twice" => {
            fake.tool_use();
            start_tool("daemon", true, false).wait().unwrap();
            fake.answer();
        }
        "clears_the_environment" => {
            fake.tool_use();
            drop(start_tool("sleeping", true, true));
            // Long enough to be seen below this process on a busy machine.
            fake.work(Duration::from_secs(3));
            fake.answer();
        }
        "leaves_a_server_in_its_group" => {
            drop(start_tool("deaf", false, false));
            fake.answer();
        }
        "starts_a_chain" => {
            fake.tool_use();
            drop(start_tool("chain", true, false));
            fake.answer();
        }
        // The result and after it.
        "hangs_after_the_result" => {
            fake.answer();
            hang();
        }
        "hangs_after_the_result_without_sigterm" => {
            unix::ignore(libc::SIGTERM);
            fake.answer();
            hang();
        }
        "is_killed_after_the_result" => {
            fake.answer();
            unix::raise(libc::SIGKILL);
        }
        "fails_after_the_result" => {
            fake.answer();
            fake.leave(1);
        }
        "prints_two_results" => {
            fake.answer();
            fake.answer();
        }
        "prints_an_empty_success_first" => {
            fake.result("success", false, 0, "");
            fake.work(SHORT);
            fake.init();
            fake.answer();
        }
        "has_no_last_newline" => {
            fake.assistant("");
            let line = fake.result_line("success", false, 1, "");
            write(line.as_bytes());
            crate::fake::note(&format!("cost {}", fake.total()));
            exit(0)
        }
        "exits_without_a_result" => {
            fake.assistant("");
            exit(0)
        }
        "reports_its_state" => {
            fake.system("session_state_changed", r#""state":"running","#);
            fake.answer();
            fake.work(SHORT);
            fake.system("session_state_changed", r#""state":"idle","#);
        }
        // Background work.
        "works_in_the_background" => {
            fake.tasks(&["b1"]);
            fake.answer();
            sleep(SHORT);
            fake.tasks(&[]);
            fake.init();
            fake.answer();
        }
        "never_ends_its_background_work" => {
            let mut tool = start_tool("sleeping", true, false);
            fake.tasks(&["b1", "b2"]);
            fake.answer();
            let mut open = vec!["b1", "b2"];
            while let Some(input) = fake.receive(Instant::now() + FOREVER) {
                if let Input::StopTask(id) = input {
                    fake.respond(&id);
                    open.pop();
                    fake.tasks(&open);
                }
                if open.is_empty() {
                    break;
                }
            }
            let _ = tool.kill().and_then(|()| tool.wait());
        }
        "does_not_stop_its_background_work" => {
            drop(start_tool("sleeping", true, false));
            fake.tasks(&["b1"]);
            fake.answer();
            hang();
        }
        "has_a_background_agent" => {
            fake.system("session_state_changed", r#""state":"running","#);
            fake.tasks(&["a1"]);
            fake.answer();
            fake.work(SHORT);
            fake.tasks(&[]);
            fake.init();
            fake.answer();
            fake.system("session_state_changed", r#""state":"idle","#);
        }
        // Failures of the model and of the program.
        "meets_a_usage_limit" => {
            let until = std::env::var("FAKE_RESETS_AT").unwrap_or_else(|_| "1795630000".to_owned());
            fake.print(&format!(
                r#"{{"type":"rate_limit_event","rate_limit_info":{{"status":"rejected","resetsAt":{until},"rateLimitType":"five_hour"}}}}"#
            ));
            fake.result("success", true, 1, r#""api_error_status":429,"#);
            fake.leave(1);
        }
        "retries_often" => {
            for attempt in 0..200 {
                fake.system(
                    "api_retry",
                    &format!(
                        r#""attempt":{attempt},"max_retries":10,"retry_delay_ms":500,"error_status":529,"#
                    ),
                );
            }
            fake.answer();
        }
        "is_denied_a_tool" => {
            fake.tool_use();
            fake.result(
                "success",
                false,
                1,
                r#""permission_denials":[{"tool_name":"Bash","tool_use_id":"t1"}],"#,
            );
        }
        "reaches_max_turns" => {
            fake.assistant("");
            fake.result("error_max_turns", true, 3, r#""errors":["Reached maximum number of turns (2)"],"#);
            fake.leave(1);
        }
        "reaches_its_cap" => {
            fake.assistant("");
            fake.result("error_max_budget_usd", true, 2, r#""errors":["Reached maximum budget ($0.01)"],"#);
            fake.leave(1);
        }
        "reaches_its_cap_once" if !fake.is_resumed => {
            fake.assistant("");
            fake.result("error_max_budget_usd", true, 2, r#""errors":["Reached maximum budget ($0.01)"],"#);
            fake.leave(1);
        }
        "crashes_once" if !fake.is_resumed => {
            fake.assistant("");
            unix::raise(libc::SIGSEGV);
            std::process::abort();
        }
        "answers" | "reaches_its_cap_once" | "crashes_once" => fake.answer(),
        "crashes" => {
            fake.assistant("");
            unix::raise(libc::SIGSEGV);
            std::process::abort();
        }
        "stops_itself" => {
            unix::raise(libc::SIGSTOP);
            hang();
        }
        // Output.
        "prints_a_long_line" => {
            let megabytes = std::env::var("FAKE_LINE_MB").ok().and_then(|mb| mb.parse().ok()).unwrap_or(1);
            let piece = vec![b'x'; 1024 * 1024];
            write(br#"{"type":"user","message":{"content":""#);
            for _ in 0..megabytes {
                write(&piece);
            }
            write(b"\"}}\n");
            fake.answer();
        }
        "prints_invalid_utf8" => {
            write(b"{\"type\":\"user\",\"message\":{\"content\":\"\xff\xfe\xc3\"}}\n\xf0\x9f\n");
            fake.answer();
        }
        "prints_control_characters" => {
            write(b"\x1b]0;title\x07\x00\x1b[?25l\r\n\xef\xbb\xbf\n\x00\x00\n");
            fake.answer();
        }
        "dies_in_half_a_line" => {
            fake.assistant("");
            write(br#"{"type":"assistant","message":{"id":"msg_9","con"#);
            unix::raise(libc::SIGKILL);
        }
        "dies_in_half_a_result" => {
            fake.assistant("");
            let line = fake.result_line("success", false, 1, "");
            write(&line.as_bytes()[..line.len() / 2]);
            unix::raise(libc::SIGKILL);
        }
        "prints_byte_by_byte" => {
            fake.assistant("");
            let line = fake.result_line("success", false, 1, "");
            for byte in format!("{line}\n").as_bytes() {
                write(&[*byte]);
            }
            crate::fake::note(&format!("cost {}", fake.total()));
        }
        "closes_its_output" => {
            fake.assistant("");
            unix::close(1);
            sleep(SHORT);
            exit(0)
        }
        "floods_its_error_output" => {
            let piece = vec![b'e'; 64 * 1024];
            for _ in 0..160 {
                let _ = std::io::stderr().write_all(&piece);
            }
            fake.answer();
        }
        "floods_its_output" => loop {
            let line = format!(r#"{{"type":"user","message":{{"content":"{}"}}}}"#, "y".repeat(16 * 1024));
            fake.print(&line);
            fake.work(Duration::from_millis(1));
        },
        "fills_the_disk" => {
            let line = format!(r#"{{"type":"user","message":{{"content":"{}"}}}}"#, "z".repeat(8 * 1024));
            while write(format!("{line}\n").as_bytes()) {}
            fake.assistant("");
            fake.result("success", false, 1, "");
            exit(1)
        }
        _ => exit(2),
    }
}
