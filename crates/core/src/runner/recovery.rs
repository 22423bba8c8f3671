//! What an earlier runner left: each session that is stored as active is classified before anything is decided about it.
//!
//! | found | becomes |
//! |---|---|
//! | its process lives | adopted: its output is read from the start, and it ends its turn by itself |
//! | its process is gone, its output has a result | settled by that result |
//! | its process is gone without a result | swept and resumed |
//! | nothing was ever printed and no process recorded | never started: the attempt does not count |
//! | that cannot be told, or its output cannot be read | left alone; the group pauses until a person decides |
//! | the machine lacks something for the look | looked at again later |

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::claude::signs::Signs;
use crate::error::{Error, Result, is_shortage};
use crate::model::number::to_whole;
use crate::model::run::Attempt;
use crate::model::time::IsoTime;
use crate::runner::plan::Look;
use crate::runner::process::{Mark, SessionDirectoryNames};
use crate::runner::sessions::{EarlierAttempt, Found, SessionProcesses};
use crate::runner::supervisor::live::Live;

/// Number of bytes of the error output that are read.
const MAX_ERRORS: u64 = 64 * 1024;

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

/// Classifies the open attempt of a session. `live` is to read its output. Fails if the machine lacks something for the look.
pub fn look(
    processes: &mut dyn SessionProcesses,
    names: &SessionDirectoryNames,
    attempt: Option<&Attempt>,
    live: Live,
    now_ms: f64,
) -> Result<Recovered> {
    // Stored as active by a program that keeps no attempts.
    let Some(attempt) = attempt else { return Ok(Recovered::new(Look::NeverStarted)) };
    let Ok(mark) = attempt.uuid.parse::<Mark>() else {
        let reason = format!("the uuid of its attempt {} is damaged", attempt.n.get());
        return Ok(Recovered::unknown(reason));
    };
    let recorded = attempt.process.as_ref();
    let earlier = EarlierAttempt { names, attempt: attempt.n.get(), mark, recorded };
    let recovered = processes.find(&earlier).and_then(|found| match found {
        Found::Adopted(process) => {
            let ran_ms = milliseconds(&attempt.started_at, now_ms);
            Ok(Recovered { live: Some(live), process, ..Recovered::new(Look::Alive { ran_ms }) })
        }
        Found::Gone { output, errors } => gone(attempt, live, output, errors, now_ms),
        Found::Unknown(reason) => Ok(Recovered::unknown(reason)),
    });
    match recovered {
        Err(error) if !error.is_of_shortage() => Ok(Recovered::unknown(error.to_string())),
        recovered => recovered,
    }
}

/// Reads the output of a process that is gone to its end. A last line that was cut short says nothing.
fn gone(
    attempt: &Attempt,
    mut live: Live,
    output: Option<File>,
    errors: Option<File>,
    now_ms: f64,
) -> Result<Recovered> {
    let modified = output.as_ref().and_then(|output| output.metadata().ok()?.modified().ok());
    let ended_ms = modified.map_or(now_ms, unix_ms).min(now_ms);
    let ran_ms = milliseconds(&attempt.started_at, ended_ms);
    let unread = |source| Error::io(None, Path::new("its output"), "reading", source);
    output.map_or(Ok(()), |output| live.read_file(output, ended_ms)).map_err(unread)?;
    let errors = match errors.map_or_else(|| Ok(Vec::new()), end_of) {
        Err(error) if is_shortage(&error) => return Err(unread(error)),
        errors => errors.unwrap_or_default(),
    };
    let cost = live.cost();
    let look = match live.result() {
        _ if !live.has_lines() && attempt.process.is_none() => Look::NeverStarted,
        Some(result) => Look::Settled { result, ran_ms },
        None => Look::Dead { cost, ran_ms },
    };
    Ok(Recovered { live: Some(live), errors, ..Recovered::new(look) })
}

/// Returns `true` if the model has answered in one of these attempts, by their outputs, or if they can never be read. Fails if the
/// machine lacks something for that.
pub fn was_answered<'a>(
    processes: &dyn SessionProcesses,
    names: &SessionDirectoryNames,
    attempts: impl Iterator<Item = &'a Attempt>,
) -> Result<bool> {
    for attempt in attempts {
        let output = processes.output(names, attempt.n.get()).and_then(|output| {
            let has_answer = output.map_or(Ok(false), has_answer);
            has_answer.map_err(|source| Error::io(None, Path::new("its output"), "reading", source))
        });
        match output {
            Ok(false) => {}
            Err(error) if error.is_of_shortage() => return Err(error),
            // An answer that was paid for is not given up because it cannot be read.
            Ok(true) | Err(_) => return Ok(true),
        }
    }
    Ok(false)
}

fn has_answer(mut output: File) -> io::Result<bool> {
    let (mut signs, mut piece) = (Signs::default(), vec![0; 64 * 1024]);
    while !signs.was_answered() {
        match output.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => drop(signs.push(&piece[..length])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(signs.was_answered())
}

fn end_of(mut file: File) -> io::Result<Vec<u8>> {
    let mut end = Vec::new();
    let skipped = file.metadata()?.len().saturating_sub(MAX_ERRORS);
    file.seek(SeekFrom::Start(skipped))?;
    file.take(MAX_ERRORS).read_to_end(&mut end)?;
    Ok(end)
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
        let found = gone(&attempt, live, Some(unreadable), None, now.unix_ms());
        assert!(found.err().is_some_and(|error| error.to_string().contains("output")));
    }
}
