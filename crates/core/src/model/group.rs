//! A group: sessions that belong to one goal.
//!
//! ```
//! use session_groups::model::{GroupId, SessionGroup, time::IsoTime};
//!
//! let created_at = IsoTime::parse("2026-01-15T10:30:00.000Z").unwrap();
//! let id = GroupId::new("20260115-103000-auth").unwrap();
//! let group = SessionGroup::new(id, "Authentication", "auth", created_at);
//! assert_eq!(group.max_concurrent(), 3);
//! ```

use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::model::GroupId;
use crate::model::config::{self, GroupConfig};
use crate::model::number::Count;
use crate::model::record::{Shape, record};
use crate::model::run::{Control, GroupCause, PlanSource, RunnerRecord};
use crate::model::session::{self, GroupSession};
use crate::model::status::GroupStatus;
use crate::model::time::IsoTime;

record! {
    /// Sessions that belong to one goal.
    pub struct SessionGroup patched by GroupPatch {
        /// `YYYYMMDD-HHMMSS-{slug}`.
        fixed id: GroupId,
        /// The name for people.
        name: String,
        /// The name as it stands in the id.
        fixed slug: String,
        /// Its status.
        status: GroupStatus,
        /// The sessions in the order in which they are to start. Their ids differ.
        #[serde(deserialize_with = "sessions")]
        sessions: Vec<GroupSession>,
        /// Its configuration.
        config: GroupConfig,
        /// Time of creation.
        fixed created_at: IsoTime,
        /// Time of the last change.
        updated_at: IsoTime,
        /// The description for people.
        description: Option<String>,
        /// Start of the first run.
        started_at: Option<IsoTime>,
        /// Time at which it ended.
        completed_at: Option<IsoTime>,
        /// The newest request to the runner.
        recent control: Option<Control>,
        /// `seq` of the newest request that the runner acted on.
        recent control_seen: Option<Count>,
        /// The reason why the group is paused or failed.
        recent cause: Option<GroupCause>,
        /// `seq` of the newest event.
        recent event_seq: Option<Count>,
        /// `true` once the warning for the budget has been emitted.
        recent budget_warned: Option<bool>,
        /// The process that runs it, where the repository has no kernel locks.
        recent runner: Option<RunnerRecord>,
        /// The plan file it was made from.
        recent plan: Option<PlanSource>,
    }
}

pub(super) static SHAPE: Shape = Shape {
    recent: SessionGroup::RECENT,
    parts: &[("config", &config::GROUP_SHAPE), ("sessions", &session::SHAPE)],
};

/// Reads sessions whose ids differ.
fn sessions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<GroupSession>, D::Error> {
    struct Sessions;
    impl<'de> Visitor<'de> for Sessions {
        type Value = Vec<GroupSession>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
            let mut sessions = Vec::<GroupSession>::new();
            while let Some(session) = all.next_element()? {
                sessions.push(session);
            }
            let mut ids: Vec<_> = sessions.iter().map(|session| &session.id).enumerate().collect();
            ids.sort_unstable_by_key(|(index, id)| (*id, *index));
            let repeated = ids.windows(2).filter(|pair| pair[0].1 == pair[1].1);
            let Some(pair) = repeated.min_by_key(|pair| pair[1].0) else { return Ok(sessions) };
            let [(first, id), (index, _)] = [pair[0], pair[1]];
            Err(A::Error::custom(format!("[{index}].id {}", session::repeated_id(id, first))))
        }
    }
    deserializer.deserialize_seq(Sessions)
}

impl SessionGroup {
    /// A group without sessions that has not run and has the default configuration.
    pub fn new(id: GroupId, name: &str, slug: &str, created_at: IsoTime) -> Self {
        let (name, slug, config) = (name.to_owned(), slug.to_owned(), GroupConfig::default());
        let updated_at = created_at.clone();
        Self::of_required(id, name, slug, GroupStatus::Created, Vec::new(), config, created_at, updated_at)
    }

    /// Maximum number of sessions that run at once.
    pub fn max_concurrent(&self) -> u64 {
        let rules = self.config.concurrency;
        rules.map_or(self.config.max_concurrent_sessions, |rules| rules.max_concurrent).get()
    }
}
