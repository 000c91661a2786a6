//! The events ai-service emits.

use millwright_core::{OrgId, ProjectId, Timestamp, UserId};
use millwright_http::access_denied_event;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    completion::{Completion, CompletionId, CompletionStatus, TokenUsage},
    domain::{
        HealthStatus, LimitScope, ModelId, Prompt, PromptId, ProviderId, ProviderKind, Purge,
        TaskType,
    },
    gateway::UsageSource,
};

/// A changed field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    pub field: String,
    /// Of headers their names alone.
    pub from: Value,
    pub to: Value,
}

/// What happened to a provider.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderData {
    pub provider_id: ProviderId,
    pub slug: String,
    pub version: u64,
    pub changes: Vec<FieldChange>,
}

/// What happened to a configured thing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ThingData {
    pub id: String,
    pub version: u64,
    /// As it was; null of a new one.
    pub before: Value,
    /// As it is; null of a deleted one.
    pub after: Value,
}

/// What of the settings has changed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsData {
    pub organization_id: OrgId,
    pub version: u64,
    pub changes: Vec<FieldChange>,
}

/// What a completion came to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompletionData {
    pub completion_id: CompletionId,
    pub model_id: Option<ModelId>,
    pub provider_id: Option<ProviderId>,
    /// The kind of the provider.
    pub provider: Option<ProviderKind>,
    /// The provider's name of the model.
    pub model: String,
    pub status: CompletionStatus,
    pub usage: TokenUsage,
    pub usage_source: UsageSource,
    pub cost_micros: u64,
    pub price_unknown: bool,
    pub cached: bool,
    pub duration_ms: u64,
    pub first_token_ms: Option<u64>,
    pub user_id: Option<UserId>,
    pub api_key_id: Option<String>,
    pub project_id: Option<ProjectId>,
    pub task_type: Option<TaskType>,
    /// Another model than the first answered.
    pub fell_back: bool,
    pub error_code: Option<String>,
}

impl CompletionData {
    pub fn of(
        completion: &Completion,
        model: String,
        provider: Option<ProviderKind>,
        fell_back: bool,
    ) -> CompletionData {
        let Completion { summary, detail } = completion;
        CompletionData {
            completion_id: summary.id,
            model_id: summary.model_id,
            provider_id: summary.provider_id,
            provider,
            model,
            status: summary.status,
            usage: summary.usage,
            usage_source: summary.usage_source,
            cost_micros: summary.cost_micros,
            price_unknown: summary.price_unknown,
            cached: detail.cached,
            duration_ms: summary.duration_ms,
            first_token_ms: detail.first_token_ms,
            user_id: summary.user_id,
            api_key_id: summary.api_key_id.clone(),
            project_id: summary.project_id,
            task_type: detail.task_type,
            fell_back,
            error_code: summary.error_code.clone(),
        }
    }
}

/// How a test of a provider went.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestData {
    pub provider_id: ProviderId,
    pub ok: bool,
    pub latency_ms: u64,
    pub error_code: Option<String>,
}

/// How a provider fares now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthData {
    pub provider_id: ProviderId,
    pub from: HealthStatus,
    pub to: HealthStatus,
    /// The code of the last failure; null of a healthy one.
    pub last_error: Option<String>,
    pub since: Timestamp,
}

/// How far a provider's budget is used.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetData {
    pub provider_id: ProviderId,
    /// In this month, UTC.
    pub spent_micros: u64,
    pub budget_micros: u64,
}

/// Which answers of the cache are given no more.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PurgeData {
    pub organization_id: OrgId,
    #[serde(flatten)]
    pub purge: Purge,
}

/// A window of a rate limit that is full.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitExceededData {
    pub scope: LimitScope,
    pub subject_id: String,
    /// `minute` or `day`, in UTC.
    pub window: String,
    /// The limit of requests, if there is one.
    pub requests: Option<u64>,
    /// The limit of tokens, if there is one.
    pub tokens: Option<u64>,
    /// When the window ends.
    pub resets: Timestamp,
}

/// What a prompt is called now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromptData {
    pub prompt_id: PromptId,
    pub slug: String,
    /// Of the prompt itself, not of what it says.
    pub version: u64,
    pub name: String,
    pub archived: bool,
}

impl PromptData {
    pub fn of(prompt: &Prompt) -> PromptData {
        PromptData {
            prompt_id: prompt.id,
            slug: prompt.slug.to_string(),
            version: prompt.common.version,
            name: prompt.name.to_string(),
            archived: prompt.archived,
        }
    }
}

/// A new version of a prompt.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromptVersionData {
    pub prompt_id: PromptId,
    pub slug: String,
    pub version: u32,
}

/// Where a label of a prompt points.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromptLabelData {
    pub prompt_id: PromptId,
    pub slug: String,
    pub label: String,
    /// The version before; null of a new label.
    pub from: Option<u32>,
    /// The version now; null of a label that was taken away.
    pub to: Option<u32>,
}

fn prompt_example(archived: bool) -> Value {
    json!({
        "promptId": "prm_01jdz7xk2nf5h9vq3w8c6m4t0b", "slug": "review", "version": 2,
        "name": "Review of a change", "archived": archived,
    })
}

fn budget_example(spent: u64) -> Value {
    json!({
        "providerId": "aip_01jdz7xk2nf5h9vq3w8c6m4t0b",
        "spentMicros": spent, "budgetMicros": 50_000_000,
    })
}

fn completion_example(status: &str, error: Value) -> Value {
    json!({
        "completionId": "cmp_01jdz7xk2nf5h9vq3w8c6m4t0b",
        "modelId": "mdl_01jdz7xk2nf5h9vq3w8c6m4t0b",
        "providerId": "aip_01jdz7xk2nf5h9vq3w8c6m4t0b",
        "provider": "openai", "model": "gpt-5-mini", "status": status,
        "usage": {
            "inputTokens": 1200, "cacheReadTokens": 0, "cacheWriteTokens": 0,
            "outputTokens": 340, "reasoningTokens": 0,
        },
        "usageSource": "provider", "costMicros": 980, "priceUnknown": false, "cached": false,
        "durationMs": 2100, "firstTokenMs": 310,
        "userId": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b", "apiKeyId": null, "projectId": null,
        "taskType": "coding", "fellBack": false, "errorCode": error,
    })
}

fn provider_example() -> Value {
    json!({
        "providerId": "aip_01jdz7xk2nf5h9vq3w8c6m4t0b", "slug": "open-ai", "version": 2,
        "changes": [{ "field": "priority", "from": 100, "to": 50 }],
    })
}

fn example(id: &str) -> Value {
    json!({ "id": id, "version": 2, "before": { "enabled": true }, "after": { "enabled": false } })
}

millwright_event::events! {
    service: "ai-service";
    further: [access_denied_event("ai.access.denied", "ai-service")];

    /// A provider was created.
    ProviderCreated(ProviderData) = "ai.provider.created",
        about provider_id, provider_example();
    /// A provider was changed.
    ProviderUpdated(ProviderData) = "ai.provider.updated",
        about provider_id, provider_example();
    /// A provider was deleted, and its models with it.
    ProviderDeleted(ProviderData) = "ai.provider.deleted",
        about provider_id, provider_example();
    /// Somebody has tried a provider.
    ProviderTested(TestData) = "ai.provider.tested",
        about provider_id, json!({
            "providerId": "aip_01jdz7xk2nf5h9vq3w8c6m4t0b", "ok": false, "latencyMs": 230,
            "errorCode": "provider_auth_failed",
        });
    /// A provider fares otherwise than before.
    ProviderHealthChanged(HealthData) = "ai.provider.health_changed",
        about provider_id, json!({
            "providerId": "aip_01jdz7xk2nf5h9vq3w8c6m4t0b", "from": "healthy", "to": "unhealthy",
            "lastError": "provider_auth_failed", "since": "2026-11-23T09:00:00.000Z",
        });
    /// A provider has spent 80 percent of its budget; once a month.
    ProviderBudgetWarning(BudgetData) = "ai.provider.budget_warning",
        about provider_id, budget_example(40_100_000);
    /// A provider's budget has no room any more; once a month.
    ProviderBudgetExceeded(BudgetData) = "ai.provider.budget_exceeded",
        about provider_id, budget_example(49_900_000);
    /// A model was created.
    ModelCreated(ThingData) = "ai.model.created",
        about id, example("mdl_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// A model was changed.
    ModelUpdated(ThingData) = "ai.model.updated",
        about id, example("mdl_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// A model was deleted.
    ModelDeleted(ThingData) = "ai.model.deleted",
        about id, example("mdl_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// A routing rule was created.
    RoutingRuleCreated(ThingData) = "ai.routing_rule.created",
        about id, example("arr_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// A routing rule was changed.
    RoutingRuleUpdated(ThingData) = "ai.routing_rule.updated",
        about id, example("arr_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// A routing rule was deleted.
    RoutingRuleDeleted(ThingData) = "ai.routing_rule.deleted",
        about id, example("arr_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// A fallback chain was created.
    FallbackChainCreated(ThingData) = "ai.fallback_chain.created",
        about id, example("afc_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// A fallback chain was changed.
    FallbackChainUpdated(ThingData) = "ai.fallback_chain.updated",
        about id, example("afc_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// A fallback chain was deleted.
    FallbackChainDeleted(ThingData) = "ai.fallback_chain.deleted",
        about id, example("afc_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// A rate limit was created.
    RateLimitCreated(ThingData) = "ai.rate_limit.created",
        about id, example("arl_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// A rate limit was changed.
    RateLimitUpdated(ThingData) = "ai.rate_limit.updated",
        about id, example("arl_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// A rate limit was deleted.
    RateLimitDeleted(ThingData) = "ai.rate_limit.deleted",
        about id, example("arl_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// Somebody was refused by a rate limit; once for each subject and window.
    RateLimitExceeded(RateLimitExceededData) = "ai.rate_limit.exceeded",
        about subject_id, json!({
            "scope": "user", "subjectId": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b", "window": "minute",
            "requests": 60, "tokens": 100_000, "resets": "2026-11-23T09:01:00.000Z",
        });
    /// A completion succeeded.
    CompletionCompleted(CompletionData) = "ai.completion.completed",
        about completion_id, completion_example("succeeded", Value::Null);
    /// A completion ended otherwise; what it consumed is charged.
    CompletionFailed(CompletionData) = "ai.completion.failed",
        about completion_id, completion_example("failed", "provider_error".into());
    /// A prompt was created.
    PromptCreated(PromptData) = "ai.prompt.created",
        about prompt_id, prompt_example(false);
    /// A prompt was renamed, described anew, or taken back into use.
    PromptUpdated(PromptData) = "ai.prompt.updated",
        about prompt_id, prompt_example(false);
    /// A prompt was taken out of use.
    PromptArchived(PromptData) = "ai.prompt.archived",
        about prompt_id, prompt_example(true);
    /// A prompt has a new version.
    PromptVersionCreated(PromptVersionData) = "ai.prompt.version_created",
        about prompt_id, json!({
            "promptId": "prm_01jdz7xk2nf5h9vq3w8c6m4t0b", "slug": "review", "version": 3,
        });
    /// A label of a prompt points at another version.
    PromptLabelMoved(PromptLabelData) = "ai.prompt.label_moved",
        about prompt_id, json!({
            "promptId": "prm_01jdz7xk2nf5h9vq3w8c6m4t0b", "slug": "review",
            "label": "production", "from": 2, "to": 3,
        });
    /// Kept answers were taken back.
    CachePurged(PurgeData) = "ai.cache.purged",
        about organization_id, json!({
            "organizationId": "org_01jdz7xk2nf5h9vq3w8c6m4t0b",
            "modelId": "mdl_01jdz7xk2nf5h9vq3w8c6m4t0b", "userId": null,
            "at": "2026-11-23T09:00:00.000Z",
        });
    /// The settings were changed; the kill switch among them.
    SettingsUpdated(SettingsData) = "ai.settings.updated",
        about organization_id, json!({
            "organizationId": "org_01jdz7xk2nf5h9vq3w8c6m4t0b", "version": 3,
            "changes": [{ "field": "logContent", "from": "redacted", "to": "none" }],
        });
}
