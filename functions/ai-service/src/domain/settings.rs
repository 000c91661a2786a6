//! Settings of an organization.

use std::{borrow::Cow, str::FromStr};

use deserr::Deserr;
use millwright_core::{FaultCode, Faults, InputError, Line, Timestamp};
use regex::RegexBuilder;
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::{Few, price::Micros};

millwright_core::wire_enum! {
    /// What of requests and answers the log keeps.
    pub enum LogContent {
        None = "none",
        /// Without addresses, numbers and keys.
        Redacted = "redacted",
        Full = "full",
    }
}

millwright_core::wire_enum! {
    /// What requests do with the cache that say nothing of it.
    pub enum CacheMode {
        Off = "off",
        Read = "read",
        Write = "write",
        ReadWrite = "read_write",
    }
}

/// A regular expression of at most 200 characters, of the syntax of the crate `regex`: linear in
/// time, without look-around and back references.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern compiles to no more than this.
    pub const MAX_COMPILED_BYTES: usize = 256 * 1024;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Pattern {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Pattern, InputError> {
        match text.chars().count() {
            0 => return Err(InputError::new(FaultCode::TooShort, "must not be empty")),
            201.. => {
                let detail = "must have at most 200 characters";
                return Err(InputError::new(FaultCode::TooLong, detail));
            }
            _ => {}
        }
        let compiled = RegexBuilder::new(text).size_limit(Pattern::MAX_COMPILED_BYTES).build();
        match compiled {
            Ok(expression) if expression.is_match("") => {
                Err(InputError::bad_format("must not match the empty text"))
            }
            Ok(_) => Ok(Pattern(text.to_owned())),
            Err(_) => Err(InputError::bad_format("is no regular expression in linear time")),
        }
    }
}

millwright_core::deserr_from_str!(Pattern);

impl PartialSchema for Pattern {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(200));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Pattern {
    fn name() -> Cow<'static, str> {
        "RedactionPattern".into()
    }
}

/// What `redacted` leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct Redaction {
    /// Mail addresses, phone and card numbers, tokens and keys.
    #[deserr(default = true)]
    #[schema(required = false)]
    pub built_in: bool,
    #[deserr(default)]
    #[schema(inline, required = false)]
    pub patterns: Few<Pattern, 0, 20>,
}

impl Default for Redaction {
    fn default() -> Redaction {
        Redaction { built_in: true, patterns: Few::default() }
    }
}

/// Settings; version 0 until somebody changes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase")]
pub struct Settings {
    pub version: u64,
    // The model string of requests that name none, where no rule matches.
    #[schema(inline)]
    pub default_model: Line<1, 200>,
    pub log_content: LogContent,
    pub log_retention_days: u32,
    pub redaction: Redaction,
    pub cache_default: CacheMode,
    /// Models without known prices are refused.
    pub require_prices: bool,
    #[schema(inline)]
    pub max_request_cost_micros: Option<Micros>,
    /// The kill switch: from then on no completion is made.
    pub disabled_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub updated_by: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            version: 0,
            default_model: Settings::auto(),
            log_content: LogContent::Redacted,
            log_retention_days: 30,
            redaction: Redaction::default(),
            cache_default: CacheMode::Off,
            require_prices: false,
            max_request_cost_micros: None,
            disabled_at: None,
            updated_at: None,
            updated_by: None,
        }
    }
}

impl Settings {
    /// The model string that leaves the choice to the rules.
    pub const AUTO: &str = "auto";

    fn auto() -> Line<1, 200> {
        Settings::AUTO.parse().unwrap_or_default()
    }

    /// True once the kill switch is thrown.
    pub fn is_disabled(&self, now: Timestamp) -> bool {
        self.disabled_at.is_some_and(|at| at <= now)
    }

    /// The fields in which another version differs, by their names in JSON.
    pub fn fields_changed(&self, other: &Settings) -> Vec<&'static str> {
        [
            (self.default_model != other.default_model, "defaultModel"),
            (self.log_content != other.log_content, "logContent"),
            (self.log_retention_days != other.log_retention_days, "logRetentionDays"),
            (self.redaction != other.redaction, "redaction"),
            (self.cache_default != other.cache_default, "cacheDefault"),
            (self.require_prices != other.require_prices, "requirePrices"),
            (self.max_request_cost_micros != other.max_request_cost_micros, "maxRequestCostMicros"),
            (self.disabled_at != other.disabled_at, "disabledAt"),
        ]
        .into_iter()
        .filter_map(|(differs, field)| differs.then_some(field))
        .collect()
    }
}
