//! The methods that all repository classes have. A class is its constructor, a [`Backend`] and `repository_methods!`.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::Unknown;

use crate::answer::Answer;
use crate::args::{self, EventsOptions, Watched};
use crate::js::Fault;
use crate::promise::Reply;
use crate::update::{Update, keep};
use crate::watch;
use session_groups::error::Error;
use session_groups::feed::Events;
use session_groups::model::GroupId;
use session_groups::repository::{
    Condition, Document, GroupFilter, GroupRepository, GroupSort, InMemoryGroupRepository, RepositoryProblem,
    Watcher, Write, WriteOutcome,
};

/// A repository behind a class. Each call starts the work and returns the way to its answer.
pub trait Backend {
    fn find(&self, id: GroupId, answer: fn(Option<Document>) -> Answer) -> Result<Reply, Fault>;
    fn list(&self, env: &Env, filter: GroupFilter, sort: Option<GroupSort>) -> Result<Reply, Fault>;
    fn summaries(&self, filter: GroupFilter, sort: Option<GroupSort>) -> Result<Reply, Fault>;
    fn count(&self, filter: GroupFilter) -> Result<Reply, Fault>;
    /// Saves a group as text, which the repository checks.
    fn save(&self, env: &Env, id: GroupId, text: String, condition: Condition) -> Result<Reply, Fault>;
    fn write(
        &self,
        env: &Env,
        id: GroupId,
        write: Write,
        answer: fn(WriteOutcome) -> Answer,
    ) -> Result<Reply, Fault>;
    /// Updates a group with the changes that a function of JavaScript computes.
    fn update_by(&self, env: &Env, id: GroupId, function: Arc<Update>) -> Result<Reply, Fault>;
    fn verify(&self, answer: fn(&[RepositoryProblem]) -> Answer) -> Result<Reply, Fault>;
    /// Watches one group, or all.
    fn watch(&self, only: Option<GroupId>) -> session_groups::Result<Watcher>;
    /// Reads the events of a group after the one of a number.
    fn events(&self, id: &GroupId, after: u64, follow: bool) -> Events;
}

pub fn find(
    backend: &impl Backend,
    env: &Env,
    id: Unknown<'_>,
    answer: fn(Option<Document>) -> Answer,
) -> Result<Reply, Fault> {
    match args::group_id(env, "id", id)? {
        Some(id) => backend.find(id, answer),
        None => Ok(Reply::Now(Answer::Null)),
    }
}

pub fn find_by_status(backend: &impl Backend, env: &Env, status: Unknown<'_>) -> Result<Reply, Fault> {
    let status = Some(args::status(env, status)?);
    backend.list(env, GroupFilter { status, ..GroupFilter::default() }, None)
}

pub fn list(
    backend: &impl Backend,
    env: &Env,
    filter: Unknown<'_>,
    sort: Unknown<'_>,
) -> Result<Reply, Fault> {
    backend.list(env, args::filter(env, filter)?, args::sort(env, sort)?)
}

pub fn summaries(
    backend: &impl Backend,
    env: &Env,
    filter: Unknown<'_>,
    sort: Unknown<'_>,
) -> Result<Reply, Fault> {
    backend.summaries(args::filter(env, filter)?, args::sort(env, sort)?)
}

pub fn count(backend: &impl Backend, env: &Env, filter: Unknown<'_>) -> Result<Reply, Fault> {
    backend.count(args::filter(env, filter)?)
}

pub fn save(
    backend: &impl Backend,
    env: &Env,
    group: Unknown<'_>,
    options: Unknown<'_>,
) -> Result<Reply, Fault> {
    let (id, text) = args::group_to_save(env, group)?;
    backend.save(env, id, text, args::save_condition(env, options)?)
}

pub fn update(
    backend: &impl Backend,
    env: &Env,
    id: Unknown<'_>,
    changes: Unknown<'_>,
) -> Result<Reply, Fault> {
    let id = args::group_id(env, "id", id)?;
    let missing = Ok(Reply::Now(Answer::Null));
    if args::is_function(changes) {
        return id.map_or(missing, |id| backend.update_by(env, id, keep(env, changes)?));
    }
    let write = Write::Update { changes: args::changes(env, changes)?, condition: Condition::None };
    id.map_or(missing, |id| backend.write(env, id, write, Answer::written))
}

pub fn update_session(
    backend: &impl Backend,
    env: &Env,
    group_id: Unknown<'_>,
    session_id: Unknown<'_>,
    changes: Unknown<'_>,
) -> Result<Reply, Fault> {
    let id = args::group_id(env, "groupId", group_id)?;
    let session_id = args::text(env, "sessionId", session_id)?;
    let write = Write::UpdateSession { session_id, changes: args::changes(env, changes)? };
    let answer = |written| Answer::Bool(matches!(written, WriteOutcome::Stored(_)));
    id.map_or(Ok(Reply::Now(Answer::Bool(false))), |id| backend.write(env, id, write, answer))
}

pub fn delete(
    backend: &impl Backend,
    env: &Env,
    id: Unknown<'_>,
    options: Unknown<'_>,
) -> Result<Reply, Fault> {
    let group_id = args::group_id(env, "id", id)?;
    let condition = args::delete_condition(env, options)?;
    let answer = |written| Answer::Bool(matches!(written, WriteOutcome::Deleted));
    match (group_id, condition) {
        (Some(id), condition) => backend.write(env, id, Write::Delete { condition }, answer),
        // There is no such group, so that it cannot have the revision.
        (None, Condition::IfRevision(revision)) => Err(Fault::Ours(Error::conflict(
            &args::text(env, "id", id)?,
            &format!("its revision must be {}", revision.as_str()),
            None,
        ))),
        (None, Condition::None | Condition::IfAbsent) => Ok(Reply::Now(Answer::Bool(false))),
    }
}

pub fn verify(backend: &impl Backend) -> Result<Reply, Fault> {
    backend.verify(Answer::problems)
}

/// Unlike the others, this is a synchronous function: it throws.
pub fn watch<'env>(
    backend: &impl Backend,
    env: &'env Env,
    listener: Unknown<'_>,
    options: Unknown<'_>,
) -> Result<Unknown<'env>, Fault> {
    let (listener, options) = args::listener_and_options(env, listener, options)?;
    let options = args::watch_options(env, options)?;
    let watcher = match options.watched {
        Watched::All => backend.watch(None)?,
        Watched::Group(id) => backend.watch(Some(id))?,
        Watched::Nothing => InMemoryGroupRepository::new().watch(None)?,
    };
    watch::watch(env, watcher, listener, options.signal)
}

/// A synchronous function, too.
pub fn events<'env>(
    backend: &impl Backend,
    env: &'env Env,
    id: Unknown<'_>,
    options: Unknown<'_>,
) -> Result<Unknown<'env>, Fault> {
    let id = args::group_id(env, "id", id)?;
    let EventsOptions { after, follow, signal } = args::events_options(env, options)?;
    let events = id.map_or_else(Events::empty, |id| backend.events(&id, after, follow));
    watch::read(env, events, signal)
}

/// Implements the methods of a class that has its [`Backend`] in the field `backend`.
macro_rules! repository_methods {
    ($class:ident) => {
        #[napi]
        impl $class {
            #[napi(enumerable = false, skip_typescript)]
            pub fn find_by_id<'env>(&self, env: &'env Env, id: Unknown<'_>) -> napi::Result<Object<'env>> {
                promise(env, || repository::find(&self.backend, env, id, Answer::group))
            }

            #[napi(enumerable = false, skip_typescript)]
            pub fn find_by_status<'env>(
                &self,
                env: &'env Env,
                status: Unknown<'_>,
            ) -> napi::Result<Object<'env>> {
                promise(env, || repository::find_by_status(&self.backend, env, status))
            }

            #[napi(enumerable = false, skip_typescript)]
            pub fn list<'env>(
                &self,
                env: &'env Env,
                filter: Unknown<'_>,
                sort: Unknown<'_>,
            ) -> napi::Result<Object<'env>> {
                promise(env, || repository::list(&self.backend, env, filter, sort))
            }

            #[napi(enumerable = false, skip_typescript)]
            pub fn summaries<'env>(
                &self,
                env: &'env Env,
                filter: Unknown<'_>,
                sort: Unknown<'_>,
            ) -> napi::Result<Object<'env>> {
                promise(env, || repository::summaries(&self.backend, env, filter, sort))
            }

            #[napi(enumerable = false, skip_typescript)]
            pub fn count<'env>(&self, env: &'env Env, filter: Unknown<'_>) -> napi::Result<Object<'env>> {
                promise(env, || repository::count(&self.backend, env, filter))
            }

            #[napi(enumerable = false, skip_typescript)]
            pub fn save<'env>(
                &self,
                env: &'env Env,
                group: Unknown<'_>,
                options: Unknown<'_>,
            ) -> napi::Result<Object<'env>> {
                promise(env, || repository::save(&self.backend, env, group, options))
            }

            #[napi(enumerable = false, skip_typescript)]
            pub fn update<'env>(
                &self,
                env: &'env Env,
                id: Unknown<'_>,
                changes: Unknown<'_>,
            ) -> napi::Result<Object<'env>> {
                promise(env, || repository::update(&self.backend, env, id, changes))
            }

            #[napi(enumerable = false, skip_typescript)]
            pub fn update_session<'env>(
                &self,
                env: &'env Env,
                group_id: Unknown<'_>,
                session_id: Unknown<'_>,
                changes: Unknown<'_>,
            ) -> napi::Result<Object<'env>> {
                promise(env, || repository::update_session(&self.backend, env, group_id, session_id, changes))
            }

            #[napi(enumerable = false, skip_typescript)]
            pub fn delete<'env>(
                &self,
                env: &'env Env,
                id: Unknown<'_>,
                options: Unknown<'_>,
            ) -> napi::Result<Object<'env>> {
                promise(env, || repository::delete(&self.backend, env, id, options))
            }

            #[napi(enumerable = false, skip_typescript)]
            pub fn revision<'env>(&self, env: &'env Env, id: Unknown<'_>) -> napi::Result<Object<'env>> {
                promise(env, || repository::find(&self.backend, env, id, Answer::revision))
            }

            #[napi(enumerable = false, skip_typescript)]
            pub fn verify<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
                promise(env, || repository::verify(&self.backend))
            }

            #[napi(enumerable = false, skip_typescript)]
            pub fn watch<'env>(
                &self,
                env: &'env Env,
                listener: Unknown<'_>,
                options: Unknown<'_>,
            ) -> napi::Result<Unknown<'env>> {
                throwing(env, || repository::watch(&self.backend, env, listener, options))
            }

            #[napi(enumerable = false, skip_typescript)]
            pub fn events<'env>(
                &self,
                env: &'env Env,
                id: Unknown<'_>,
                options: Unknown<'_>,
            ) -> napi::Result<Unknown<'env>> {
                throwing(env, || repository::events(&self.backend, env, id, options))
            }
        }
    };
}

pub(crate) use repository_methods;
