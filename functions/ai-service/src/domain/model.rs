//! Models: what of a provider the organization uses, and what of it the catalogue knows.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use millwright_core::{Bounded, FaultCode, Faults, InputError, Line, RoleId};
use millwright_model::{Capabilities, Capability, Defaults, Prices, catalogue};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::{Common, Few, ModelId, PriceTable, ProviderId, ProviderKind};

millwright_core::wire_enum! {
    /// What class of prices a model is in.
    pub enum ModelTier {
        Economy = "economy",
        Standard = "standard",
        Premium = "premium",
    }
}

impl ModelTier {
    /// By the price of output: below 1, below 10, 10 dollars per million tokens and more.
    pub fn of(prices: Option<&Prices>) -> ModelTier {
        match prices.map_or(0, |prices| prices.base.output_micros_per_m_tok) {
            ..1_000_000 => ModelTier::Economy,
            1_000_000..10_000_000 => ModelTier::Standard,
            _ => ModelTier::Premium,
        }
    }
}

millwright_core::wire_enum! {
    /// Where the prices of a model are from.
    pub enum PriceSource {
        Catalog = "catalog",
        Override = "override",
        /// It costs 0, and every entry of the log says that its price is unknown.
        Unset = "unset",
    }
}

/// A decimal from 0 to `MAX`, such as a temperature.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Decimal<const MAX: u32>(f64);

impl<const MAX: u32> Decimal<MAX> {
    pub fn get(self) -> f64 {
        self.0
    }
}

impl<const MAX: u32> Deserr<Faults> for Decimal<MAX> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let number = f64::deserialize_from_value(value, location)?;
        let refused =
            |code| Faults::refused(InputError::new(code, format!("must be 0 to {MAX}")), location);
        match number {
            number if number.is_nan() || number < 0.0 => Err(refused(FaultCode::TooSmall)),
            number if number > f64::from(MAX) => Err(refused(FaultCode::TooLarge)),
            number => Ok(Decimal(number)),
        }
    }
}

impl<const MAX: u32> PartialSchema for Decimal<MAX> {
    fn schema() -> RefOr<Schema> {
        let object =
            ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).maximum(Some(MAX));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl<const MAX: u32> ToSchema for Decimal<MAX> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("Decimal{MAX}").into()
    }
}

/// What requests get that say nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct ModelDefaults {
    #[deserr(default)]
    #[schema(inline, required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Decimal<2>>,
    #[deserr(default)]
    #[schema(inline, required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<Decimal<1>>,
    #[deserr(default)]
    #[schema(inline, required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<Tokens>,
    #[deserr(default)]
    #[schema(inline, required = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Few<Line<1, 100>, 0, 4>>,
}

impl From<&ModelDefaults> for Defaults {
    fn from(defaults: &ModelDefaults) -> Defaults {
        let stop = defaults.stop.iter().flat_map(|stop| stop.as_slice());
        Defaults {
            temperature: defaults.temperature.map(Decimal::get),
            top_p: defaults.top_p.map(Decimal::get),
            max_output_tokens: defaults.max_output_tokens.map(|tokens| tokens.get().into()),
            stop: stop.map(ToString::to_string).collect(),
        }
    }
}

/// Tokens of a window or an answer.
pub type Tokens = Bounded<1, 10_000_000>;

/// Without a word of the catalogue.
const CONTEXT_WINDOW: u64 = 8_192;
const MAX_OUTPUT_TOKENS: u64 = 4_096;

/// A model as configured: what is None comes from the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    pub id: ModelId,
    #[serde(flatten)]
    pub common: Common,
    pub provider_id: ProviderId,
    /// The provider's name of it.
    pub name: Line<1, 120>,
    /// `<vendor>:<model>`
    pub catalog_key: Option<String>,
    pub display_name: Option<Line<1, 120>>,
    pub tier: Option<ModelTier>,
    pub capabilities: Option<Few<Capability, 0, 10>>,
    pub context_window: Option<Tokens>,
    pub max_output_tokens: Option<Tokens>,
    pub prices: Option<PriceTable>,
    pub defaults: ModelDefaults,
    pub enabled: bool,
    /// None: everybody who may complete.
    pub allowed_roles: Option<Few<RoleId, 0, 50>>,
}

impl Model {
    /// The entry that a provider's model most likely is. Models of a local server cost what they
    /// cost there, whatever others of the name do.
    pub fn catalog_key_of(kind: ProviderKind, name: &str) -> Option<String> {
        let found = match kind {
            ProviderKind::Ollama => None,
            kind => catalogue::best_match(kind.vendor(), name),
        };
        found.map(|entry| entry.key.clone())
    }

    fn entry(&self) -> Option<&'static catalogue::Entry> {
        self.catalog_key.as_deref().and_then(catalogue::get)
    }

    /// None: unknown, costs 0.
    pub fn prices(&self) -> Option<Prices> {
        match &self.prices {
            Some(table) => Some(table.into()),
            None => self.entry().and_then(|entry| entry.prices.clone()),
        }
    }

    pub fn price_source(&self) -> PriceSource {
        match (&self.prices, self.entry().and_then(|entry| entry.prices.as_ref())) {
            (Some(_), _) => PriceSource::Override,
            (None, Some(_)) => PriceSource::Catalog,
            (None, None) => PriceSource::Unset,
        }
    }

    /// What it can do; of models that nobody described: chat, streaming and tools.
    pub fn capabilities(&self) -> Capabilities {
        if let Some(own) = &self.capabilities {
            return own.as_slice().iter().copied().collect();
        }
        match self.entry().filter(|entry| !entry.capabilities.is_empty()) {
            Some(entry) => {
                let mut known = entry.capabilities.clone();
                if known.contains(&Capability::Chat) {
                    known.extend([Capability::Streaming, Capability::Tools]);
                }
                known
            }
            None => [Capability::Chat, Capability::Streaming, Capability::Tools].into(),
        }
    }

    /// Tokens of input and output together.
    pub fn context_window(&self) -> u64 {
        let own = self.context_window.map(|tokens| u64::from(tokens.get()));
        own.or_else(|| self.entry()?.context_window).unwrap_or(CONTEXT_WINDOW)
    }

    pub fn max_output_tokens(&self) -> u64 {
        let own = self.max_output_tokens.map(|tokens| u64::from(tokens.get()));
        own.or_else(|| self.entry()?.max_output_tokens).unwrap_or(MAX_OUTPUT_TOKENS)
    }

    pub fn display_name(&self) -> &str {
        match &self.display_name {
            Some(own) => own.as_str(),
            None => self.entry().map_or(self.name.as_str(), |entry| entry.display_name),
        }
    }

    pub fn tier(&self) -> ModelTier {
        self.tier.unwrap_or_else(|| ModelTier::of(self.prices().as_ref()))
    }

    /// True if somebody of one of these roles may use it.
    pub fn allows(&self, roles: &[RoleId]) -> bool {
        let allowed = self.allowed_roles.as_ref();
        allowed.is_none_or(|allowed| allowed.as_slice().iter().any(|role| roles.contains(role)))
    }

    /// As shown.
    pub fn view(&self) -> ModelView {
        ModelView {
            id: self.id,
            common: self.common.clone(),
            provider_id: self.provider_id,
            name: self.name.clone(),
            catalog_key: self.catalog_key.clone(),
            display_name: self.display_name().to_owned(),
            tier: self.tier(),
            capabilities: self.capabilities().iter().map(|it| it.as_str().to_owned()).collect(),
            context_window: self.context_window(),
            max_output_tokens: self.max_output_tokens(),
            prices: self.prices().as_ref().map(PriceTable::from),
            price_source: self.price_source(),
            defaults: self.defaults.clone(),
            enabled: self.enabled,
            allowed_roles: self.allowed_roles.as_ref().map(|roles| roles.as_slice().to_vec()),
        }
    }
}

/// A model, with what it inherits from the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelView {
    pub id: ModelId,
    #[serde(flatten)]
    pub common: Common,
    pub provider_id: ProviderId,
    #[schema(inline)]
    pub name: Line<1, 120>,
    pub catalog_key: Option<String>,
    pub display_name: String,
    pub tier: ModelTier,
    pub capabilities: Vec<String>,
    /// Tokens of input and output together.
    pub context_window: u64,
    pub max_output_tokens: u64,
    /// Null while they are unknown: it costs 0 then.
    pub prices: Option<PriceTable>,
    pub price_source: PriceSource,
    pub defaults: ModelDefaults,
    pub enabled: bool,
    /// Null: everybody who may complete.
    pub allowed_roles: Option<Vec<RoleId>>,
}
