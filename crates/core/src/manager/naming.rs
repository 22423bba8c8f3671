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
}
