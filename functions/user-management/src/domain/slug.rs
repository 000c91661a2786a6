//! Slugs: how an organization is called in addresses.

use std::{fmt, str::FromStr};

use millwright_core::{FaultCode, InputError};
use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

const MIN: usize = 3;
const MAX: usize = 50;

/// How often a derived slug is tried: as it is, with `-2` to `-4`, then with something random.
pub const SLUG_ATTEMPTS: usize = 8;

/// Words that mean something in addresses: the bases of the API, and what clients use.
const RESERVED: &[&str] = &[
    "users",
    "organizations",
    "permissions",
    "invitations",
    "teams",
    "auth",
    "planning",
    "oauth",
    "admin",
    "api",
    "app",
    "www",
    "help",
    "support",
    "status",
    "login",
    "signup",
    "me",
    "new",
    "settings",
    "current",
];

/// 3-50 characters `a-z 0-9 -`, without a hyphen at an end or two in a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slug(String);

impl Slug {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The slug a name gives, at an attempt from 0 on; `random` is for those that find the plain
    /// ones taken.
    pub fn derived(name: &str, attempt: usize, random: u64) -> Slug {
        let base = base_of(name);
        let suffix = match attempt {
            0 if base.len() >= MIN && !RESERVED.contains(&base.as_str()) => return Slug(base),
            0 | 1 => "-2".to_owned(),
            2 => "-3".to_owned(),
            3 => "-4".to_owned(),
            _ => format!("-{}", letters(random)),
        };
        let room = MAX - suffix.len();
        let shortened: String = base.chars().take(room).collect();
        Slug(format!("{}{suffix}", shortened.trim_end_matches('-')))
    }
}

/// Lower-case ASCII of a name, hyphens for the rest; `org` if nothing is left.
fn base_of(name: &str) -> String {
    let mut base = String::new();
    for c in name.nfkd().filter(|c| !is_combining_mark(*c)) {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_alphanumeric() {
            base.push(c);
        } else if !base.is_empty() && !base.ends_with('-') {
            base.push('-');
        }
        if base.len() >= MAX {
            break;
        }
    }
    let base = base.trim_end_matches('-');
    if base.is_empty() { "org".to_owned() } else { base.to_owned() }
}

/// Five characters out of a number.
fn letters(mut random: u64) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::new();
    for _ in 0..5 {
        let index = usize::try_from(random % 36).unwrap_or_default();
        text.push(char::from(ALPHABET[index]));
        random /= 36;
    }
    text
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Slug {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Slug, InputError> {
        let text = text.trim();
        if text.len() < MIN {
            let detail = format!("must have at least {MIN} characters");
            return Err(InputError::new(FaultCode::TooShort, detail));
        }
        if text.len() > MAX {
            let detail = format!("must have at most {MAX} characters");
            return Err(InputError::new(FaultCode::TooLong, detail));
        }
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !text.bytes().all(fits)
            || text.starts_with('-')
            || text.ends_with('-')
            || text.contains("--")
        {
            let detail = "must be a-z 0-9 -, without a hyphen at an end or two in a row";
            return Err(InputError::bad_format(detail));
        }
        if RESERVED.contains(&text) {
            return Err(InputError::not_allowed("is a word with a meaning of its own"));
        }
        Ok(Slug(text.to_owned()))
    }
}

millwright_core::deserr_from_str!(Slug);

impl PartialSchema for Slug {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(MIN))
            .max_length(Some(MAX))
            .pattern(Some("^[a-z0-9]+(-[a-z0-9]+)*$"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Slug {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_slugs() {
        let first = |name: &str| Slug::derived(name, 0, 0).0;
        assert_eq!(first("Österreich & Co."), "osterreich-co");
        assert_eq!(first("日本"), "org");
        assert_eq!(first("A"), "a-2", "too short alone");
        assert_eq!(first("Admin"), "admin-2", "reserved alone");
        assert_eq!(Slug::derived("Acme", 1, 0).0, "acme-2");
        assert_eq!(Slug::derived("Acme", 3, 0).0, "acme-4");
        assert_eq!(Slug::derived("Acme", 4, 37).0, "acme-bbaaa");
    }

    #[test]
    fn every_derived_slug_is_one() {
        for name in ["x".repeat(100).as_str(), "a-b--c- -", "ﬁne", "-", "ab 12", "status"] {
            for attempt in 0..SLUG_ATTEMPTS {
                let slug = Slug::derived(name, attempt, 123_456_789);
                assert!(slug.as_str().parse::<Slug>().is_ok(), "{name} {attempt}: {slug}");
            }
        }
    }

    #[test]
    fn what_is_no_slug_is_refused() {
        for bad in ["", "ab", "Acme", "-acme", "acme-", "a--b", "api", "ä-b-c", &"x".repeat(51)] {
            assert!(bad.parse::<Slug>().is_err(), "{bad}");
        }
    }
}
