//! `key=value` on the command line: the keys of plan files, without a file.

use crate::plan_file::node::{Entry, Node, Place, Scalar, Style, Value};
use crate::plan_file::problem::Problems;
use crate::plan_file::shape::{self, DEFAULTS, Expressions, Key, Shape};
use crate::plan_file::yaml;
use crate::suggest::did_you_mean;

/// A problem of an assignment, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentError {
    /// The problem.
    pub message: String,
    /// The remedy.
    pub help: Option<String>,
}

/// Parses assignments such as `budget.max=5` or `allowedTools=[Read, Edit]` into a map of the given shape. Later ones replace
/// earlier ones.
pub fn parse(assignments: &[String], shape: &Shape) -> Result<Node, AssignmentError> {
    let mut root = map(Vec::new());
    for assignment in assignments {
        let Some((path, value)) = assignment.split_once('=') else {
            let help = Some("write it as KEY=VALUE, e.g. budget.max=5".to_owned());
            return Err(AssignmentError { message: format!("{assignment:?} has no `=`"), help });
        };
        insert(&mut root, path, path, value, shape)?;
    }
    check(&root, shape)?;
    Ok(root)
}

/// Makes a map of the given shape from keys and their texts.
pub fn of_texts<'a>(
    texts: impl IntoIterator<Item = (&'a str, Vec<String>)>,
    shape: &Shape,
) -> Result<Node, AssignmentError> {
    let Shape::Object(keys) = shape else { return Ok(map(Vec::new())) };
    let value = |key: &str, texts: Vec<String>| {
        let is_list = keys.iter().any(|known| known.name == key && matches!(known.shape, Shape::List { .. }));
        if is_list {
            Value::List(texts.into_iter().map(|text| scalar(&text)).collect())
        } else {
            scalar(&texts.join(" ")).value
        }
    };
    let entry = |(key, texts): (&str, Vec<String>)| {
        entry(key, Node { place: Place::START, value: value(key, texts) })
    };
    let root = map(texts.into_iter().map(entry).collect());
    check(&root, shape)?;
    Ok(root)
}

fn insert(
    node: &mut Node,
    path: &str,
    whole: &str,
    text: &str,
    shape: &Shape,
) -> Result<(), AssignmentError> {
    let (key, rest) = match path.split_once('.') {
        Some((key, rest)) => (key, Some(rest)),
        None => (path, None),
    };
    let inner = match shape {
        Shape::Object(keys) => {
            let known = keys.iter().find(|known| known.name == key);
            known.map(|known| known.shape).ok_or_else(|| unknown(whole, key, keys))?
        }
        Shape::Map { of, .. } => of,
        Shape::Json => &Shape::Json,
        _ => {
            let message = format!("unknown key {whole:?}");
            return Err(AssignmentError {
                message,
                help: Some("there is nothing inside of this key".to_owned()),
            });
        }
    };
    let Value::Map(entries) = &mut node.value else { return Ok(()) };
    let at = entries.iter().position(|entry| entry.key == key);
    match rest {
        None => {
            let value = parse_value(whole, text, inner)?;
            entries.retain(|entry| entry.key != key);
            entries.push(entry(key, value));
            Ok(())
        }
        Some(rest) => {
            let at = at.unwrap_or_else(|| {
                entries.push(entry(key, map(Vec::new())));
                entries.len() - 1
            });
            insert(&mut entries[at].value, rest, whole, text, inner)
        }
    }
}

fn unknown(whole: &str, key: &str, keys: &[Key]) -> AssignmentError {
    // The version and the sessions, which every plan must have, cannot be assigned.
    let names: Vec<_> = keys.iter().filter(|key| !key.is_required).map(|key| key.name).collect();
    let is_default = names.contains(&"defaults") && DEFAULTS.iter().any(|default| default.name == key);
    let help = if is_default {
        format!("write `defaults.{whole}`, or name a session with --session")
    } else {
        did_you_mean(key, &names)
    };
    AssignmentError { message: format!("unknown key {whole:?}"), help: Some(help) }
}

/// The value of an assignment: the text itself, or YAML where a list or a map is needed.
fn parse_value(key: &str, text: &str, shape: &Shape) -> Result<Node, AssignmentError> {
    let is_yaml = match shape {
        Shape::List { .. } | Shape::Map { .. } | Shape::Object(_) | Shape::Json => true,
        Shape::EnvValue => text.trim_start().starts_with('{'),
        _ => false,
    };
    if !is_yaml {
        return Ok(scalar(text));
    }
    let mut problems = Problems::new(key.into());
    let node = yaml::parse(text, &mut problems);
    match (node, problems.into_result()) {
        (Some(node), Ok(_)) => Ok(node),
        (_, problems) => {
            let problem = problems.err().and_then(|problems| problems.into_iter().next());
            let message = problem.map_or_else(|| format!("{key} is empty"), |problem| problem.located());
            Err(AssignmentError {
                message,
                help: Some("write it as YAML, e.g. [a, b] or { a: b }".to_owned()),
            })
        }
    }
}

fn check(root: &Node, shape: &Shape) -> Result<(), AssignmentError> {
    // Only the keys that are there: none is required.
    let Shape::Object(keys) = shape else { return Ok(()) };
    let mut problems = Problems::new("command line".into());
    for entry in root.entries() {
        if let Some(key) = keys.iter().find(|key| key.name == entry.key) {
            shape::check(&entry.value, key.shape, key.name, Expressions::Replaced, &mut problems);
        }
    }
    match problems.into_result().err().and_then(|problems| problems.into_iter().next()) {
        Some(problem) => Err(AssignmentError { message: problem.message, help: problem.help }),
        None => Ok(()),
    }
}

fn scalar(text: &str) -> Node {
    Node { place: Place::START, value: Value::Scalar(Scalar::new(text, Style::Inserted)) }
}

fn map(entries: Vec<Entry>) -> Node {
    Node { place: Place::START, value: Value::Map(entries) }
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: key.to_owned(), place: Place::START, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan_file::shape::{PLAN, SESSION};

    fn parse_one(assignment: &str) -> Result<Node, AssignmentError> {
        parse(&[assignment.to_owned()], &PLAN)
    }

    #[test]
    fn values_have_the_type_that_their_key_needs() {
        let root = parse(
            &["budget.max=5", "name=5", "concurrency=2", "budget.onExceeded=stop", "args=[--a, b]"]
                .map(str::to_owned),
            &PLAN,
        )
        .unwrap();
        assert_eq!(root.get("budget").unwrap().get("max").unwrap().number(), Some(5.0));
        assert_eq!(root.get("name").unwrap().text(), Some("5"));
        assert_eq!(root.get("args").unwrap().elements().len(), 2);
    }

    #[test]
    fn text_may_contain_anything() {
        let session = Shape::Object(SESSION);
        let root = parse(&["prompt=Fix: a=b [x] # y".to_owned(), "env.A=x=y".to_owned()], &session).unwrap();
        assert_eq!(root.get("prompt").unwrap().text(), Some("Fix: a=b [x] # y"));
        assert_eq!(root.get("env").unwrap().get("A").unwrap().text(), Some("x=y"));
    }

    #[test]
    fn problems_say_what_to_do() {
        assert_eq!(parse_one("budget.maks=5").unwrap_err().help.unwrap(), "did you mean \"max\"?");
        assert_eq!(
            parse_one("concurrency=0").unwrap_err().message,
            "concurrency must be a whole number of 1 or more; got 0"
        );
        assert!(parse_one("name").unwrap_err().message.contains("has no `=`"));
        assert!(
            parse_one("name.x=1").is_err() && parse_one("args=a").is_err() && parse_one("args=[").is_err()
        );
    }
}
