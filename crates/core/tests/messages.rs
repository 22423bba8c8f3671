//! The texts of all errors side by side, so that they speak with one voice: what is wrong, where, and what to do.

#![allow(missing_docs, reason = "a test")]

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use session_groups::Error;
use session_groups::error::Wrong;

#[test]
fn every_error_says_what_is_wrong_where_and_what_to_do() {
    let group_id = || "20260115-103000-auth".to_owned();
    let path = || PathBuf::from("/groups/20260115-103000-auth/meta.json");
    let full = || Arc::new(std::io::Error::new(ErrorKind::StorageFull, "no space left on device"));
    let expected = [
        (
            Error::argument("lockTimeoutMs", "must be a number of 0 or more, but is -1"),
            "INVALID_ARGUMENT: lockTimeoutMs must be a number of 0 or more, but is -1",
        ),
        (
            Error::InvalidId { id: "../x".to_owned(), reason: "contains '/'".into() },
            r#"INVALID_ID: "../x" cannot be the id of a group: it contains '/'. Use 1 to 128 of A-Z a-z 0-9 . _ -, a letter or a digit first"#,
        ),
        (
            Error::InvalidGroup {
                group_id: group_id(),
                wrong: Wrong::new("sessions[2].cost", "must be a number of 0 or more, but is -1"),
            },
            r#"INVALID_GROUP: group "20260115-103000-auth" was not stored: sessions[2].cost must be a number of 0 or more, but is -1"#,
        ),
        (
            Error::filter("limit", "must be a whole number of 0 or more, but is -1"),
            "INVALID_FILTER: limit must be a whole number of 0 or more, but is -1",
        ),
        (
            Error::InvalidEvent(Wrong::new("timestamp", "is missing, expected an ISO 8601 time")),
            "INVALID_EVENT: not a group event: timestamp is missing, expected an ISO 8601 time",
        ),
        (
            Error::Corrupt {
                group_id: group_id(),
                path: path(),
                field: None,
                problem: "it is cut off at line 1 column 1".to_owned(),
            },
            "CORRUPT: /groups/20260115-103000-auth/meta.json is not a session group: it is cut off at line 1 column 1. Repair the file or delete the group; it is left as it is",
        ),
        (
            Error::ForeignOwner {
                group_id: Some(group_id()),
                path: path(),
                owner: "user 1000 (alice)".to_owned(),
                user: "user 0 (root)".to_owned(),
                remedy: "chown -R 0 /groups/20260115-103000-auth".to_owned(),
            },
            "FOREIGN_OWNER: cannot use /groups/20260115-103000-auth/meta.json: it belongs to user 1000 (alice), but this process runs as user 0 (root). Run it as that user, or change the owner: chown -R 0 /groups/20260115-103000-auth",
        ),
        (
            Error::Conflict {
                group_id: group_id(),
                expected: "it was to be new".to_owned(),
                actual: Some("5f2c".to_owned()),
            },
            r#"CONFLICT: group "20260115-103000-auth" was not changed: it was to be new, but its revision is 5f2c. Read it again, then decide"#,
        ),
        (
            Error::LockTimeout {
                group_id: group_id(),
                path: None,
                reason: "its lock was kept too long, it seems by process 4711 node".to_owned(),
            },
            r#"LOCK_TIMEOUT: group "20260115-103000-auth" is busy: its lock was kept too long, it seems by process 4711 node. Try again, or raise lockTimeoutMs"#,
        ),
        (
            Error::NewerSchema {
                group_id: group_id(),
                path: path(),
                version: 2.0,
                consequence: "it can be read, not written".to_owned(),
            },
            "NEWER_SCHEMA: /groups/20260115-103000-auth/meta.json was written by a newer version (schemaVersion 2): it can be read, not written. Update session-groups",
        ),
        (
            Error::InsecureStore { path: PathBuf::from("/groups"), mode: 0o777 },
            "INSECURE_STORE: /groups can be written by every user of this machine (mode 0777). Run: chmod o-w /groups",
        ),
        (
            Error::NotCommitted { group_id: group_id(), path: path(), action: "writing", source: full() },
            r#"NOT_COMMITTED: group "20260115-103000-auth" was not changed: writing /groups/20260115-103000-auth/meta.json failed: no space left on device. Fix that and try again"#,
        ),
        (
            Error::NotDurable {
                group_id: group_id(),
                path: PathBuf::from("/groups"),
                action: "syncing",
                source: full(),
            },
            r#"NOT_DURABLE: group "20260115-103000-auth" was changed, but may not survive a power failure: syncing /groups failed: no space left on device. Check the disk, then save it again"#,
        ),
        (
            Error::Io { group_id: None, path: PathBuf::from("/groups"), action: "listing", source: full() },
            "IO: listing /groups failed: no space left on device. Fix that and try again",
        ),
        (
            Error::Internal("checking a group panicked".to_owned()),
            "INTERNAL: a bug in session-groups, please report it: checking a group panicked",
        ),
    ];
    for (error, text) in expected {
        assert_eq!(format!("{}: {error}", error.code()), text);
    }
}
