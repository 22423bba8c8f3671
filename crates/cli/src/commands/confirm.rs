//! The question before something that cannot be undone.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use crate::error::{Failure, Result};
use crate::output::{Line, Output, Tone};

/// The option `--yes`.
#[derive(Debug, Clone, Copy, Args)]
pub struct Confirmation {
    /// Do not ask
    #[arg(short = 'y', long)]
    yes: bool,
}

impl Confirmation {
    /// Asks on the terminal. Fails without one, and if the answer is no.
    pub fn ask(self, output: &mut Output, question: &str) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            let failure = Failure::usage(format!("{question} There is no terminal to ask on"));
            return Err(failure.with_help("pass --yes"));
        }
        let line = Line::new().with(Tone::Strong, question).plain(" [y/N] ");
        let mut stderr = io::stderr();
        let _ = stderr.write_all(line.to_text(output.has_colour_on_stderr()).as_bytes());
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        let is_yes = read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
        if is_yes { Ok(()) } else { Err(Failure::usage("nothing was changed")) }
    }
}
