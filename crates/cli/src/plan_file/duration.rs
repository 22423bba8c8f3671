//! Durations as people write them.

/// Units and their milliseconds, the largest first.
const UNITS: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The form of durations longer than 0 as a regular expression, for the JSON Schema.
pub const PATTERN: &str =
    "^(?=.*[1-9])([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$";

/// Parses a duration; returns its milliseconds.
///
/// ```
/// use session_groups_cli::plan_file::duration::parse;
///
/// assert_eq!(parse("1h30m"), Some(5_400_000));
/// assert_eq!(parse("45"), None);
/// ```
pub fn parse(text: &str) -> Option<u64> {
    let (mut rest, mut units, mut total) = (text, UNITS, 0_u64);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = rest.split_at(digits);
        if !(1..=9).contains(&digits) {
            return None;
        }
        let letters = unit.len() - unit.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let at = units.iter().position(|(name, _)| *name == &unit[..letters])?;
        total = total.checked_add(number.parse::<u64>().ok()? * units[at].1)?;
        units = &units[at + 1..];
        rest = &unit[letters..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_added() {
        let parsed = ["45m", "90s", "1h30m", "2d", "500ms", "1d2h3m4s5ms", "0s"].map(parse);
        let expected = [2_700_000, 90_000, 5_400_000, 172_800_000, 500, 93_784_005, 0];
        assert_eq!(parsed, expected.map(Some));
    }

    #[test]
    fn anything_else_is_no_duration() {
        for text in ["", "45", "m", "1m1h", "1m1m", "-1m", "1.5h", "1 m", "1M", "1234567890s", "1h ", "٣m"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
