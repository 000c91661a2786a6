//! Links to elsewhere.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use crate::InputError;

/// An absolute http or https URL of at most 2,000 characters, without user information; kept as
/// the URL standard writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HttpUrl(String);

impl HttpUrl {
    pub const MAX_CHARACTERS: usize = 2_000;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HttpUrl {
    type Err = InputError;

    fn from_str(text: &str) -> Result<HttpUrl, InputError> {
        let bad = |detail| InputError::bad_format(detail);
        let url = url::Url::parse(text.trim()).map_err(|_| bad("must be an absolute URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("must not contain a user name or password"));
        }
        let written = String::from(url);
        if written.len() > HttpUrl::MAX_CHARACTERS {
            let detail = format!("must have at most {} characters", HttpUrl::MAX_CHARACTERS);
            return Err(InputError::new(crate::FaultCode::TooLong, detail));
        }
        Ok(HttpUrl(written))
    }
}

crate::deserr_from_str!(HttpUrl);

impl PartialSchema for HttpUrl {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("uri".to_owned())))
            .pattern(Some("^[hH][tT][tT][pP][sS]?://"))
            .max_length(Some(HttpUrl::MAX_CHARACTERS));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for HttpUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_links_pass() {
        for good in ["https://example.com/a?b=c#d", "HTTP://example.com", "http://[::1]:8080/"] {
            assert!(good.parse::<HttpUrl>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "/a",
            "ftp://example.com",
            "javascript:alert(1)",
            "https://user@example.com",
            "https://:pass@example.com",
            "https://",
        ] {
            assert!(bad.parse::<HttpUrl>().is_err(), "{bad}");
        }
        let long = format!("https://example.com/{}", "x".repeat(2_000));
        assert!(long.parse::<HttpUrl>().is_err());
    }
}
