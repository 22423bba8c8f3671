//! JSON text becomes nodes.

use session_groups::json::{Json, Member};

use crate::plan_file::node::{Entry, Node, Place, Scalar, Style, Value};
use crate::plan_file::problem::{MAX_DEPTH, Problems};

/// Parses JSON text. Reports syntax errors and repeated keys.
pub fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    match Json::parse(text) {
        Ok(json) if json.is_deeper_than(MAX_DEPTH) => {
            problems
                .add(Place::START, format!("arrays and objects are nested deeper than {MAX_DEPTH} levels"));
            None
        }
        Ok(json) => Some(Reader { lines: Lines::new(text), problems }.node(json)),
        Err(error) => {
            let place = Place { line: error.line().max(1), column: error.column().max(1) };
            let message = error.to_string();
            let reason = message.split(" at line ").next().unwrap_or(&message);
            problems.add(place, format!("this is not JSON: {reason}"));
            None
        }
    }
}

struct Reader<'a, 'p> {
    lines: Lines<'a>,
    problems: &'p mut Problems,
}

impl Reader<'_, '_> {
    fn node(&mut self, json: Json<'_>) -> Node {
        let place = self.lines.place(json.text());
        let value = if json.is_object() {
            let entry = |member: Member<'_>| {
                let (key, place) = (member.key().into_owned(), self.lines.place(member.raw_key));
                Entry { key, place, value: self.node(member.value) }
            };
            let entries = json.members().map(entry).collect();
            Value::Map(self.problems.without_repeated(entries))
        } else if json.is_array() {
            Value::List(json.elements().map(|element| self.node(element)).collect())
        } else {
            Value::Scalar(match json.string() {
                Some(text) => Scalar::new(text, Style::Quoted),
                None => Scalar::new(json.text(), Style::Plain),
            })
        };
        Node { place, value }
    }
}

/// The lines of a text, to find the place of a part of it.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { text, starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// The place of a slice of the text.
    fn place(&self, part: &str) -> Place {
        let byte = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = self.starts[line - 1];
        Place { line, column: self.text[start..byte].chars().count() + 1 }
    }
}
