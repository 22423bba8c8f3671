//! Where the events of a group are appended.

use std::io;

use crate::feed::event::{Event, FeedEvent, FeedGapEvent, FurtherEvent};
use crate::model::GroupId;
use crate::model::number::Positive;

/// The place of a group whose events are kept there. The group is locked when it is used.
pub(super) trait Log {
    /// Returns the number of the newest event; `None` if there is none, or if it cannot be read.
    fn newest(&self, id: &GroupId) -> Option<u64>;

    /// Appends events, and before them a gap if some between the newest one and these are missing.
    fn append(&self, id: &GroupId, events: &[FeedEvent]) -> io::Result<()>;
}

/// The event that stands for missing ones.
pub(super) fn gap(from: u64, to: u64, next: &Event) -> FeedEvent {
    let event = FurtherEvent::FeedGap(FeedGapEvent {
        // Of the next event, so that each reader is given the same.
        timestamp: next.timestamp().clone(),
        group_id: next.group_id().to_owned(),
        from: Positive::clamped(from),
        to: Positive::clamped(to),
    });
    FeedEvent::new(Positive::clamped(to), event.into())
}
