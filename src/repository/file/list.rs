//! Which groups a query gives: every file is looked at, and read only when it is not known as it is now. Of a page of
//! many groups only the page's texts are read.

use std::borrow::Borrow;

use crate::error::{Error, Result};
use crate::group::GroupId;
use crate::repository::document::Document;
use crate::repository::file::cache::{Cache, Known};
use crate::repository::file::dir::Dir;
use crate::repository::file::layout::META;
use crate::repository::file::read::{is_of_this_group_alone, read_through};
use crate::repository::file::threads::gather;
use crate::repository::query::{GroupFilter, GroupSort};

/// How often a page is looked for anew because groups of it changed before they were read.
const MOST_ATTEMPTS: usize = 3;

/// A query of a store.
pub struct Listing<'a> {
    /// The base directory.
    pub base: &'a Dir,
    /// What is known of its groups.
    pub cache: &'a Cache,
}

impl Listing<'_> {
    /// The groups that match, sorted and paged.
    pub fn list(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Result<Vec<Document>> {
        let matches = filter.matcher();
        // All texts would be too much to hold for a page of them.
        let hold = if filter.limit.is_some() { Known::without_text } else { |group| group };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let found = self.look_at_all(hold, |group| matches(group.borrow()).then_some(group))?;
            let page = filter.page(found, sort);
            let mut groups = gather(&page, |group| match group {
                Known::Whole(document) => Ok(Some(document.clone())),
                Known::Fields(fields) => self.read(&fields.id),
            })?;
            groups.retain(|group| matches(group.borrow()));
            if groups.len() == page.len() || filter.limit.is_none() || attempts == MOST_ATTEMPTS {
                return Ok(GroupFilter::default().page(groups, sort));
            }
        }
    }

    /// How many groups match.
    pub fn count(&self, filter: &GroupFilter) -> Result<usize> {
        let matches = filter.matcher();
        Ok(self.look_at_all(Known::without_text, |group| matches(group.borrow()).then_some(()))?.len())
    }

    /// What `choose` makes of all groups that can be read. What had to be read anew goes through `hold` first.
    fn look_at_all<T: Send>(
        &self,
        hold: impl Fn(Known) -> Known + Sync,
        choose: impl Fn(Known) -> Option<T> + Sync,
    ) -> Result<Vec<T>> {
        let names = self.base.directories().map_err(|source| Error::Io {
            group_id: None,
            path: self.base.path().to_owned(),
            action: "listing",
            source: source.into(),
        })?;
        let ids: Vec<GroupId> = names.iter().filter_map(|name| GroupId::new(name).ok()).collect();
        self.cache.keep_only(&ids);
        gather(&ids, |id| {
            let known = match self.unchanged(id) {
                Some(known) => Some(known),
                None => self.read(id)?.map(|document| hold(Known::Whole(document))),
            };
            Ok(known.and_then(&choose))
        })
    }

    /// A group whose file is as it was when it was read. That its directory is none behind a link was just seen.
    fn unchanged(&self, id: &GroupId) -> Option<Known> {
        if !self.cache.knows(id) {
            return None;
        }
        let stat = self.base.stat(&format!("{id}/{META}")).ok()??;
        self.cache.get(id, &stat.stamp())
    }

    /// A group as it is now; `None` when there is none, and when it is for `verify` to tell what is wrong with it.
    fn read(&self, id: &GroupId) -> Result<Option<Document>> {
        match read_through(self.base, id, self.cache) {
            Err(error) if is_of_this_group_alone(&error) => Ok(None),
            read => read,
        }
    }
}
