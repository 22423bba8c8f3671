//! What is known of a store's groups since they were last read, so that they need not be read again. Nothing of it is
//! taken for true before a stat of the file says that it is unchanged, and no write is ever based on it.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::GroupId;
use crate::repository::document::{Document, Fields};
use crate::repository::file::fingerprint::Stamp;

/// A group, with its text as long as there is room for it.
#[derive(Debug, Clone)]
pub enum Known {
    /// All of it.
    Whole(Document),
    /// What queries need.
    Fields(Arc<Fields>),
}

impl Borrow<Fields> for Known {
    fn borrow(&self) -> &Fields {
        match self {
            Self::Whole(document) => document.borrow(),
            Self::Fields(fields) => fields,
        }
    }
}

impl Known {
    /// The same group without its text.
    pub fn without_text(self) -> Self {
        match self {
            Self::Whole(document) => Self::Fields(Arc::new(Borrow::<Fields>::borrow(&document).clone())),
            fields @ Self::Fields(_) => fields,
        }
    }

    fn text_bytes(&self) -> usize {
        match self {
            Self::Whole(document) => document.text().len(),
            Self::Fields(_) => 0,
        }
    }

    /// What it takes beside its text, in about.
    fn other_bytes(&self) -> usize {
        let fields: &Fields = self.borrow();
        2 * fields.id.as_str().len() + fields.name.len() + 256
    }
}

/// The groups of one store.
pub struct Cache {
    most_text: usize,
    most_other: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    groups: HashMap<GroupId, (Stamp, Known)>,
    /// Files that were seen to be corrupt under their lock.
    corrupt: HashMap<GroupId, Stamp>,
    text_bytes: usize,
    other_bytes: usize,
}

impl Default for Cache {
    /// 64 MiB for texts, and as much for the fields of some 200,000 groups.
    fn default() -> Self {
        Self::holding(64 << 20, 64 << 20)
    }
}

impl Cache {
    /// A cache of texts of so many bytes together, and of fields of so many.
    fn holding(most_text: usize, most_other: usize) -> Self {
        Self { most_text, most_other, state: Mutex::default() }
    }

    /// Whether something is known of a group, true or not any more.
    pub fn knows(&self, id: &GroupId) -> bool {
        self.state().groups.contains_key(id)
    }

    /// What is known of a group whose file has this stamp now.
    pub fn get(&self, id: &GroupId, stamp: &Stamp) -> Option<Known> {
        let state = self.state();
        state.groups.get(id).filter(|(of, _)| of == stamp).map(|(_, known)| known.clone())
    }

    /// Remembers a group. What there is no room for is not kept: to make room would throw out what the next query of
    /// all groups needs just as much. What was known of the group before makes room at any rate.
    pub fn put(&self, id: &GroupId, stamp: Stamp, group: &Document) {
        let mut state = self.state();
        state.forget(id);
        let mut known = Known::Whole(group.clone());
        if state.text_bytes + known.text_bytes() > self.most_text {
            known = known.without_text();
        }
        if state.other_bytes + known.other_bytes() <= self.most_other {
            state.text_bytes += known.text_bytes();
            state.other_bytes += known.other_bytes();
            state.groups.insert(id.clone(), (stamp, known));
        }
    }

    /// Returns whether a file of this group was seen to be corrupt.
    pub fn has_corrupt(&self, id: &GroupId) -> bool {
        self.state().corrupt.contains_key(id)
    }

    /// Returns whether the file that has this stamp now was seen to be corrupt.
    pub fn is_corrupt(&self, id: &GroupId, stamp: &Stamp) -> bool {
        self.state().corrupt.get(id) == Some(stamp)
    }

    /// Remembers a file that was seen to be corrupt under its lock.
    pub fn put_corrupt(&self, id: &GroupId, stamp: Stamp) {
        /// To look again once too often costs little.
        const MAX_CORRUPT: usize = 10_000;
        let corrupt = &mut self.state().corrupt;
        if corrupt.len() >= MAX_CORRUPT {
            corrupt.clear();
        }
        corrupt.insert(id.clone(), stamp);
    }

    /// Forgets groups that are gone, when these are all that are there.
    pub fn keep_only(&self, ids: &[GroupId]) {
        let mut state = self.state();
        if state.groups.len() <= ids.len() {
            return;
        }
        let there: HashSet<&GroupId> = ids.iter().collect();
        let gone: Vec<GroupId> = state.groups.keys().filter(|id| !there.contains(id)).cloned().collect();
        for id in gone {
            state.forget(&id);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in here could at most miscount bytes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self, id: &GroupId) {
        if let Some((_, known)) = self.groups.remove(id) {
            self.text_bytes -= known.text_bytes();
            self.other_bytes -= known.other_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::validate::tests::GROUP;
    use crate::repository::file::dir::Dir;

    fn group(id: &str) -> Document {
        Document::from_text(GROUP.replace("20260115-103000-auth", id)).unwrap()
    }

    fn stamp() -> Stamp {
        let here = Dir::open(env!("CARGO_MANIFEST_DIR").as_ref()).unwrap();
        here.own_stat().unwrap().stamp()
    }

    /// Whether a group is known, and with its text.
    fn known(cache: &Cache, group: &Document) -> Option<bool> {
        cache.get(group.id(), &stamp()).map(|known| matches!(known, Known::Whole(_)))
    }

    #[test]
    fn texts_are_kept_while_there_is_room() {
        let [first, second] = ["a-1", "a-2"].map(group);
        let cache = Cache::holding(first.text().len(), usize::MAX);
        cache.put(first.id(), stamp(), &first);
        cache.put(second.id(), stamp(), &second);
        assert_eq!((known(&cache, &first), known(&cache, &second)), (Some(true), Some(false)));
        cache.keep_only(std::slice::from_ref(second.id()));
        cache.put(second.id(), stamp(), &second);
        assert_eq!((known(&cache, &first), known(&cache, &second)), (None, Some(true)));
    }

    #[test]
    fn fields_are_kept_while_there_is_room() {
        let groups: Vec<Document> = (0..100).map(|number| group(&format!("a-{number:02}"))).collect();
        let cache = Cache::holding(0, 10 * Known::Whole(groups[0].clone()).other_bytes());
        for _ in 0..3 {
            for group in &groups {
                cache.put(group.id(), stamp(), group);
            }
        }
        assert_eq!(groups.iter().filter(|group| known(&cache, group) == Some(false)).count(), 10);
    }

    #[test]
    fn a_group_that_is_remembered_again_takes_its_room_once() {
        let group = group("a-1");
        let cache = Cache::holding(group.text().len(), usize::MAX);
        for _ in 0..10 {
            cache.put(group.id(), stamp(), &group);
            assert_eq!(known(&cache, &group), Some(true));
        }
    }
}
