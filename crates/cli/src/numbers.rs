//! Numbers on the command line. The parsers accept a sign, so that a negative number is an error that says what is allowed.

use session_groups::model::number::{Positive, Usd};

/// Parses US dollars, more than 0.
///
/// ```
/// use session_groups_cli::numbers::usd;
///
/// assert_eq!(usd("$2.50").unwrap().get(), 2.5);
/// assert_eq!(usd("0").unwrap_err(), "must be a number greater than 0");
/// ```
pub fn usd(text: &str) -> Result<Usd, String> {
    let amount = text
        .strip_prefix('$')
        .unwrap_or(text)
        .parse()
        .ok()
        .and_then(Usd::new)
        .filter(|amount| amount.get() > 0.0);
    amount.ok_or_else(|| "must be a number greater than 0".to_owned())
}

/// Parses a whole number of 0 or more.
pub fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "must be a whole number of 0 or more".to_owned())
}

/// Parses a whole number of 1 or more.
pub fn positive(text: &str) -> Result<Positive, String> {
    let number = text.parse().ok().and_then(Positive::new);
    number.ok_or_else(|| "must be a whole number of 1 or more".to_owned())
}
