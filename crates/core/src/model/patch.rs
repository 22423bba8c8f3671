//! Changes of groups and sessions: typed for known fields, with room for others.
//!
//! ```
//! use session_groups::model::patch::Change;
//! use session_groups::model::{SessionPatch, SessionStatus, number::Usd};
//!
//! let patch = SessionPatch {
//!     status: Some(SessionStatus::Active),
//!     cost: Change::Set(Usd::clamped(0.5)),
//!     error: Change::Remove,
//!     ..SessionPatch::default()
//! };
//! assert_eq!(patch.to_json(), r#"{"status":"active","cost":0.5}"#);
//! assert_eq!(patch.removed(), ["error"]);
//! ```

/// A change of an optional field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It gets a value.
    Set(T),
    /// It is removed.
    Remove,
}

impl<T> Change<T> {
    /// The value that the field gets.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Remove => None,
        }
    }

    /// Returns `true` unless the field gets a value.
    pub(crate) fn is_not_set(&self) -> bool {
        self.value().is_none()
    }
}

impl<T> From<Option<T>> for Change<T> {
    /// A value to set, or no change.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Keep, Self::Set)
    }
}

impl<T: serde::Serialize> serde::Serialize for Change<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

/// Declares the patch of a record: fields that are always there can be set, others can be removed as well.
macro_rules! patch {
    (of $($record:tt)*) => {};
    ($patch:ident of $record:ident {$(($set:ident, $set_type:ty))*} {$(($change:ident, $change_type:ty))*}) => {
        #[doc = concat!("Changes of a [`", stringify!($record), "`].")]
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $patch {
            $(
                #[doc = concat!("Sets [`", stringify!($set), "`](", stringify!($record), "::", stringify!($set), ").")]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $set: Option<$set_type>,
            )*
            $(
                #[doc = concat!("Changes [`", stringify!($change), "`](", stringify!($record), "::", stringify!($change), ").")]
                #[serde(skip_serializing_if = "crate::model::patch::Change::is_not_set")]
                pub $change: crate::model::patch::Change<$change_type>,
            )*
            /// Fields to set that this version does not know.
            #[serde(flatten)]
            pub unknown: serde_json::Map<String, serde_json::Value>,
            /// Names of fields to remove that this version does not know.
            #[serde(skip)]
            pub unknown_removed: Vec<String>,
        }

        impl $patch {
            /// The fields to set, as the JSON text of an object.
            pub fn to_json(&self) -> String {
                // Nothing in it can fail to become JSON: all keys are strings.
                serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
            }

            /// The names of the fields to remove.
            pub fn removed(&self) -> Vec<String> {
                let mut removed = self.unknown_removed.clone();
                $(if matches!(self.$change, crate::model::patch::Change::Remove) {
                    removed.push(crate::model::record::camel_case(stringify!($change)));
                })*
                removed
            }
        }
    };
}
pub(crate) use patch;
