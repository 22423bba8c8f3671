//! Cached groups of a store, so that they need not be read again. An entry counts only when a stat of the file shows that
//! it is unchanged, and no write is ever based on it.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::GroupId;
use crate::repository::document::{Document, Fields};
use crate::repository::file::fingerprint::FileFingerprint;

/// A group, with its text as long as there is room for it.
#[derive(Debug, Clone)]
pub enum CacheEntry {
    /// All of it.
    Full(Document),
    /// The fields that queries need.
    Summary(Arc<Fields>),
}

impl Borrow<Fields> for CacheEntry {
    fn borrow(&self) -> &Fields {
        match self {
            Self::Full(document) => document.borrow(),
            Self::Summary(fields) => fields,
        }
    }
}

impl CacheEntry {
    /// The same group without its text.
    pub fn without_text(self) -> Self {
        match self {
            Self::Full(document) => Self::Summary(Arc::clone(document.fields())),
            fields @ Self::Summary(_) => fields,
        }
    }

    fn text_bytes(&self) -> usize {
        match self {
            Self::Full(document) => document.text().len(),
            Self::Summary(_) => 0,
        }
    }

    /// Returns the approximate size of everything but its text.
    fn other_bytes(&self) -> usize {
        let fields: &Fields = self.borrow();
        2 * fields.id.as_str().len() + fields.name.len() + 256
    }
}

/// The groups of one store.
pub struct Cache {
    max_text_bytes: usize,
    max_other_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    groups: HashMap<GroupId, (FileFingerprint, CacheEntry)>,
    /// Files that were seen to be corrupt under their lock.
    corrupt: HashMap<GroupId, FileFingerprint>,
    text_bytes: usize,
    other_bytes: usize,
}

impl Default for Cache {
    /// 64 MiB for texts, and as much for the fields of some 200,000 groups.
    fn default() -> Self {
        Self::with_capacity(64 << 20, 64 << 20)
    }
}

impl Cache {
    /// Creates a cache with a limit for the bytes of texts, and one for those of everything else.
    fn with_capacity(max_text_bytes: usize, max_other_bytes: usize) -> Self {
        Self { max_text_bytes, max_other_bytes, state: Mutex::default() }
    }

    /// Returns whether there is an entry for a group, up to date or not.
    pub fn knows(&self, id: &GroupId) -> bool {
        self.state().groups.contains_key(id)
    }

    /// Returns the entry of a group whose file has this fingerprint now.
    pub fn get(&self, id: &GroupId, fingerprint: &FileFingerprint) -> Option<CacheEntry> {
        let state = self.state();
        // safeguard: what is known of a file counts only while it is the same
        state.groups.get(id).filter(|(of, _)| of == fingerprint).map(|(_, known)| known.clone())
    }

    /// Caches a group, replacing its old entry. Never evicts others: a query of all groups would need them again at
    /// once.
    pub fn put(&self, id: &GroupId, fingerprint: FileFingerprint, group: &Document) {
        let mut state = self.state();
        state.forget(id);
        let mut known = CacheEntry::Full(group.clone());
        if state.text_bytes + known.text_bytes() > self.max_text_bytes {
            known = known.without_text();
        }
        if state.other_bytes + known.other_bytes() <= self.max_other_bytes {
            state.text_bytes += known.text_bytes();
            state.other_bytes += known.other_bytes();
            state.groups.insert(id.clone(), (fingerprint, known));
        }
    }

    /// Returns whether a file of this group was seen to be corrupt.
    pub fn has_corrupt(&self, id: &GroupId) -> bool {
        self.state().corrupt.contains_key(id)
    }

    /// Returns whether the file that has this fingerprint now was seen to be corrupt.
    pub fn is_corrupt(&self, id: &GroupId, fingerprint: &FileFingerprint) -> bool {
        self.state().corrupt.get(id) == Some(fingerprint)
    }

    /// Notes a file that was seen to be corrupt under its lock.
    pub fn put_corrupt(&self, id: &GroupId, fingerprint: FileFingerprint) {
        /// Reading once too often costs little.
        const MAX_CORRUPT: usize = 10_000;
        let corrupt = &mut self.state().corrupt;
        if corrupt.len() >= MAX_CORRUPT {
            corrupt.clear();
        }
        corrupt.insert(id.clone(), fingerprint);
    }

    /// Removes the entries of all other groups.
    pub fn retain_ids(&self, ids: &[GroupId]) {
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
    use crate::model::tests::GROUP;
    use crate::repository::file::dir::Dir;

    fn group(id: &str) -> Document {
        Document::from_text(GROUP.replace("20260115-103000-auth", id)).unwrap()
    }

    fn fingerprint() -> FileFingerprint {
        let here = Dir::open(env!("CARGO_MANIFEST_DIR").as_ref()).unwrap();
        here.own_stat().unwrap().fingerprint()
    }

    /// Returns whether a group is cached, and with its text.
    fn known(cache: &Cache, group: &Document) -> Option<bool> {
        cache.get(group.id(), &fingerprint()).map(|known| matches!(known, CacheEntry::Full(_)))
    }

    #[test]
    fn texts_are_kept_while_there_is_room() {
        let [first, second] = ["a-1", "a-2"].map(group);
        let cache = Cache::with_capacity(first.text().len(), usize::MAX);
        cache.put(first.id(), fingerprint(), &first);
        cache.put(second.id(), fingerprint(), &second);
        assert_eq!((known(&cache, &first), known(&cache, &second)), (Some(true), Some(false)));
        cache.retain_ids(std::slice::from_ref(second.id()));
        cache.put(second.id(), fingerprint(), &second);
        assert_eq!((known(&cache, &first), known(&cache, &second)), (None, Some(true)));
    }

    #[test]
    fn fields_are_kept_while_there_is_room() {
        let groups: Vec<Document> = (0..100).map(|number| group(&format!("a-{number:02}"))).collect();
        let cache = Cache::with_capacity(0, 10 * CacheEntry::Full(groups[0].clone()).other_bytes());
        for _ in 0..3 {
            for group in &groups {
                cache.put(group.id(), fingerprint(), group);
            }
        }
        assert_eq!(groups.iter().filter(|group| known(&cache, group) == Some(false)).count(), 10);
    }

    #[test]
    fn a_group_that_is_remembered_again_takes_its_room_once() {
        let group = group("a-1");
        let cache = Cache::with_capacity(group.text().len(), usize::MAX);
        for _ in 0..10 {
            cache.put(group.id(), fingerprint(), &group);
            assert_eq!(known(&cache, &group), Some(true));
        }
    }
}
