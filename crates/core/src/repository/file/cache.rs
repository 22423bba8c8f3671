//! Cached groups of a store, so that they need not be read again. An entry counts only while its file is unchanged, which
//! a stat of the file shows, or [`Live`](super::live::Live). No write is ever based on it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::sync::{Cache as WeightedCache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::model::GroupId;
use crate::repository::document::{Document, Fields};
use crate::repository::file::fingerprint::FileFingerprint;

/// The groups of one store. Texts are the first to go when there is no room, and the fields that queries need stay.
pub struct Cache {
    fields: WeightedCache<GroupId, (FileFingerprint, Arc<Fields>), Bytes>,
    texts: WeightedCache<GroupId, Document, Bytes>,
    /// Files that were seen to be corrupt under their lock.
    corrupt: Mutex<HashMap<GroupId, FileFingerprint>>,
}

/// Weighs entries by their approximate size.
#[derive(Clone)]
struct Bytes;

impl Weighter<GroupId, (FileFingerprint, Arc<Fields>)> for Bytes {
    fn weight(&self, id: &GroupId, (_, fields): &(FileFingerprint, Arc<Fields>)) -> u64 {
        (2 * id.as_str().len() + fields.name.len() + 256) as u64
    }
}

impl Weighter<GroupId, Document> for Bytes {
    fn weight(&self, id: &GroupId, group: &Document) -> u64 {
        (id.as_str().len() + group.text().len() + 128) as u64
    }
}

impl Default for Cache {
    /// 64 MiB for texts, and as much for the fields of some 200,000 groups.
    fn default() -> Self {
        Self::with_capacity(64 << 20, 64 << 20)
    }
}

impl Cache {
    /// Creates a cache with a limit for the bytes of texts, and one for those of everything else.
    fn with_capacity(max_text_bytes: u64, max_other_bytes: u64) -> Self {
        Self {
            fields: weighted(max_other_bytes, 300),
            texts: weighted(max_text_bytes, 8_192),
            corrupt: Mutex::default(),
        }
    }

    /// Returns `true` if there is an entry for a group, up to date or not.
    pub fn has(&self, id: &GroupId) -> bool {
        self.fields.contains_key(id)
    }

    /// Returns the fields of a group whose file has this fingerprint now.
    pub fn fields(&self, id: &GroupId, fingerprint: &FileFingerprint) -> Option<Arc<Fields>> {
        let (of, fields) = self.fields.get(id)?;
        // safeguard: what is known of a file counts only while it is the same
        (of == *fingerprint).then_some(fields)
    }

    /// Returns the group that has these very fields, if its text is here.
    pub fn group(&self, fields: &Arc<Fields>) -> Option<Document> {
        // safeguard: a text counts only with the fields that were read with it
        self.texts.get(&fields.id).filter(|group| Arc::ptr_eq(group.fields(), fields))
    }

    /// Caches a group that can be recognized by its fingerprint.
    pub fn put(&self, fingerprint: FileFingerprint, group: &Document) {
        self.fields.insert(group.id().clone(), (fingerprint, Arc::clone(group.fields())));
        self.put_text(group);
    }

    /// Caches the text of a group whose fields are kept elsewhere.
    pub fn put_text(&self, group: &Document) {
        self.texts.insert(group.id().clone(), group.clone());
    }

    /// Removes a group that is gone.
    pub fn remove(&self, id: &GroupId) {
        self.fields.remove(id);
        self.texts.remove(id);
    }

    /// Removes all other groups.
    pub fn retain_ids(&self, ids: &[GroupId]) {
        if self.fields.len() > ids.len() {
            let there: HashSet<&GroupId> = ids.iter().collect();
            self.fields.retain(|id, _| there.contains(id));
            self.texts.retain(|id, _| there.contains(id));
        }
    }

    /// Returns `true` if a file of this group was seen to be corrupt.
    pub fn has_corrupt(&self, id: &GroupId) -> bool {
        self.corrupt_files().contains_key(id)
    }

    /// Returns `true` if the file that has this fingerprint now was seen to be corrupt.
    pub fn is_corrupt(&self, id: &GroupId, fingerprint: &FileFingerprint) -> bool {
        self.corrupt_files().get(id) == Some(fingerprint)
    }

    /// Notes a file that was seen to be corrupt under its lock.
    pub fn put_corrupt(&self, id: &GroupId, fingerprint: FileFingerprint) {
        /// Reading once too often costs little.
        const MAX_CORRUPT: usize = 10_000;
        let mut corrupt = self.corrupt_files();
        if corrupt.len() >= MAX_CORRUPT {
            corrupt.clear();
        }
        corrupt.insert(id.clone(), fingerprint);
    }

    fn corrupt_files(&self) -> MutexGuard<'_, HashMap<GroupId, FileFingerprint>> {
        self.corrupt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cache for so many bytes. It is not divided, so that a large group fits, too.
fn weighted<V: Clone>(max_bytes: u64, usual: u64) -> WeightedCache<GroupId, V, Bytes>
where
    Bytes: Weighter<GroupId, V>,
{
    let items = usize::try_from(max_bytes / usual).unwrap_or(usize::MAX);
    let mut options = OptionsBuilder::new();
    options.shards(1).estimated_items_capacity(items).weight_capacity(max_bytes);
    #[allow(clippy::unwrap_used, reason = "both capacities are set")]
    let options = options.build().unwrap();
    WeightedCache::with_options(options, Bytes, DefaultHashBuilder::default(), DefaultLifecycle::default())
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

    fn has_fields(cache: &Cache, group: &Document) -> bool {
        cache.fields(group.id(), &fingerprint()).is_some()
    }

    fn has_text(cache: &Cache, group: &Document) -> bool {
        cache.group(group.fields()).is_some()
    }

    #[test]
    fn new_groups_take_the_place_of_others_when_there_is_no_room() {
        let groups: Vec<Document> = (0..1_000).map(|number| group(&format!("a-{number:03}"))).collect();
        let text = Bytes.weight(groups[0].id(), &groups[0]);
        let cache = Cache::with_capacity(100 * text, 64 << 20);
        for group in &groups {
            cache.put(fingerprint(), group);
            assert!(has_text(&cache, group) && has_fields(&cache, group));
        }
        let kept = groups.iter().filter(|group| has_text(&cache, group)).count();
        assert!((90..=100).contains(&kept), "{kept}");
        assert_eq!(groups.iter().filter(|group| has_fields(&cache, group)).count(), 1_000);
    }

    #[test]
    fn a_group_that_is_cached_again_takes_its_room_once() {
        let group = group("a-1");
        let cache = Cache::with_capacity(2 * Bytes.weight(group.id(), &group), 64 << 20);
        for _ in 0..10 {
            cache.put(fingerprint(), &group);
            assert!(has_text(&cache, &group));
        }
        cache.remove(group.id());
        assert!(!has_text(&cache, &group) && !cache.has(group.id()));
    }

    #[test]
    fn a_text_belongs_to_the_fields_that_were_read_with_it() {
        let (old, new) = (group("a-1"), group("a-1"));
        let cache = Cache::default();
        cache.put(fingerprint(), &old);
        cache.put_text(&new);
        assert!(!has_text(&cache, &old) && has_text(&cache, &new));
    }
}
