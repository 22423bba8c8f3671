//! Lines for people: text with tones, escaped, measured in columns.

use anstyle::{AnsiColor, Style};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::output::escape;

/// The sign that a text was cut.
pub const ELLIPSIS: &str = "…";

/// The meaning of a piece of text, shown by its colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary text.
    #[default]
    Plain,
    /// A name or a title.
    Strong,
    /// Something of less interest.
    Faint,
    /// Success.
    Good,
    /// Something a person should look at.
    Warning,
    /// A failure.
    Bad,
    /// Something that is going on.
    Active,
    /// A command or a remedy.
    Hint,
}

impl Tone {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Good => colour(AnsiColor::Green).bold(),
            Self::Warning => colour(AnsiColor::Yellow).bold(),
            Self::Bad => colour(AnsiColor::Red).bold(),
            Self::Active => colour(AnsiColor::Blue).bold(),
            Self::Hint => colour(AnsiColor::Cyan),
        }
    }
}

/// One line for people. Whatever is added to it is escaped, so that no text from elsewhere can act on the terminal.
///
/// ```
/// use session_groups_cli::output::{Line, Tone};
///
/// let line = Line::new().with(Tone::Bad, "FAILED").plain(" \u{1b}[2J");
/// assert_eq!(line.to_text(false), r"FAILED \x1b[2J");
/// assert_eq!(line.width(), 14);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    pieces: Vec<(Tone, String)>,
}

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds text of a tone.
    #[must_use]
    pub fn with(mut self, tone: Tone, text: &str) -> Self {
        self.push(tone, text);
        self
    }

    /// Adds ordinary text.
    #[must_use]
    pub fn plain(self, text: &str) -> Self {
        self.with(Tone::Plain, text)
    }

    /// Adds another line behind this one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self
    }

    /// Adds spaces up to a width.
    #[must_use]
    pub fn padded(mut self, width: usize) -> Self {
        let missing = width.saturating_sub(self.width());
        self.push(Tone::Plain, &" ".repeat(missing));
        self
    }

    /// Adds text of a tone.
    pub fn push(&mut self, tone: Tone, text: &str) {
        if !text.is_empty() {
            self.pieces.push((tone, escape(text).into_owned()));
        }
    }

    /// Width on a terminal, in columns.
    pub fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| text.width()).sum()
    }

    /// Returns `true` if there is no text in it.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The line cut to a width, with `…` at its end if something is missing.
    #[must_use]
    pub fn cut(self, width: usize) -> Self {
        if self.width() <= width {
            return self;
        }
        let mut left = width.saturating_sub(ELLIPSIS.width());
        let mut pieces = Vec::new();
        for (tone, text) in self.pieces {
            let kept = beginning(&text, left);
            left -= kept.width();
            let is_whole = kept.len() == text.len();
            if is_whole {
                pieces.push((tone, kept.to_owned()));
                continue;
            }
            let end = if width == 0 { "" } else { ELLIPSIS };
            pieces.push((tone, kept.trim_end().to_owned() + end));
            break;
        }
        Self { pieces }
    }

    /// The text, with the escape sequences of its colours if `has_colour`.
    pub fn to_text(&self, has_colour: bool) -> String {
        let mut out = String::new();
        for (tone, text) in &self.pieces {
            let style = tone.style();
            if has_colour && *tone != Tone::Plain {
                out.extend([style.render().to_string(), text.clone(), style.render_reset().to_string()]);
            } else {
                out += text;
            }
        }
        out
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::new().plain(text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::new().plain(&text)
    }
}

/// The longest beginning of a text that fits into a width. Characters that belong together are not separated.
fn beginning(text: &str, width: usize) -> &str {
    let mut used = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        used += grapheme.width();
        if used > width {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, width: usize) -> String {
        let line = Line::from(text).cut(width);
        assert!(line.width() <= width, "{text} at {width}");
        line.to_text(false)
    }

    #[test]
    fn a_cut_text_ends_in_an_ellipsis() {
        assert_eq!(cut("client-python", 13), "client-python");
        assert_eq!(cut("client-python", 8), "client-…");
        assert_eq!([cut("abc", 1), cut("abc", 0)], ["…", ""]);
    }

    #[test]
    fn wide_and_combining_characters_are_measured_and_not_torn() {
        assert_eq!(Line::from("认证服务").width(), 8);
        assert_eq!(cut("认证服务", 6), "认证…");
        assert_eq!(cut("认证服务", 5), "认证…");
        assert_eq!(cut("👩‍💻👩‍💻👩‍💻", 5), "👩‍💻👩‍💻…");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
    }

    #[test]
    fn a_cut_goes_through_pieces() {
        let line = Line::new().with(Tone::Good, "OK").plain(" then more").with(Tone::Bad, "!");
        assert_eq!(line.clone().cut(6).to_text(false), "OK th…");
        assert_eq!(line.clone().cut(2).to_text(false), "O…");
        assert_eq!(line.clone().cut(13), line);
    }

    #[test]
    fn colour_is_only_added_when_asked_for() {
        let line = Line::new().with(Tone::Good, "OK").plain(" done");
        assert_eq!(line.to_text(false), "OK done");
        assert_eq!(line.to_text(true), "\u{1b}[1m\u{1b}[32mOK\u{1b}[0m done");
    }

    #[test]
    fn padding_counts_columns() {
        assert_eq!(Line::from("认证").padded(6).to_text(false), "认证  ");
        assert_eq!(Line::from("long").padded(2).to_text(false), "long");
    }
}
