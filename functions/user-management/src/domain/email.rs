//! E-mail addresses, written in one way only (specs 5.1).

use std::{fmt, str::FromStr};

use millwright_core::{FaultCode, InputError, normalized};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

const MAX_CHARACTERS: usize = 254;

/// An address as it is compared and kept: NFC, lower case, the domain in ASCII. Dots and plus signs
/// stay: they mean something at some providers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// `a***@example.com`: enough to recognise one's own, too little to learn somebody else's.
    pub fn hint(&self) -> String {
        let first = self.0.chars().next().unwrap_or('*');
        format!("{first}***@{}", self.domain())
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Email {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Email, InputError> {
        let text = normalized(text);
        let (local, domain) =
            text.rsplit_once('@').ok_or_else(|| InputError::bad_format("must contain an @"))?;
        let refused = |c: char| c.is_whitespace() || c.is_control() || c == '@';
        if local.is_empty() || local.chars().any(refused) {
            return Err(InputError::bad_format("must have a name without spaces before the @"));
        }
        let domain = ascii_domain(domain)?;
        // Lower-casing can take letters apart: compose them again.
        let email = format!("{}@{domain}", normalized(&local.to_lowercase()));
        if email.chars().count() > MAX_CHARACTERS {
            let detail = format!("must have at most {MAX_CHARACTERS} characters");
            return Err(InputError::new(FaultCode::TooLong, detail));
        }
        Ok(Email(email))
    }
}

millwright_core::deserr_from_str!(Email);

impl PartialSchema for Email {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
            .min_length(Some(3))
            .max_length(Some(MAX_CHARACTERS));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Email {}

/// A domain of addresses, in ASCII and lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailDomain(String);

impl EmailDomain {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if the list is empty, or the address is in one of the domains: exactly, not below one.
    pub fn admit(domains: &[EmailDomain], email: &Email) -> bool {
        domains.is_empty() || domains.iter().any(|domain| domain.as_str() == email.domain())
    }
}

impl fmt::Display for EmailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EmailDomain {
    type Err = InputError;

    fn from_str(text: &str) -> Result<EmailDomain, InputError> {
        ascii_domain(&normalized(text)).map(EmailDomain)
    }
}

millwright_core::deserr_from_str!(EmailDomain);

impl PartialSchema for EmailDomain {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        RefOr::T(Schema::Object(object.max_length(Some(253)).build()))
    }
}

impl ToSchema for EmailDomain {}

fn ascii_domain(domain: &str) -> Result<String, InputError> {
    let bad = || InputError::bad_format("must have a domain such as example.com");
    let domain = idna::domain_to_ascii(domain).map_err(|_| bad())?;
    let fits = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if domain.is_empty() || domain.len() > 253 || !domain.split('.').all(fits) {
        return Err(bad());
    }
    Ok(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(text: &str) -> Email {
        text.parse().expect("an address")
    }

    #[test]
    fn every_spelling_of_an_address_is_one() {
        assert_eq!(email(" Ada@EXAMPLE.com ").as_str(), "ada@example.com");
        assert_eq!(email("e\u{301}cole@example.com"), email("\u{e9}COLE@example.com"));
        assert_eq!(email("ada@Bücher.example"), email("ADA@xn--bcher-kva.EXAMPLE"));
        assert_ne!(email("a.da+x@example.com"), email("ada@example.com"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["", "ada", "@example.com", "ada@", "a b@example.com", "a@b@c.com", "a@-x.com"] {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        assert!(long.parse::<Email>().is_err());
    }

    #[test]
    fn a_hint_tells_little() {
        assert_eq!(email("ada@example.com").hint(), "a***@example.com");
    }

    #[test]
    fn domains_admit_exactly_their_own() {
        let domains: Vec<EmailDomain> = vec!["Example.com".parse().expect("a domain")];
        assert!(EmailDomain::admit(&domains, &email("a@example.com")));
        assert!(!EmailDomain::admit(&domains, &email("a@sub.example.com")));
        assert!(EmailDomain::admit(&[], &email("a@anything.org")));
    }
}
