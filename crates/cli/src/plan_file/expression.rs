//! `${{ matrix.lang }}` and `${{ vars.branch }}`, replaced when a plan is compiled. `\${{` stands for `${{` itself.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::plan_file::matrix::Combination;
use crate::plan_file::node::{Entry, Node, Scalar, Style, Value};
use crate::plan_file::problem::Problems;
use crate::suggest::nearest;

const BEGIN: &str = "${{";
const END: &str = "}}";
const ESCAPED: &str = r"\${{";

/// The values that expressions can name.
#[derive(Debug, Clone, Copy)]
pub struct Variables<'a> {
    /// The combination of the matrix; `None` outside sessions.
    pub matrix: Option<&'a Combination>,
    /// The variables given on the command line.
    pub vars: &'a GivenVariables,
}

/// The variables given on the command line, and which of them a plan has used.
#[derive(Debug, Default)]
pub struct GivenVariables {
    values: BTreeMap<String, String>,
    used: RefCell<BTreeSet<String>>,
}

impl GivenVariables {
    /// Variables that no expression has named yet.
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Self { values, used: RefCell::default() }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let value = self.values.get(name)?;
        self.used.borrow_mut().insert(name.to_owned());
        Some(value)
    }

    /// The names of the variables that no expression has named.
    pub fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        self.values.keys().filter(|name| !used.contains(*name)).cloned().collect()
    }
}

/// An expression that cannot be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The byte at which the expression begins.
    pub at: usize,
    /// The problem.
    pub message: String,
    /// The remedy.
    pub help: String,
}

impl Variables<'_> {
    /// Replaces the expressions in a text.
    pub fn replace(&self, text: &str) -> Result<String, Fault> {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(found) = text[at..].find(BEGIN) {
            let begin = at + found;
            if text[at..begin].ends_with('\\') {
                out += &text[at..begin - 1];
                out += BEGIN;
                at = begin + BEGIN.len();
                continue;
            }
            out += &text[at..begin];
            let inner = begin + BEGIN.len();
            let fault = |message, help| Fault { at: begin, message, help };
            let Some(length) = text[inner..].find(END) else {
                let help = format!("end it with `}}}}`, or write `{ESCAPED}` if it is no expression");
                return Err(fault("this `${{` has no end".to_owned(), help));
            };
            let name = text[inner..inner + length].trim();
            out += self.value(name).map_err(|(message, help)| fault(message, help))?;
            at = inner + length + END.len();
        }
        out += &text[at..];
        Ok(out)
    }

    fn value(&self, name: &str) -> Result<&str, (String, String)> {
        let unknown = || format!("unknown expression `${{{{ {name} }}}}`");
        match name.split_once('.') {
            Some(("vars", key)) => self.vars.get(key).ok_or_else(|| {
                let near = nearest(key, self.vars.values.keys().map(String::as_str));
                let near = near.map(|near| format!(", or did you mean vars.{near}?")).unwrap_or_default();
                (format!("the variable {key:?} has no value"), format!("pass it with -V {key}=VALUE{near}"))
            }),
            Some(("matrix", key)) => {
                let Some(matrix) = self.matrix else {
                    let help = "use it in a session that has a matrix".to_owned();
                    return Err((format!("`matrix.{key}` is not known here"), help));
                };
                matrix.get(key).map(String::as_str).ok_or_else(|| {
                    let help = match nearest(key, matrix.keys().map(String::as_str)) {
                        Some(near) => format!("did you mean matrix.{near}?"),
                        None => format!("add {key:?} to the session's matrix"),
                    };
                    (format!("the session's matrix has no {key:?}"), help)
                })
            }
            _ => Err((
                unknown(),
                format!("use matrix.NAME or vars.NAME, or write `{ESCAPED}` if it is no expression"),
            )),
        }
    }

    /// The node with the expressions in its scalars replaced. Keys stay as they are. A fault is reported, and its scalar
    /// becomes empty text.
    pub fn replace_in(&self, node: &Node, problems: &mut Problems) -> Node {
        let value = match &node.value {
            Value::Scalar(scalar) => Value::Scalar(self.replace_scalar(node, scalar, problems)),
            Value::List(elements) => {
                Value::List(elements.iter().map(|element| self.replace_in(element, problems)).collect())
            }
            Value::Map(entries) => {
                let replaced = |entry: &Entry| entry.with(self.replace_in(&entry.value, problems));
                Value::Map(entries.iter().map(replaced).collect())
            }
        };
        Node { place: node.place, value }
    }

    fn replace_scalar(&self, node: &Node, scalar: &Scalar, problems: &mut Problems) -> Scalar {
        if !scalar.text.contains(BEGIN) {
            return scalar.clone();
        }
        match self.replace(&scalar.text) {
            Ok(text) => Scalar::new(
                text,
                if is_one_expression(&scalar.text) { Style::Inserted } else { Style::Quoted },
            ),
            Err(Fault { message, help, .. }) => {
                problems.add_with_help(node.place, message, help);
                Scalar::new(FAULTY, Style::Inserted)
            }
        }
    }
}

/// Stands for a scalar whose expression could not be replaced. It is accepted as text; the plan has an error anyway.
const FAULTY: &str = "?";

fn is_one_expression(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(BEGIN) && text.find(END) == Some(text.len() - END.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(text: &str) -> Result<String, Fault> {
        let vars = GivenVariables::new([("branch".to_owned(), "main".to_owned())].into());
        let matrix = Combination::from([("lang".to_owned(), "ts".to_owned())]);
        Variables { matrix: Some(&matrix), vars: &vars }.replace(text)
    }

    #[test]
    fn expressions_are_replaced_wherever_they_stand() {
        assert_eq!(replace("client-${{ matrix.lang }} on ${{vars.branch}}").unwrap(), "client-ts on main");
        assert_eq!(replace("${{ matrix.lang }}").unwrap(), "ts");
        assert_eq!(replace("no $ {{ expression }}").unwrap(), "no $ {{ expression }}");
    }

    #[test]
    fn a_backslash_keeps_an_expression() {
        assert_eq!(
            replace(r"\${{ secrets.TOKEN }} and ${{ vars.branch }}").unwrap(),
            "${{ secrets.TOKEN }} and main"
        );
    }

    #[test]
    fn values_are_not_replaced_again() {
        let vars = GivenVariables::new([("a".to_owned(), "${{ vars.a }}".to_owned())].into());
        assert_eq!(
            Variables { matrix: None, vars: &vars }.replace("${{ vars.a }}").unwrap(),
            "${{ vars.a }}"
        );
    }

    #[test]
    fn a_fault_says_where_and_what_to_do() {
        let fault = replace("é ${{ matrix.lag }}").unwrap_err();
        assert_eq!((fault.at, fault.help.as_str()), (3, "did you mean matrix.lang?"));
        assert_eq!(replace("${{ vars.token }}").unwrap_err().help, "pass it with -V token=VALUE");
        assert!(replace("${{ matrix.lang").unwrap_err().message.contains("has no end"));
        for unknown in ["${{ env.HOME }}", "${{ }}", "${{ matrix }}"] {
            assert!(replace(unknown).unwrap_err().message.contains("unknown expression"), "{unknown}");
        }
    }
}
