//! Everything that is printed: data to stdout, progress and errors to stderr.
//!
//! Text for people is a [`Line`], whose parts are escaped and measured. No command prints in another way.

mod colour;
mod escape;
pub mod format;
mod line;
pub mod table;

pub use colour::{ColourChoice, ColourVariables};
pub use escape::{escape, escape_json};
pub use line::{ELLIPSIS, Line, Tone};

use std::io::{self, BufWriter, IsTerminal, Stderr, Stdout, Write};

use serde::Serialize;
use session_groups::json;

use crate::error::{Failure, Result};

/// The form of a command's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text for people.
    Text,
    /// One JSON document.
    Json,
    /// One JSON value per line.
    JsonLines,
}

/// The two streams of a command.
pub struct Output {
    format: Format,
    stdout: BufWriter<Stdout>,
    stderr: Stderr,
    stdout_colour: bool,
    stderr_colour: bool,
}

/// A JSON value with the version of its form.
#[derive(Serialize)]
struct Versioned<'a, T> {
    v: u8,
    #[serde(flatten)]
    value: &'a T,
}

impl Output {
    /// The streams of this process.
    pub fn new(format: Format, colour: ColourChoice) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        Self {
            format,
            stdout_colour: colour.for_stream(&stdout),
            stderr_colour: colour.for_stream(&stderr),
            stdout: BufWriter::new(stdout),
            stderr,
        }
    }

    /// The form that was asked for.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns `true` if stdout is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.stdout.get_ref().is_terminal()
    }

    /// Returns `true` if colour is written to stderr.
    pub fn has_colour_on_stderr(&self) -> bool {
        self.stderr_colour
    }

    /// Returns `true` if colour is written to stdout.
    pub fn has_colour_on_stdout(&self) -> bool {
        self.stdout_colour
    }

    /// Columns of a line on stdout: those of the terminal, else `COLUMNS`, else no limit.
    pub fn width(&self) -> usize {
        let columns = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0);
        let size = || terminal_size::terminal_size_of(self.stdout.get_ref());
        let terminal = || size().map(|(terminal_size::Width(columns), _)| usize::from(columns));
        if self.is_terminal() { terminal().or_else(columns) } else { columns() }.unwrap_or(usize::MAX)
    }

    /// Prints a line for people to stdout.
    pub fn line(&mut self, line: &Line) -> Result<()> {
        let text = line.to_text(self.stdout_colour);
        self.write(text.as_bytes())?;
        self.write(b"\n")
    }

    /// Prints lines for people to stdout.
    pub fn lines(&mut self, lines: &[Line]) -> Result<()> {
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// Prints a message for people to stderr. A stderr that cannot be written to is no reason to stop.
    pub fn note(&mut self, line: &Line) {
        let text = line.to_text(self.stderr_colour) + "\n";
        let _ = self.stderr.write_all(text.as_bytes());
    }

    /// Prints an object as JSON: as a document, or on one line with `--jsonl`.
    pub fn json<T: Serialize>(&mut self, value: &T) -> Result<()> {
        let text = serde_json::to_string(&Versioned { v: 1, value });
        self.json_text(&text.map_err(|error| Failure::unexpected(format!("cannot write JSON: {error}")))?)
    }

    /// Prints JSON text as a document, or on one line with `--jsonl`.
    pub fn json_text(&mut self, text: &str) -> Result<()> {
        match self.format {
            Format::JsonLines => self.json_line(text),
            Format::Json | Format::Text => self.text(&escape_json(&json::pretty(text))),
        }
    }

    /// Prints JSON text on one line.
    pub fn json_line(&mut self, text: &str) -> Result<()> {
        self.text(&escape_json(&json::compact(text)))
    }

    /// Prints data as it is, and ends the line.
    pub fn text(&mut self, text: &str) -> Result<()> {
        self.write(text.as_bytes())?;
        self.write(b"\n")
    }

    /// Writes bytes to stdout as they are.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stdout.write_all(bytes).map_err(|error| Failure::of_stdout(&error))
    }

    /// Writes what is still buffered.
    pub fn flush(&mut self) -> Result<()> {
        self.stdout.flush().map_err(|error| Failure::of_stdout(&error))
    }
}
