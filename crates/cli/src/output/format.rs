//! Money, durations, times and counts as people read them.

use chrono::{DateTime, Local, TimeZone};

/// US dollars, rounded to cents; `<$0.01` for a smaller amount that is not zero.
///
/// ```
/// use session_groups_cli::output::format::dollars;
///
/// assert_eq!([dollars(12.5), dollars(0.001), dollars(0.0)], ["$12.50", "<$0.01", "$0.00"]);
/// ```
pub fn dollars(amount: f64) -> String {
    if amount > 0.0 && amount < 0.005 { "<$0.01".to_owned() } else { format!("${amount:.2}") }
}

/// A duration in its two largest units, rounded down: `0.7s`, `3m04s`, `1h02m`, `2d03h`.
pub fn duration(milliseconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let seconds = (milliseconds.max(0.0) / 1_000.0) as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..10 => format!("{:.1}s", (milliseconds.max(0.0) / 100.0).floor() / 10.0),
        10..60 => format!("{seconds}s"),
        60..3_600 => format!("{minutes}m{:02}s", seconds % 60),
        3_600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// A duration that is only estimated, in its largest unit: `22m`, `3h`. Below a minute it is `1m`.
pub fn about(milliseconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let minutes = (milliseconds.max(0.0) / 60_000.0).ceil() as u64;
    match minutes {
        0..120 => format!("{}m", minutes.max(1)),
        120..2_880 => format!("{}h", minutes / 60),
        _ => format!("{}d", minutes / 1_440),
    }
}

/// A number of tokens: `950`, `41k`, `1.2M`.
#[allow(clippy::cast_precision_loss, reason = "shown with two digits")]
pub fn tokens(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..999_500 => format!("{:.0}k", count as f64 / 1_000.0),
        _ => format!("{:.1}M", count as f64 / 1_000_000.0),
    }
}

/// A count with its noun: `1 session`, `2 sessions`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A time of day, or a date if it is not the day of `now`. Both in Unix milliseconds.
pub fn clock<Z: TimeZone>(time: f64, now: f64, zone: &Z) -> String
where
    Z::Offset: std::fmt::Display,
{
    let (time, now) = (in_zone(time, zone), in_zone(now, zone));
    let form = if time.date_naive() == now.date_naive() {
        "%H:%M"
    } else if (now.clone() - time.clone()).num_days().abs() < 180 {
        "%b %e %H:%M"
    } else {
        "%Y-%m-%d"
    };
    time.format(form).to_string()
}

/// [`clock`] in the zone of this machine.
pub fn local_clock(time: f64, now: f64) -> String {
    clock(time, now, &Local)
}

fn in_zone<Z: TimeZone>(milliseconds: f64, zone: &Z) -> DateTime<Z> {
    session_groups::model::time::of_unix_ms(milliseconds).with_timezone(zone)
}

/// A path, with the home directory shortened to `~`.
pub fn path(path: &str, home: Option<&str>) -> String {
    let rest = home.filter(|home| !home.is_empty()).and_then(|home| path.strip_prefix(home));
    match rest {
        Some("") => "~".to_owned(),
        Some(rest) if rest.starts_with(std::path::MAIN_SEPARATOR) => format!("~{rest}"),
        _ => path.to_owned(),
    }
}

/// A text as one word of a shell command.
///
/// ```
/// use session_groups_cli::output::format::shell_word;
///
/// assert_eq!([shell_word("client-ts"), shell_word("it's")], ["client-ts", r"'it'\''s'"]);
/// ```
pub fn shell_word(text: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+:@%,=".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The home directory, as [`path`] needs it.
pub fn home() -> Option<String> {
    std::env::home_dir()?.into_os_string().into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::FixedOffset;

    #[test]
    fn durations_have_at_most_two_units() {
        let shown = [0.0, 999.0, 59_999.0, 60_000.0, 184_000.0, 3_492_000.0, 3_600_000.0, 90_000_000.0, -5.0];
        let shown = shown.map(duration);
        assert_eq!(shown, ["0.0s", "0.9s", "59s", "1m00s", "3m04s", "58m12s", "1h00m", "1d01h", "0.0s"]);
        assert_eq!([1.0, 1_300_000.0, 9_000_000.0, 300_000_000.0].map(about), ["1m", "22m", "2h", "3d"]);
    }

    #[test]
    fn tokens_are_short() {
        let shown = [0, 999, 1_000, 41_400, 999_499, 999_500, 12_345_678].map(tokens);
        assert_eq!(shown, ["0", "999", "1k", "41k", "999k", "1.0M", "12.3M"]);
    }

    #[test]
    fn a_time_of_today_has_no_date() {
        let zone = FixedOffset::east_opt(7_200).unwrap();
        let time = 1_768_478_400_000.0;
        assert_eq!(clock(time, time + 3_600_000.0, &zone), "14:00");
        assert_eq!(clock(time, time + 86_400_000.0, &zone), "Jan 15 14:00");
        assert_eq!(clock(time, time + 40_000_000_000.0, &zone), "2026-01-15");
    }

    #[test]
    fn the_home_directory_is_shortened() {
        let home = Some("/home/ada");
        let shown = ["/home/ada/src", "/home/ada", "/home/adam", "/srv"].map(|name| path(name, home));
        assert_eq!(shown, ["~/src", "~", "/home/adam", "/srv"]);
    }
}
