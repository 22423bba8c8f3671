//! Objects of a text that are changed.

use std::borrow::Cow;

use super::{Json, Member, quote};

/// An object of a text while it is changed: members nobody touches keep their bytes and their order.
#[derive(Clone)]
pub(crate) struct Draft<'a> {
    members: Vec<(Cow<'a, str>, Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Draft<'a> {
    /// The object that a value is; empty for any other value.
    pub fn of(value: Json<'a>) -> Self {
        let members = value
            .members()
            .map(|member| (member.key(), Cow::Borrowed(member.raw_key), Cow::Borrowed(member.value.text())));
        Self { members: members.collect() }
    }

    /// A member's value. Of two with the same key the last counts, as it does in `JSON.parse`.
    pub fn get(&self, key: &str) -> Option<Json<'_>> {
        self.members.iter().rev().find(|(name, ..)| name == key).map(|(.., value)| Json::of_valid(value))
    }

    /// Sets a member where it stands, or adds it where JavaScript would. The value must be JSON.
    pub fn set(&mut self, key: &str, value: String) {
        self.put(key, &quote(key), value);
    }

    /// Sets a member as it stands in another object.
    pub fn copy(&mut self, member: Member<'_>) {
        self.put(&member.key(), member.raw_key, member.value.text().to_owned());
    }

    fn put(&mut self, key: &str, raw_key: &str, value: String) {
        let value = Cow::Owned(value);
        if let Some(member) = self.members.iter_mut().rev().find(|(name, ..)| name == key) {
            member.2 = value;
            return;
        }
        // JavaScript puts keys that are array indices first, in ascending order.
        let at = array_index(key).map_or(self.members.len(), |index| {
            let after =
                |(name, ..): &(Cow<'_, str>, _, _)| array_index(name).is_none_or(|other| other > index);
            self.members.iter().position(after).unwrap_or(self.members.len())
        });
        self.members.insert(at, (Cow::Owned(key.to_owned()), Cow::Owned(raw_key.to_owned()), value));
    }

    /// Removes a member, however often it is there.
    pub fn remove(&mut self, key: &str) {
        self.members.retain(|(name, ..)| name != key);
    }

    /// The same draft, independent of the text it was made of.
    pub fn into_owned(self) -> Draft<'static> {
        let owned = |part: Cow<'_, str>| Cow::Owned(part.into_owned());
        let members = self.members.into_iter();
        Draft { members: members.map(|(key, raw, value)| (owned(key), owned(raw), owned(value))).collect() }
    }

    /// The object's text.
    pub fn into_text(self) -> String {
        self.text_with("", "")
    }

    /// The text of the value that the draft was made of, unless the draft was changed.
    pub fn into_text_of(self, former: Json<'_>) -> Cow<'_, str> {
        let is_changed = self.members.iter().any(|(.., value)| matches!(value, Cow::Owned(_)));
        if is_changed { Cow::Owned(self.into_text()) } else { Cow::Borrowed(former.text()) }
    }

    /// The object's text with another value for one member.
    pub fn text_with(&self, name: &str, other: &str) -> String {
        let length = self.members.iter().map(|(_, key, value)| key.len() + value.len() + 2).sum::<usize>();
        let mut text = String::with_capacity(length + other.len() + 2);
        for (key, raw_key, value) in &self.members {
            text.push(if text.is_empty() { '{' } else { ',' });
            let value = if key == name && !name.is_empty() { other } else { value };
            for part in [raw_key, ":", value] {
                text.push_str(part);
            }
        }
        if text.is_empty() {
            text.push('{');
        }
        text.push('}');
        text
    }
}

fn array_index(key: &str) -> Option<u32> {
    key.parse().ok().filter(|index: &u32| *index < u32::MAX && index.to_string() == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_keeps_what_it_does_not_touch() {
        let mut draft = Draft::of(Json::of_valid(r#"{ "b" : 1.0, "\u0061": [ 1 ], "c": 2 }"#));
        draft.set("a", "3".to_owned());
        draft.set("7", "0".to_owned());
        draft.remove("c");
        assert_eq!(draft.into_text(), r#"{"7":0,"b":1.0,"\u0061":3}"#);
    }
}
