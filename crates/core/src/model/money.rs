//! Money: summed exactly, and held against a limit.
//!
//! ```
//! use session_groups::model::money::{Money, is_exceeded};
//!
//! let mut spent = Money::default();
//! for cost in [0.1, 0.2] {
//!     spent += cost;
//! }
//! assert_eq!(spent.to_dollars(), 0.3);
//! assert!(is_exceeded(spent.to_dollars(), 0.3)?);
//! # Ok::<(), session_groups::Error>(())
//! ```

use std::ops::{AddAssign, SubAssign};
use std::str::FromStr;

use bigdecimal::{BigDecimal, Zero};

use crate::error::{Error, Result};
use crate::json;

/// A sum of dollars without rounding: every amount counts as the decimal number that JavaScript prints for it, so
/// that ten times 0.1 are 1, and an amount that is taken out again leaves no trace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Money(BigDecimal);

impl Money {
    /// The amount that JavaScript prints for this number. What is not finite counts as nothing; arguments are
    /// checked before they come here.
    pub fn from_dollars(dollars: f64) -> Self {
        Self(BigDecimal::from_str(&format!("{dollars:e}")).unwrap_or_else(|_| BigDecimal::zero()))
    }

    /// The number nearest to the sum.
    pub fn to_dollars(&self) -> f64 {
        if self.0.is_zero() { 0.0 } else { self.0.to_scientific_notation().parse().unwrap_or(0.0) }
    }
}

impl AddAssign<f64> for Money {
    fn add_assign(&mut self, dollars: f64) {
        if dollars != 0.0 {
            self.0 += Self::from_dollars(dollars).0;
        }
    }
}

impl SubAssign<f64> for Money {
    fn sub_assign(&mut self, dollars: f64) {
        if dollars != 0.0 {
            self.0 -= Self::from_dollars(dollars).0;
        }
    }
}

/// The sum of two amounts.
pub fn add(left: f64, right: f64) -> f64 {
    let mut sum = Money::from_dollars(left);
    sum += right;
    sum.to_dollars()
}

/// How much of a budget is used, in percent: 0 to 100 and above; 0 when there is no budget (`max <= 0`).
pub fn usage(cost: f64, max: f64) -> Result<f64> {
    let (cost, max) = (finite("cost", cost)?, finite("max", max)?);
    Ok(if max <= 0.0 { 0.0 } else { cost / max * 100.0 })
}

/// Whether a cost has reached the part of the budget from which on to warn.
pub fn is_warning(cost: f64, max: f64, threshold: f64) -> Result<bool> {
    let (cost, max) = (finite("cost", cost)?, finite("max", max)?);
    Ok(cost >= max * finite("threshold", threshold)?)
}

/// Whether a cost has reached the budget.
pub fn is_exceeded(cost: f64, max: f64) -> Result<bool> {
    Ok(finite("cost", cost)? >= finite("max", max)?)
}

fn finite(name: &str, number: f64) -> Result<f64> {
    if number.is_finite() {
        Ok(number)
    } else {
        Err(Error::argument(name, format!("must be a finite number, but is {}", json::shown(number))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(amounts: &[f64]) -> f64 {
        let mut money = Money::default();
        for &amount in amounts {
            money += amount;
        }
        money.to_dollars()
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "exactness is the point")]
    fn sums_are_exact() {
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[0.1; 3]), 0.3);
        assert_eq!(sum(&[1e21, 0.1]), 1e21);
        assert_eq!(sum(&[0.014_403, 0.003_839_999_999_999_999_7]), 0.018_243);
        assert_eq!(sum(&[5e-324, 1.797_693_134_862_315_7e308]), 1.797_693_134_862_315_7e308);
        let mut money = Money::default();
        for amount in [1e21, 0.1, 5e-324] {
            money += amount;
        }
        money -= 1e21;
        money -= 0.1;
        assert_eq!(money.to_dollars(), 5e-324);
    }

    #[test]
    fn limits_compare_and_refuse_what_is_no_number() {
        assert!((usage(8.0, 10.0).unwrap() - 80.0).abs() < f64::EPSILON);
        assert!(usage(8.0, 0.0).unwrap().abs() < f64::EPSILON);
        assert!(is_warning(8.0, 10.0, 0.8).unwrap() && !is_warning(7.9, 10.0, 0.8).unwrap());
        assert!(is_exceeded(10.0, 10.0).unwrap() && !is_exceeded(9.9, 10.0).unwrap());
        assert_eq!(usage(f64::NAN, 1.0).unwrap_err().field(), Some("cost"));
        assert_eq!(is_warning(1.0, 1.0, f64::INFINITY).unwrap_err().field(), Some("threshold"));
    }
}
