//! Patterns of category codes.

use std::{fmt, str::FromStr};

use millwright_core::InputError;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::CategoryCode;

/// `*` everything; `ai.*` every code that begins with `ai.`; else that code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CategoryPattern {
    Any,
    /// Without the point.
    Below(String),
    Exactly(CategoryCode),
}

impl CategoryPattern {
    pub fn matches(&self, code: &str) -> bool {
        match self {
            CategoryPattern::Any => true,
            CategoryPattern::Below(prefix) => {
                code.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('.'))
            }
            CategoryPattern::Exactly(exact) => exact.as_str() == code,
        }
    }

    /// The one category it names.
    pub fn exact(&self) -> Option<&CategoryCode> {
        match self {
            CategoryPattern::Exactly(code) => Some(code),
            CategoryPattern::Any | CategoryPattern::Below(_) => None,
        }
    }
}

impl FromStr for CategoryPattern {
    type Err = InputError;

    fn from_str(text: &str) -> Result<CategoryPattern, InputError> {
        if text == "*" {
            return Ok(CategoryPattern::Any);
        }
        match text.strip_suffix(".*") {
            Some(prefix) => {
                let prefix: CategoryCode = prefix.parse()?;
                Ok(CategoryPattern::Below(prefix.to_string()))
            }
            None => text.parse().map(CategoryPattern::Exactly),
        }
    }
}

impl fmt::Display for CategoryPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CategoryPattern::Any => f.write_str("*"),
            CategoryPattern::Below(prefix) => write!(f, "{prefix}.*"),
            CategoryPattern::Exactly(code) => code.fmt(f),
        }
    }
}

impl Serialize for CategoryPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CategoryPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

millwright_core::deserr_from_str!(CategoryPattern);

impl PartialSchema for CategoryPattern {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(82))
            .description(Some("`*`, `ai.*` for every code below `ai`, or one code"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for CategoryPattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_ends_what_a_pattern_begins_with() {
        let matches = |pattern: &str, code| {
            pattern.parse::<CategoryPattern>().expect("a pattern").matches(code)
        };
        assert!(matches("*", "anything") && matches("ai.*", "ai.completion"));
        assert!(matches("ai.*", "ai.completion.deep") && matches("ai.completion", "ai.completion"));
        for code in ["ai", "air.completion", "mcp.tool"] {
            assert!(!matches("ai.*", code), "{code}");
        }
        for bad in ["", "**", "a*", "*.a", "A.b", "a..b", "ai.", ".*"] {
            assert!(bad.parse::<CategoryPattern>().is_err(), "{bad}");
        }
    }
}
