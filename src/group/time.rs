//! Times as they are stored: ISO 8601, compared as instants.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};

/// The instant an ISO 8601 text names: a date, or a date and a time with `Z` or an offset. Without either the time
/// is UTC.
pub fn instant(text: &str) -> Option<DateTime<Utc>> {
    // chrono takes much that is none, such as `5-1-1`, and leap seconds, which JavaScript does not have.
    if !has_the_shape(text) || text.contains(":60") {
        return None;
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let without_zone = text.strip_suffix('Z').unwrap_or(text);
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(without_zone, format) {
            return Some(time.and_utc());
        }
    }
    if let Ok(time) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M%:z") {
        return Some(time.to_utc());
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|time| time.and_utc())
}

/// `YYYY-MM-DD`, `THH:MM`, `:SS`, `.s…`, and `Z` or `±HH:MM`; each of them only behind those before it, but for the zone.
fn has_the_shape(text: &str) -> bool {
    let Some(mut rest) = after(text, "dddd-dd-dd") else { return false };
    if let Some(time) = after(rest, "Tdd:dd") {
        rest = time;
        if let Some(seconds) = after(rest, ":dd") {
            rest = seconds;
            if let Some(fraction) = after(rest, ".d") {
                rest = fraction.trim_start_matches(|character: char| character.is_ascii_digit());
            }
        }
        rest = ["Z", "+dd:dd", "-dd:dd"].into_iter().find_map(|zone| after(rest, zone)).unwrap_or(rest);
    }
    rest.is_empty()
}

/// What follows a pattern, in which `d` is any digit, at the start of a text.
fn after<'a>(text: &'a str, pattern: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(pattern.len())?;
    let fits = start.bytes().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
        b'd' => byte.is_ascii_digit(),
        _ => byte == wanted,
    });
    fits.then_some(rest)
}

/// The instant of Unix milliseconds. What is further away than we can count is as far away as we can.
#[allow(clippy::cast_possible_truncation, reason = "saturates")]
pub fn instant_of_ms(milliseconds: f64) -> DateTime<Utc> {
    let furthest = if milliseconds < 0.0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    DateTime::from_timestamp_millis(milliseconds as i64).unwrap_or(furthest)
}

/// An instant as JavaScript's `toISOString` writes it.
pub fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The instant that a text names, in Unix milliseconds.
pub fn unix_ms(text: &str) -> Option<f64> {
    #[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
    instant(text).map(|time| time.timestamp_millis() as f64)
}

/// Now, in Unix milliseconds.
pub fn now_ms() -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
    let now = Utc::now().timestamp_millis() as f64;
    now
}

/// Milliseconds from one stored time to another, never negative.
pub fn milliseconds_between(from: &str, to: &str) -> Option<f64> {
    let span = instant(to)?.signed_duration_since(instant(from)?);
    #[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
    Some(span.num_milliseconds().max(0) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_texts_can_be_the_same_instant() {
        let noon = instant("2026-01-15T12:00:00Z");
        assert!(noon.is_some());
        for text in [
            "2026-01-15T12:00:00.000Z",
            "2026-01-15T13:00:00+01:00",
            "2026-01-15T12:00",
            "2026-01-15T12:00Z",
            "2026-01-15T13:00+01:00",
        ] {
            assert_eq!(instant(text), noon, "{text}");
        }
        assert_eq!(instant("2026-01-15"), instant("2026-01-15T00:00:00Z"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "now",
            "2026-13-01",
            "2026-02-30",
            "15.01.2026",
            "2026-01-15 12:00:00Z",
            "1768478400000",
            "2026-01-15T25:00:00Z",
            "2026-01-15T12:00:60Z",
            "5-1-1",
            "-1-1-1",
            "26-01-15",
            "2026-1-5",
            "\t2026-01-15",
            "2026-01-15T12:00ZZZ",
            "2026-01-15T1:2:3Z",
            "2026-01-15Z",
            "2026-01-15T12:00:00.Z",
            "2026-01-15T12:00:00+0100",
            "２026-01-15",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn iso_reads_back() {
        let text = "2026-01-15T12:00:00.123Z";
        assert_eq!(iso(instant(text).unwrap()), text);
    }
}
