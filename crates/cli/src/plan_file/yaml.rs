//! YAML text becomes nodes.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use crate::plan_file::node::{Entry, Node, Place, Scalar, Style, Value};
use crate::plan_file::problem::{MAX_DEPTH, Problems};

/// Parses one YAML document. Reports syntax errors, repeated keys and what plan files do not use: anchors, aliases, tags
/// and keys that are not text.
pub fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    if let Some((at, character)) = text.char_indices().find(|(_, character)| is_forbidden(*character)) {
        let message = format!("the character U+{:04X} is not allowed in YAML", u32::from(character));
        problems.add_with_help(Place::of_byte(text, at), message, "write it as \"\\u…\" in double quotes");
        return None;
    }
    Builder { open: Vec::new(), root: None, problems }.build(text)
}

fn is_forbidden(character: char) -> bool {
    (character.is_control() && !"\t\n\r\u{85}".contains(character))
        || ('\u{fffe}'..='\u{ffff}').contains(&character)
}

/// A list or map that has begun.
enum Open {
    List { place: Place, elements: Vec<Node> },
    Map { place: Place, entries: Vec<Entry>, key: Option<Key> },
}

/// A key whose value has not been read.
struct Key {
    place: Place,
    /// `None` if it is not text. Its value is read and dropped.
    text: Option<String>,
}

struct Builder<'a> {
    open: Vec<Open>,
    root: Option<Node>,
    problems: &'a mut Problems,
}

impl Builder<'_> {
    fn build(mut self, text: &str) -> Option<Node> {
        let mut documents = 0;
        for event in Parser::new_from_str(text) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let place = place_of(*error.marker());
                    let message = format!("this is not YAML: {}", error.info());
                    match remedy(error.info()) {
                        Some(help) => self.problems.add_with_help(place, message, help),
                        None => self.problems.add(place, message),
                    }
                    return None;
                }
            };
            let place = place_of(span.start);
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        self.problems
                            .add(place, "a plan file is one YAML document, but another one begins here");
                        return None;
                    }
                }
                Event::Alias(_) => {
                    let help = "repeat the value, or use defaults or a matrix";
                    self.problems.add_with_help(place, "YAML aliases are not supported", help);
                    self.add(null(place));
                }
                Event::Scalar(text, style, anchor, tag) => {
                    self.check_properties(place, anchor, tag.is_some());
                    let style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted };
                    self.add(Node { place, value: Value::Scalar(Scalar::new(text, style)) });
                }
                Event::SequenceStart(anchor, tag) => {
                    self.check_properties(place, anchor, tag.is_some());
                    self.begin(Open::List { place, elements: Vec::new() })?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.check_properties(place, anchor, tag.is_some());
                    self.begin(Open::Map { place, entries: Vec::new(), key: None })?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.end(),
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        if self.root.is_none() {
            self.problems.add_with_help(Place::START, "the file is empty", "begin with `version: 1`");
        }
        self.root
    }

    fn check_properties(&mut self, place: Place, anchor: usize, has_tag: bool) {
        if anchor != 0 {
            let help = "remove the name after `&`";
            self.problems.add_with_help(place, "YAML anchors are not supported", help);
        }
        if has_tag {
            let help = "remove the word that begins with `!`";
            self.problems.add_with_help(place, "YAML tags are not supported", help);
        }
    }

    fn begin(&mut self, open: Open) -> Option<()> {
        let (Open::List { place, .. } | Open::Map { place, .. }) = open;
        if self.open.len() == MAX_DEPTH {
            self.problems.add(place, format!("lists and maps are nested deeper than {MAX_DEPTH} levels"));
            return None;
        }
        self.open.push(open);
        Some(())
    }

    fn end(&mut self) {
        let ended = match self.open.pop() {
            Some(Open::List { place, elements }) => Node { place, value: Value::List(elements) },
            Some(Open::Map { place, entries, .. }) => {
                Node { place, value: Value::Map(self.problems.without_repeated(entries)) }
            }
            None => return,
        };
        self.add(ended);
    }

    fn add(&mut self, node: Node) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match open {
            Open::List { elements, .. } => elements.push(node),
            Open::Map { key: waiting @ None, .. } => {
                let text = node.scalar().map(|scalar| scalar.text.clone());
                if text.is_none() {
                    self.problems.add(node.place, "a key must be text");
                }
                *waiting = Some(Key { place: node.place, text });
            }
            Open::Map { entries, key, .. } => {
                let Some(Key { place, text: Some(key) }) = key.take() else { return };
                entries.push(Entry { key, place, value: node });
            }
        }
    }
}

/// The remedy for what people most often write wrong.
fn remedy(info: &str) -> Option<&'static str> {
    const REMEDIES: &[(&str, &str)] = &[
        ("mapping values", "put text that contains `: ` in quotes, and indent all keys of a map alike"),
        (
            "did not find expected ',' or",
            "put text that contains any of `,[]{}` in quotes, and close each bracket",
        ),
        ("unexpected character", "put text that begins with this character in quotes"),
        ("unknown anchor", "put text that begins with `*` in quotes"),
        ("trailing content", "put the whole text in quotes, or write it below a `|`"),
        ("did not find expected key", "put the whole text in quotes, and indent all keys of a map alike"),
        ("tab", "indent with spaces"),
    ];
    REMEDIES.iter().find(|(part, _)| info.contains(part)).map(|(_, help)| *help)
}

fn null(place: Place) -> Node {
    Node { place, value: Value::Scalar(Scalar::new("", Style::Plain)) }
}

fn place_of(marker: Marker) -> Place {
    Place { line: marker.line().max(1), column: marker.col() + 1 }
}
