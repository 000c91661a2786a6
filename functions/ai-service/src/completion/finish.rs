//! The end of a completion: what it came to, told once.

use std::time::Duration;

use futures::future::join3;
use millwright_core::{Result, Tenant};
use millwright_event::{Cause, Effects};
use millwright_model::{Answer, Code, Finish, SurfaceError};
use millwright_store::Outcome;

use super::{
    Completion, CompletionStatus, Holds, budget, fare, limits, milliseconds, open::Open,
    quota::settle, shared::Completions,
};
use crate::{
    domain::month_of,
    events::{CompletionCompleted, CompletionData, CompletionFailed},
};

/// How it ended.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    pub status: CompletionStatus,
    pub error: Option<SurfaceError>,
    /// Which of the plan's targets answered.
    pub target: Option<usize>,
    pub finish: Option<Finish>,
    pub first_token: Option<Duration>,
    pub gateway: Duration,
}

impl Closing {
    pub fn succeeded(target: usize, answer: &Answer) -> Closing {
        Closing {
            status: CompletionStatus::Succeeded,
            error: None,
            target: Some(target),
            finish: answer.choices.first().and_then(|choice| choice.finish.clone()),
            first_token: None,
            gateway: Duration::ZERO,
        }
    }

    pub fn failed(error: &SurfaceError, gateway: Duration) -> Closing {
        Closing {
            status: match error.code {
                Code::ProviderTimeout => CompletionStatus::TimedOut,
                _ => CompletionStatus::Failed,
            },
            error: Some(error.clone()),
            target: None,
            finish: None,
            first_token: None,
            gateway,
        }
    }
}

/// A word for the reason, in OpenAI's words where it has one.
fn word(finish: &Finish) -> String {
    match finish {
        Finish::Stop => "stop",
        Finish::StopSequence(_) => "stop_sequence",
        Finish::Length => "length",
        Finish::ContextLength => "context_length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
        Finish::Pause => "pause",
        Finish::Other(word) => word,
    }
    .chars()
    .take(40)
    .collect()
}

/// Writes the end with its one event, unless another has; then settles what was held. One
/// transaction of two items; where a hard limit applied one invoke, one UpdateItem for each token
/// limit.
///
/// # Errors
/// `unavailable`: the sweep closes it.
pub(super) async fn finish(app: &Completions, mut open: Open, closing: Closing) -> Result<()> {
    let attempts = open.logged_attempts();
    let answered = closing.target.and_then(|place| open.plan.targets.get(place));
    let asked_last = || open.attempts.last().and_then(|it| open.plan.targets.get(it.target));
    let target = answered.or_else(asked_last);
    let (model, provider) = (target.map(|it| it.model_id), target.map(|it| it.provider_id));
    let model_name = target.map(|it| it.name.clone()).unwrap_or_default();
    let kind = target.map(|it| it.kind);
    let asked: Vec<_> = attempts.iter().map(|attempt| attempt.model_id).collect();
    let fell_back = asked.first() != asked.last();
    let summary = &mut open.completion.summary;
    let expected = summary.version;
    summary.version += 1;
    summary.status = closing.status;
    summary.model_id = model.or(summary.model_id);
    summary.provider_id = provider.or(summary.provider_id);
    summary.usage = open.bill.usage.into();
    summary.usage_source = open.bill.source;
    summary.cost_micros = open.bill.cost_micros;
    summary.price_unknown = open.bill.price_unknown;
    summary.duration_ms = milliseconds(open.begun.elapsed());
    summary.error_code = closing.error.as_ref().map(|error| error.code.as_str().to_owned());
    let detail = &mut open.completion.detail;
    detail.attempts = attempts;
    detail.finish_reason = closing.finish.as_ref().map(word);
    detail.first_token_ms = closing.first_token.map(milliseconds);
    detail.gateway_ms = Some(milliseconds(closing.gateway));
    let data = CompletionData::of(&open.completion, model_name, kind, fell_back);
    let mut effects = Effects::new(&app.store, open.asked.cause.clone());
    match open.is_logged {
        true => drop(effects.replace(&open.item(), expected)),
        false => drop(effects.create(&open.item())),
    }
    match closing.status {
        CompletionStatus::Succeeded => effects.emit(&CompletionCompleted(data))?,
        _ => effects.emit(&CompletionFailed(data))?,
    }
    let noted = fare::note(app, &open, &closing);
    let given_back = open.leases.give_back(&app.store);
    let (outcome, (), ()) = join3(effects.attempt(), noted, given_back).await;
    if matches!(outcome?, Outcome::Refused(_)) {
        // Who did has settled what was held.
        tracing::warn!(id = %open.id(), "another has closed the completion");
        return Ok(());
    }
    let used = open.bill.usage.all_input().saturating_add(open.bill.usage.output_tokens);
    limits::correct(&app.store, &open.windows, open.taken, used).await?;
    settle(app, &open.asked.tenant, &open.completion).await;
    settle_budgets(app, &open.asked.tenant, &open.asked.cause, &open.completion).await;
    Ok(())
}

/// What was held of providers' budgets becomes what it came to.
pub(super) async fn settle_budgets(
    app: &Completions,
    tenant: &Tenant,
    cause: &Cause,
    completion: &Completion,
) {
    let Completion { summary, detail } = completion;
    let holds = Holds {
        completion: summary.id,
        providers: detail.held_providers.clone(),
        micros: detail.worst_case_micros,
    };
    let spent = summary.provider_id.map(|provider| (provider, summary.cost_micros));
    budget::settle(app, tenant, &month_of(summary.created_at), &holds, spent).await;
    if let (false, Ok(configuration)) =
        (holds.providers.is_empty(), app.configuration(tenant).await)
    {
        budget::look(app, tenant, cause, &configuration, &holds).await;
    }
}
