//! Queries: every file is looked at, and read only when it has changed since it was cached. Of a page of many groups
//! only the page's texts are read.

use std::borrow::Borrow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::error::{Error, ErrorKind, Result};
use crate::model::GroupId;
use crate::repository::document::Document;
use crate::repository::file::cache::{Cache, CacheEntry};
use crate::repository::file::dir::Dir;
use crate::repository::file::fingerprint::FileFingerprint;
use crate::repository::file::owner::if_foreign;
use crate::repository::file::parallel::par_filter_map;
use crate::repository::file::paths::META;
use crate::repository::file::read::{is_group_local, read_through};
use crate::repository::query::{GroupFilter, GroupSort};

/// Number of times that a page is looked for because groups of it changed before they were read.
const MAX_ATTEMPTS: usize = 3;

/// A query of a store.
pub struct Listing<'a> {
    base: &'a Dir,
    cache: &'a Cache,
    suspects: Mutex<Vec<Suspect>>,
}

/// A group that could not be understood. Another program may just be writing it: only the lock can tell.
pub struct Suspect {
    /// The group.
    pub id: GroupId,
    /// Its file, when a later change is certain to be seen by it.
    pub fingerprint: Option<FileFingerprint>,
}

/// The result of reading a group for a query.
enum Read {
    /// The group.
    Found(Document),
    /// There is none, or `verify` has to say what is wrong with it.
    Nothing,
    /// This user may not read it.
    Denied(Error),
}

impl<'a> Listing<'a> {
    /// A query of the groups in a base directory.
    pub fn new(base: &'a Dir, cache: &'a Cache) -> Self {
        Self { base, cache, suspects: Mutex::default() }
    }

    /// The groups that could not be understood and have not been looked at under their lock.
    pub fn into_suspects(self) -> Vec<Suspect> {
        self.suspects.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The groups that match, sorted and paged.
    pub fn list(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Result<Vec<Document>> {
        let matches = filter.matcher();
        // All texts would be too much to hold for a page of them.
        let hold = if filter.limit.is_some() { CacheEntry::without_text } else { |group| group };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let found = self.look_at_all(hold, |group| matches(group.borrow()).then_some(group))?;
            let page = filter.page(found, sort);
            let mut groups = par_filter_map(&page, |group| match group {
                CacheEntry::Full(document) => Ok(Some(document.clone())),
                CacheEntry::Summary(fields) => Ok(match self.read(&fields.id)? {
                    Read::Found(document) => Some(document),
                    Read::Nothing | Read::Denied(_) => None,
                }),
            })?;
            groups.retain(|group| matches(group.borrow()));
            if groups.len() == page.len() || filter.limit.is_none() || attempts == MAX_ATTEMPTS {
                // In order already, but for groups that have changed since: then this is one pass.
                return Ok(GroupFilter::default().page(groups, sort));
            }
        }
    }

    /// The number of groups that match.
    pub fn count(&self, filter: &GroupFilter) -> Result<usize> {
        let matches = filter.matcher();
        Ok(self.look_at_all(CacheEntry::without_text, |group| matches(group.borrow()).then_some(()))?.len())
    }

    /// Returns what `choose` makes of all groups that can be read. What had to be read anew goes through `hold` first.
    /// Fails when there are groups and this user may read none of them.
    fn look_at_all<T: Send>(
        &self,
        hold: impl Fn(CacheEntry) -> CacheEntry + Sync,
        choose: impl Fn(CacheEntry) -> Option<T> + Sync,
    ) -> Result<Vec<T>> {
        let names =
            self.base.directories().map_err(|source| Error::io(None, self.base.path(), "listing", source))?;
        let ids: Vec<GroupId> = names.iter().filter_map(|name| GroupId::new(name).ok()).collect();
        self.cache.retain_ids(&ids);
        let (is_any_readable, denied) = (AtomicBool::new(false), Mutex::new(None));
        let chosen = par_filter_map(&ids, |id| {
            let known = match self.unchanged(id) {
                Some(known) => known,
                None => match self.read(id)? {
                    Read::Found(document) => hold(CacheEntry::Full(document)),
                    Read::Nothing => return Ok(None),
                    Read::Denied(error) => {
                        denied.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        return Ok(None);
                    }
                },
            };
            is_any_readable.store(true, Ordering::Relaxed);
            Ok(choose(known))
        })?;
        match denied.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) if !is_any_readable.into_inner() => Err(self.of_the_store(error)),
            _ => Ok(chosen),
        }
    }

    /// The error when no group may be read: about the store, when it belongs to another user as a whole.
    fn of_the_store(&self, error: Error) -> Error {
        let base = self.base.path();
        let of_store = if error.is(ErrorKind::ForeignOwner) { if_foreign(None, base, base) } else { None };
        of_store.unwrap_or(error)
    }

    /// A group whose file is as it was when it was cached. That its directory is not a link was just seen.
    fn unchanged(&self, id: &GroupId) -> Option<CacheEntry> {
        if !self.cache.knows(id) {
            return None;
        }
        self.cache.get(id, &self.fingerprint(id)?)
    }

    fn fingerprint(&self, id: &GroupId) -> Option<FileFingerprint> {
        Some(self.base.stat(&format!("{id}/{META}")).ok()??.fingerprint())
    }

    /// Reads a group as it is now, unless its file is known to be corrupt.
    fn read(&self, id: &GroupId) -> Result<Read> {
        if self.cache.has_corrupt(id)
            && self.fingerprint(id).is_some_and(|fingerprint| self.cache.is_corrupt(id, &fingerprint))
        {
            return Ok(Read::Nothing);
        }
        let before = SystemTime::now();
        match read_through(self.base, id, self.cache) {
            Ok(group) => Ok(group.map_or(Read::Nothing, Read::Found)),
            Err(error) if error.is(ErrorKind::Corrupt) => {
                let fingerprint =
                    self.fingerprint(id).filter(|fingerprint| fingerprint.is_reliable_at(before));
                let suspect = Suspect { id: id.clone(), fingerprint };
                // safeguard: a query looks again at what it cannot understand
                self.suspects.lock().unwrap_or_else(PoisonError::into_inner).push(suspect);
                Ok(Read::Nothing)
            }
            Err(error) if error.is(ErrorKind::NewerSchema) => Ok(Read::Nothing),
            Err(error) if is_group_local(&error) => Ok(Read::Denied(error)),
            Err(error) => Err(error),
        }
    }
}
