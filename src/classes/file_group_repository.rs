//! `FileGroupRepository` for JavaScript.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Object, This, Unknown};
use napi_derive::napi;

use crate::ahead::Ahead;
use crate::answer::Answer;
use crate::args;
use crate::error::throwing;
use crate::js::Fault;
use crate::promise::{Reply, promise};
use crate::repository::{self, Backend, repository_methods};
use crate::update::{FileUpdate, Update};
use session_groups::feed::{self, Events};
use session_groups::model::GroupId;
use session_groups::repository::file::FileGroupRepository as Core;
use session_groups::repository::{
    Condition, Document, GroupFilter, GroupRepository, GroupSort, RepositoryProblem, Watcher, Write,
    WriteOutcome,
};

/// Stores groups in files, `{baseDir}/{id}/meta.json`, which several processes may share. An acknowledged write is durable,
/// any other write is either complete or absent, and no write undoes another.
#[napi]
pub struct FileGroupRepository {
    backend: Core,
}

#[napi]
impl FileGroupRepository {
    /// Creates a repository in a base directory. Creates no file before the first write. Throws `INVALID_ARGUMENT`.
    ///
    /// @param baseDir Base directory, by default `.local/claude-code-agent/session-groups` in the home directory
    ///   (`process.env.HOME`, on Windows `USERPROFILE`). A relative path is resolved at once.
    /// @param options Durability and the timeout of locks.
    #[napi(constructor, ts_args_type = "baseDir?: string, options?: FileGroupRepositoryOptions")]
    pub fn new(env: Env, this: This<'_>, base_dir: Unknown<'_>, options: Unknown<'_>) -> napi::Result<Self> {
        throwing(&env, || {
            args::constructed(&env, &this, "FileGroupRepository", c"findById")?;
            let base = args::base_dir(&env, base_dir)?;
            Ok(Self { backend: Core::new(base.as_deref(), args::file_options(&env, options)?)? })
        })
    }
}

impl FileGroupRepository {
    /// The repository itself.
    pub fn core(&self) -> &Core {
        &self.backend
    }
}

repository_methods!(FileGroupRepository);

impl Backend for Core {
    fn find(&self, id: GroupId, answer: fn(Option<Document>) -> Answer) -> Result<Reply, Fault> {
        if let Some(group) = self.find_at_once(&id) {
            return Ok(Reply::Now(answer(Some(group))));
        }
        let core = self.clone();
        Ok(Reply::later(move |deferred| {
            Core::find(&core, &id, move |found| deferred.settle(found.map(answer)));
        }))
    }

    fn list(&self, env: &Env, filter: GroupFilter, sort: Option<GroupSort>) -> Result<Reply, Fault> {
        if let Some(groups) = self.list_at_once(&filter, sort) {
            return Ok(Reply::Now(Answer::Groups(groups)));
        }
        let (core, ahead) = (self.clone(), Ahead::new(env)?);
        let parsed = ahead.parsed();
        Ok(Reply::later(move |deferred| {
            let parse = move |groups| ahead.parse(groups);
            core.submit_list(filter, sort, parse, |groups| match groups {
                Ok(groups) => deferred.settle(Ok(Answer::ParsedGroups(groups, parsed))),
                Err(error) => deferred.go_on(move |env| {
                    parsed.end(env)?;
                    Err(error.into())
                }),
            });
        }))
    }

    fn summaries(&self, filter: GroupFilter, sort: Option<GroupSort>) -> Result<Reply, Fault> {
        if let Some(summaries) = self.summaries_at_once(&filter, sort) {
            return Ok(Reply::Now(Answer::Summaries(summaries)));
        }
        let core = self.clone();
        Ok(Reply::later(move |deferred| {
            core.submit_summaries(filter, sort, |summaries| {
                deferred.settle(summaries.map(Answer::Summaries));
            });
        }))
    }

    fn count(&self, filter: GroupFilter) -> Result<Reply, Fault> {
        if let Some(count) = self.count_at_once(&filter) {
            return Ok(Reply::Now(Answer::Count(count)));
        }
        let core = self.clone();
        Ok(Reply::later(move |deferred| {
            core.submit_count(filter, |count| deferred.settle(count.map(Answer::Count)));
        }))
    }

    fn save(&self, _env: &Env, id: GroupId, text: String, condition: Condition) -> Result<Reply, Fault> {
        let core = self.clone();
        Ok(Reply::later(move |deferred| {
            core.submit_save(&id, text, condition, |saved| {
                deferred.settle(saved.map(|_| Answer::Undefined));
            });
        }))
    }

    fn write(
        &self,
        _env: &Env,
        id: GroupId,
        write: Write,
        answer: fn(WriteOutcome) -> Answer,
    ) -> Result<Reply, Fault> {
        let core = self.clone();
        Ok(Reply::later(move |deferred| {
            core.submit(&id, write, move |written| deferred.settle(written.map(answer)));
        }))
    }

    fn update_by(&self, _env: &Env, id: GroupId, function: Arc<Update>) -> Result<Reply, Fault> {
        let core = self.clone();
        Ok(Reply::later(move |deferred| FileUpdate { id, function }.wait(&core, deferred)))
    }

    fn verify(&self, answer: fn(&[RepositoryProblem]) -> Answer) -> Result<Reply, Fault> {
        let core = self.clone();
        Ok(Reply::on_thread(move || Ok(answer(&GroupRepository::verify(&core)?))))
    }

    fn watch(&self, only: Option<GroupId>) -> session_groups::Result<Watcher> {
        GroupRepository::watch(self, only)
    }

    fn events(&self, id: &GroupId, after: u64, follow: bool) -> Events {
        feed::events(self, id, after, follow)
    }
}
