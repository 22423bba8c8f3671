//! The texts of all errors side by side, so that they speak with one voice: what is wrong, where, and what to do.

#![allow(missing_docs, reason = "a test")]

use std::io::ErrorKind;
use std::path::Path;

use session_groups::Error;
use session_groups::error::{FieldError, Remedy, Words};

#[test]
fn every_error_says_what_is_wrong_where_and_what_to_do() {
    let id = "20260115-103000-auth";
    let (base, path) = (Path::new("/groups"), Path::new("/groups/20260115-103000-auth/meta.json"));
    let full = || std::io::Error::new(ErrorKind::StorageFull, "no space left on device");
    let expected = [
        (
            Error::argument("lockTimeoutMs", "must be a number of 0 or more, but is -1"),
            "INVALID_ARGUMENT: lockTimeoutMs must be a number of 0 or more, but is -1",
        ),
        (
            Error::invalid_id("../x", "contains '/'"),
            r#"INVALID_ID: "../x" cannot be the id of a group: it contains '/'. Use 1 to 128 of A-Z a-z 0-9 . _ -, a letter or a digit first"#,
        ),
        (
            Error::invalid_group(
                id,
                FieldError::new("sessions[2].cost", "must be a number of 0 or more, but is -1"),
            ),
            r#"INVALID_GROUP: group "20260115-103000-auth" was not stored: sessions[2].cost must be a number of 0 or more, but is -1"#,
        ),
        (
            Error::filter("limit", "must be a whole number of 0 or more, but is -1"),
            "INVALID_FILTER: limit must be a whole number of 0 or more, but is -1",
        ),
        (
            Error::invalid_event(FieldError::new("timestamp", "is missing, expected an ISO 8601 time")),
            "INVALID_EVENT: not a group event: timestamp is missing, expected an ISO 8601 time",
        ),
        (
            Error::corrupt(id, path, None, "it is cut off at line 1 column 1"),
            "CORRUPT: /groups/20260115-103000-auth/meta.json is not a session group: it is cut off at line 1 column 1. Repair the file or delete the group; it is left as it is",
        ),
        (
            Error::foreign_owner(
                Some(id),
                path,
                "user 1000 (alice)",
                "user 0 (root)",
                "chown -R 0 /groups/20260115-103000-auth",
            ),
            "FOREIGN_OWNER: cannot use /groups/20260115-103000-auth/meta.json: it belongs to user 1000 (alice), but this process runs as user 0 (root). Run it as that user, or change the owner: chown -R 0 /groups/20260115-103000-auth",
        ),
        (
            Error::conflict(id, "it must not exist", Some("5f2c".to_owned())),
            r#"CONFLICT: group "20260115-103000-auth" was not changed: it must not exist, but its revision is 5f2c. Read it again, then decide"#,
        ),
        (
            Error::lock_timeout(id, base.join(".locks/0a"), "process 4711 (node)"),
            r#"LOCK_TIMEOUT: timed out waiting for the lock of group "20260115-103000-auth", held by process 4711 (node). Try again, or raise lockTimeoutMs"#,
        ),
        (
            Error::newer_schema(id, path, 2.0, "it can be read, not written"),
            "NEWER_SCHEMA: /groups/20260115-103000-auth/meta.json was written by a newer version (schemaVersion 2): it can be read, not written. Update session-groups",
        ),
        (
            Error::insecure_store(base, 0o777),
            "INSECURE_STORE: /groups can be written by every user of this machine (mode 0777). Run: chmod o-w /groups",
        ),
        (
            Error::insecure_store(Path::new("/my store's"), 0o777),
            r"INSECURE_STORE: /my store's can be written by every user of this machine (mode 0777). Run: chmod o-w '/my store'\''s'",
        ),
        (
            Error::not_committed(id, path, "writing", full()),
            r#"NOT_COMMITTED: group "20260115-103000-auth" was not changed: writing /groups/20260115-103000-auth/meta.json failed: no space left on device. Fix that and try again"#,
        ),
        (
            Error::not_durable(id, base, "syncing", full()),
            r#"NOT_DURABLE: group "20260115-103000-auth" was changed, but may not survive a power failure: syncing /groups failed: no space left on device. Check the disk, then save it again"#,
        ),
        (
            Error::io(None, base, "listing", full()),
            "IO: listing /groups failed: no space left on device. Fix that and try again",
        ),
        (
            Error::internal("checking a group panicked"),
            "INTERNAL: a bug in session-groups, please report it: checking a group panicked",
        ),
    ];
    for (error, text) in expected {
        assert_eq!(format!("{}: {error}", error.code()), text);
    }
}

#[test]
fn several_errors_are_listed_with_their_remedies() {
    let full = || std::io::Error::new(ErrorKind::StorageFull, "no space left on device");
    let several = |count| {
        let errors =
            std::iter::repeat_with(|| Error::io(None, Path::new("/a"), "reading", full())).take(count);
        Error::several("g", errors.collect()).unwrap().to_string()
    };
    let line = "- reading /a failed: no space left on device. Fix that and try again";
    assert_eq!(format!("- {}", several(1)), line);
    assert_eq!(several(2), format!("cannot run group \"g\": there are 2 problems\n{line}\n{line}"));
    assert_eq!((several(20).lines().count(), several(20).lines().last()), (21, Some(line)));
    assert_eq!((several(22).lines().count(), several(22).lines().last()), (22, Some("- and 2 more")));
}

#[test]
fn an_interface_words_fields_and_remedies() {
    struct Shouting;
    impl Words for Shouting {
        fn field(&self, field: &str) -> String {
            field.to_uppercase()
        }

        fn remedy(&self, error: &Error, remedy: &Remedy) -> String {
            format!("{}: {}", error.code(), remedy.to_string().to_uppercase())
        }
    }
    let invalid = Error::invalid_group("g", FieldError::new("name", "must be a string"));
    assert_eq!(invalid.message_in(&Shouting), "group \"g\" was not stored: NAME must be a string");
    let busy = Error::already_running("g", "process 7").in_session("g", "name");
    let statement = "session \"name\": group \"g\" is being run by process 7";
    assert_eq!(busy.statement_in(&Shouting), statement);
    assert_eq!(busy.message_in(&Shouting), format!("{statement}. ALREADY_RUNNING: STOP THAT RUN FIRST"));
}
