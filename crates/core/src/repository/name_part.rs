//! The search for a text in names, which ignores letter case and the Unicode normal form.

use icu_normalizer::ComposingNormalizerBorrowed;

/// A text that is looked for in names.
pub struct NamePart {
    /// In the form that [`folded`] returns.
    folded: String,
}

impl NamePart {
    /// The part of a name that equals this text.
    pub fn new(text: &str) -> Self {
        Self { folded: folded(text) }
    }

    /// Returns whether a name contains it. Nothing is allocated for a short ASCII name.
    pub fn is_in(&self, name: &str) -> bool {
        // Longer ones are not compared at each place, which would cost their length times that of the part.
        const LONGEST: usize = 256;
        if name.is_ascii() && name.len() <= LONGEST {
            return contains_ascii(name, &self.folded);
        }
        folded(name).contains(&self.folded)
    }
}

fn contains_ascii(name: &str, part: &str) -> bool {
    let mut places = name.as_bytes().windows(part.len().max(1));
    part.is_empty() || places.any(|place| place.eq_ignore_ascii_case(part.as_bytes()))
}

/// A text in composed form without letter case. Upper case comes first because several lower-case letters share it, such
/// as the two forms of sigma.
fn folded(text: &str) -> String {
    let normalizer = ComposingNormalizerBorrowed::new_nfc();
    let composed = normalizer.normalize(text);
    let folded: String = composed.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    normalizer.normalize(&folded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(name: &str, part: &str) -> bool {
        NamePart::new(part).is_in(name)
    }

    #[test]
    fn letter_case_makes_no_difference() {
        for (name, part) in [
            ("Fix the Login", "LOGIN"),
            ("Fix the Login", ""),
            ("ÄRGER IM BÜRO", "büro"),
            ("büro", "BÜRO"),
            ("ΟΔΟΣ", "οδος"),
            ("οδοσ", "ΟΔΟΣ Α".trim_end_matches(" Α")),
            ("Straße", "STRASSE"),
            ("STRASSE", "straße"),
            ("\u{212A}elvin", "kelvin"),
            ("kelvin", "\u{212A}"),
        ] {
            assert!(contains(name, part), "{part} in {name}");
        }
    }

    #[test]
    fn the_normal_form_makes_no_difference() {
        for (name, part) in [
            ("Caf\u{e9}", "cafe\u{301}"),
            ("CAFE\u{301}", "caf\u{e9}"),
            ("\u{1100}\u{1161}", "\u{ac00}"),
            ("A\u{30a}", "\u{212b}"),
            ("q\u{307}\u{323}", "Q\u{323}\u{307}"),
        ] {
            assert!(contains(name, part), "{part} in {name}");
        }
    }

    #[test]
    fn other_letters_are_not_found() {
        for (name, part) in [("Cafe", "café"), ("Café", "cafe"), ("abc", "abcd"), ("", "a"), ("abc", "ac")]
        {
            assert!(!contains(name, part), "{part} in {name}");
        }
        assert!(contains(&format!("{}Login", "x".repeat(10_000)), "LOGIN"));
        assert!(!contains(&"a".repeat(10_000), &format!("{}b", "a".repeat(5_000))));
    }
}
