//! Providers: where models are.

use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use millwright_core::{Bounded, FaultCode, Faults, HttpUrl, InputError, Line, Timestamp};
use millwright_model::Dialect;
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::{Common, ProviderId, SecretId, Slug, UpTo};

millwright_core::wire_enum! {
    /// How a provider speaks.
    ///
    /// Where requests go below `baseUrl`: `openai` and `openai_compatible` `/chat/completions`,
    /// `anthropic` `/v1/messages`, `ollama` `/api/chat`; as their official SDKs have it.
    pub enum ProviderKind {
        OpenAi = "openai",
        Anthropic = "anthropic",
        Ollama = "ollama",
        OpenAiCompatible = "openai_compatible",
    }
}

impl ProviderKind {
    pub fn dialect(self) -> Dialect {
        match self {
            ProviderKind::OpenAi | ProviderKind::OpenAiCompatible => Dialect::OpenAi,
            ProviderKind::Anthropic => Dialect::Anthropic,
            ProviderKind::Ollama => Dialect::Ollama,
        }
    }

    /// The vendor's public URL.
    pub fn public_url(self) -> Option<BaseUrl> {
        match self {
            ProviderKind::OpenAi => Some(BaseUrl("https://api.openai.com/v1".to_owned())),
            ProviderKind::Anthropic => Some(BaseUrl("https://api.anthropic.com".to_owned())),
            ProviderKind::Ollama | ProviderKind::OpenAiCompatible => None,
        }
    }

    /// The vendor in the catalogue.
    pub fn vendor(self) -> Option<&'static str> {
        match self {
            ProviderKind::OpenAi => Some("openai"),
            ProviderKind::Anthropic => Some("anthropic"),
            ProviderKind::Ollama | ProviderKind::OpenAiCompatible => None,
        }
    }
}

/// An address of at most 300 characters without query, fragment and slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BaseUrl(String);

impl BaseUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BaseUrl {
    type Err = InputError;

    fn from_str(text: &str) -> Result<BaseUrl, InputError> {
        let url: HttpUrl = text.parse()?;
        let plain = url.as_str().trim_end_matches('/');
        if plain.contains(['?', '#']) {
            return Err(InputError::bad_format("must have neither query nor fragment"));
        }
        if plain.len() > 300 {
            let detail = "must have at most 300 characters";
            return Err(InputError::new(FaultCode::TooLong, detail));
        }
        Ok(BaseUrl(plain.to_owned()))
    }
}

millwright_core::deserr_from_str!(BaseUrl);

impl PartialSchema for BaseUrl {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[hH][tT][tT][pP][sS]?://"))
            .max_length(Some(300));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for BaseUrl {}

/// Headers of every request to a provider: at most 10, no credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExtraHeaders(BTreeMap<String, String>);

/// What the gateway sets itself, credentials, and what belongs to one hop (RFC 9110 7.6.1).
const REFUSED_HEADERS: &[&str] = &[
    "authorization",
    "x-api-key",
    "host",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-type",
    "cookie",
];

impl ExtraHeaders {
    /// Names in lower case, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn check(name: &str, value: &str) -> Result<(), InputError> {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(token) {
            return Err(InputError::bad_format("is no header name of at most 64 characters"));
        }
        if REFUSED_HEADERS.contains(&name) {
            return Err(InputError::not_allowed("is set by the gateway itself"));
        }
        if value.chars().count() > 300 {
            return Err(InputError::new(FaultCode::TooLong, "must have at most 300 characters"));
        }
        if !value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
            return Err(InputError::bad_format("must be visible ASCII"));
        }
        Ok(())
    }
}

impl Deserr<Faults> for ExtraHeaders {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let sent = BTreeMap::<String, String>::deserialize_from_value(value, location)?;
        if sent.len() > 10 {
            let refused = InputError::new(FaultCode::TooLong, "must have at most 10 headers");
            return Err(Faults::refused(refused, location));
        }
        let mut headers = BTreeMap::new();
        let mut faults = Faults::default();
        for (name, value) in sent {
            let folded = name.to_ascii_lowercase();
            let here = ValuePointerRef::Key { key: &name, prev: &location };
            let value = value.trim().to_owned();
            if let Err(refused) = ExtraHeaders::check(&folded, &value) {
                faults.0.extend(Faults::refused(refused, here).0);
            } else if headers.insert(folded, value).is_some() {
                let refused = InputError::new(FaultCode::Duplicate, "is there already");
                faults.0.extend(Faults::refused(refused, here).0);
            }
        }
        if faults.0.is_empty() { Ok(ExtraHeaders(headers)) } else { Err(faults) }
    }
}

impl PartialSchema for ExtraHeaders {
    fn schema() -> RefOr<Schema> {
        let value = ObjectBuilder::new().schema_type(Type::String).max_length(Some(300)).build();
        let object = ObjectBuilder::new()
            .additional_properties(Some(Schema::Object(value)))
            .description(Some("At most 10, names of at most 64 characters"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for ExtraHeaders {
    fn name() -> Cow<'static, str> {
        "ExtraHeaders".into()
    }
}

/// How long to wait for a provider, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timeouts {
    pub connect_seconds: u32,
    pub first_token_seconds: u32,
    pub idle_seconds: u32,
    pub total_seconds: u32,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect_seconds: 5,
            first_token_seconds: 60,
            idle_seconds: 30,
            total_seconds: 600,
        }
    }
}

/// Some of the timeouts; the others stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct TimeoutOverrides {
    #[deserr(default)]
    #[schema(inline, required = false)]
    pub connect_seconds: Option<Bounded<1, 30>>,
    #[deserr(default)]
    #[schema(inline, required = false)]
    pub first_token_seconds: Option<Bounded<1, 300>>,
    #[deserr(default)]
    #[schema(inline, required = false)]
    pub idle_seconds: Option<Bounded<1, 300>>,
    #[deserr(default)]
    #[schema(inline, required = false)]
    pub total_seconds: Option<Bounded<1, 870>>,
}

impl Timeouts {
    /// With those that are given.
    #[must_use]
    pub fn with(self, overrides: &TimeoutOverrides) -> Timeouts {
        let or = |given: Option<u32>, own: u32| given.unwrap_or(own);
        Timeouts {
            connect_seconds: or(overrides.connect_seconds.map(Bounded::get), self.connect_seconds),
            first_token_seconds: or(
                overrides.first_token_seconds.map(Bounded::get),
                self.first_token_seconds,
            ),
            idle_seconds: or(overrides.idle_seconds.map(Bounded::get), self.idle_seconds),
            total_seconds: or(overrides.total_seconds.map(Bounded::get), self.total_seconds),
        }
    }
}

/// A provider, as configured. What it has spent and how it fares is stored elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    pub id: ProviderId,
    #[serde(flatten)]
    pub common: Common,
    #[schema(inline)]
    pub slug: Slug<2, 31>,
    #[schema(inline)]
    pub name: Line<1, 80>,
    pub kind: ProviderKind,
    pub base_url: BaseUrl,
    pub secret_id: Option<SecretId>,
    /// The binding by which the secret may be revealed for it.
    pub binding_id: Option<String>,
    pub extra_headers: ExtraHeaders,
    pub enabled: bool,
    /// The least is tried first.
    pub priority: u32,
    pub timeouts: Timeouts,
    pub max_retries: u32,
    pub max_concurrency: Option<u32>,
    /// Of a calendar month in UTC.
    #[schema(inline)]
    pub monthly_budget_micros: Option<UpTo<1_000_000_000_000_000>>,
}

/// The calendar month in UTC, such as `2026-11`.
pub fn month_of(at: Timestamp) -> String {
    at.to_string().chars().take(7).collect()
}
