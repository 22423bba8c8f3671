//! What an earlier runner left: each session that is stored as active is classified before anything is decided about it.
//!
//! | found | becomes |
//! |---|---|
//! | its process lives | adopted: its output is read from the start, and it ends its turn by itself |
//! | its process is gone, its output has a result | settled by that result |
//! | its process is gone without a result | swept and resumed |
//! | nothing was ever printed and no process recorded | never started: the attempt does not count |
//! | that cannot be told, or its output cannot be read | left alone; the group pauses until a person decides |

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, SystemTime};

use crate::claude::signs::Signs;
use crate::model::number::to_whole;
use crate::model::run::Attempt;
use crate::model::time::IsoTime;
use crate::runner::plan::Look;
use crate::runner::process::{Mark, SessionDirectoryNames};
use crate::runner::sessions::{EarlierAttempt, Found, SessionProcesses};
use crate::runner::supervisor::live::Live;

/// Number of bytes of the error output that are read.
const MAX_ERRORS: i64 = 64 * 1024;

/// The state of an attempt of an earlier runner.
pub struct Recovered {
    /// The answer for the plan.
    pub look: Look,
    /// What its output says, if it has one.
    pub live: Option<Live>,
    /// The end of its error output.
    pub errors: Vec<u8>,
    /// The process that was adopted.
    pub process: Option<crate::model::run::ProcessIdentity>,
    /// The reason why nothing can be told.
    pub unknown: Option<String>,
}

impl Recovered {
    fn new(look: Look) -> Self {
        Self { look, live: None, errors: Vec::new(), process: None, unknown: None }
    }

    fn unknown(reason: String) -> Self {
        Self { unknown: Some(reason), ..Self::new(Look::CannotTell) }
    }
}

/// Classifies the open attempt of a session. `live` is to read its output.
pub fn look(
    processes: &mut dyn SessionProcesses,
    names: &SessionDirectoryNames,
    attempt: Option<&Attempt>,
    live: Live,
    now_ms: f64,
) -> Recovered {
    // Stored as active by a program that keeps no attempts.
    let Some(attempt) = attempt else { return Recovered::new(Look::NeverStarted) };
    let Ok(mark) = attempt.uuid.parse::<Mark>() else {
        return Recovered::unknown(format!("the uuid of its attempt {} is damaged", attempt.n.get()));
    };
    let recorded = attempt.process.as_ref();
    let earlier = EarlierAttempt { names, attempt: attempt.n.get(), mark, recorded };
    match processes.find(&earlier) {
        Found::Adopted(process) => {
            let ran_ms = milliseconds(&attempt.started_at, now_ms);
            Recovered { live: Some(live), process, ..Recovered::new(Look::Alive { ran_ms }) }
        }
        Found::Gone { output, errors } => {
            let errors = errors.map(end_of).unwrap_or_default();
            gone(attempt, live, output, errors, now_ms)
        }
        Found::Unknown(reason) => Recovered::unknown(reason),
    }
}

/// Reads the output of a process that is gone to its end. A last line that was cut short says nothing.
fn gone(attempt: &Attempt, mut live: Live, output: Option<File>, errors: Vec<u8>, now_ms: f64) -> Recovered {
    let modified = output.as_ref().and_then(|output| output.metadata().ok()?.modified().ok());
    let ended_ms = modified.map_or(now_ms, unix_ms).min(now_ms);
    let ran_ms = milliseconds(&attempt.started_at, ended_ms);
    if let Some(output) = output
        && let Err(error) = live.read_file(output, ended_ms)
    {
        return Recovered::unknown(format!("its output cannot be read: {error}"));
    }
    let cost = live.cost();
    let look = match live.result() {
        _ if !live.has_lines() && attempt.process.is_none() => Look::NeverStarted,
        Some(result) => Look::Settled { result, ran_ms },
        None => Look::Dead { cost, ran_ms },
    };
    Recovered { live: Some(live), errors, ..Recovered::new(look) }
}

/// Returns `true` if the model has answered in one of these attempts, by their outputs, or if that cannot be read.
pub fn was_answered<'a>(
    processes: &dyn SessionProcesses,
    names: &SessionDirectoryNames,
    attempts: impl Iterator<Item = &'a Attempt>,
) -> bool {
    for attempt in attempts {
        // An answer that was paid for is not given up because it cannot be read.
        let Ok(output) = processes.output(names, attempt.n.get()) else { return true };
        let Some(mut output) = output else { continue };
        let (mut signs, mut piece) = (Signs::default(), vec![0; 64 * 1024]);
        loop {
            match output.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => signs.push(&piece[..length]),
                Err(_) => return true,
            };
            if signs.was_answered() {
                return true;
            }
        }
    }
    false
}

fn end_of(mut file: File) -> Vec<u8> {
    let mut end = Vec::new();
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let skipped = i64::try_from(length).unwrap_or(i64::MAX).saturating_sub(MAX_ERRORS).max(0);
    let found = file.seek(SeekFrom::Start(skipped.unsigned_abs()));
    let _ = found.and_then(|_| file.take(MAX_ERRORS.unsigned_abs()).read_to_end(&mut end));
    end
}

fn milliseconds(from: &IsoTime, to_ms: f64) -> u64 {
    to_whole((to_ms - from.unix_ms()).max(0.0))
}

fn unix_ms(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since: Duration| since.as_secs_f64() * 1e3)
}

/// Windows opens no directory as a file.
#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::model::GroupSession;
    use crate::model::number::{Positive, Usd};
    use crate::model::run::AttemptKind;
    use crate::runner::plan::SessionIndex;

    #[test]
    fn an_output_that_cannot_be_read_says_nothing_about_its_attempt() {
        let now = IsoTime::now();
        let attempt = Attempt {
            n: Positive::clamped(1),
            uuid: uuid::Uuid::new_v4().to_string(),
            how: AttemptKind::Fresh,
            started_at: now.clone(),
            reserved_usd: Usd::clamped(0.0),
            claude_session_id: String::new(),
            ended_at: None,
            cost_usd: None,
            estimated: None,
            outcome: None,
            error: None,
            process: None,
        };
        let live = Live::new(SessionIndex(0), GroupSession::new("a", "/p", "Do it.", now.clone()));
        // Opening a directory succeeds, reading it does not.
        let unreadable = File::open("/").unwrap();
        let found = gone(&attempt, live, Some(unreadable), Vec::new(), now.unix_ms());
        assert_eq!(found.look, Look::CannotTell);
        assert!(found.unknown.is_some_and(|reason| reason.contains("output")));
    }
}
