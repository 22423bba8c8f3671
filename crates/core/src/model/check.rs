//! Checks a text as strictly as reading it does, without building its values: only what queries need is kept.
//!
//! `record!` declares what is kept of each object. A check accepts nothing that reading refuses. It may refuse a text that
//! reading accepts, such as one with a lone surrogate, which then has to be read.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::json::JsonString;
use crate::model::config::EnvValue;
use crate::model::number::{Count, Fraction, Milliseconds, Percent, Positive, Usd};
use crate::model::run::Attempt;
use crate::model::time::{IsoTime, Timestamp};
use crate::model::{GroupId, GroupSession};

/// A type of the model.
pub trait Checkable {
    /// The part of a value in a text that is kept.
    type Checked<'a>: Deserialize<'a>;
}

/// The part that is kept of a value of a type.
pub type Checked<'a, T> = <T as Checkable>::Checked<'a>;

/// Types whose values are kept as they are: those that need no memory of their own, and rare ones.
macro_rules! kept {
    ($($type:ty,)*) => {$(
        impl crate::model::check::Checkable for $type {
            type Checked<'a> = Self;
        }
    )*};
}
pub(crate) use kept;

kept! {
    bool, f64, usize, Usd, Milliseconds, Percent, Fraction, Count, Positive, GroupId, EnvValue, JsonString,
    Map<String, Value>, BTreeMap<String, String>, BTreeMap<String, EnvValue>, BTreeMap<String, Map<String, Value>>,
}

impl Checkable for IsoTime {
    type Checked<'a> = Timestamp;
}

/// A string: `None` if its characters have to be looked for behind escapes.
#[derive(Clone, Copy)]
pub struct Text<'a>(pub Option<&'a str>);

impl Checkable for String {
    type Checked<'a> = Text<'a>;
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyText;
        impl<'de> Visitor<'de> for AnyText {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Some(text)))
            }
            fn visit_str<E>(self, _: &str) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }
        }
        deserializer.deserialize_str(AnyText)
    }
}

/// An array of which nothing is kept.
pub struct Elements<T>(PhantomData<T>);

impl Checkable for Vec<String> {
    type Checked<'a> = Elements<Text<'a>>;
}

impl Checkable for Vec<Attempt> {
    type Checked<'a> = Elements<Checked<'a, Attempt>>;
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Elements<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        each(deserializer, |_: T| true).map(|()| Self(PhantomData))
    }
}

/// Sessions whose ids differ.
pub struct Sessions;

impl Checkable for Vec<GroupSession> {
    type Checked<'a> = Sessions;
}

impl<'de> Deserialize<'de> for Sessions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut ids = Vec::new();
        each(deserializer, |session: Checked<'de, GroupSession>| {
            ids.extend(session.id.0);
            session.id.0.is_some()
        })?;
        ids.sort_unstable();
        let are_unique = ids.windows(2).all(|pair| pair[0] != pair[1]);
        if are_unique { Ok(Self) } else { Err(D::Error::custom("ids are repeated")) }
    }
}

/// Reads an array whose elements all satisfy a condition.
fn each<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
    is_valid: impl FnMut(T) -> bool,
) -> Result<(), D::Error> {
    struct Each<F, T>(F, PhantomData<T>);
    impl<'de, F: FnMut(T) -> bool, T: Deserialize<'de>> Visitor<'de> for Each<F, T> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
            while let Some(element) = elements.next_element()? {
                if !(self.0)(element) {
                    return Err(A::Error::custom("an element is invalid"));
                }
            }
            Ok(())
        }
    }
    deserializer.deserialize_seq(Each(is_valid, PhantomData))
}

#[cfg(test)]
mod tests {
    use crate::json::Json;
    use crate::model::tests::group_with_all_fields;
    use crate::model::{SessionGroup, reading};

    /// The values in a value, each with the text before and after it.
    fn values<'a>(whole: &'a str, value: Json<'a>, found: &mut Vec<(&'a str, &'a str)>) {
        let at = value.text().as_ptr() as usize - whole.as_ptr() as usize;
        found.push((&whole[..at], &whole[at + value.text().len()..]));
        for member in value.members() {
            values(whole, member.value, found);
        }
        for element in value.elements() {
            values(whole, element, found);
        }
    }

    #[test]
    fn a_check_accepts_what_reading_accepts_and_nothing_else() {
        /// Values that a check refuses: reading looks at them a second time, or at the characters behind escapes.
        const ONLY_READ: &[&str] = &["1e400", r#""\ud800""#, r#""id":"a\n""#];
        const REPLACEMENTS: &str = r#"null true 1 -1 0.5 1e400 "" "a\n" "\ud800" "\x" "completed" "002-b" [] [1] ["a"] {} {"a":"b"}
            "2026-01-15T10:30:00.000Z" x [ } 1,"id":"002-b" 1,"name":"a","name":"b""#;
        let group = group_with_all_fields();
        assert!(reading::check::<SessionGroup>(&group).is_some());
        let mut places = Vec::new();
        values(&group, Json::of_valid(&group), &mut places);
        let (mut accepted, mut refused) = (0, 0);
        for (before, after) in places {
            for replacement in REPLACEMENTS.split([' ', '\n']) {
                let text = format!("{before}{replacement}{after}");
                let is_read = reading::strict::<SessionGroup>(&text).is_ok();
                let is_checked = reading::check::<SessionGroup>(&text).is_some();
                assert!(is_read || !is_checked, "only the check accepts {text}");
                let is_only_read = ONLY_READ.iter().any(|unusual| text.contains(unusual));
                assert!(is_checked || !is_read || is_only_read, "the check does not accept {text}");
                *if is_read { &mut accepted } else { &mut refused } += 1;
            }
        }
        assert!(accepted > 200 && refused > 1_000, "{accepted} accepted, {refused} refused");
    }
}
