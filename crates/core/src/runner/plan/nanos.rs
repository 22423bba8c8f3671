//! Money as whole nano-dollars: sums are exact, states can be compared and hashed.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Sub, SubAssign};

use crate::model::number::Usd;

/// An amount of money in nano-dollars. Differences below zero are zero.
///
/// ```
/// use session_groups::model::number::Usd;
/// use session_groups::runner::plan::Nanos;
///
/// let share = Nanos::from(Usd::clamped(1.0)) / 3;
/// assert_eq!(share.whole_cents(), Nanos::from(Usd::clamped(0.33)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

const NANOS_PER_CENT: u64 = 10_000_000;
const NANOS_PER_DOLLAR: f64 = 1e9;

impl Nanos {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// An amount of whole cents.
    pub const fn cents(cents: u64) -> Self {
        Self(cents * NANOS_PER_CENT)
    }

    /// The amount rounded down to whole cents.
    #[must_use]
    pub fn whole_cents(self) -> Self {
        Self(self.0 - self.0 % NANOS_PER_CENT)
    }
}

impl From<Usd> for Nanos {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
    fn from(amount: Usd) -> Self {
        Self((amount.get() * NANOS_PER_DOLLAR).round() as u64)
    }
}

impl From<Nanos> for Usd {
    #[allow(clippy::cast_precision_loss, reason = "exact below 9 million dollars")]
    fn from(amount: Nanos) -> Self {
        Self::clamped(amount.0 as f64 / NANOS_PER_DOLLAR)
    }
}

impl Add for Nanos {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Nanos {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Div<u64> for Nanos {
    type Output = Self;
    fn div(self, parts: u64) -> Self {
        Self(self.0 / parts)
    }
}

impl AddAssign for Nanos {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Nanos {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Nanos {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}
