//! Texts with their limits in the type: parsed once at the edge, valid ever after.
//!
//! Lengths are counted in characters (Unicode scalar values) after NFC and trimming.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use crate::{Fault, FaultCode, Faults, InputError};

/// NFC and without surrounding white space.
pub fn normalized(text: &str) -> String {
    let trimmed = text.trim();
    if is_nfc_quick(trimmed.chars()) == IsNormalized::Yes {
        return trimmed.to_owned();
    }
    trimmed.nfc().collect()
}

fn check_length(text: &str, min: usize, max: usize) -> Result<(), InputError> {
    let length = text.chars().count();
    if length < min {
        let detail = format!("must have at least {min} characters, has {length}");
        return Err(InputError::new(FaultCode::TooShort, detail));
    }
    if length > max {
        let detail = format!("must have at most {max} characters, has {length}");
        return Err(InputError::new(FaultCode::TooLong, detail));
    }
    Ok(())
}

/// Implements `Deserr<Faults>`, the way in from outside, by `FromStr<Err = InputError>`. Serde's
/// `Deserialize`, the way back from storage, is derived and does not check again: a limit that
/// shrinks must not make stored data unreadable.
#[macro_export]
macro_rules! deserr_from_str {
    ($name:ident) => {
        $crate::deserr_from_str!([] $name);
    };
    ([$($generics:tt)*] $name:ty) => {
        impl<$($generics)*> $crate::private::deserr::Deserr<$crate::Faults> for $name {
            fn deserialize_from_value<V: $crate::private::deserr::IntoValue>(
                value: $crate::private::deserr::Value<V>,
                location: $crate::private::deserr::ValuePointerRef<'_>,
            ) -> ::core::result::Result<Self, $crate::Faults> {
                use $crate::private::deserr::{Deserr, MergeWithError, take_cf_content};
                let text = <String as Deserr<$crate::Faults>>::deserialize_from_value(value, location)?;
                text.parse().map_err(|refused: $crate::InputError| {
                    take_cf_content(<$crate::Faults as MergeWithError<$crate::InputError>>::merge(
                        None, refused, location,
                    ))
                })
            }
        }
    };
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $describe:expr) => {
        $(#[$doc])*
        #[derive(
            Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name<const MIN: usize, const MAX: usize>(String);

        impl<const MIN: usize, const MAX: usize> $name<MIN, MAX> {
            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl<const MIN: usize, const MAX: usize> fmt::Display for $name<MIN, MAX> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<const MIN: usize, const MAX: usize> PartialSchema for $name<MIN, MAX> {
            fn schema() -> RefOr<Schema> {
                let object = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .min_length(Some(MIN))
                    .max_length(Some(MAX));
                let describe: fn(ObjectBuilder) -> ObjectBuilder = $describe;
                RefOr::T(Schema::Object(describe(object).build()))
            }
        }

        impl<const MIN: usize, const MAX: usize> ToSchema for $name<MIN, MAX> {
            fn name() -> Cow<'static, str> {
                format!("{}{MIN}To{MAX}", stringify!($name)).into()
            }
        }

        crate::deserr_from_str!([const MIN: usize, const MAX: usize] $name<MIN, MAX>);
    };
}

text_type!(
    /// A single line of `MIN` to `MAX` characters: trimmed, NFC, without control characters.
    Line,
    |object| object
);
text_type!(
    /// Several lines of `MIN` to `MAX` characters: trimmed, NFC, no control characters but line
    /// breaks and tabs.
    Text,
    |object| object
);
text_type!(
    /// CommonMark of `MIN` to `MAX` characters, stored exactly as written and never rendered here.
    Markdown,
    |object| object.format(Some(SchemaFormat::Custom("markdown".into())))
);

/// A hint for the reader of a fault; NUL in particular breaks tools further down.
fn refuse_control(text: &str, allowed: &[char]) -> Result<(), InputError> {
    match text.chars().find(|c| c.is_control() && !allowed.contains(c)) {
        Some(c) => Err(InputError::bad_format(format!(
            "must not contain the control character U+{:04X}",
            u32::from(c)
        ))),
        None => Ok(()),
    }
}

impl<const MIN: usize, const MAX: usize> FromStr for Line<MIN, MAX> {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        let text = normalized(text);
        refuse_control(&text, &[])?;
        check_length(&text, MIN, MAX)?;
        Ok(Line(text))
    }
}

impl<const MIN: usize, const MAX: usize> FromStr for Text<MIN, MAX> {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        let text = normalized(text);
        refuse_control(&text, &['\n', '\r', '\t'])?;
        check_length(&text, MIN, MAX)?;
        Ok(Text(text))
    }
}

impl<const MIN: usize, const MAX: usize> FromStr for Markdown<MIN, MAX> {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        refuse_control(text, &['\n', '\r', '\t'])?;
        check_length(text, MIN, MAX)?;
        if MIN > 0 && text.trim().is_empty() {
            return Err(InputError::new(FaultCode::TooShort, "must not be blank"));
        }
        Ok(Markdown(text.to_owned()))
    }
}

/// A label: 1-50 characters, lower-cased, without comma.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Label(String);

impl Label {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Label, InputError> {
        let line: Line<1, 50> = text.to_lowercase().parse()?;
        if line.as_str().contains(',') {
            return Err(InputError::bad_format("must not contain a comma"));
        }
        Ok(Label(line.into_string()))
    }
}

crate::deserr_from_str!(Label);

impl PartialSchema for Label {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(50))
            .pattern(Some("^[^,]*$"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Label {}

/// At most 20 labels, order kept, no duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(Vec<Label>);

impl Labels {
    pub const MAX: usize = 20;

    pub fn as_slice(&self) -> &[Label] {
        &self.0
    }

    /// Adds it, unless it is there already or there are [`Labels::MAX`]: then false.
    pub fn push(&mut self, label: Label) -> bool {
        let fits = self.0.len() < Labels::MAX && !self.0.contains(&label);
        if fits {
            self.0.push(label);
        }
        fits
    }

    /// True if every one of `wanted` is among them.
    pub fn contain_all(&self, wanted: &[Label]) -> bool {
        wanted.iter().all(|label| self.0.contains(label))
    }
}

impl deserr::Deserr<Faults> for Labels {
    fn deserialize_from_value<V: deserr::IntoValue>(
        value: deserr::Value<V>,
        location: deserr::ValuePointerRef<'_>,
    ) -> Result<Labels, Faults> {
        let labels =
            <Vec<Label> as deserr::Deserr<Faults>>::deserialize_from_value(value, location)?;
        let here = crate::fault::pointer(location);
        if labels.len() > Labels::MAX {
            let detail = format!("must have at most {} labels, has {}", Labels::MAX, labels.len());
            return Err(Faults::of(Fault::new(here, FaultCode::TooLong, detail)));
        }
        for (index, label) in labels.iter().enumerate() {
            if labels[..index].contains(label) {
                let detail = "is there already (labels are lower-cased)";
                return Err(Faults::of(Fault::new(
                    format!("{here}/{index}"),
                    FaultCode::Duplicate,
                    detail,
                )));
            }
        }
        Ok(Labels(labels))
    }
}

impl PartialSchema for Labels {
    fn schema() -> RefOr<Schema> {
        let array = ArrayBuilder::new()
            .items(Label::schema())
            .max_items(Some(Labels::MAX))
            .unique_items(true)
            .description(Some("Lower-cased, order kept, no duplicates"));
        RefOr::T(Schema::Array(array.build()))
    }
}

impl ToSchema for Labels {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_trimmed_normalized_and_counted_in_characters() {
        let line: Line<1, 5> = "  e\u{301}cole ".parse().expect("five characters once composed");
        assert_eq!(line.as_str(), "école");
        let refused = "sixsix".parse::<Line<1, 5>>().expect_err("six characters");
        assert_eq!(refused.code, FaultCode::TooLong);
        let refused = " \t ".parse::<Line<1, 5>>().expect_err("nothing left");
        assert_eq!(refused.code, FaultCode::TooShort);
        let refused = "a\u{0}b".parse::<Line<1, 5>>().expect_err("NUL");
        assert_eq!(refused.code, FaultCode::BadFormat);
    }

    #[test]
    fn markdown_is_kept_as_written() {
        let text: Markdown<0, 100> = "  # e\u{301}\r\n\r\n    code\n".parse().expect("fits");
        assert_eq!(text.as_str(), "  # e\u{301}\r\n\r\n    code\n");
    }

    #[test]
    fn labels_are_lower_cased_and_unique() {
        let read = |json: &str| {
            let value: serde_json::Value = serde_json::from_str(json).expect("valid JSON");
            deserr::deserialize::<Labels, _, Faults>(value)
        };
        assert_eq!(read(r#"["Bug","ui"]"#).expect("two labels").as_slice()[0].as_str(), "bug");
        let faults = read(r#"["bug","BUG"]"#).expect_err("the same twice");
        assert_eq!(faults.0[0].code, FaultCode::Duplicate);
        assert_eq!(faults.0[0].pointer, "/1");
        assert_eq!(read(r#"["a,b"]"#).expect_err("comma").0[0].code, FaultCode::BadFormat);
    }
}
