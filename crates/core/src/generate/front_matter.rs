//! The front matter of a template: the variables that it declares, in YAML.

use std::collections::HashSet;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::generate::template::Flaw;

/// A variable that a template declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// The variable's name.
    pub name: String,
    /// `true` if it must have a value.
    pub is_required: bool,
    /// The value if there is no other.
    pub default: Option<String>,
    /// Line of the declaration, from 1.
    pub line: usize,
}

/// Splits a template into the text of its front matter and the rest, which begins at the line that is returned with it.
/// Front matter is enclosed in two lines `---`, the first of which is the first line of the template.
pub fn split(template: &str) -> (Option<&str>, &str, usize) {
    let none = (None, template, 1);
    let mut lines = template.split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| line.trim_end() == "---") else { return none };
    let mut length = 0;
    for (index, line) in lines.enumerate() {
        if line.trim_end() == "---" {
            let (front_matter, rest) = template[first.len()..].split_at(length);
            return (Some(front_matter), &rest[line.len()..], index + 3);
        }
        length += line.len();
    }
    none
}

/// Reads the declared variables. Front matter without `variables` declares none, and so does one that is not an object, which
/// may be Markdown between two lines; `None` is returned for the latter.
pub fn variables(front_matter: &str) -> Result<Option<Vec<Declared>>, Flaw> {
    let mut reader = Reader { parser: Parser::new_from_str(front_matter) };
    let mut event = reader.next()?.0;
    while matches!(event, Event::StreamStart | Event::DocumentStart(_)) {
        event = reader.next()?.0;
    }
    if !matches!(event, Event::MappingStart(..)) {
        return Ok(None);
    }
    let mut declared = Vec::new();
    loop {
        event = reader.next()?.0;
        match &event {
            Event::MappingEnd => break,
            Event::Scalar(key, ..) if key == "variables" => declared = reader.list()?,
            // Another key, with its value.
            _ => {
                reader.skip(&event)?;
                let value = reader.next()?.0;
                reader.skip(&value)?;
            }
        }
    }
    let mut names = HashSet::new();
    if let Some(repeated) = declared.iter().find(|variable: &&Declared| !names.insert(&variable.name)) {
        return Err(Flaw::new(repeated.line, &repeated.name, "is declared twice"));
    }
    Ok(Some(declared))
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Flaw> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let problem = format!("has front matter that is not YAML: {}", error.info());
                Err(Flaw::new(error.marker().line() + 1, "", &problem))
            }
            None => Err(Flaw::new(1, "", "has front matter that ends early")),
        }
    }

    /// Skips the rest of the value that begins with an event.
    fn skip(&mut self, event: &Event<'_>) -> Result<(), Flaw> {
        let mut depth = 0_usize;
        let mut event = event.clone();
        loop {
            match event {
                Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
                Event::MappingEnd | Event::SequenceEnd => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
            event = self.next()?.0;
        }
    }

    fn list(&mut self) -> Result<Vec<Declared>, Flaw> {
        const EXPECTED: &str = "must declare `variables` as a list of objects with a `name`";
        let (event, span) = self.next()?;
        if !matches!(event, Event::SequenceStart(..)) {
            return Err(Flaw::new(line(&span), "", EXPECTED));
        }
        let mut declared = Vec::new();
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::SequenceEnd => return Ok(declared),
                Event::MappingStart(..) => declared.push(self.variable(line(&span))?),
                _ => return Err(Flaw::new(line(&span), "", EXPECTED)),
            }
        }
    }

    fn variable(&mut self, at: usize) -> Result<Declared, Flaw> {
        let mut variable = Declared { line: at, ..Declared::default() };
        loop {
            let (key, span) = self.next()?;
            let key = match key {
                Event::MappingEnd => break,
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err(Flaw::new(line(&span), "", "must declare each variable by plain keys")),
            };
            let (value, span) = self.next()?;
            let Event::Scalar(text, style, ..) = value else {
                let problem = format!("must declare `{key}` of a variable as a single value");
                return Err(Flaw::new(line(&span), "", &problem));
            };
            let is_null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
            match key.as_str() {
                "name" => text.trim().clone_into(&mut variable.name),
                "required" => variable.is_required = boolean(&text, line(&span))?,
                "default" if is_null => {}
                "default" => variable.default = Some(text.into_owned()),
                "description" => {}
                _ => {
                    let problem = format!(
                        "must declare variables by `name`, `required`, `default` and `description`, but has {key:?}"
                    );
                    return Err(Flaw::new(line(&span), "", &problem));
                }
            }
        }
        if variable.name.is_empty() {
            return Err(Flaw::new(at, "", "must give each variable a `name`"));
        }
        Ok(variable)
    }
}

fn boolean(text: &str, line: usize) -> Result<bool, Flaw> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err(Flaw::new(line, "", &format!("must declare `required` as true or false, but has {text:?}"))),
    }
}

/// The line of the template: front matter begins in the second one.
fn line(span: &Span) -> usize {
    span.start.line() + 1
}
