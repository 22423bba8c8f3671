//! Declares the objects of the model once: their fields, which of them may be absent, and the patch that changes them.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Visitor};

/// A field of a `record!`, as the comparison with the typings sees it.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name in Rust.
    pub name: &'static str,
    /// `true` if it may be absent.
    pub is_optional: bool,
    /// Type in Rust, without `Option`.
    pub type_name: &'static str,
}

impl Field {
    /// Name in JSON.
    pub fn json_name(&self) -> String {
        camel_case(self.name)
    }
}

/// A field that was added when programs may already have used its name, and the check of its value.
pub type Recent = (&'static str, fn(&str) -> bool);

/// The recent fields of an object and of the objects in it.
#[derive(Debug)]
pub struct Shape {
    /// The recent fields of the object itself.
    pub recent: &'static [Recent],
    /// Fields that are such objects or arrays of them.
    pub parts: &'static [(&'static str, &'static Shape)],
}

/// Declares a struct that is stored as a JSON object with camel-case names, and optionally the struct of its patch.
///
/// An `Option` is a field that may be absent; `null` is not a value. A `recent` field was added when programs may already
/// have used its name: on reading, an invalid value is ignored. No patch changes a `fixed` field.
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident $(patched by $patch:ident)? { $($fields:tt)* }) => {
        record!(@ { $(#[$meta])* $name $($patch)? } {} {} {} {} {} $($fields)*);
    };
    (@ $head:tt {$($all:tt)*} {$($needed:tt)*} $set:tt $optional:tt $recent:tt
        $(#[$doc:meta])* fixed $field:ident: $type:ty, $($rest:tt)*) => {
        record!(@ $head {$($all)* $(#[$doc])* pub $field: $type,} {$($needed)* ($field, $type)} $set $optional $recent
            $($rest)*);
    };
    (@ $head:tt $all:tt $needed:tt $set:tt $optional:tt {$($recent:tt)*}
        $(#[$doc:meta])* recent $field:ident: Option<$type:ty>, $($rest:tt)*) => {
        record!(@ $head $all $needed $set $optional {$($recent)* ($field, $type)}
            $(#[$doc])* $field: Option<$type>, $($rest)*);
    };
    (@ $head:tt {$($all:tt)*} $needed:tt $set:tt {$($optional:tt)*} $recent:tt
        $(#[$doc:meta])* $field:ident: Option<$type:ty>, $($rest:tt)*) => {
        record!(@ $head
            {$($all)*
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::model::record::some")]
                pub $field: Option<$type>,
            }
            $needed $set {$($optional)* ($field, $type)} $recent $($rest)*);
    };
    (@ $head:tt {$($all:tt)*} {$($needed:tt)*} {$($set:tt)*} $optional:tt $recent:tt
        $(#[$doc:meta])* $field:ident: $type:ty, $($rest:tt)*) => {
        record!(@ $head {$($all)* $(#[$doc])* pub $field: $type,}
            {$($needed)* ($field, $type)} {$($set)* ($field, $type)} $optional $recent $($rest)*);
    };
    (@ { $(#[$meta:meta])* $name:ident $($patch:ident)? } {$($all:tt)*} {$(($needed:ident, $needed_type:ty))*}
        $set:tt {$(($optional:ident, $optional_type:ty))*} {$(($recent:ident, $recent_type:ty))*}) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(remote = "Self", rename_all = "camelCase", expecting = "an object")]
        pub struct $name { $($all)* }

        #[allow(dead_code, reason = "not each record needs all of this")]
        impl $name {
            /// The fields that were added when programs may already have used their names.
            pub const RECENT: &'static [crate::model::Recent] =
                &[$((stringify!($recent), |text| crate::model::reading::is::<$recent_type>(text)),)*];
            /// All fields.
            pub const FIELDS: &'static [crate::model::Field] = &[
                $(crate::model::Field {
                    name: stringify!($needed), is_optional: false, type_name: stringify!($needed_type),
                },)*
                $(crate::model::Field {
                    name: stringify!($optional), is_optional: true, type_name: stringify!($optional_type),
                },)*
            ];

            /// One without optional fields.
            #[allow(clippy::too_many_arguments, reason = "for constructors in the same module")]
            fn of_required($($needed: $needed_type),*) -> Self {
                Self { $($needed,)* $($optional: None,)* }
            }
        }

        crate::model::record::object!($name);
        crate::model::record::checked!($name {$(($needed, $needed_type))*} {$(($optional, $optional_type))*});
        crate::model::patch::patch!($($patch)? of $name $set {$(($optional, $optional_type))*});
    };
}
pub(crate) use record;

/// Implements `Deserialize` by the function that `#[serde(remote = "Self")]` derives, for objects alone: serde itself would
/// accept an array of the fields as well.
macro_rules! deserialize_object {
    ($name:ident $($lifetime:lifetime)?) => {
        impl<'de $(: $lifetime, $lifetime)?> serde::de::Visitor<'de>
            for crate::model::record::Object<$name $(<$lifetime>)?>
        {
            type Value = $name $(<$lifetime>)?;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                $name::deserialize(serde::de::value::MapAccessDeserializer::new(map))
            }
        }

        impl<'de $(: $lifetime, $lifetime)?> serde::Deserialize<'de> for $name $(<$lifetime>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_map(crate::model::record::Object::<Self>::default())
            }
        }
    };
}
pub(crate) use deserialize_object;

/// Reads an object as a type.
pub struct Object<T>(PhantomData<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// Implements serde's traits by the functions that `#[serde(remote = "Self")]` derives, for objects alone: serde itself
/// would accept an array of the fields as well.
macro_rules! object {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        crate::model::record::deserialize_object!($name);
    };
}
pub(crate) use object;

/// Declares what is kept of an object that is only checked: the same fields, of which strings and arrays are not copied.
macro_rules! checked {
    ($name:ident {$(($needed:ident, $needed_type:ty))*} {$(($optional:ident, $optional_type:ty))*}) => {
        const _: () = {
            #[derive(serde::Deserialize)]
            #[serde(remote = "Self", rename_all = "camelCase")]
            #[allow(dead_code, reason = "most fields are only checked")]
            pub struct Checked<'a> {
                $(#[serde(borrow)] pub $needed: crate::model::check::Checked<'a, $needed_type>,)*
                $(
                    #[serde(borrow, default, deserialize_with = "crate::model::record::some")]
                    pub $optional: Option<crate::model::check::Checked<'a, $optional_type>>,
                )*
                #[serde(skip)]
                lifetime: std::marker::PhantomData<&'a ()>,
            }

            crate::model::record::deserialize_object!(Checked 'a);

            impl crate::model::check::Checkable for $name {
                type Checked<'a> = Checked<'a>;
            }
        };
    };
}
pub(crate) use checked;

/// Declares an enum whose variants have names that are stored and shown.
macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$variant_doc])* $variant,)* }

        impl $type {
            /// All names, in the order of their declaration.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The name that is stored and shown.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The variant of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }

        crate::model::check::kept!($type,);

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let expected = || format!("one of {}", Self::NAMES.join(", "));
                crate::model::record::checked_text(deserializer, expected, Self::from_name)
            }
        }
    };
}
pub(crate) use names;

/// Reads an optional field that is there: `null` is not a value.
pub fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads a string that has a meaning.
pub fn checked_text<'de, T, D: Deserializer<'de>, E: Into<Cow<'static, str>>>(
    deserializer: D,
    expected: impl Fn() -> E,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error> {
    struct Text<F, P, T>(F, P, PhantomData<T>);
    impl<F: Fn() -> E, E: Into<Cow<'static, str>>, P: FnOnce(&str) -> Option<T>, T> Visitor<'_>
        for Text<F, P, T>
    {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&(self.0)().into())
        }
        fn visit_str<Er: serde::de::Error>(self, text: &str) -> Result<T, Er> {
            let Self(expected, parse, _) = self;
            let expected: Cow<'static, str> = match parse(text) {
                Some(value) => return Ok(value),
                None => expected().into(),
            };
            Err(Er::invalid_value(serde::de::Unexpected::Str(text), &expected.as_ref()))
        }
    }
    deserializer.deserialize_str(Text(expected, parse, PhantomData))
}

/// The name of a field in JSON.
pub fn camel_case(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| {
        let (initial, rest) = part.split_at(part.len().min(1));
        name + &initial.to_ascii_uppercase() + rest
    })
}
