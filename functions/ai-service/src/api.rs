//! The table of contents: every operation of ai-service.

use axum::Router;
use millwright_core::codes::{
    CONFLICT, CONTENTION, INVALID_STATE, LIMIT_REACHED, NAME_TAKEN, NOT_FOUND, UNAVAILABLE,
};
use millwright_http::{Api, Purpose, Serving, operation};

use crate::{
    app::AiService,
    catalog, chain,
    codes::{
        EGRESS_DENIED, IN_USE, SCHEMA_INVALID, SECRET_UNAVAILABLE, SLUG_TAKEN, TEMPLATE_INVALID,
    },
    completion::operations as completion,
    estimate, limit, model,
    prompt::operations as prompt,
    provider, rule, settings,
    surface::{dialect, handlers as surface},
};

/// `ai-service`, served.
pub fn router(state: AiService) -> Router {
    dialect(api::<Serving>().router(state))
}

/// All operations of ai-service.
pub fn api<P: Purpose>() -> Api<AiService, P> {
    Api::new("ai-service", "ai")
        .with(operation!(catalog::endpoint_list))
        .with(operation!(catalog::catalog_list))
        .with(operation!(catalog::catalog_get).answers(&[NOT_FOUND]))
        .with(operation!(provider::provider_create).answers(&[
            SLUG_TAKEN,
            LIMIT_REACHED,
            EGRESS_DENIED,
            SECRET_UNAVAILABLE,
        ]))
        .with(operation!(provider::provider_list))
        .with(operation!(provider::provider_get))
        .with(operation!(provider::provider_update).answers(&[
            EGRESS_DENIED,
            SECRET_UNAVAILABLE,
            CONTENTION,
        ]))
        .with(operation!(provider::provider_delete).answers(&[IN_USE, CONTENTION]))
        .with(operation!(provider::provider_enable).answers(&[CONTENTION]))
        .with(operation!(provider::provider_disable).answers(&[CONTENTION]))
        .with(operation!(provider::provider_health))
        .with(operation!(provider::provider_test).answers(&[UNAVAILABLE, CONTENTION]))
        .with(operation!(provider::provider_sync_models).answers(&[
            UNAVAILABLE,
            NAME_TAKEN,
            LIMIT_REACHED,
        ]))
        .with(operation!(model::model_create).answers(&[NOT_FOUND, NAME_TAKEN, LIMIT_REACHED]))
        .with(operation!(model::model_list))
        .with(operation!(model::model_get))
        .with(operation!(model::model_update).answers(&[CONTENTION]))
        .with(operation!(model::model_delete).answers(&[IN_USE, CONTENTION]))
        .with(operation!(estimate::model_estimate))
        .with(operation!(rule::routing_rule_create).answers(&[
            NOT_FOUND,
            NAME_TAKEN,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(rule::routing_rule_list))
        .with(operation!(rule::routing_rule_get))
        .with(operation!(rule::routing_rule_update).answers(&[NAME_TAKEN, CONTENTION]))
        .with(operation!(rule::routing_rule_delete).answers(&[CONTENTION]))
        .with(operation!(rule::routing_explain))
        .with(operation!(chain::fallback_chain_create).answers(&[
            NOT_FOUND,
            SLUG_TAKEN,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(chain::fallback_chain_list))
        .with(operation!(chain::fallback_chain_get))
        .with(operation!(chain::fallback_chain_update).answers(&[SLUG_TAKEN, CONTENTION]))
        .with(operation!(chain::fallback_chain_delete).answers(&[IN_USE, CONTENTION]))
        .with(operation!(limit::rate_limit_create).answers(&[CONFLICT, LIMIT_REACHED]))
        .with(operation!(limit::rate_limit_list))
        .with(operation!(limit::rate_limit_get))
        .with(operation!(limit::rate_limit_update).answers(&[CONTENTION]))
        .with(operation!(limit::rate_limit_delete).answers(&[CONTENTION]))
        .with(operation!(prompt::prompt_create).answers(&[SLUG_TAKEN, LIMIT_REACHED]))
        .with(operation!(prompt::prompt_list))
        .with(operation!(prompt::prompt_get))
        .with(operation!(prompt::prompt_update).answers(&[CONTENTION]))
        .with(operation!(prompt::prompt_delete).answers(&[CONTENTION]))
        .with(operation!(prompt::prompt_version_create).answers(&[
            TEMPLATE_INVALID,
            SCHEMA_INVALID,
            INVALID_STATE,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(prompt::prompt_version_list))
        .with(operation!(prompt::prompt_version_get))
        .with(operation!(prompt::prompt_label_set).answers(&[
            INVALID_STATE,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(prompt::prompt_label_clear).answers(&[INVALID_STATE, CONTENTION]))
        .with(operation!(prompt::prompt_render).answers(&[TEMPLATE_INVALID]))
        .with(operation!(settings::settings_get))
        .with(operation!(settings::settings_update).answers(&[CONTENTION]))
        .with(operation!(completion::completion_list))
        .with(operation!(completion::completion_get).answers(&[NOT_FOUND]))
        .with(operation!(completion::completion_cancel).answers(&[NOT_FOUND, INVALID_STATE]))
        .with(operation!(completion::completion_rate).answers(&[
            NOT_FOUND,
            INVALID_STATE,
            CONTENTION,
        ]))
        .with(operation!(completion::cache_purge))
        // OpenAI's surface
        .with(operation!(surface::openai_chat_create))
        .with(operation!(surface::openai_model_list))
        .with(operation!(surface::openai_model_get))
        // Anthropic's surface
        .with(operation!(surface::anthropic_message_create))
        .with(operation!(surface::anthropic_token_count))
        .with(operation!(surface::anthropic_model_list))
}
