//! Numbers of a checked range. Reading any other number is an error that says what was expected.
//!
//! ```
//! use session_groups::model::number::{Fraction, Usd};
//!
//! assert!(Usd::new(-1.0).is_none());
//! let error = serde_json::from_str::<Fraction>("1.5").unwrap_err();
//! assert!(error.to_string().contains("expected a number from 0 to 1"));
//! ```

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

/// Declares types of numbers: what they are in Rust, what an error says was expected, and their bounds.
macro_rules! numbers {
    ($($(#[$doc:meta])* $type:ident($inner:ty): $expected:literal, $min:literal, $max:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
        pub struct $type($inner);

        impl $type {
            /// Returns the checked number; `None` if it is out of range.
            pub fn new(number: $inner) -> Option<Self> {
                let max: $inner = $max;
                ($min..=max).contains(&number).then_some(Self(number))
            }

            /// Returns the nearest number of the range, for NaN its lower end.
            pub fn clamped(number: $inner) -> Self {
                let max: $inner = $max;
                Self(if number > $min { number.min(max) } else { $min })
            }

            /// Returns the number.
            pub fn get(self) -> $inner {
                self.0
            }
        }

        impl From<$type> for $inner {
            fn from(number: $type) -> Self {
                number.0
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_f64(Number($expected, |number| Read::read(number).and_then(Self::new)))
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.write(serializer)
            }
        }
    )*};
}

numbers! {
    /// US dollars.
    Usd(f64): "a number of 0 or more", 0.0, f64::MAX;
    /// A duration in milliseconds.
    Milliseconds(f64): "a number of 0 or more", 0.0, f64::MAX;
    /// Percent, which can be above 100.
    Percent(f64): "a number of 0 or more", 0.0, f64::MAX;
    /// A part of a whole.
    Fraction(f64): "a number from 0 to 1", 0.0, 1.0;
    #[derive(Default)]
    /// A whole number. Larger ones than `u64` can hold become its largest.
    Count(u64): "a whole number of 0 or more", 0, u64::MAX;
    /// A whole number of 1 or more.
    Positive(u64): "a whole number of 1 or more", 1, u64::MAX;
}

impl From<u64> for Count {
    fn from(count: u64) -> Self {
        Self(count)
    }
}

/// The way between a number of JSON and a type of Rust.
trait Read: Sized {
    fn read(number: f64) -> Option<Self>;
    fn write<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error>;
}

impl Read for f64 {
    fn read(number: f64) -> Option<Self> {
        Some(number)
    }

    /// JavaScript writes a whole number as `3`, never as `3.0`.
    fn write<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
        const SAFE: f64 = 9_007_199_254_740_991.0;
        if self.fract() == 0.0 && self.abs() <= SAFE {
            #[allow(clippy::cast_possible_truncation, reason = "whole and within ±2^53")]
            return serializer.serialize_i64(self as i64);
        }
        serializer.serialize_f64(self)
    }
}

impl Read for u64 {
    fn read(number: f64) -> Option<Self> {
        (number >= 0.0 && number.fract() == 0.0).then(|| to_whole(number))
    }

    fn write<S: Serializer>(self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self)
    }
}

/// A JavaScript number that is known to be whole and not negative.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, as the types' docs say"
)]
pub fn to_whole(number: f64) -> u64 {
    number as u64
}

struct Number<T>(&'static str, fn(f64) -> Option<T>);

impl<T> Visitor<'_> for Number<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        (self.1)(number).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }

    #[allow(clippy::cast_precision_loss, reason = "numbers are those of JavaScript")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_f64(number as f64)
    }

    #[allow(clippy::cast_precision_loss, reason = "numbers are those of JavaScript")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_f64(number as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn counts_are_whole_however_they_are_written() {
        assert_eq!(["3", "3.0", "0.3e1"].map(read::<Count>), [Some(Count(3)); 3]);
        assert_eq!(read("1e21"), Some(Count(u64::MAX)));
        assert_eq!(["-1", "0.5", "null", "\"1\""].map(read::<Count>), [None; 4]);
        assert_eq!(read::<Positive>("0"), None);
    }

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        let written = [0.0, 10.0, 0.1, 1e21].map(|number| serde_json::to_string(&Usd(number)).unwrap());
        assert_eq!(written, ["0", "10", "0.1", "1e+21"]);
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "exactness is the point")]
    fn clamped_numbers_are_in_range() {
        assert_eq!([f64::NAN, -1.0, f64::INFINITY].map(|n| Usd::clamped(n).get()), [0.0, 0.0, f64::MAX]);
        assert_eq!(Positive::clamped(0).get(), 1);
    }
}
