//! The half of `GroupManager` that decides: requests, captured when they are made, and what they make of a group.
//! `manager.js` applies them to a repository.

use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::args;
use crate::error::throwing;
use crate::js::{self, Fault};
use session_groups::error::Error;
use session_groups::manager::NewGroup;
use session_groups::manager::rules::{self, Decision, Request};
use session_groups::model::event::GroupEvent;
use session_groups::model::time::IsoTime;
use session_groups::ownership::{self, Owner};
use session_groups::repository::Changes;

/// A request to create a group.
///
/// @internal
#[napi]
pub struct CreationRequest {
    new: NewGroup,
}

#[napi]
impl CreationRequest {
    #[napi(constructor, skip_typescript)]
    pub fn new(env: Env, options: Unknown<'_>) -> napi::Result<Self> {
        throwing(&env, || Ok(Self { new: args::new_group(&env, options)? }))
    }

    /// Returns `{ group, event }` for the nth id that is tried, from 1, at a time in Unix milliseconds.
    #[napi(enumerable = false, skip_typescript)]
    pub fn group<'env>(&self, env: &'env Env, number: u32, now: f64) -> napi::Result<Unknown<'env>> {
        throwing(env, || {
            let Decision { group, event, .. } = rules::create(&self.new, number, &IsoTime::of_unix_ms(now))?;
            js::from_serde(env, &Created { group: raw(group.text())?, event })
        })
    }
}

#[derive(Serialize)]
struct Created<'a> {
    group: &'a RawValue,
    event: Option<GroupEvent>,
}

/// A request to change a group.
///
/// @internal
#[napi]
pub struct ChangeRequest {
    request: Request,
}

#[napi]
impl ChangeRequest {
    /// `kind` is the name of the manager's method, whose arguments after the group's id follow.
    #[napi(constructor, skip_typescript)]
    pub fn new(env: Env, kind: Unknown<'_>, first: Unknown<'_>, second: Unknown<'_>) -> napi::Result<Self> {
        throwing(&env, || {
            let request = match args::text(&env, "kind", kind)?.as_str() {
                "updateGroup" => Request::UpdateGroup(args::changes(&env, first)?),
                "addSession" => Request::AddSession(args::session_text(&env, first)?),
                "removeSession" => Request::RemoveSession {
                    id: args::text(&env, "sessionId", first)?,
                    force: args::force(&env, second)?,
                },
                "updateSession" => Request::UpdateSession {
                    id: args::text(&env, "sessionId", first)?,
                    changes: args::changes(&env, second)?,
                },
                _ => return Err(Error::internal("an unknown request").into()),
            };
            Ok(Self { request })
        })
    }

    /// Returns `true` if a runner of the group would undo the change.
    #[napi(enumerable = false, skip_typescript)]
    pub fn concerns_status(&self, env: Env) -> napi::Result<bool> {
        throwing(&env, || Ok(self.request.concerns_status()))
    }

    /// Returns `{ changes, removed, event, session? }`: the fields to merge into the group, the names of those to remove, the
    /// event, and the same two of the session that is updated. `runner` names the process that runs the group. A group
    /// that is `null` is an error.
    #[napi(enumerable = false, skip_typescript)]
    pub fn decide<'env>(
        &self,
        env: &'env Env,
        group_id: Unknown<'_>,
        group: Unknown<'_>,
        now: f64,
        runner: Option<String>,
    ) -> napi::Result<Unknown<'env>> {
        throwing(env, || {
            let Some(group) = args::found_group(env, group)? else {
                return Err(self.request.no_group(&args::text(env, "groupId", group_id)?).into());
            };
            let recorded = || match ownership::recorded(group.id(), group.group().ok()?.runner.as_ref(), now)
            {
                Owner::Other { name, .. } => Some(name),
                Owner::None | Owner::ThisProcess => None,
            };
            let runner = runner.or_else(|| if self.request.concerns_status() { recorded() } else { None });
            let now = IsoTime::of_unix_ms(now);
            let Decision { changes, event, session, .. } =
                rules::decide(&group, &self.request, runner.as_deref(), &now)?;
            let session = session.as_ref().map(Fields::of).transpose()?;
            js::from_serde(env, &Decided { fields: Fields::of(&changes)?, event, session })
        })
    }
}

#[derive(Serialize)]
struct Decided<'a> {
    #[serde(flatten)]
    fields: Fields<'a>,
    event: Option<GroupEvent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Fields<'a>>,
}

/// Fields to set and to remove.
#[derive(Serialize)]
struct Fields<'a> {
    changes: &'a RawValue,
    removed: &'a [String],
}

impl<'a> Fields<'a> {
    fn of(changes: &'a Changes) -> Result<Self, Fault> {
        Ok(Self { changes: raw(changes.text())?, removed: changes.removed() })
    }
}

fn raw(text: &str) -> Result<&RawValue, Fault> {
    Ok(serde_json::from_str(text).map_err(Error::internal)?)
}
