//! Templates: Markdown with variables such as `{{session_id}}`, and optional front matter that declares them.
//!
//! A variable is replaced once: what looks like a variable in a value stays as it is. `\{{` stands for two braces.
//!
//! ```
//! use session_groups::generate::template::{Template, Values};
//!
//! let text = "---\nvariables:\n  - name: tone\n    default: brief\n---\nBe {{tone}}. Work on {{task}}, not on \\{{x}}.\n";
//! let template = Template::parse(text).unwrap();
//! let values = [("task".to_owned(), "{{tone}}".to_owned())].into();
//! assert_eq!(template.render(&values).unwrap(), "Be brief. Work on {{tone}}, not on {{x}}.\n");
//! assert_eq!(template.render(&Values::new()).unwrap_err().line, 6);
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use crate::claude::environment::Environment;
use crate::error::{Error, Remedy, Result};
use crate::generate::effective::Effective;
use crate::generate::front_matter::{self, Declared};
use crate::generate::lookup;
use crate::model::{GroupSession, SessionGroup};

/// The longest result, in bytes.
const MAX_RENDERED: usize = 4 * 1024 * 1024;

/// The variables that every template has.
const BUILT_IN: [&str; 6] = ["session_id", "group_id", "group_name", "project_path", "prompt", "model"];

/// Values of variables by their names.
pub type Values = BTreeMap<String, String>;

/// A template, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
    declared: Vec<Declared>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable(Variable),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Variable {
    name: String,
    /// The variable as the template has it, with its braces.
    source: String,
    line: usize,
}

/// The reason why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Line, from 1.
    pub line: usize,
    /// Name of the variable concerned; empty if there is none.
    pub variable: String,
    /// A sentence without its subject, which is the variable or the template.
    pub problem: String,
    /// The remedy, if there is one apart from the problem.
    pub remedy: Option<Remedy>,
}

impl Flaw {
    pub(super) fn new(line: usize, variable: &str, problem: &str) -> Self {
        Self { line, variable: variable.to_owned(), problem: problem.to_owned(), remedy: None }
    }

    fn with_remedy(self, remedy: Remedy) -> Self {
        Self { remedy: Some(remedy), ..self }
    }

    fn into_error(self, path: &Path) -> Error {
        let error = Error::invalid_template(path, self.line, &self.variable, &self.problem);
        match self.remedy {
            Some(remedy) => error.with_remedy(remedy),
            None => error,
        }
    }
}

impl Template {
    /// Parses a template.
    pub fn parse(text: &str) -> std::result::Result<Self, Flaw> {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let (front_matter, body, first_line) = front_matter::split(text);
        let declared = front_matter.map(front_matter::variables).transpose()?.flatten();
        let (body, first_line) = if declared.is_some() { (body, first_line) } else { (text, 1) };
        Ok(Self { pieces: pieces(body, first_line)?, declared: declared.unwrap_or_default() })
    }

    /// Replaces the variables. A variable without a value gets its default; one that is declared, but neither required nor
    /// given a default, is empty. Fails for a required variable without a value and for an unknown one.
    pub fn render(&self, values: &Values) -> std::result::Result<String, Flaw> {
        let is_missing = |declared: &&Declared| {
            declared.is_required && declared.default.is_none() && !values.contains_key(&declared.name)
        };
        if let Some(Declared { line, name, .. }) = self.declared.iter().find(is_missing) {
            let flaw = Flaw::new(*line, name, "is required, but has no value");
            return Err(flaw.with_remedy(Remedy::SetVariable));
        }
        let mut rendered = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => rendered.push_str(text),
                Piece::Variable(Variable { name, line, .. }) => {
                    let value = values.get(name).map(String::as_str).or_else(|| self.default_of(name));
                    let unknown =
                        || Flaw::new(*line, name, &self.unknown(values)).with_remedy(Remedy::SetVariables);
                    rendered.push_str(value.ok_or_else(unknown)?);
                }
            }
            if rendered.len() > MAX_RENDERED {
                return Err(Flaw::new(1, "", "becomes longer than 4 MiB"));
            }
        }
        Ok(rendered)
    }

    fn default_of(&self, name: &str) -> Option<&str> {
        let declared = self.declared.iter().find(|declared| declared.name == name)?;
        Some(declared.default.as_deref().unwrap_or_default())
    }

    /// The problem of an unknown variable.
    fn unknown(&self, values: &Values) -> String {
        let declared = self.declared.iter().map(|declared| declared.name.as_str());
        let mut known: Vec<&str> = values.keys().map(String::as_str).chain(declared).collect();
        known.sort_unstable();
        known.dedup();
        format!("is unknown. Known are {}", known.join(", "))
    }
}

/// Replaces the variables of a text that have a value, and leaves everything else as it is: unknown variables, other braces,
/// and front matter that declares no variables.
pub fn substitute(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let (front_matter, body, _) = front_matter::split(text);
    let declared = front_matter.and_then(|text| front_matter::variables(text).ok().flatten());
    let declared = declared.filter(|declared| !declared.is_empty());
    let body = if declared.is_some() { body } else { text };
    let default = |name: &str| declared.iter().flatten().find(|it| it.name == name)?.default.clone();
    let mut rest = Scanner { rest: body, line: 1 };
    let mut out = String::new();
    while let Some(token) = rest.next() {
        match token {
            Token::Text(text) => out.push_str(text),
            Token::Escaped => out.push_str("{{"),
            Token::Variable(variable) => {
                let known = value(&variable.name).or_else(|| default(&variable.name));
                out.push_str(&known.unwrap_or(variable.source));
            }
            Token::Other(source) => out.push_str(source),
        }
    }
    out
}

/// Parses the text after the front matter.
fn pieces(text: &str, first_line: usize) -> std::result::Result<Vec<Piece>, Flaw> {
    let mut scanner = Scanner { rest: text, line: first_line };
    let mut pieces = Vec::new();
    loop {
        let line = scanner.line;
        match scanner.next() {
            None => return Ok(pieces),
            Some(Token::Text(text)) => pieces.push(Piece::Text(text.to_owned())),
            Some(Token::Escaped) => pieces.push(Piece::Text("{{".to_owned())),
            Some(Token::Variable(variable)) => pieces.push(Piece::Variable(variable)),
            Some(Token::Other(source)) => {
                let found = crate::json::shortened(source.lines().next().unwrap_or_default(), 40);
                let problem = format!("has {found:?}, which is not a variable. Write \\{{{{ for two braces");
                return Err(Flaw::new(line, "", &problem));
            }
        }
    }
}

/// A part of a template.
enum Token<'a> {
    Text(&'a str),
    /// `\{{`.
    Escaped,
    Variable(Variable),
    /// Braces that do not enclose a name.
    Other(&'a str),
}

struct Scanner<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Scanner<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(braces) = self.rest.find("{{") else {
            return Some(Token::Text(self.take(self.rest.len())));
        };
        let is_escaped = self.rest[..braces].ends_with('\\');
        let text = if is_escaped { braces - 1 } else { braces };
        if text > 0 {
            return Some(Token::Text(self.take(text)));
        }
        if is_escaped {
            self.take(3);
            return Some(Token::Escaped);
        }
        Some(self.braces())
    }

    /// Takes what begins with two braces.
    fn braces(&mut self) -> Token<'a> {
        let (open, close) = if self.rest.starts_with("{{{") { (3, "}}}") } else { (2, "}}") };
        let inner = &self.rest[open..];
        let line_end = inner.find('\n').unwrap_or(inner.len());
        let Some(end) = inner[..line_end].find(close) else {
            return Token::Other(self.take(open));
        };
        let name = inner[..end].trim();
        let line = self.line;
        let source = self.take(open + end + close.len());
        if is_name(name) {
            return Token::Variable(Variable { name: name.to_owned(), source: source.to_owned(), line });
        }
        Token::Other(source)
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|character| character.is_alphanumeric() || "_-.".contains(character))
}

/// Renders the instructions of a session; `None` if it has no template.
pub(super) fn instructions(
    group: &SessionGroup,
    session: &GroupSession,
    config: &Effective,
    environment: &Environment,
) -> Result<Option<String>> {
    let Some(name) = &config.template else { return Ok(None) };
    if let Some(name) = config.variables.keys().find(|name| BUILT_IN.contains(&name.as_str())) {
        let problem = "cannot be set, because every template has a variable of this name";
        return Err(Error::argument(format!("config.variables.{name}"), problem));
    }
    let (path, text) = lookup::find(name, Path::new(&session.project_path), environment)?;
    let model = session.model.as_ref().unwrap_or(&group.config.model);
    let group_id = group.id.as_str();
    let built_in =
        [&session.id, group_id, &group.name, &session.project_path, &session.prompt, model.as_str()];
    let mut values = config.variables.clone();
    values.extend(BUILT_IN.iter().zip(built_in).map(|(name, value)| ((*name).to_owned(), value.to_owned())));
    let rendered = Template::parse(&text).and_then(|template| template.render(&values));
    rendered.map(Some).map_err(|flaw| flaw.into_error(&path))
}
