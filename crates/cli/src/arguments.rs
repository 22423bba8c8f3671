//! The command line: its commands and the options that all of them have.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, ValueEnum};

use crate::commands::Command;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::{ColourChoice, Format, Line, Output, Tone, escape};

/// Runs groups of Claude Code sessions: from a plan file, with dependencies between them and one budget for all.
#[derive(Debug, Parser)]
#[command(name = "session-groups", max_term_width = 100)]
#[command(
    after_help = "Example:\n  session-groups check payments.group.yaml\n  session-groups run payments.group.yaml\n  session-groups status"
)]
#[command(override_usage = "session-groups [OPTIONS] <COMMAND>")]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Arguments {
    /// Print version
    #[arg(short = 'V', long, display_order = 1_000)]
    version: bool,
    /// The options of all commands.
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

impl Arguments {
    /// Parses a command line, the program's name first.
    pub fn parse(command_line: &[OsString]) -> std::result::Result<Self, clap::Error> {
        let arguments = Self::try_parse_from(command_line)?;
        let (kind, message) = match (&arguments.command, arguments.version) {
            (None, false) => (ErrorKind::MissingSubcommand, "a command is missing"),
            (Some(_), true) => {
                (ErrorKind::ArgumentConflict, "the argument '--version' cannot be used with a command")
            }
            _ => return Ok(arguments),
        };
        Err(Self::command().error(kind, message))
    }

    /// Carries out the command, or prints the version.
    pub fn run(self, output: &mut Output) -> Result<Exit> {
        match self.command {
            Some(command) => command.run(&self.global, output),
            None => print_version(output),
        }
    }
}

/// Help for `--store`, whose default is not known to the parser.
const STORE_HELP: &str =
    "Directory of the store [default: ~/.local/claude-code-agent/session-groups] [env: SESSION_GROUPS_STORE]";

/// The options that all commands have.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Directory of the store
    #[arg(long, value_name = "DIR", global = true, help = STORE_HELP)]
    pub store: Option<PathBuf>,
    /// When to use colour
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", hide_possible_values = false)]
    pub color: ColourChoice,
    /// Print one JSON document
    #[arg(long, global = true, conflicts_with = "jsonl")]
    pub json: bool,
    /// Print one JSON value per line
    #[arg(long, global = true)]
    pub jsonl: bool,
}

impl Global {
    /// The form of the command's data.
    pub fn format(&self) -> Format {
        match (self.json, self.jsonl) {
            (_, true) => Format::JsonLines,
            (true, false) => Format::Json,
            (false, false) => Format::Text,
        }
    }
}

/// The value of `--color` in a command line that could not be parsed.
pub fn colour_of(command_line: &[OsString]) -> ColourChoice {
    let words: Vec<_> = command_line.iter().filter_map(|word| word.to_str()).collect();
    let separate = words.windows(2).find(|pair| pair[0] == "--color").map(|pair| pair[1]);
    let value = words.iter().find_map(|word| word.strip_prefix("--color=")).or(separate);
    value.and_then(|value| ColourChoice::from_str(value, false).ok()).unwrap_or_default()
}

/// Prints the error of a command line, or the help that was asked for.
pub fn report_error(error: &clap::Error, colour: ColourChoice) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp => {
            // A reader that went away has seen enough.
            let _ = std::io::stdout().write_all(error.render().to_string().as_bytes());
            Exit::Success
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = std::io::stderr().write_all(error.render().to_string().as_bytes());
            Exit::Usage
        }
        _ => print_error(error, colour),
    }
}

fn print_version(output: &mut Output) -> Result<Exit> {
    let (name, version) = ("session-groups", env!("CARGO_PKG_VERSION"));
    match output.format() {
        Format::Text => output.text(&format!("{name} {version}"))?,
        Format::Json | Format::JsonLines => {
            output.json(&serde_json::json!({ "name": name, "version": version }))?;
        }
    }
    Ok(Exit::Success)
}

fn print_error(error: &clap::Error, colour: ColourChoice) -> Exit {
    let text = error.render().to_string();
    let has_colour = colour.for_stream(&std::io::stderr());
    let mut stderr = std::io::stderr();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let _ = writeln!(stderr, "{}", error_line(line).to_text(has_colour));
    }
    Exit::Usage
}

/// A line of clap's error in the manner of this program.
fn error_line(line: &str) -> Line {
    if let Some(message) = line.strip_prefix("error: ") {
        return Line::new().with(Tone::Bad, "error").plain(": ").plain(message);
    }
    if let Some(tip) = line.strip_prefix("  tip: ") {
        return Line::new().with(Tone::Hint, "help").plain(": ").plain(tip);
    }
    if line.starts_with("For more information") {
        return Line::new().with(Tone::Hint, "help").plain(": try --help");
    }
    Line::new().plain(&escape(line))
}
