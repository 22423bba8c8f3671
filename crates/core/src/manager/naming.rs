//! The ids of new groups.

use crate::error::Result;
use crate::model::GroupId;
use crate::model::time::IsoTime;

/// Maximum length of a slug.
const MAX_LENGTH: usize = 20;
/// The slug of a name without ASCII letters and digits.
const WITHOUT_LETTERS: &str = "group";

/// Returns the form of a name that is used in an id: its ASCII letters and digits in lower case, with a dash in place of
/// everything between them, at most 20 characters. A name without any becomes `group`.
///
/// ```
/// use session_groups::manager::slug;
///
/// assert_eq!(slug("My Test Group With Spaces"), "my-test-group-with-s");
/// assert_eq!(slug("日本語"), "group");
/// ```
pub fn slug(name: &str) -> String {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let mut slug = words.join("-").to_ascii_lowercase();
    slug.truncate(MAX_LENGTH);
    slug.truncate(slug.trim_end_matches('-').len());
    if slug.is_empty() { WITHOUT_LETTERS.to_owned() } else { slug }
}

/// Returns the id of the nth group that is created in a second with a slug: `YYYYMMDD-HHMMSS-slug`, with `-2`, `-3` and so on
/// for further ones.
pub fn group_id(created_at: &IsoTime, slug: &str, number: u32) -> Result<GroupId> {
    let (date, time) = created_at.split_once('T').unwrap_or((created_at, ""));
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let time = time.get(..8).unwrap_or(time);
    let suffix = if number > 1 { format!("-{number}") } else { String::new() };
    GroupId::new(&format!("{}-{}-{slug}{suffix}", digits(date), digits(time)))
}

/// Returns the time at which a group was created and the rest of its id: its slug, and a number if there are several. `None`
/// for an id that somebody chose. Fractions of the second are not in an id.
///
/// ```
/// use session_groups::manager::id_parts;
/// use session_groups::model::{GroupId, time::IsoTime};
///
/// let id = GroupId::new("20260115-103000-auth-2")?;
/// let (created_at, name) = id_parts(&id).unwrap();
/// assert_eq!(&*created_at, "2026-01-15T10:30:00Z");
/// assert_eq!(name, "auth-2");
/// assert!(id_parts(&GroupId::new("auth")?).is_none());
/// # Ok::<(), session_groups::Error>(())
/// ```
pub fn id_parts(id: &GroupId) -> Option<(IsoTime, &str)> {
    let mut parts = id.as_str().splitn(3, '-');
    let (date, time, name) = (parts.next()?, parts.next()?, parts.next()?);
    let is_digits =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(date, 8) || !is_digits(time, 6) || name.is_empty() {
        return None;
    }
    let (year, month, day) = (&date[..4], &date[4..6], &date[6..]);
    let (hour, minute, second) = (&time[..2], &time[2..4], &time[4..]);
    let created_at = IsoTime::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))?;
    Some((created_at, name))
}

/// Returns `true` if a group with this id may have been created with a slug, as far as the id says: also if something that no
/// slug has was appended to it since, as in `20260115-103000-auth.bak`. An id that somebody chose says nothing, so it may have
/// been created with any.
///
/// ```
/// use session_groups::manager::may_have_slug;
/// use session_groups::model::GroupId;
///
/// let may_be_api = |id: &str| may_have_slug(&GroupId::new(id).unwrap(), "api");
/// assert!(may_be_api("20260115-103000-api") && may_be_api("20260115-103000-api-2") && may_be_api("renamed"));
/// assert!(!may_be_api("20260115-103000-api2") && !may_be_api("20260115-103000-web"));
/// ```
pub fn may_have_slug(id: &GroupId, slug: &str) -> bool {
    let Some((_, name)) = id_parts(id) else { return true };
    let Some(rest) = name.strip_prefix(slug) else { return false };
    match rest.strip_prefix('-') {
        Some(number) => !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()),
        None => !rest.starts_with(|character: char| character.is_ascii_alphanumeric()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_those_of_the_original() {
        let cases = [
            ("Test Group", "test-group"),
            ("name@with#special$chars!", "name-with-special-ch"),
            ("---name---", "name"),
            ("  a\t\n b__c  ", "a-b-c"),
            ("aaaaaaaaaaaaaaaaaaa bbb", "aaaaaaaaaaaaaaaaaaa"),
            ("Größe", "gr-e"),
            ("2026", "2026"),
            ("", "group"),
            ("!!!", "group"),
        ];
        for (name, expected) in cases {
            assert_eq!(slug(name), expected, "{name:?}");
        }
    }

    #[test]
    fn ids_are_numbered() {
        let at = IsoTime::parse("2026-01-15T09:05:07.123Z").unwrap();
        assert_eq!(group_id(&at, "a", 1).unwrap().as_str(), "20260115-090507-a");
        assert_eq!(group_id(&at, "a", 12).unwrap().as_str(), "20260115-090507-a-12");
    }

    #[test]
    fn ids_that_were_not_made_here_have_no_parts() {
        let at = IsoTime::parse("2026-01-15T09:05:07.123Z").unwrap();
        let made = group_id(&at, "a-b", 3).unwrap();
        let (created_at, name) = id_parts(&made).unwrap();
        assert_eq!((&*created_at, name), ("2026-01-15T09:05:07Z", "a-b-3"));
        for chosen in [
            "a",
            "2026-01-15-a",
            "20260115-090507",
            "20260115-090507-",
            "20261315-090507-a",
            "20260115-250507-a",
            "20260115-09050x-a",
            "backup-20260115-090507-a",
        ] {
            let id = GroupId::new(chosen).unwrap();
            assert_eq!((id_parts(&id), may_have_slug(&id, "z")), (None, true), "{chosen:?}");
        }
    }

    #[test]
    fn a_slug_is_found_in_the_id_of_each_group_that_was_created_with_it() {
        let at = IsoTime::parse("2026-01-15T09:05:07.123Z").unwrap();
        for name in ["a", "a-2", "2026", "x".repeat(40).as_str(), "日本語"] {
            for number in [1, 2, 10_000] {
                let id = group_id(&at, &slug(name), number).unwrap();
                assert!(may_have_slug(&id, &slug(name)), "{id}");
                assert!(!may_have_slug(&id, "other"), "{id}");
            }
        }
        let may_be_a = ["a.bak", "a_old", "a.", "a-b", "ab", "a-", "a-2b"].map(|name| {
            GroupId::new(&format!("20260115-090507-{name}x")).is_ok_and(|id| may_have_slug(&id, "a"))
        });
        assert_eq!(may_be_a, [true, true, true, false, false, false, false]);
    }
}
