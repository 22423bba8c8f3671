//! Times as they are stored: ISO 8601, compared as instants.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};

/// The instant an ISO 8601 text names: a date, or a date and a time with `Z` or an offset. Without either the time
/// is UTC.
pub fn instant(text: &str) -> Option<DateTime<Utc>> {
    // chrono also takes a space for the T and a leap second, which JavaScript does not.
    let plausible = text.is_ascii() && !text.contains(' ') && !text.contains(":60");
    if !plausible {
        return None;
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), format) {
            return Some(time.and_utc());
        }
    }
    if let Ok(time) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M%:z") {
        return Some(time.to_utc());
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|time| time.and_utc())
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
