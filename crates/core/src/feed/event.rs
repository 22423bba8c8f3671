//! The events of a feed: all those of a group, and those that only the feed has.
//!
//! ```
//! use session_groups::feed::{Event, FeedEvent, FurtherEvent};
//!
//! let line = r#"{"v":1,"seq":7,"type":"session_adopted","timestamp":"2026-01-15T10:30:00Z","groupId":"g","sessionId":"api","attempt":2}"#;
//! let event: FeedEvent = line.parse()?;
//! assert_eq!((event.seq(), event.json()), (7, line));
//! let Event::Further(FurtherEvent::SessionAdopted(adopted)) = event.event() else { unreachable!() };
//! assert_eq!(adopted.attempt.get(), 2);
//! # Ok::<(), session_groups::Error>(())
//! ```

use std::str::FromStr;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};

use crate::error::{Error, FieldError};
use crate::json;
use crate::model::event::{GroupEvent, check_object, events, unknown_type};
use crate::model::from_json;
use crate::model::number::{Positive, Usd};
use crate::model::record::record;
use crate::model::run::AttemptOutcome;
use crate::model::time::IsoTime;

/// Maximum length of a prompt in the feed, in bytes.
pub const MAX_PROMPT: usize = 4096;

/// The largest number of an event: exact in JavaScript, with room for more.
pub(super) const MAX_SEQ: u64 = 1 << 52;

events! {
    /// An event that is not among those of [`GroupEvent`].
    pub enum FurtherEvent {
        /// A group was deleted.
        GroupDeleted(GroupDeletedEvent) = "group_deleted" {}
        /// An attempt of a session failed, and the session is resumed.
        SessionRetrying(SessionRetryingEvent) = "session_retrying" {
            /// The session.
            session_id: String,
            /// Number of the attempt that ended.
            attempt: Positive,
            /// Its outcome.
            outcome: AttemptOutcome,
            /// Its error message.
            error: Option<String>,
            /// Time before which the session is not resumed.
            waits_until: Option<IsoTime>,
        }
        /// A session was interrupted by a pause or a stop. It can be resumed.
        SessionInterrupted(SessionInterruptedEvent) = "session_interrupted" {
            /// The session.
            session_id: String,
            /// Number of the attempt that ended.
            attempt: Positive,
            /// US dollars that the session has cost.
            cost_usd: Option<Usd>,
        }
        /// A session waits for the end of a usage limit of the account.
        SessionWaitingLimit(SessionWaitingLimitEvent) = "session_waiting_limit" {
            /// The session.
            session_id: String,
            /// Time before which the session is not resumed.
            waits_until: Option<IsoTime>,
        }
        /// A usage limit of the account has ended for all sessions of the group.
        SessionLimitLifted(SessionLimitLiftedEvent) = "session_limit_lifted" {}
        /// A session that an earlier runner started still runs, and was taken over.
        SessionAdopted(SessionAdoptedEvent) = "session_adopted" {
            /// The session.
            session_id: String,
            /// Number of its attempt.
            attempt: Positive,
            /// Its process.
            pid: Option<Positive>,
        }
        /// A session can no longer start, because sessions that it depends on cannot complete.
        SessionUnreachable(SessionUnreachableEvent) = "session_unreachable" {
            /// The session.
            session_id: String,
            /// The sessions that cannot complete.
            because: Vec<String>,
        }
        /// The use of tools was refused in an attempt that ended.
        ToolsDenied(ToolsDeniedEvent) = "tools_denied" {
            /// The session.
            session_id: String,
            /// Names of the tools, each once.
            tools: Vec<String>,
        }
        /// Events that happened are not in the feed. What they reported is in the stored group.
        FeedGap(FeedGapEvent) = "feed_gap" {
            /// `seq` of the first missing event.
            from: Positive,
            /// `seq` of the last missing event, and of this one.
            to: Positive,
        }
    }
}

/// Any event of a group, without the number that it has in a feed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// One of the 15 events of [`GroupEvent`].
    Group(GroupEvent),
    /// One of the other events.
    Further(FurtherEvent),
}

impl Event {
    /// Returns the value of `type`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Group(event) => event.type_name(),
            Self::Further(event) => event.type_name(),
        }
    }

    /// Returns the time of the event.
    pub fn timestamp(&self) -> &IsoTime {
        match self {
            Self::Group(event) => event.timestamp(),
            Self::Further(event) => event.timestamp(),
        }
    }

    /// Returns the id of the group it happened in.
    pub fn group_id(&self) -> &str {
        match self {
            Self::Group(event) => event.group_id(),
            Self::Further(event) => event.group_id(),
        }
    }

    fn read(type_name: &str, text: &str) -> Result<Self, Error> {
        let event = GroupEvent::read(type_name, text).map(|event| event.map(Self::Group));
        let event =
            event.or_else(|| FurtherEvent::read(type_name, text).map(|event| event.map(Self::Further)));
        let event = event.ok_or_else(|| unknown_type(type_name, [GroupEvent::TYPES, FurtherEvent::TYPES]))?;
        event.map_err(Error::invalid_event)
    }

    /// Cuts a long prompt, as in the feed.
    fn shortened(mut self) -> Self {
        if let Self::Group(GroupEvent::GroupSessionStarted(started)) = &mut self
            && started.prompt.len() > MAX_PROMPT
        {
            let is_boundary = |at: &usize| started.prompt.is_char_boundary(*at);
            let end = (0..=MAX_PROMPT).rev().find(is_boundary).unwrap_or(0);
            started.prompt.truncate(end);
            started.truncated = Some(true);
        }
        self
    }
}

impl<E: Into<GroupEvent>> From<E> for Event {
    fn from(event: E) -> Self {
        Self::Group(event.into())
    }
}

impl From<FurtherEvent> for Event {
    fn from(event: FurtherEvent) -> Self {
        Self::Further(event)
    }
}

/// An event with its number, as a feed has it. Prompts are cut to [`MAX_PROMPT`] bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedEvent {
    seq: u64,
    event: Event,
    /// The JSON object as it was read or will be written.
    json: Box<str>,
}

impl FeedEvent {
    /// Numbers an event.
    pub fn new(seq: Positive, event: Event) -> Self {
        let event = event.shortened();
        // Nothing in it can fail to become JSON: all keys are strings.
        let text = serde_json::to_string(&event).unwrap_or_else(|_| "{}".to_owned());
        let seq = seq.get();
        let json = format!(r#"{{"v":1,"seq":{seq},{}"#, text.strip_prefix('{').unwrap_or(&text));
        Self { seq, event, json: json.into() }
    }

    /// The number of the event. A group's events are numbered from 1 without gaps.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The event as a JSON object on one line: as it was read, with the fields that this version does not know.
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// Reads one JSON object, which may have further fields. Fails with `INVALID_EVENT`, which names the field.
impl FromStr for FeedEvent {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        check_object(text)?;
        let Head { v: Version, seq, kind } = from_json(text).map_err(Error::invalid_event)?;
        if seq.get() > MAX_SEQ {
            let problem = format!("must be at most {MAX_SEQ}, but is {}", seq.get());
            return Err(Error::invalid_event(FieldError::new("seq", problem)));
        }
        let event = Event::read(&kind, text)?;
        if let Event::Further(FurtherEvent::FeedGap(gap)) = &event
            && (gap.to != seq || gap.from > gap.to)
        {
            let problem = format!("must be at most `to`, which must be {}", seq.get());
            return Err(Error::invalid_event(FieldError::new("from", problem)));
        }
        Ok(Self { seq: seq.get(), event, json: text.trim_matches(json::WHITE_SPACE).into() })
    }
}

/// The fields of every event of a feed.
#[derive(Deserialize)]
struct Head {
    v: Version,
    seq: Positive,
    #[serde(rename = "type")]
    kind: String,
}

/// The version of the format.
struct Version;

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let version = Positive::deserialize(deserializer)?.get();
        let unexpected = de::Unexpected::Unsigned(version);
        if version == 1 { Ok(Self) } else { Err(de::Error::invalid_value(unexpected, &"1")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::GroupSessionStartedEvent;

    const GAP: &str = r#"{"v":1,"seq":5,"type":"feed_gap","timestamp":"2026-01-15T10:30:00Z","groupId":"g","from":3,"to":5}"#;

    fn field_of(text: &str) -> String {
        let error = text.parse::<FeedEvent>().expect_err(text);
        assert_eq!(error.code(), "INVALID_EVENT");
        error.field().unwrap_or_default().to_owned()
    }

    #[test]
    fn an_event_keeps_the_fields_that_are_not_known() {
        let text = GAP.replacen('}', r#","x":[1e400,"\ud800"]}"#, 1);
        let event: FeedEvent = format!(" {text}\n").parse().unwrap();
        assert_eq!((event.seq(), event.json()), (5, &*text));
        assert_eq!(FeedEvent::new(Positive::clamped(5), event.event().clone()).json(), GAP);
    }

    #[test]
    fn invalid_fields_are_named() {
        assert_eq!(field_of("[]"), "");
        assert_eq!(field_of("{}"), "v");
        assert_eq!(field_of(&GAP.replace(r#""v":1"#, r#""v":2"#)), "v");
        assert_eq!(field_of(&GAP.replace(r#""seq":5,"#, "")), "seq");
        assert_eq!(field_of(&GAP.replace(r#""seq":5,"#, r#""seq":0,"#)), "seq");
        assert_eq!(field_of(&GAP.replace("feed_gap", "feed_hole")), "type");
        assert_eq!(field_of(&GAP.replace(r#""from":3"#, r#""from":"3""#)), "from");
        assert_eq!(field_of(&GAP.replace(r#""from":3"#, r#""from":6"#)), "from");
        assert_eq!(field_of(&GAP.replace(r#""seq":5"#, r#""seq":6"#)), "from");
        let error = GAP.replace("feed_gap", "feed_hole").parse::<FeedEvent>().unwrap_err().to_string();
        assert!(error.contains("group_started") && error.contains("tools_denied"), "{error}");
    }

    #[test]
    fn a_long_prompt_is_cut_between_two_characters() {
        let started = |prompt: &str| {
            let event = GroupSessionStartedEvent {
                timestamp: IsoTime::parse("2026-01-15T10:30:00Z").unwrap(),
                group_id: "g".to_owned(),
                session_id: "api".to_owned(),
                project_path: "/p".to_owned(),
                prompt: prompt.to_owned(),
                truncated: None,
            };
            let event = FeedEvent::new(Positive::clamped(1), event.into());
            let Event::Group(GroupEvent::GroupSessionStarted(started)) = event.event() else { panic!() };
            assert_eq!(event.json().parse::<FeedEvent>().unwrap(), event);
            (started.prompt.len(), started.truncated)
        };
        assert_eq!(started(&"x".repeat(4096)), (4096, None));
        assert_eq!(started(&"x".repeat(4097)), (4096, Some(true)));
        assert_eq!(started(&"é".repeat(2049)), (4096, Some(true)));
        assert_eq!(started(&"€".repeat(2000)), (4095, Some(true)));
    }
}
