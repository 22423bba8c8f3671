//! The feed of a group in memory.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::feed::event::FeedEvent;
use crate::feed::log::{Log, gap};
use crate::model::GroupId;
use crate::repository::Attachment;

/// Maximum length of the kept events, in bytes: that of the files of a feed.
const MAX_BYTES: usize = 16 << 20;

/// The newest events of a group.
#[derive(Default)]
pub(super) struct MemoryFeed(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    events: VecDeque<FeedEvent>,
    bytes: usize,
}

impl MemoryFeed {
    /// The feed that is kept with a group.
    pub(super) fn of(attachment: &Attachment) -> Arc<Self> {
        let feed = attachment.get_or_init(|| Arc::<Self>::default());
        // Nothing else is kept with a group.
        Arc::clone(feed).downcast().unwrap_or_default()
    }

    /// Returns the events after a number, at most as many.
    pub(super) fn after(&self, seq: u64, max: usize) -> Vec<FeedEvent> {
        let kept = self.kept();
        let from = kept.events.partition_point(|event| event.seq() <= seq);
        kept.events.range(from..).take(max).cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn newest(&self) -> u64 {
        self.events.back().map_or(0, FeedEvent::seq)
    }

    fn push(&mut self, event: FeedEvent) {
        self.bytes += event.json().len();
        self.events.push_back(event);
        while self.bytes > MAX_BYTES
            && let Some(oldest) = self.events.pop_front()
        {
            self.bytes -= oldest.json().len();
        }
    }
}

impl Log for Attachment {
    fn newest(&self, _id: &GroupId) -> Option<u64> {
        Some(MemoryFeed::of(self).kept().newest())
    }

    fn append(&self, _id: &GroupId, events: &[FeedEvent]) -> io::Result<()> {
        let feed = MemoryFeed::of(self);
        let mut kept = feed.kept();
        for event in events {
            let next = kept.newest() + 1;
            if event.seq() < next {
                continue;
            }
            if event.seq() > next {
                kept.push(gap(next, event.seq() - 1, event.event()));
            }
            kept.push(event.clone());
        }
        Ok(())
    }
}
