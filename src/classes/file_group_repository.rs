//! `FileGroupRepository` for JavaScript.

use napi::Env;
use napi::bindgen_prelude::{Object, This, Unknown};
use napi_derive::napi;

use crate::args::{self, nothing_deleted};
use crate::error::throwing;
use crate::promise::{Answer, Deferred, on_thread, promise};
use crate::update::{FileUpdate, answer, keep};
use session_groups::repository::file::FileGroupRepository as Core;
use session_groups::repository::{Condition, GroupFilter, GroupRepository, GroupSort, Write, WriteOutcome};

/// Keeps groups in files, `{baseDir}/{id}/meta.json`, that several processes share. What was acknowledged is on the
/// disk; what was not is there whole or not at all; nobody's write is undone by another's.
#[napi]
pub struct FileGroupRepository {
    core: Core,
}

#[napi]
impl FileGroupRepository {
    /// A repository under a base directory. Nothing is created before the first write. Throws `INVALID_ARGUMENT`.
    ///
    /// @param baseDir The directory of the groups, by default `.local/claude-code-agent/session-groups` in the home
    ///   directory (`process.env.HOME`, on Windows `USERPROFILE`). A relative path is resolved now.
    /// @param options How it writes.
    #[napi(constructor, ts_args_type = "baseDir?: string, options?: FileGroupRepositoryOptions")]
    pub fn new(env: Env, this: This<'_>, base_dir: Unknown<'_>, options: Unknown<'_>) -> napi::Result<Self> {
        throwing(&env, || {
            args::constructed(&env, &this, "FileGroupRepository", c"findById")?;
            let base = args::base_dir(&env, base_dir)?;
            Ok(Self { core: Core::new(base.as_deref(), args::file_options(&env, options)?)? })
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn find_by_id<'env>(&self, env: &'env Env, id: Unknown<'_>) -> napi::Result<Object<'env>> {
        promise(
            env,
            || args::group_id(env, "id", id),
            |id, deferred| match id {
                Some(id) => self.core.find(&id, move |found| deferred.settle(found.map(Answer::group))),
                None => deferred.settle(Ok(Answer::Null)),
            },
        )
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn find_by_status<'env>(&self, env: &'env Env, status: Unknown<'_>) -> napi::Result<Object<'env>> {
        promise(
            env,
            || args::status(env, status),
            |status, deferred| {
                let filter = GroupFilter { status: Some(status), ..GroupFilter::default() };
                self.list_into(deferred, filter, None);
            },
        )
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn list<'env>(
        &self,
        env: &'env Env,
        filter: Unknown<'_>,
        sort: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        promise(
            env,
            || Ok((args::filter(env, filter)?, args::sort(env, sort)?)),
            |(filter, sort), deferred| self.list_into(deferred, filter, sort),
        )
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn count<'env>(&self, env: &'env Env, filter: Unknown<'_>) -> napi::Result<Object<'env>> {
        promise(
            env,
            || args::filter(env, filter),
            |filter, deferred| {
                self.core.submit_count(filter, |count| deferred.settle(count.map(Answer::Count)));
            },
        )
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn save<'env>(
        &self,
        env: &'env Env,
        group: Unknown<'_>,
        options: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        let prepare = || Ok((args::group_to_save(env, group)?, args::save_condition(env, options)?));
        promise(env, prepare, |((id, text), condition), deferred| {
            self.core.submit_save(&id, text, condition, move |saved| {
                deferred.settle(saved.map(|_| Answer::Undefined));
            });
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn update<'env>(
        &self,
        env: &'env Env,
        id: Unknown<'_>,
        changes: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        if args::is_function(changes) {
            let prepare = || Ok((args::group_id(env, "id", id)?, keep(env, changes)?));
            return promise(env, prepare, |(id, function), deferred| {
                let Some(id) = id else { return deferred.settle(Ok(Answer::Null)) };
                FileUpdate { id, function }.wait(&self.core, deferred);
            });
        }
        let prepare = || Ok((args::group_id(env, "id", id)?, args::changes(env, changes)?));
        promise(env, prepare, |(id, changes), deferred| {
            let Some(id) = id else { return deferred.settle(Ok(Answer::Null)) };
            let write = Write::Update { changes, condition: Condition::None };
            self.core.submit(&id, write, move |written| deferred.settle(written.map(answer)));
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn update_session<'env>(
        &self,
        env: &'env Env,
        group_id: Unknown<'_>,
        session_id: Unknown<'_>,
        changes: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        let prepare = || {
            let id = args::group_id(env, "groupId", group_id)?;
            let session_id = args::text(env, "sessionId", session_id)?;
            Ok((id, Write::UpdateSession { session_id, changes: args::changes(env, changes)? }))
        };
        promise(env, prepare, |(id, write), deferred| {
            let Some(id) = id else { return deferred.settle(Ok(Answer::Bool(false))) };
            self.core.submit(&id, write, move |written| {
                deferred
                    .settle(written.map(|written| Answer::Bool(matches!(written, WriteOutcome::Stored(_)))));
            });
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn delete<'env>(
        &self,
        env: &'env Env,
        id: Unknown<'_>,
        options: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        let prepare = || {
            let group_id = args::group_id(env, "id", id)?;
            Ok((group_id, args::text(env, "id", id)?, args::delete_condition(env, options)?))
        };
        promise(env, prepare, |(id, text, condition), deferred| {
            let Some(id) = id else { return deferred.settle(nothing_deleted(&text, condition)) };
            self.core.submit(&id, Write::Delete { condition }, move |written| {
                deferred
                    .settle(written.map(|written| Answer::Bool(matches!(written, WriteOutcome::Deleted))));
            });
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn revision<'env>(&self, env: &'env Env, id: Unknown<'_>) -> napi::Result<Object<'env>> {
        promise(
            env,
            || args::group_id(env, "id", id),
            |id, deferred| match id {
                Some(id) => self.core.find(&id, move |found| deferred.settle(found.map(Answer::revision))),
                None => deferred.settle(Ok(Answer::Null)),
            },
        )
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn verify<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        promise(
            env,
            || Ok(()),
            |(), deferred| {
                let core = self.core.clone();
                on_thread(deferred, move || Ok(Answer::problems(&core.verify()?)));
            },
        )
    }
}

impl FileGroupRepository {
    fn list_into(&self, deferred: Deferred, filter: GroupFilter, sort: Option<GroupSort>) {
        self.core.submit_list(filter, sort, |groups| {
            deferred.settle(groups.map(|groups| Answer::groups(&groups)));
        });
    }
}
