//! The size and the abilities of a terminal.

use std::io::IsTerminal;

use crate::output::ColourVariables;

/// Size of a terminal that does not tell its own.
const DEFAULT_SIZE: (usize, usize) = (80, 24);

/// The way in which a stream shows a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canvas {
    /// Lines, and a live part below them.
    Live,
    /// Lines alone, on a terminal that cannot move its cursor.
    Plain,
    /// Lines alone, without a limit of their width.
    File,
}

impl Canvas {
    /// The way for a stream of this process.
    pub fn of(stream: &impl IsTerminal) -> Self {
        match (stream.is_terminal(), ColourVariables::of_process().is_dumb) {
            (true, false) => Self::Live,
            (true, true) => Self::Plain,
            (false, _) => Self::File,
        }
    }

    /// Columns and rows.
    pub fn size(self) -> (usize, usize) {
        match self {
            Self::File => {
                let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
                (columns.filter(|columns| *columns > 0).unwrap_or(usize::MAX), DEFAULT_SIZE.1)
            }
            Self::Live | Self::Plain => {
                let size =
                    terminal_size::terminal_size().filter(|(columns, rows)| columns.0 > 0 && rows.0 > 0);
                size.map_or(DEFAULT_SIZE, |(columns, rows)| (columns.0.into(), rows.0.into()))
            }
        }
    }
}
