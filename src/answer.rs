//! Results of asynchronous calls, before they become values of JavaScript.

use std::sync::Arc;

use napi::Env;

use crate::ahead::{Parsed, Values};
use crate::js::{self, Value};
use crate::kept;
use session_groups::executor;
use session_groups::model::GroupSummary;
use session_groups::repository::{Document, RepositoryProblem, WriteOutcome};

/// Maximum number of groups that are freed on JavaScript's thread. The texts of many may not be in any cache.
const MAX_DROPPED: usize = 100;

/// The value that a promise is fulfilled with. It is made on any thread, so that JavaScript's has little to do.
pub enum Answer {
    Undefined,
    Null,
    Bool(bool),
    Count(usize),
    Text(String),
    /// Text for the engine's own `JSON.parse`.
    Json(String),
    /// A group as it is stored.
    Group(Document),
    /// Groups as they are stored.
    Groups(Vec<Document>),
    /// The same, some of which have been parsed already.
    ParsedGroups(Vec<Document>, Parsed),
    /// Summaries of groups.
    Summaries(Vec<Arc<GroupSummary>>),
}

impl Answer {
    /// A group, or `null`.
    pub fn group(group: Option<Document>) -> Self {
        group.map_or(Self::Null, Self::Group)
    }

    /// A group's revision, or `null`.
    pub fn revision(group: Option<Document>) -> Self {
        group.map_or(Self::Null, |group| Self::Text(group.revision().as_str().to_owned()))
    }

    /// The group that was written, or `null`.
    pub fn written(written: WriteOutcome) -> Self {
        match written {
            WriteOutcome::Stored(group) => Self::Group(group),
            WriteOutcome::NotFound | WriteOutcome::Deleted => Self::Null,
        }
    }

    /// An array of problems.
    pub fn problems(problems: &[RepositoryProblem]) -> Self {
        let problem = |problem: &RepositoryProblem| {
            serde_json::json!({
                "id": problem.id,
                "path": problem.path.to_string_lossy(),
                "kind": problem.kind.name(),
                "message": problem.message,
            })
        };
        let problems: serde_json::Value = problems.iter().map(problem).collect();
        Self::Json(problems.to_string())
    }

    /// The value itself.
    pub fn into_js(self, env: &Env) -> napi::Result<Value> {
        match self {
            Self::Undefined => js::undefined(env),
            Self::Null => js::null(env),
            Self::Bool(bool) => js::boolean(env, bool),
            #[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 groups")]
            Self::Count(count) => Ok(env.create_double(count as f64)?.into()),
            Self::Text(text) => Ok(env.create_string(text)?.into()),
            Self::Json(text) => Ok(js::parse(env, &text)?.into()),
            Self::Group(group) => kept::copy(env, &group),
            Self::Groups(groups) => array_of(env, groups, None),
            Self::ParsedGroups(groups, parsed) => array_of(env, groups, parsed.end(env)?),
            Self::Summaries(summaries) => {
                let copies = kept::copies(env, &summaries)?;
                copies.map_or_else(|| kept::parse(env, &summaries).map(Value::from), Ok)
            }
        }
    }
}

/// An array of groups, some of which may have been parsed ahead.
fn array_of(env: &Env, groups: Vec<Document>, parsed: Option<Values<'_>>) -> napi::Result<Value> {
    let array = match (kept::copies(env, &groups)?, parsed) {
        (Some(copies), _) => Ok(copies),
        // To parse some again takes less time than to find few others.
        (None, Some(values)) if 2 * values.len() >= groups.len() => values.of(env, &groups).map(Value::from),
        (None, _) => kept::parse(env, &groups).map(Value::from),
    };
    if groups.len() > MAX_DROPPED {
        executor::run(move || drop(groups));
    }
    array
}
