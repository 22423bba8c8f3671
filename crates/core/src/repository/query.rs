//! Filters and sorts of groups, for every kind of repository.

use std::borrow::Borrow;
use std::cmp::Ordering;

use crate::model::GroupStatus;
use crate::model::time::Timestamp;
use crate::repository::collation::NameOrder;
use crate::repository::fields::Fields;
use crate::repository::name_part::NamePart;

/// Selects groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// Only groups of this status.
    pub status: Option<GroupStatus>,
    /// Only groups with this anywhere in their name; letter case and Unicode normal form are ignored.
    pub name_contains: Option<String>,
    /// Only groups created at this time or later.
    pub since: Option<Timestamp>,
    /// Maximum number of groups to return.
    pub limit: Option<usize>,
    /// Number of groups to skip.
    pub offset: Option<usize>,
}

/// In which order. Groups that are equal in it are ordered by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSort {
    /// The field to compare.
    pub field: SortField,
    /// The direction of a sort.
    pub direction: Direction,
}

/// The field to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortField {
    /// As `Intl.Collator('en')` does.
    Name,
    /// As instants.
    CreatedAt,
    /// As instants.
    UpdatedAt,
}

/// The direction of a sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest or earliest first.
    Ascending,
    /// Greatest or latest first.
    Descending,
}

impl GroupFilter {
    /// Tells of groups whether they match, paging aside.
    pub(crate) fn matcher(&self) -> impl Fn(&Fields) -> bool + Send + Sync {
        let part = self.name_contains.as_deref().map(NamePart::new);
        let (status, since) = (self.status, self.since);
        move |group| {
            status.is_none_or(|status| group.status == status)
                && since.is_none_or(|since| group.created_at >= since)
                && part.as_ref().is_none_or(|part| part.is_in(&group.name))
        }
    }

    /// The same if neither names are searched nor sorted by, so that it takes a few nanoseconds for each group.
    pub(crate) fn fast_matcher(
        &self,
        sort: Option<GroupSort>,
    ) -> Option<impl Fn(&Fields) -> bool + Send + Sync> {
        let is_by_name = sort.is_some_and(|sort| sort.field == SortField::Name);
        (self.name_contains.is_none() && !is_by_name).then(|| self.matcher())
    }

    /// Sorts matching groups and takes the page.
    pub(crate) fn page<G: Borrow<Fields>>(&self, mut groups: Vec<G>, sort: Option<GroupSort>) -> Vec<G> {
        let names = sort.filter(|sort| sort.field == SortField::Name).map(|_| NameOrder::new());
        let order = |left: &G, right: &G| {
            let (left, right) = (left.borrow(), right.borrow());
            let order = sort.map_or(Ordering::Equal, |sort| sort.compare(left, right, names.as_ref()));
            order.then_with(|| left.id.cmp(&right.id))
        };
        let start = self.offset.unwrap_or(0);
        let end = start.saturating_add(self.limit.unwrap_or(usize::MAX));
        if end < groups.len() {
            // Groups behind the page need not be in order.
            groups.select_nth_unstable_by(end, order);
            groups.truncate(end);
        }
        groups.sort_unstable_by(order);
        groups.drain(..start.min(groups.len()));
        groups
    }
}

impl GroupSort {
    fn compare(self, left: &Fields, right: &Fields, names: Option<&NameOrder>) -> Ordering {
        let order = match (self.field, names) {
            (SortField::CreatedAt, _) => left.created_at.cmp(&right.created_at),
            (SortField::UpdatedAt, _) => left.updated_at.cmp(&right.updated_at),
            (SortField::Name, Some(names)) => names.compare(&left.name, &right.name),
            (SortField::Name, None) => left.name.cmp(&right.name),
        };
        match self.direction {
            Direction::Ascending => order,
            Direction::Descending => order.reverse(),
        }
    }
}
