//! Completions, as the log keeps them.

use std::time::Duration;

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, Value, ValuePointerRef};
use millwright_core::{ProjectId, Timestamp, UserId};
use millwright_model::Usage;
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::{
    domain::{ChainId, ModelId, ProviderId, RuleId, TaskType},
    gateway::UsageSource,
    prompt::PromptUse,
};

millwright_core::id! {
    /// A completion.
    CompletionId = CompletionNoun("cmp");
}

millwright_core::wire_enum! {
    /// By which way a completion was asked for.
    pub enum CompletionSurface {
        OpenAi = "openai",
        Anthropic = "anthropic",
        Native = "native",
        Agent = "agent",
        Batch = "batch",
        Embedding = "embedding",
    }
}

millwright_core::wire_enum! {
    /// How far a completion is.
    pub enum CompletionStatus {
        InProgress = "in_progress",
        Succeeded = "succeeded",
        Failed = "failed",
        TimedOut = "timed_out",
        RateLimited = "rate_limited",
        Cancelled = "cancelled",
        ClientDisconnected = "client_disconnected",
    }
}

/// Tokens, counted alike whoever counted: the three kinds of input exclude each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenUsage {
    pub input_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_write_tokens: u64,
    /// Reasoning included.
    pub output_tokens: u64,
    pub reasoning_tokens: u64,
}

impl From<Usage> for TokenUsage {
    fn from(usage: Usage) -> TokenUsage {
        TokenUsage {
            input_tokens: usage.input_tokens,
            cache_read_tokens: usage.cache_read_tokens,
            cache_write_tokens: usage.cache_write_tokens,
            output_tokens: usage.output_tokens,
            reasoning_tokens: usage.reasoning_tokens,
        }
    }
}

/// A completion without its attempts: what lists show, at most 1 KB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompletionSummary {
    pub id: CompletionId,
    pub version: u64,
    pub status: CompletionStatus,
    pub surface: CompletionSurface,
    /// As the client named it, or the prompt of one that named none.
    pub requested_model: String,
    /// What answered, or was asked last.
    pub model_id: Option<ModelId>,
    pub provider_id: Option<ProviderId>,
    pub stream: bool,
    pub usage: TokenUsage,
    pub usage_source: UsageSource,
    pub cost_micros: u64,
    pub price_unknown: bool,
    pub created_at: Timestamp,
    pub duration_ms: u64,
    pub error_code: Option<String>,
    pub user_id: Option<UserId>,
    pub api_key_id: Option<String>,
    pub project_id: Option<ProjectId>,
    #[serde(default)]
    pub tags: Vec<String>,
}

/// One try of a completion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompletionAttempt {
    pub model_id: ModelId,
    pub started_at: Timestamp,
    pub duration_ms: u64,
    /// `answered`, `failed` or `unfit`.
    pub outcome: String,
    pub upstream_status: Option<u16>,
    pub error_code: Option<String>,
}

/// Good, bad, or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Score(i8);

impl<E: DeserializeError> Deserr<E> for Score {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        let number = i8::deserialize_from_value(value, location)?;
        if (-1..=1).contains(&number) {
            return Ok(Score(number));
        }
        let refused = ErrorKind::Unexpected { msg: "must be -1, 0 or 1".to_owned() };
        Err(deserr::take_cf_content(E::error::<V>(None, refused, location)))
    }
}

impl PartialSchema for Score {
    fn schema() -> RefOr<Schema> {
        let object =
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(-1)).maximum(Some(1));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Score {}

/// What somebody thinks of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rating {
    pub score: Score,
    pub comment: Option<String>,
}

/// What only the completion itself shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompletionDetail {
    pub chain_id: Option<ChainId>,
    pub rule_id: Option<RuleId>,
    pub attempts: Vec<CompletionAttempt>,
    pub task_type: Option<TaskType>,
    /// The version of the prompt that it began with.
    #[serde(default)]
    pub prompt_version: Option<PromptUse>,
    pub finish_reason: Option<String>,
    /// From the client's request to the first event for it.
    pub first_token_ms: Option<u64>,
    /// The part of the duration that nobody else is to blame for.
    pub gateway_ms: Option<u64>,
    /// Of the request as it came.
    pub request_sha256: String,
    /// Tokens of the input, estimated before it was sent.
    pub input_estimate: u64,
    /// The worst case that was held, if any was.
    pub reservation_id: Option<String>,
    /// Providers of whose budgets the worst case was held.
    #[serde(default)]
    pub held_providers: Vec<ProviderId>,
    /// Micro-dollars.
    pub worst_case_micros: u64,
    pub cached: bool,
    /// Whether the answer matches the schema of the request; null if nobody looked.
    #[serde(default)]
    pub schema_valid: Option<bool>,
    /// How often it was asked for again, since it did not match.
    #[serde(default)]
    pub repairs: u32,
    #[serde(default)]
    pub rating: Option<Rating>,
}

/// A completion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Completion {
    #[serde(flatten)]
    pub summary: CompletionSummary,
    #[serde(flatten)]
    pub detail: CompletionDetail,
}

/// Until when a completion must have ended: the longest that a function lives, and a minute. The
/// sweep closes what is open after that.
pub const OPEN_FOR: Duration = Duration::from_secs(16 * 60);

/// Whole milliseconds.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
