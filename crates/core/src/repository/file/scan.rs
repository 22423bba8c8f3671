//! Queries. A file is looked at only if the kernel would not have reported a change of it, and read only if it has changed
//! since it was cached. Of a page of many groups only the page's texts are read.

use std::borrow::Borrow;
use std::cell::LazyCell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{GroupId, GroupStatus, GroupSummary};
use crate::repository::document::{Document, Fields};
use crate::repository::file::cache::Cache;
use crate::repository::file::dir::Dir;
use crate::repository::file::fingerprint::FileFingerprint;
use crate::repository::file::live::Live;
use crate::repository::file::owner::if_foreign;
use crate::repository::file::parallel::par_filter_map;
use crate::repository::file::paths::{LOCKS, META};
use crate::repository::file::read::{corrupt_fingerprint, is_group_local, read_through};
use crate::repository::file::run_lock;
use crate::repository::query::{GroupFilter, GroupSort};

/// Number of times that a page is looked for because groups of it changed before they were read.
const MAX_ATTEMPTS: usize = 3;

/// Maximum number of groups that a query looks at on JavaScript's thread, which takes well below a millisecond.
const MAX_GROUPS_AT_ONCE: usize = 10_000;

/// A query of a store.
pub struct Listing<'a> {
    base: &'a Dir,
    cache: &'a Cache,
    live: &'a Live,
    suspects: Mutex<Vec<Suspect>>,
}

/// A group that could not be understood. Another program may just be writing it: only the lock can tell.
pub struct Suspect {
    /// The group.
    pub id: GroupId,
    /// Its file, when a later change is certain to be seen by it.
    pub fingerprint: Option<FileFingerprint>,
}

/// A group as a query finds it.
pub struct Candidate {
    fields: Arc<Fields>,
    /// The group with its text, if it had to be read.
    group: Option<Document>,
}

impl Candidate {
    fn without_text(self) -> Self {
        Self { group: None, ..self }
    }
}

impl Borrow<Fields> for Candidate {
    fn borrow(&self) -> &Fields {
        &self.fields
    }
}

impl From<Document> for Candidate {
    fn from(group: Document) -> Self {
        Self { fields: Arc::clone(group.fields()), group: Some(group) }
    }
}

impl From<Arc<Fields>> for Candidate {
    fn from(fields: Arc<Fields>) -> Self {
        Self { fields, group: None }
    }
}

/// A group that need not be looked at.
struct Certain<'a>(&'a Arc<Fields>);

impl Borrow<Fields> for Certain<'_> {
    fn borrow(&self) -> &Fields {
        self.0
    }
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

/// Returns the groups that match, sorted and paged, as long as none of it needs a look at a file and it is not much.
pub fn list_at_once(
    base: &Path,
    cache: &Cache,
    live: &Live,
    filter: &GroupFilter,
    sort: Option<GroupSort>,
) -> Option<Vec<Document>> {
    let matches = filter.fast_matcher(sort)?;
    live.try_query(base, MAX_GROUPS_AT_ONCE, |groups| {
        let matching = groups.into_iter().filter(|fields| matches(fields)).map(Certain).collect();
        filter.page(matching, sort).iter().map(|Certain(fields)| cache.group(fields)).collect()
    })
}

/// Returns the summaries of the groups that match, as long as none of it needs a look at a file and it is not much.
pub fn summaries_at_once(
    base: &Path,
    live: &Live,
    filter: &GroupFilter,
    sort: Option<GroupSort>,
) -> Option<Vec<Arc<GroupSummary>>> {
    let matches = filter.fast_matcher(sort)?;
    live.try_query(base, MAX_GROUPS_AT_ONCE, |groups| {
        let matching = groups.into_iter().filter(|fields| matches(fields)).map(Certain).collect();
        let page = filter.page(matching, sort);
        // Whether a group has a runner needs a look at its lock.
        let summary = |fields: &Fields| fields.summary().filter(|_| !is_running(fields)).cloned();
        page.iter().map(|Certain(fields)| summary(fields)).collect()
    })
}

fn is_running(group: &Fields) -> bool {
    group.status == GroupStatus::Running
}

/// Returns the number of groups that match, as long as none of it needs a look at a file and it is not much.
pub fn count_at_once(base: &Path, live: &Live, filter: &GroupFilter) -> Option<usize> {
    if filter.since.is_none() && filter.name_contains.is_none() {
        return live.try_count(base, filter.status);
    }
    let matches = filter.fast_matcher(None)?;
    let count = |groups: Vec<&Arc<Fields>>| groups.iter().filter(|fields| matches(fields)).count();
    live.try_query(base, MAX_GROUPS_AT_ONCE, |groups| Some(count(groups)))
}

impl<'a> Listing<'a> {
    /// A query of the groups in a base directory.
    pub fn new(base: &'a Dir, cache: &'a Cache, live: &'a Live) -> Self {
        Self { base, cache, live, suspects: Mutex::default() }
    }

    /// The groups that could not be understood and have not been looked at under their lock.
    pub fn into_suspects(self) -> Vec<Suspect> {
        self.suspects.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The groups that match, sorted and paged. Unless only a page is wanted, `read` receives most of those that had to be read,
    /// as soon as they have been.
    pub fn list(
        &self,
        filter: &GroupFilter,
        sort: Option<GroupSort>,
        read: impl Fn(Vec<Document>) + Sync,
    ) -> Result<Vec<Document>> {
        /// Number of groups that are passed on at once; the last ones are not.
        const PART: usize = 32;
        let matches = filter.matcher();
        let part = Mutex::new(Vec::new());
        let hold = |group: Candidate| {
            // All texts would be too much to hold for a page of them.
            if filter.limit.is_some() {
                return group.without_text();
            }
            let full = group.group.as_ref().and_then(|document| {
                let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
                part.push(document.clone());
                (part.len() == PART).then(|| std::mem::take(&mut *part))
            });
            if let Some(part) = full {
                read(part);
            }
            group
        };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let found = self.look_at_all(|group| matches(&group.fields).then(|| hold(group)))?;
            let page = filter.page(found, sort);
            let mut groups = match page.iter().map(|candidate| self.known(candidate)).collect() {
                Some(known) => known,
                None => par_filter_map(&page, |candidate| match self.known(candidate) {
                    Some(group) => Ok(Some(group)),
                    None => Ok(match self.read(&candidate.fields.id)? {
                        Read::Found(group) => Some(group),
                        Read::Nothing | Read::Denied(_) => None,
                    }),
                })?,
            };
            groups.retain(|group| matches(group.borrow()));
            if groups.len() == page.len() || filter.limit.is_none() || attempts == MAX_ATTEMPTS {
                // In order already, but for groups that have changed since: then this is one pass.
                return Ok(GroupFilter::default().page(groups, sort));
            }
        }
    }

    fn known(&self, candidate: &Candidate) -> Option<Document> {
        candidate.group.clone().or_else(|| self.cache.group(&candidate.fields))
    }

    /// The number of groups that match.
    pub fn count(&self, filter: &GroupFilter) -> Result<usize> {
        let matches = filter.matcher();
        Ok(self.look_at_all(|group| matches(&group.fields).then_some(()))?.len())
    }

    /// The summaries of the groups that match, sorted and paged.
    pub fn summaries(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Result<Vec<Arc<GroupSummary>>> {
        let matches = filter.matcher();
        let found = self.look_at_all(|group| {
            // A text that was read is needed once, for the summary.
            let summary = group.group.as_ref().map(Document::summary).transpose();
            matches(&group.fields).then(|| summary.map(|_| group.without_text()))
        })?;
        let page = filter.page(found.into_iter().collect::<Result<Vec<_>>>()?, sort);
        let known = |candidate: &Candidate| {
            let summary = candidate.fields.summary().cloned();
            summary.map(|summary| (Arc::clone(&candidate.fields), summary))
        };
        let of =
            |group: &Document| group.summary().map(|summary| Some((Arc::clone(group.fields()), summary)));
        let summaries = match page.iter().map(known).collect() {
            Some(known) => known,
            None => par_filter_map(&page, |candidate| match (known(candidate), self.known(candidate)) {
                (Some(known), _) => Ok(Some(known)),
                (None, Some(group)) => of(&group),
                (None, None) => match self.read(&candidate.fields.id)? {
                    Read::Found(group) if matches(group.fields()) => of(&group),
                    Read::Found(_) | Read::Nothing | Read::Denied(_) => Ok(None),
                },
            })?,
        };
        Ok(self.with_runners(summaries))
    }

    /// Completes the summaries of running groups by whether a runner has them. The others are not looked at.
    fn with_runners(&self, summaries: Vec<(Arc<Fields>, Arc<GroupSummary>)>) -> Vec<Arc<GroupSummary>> {
        let locks = LazyCell::new(|| self.base.open_dir(LOCKS).ok());
        let complete = |(fields, summary): (Arc<Fields>, Arc<GroupSummary>)| {
            if !is_running(&fields) {
                return summary;
            }
            let is_live = locks.as_ref().is_some_and(|locks| run_lock::is_held(locks, &fields.id));
            fields.with_live(&summary, is_live)
        };
        summaries.into_iter().map(complete).collect()
    }

    /// Returns what `choose` makes of all groups that can be read. Only files of groups that may have changed are looked at.
    /// Fails when there are groups and this user may read none of them.
    fn look_at_all<T: Send>(&self, choose: impl Fn(Candidate) -> Option<T> + Sync) -> Result<Vec<T>> {
        let live = self.live.query(self.base.path(), |fields| choose(Arc::clone(fields).into()));
        let (mut chosen, is_any_certain, ids) = match live {
            Some(found) => (found.chosen, found.is_any_certain, found.uncertain),
            None => (Vec::new(), false, self.ids()?),
        };
        let (is_any_readable, denied) = (AtomicBool::new(is_any_certain), Mutex::new(None));
        let looked_at = par_filter_map(&ids, |id| {
            let candidate = match self.unchanged(id) {
                Some(fields) => fields.into(),
                None => match self.read(id)? {
                    Read::Found(document) => document.into(),
                    Read::Nothing => return Ok(None),
                    Read::Denied(error) => {
                        denied.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        return Ok(None);
                    }
                },
            };
            is_any_readable.store(true, Ordering::Relaxed);
            Ok(choose(candidate))
        })?;
        chosen.extend(looked_at);
        match denied.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) if !is_any_readable.into_inner() => Err(self.of_the_store(error)),
            _ => Ok(chosen),
        }
    }

    /// The ids of all groups.
    fn ids(&self) -> Result<Vec<GroupId>> {
        let reading = self.live.begin_listing(self.base);
        let names =
            self.base.directories().map_err(|source| Error::io(None, self.base.path(), "listing", source))?;
        let ids: Vec<GroupId> = names.iter().filter_map(|name| GroupId::new(name).ok()).collect();
        self.live.end_listing(reading.as_ref(), &ids);
        self.cache.retain_ids(&ids);
        Ok(ids)
    }

    /// The error when no group may be read: about the store, when it belongs to another user as a whole.
    fn of_the_store(&self, error: Error) -> Error {
        let base = self.base.path();
        let of_store = if error.is(ErrorKind::ForeignOwner) { if_foreign(None, base, base) } else { None };
        of_store.unwrap_or(error)
    }

    /// Returns `true` if the file of a group is as it was when it was cached.
    pub fn is_unchanged(&self, id: &GroupId) -> bool {
        self.unchanged(id).is_some()
    }

    /// A group whose file is as it was when it was cached. That its directory is not a link was just seen.
    fn unchanged(&self, id: &GroupId) -> Option<Arc<Fields>> {
        if !self.cache.has(id) {
            return None;
        }
        let reading = self.live.begin(self.base, id);
        let fingerprint = self.fingerprint(id)?;
        let fields = self.cache.fields(id, &fingerprint)?;
        self.live.end(reading.as_ref(), &fingerprint, &fields);
        Some(fields)
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
        match read_through(self.base, id, self.cache, self.live) {
            Ok(group) => Ok(group.map_or(Read::Nothing, Read::Found)),
            Err(error) if error.is(ErrorKind::Corrupt) => {
                // Not that of any file found under the path now: a directory may have taken the place of another.
                let fingerprint = corrupt_fingerprint(self.base, id);
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
