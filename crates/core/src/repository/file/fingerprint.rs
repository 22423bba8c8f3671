//! Tells one state of a file from the next without reading it.

use std::time::{Duration, SystemTime};

/// A file, and when it was last changed. Writers of this package make a new file for each state; others may write into
/// the one there is, which changes its times. `ctime` is the kernel's own and cannot be set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFingerprint {
    /// The file system it is on.
    pub device: u64,
    /// Its inode on it.
    pub inode: u64,
    /// In bytes.
    pub size: u64,
    /// Time of the last change of its content, if nobody set that back.
    pub modified: Time,
    /// Time of the last change of anything; 0 where the file system does not keep that.
    pub changed: Time,
}

/// Seconds and nanoseconds since 1970.
pub type Time = (i64, i64);

impl FileFingerprint {
    /// Returns whether a change after this time is sure to give the file another fingerprint. A file system's clock moves in steps:
    /// a second change within the same step leaves the times as they are.
    pub fn is_reliable_at(&self, time: SystemTime) -> bool {
        /// Kernels' clocks step each 1 to 10 ms.
        const MAX_STEP: Duration = Duration::from_millis(100);
        /// Some file systems keep whole seconds, FAT every other one.
        const MAX_COARSE_STEP: Duration = Duration::from_secs(3);
        let is_coarse = self.modified.1 == 0 && self.changed.1 == 0;
        let step = if is_coarse { MAX_COARSE_STEP } else { MAX_STEP };
        let Some(since_1970) =
            time.duration_since(SystemTime::UNIX_EPOCH).ok().and_then(|time| time.checked_sub(step))
        else {
            return false;
        };
        // FAT knows only when the content was changed.
        let (seconds, nanoseconds) = self.changed.max(self.modified);
        let latest = (since_1970.as_secs(), i64::from(since_1970.subsec_nanos()));
        u64::try_from(seconds).is_ok_and(|seconds| (seconds, nanoseconds) < latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(seconds: i64, nanoseconds: i64) -> FileFingerprint {
        let time = (seconds, nanoseconds);
        FileFingerprint { device: 1, inode: 1, size: 1, modified: time, changed: time }
    }

    fn at(seconds: u64, milliseconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1_000 + milliseconds)
    }

    #[test]
    fn a_stamp_is_trusted_when_the_clock_has_moved_on() {
        assert!(!changed(100, 5_000_000).is_reliable_at(at(100, 5)));
        assert!(!changed(100, 5_000_000).is_reliable_at(at(100, 105)));
        assert!(changed(100, 5_000_000).is_reliable_at(at(100, 106)));
    }

    #[test]
    fn whole_seconds_take_longer() {
        assert!(!changed(100, 0).is_reliable_at(at(102, 999)));
        assert!(changed(100, 0).is_reliable_at(at(103, 1)));
    }

    #[test]
    fn where_only_changes_of_the_content_have_a_time_that_counts() {
        let fat = FileFingerprint { changed: (0, 0), ..changed(100, 0) };
        assert!(!fat.is_reliable_at(at(102, 999)));
        assert!(fat.is_reliable_at(at(103, 1)));
    }

    #[test]
    fn a_file_of_the_future_is_not_trusted() {
        assert!(!changed(200, 1).is_reliable_at(at(100, 0)));
        assert!(!changed(-5, 1).is_reliable_at(at(0, 50)));
    }
}
