//! Which groups to give, and in which order: written once, for every kind of repository.

use std::borrow::Borrow;
use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use crate::group::GroupStatus;
use crate::repository::collation::NameOrder;
use crate::repository::document::Document;

/// Which groups to give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// Only groups of this status.
    pub status: Option<GroupStatus>,
    /// Only groups with this anywhere in their name, letter case ignored.
    pub name_contains: Option<String>,
    /// Only groups created at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// At most so many.
    pub limit: Option<usize>,
    /// Without the first so many.
    pub offset: Option<usize>,
}

/// In which order. Groups that are equal in it are ordered by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSort {
    /// What to compare.
    pub field: SortField,
    /// Which end first.
    pub direction: Direction,
}

/// What to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortField {
    /// As `Intl.Collator('en')` does.
    Name,
    /// As instants.
    CreatedAt,
    /// As instants.
    UpdatedAt,
}

/// Which end first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest or earliest first.
    Ascending,
    /// Greatest or latest first.
    Descending,
}

impl GroupFilter {
    /// Whether a group matches, paging aside.
    pub(crate) fn matches(&self, group: &Document) -> bool {
        self.status.is_none_or(|status| group.status() == status)
            && self.since.is_none_or(|since| group.created_at() >= since)
            && self
                .name_contains
                .as_ref()
                .is_none_or(|part| group.name().to_lowercase().contains(&part.to_lowercase()))
    }

    /// Of groups that match: sorts them and takes the page.
    pub(crate) fn page<D: Borrow<Document>>(&self, mut groups: Vec<D>, sort: Option<GroupSort>) -> Vec<D> {
        let by_id = |left: &D, right: &D| left.borrow().id().cmp(right.borrow().id());
        match sort {
            None => groups.sort_unstable_by(by_id),
            Some(sort) => {
                let names = (sort.field == SortField::Name).then(NameOrder::new);
                groups.sort_unstable_by(|left, right| {
                    sort.compare(left.borrow(), right.borrow(), names.as_ref())
                        .then_with(|| by_id(left, right))
                });
            }
        }
        let page = groups.into_iter().skip(self.offset.unwrap_or(0));
        page.take(self.limit.unwrap_or(usize::MAX)).collect()
    }
}

impl GroupSort {
    fn compare(self, left: &Document, right: &Document, names: Option<&NameOrder>) -> Ordering {
        let order = match (self.field, names) {
            (SortField::CreatedAt, _) => left.created_at().cmp(&right.created_at()),
            (SortField::UpdatedAt, _) => left.updated_at().cmp(&right.updated_at()),
            (SortField::Name, Some(names)) => names.compare(left.name(), right.name()),
            (SortField::Name, None) => left.name().cmp(right.name()),
        };
        match self.direction {
            Direction::Ascending => order,
            Direction::Descending => order.reverse(),
        }
    }
}
