use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::{Format, Output};

/// Print a script that completes commands in a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  session-groups completions bash > ~/.local/share/bash-completion/completions/session-groups"
)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    pub fn run(self, output: &mut Output) -> Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "session-groups", &mut script);
        match output.format() {
            Format::Text => output.write(&script)?,
            Format::Json | Format::JsonLines => {
                let (shell, script) = (self.shell.to_string(), String::from_utf8_lossy(&script));
                output.json(&serde_json::json!({ "shell": shell, "script": script }))?;
            }
        }
        Ok(Exit::Success)
    }
}
