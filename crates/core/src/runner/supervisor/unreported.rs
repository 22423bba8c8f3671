//! Events that a commit could not append to the feed. They are appended again later: the next commit with events would report a
//! gap in their place, but it may be long in coming, and after the last one of a run there is none.

use std::time::{Duration, Instant};

use crate::feed::{Committed, Event};

/// Times until the next tries, in multiples of the first; the last one repeats.
const PAUSES: [u32; 4] = [1, 2, 5, 10];

/// Maximum number of events that are kept. A gap stands for the others.
const MAX_KEPT: usize = 256;

/// The events that are missing in the feed.
#[derive(Debug)]
pub struct Unreported {
    pause: Duration,
    events: Vec<(u64, Event)>,
    tries: usize,
    /// The time of the next try; `None` while there is nothing to append, or a try goes on.
    next: Option<Instant>,
}

impl Unreported {
    /// Nothing is missing. The first try is made after a pause.
    pub fn new(pause: Duration) -> Self {
        Self { pause, events: Vec::new(), tries: 0, next: None }
    }

    /// Notes a commit.
    pub fn committed(&mut self, committed: &Committed, now: Instant) {
        if committed.events.is_empty() {
            return;
        }
        if committed.is_reported {
            // With a gap in place of those before.
            return self.give_up();
        }
        if self.events.is_empty() {
            self.next = Some(now + self.pause);
        }
        self.events.extend(committed.events.iter().cloned());
        let surplus = self.events.len().saturating_sub(MAX_KEPT);
        self.events.drain(..surplus);
    }

    /// Returns the events if it is time to append them. The answer is to be noted by [`appended`](Self::appended).
    pub fn take_due(&mut self, now: Instant) -> Option<Vec<(u64, Event)>> {
        self.next.take_if(|next| *next <= now)?;
        Some(self.events.clone())
    }

    /// Notes the answer to a try, which appended the events up to a number if it succeeded.
    pub fn appended(&mut self, newest: u64, is_appended: bool, now: Instant) {
        if is_appended {
            self.events.retain(|(seq, _)| *seq > newest);
            self.tries = 0;
        } else {
            self.tries = (self.tries + 1).min(PAUSES.len() - 1);
        }
        self.next = (!self.events.is_empty()).then(|| now + self.pause * PAUSES[self.tries]);
    }

    /// The time of the next try.
    pub fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// Returns `true` if nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Gives the events up: the next commit with events reports a gap.
    pub fn give_up(&mut self) {
        *self = Self::new(self.pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{FurtherEvent, SessionLimitLiftedEvent};
    use crate::model::time::IsoTime;
    use crate::model::{GroupId, SessionGroup};
    use crate::repository::Document;

    const PAUSE: Duration = Duration::from_secs(1);

    fn commit(numbers: std::ops::RangeInclusive<u64>, is_reported: bool) -> Committed {
        let now = IsoTime::now();
        let group = SessionGroup::new(GroupId::new("a").unwrap(), "A", "a", now.clone());
        let lifted = SessionLimitLiftedEvent { timestamp: now, group_id: "a".to_owned() };
        let event = Event::from(FurtherEvent::SessionLimitLifted(lifted));
        let events = numbers.map(|seq| (seq, event.clone())).collect();
        Committed { group: Document::from_group(&group).unwrap(), events, is_reported, is_rebased: false }
    }

    fn take_due(unreported: &mut Unreported, now: Instant) -> Option<Vec<u64>> {
        unreported.take_due(now).map(|events| events.iter().map(|(seq, _)| *seq).collect())
    }

    #[test]
    fn missing_events_are_appended_again_after_1_2_5_and_10_seconds() {
        let (mut unreported, mut now) = (Unreported::new(PAUSE), Instant::now());
        unreported.committed(&commit(1..=2, true), now);
        assert!(unreported.is_empty() && unreported.deadline().is_none());
        unreported.committed(&commit(3..=3, false), now);
        let mut pauses = Vec::new();
        for _ in 0..5 {
            let next = unreported.deadline().unwrap();
            pauses.push((next - now).as_secs());
            now = next;
            assert_eq!(take_due(&mut unreported, now), Some(vec![3]));
            assert_eq!((unreported.deadline(), take_due(&mut unreported, now)), (None, None));
            unreported.appended(3, false, now);
        }
        assert_eq!(pauses, [1, 2, 5, 10, 10]);
        unreported.appended(3, true, now);
        assert!(unreported.is_empty() && unreported.deadline().is_none());
    }

    #[test]
    fn events_that_follow_during_a_try_are_appended_after_it() {
        let (mut unreported, now) = (Unreported::new(PAUSE), Instant::now());
        unreported.committed(&commit(1..=1, false), now);
        let later = now + PAUSE;
        assert_eq!(take_due(&mut unreported, later), Some(vec![1]));
        unreported.committed(&commit(2..=2, false), later);
        unreported.appended(1, true, later);
        assert_eq!(take_due(&mut unreported, later + PAUSE), Some(vec![2]));
    }

    #[test]
    fn a_later_commit_has_reported_the_gap() {
        let (mut unreported, now) = (Unreported::new(PAUSE), Instant::now());
        unreported.committed(&commit(1..=400, false), now);
        let due = take_due(&mut unreported, now + PAUSE).unwrap();
        assert_eq!((due.len(), due.last()), (MAX_KEPT, Some(&400)));
        unreported.committed(&commit(401..=401, true), now);
        unreported.appended(400, false, now);
        assert!(unreported.is_empty() && unreported.deadline().is_none());
    }
}
