//! Closed lists of words on the wire.

/// Declares an enum with its wire words: `Serialize`, `Deserialize`, `Deserr`, `ToSchema`,
/// `Display`, `FromStr`, `ALL` and `as_str`, from one list.
#[macro_export]
macro_rules! wire_enum {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility enum $name {
            $($(#[$variant_meta])* $variant),+
        }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word),+
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::InputError;

            fn from_str(word: &str) -> ::core::result::Result<Self, $crate::InputError> {
                match word {
                    $($word => Ok($name::$variant),)+
                    _ => Err($crate::InputError::not_allowed(::std::format!(
                        "must be one of {}",
                        [$($word),+].join(", ")
                    ))),
                }
            }
        }

        impl $crate::private::serde::Serialize for $name {
            fn serialize<S: $crate::private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::private::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                let word = <::std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                word.parse().map_err($crate::private::serde::de::Error::custom)
            }
        }

        $crate::deserr_from_str!($name);

        impl $crate::private::utoipa::PartialSchema for $name {
            fn schema() -> $crate::private::utoipa::openapi::RefOr<$crate::private::utoipa::openapi::Schema> {
                use $crate::private::utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
                let object = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .enum_values(Some([$($word),+]));
                RefOr::T(Schema::Object(object.build()))
            }
        }

        impl $crate::private::utoipa::ToSchema for $name {}
    };
}
