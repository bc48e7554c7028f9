//! Tells by the times of a file, which is all that there is where nothing was known of it before,
//! whether more has changed than its mode, its owner or its attributes.
//!
//! All of these set the time of the inode's change (inode(7), "Timestamp fields"): what was written
//! also has a modification time of that moment. What was moved here has not, but then the directory
//! has. What was given another time on purpose may have any: one before its birth tells of that. A time
//! between is taken for the one that the file had, so that `touch -d` is lost in the first
//! milliseconds on a large tree if it sets a time that the file may have had; chmod is not taken for
//! a change.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::time::UNIX_EPOCH;

/// The times of a file, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// Of the last change to the content.
    pub(super) modified: i64,
    /// Of the last change to the inode.
    pub(super) changed: i64,
    /// When it was made, where the file system knows.
    pub(super) born: Option<i64>,
}

impl Times {
    pub(super) fn of(meta: &Metadata) -> Self {
        let born = meta.created().ok();
        let born = born.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            modified: nanos(meta.mtime(), meta.mtime_nsec()),
            changed: nanos(meta.ctime(), meta.ctime_nsec()),
            born: born.and_then(|since| i64::try_from(since.as_nanos()).ok()),
        }
    }

    /// Whether the change to the inode, which was at `since` or later, may have been one to more than
    /// its mode, its owner or its attributes.
    pub(super) fn may_tell_of_content(self, since: i64) -> bool {
        let is_plausible = |born| (born..since).contains(&self.modified);
        !self.born.is_some_and(is_plausible)
    }
}

pub(super) fn nanos(seconds: i64, nanos: i64) -> i64 {
    seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change to the inode at 100, looked for since 90.
    #[track_caller]
    fn check(modified: i64, born: Option<i64>, expected: bool) {
        let times = Times {
            modified,
            changed: 100,
            born,
        };
        assert_eq!(times.may_tell_of_content(90), expected, "{times:?}");
    }

    #[test]
    fn a_mode_leaves_the_time_of_the_content_alone() {
        check(50, Some(10), false);
        check(10, Some(10), false);
        check(89, Some(10), false);
    }

    #[test]
    fn what_was_written_or_touched_has_a_time_of_then() {
        check(100, Some(10), true);
        check(90, Some(10), true);
        check(100, Some(100), true);
    }

    #[test]
    fn a_time_that_was_set_on_purpose_is_before_its_birth_or_after_now() {
        check(0, Some(10), true);
        check(500, Some(10), true);
    }

    #[test]
    fn where_nobody_knows_its_birth_anything_may_have_changed() {
        check(50, None, true);
    }
}
