//! `InMemoryGroupRepository` for JavaScript.

use napi::Env;
use napi::bindgen_prelude::{Object, This, Unknown};
use napi_derive::napi;

use super::args::{self, nothing_deleted};
use super::error::throwing;
use super::js::Fault;
use super::promise::{Answer, settled};
use super::update::update_in_memory;
use crate::repository::{Document, GroupRepository, InMemoryGroupRepository as Core};

/// Keeps groups in memory, for tests: the same behaviour as in files, and nothing that lasts.
#[napi]
pub struct InMemoryGroupRepository {
    core: Core,
}

#[napi]
impl InMemoryGroupRepository {
    /// An empty repository.
    #[napi(constructor)]
    pub fn new(env: Env, this: This<'_>) -> napi::Result<Self> {
        throwing(&env, || {
            args::constructed(&env, &this, "InMemoryGroupRepository", c"findById")?;
            Ok(Self { core: Core::new() })
        })
    }

    /// Forgets all groups.
    #[napi(enumerable = false)]
    pub fn clear(&self) {
        self.core.clear();
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn find_by_id<'env>(&self, env: &'env Env, id: Unknown<'_>) -> napi::Result<Object<'env>> {
        settled(env, || Ok(Answer::group(self.find(env, id)?)))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn find_by_status<'env>(&self, env: &'env Env, status: Unknown<'_>) -> napi::Result<Object<'env>> {
        settled(env, || Ok(Answer::groups(&self.core.find_by_status(args::status(env, status)?)?)))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn list<'env>(
        &self,
        env: &'env Env,
        filter: Unknown<'_>,
        sort: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        settled(env, || {
            let filter = args::filter(env, filter)?;
            Ok(Answer::groups(&self.core.list(&filter, args::sort(env, sort)?)?))
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn count<'env>(&self, env: &'env Env, filter: Unknown<'_>) -> napi::Result<Object<'env>> {
        settled(env, || Ok(Answer::Count(self.core.count(&args::filter(env, filter)?)?)))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn save<'env>(
        &self,
        env: &'env Env,
        group: Unknown<'_>,
        options: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        settled(env, || {
            let (_, text) = args::group_to_save(env, group)?;
            let condition = args::save_condition(env, options)?;
            self.core.save(Document::from_text(text)?, condition)?;
            Ok(Answer::Undefined)
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn update<'env>(
        &self,
        env: &'env Env,
        id: Unknown<'_>,
        changes: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        settled(env, || {
            let id = args::group_id(env, "id", id)?;
            if args::is_function(changes) {
                return id.map_or(Ok(Answer::Null), |id| update_in_memory(env, &self.core, &id, changes));
            }
            let changes = args::changes(env, changes)?;
            let Some(id) = id else { return Ok(Answer::Null) };
            Ok(Answer::group(self.core.update(&id, changes)?))
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
        settled(env, || {
            let id = args::group_id(env, "groupId", group_id)?;
            let session_id = args::text(env, "sessionId", session_id)?;
            let changes = args::changes(env, changes)?;
            let Some(id) = id else { return Ok(Answer::Bool(false)) };
            Ok(Answer::Bool(self.core.update_session(&id, &session_id, changes)?))
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn delete<'env>(
        &self,
        env: &'env Env,
        id: Unknown<'_>,
        options: Unknown<'_>,
    ) -> napi::Result<Object<'env>> {
        settled(env, || {
            let group_id = args::group_id(env, "id", id)?;
            let condition = args::delete_condition(env, options)?;
            match group_id {
                Some(id) => Ok(Answer::Bool(self.core.delete(&id, condition)?)),
                None => Ok(nothing_deleted(&args::text(env, "id", id)?, condition)?),
            }
        })
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn revision<'env>(&self, env: &'env Env, id: Unknown<'_>) -> napi::Result<Object<'env>> {
        settled(env, || Ok(Answer::revision(self.find(env, id)?)))
    }

    #[napi(enumerable = false, skip_typescript)]
    pub fn verify<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        settled(env, || Ok(Answer::problems(&self.core.verify()?)))
    }
}

impl InMemoryGroupRepository {
    fn find(&self, env: &Env, id: Unknown<'_>) -> Result<Option<Document>, Fault> {
        match args::group_id(env, "id", id)? {
            Some(id) => Ok(self.core.find_by_id(&id)?),
            None => Ok(None),
        }
    }
}
