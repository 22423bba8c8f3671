//! Times as they are stored: ISO 8601 text, compared as instants.
//!
//! ```
//! use session_groups::model::time::IsoTime;
//!
//! let noon = IsoTime::parse("2026-01-15T13:00:00+01:00").unwrap();
//! assert_eq!(&*noon, "2026-01-15T13:00:00+01:00");
//! assert_eq!(noon.instant(), IsoTime::parse("2026-01-15T12:00:00Z").unwrap().instant());
//! ```

use std::ops::Deref;

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::record::checked_text;

const NANOS_PER_MS: i128 = 1_000_000;
const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Days from 0001-01-01, which is day 1, to 1970-01-01.
const DAYS_BEFORE_1970: i64 = 719_163;

/// An instant, exact to the nanosecond. It has the range of JavaScript's `Date`, which is larger than chrono's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Nanoseconds since 1970.
    nanos: i128,
}

impl Timestamp {
    /// The furthest that JavaScript's `Date` reaches from 1970, in nanoseconds.
    const LIMIT: i128 = 8_640_000_000_000_000 * NANOS_PER_MS;

    fn new(nanos: i128) -> Option<Self> {
        (nanos.abs() <= Self::LIMIT).then_some(Self { nanos })
    }

    /// The instant of Unix milliseconds; out of range, the nearest one.
    #[allow(clippy::cast_possible_truncation, reason = "saturates")]
    pub fn from_unix_ms(milliseconds: f64) -> Self {
        let nanos = (milliseconds as i128).saturating_mul(NANOS_PER_MS);
        Self { nanos: nanos.clamp(-Self::LIMIT, Self::LIMIT) }
    }

    /// Unix milliseconds, rounded down.
    #[allow(clippy::cast_precision_loss, reason = "the range of `Date` is below 2^53 milliseconds")]
    pub fn unix_ms(self) -> f64 {
        self.nanos.div_euclid(NANOS_PER_MS) as f64
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        let nanos = i128::from(time.timestamp()) * i128::from(NANOS_PER_SECOND);
        Self { nanos: nanos + i128::from(time.timestamp_subsec_nanos()) }
    }
}

/// A valid time, as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IsoTime {
    text: Box<str>,
    instant: Timestamp,
}

impl IsoTime {
    /// The time that an ISO 8601 text names; see [`instant`].
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self { instant: instant(text)?, text: text.into() })
    }

    /// The current time.
    pub fn now() -> Self {
        Self::of_unix_ms(now_ms())
    }

    /// A time in Unix milliseconds.
    pub fn of_unix_ms(milliseconds: f64) -> Self {
        let time = of_unix_ms(milliseconds);
        Self { text: iso(time).into(), instant: time.into() }
    }

    /// The instant.
    pub fn instant(&self) -> Timestamp {
        self.instant
    }

    /// Unix milliseconds.
    pub fn unix_ms(&self) -> f64 {
        self.instant.unix_ms()
    }
}

impl Deref for IsoTime {
    type Target = str;
    fn deref(&self) -> &str {
        &self.text
    }
}

/// The expectation that errors name.
const EXPECTED: &str = "an ISO 8601 time such as \"2026-01-15T10:30:00.000Z\"";

impl<'de> Deserialize<'de> for IsoTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked_text(deserializer, || EXPECTED, Self::parse)
    }
}

/// Read from ISO 8601 text.
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked_text(deserializer, || EXPECTED, instant)
    }
}

impl Serialize for IsoTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// The instant that an ISO 8601 text names: a date, or a date and a time with `Z` or an offset. Without either, the time
/// is in UTC. `T24:00:00` is the end of a day. Years beyond 9999 have a sign and six digits, as in JavaScript.
pub fn instant(text: &str) -> Option<Timestamp> {
    let mut rest = Reader(text.as_bytes());
    let days = rest.date()?;
    let (time, offset) = if rest.is_at_end() { (0, 0) } else { (rest.time()?, rest.offset()?) };
    let seconds = days * SECONDS_PER_DAY - offset;
    let nanos = i128::from(seconds) * i128::from(NANOS_PER_SECOND) + i128::from(time);
    if rest.is_at_end() { Timestamp::new(nanos) } else { None }
}

/// The part of a text that is not read yet.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes one of the given characters.
    fn take(&mut self, characters: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if !characters.contains(first) {
            return None;
        }
        self.0 = rest;
        Some(*first)
    }

    /// Takes a number of exactly this many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        if !number.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.0 = rest;
        Some(number.iter().fold(0, |number, digit| 10 * number + i64::from(digit - b'0')))
    }

    /// Takes a number of two digits that is at most `max`.
    fn two_digits(&mut self, max: i64) -> Option<i64> {
        self.number(2).filter(|number| *number <= max)
    }

    /// Takes a date; returns the days since 1970.
    fn date(&mut self) -> Option<i64> {
        let year = self.year()?;
        self.take(b"-")?;
        let month = self.two_digits(12)?;
        self.take(b"-")?;
        let day = self.two_digits(31)?;
        // The calendar repeats every 400 years, which brings each year into chrono's range.
        let (cycles, year) = (year.div_euclid(400), year.rem_euclid(400));
        let part = |number: i64| u32::try_from(number).ok();
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, part(month)?, part(day)?)?;
        Some(i64::from(date.num_days_from_ce()) - DAYS_BEFORE_1970 + cycles * 146_097)
    }

    fn year(&mut self) -> Option<i64> {
        match self.take(b"+-") {
            None => self.number(4),
            Some(b'+') => self.number(6),
            Some(_) => self.number(6).filter(|year| *year != 0).map(|year| -year),
        }
    }

    /// Takes the time of a day; returns its nanoseconds.
    fn time(&mut self) -> Option<i64> {
        self.take(b"Tt")?;
        let hours = self.two_digits(24)?;
        self.take(b":")?;
        let minutes = self.two_digits(59)?;
        let mut nanos = (hours * 3_600 + minutes * 60) * NANOS_PER_SECOND;
        if self.take(b":").is_some() {
            nanos += self.two_digits(59)? * NANOS_PER_SECOND;
            if self.take(b".").is_some() {
                nanos += self.fraction()?;
            }
        }
        (nanos <= SECONDS_PER_DAY * NANOS_PER_SECOND).then_some(nanos)
    }

    /// Takes the fraction of a second; returns its nanoseconds, rounded down.
    fn fraction(&mut self) -> Option<i64> {
        let (mut nanos, mut unit) = (0, NANOS_PER_SECOND);
        let mut next = Some(self.number(1)?);
        while let Some(digit) = next {
            unit /= 10;
            nanos += digit * unit;
            next = self.number(1);
        }
        Some(nanos)
    }

    /// Takes `Z` or an offset from UTC, if there is one; returns its seconds.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.take(b"Zz+-") {
            None | Some(b'Z' | b'z') => return Some(0),
            Some(b'+') => 1,
            Some(_) => -1,
        };
        let hours = self.two_digits(23)?;
        let has_minutes = self.take(b":").is_some() || !self.is_at_end();
        let minutes = if has_minutes { self.two_digits(59)? } else { 0 };
        Some(sign * (hours * 3_600 + minutes * 60))
    }
}

/// An instant as JavaScript's `toISOString` writes it, for the years 0 to 9999.
pub fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A time in Unix milliseconds. Years are limited to 0 to 9999, which have four digits.
pub fn of_unix_ms(milliseconds: f64) -> DateTime<Utc> {
    const YEAR_0_MS: f64 = -62_167_219_200_000.0;
    const YEAR_10000_MS: f64 = 253_402_300_800_000.0;
    #[allow(clippy::cast_possible_truncation, reason = "whole milliseconds in this range")]
    let milliseconds = milliseconds.clamp(YEAR_0_MS, YEAR_10000_MS - 1.0) as i64;
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default()
}

/// A time in Unix milliseconds as ISO 8601 text.
pub fn iso_of_unix_ms(milliseconds: f64) -> String {
    iso(of_unix_ms(milliseconds))
}

/// The instant that a text names, in Unix milliseconds.
pub fn unix_ms(text: &str) -> Option<f64> {
    instant(text).map(Timestamp::unix_ms)
}

/// Now, in Unix milliseconds.
pub fn now_ms() -> f64 {
    Timestamp::from(Utc::now()).unix_ms()
}

/// Milliseconds from one instant to another, never negative.
#[allow(clippy::cast_precision_loss, reason = "the range of `Date` is below 2^54 milliseconds")]
pub fn milliseconds_between(from: Timestamp, to: Timestamp) -> f64 {
    ((to.nanos - from.nanos) / NANOS_PER_MS).max(0) as f64
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
            "2026-01-15T12:00:00.000000000000Z",
            "2026-01-15T13:00:00+01:00",
            "2026-01-15T13:30:00+0130",
            "2026-01-15T13:00:00+01",
            "2026-01-15T04:00:00.0-08",
            "2026-01-15T12:00:00-00:00",
            "2026-01-15T12:00:00",
            "2026-01-15t12:00:00z",
            "2026-01-15T12:00",
            "2026-01-15T12:00Z",
            "2026-01-15T13:00+01:00",
            "+002026-01-15T12:00:00Z",
        ] {
            assert_eq!(instant(text), noon, "{text}");
        }
        assert_eq!(instant("2026-01-15"), instant("2026-01-15T00:00:00Z"));
        assert_eq!(instant("2026-12-31T24:00:00Z"), instant("2027-01-01"));
        assert_eq!(instant("2026-12-31T24:00"), instant("2027-01-01"));
        assert_eq!(instant("2026-12-31T24:00:00.000+01:00"), instant("2026-12-31T23:00:00Z"));
    }

    #[test]
    fn the_whole_range_of_date_compares_as_instants() {
        let ascending = [
            "-271821-04-20T00:00:00Z",
            "-271821-04-20T00:00:00.001Z",
            "-000001-12-31T23:59:59Z",
            "0000-02-29",
            "1969-12-31T23:59:59.999999999Z",
            "1970-01-01",
            "2026-01-15T12:00:00.123456788Z",
            "2026-01-15T12:00:00.123456789Z",
            "9999-12-31T23:59:59.999Z",
            "+010000-01-01T00:00:00Z",
            "+262142-12-31",
            "+275760-09-12T23:59:59.999Z",
            "+275760-09-13T00:00:00.000Z",
        ];
        let instants = ascending.map(|text| instant(text).expect(text));
        assert!(instants.is_sorted_by(|left, right| left < right));
        assert_eq!(unix_ms(ascending[0]), Some(-8.64e15));
        assert_eq!(unix_ms(ascending[12]), Some(8.64e15));
        assert_eq!(unix_ms("-000001-01-01T00:00:00Z"), Some(-62_198_755_200_000.0));
        assert_eq!(unix_ms("1969-12-31T23:59:59.9999Z"), Some(-1.0));
        assert_eq!(Timestamp::from_unix_ms(f64::INFINITY), instants[12]);
        assert_eq!(Timestamp::from_unix_ms(-1.0), instant("1969-12-31T23:59:59.999Z").unwrap());
    }

    #[test]
    fn invalid_times_are_none() {
        for text in [
            "",
            "now",
            "2026-13-01",
            "2026-00-01",
            "2026-02-30",
            "2026-02-29",
            "15.01.2026",
            "2026-01-15 12:00:00Z",
            "1768478400000",
            "2026-01-15T25:00:00Z",
            "2026-01-15T24:00:01Z",
            "2026-01-15T24:00:00.001Z",
            "2026-01-15T24:01:00Z",
            "2026-01-15T12:60:00Z",
            "2026-01-15T12:00:60Z",
            "5-1-1",
            "-1-1-1",
            "26-01-15",
            "2026-1-5",
            "\t2026-01-15",
            "2026-01-15T12:00ZZZ",
            "2026-01-15T1:2:3Z",
            "2026-01-15Z",
            "2026-01-15+01",
            "2026-01-15T12:00:00.Z",
            "2026-01-15T12:00:00,5Z",
            "2026-01-15T12Z",
            "2026-01-15T12:00:00+1",
            "2026-01-15T12:00:00+01:",
            "2026-01-15T12:00:00+01:0",
            "2026-01-15T12:00:00+24:00",
            "2026-01-15T12:00:00+01:60",
            "2026-01-15T12:00:00Z+01:00",
            "-000000-01-01T00:00:00Z",
            "12026-01-15",
            "+12026-01-15",
            "+275760-09-13T00:00:00.001Z",
            "-271821-04-19T23:59:59.999Z",
            "２026-01-15",
            "2026-01-15T12:00:00é",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn iso_reads_back() {
        let now = Utc::now();
        let text = iso(now);
        assert_eq!(iso(DateTime::parse_from_rfc3339(&text).unwrap().to_utc()), text);
        assert_eq!(unix_ms(&text), Some(Timestamp::from(now).unix_ms()));
    }

    #[test]
    fn any_number_of_milliseconds_has_a_text_that_is_a_time() {
        assert_eq!(iso_of_unix_ms(1_768_473_000_000.0), "2026-01-15T10:30:00.000Z");
        assert_eq!(iso_of_unix_ms(f64::MAX), "9999-12-31T23:59:59.999Z");
        for milliseconds in [f64::MIN, f64::NAN, -1.0, 8_640_000_000_000_000.0] {
            assert!(instant(&iso_of_unix_ms(milliseconds)).is_some(), "{milliseconds}");
        }
    }
}
