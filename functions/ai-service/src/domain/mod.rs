//! The rules of ai-service: pure types and functions. No I/O, no AWS, no clock, no randomness.

mod chain;
mod configuration;
mod health;
mod limit;
mod model;
mod number;
mod price;
mod prompt;
mod provider;
mod purge;
mod redact;
mod route;
mod rule;
mod settings;
mod slug;
mod template;
mod variable;

use millwright_core::{OrgId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use millwright_core::Few;

pub use self::{
    chain::{Chain, ChainMember, Strategy, Trigger},
    configuration::Configuration,
    health::{
        Bucket, FIRST_TOKEN_BOUNDS, Health, HealthMinute, HealthStatus, ProviderState,
        WINDOW_MINUTES, p50,
    },
    limit::{LimitScope, Quantity, RateLimit, RateLimits, seeded_limits},
    model::{Decimal, Model, ModelDefaults, ModelTier, ModelView, PriceSource, Tokens},
    number::UpTo,
    price::{Micros, PriceTable, PriceTier},
    prompt::{
        LabelName, MAX_MESSAGES, MAX_OWN_LABELS, MAX_PROMPTS, MAX_VERSIONS, Prompt, PromptContent,
        PromptMessage, PromptRole, PromptSlug, PromptVersion, PromptVersionSummary,
        RenderedMessage,
    },
    provider::{
        BaseUrl, ExtraHeaders, Provider, ProviderKind, TimeoutOverrides, Timeouts, month_of,
    },
    purge::Purge,
    redact::redacted,
    route::{
        Candidate, Facts, Measures, Route, RouteFailure, RuleMiss, SkipReason, Skipped, resolve,
    },
    rule::{BudgetPhase, Rule, RuleTarget, RuleWhen, Tag, TaskType},
    settings::{CacheMode, LogContent, Pattern, Redaction, Settings},
    slug::Slug,
    variable::{Variable, values},
};

millwright_core::id! {
    /// A provider of models.
    ProviderId = ProviderNoun("aip");
    /// A model of a provider.
    ModelId = ModelNoun("mdl");
    /// A fallback chain.
    ChainId = ChainNoun("afc");
    /// A routing rule.
    RuleId = RuleNoun("arr");
    /// A prompt template.
    PromptId = PromptNoun("prm");
    /// A rate limit.
    LimitId = LimitNoun("arl");
    /// A secret of secret-management.
    SecretId = SecretNoun("sec");
}

/// How many of each an organization may have.
pub const MAX_PROVIDERS: u64 = 50;
pub const MAX_MODELS: u64 = 500;
pub const MAX_CHAINS: u64 = 100;
pub const MAX_RULES: u64 = 200;
pub const MAX_LIMITS: u64 = 200;

/// When something happened, and by whom: a user, service key, agent or service.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub at: Timestamp,
    pub by: String,
}

/// What every configured thing has, read-only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Common {
    pub organization_id: OrgId,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
}

impl Common {
    /// Of the first version.
    pub fn first(organization_id: OrgId, stamp: Stamp) -> Common {
        Common {
            organization_id,
            version: 1,
            created_at: stamp.at,
            created_by: stamp.by,
            updated_at: stamp.at,
        }
    }

    /// Of the next version. Times never run backwards.
    pub fn advance(&mut self, at: Timestamp) {
        self.version += 1;
        self.updated_at = at.max(self.updated_at);
    }
}
