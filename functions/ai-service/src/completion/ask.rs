//! One request: the gates in their order, the provider, the answer.

use std::time::Duration;

use millwright_model::{Code, Surface, SurfaceError, estimate, read_request, replay, write_answer};
use millwright_store::Condition;
use tokio::time::Instant;

use super::{
    Answered, Asked, Completion, CompletionDetail, CompletionId, CompletionStatus,
    CompletionSummary, CompletionSurface, Extension, Refused, TokenUsage, budget,
    cache::{Cache, Found, keep},
    choose::{facts, found, worst_case},
    finish::{Closing, finish},
    lease::{self, Leases},
    limits::{self, Subjects},
    open::Open,
    plan::{known, plan},
    quota::reserve,
    shape::{Shape, asked_again, mismatch},
    shared::Completions,
    stream::{self, Streaming},
};
use crate::{
    domain::{Configuration, Measures, Route, RouteFailure, month_of, resolve},
    gateway::{Begun, Bill, Failed, Plan, Run, UsageSource, Whole},
};

/// Answers a request. Before the provider: one Query of the configuration if it is older than 30
/// seconds, one GetItem for a prompt, the keys that are not in memory, one UpdateItem for each rate limit, one GetItem where
/// the cache may have it, and one PutItem; where a hard limit applies one invoke. After it: one transaction of two items, and the
/// corrections of token limits. For a stream the latter happens when it ends.
///
/// # Errors
/// [`Refused`].
pub async fn complete(app: &Completions, asked: Asked) -> Result<Answered, Refused> {
    let begun = Instant::now();
    let tenant = asked.tenant;
    let mut configuration = app.configuration(&tenant).await?;
    if configuration.settings.is_disabled(app.now()) {
        let message = "completions are switched off for the organization";
        return Err(SurfaceError::new(Code::AiDisabled, message).into());
    }
    let mut request =
        read_request(asked.surface, asked.body.clone()).map_err(SurfaceError::from)?;
    let mut extension = Extension::read(request.extension.take())?;
    let prompts = app.prompts();
    let prompt = prompts.apply(&app.store, &tenant, &mut extension, &mut request).await?;
    if request.messages.is_empty() {
        return Err(no_message().into());
    }
    let input_estimate = estimate::input_tokens(&request, &estimate::ByBytes);
    let shape = Shape::of(&request, &extension)?;
    let repairs = shape.as_ref().map_or(0, |shape| shape.repairs);
    let phase = app.budget_phase(&tenant, asked.user, extension.project_id);
    let facts = facts(&asked, &request, &extension, input_estimate, phase);
    let seed = u64::from_be_bytes(app.store.ids().random_bytes());
    let cooling = configuration.states.values().flat_map(|state| state.cooling(app.now()));
    let measures = Measures { seed, cooling: cooling.collect(), ..Measures::default() };
    let failure = resolve(&configuration, &facts, &measures).failure;
    if failure == Some(RouteFailure::ModelNotFound) {
        configuration = app.configuration_renewed(&tenant).await?;
    }
    let route = found(resolve(&configuration, &facts, &measures), &request, input_estimate)?;
    let worst_case_micros = worst_case(&route, &request, input_estimate, repairs);
    let first = route.candidates.first();
    let id: CompletionId = app.store.ids().next();
    let subjects = Subjects {
        organization: tenant.organization().map(|id| id.to_string()).unwrap_or_default(),
        user: asked.user.map(|id| id.to_string()),
        api_key: asked.api_key.clone(),
        model: first.map(|it| it.model.id.to_string()).unwrap_or_default(),
        provider: first.map(|it| it.provider.id.to_string()).unwrap_or_default(),
    };
    let windows = limits::windows(&tenant, &configuration.limits, &subjects, app.now());
    let output = first.map_or(0, |it| it.model.max_output_tokens());
    let output = request.max_output_tokens.map_or(0, |asked| asked.min(output));
    let taken = input_estimate.saturating_add(output);
    let rates = limits::take(app, &asked, &windows, taken).await?;
    let completion = Completion {
        summary: CompletionSummary {
            id,
            version: 1,
            status: CompletionStatus::InProgress,
            surface: match asked.surface {
                Surface::OpenAi => CompletionSurface::OpenAi,
                Surface::Anthropic => CompletionSurface::Anthropic,
            },
            requested_model: request.model.chars().take(120).collect(),
            model_id: first.map(|it| it.model.id),
            provider_id: first.map(|it| it.provider.id),
            stream: request.stream,
            usage: TokenUsage::default(),
            usage_source: UsageSource::None,
            cost_micros: 0,
            price_unknown: false,
            created_at: app.now(),
            duration_ms: 0,
            error_code: None,
            user_id: asked.user,
            api_key_id: asked.api_key.clone(),
            project_id: extension.project_id,
            tags: extension.tags(),
        },
        detail: CompletionDetail {
            chain_id: route.chain.map(|chain| chain.id),
            rule_id: route.rule.map(|rule| rule.id),
            task_type: extension.task_type,
            prompt_version: prompt,
            request_sha256: asked.sha256.clone(),
            input_estimate,
            worst_case_micros,
            ..CompletionDetail::default()
        },
    };
    let settings = &configuration.settings;
    let cache = Cache::of(&asked, &request, &extension, settings);
    let kept_days = settings.log_retention_days;
    let mut open = Open {
        asked,
        request,
        completion,
        kept_days,
        plan: Plan::default(),
        cache,
        shape,
        is_logged: false,
        subjects,
        leases: Leases::default(),
        windows,
        rates,
        taken,
        begun,
        attempts: Vec::new(),
        bill: Bill::default(),
    };
    match admit(app, &mut open, &route, &extension, &configuration).await {
        Ok(None) => {}
        Ok(Some(found)) => return replayed(app, open, found).await,
        Err(refused) => {
            let Open { windows, taken, .. } = &open;
            limits::give_back(&app.store, windows, 1, *taken).await?;
            return Err(Refused { rates, ..refused });
        }
    }
    let item = open.item();
    let logged = app.store.put_when(&tenant, &item, &Condition::absent()).await;
    if let Err(error) = logged {
        // Written or not: what is held is given back, by this or by the sweep.
        let Refused { error, retry_after, .. } = error.into();
        let own = open.begun.elapsed();
        return Err(failed(app, open, error, retry_after, own).await?);
    }
    open.is_logged = true;
    ask(app, open).await
}

fn no_message() -> SurfaceError {
    SurfaceError {
        code: Code::InvalidRequest,
        message: "messages: must have at least one message, or begin with a prompt".to_owned(),
        param: Some("messages".to_owned()),
    }
}

/// The gates behind the rate limits: an answer of the cache, or everything that it takes to ask.
async fn admit(
    app: &Completions,
    open: &mut Open,
    route: &Route<'_>,
    extension: &Extension,
    configuration: &Configuration,
) -> Result<Option<Found>, Refused> {
    if let (Some(cache), Some(first)) = (&open.cache, route.candidates.first())
        && let Some(found) = cache.find(app, &open.asked, first.model, &configuration.purges).await
    {
        open.plan.targets = vec![known(*first, extension)];
        return Ok(Some(found));
    }
    let worst_case = open.completion.detail.worst_case_micros;
    let caps = [configuration.settings.max_request_cost_micros, extension.max_cost_micros];
    if let Some(cap) = caps.into_iter().flatten().map(|cap| cap.get()).min()
        && worst_case > cap
    {
        let message = format!(
            "the request may cost {worst_case} micro-dollars, more than {cap}: ask for fewer \
             output tokens"
        );
        return Err(SurfaceError::new(Code::RequestCostExceeded, message).into());
    }
    open.plan = plan(open.asked.tenant, route, extension, app.keys.as_ref()).await?;
    let Open { subjects, plan, asked, .. } = &mut *open;
    let slots = lease::slots(&asked.tenant, configuration, subjects, plan);
    // Each repair may take as long again.
    let tries = open.shape.as_ref().map_or(1, |shape| shape.repairs + 1);
    let (id, lasts) = (open.id(), open.plan.total * tries);
    open.leases = Leases::take(&app.store, &slots, &mut open.plan, id, lasts).await?;
    if let Err(refused) = reserve_all(app, open, configuration).await {
        open.leases.give_back(&app.store).await;
        return Err(refused);
    }
    Ok(None)
}

/// Holds the worst case: of budgets of providers, and of quotas.
async fn reserve_all(
    app: &Completions,
    open: &mut Open,
    configuration: &Configuration,
) -> Result<(), Refused> {
    let tenant = open.asked.tenant;
    let worst_case = (open.id(), open.completion.detail.worst_case_micros);
    let Open { asked, plan, .. } = open;
    let holds = budget::hold(app, &tenant, &asked.cause, configuration, plan, worst_case).await?;
    open.completion.detail.held_providers.clone_from(&holds.providers);
    if let Err(refused) = reserve(app, open).await {
        budget::settle(app, &tenant, &month_of(app.now()), &holds, None).await;
        return Err(refused);
    }
    Ok(())
}

/// Asks, and asks again for an answer that does not match its schema.
async fn ask(app: &Completions, mut open: Open) -> Result<Answered, Refused> {
    let id = open.id().to_string();
    let own = open.begun.elapsed();
    let run = Run { client: &app.client, clock: app.store.clock(), ids: app.store.ids(), id: &id };
    let mut waited = Duration::ZERO;
    let mut from = 0;
    loop {
        let asked = Instant::now();
        let begun = run.begin(&open.request, &open.plan, from, &mut open.attempts).await;
        waited += asked.elapsed();
        let (target, whole) = match begun {
            Ok(Begun::Whole { target, whole }) => (target, whole),
            Ok(Begun::Stream { target, stream }) => {
                let told = open.told(target, stream.dropped.clone());
                let envelope = open.envelope(target);
                let first_token = open.begun.elapsed();
                let streaming = Streaming { open, target, stream, envelope, own, first_token };
                return Ok(Answered::Stream { body: stream::begin(app.clone(), streaming), told });
            }
            Err(Failed { error, retry_after }) => {
                return Err(failed(app, open, error, retry_after, own).await?);
            }
        };
        open.charge(target, &whole.answer);
        let faults = open.shape.as_ref().map(|shape| shape.faults(&whole.answer));
        let faults = faults.unwrap_or_default();
        if faults.is_empty() {
            return answered(app, open, target, &whole, waited).await;
        }
        let repairs = open.shape.as_ref().map_or(0, |shape| shape.repairs);
        if open.completion.detail.repairs == repairs {
            open.completion.detail.schema_valid = Some(false);
            return Err(failed(app, open, mismatch(&faults), None, own).await?);
        }
        open.completion.detail.repairs += 1;
        asked_again(&mut open.request, &whole.answer, &faults);
        from = target;
    }
}

async fn answered(
    app: &Completions,
    mut open: Open,
    target: usize,
    whole: &Whole,
    waited: Duration,
) -> Result<Answered, Refused> {
    let met = open.shape.as_ref().map(|shape| shape.is_met(&whole.answer));
    open.completion.detail.schema_valid = met;
    let mut told = open.told(target, whole.dropped.clone());
    told.cost_micros = Some(open.bill.cost_micros);
    let body = write_answer(open.asked.surface, &whole.answer, &open.envelope(target));
    let mut closing = Closing::succeeded(target, &whole.answer);
    closing.gateway = open.begun.elapsed().saturating_sub(waited);
    keep(app, &open, target, &whole.answer, &whole.dropped).await;
    finish(app, open, closing).await?;
    Ok(Answered::Whole { body, told })
}

/// What was answered before, once more. Written like any other, in one transaction of two items;
/// one UpdateItem for each token limit gives the tokens back.
async fn replayed(app: &Completions, mut open: Open, found: Found) -> Result<Answered, Refused> {
    open.completion.detail.cached = true;
    let Found { answer, dropped } = found;
    let mut told = open.told(0, dropped);
    told.cost_micros = (!open.request.stream).then_some(0);
    let (surface, envelope) = (open.asked.surface, open.envelope(0));
    let mut closing = Closing::succeeded(0, &answer);
    closing.gateway = open.begun.elapsed();
    let is_stream = open.request.stream;
    finish(app, open, closing).await?;
    if !is_stream {
        let body = write_answer(surface, &answer, &envelope);
        return Ok(Answered::Whole { body, told });
    }
    Ok(Answered::Stream { body: stream::whole(replay(surface, envelope, &answer)), told })
}

async fn failed(
    app: &Completions,
    open: Open,
    error: SurfaceError,
    retry_after: Option<Duration>,
    own: Duration,
) -> Result<Refused, Refused> {
    let (id, rates) = (open.id(), open.rates);
    let closing = Closing::failed(&error, own);
    finish(app, open, closing).await?;
    Ok(Refused { error, retry_after, id: Some(id), rates })
}
