//! A provider tried, and what models it has.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, FaultCode, Faults, Line, Result, Tenant, codes};
use millwright_egress::Waits;
use millwright_http::{
    Allowed, Answered, Caller, Empty, NoContent, PathParameter, Plain, Submission,
};
use millwright_model::{Fold, Request, Surface, SurfaceError, read_request};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::{
    app::AiService,
    completion::{Extension, judge, milliseconds, spend, target_of},
    domain::{
        Candidate, Common, Configuration, MAX_MODELS, Model, ModelDefaults, Provider, ProviderId,
    },
    events::{ProviderTested, TestData},
    gateway::{Begun, Bill, Plan, Run, Target},
    permissions::ProviderManage,
    store::read_configuration,
    thing::{self, find},
};

/// A test ends after so long, before the HTTP API does.
const LONGEST: Duration = Duration::from_secs(25);

/// What is tried.
#[derive(Clone, Debug, Default, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({}))]
pub struct ProviderTestIn {
    // One of the provider's models; the first that is enabled if not given.
    #[deserr(default)]
    #[schema(inline, required = false)]
    model_name: Option<Line<1, 120>>,
}

/// How a test went.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderTestResult {
    ok: bool,
    /// The model that was asked; null where the provider has none yet, and was asked for its list.
    model_name: Option<String>,
    latency_ms: u64,
    /// Null of models that cannot stream.
    first_token_ms: Option<u64>,
    /// As a completion would be answered.
    error_code: Option<String>,
    /// What to look at.
    message: Option<String>,
}

fn hello(model: &Model) -> Result<Request> {
    let streams = model.capabilities().contains(&millwright_model::Capability::Streaming);
    let body = json!({
        "model": model.name.as_str(), "stream": streams, "max_tokens": 16,
        "messages": [{ "role": "user", "content": "Say OK." }],
    });
    read_request(Surface::OpenAi, body).map_err(Error::internal)
}

fn bounded(waits: Waits) -> Waits {
    let least = |wait: Duration| wait.min(LONGEST);
    Waits {
        connect: least(waits.connect),
        first: least(waits.first),
        idle: least(waits.idle),
        total: least(waits.total),
    }
}

struct Tried {
    first_token: Option<Duration>,
    bill: Bill,
    failure: Option<SurfaceError>,
}

async fn complete(app: &AiService, model: &Model, mut target: Target) -> Result<Tried> {
    let begun = Instant::now();
    let request = hello(model)?;
    target.waits = bounded(target.waits);
    target.retries = 0;
    let prices = target.prices.clone();
    let plan = Plan { targets: vec![target], triggers: BTreeSet::new(), total: LONGEST };
    let completions = &app.completions;
    let run = Run {
        client: &completions.client,
        clock: app.store.clock(),
        ids: app.store.ids(),
        id: "test",
    };
    let mut fold = Fold::default();
    let mut tried = Tried { first_token: None, bill: Bill::default(), failure: None };
    match run.begin(&request, &plan, 0, &mut Vec::new()).await {
        Err(failed) => tried.failure = Some(failed.error),
        Ok(Begun::Whole { whole, .. }) => {
            tried.bill.charge(prices.as_ref(), whole.answer.usage, 0, &[]);
        }
        Ok(Begun::Stream { mut stream, .. }) => {
            tried.first_token = Some(begun.elapsed());
            loop {
                match stream.next().await {
                    Ok(Some(item)) => item.events.iter().for_each(|event| fold.take(event)),
                    Ok(None) => break,
                    Err(miss) => {
                        tried.failure = Some(SurfaceError::new(miss.code(), miss.message));
                        break;
                    }
                }
            }
            tried.bill.charge(prices.as_ref(), fold.answer().usage, 0, &[]);
        }
    }
    Ok(tried)
}

/// A model that stands for all of a provider, where none is configured.
fn anything(app: &AiService, caller: &Caller, provider: &Provider) -> Result<Model> {
    Ok(Model {
        id: app.store.ids().next(),
        common: Common::first(provider.common.organization_id, app.stamp(caller)),
        provider_id: provider.id,
        name: "any".parse().map_err(Error::internal)?,
        catalog_key: None,
        display_name: None,
        tier: None,
        capabilities: None,
        context_window: None,
        max_output_tokens: None,
        prices: None,
        defaults: ModelDefaults::default(),
        enabled: false,
        allowed_roles: None,
    })
}

/// How to call it, with its key.
async fn reach(
    app: &AiService,
    tenant: Tenant,
    provider: &Provider,
    model: &Model,
) -> Result<Target, SurfaceError> {
    let candidate = Candidate { provider, model, timeouts: provider.timeouts };
    target_of(tenant, candidate, &Extension::default(), app.completions.keys.as_ref()).await
}

/// The provider's own list of models, by its names.
async fn names(app: &AiService, target: &Target) -> Result<Vec<String>, SurfaceError> {
    let broken =
        |message: String| SurfaceError::new(millwright_model::Code::ProviderError, message);
    let missed = |miss: crate::gateway::Miss| SurfaceError::new(miss.code(), miss.message);
    let client = &app.completions.client;
    let answer = client.call(target.models(), &bounded(target.waits)).await;
    let mut answer = answer.map_err(|failure| missed(failure.into()))?;
    let status = answer.status();
    let bytes = answer.whole(MAX_LIST).await.map_err(|failure| missed(failure.into()))?;
    if status != 200 {
        let error = millwright_model::read_error(target.dialect, status, &bytes);
        return Err(missed(crate::gateway::Miss::answered(status, error, None)));
    }
    let list: Value =
        serde_json::from_slice(&bytes).map_err(|_| broken("its list is no JSON".to_owned()))?;
    // `data` of OpenAI's and Anthropic's interfaces, `models` of Ollama's.
    let items = list["data"].as_array().or_else(|| list["models"].as_array());
    let items = items.ok_or_else(|| broken("it has no list of models".to_owned()))?;
    let name = |item: &Value| item["id"].as_str().or(item["name"].as_str()).map(str::to_owned);
    Ok(items.iter().filter_map(name).collect())
}

/// The most of a list of models.
const MAX_LIST: usize = 4 * 1024 * 1024;

/// Test a provider
///
/// Has a model say a word of at most 16 tokens, and tells how long that took, or what is wrong. A
/// provider without models is asked for its list of them. Ends after 25 seconds; what it costs
/// counts as spent. One query, one invoke for the key, one transaction.
#[utoipa::path(post, path = "/api/v1/ai/providers/{id}/test", tag = "Providers")]
pub async fn provider_test(
    caller: Allowed<ProviderManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ProviderId,)>,
    submission: Submission<ProviderTestIn>,
) -> Answered<Plain<ProviderTestResult>> {
    let (submission, input) = submission.take();
    let tenant = caller.tenant();
    let configuration = read_configuration(&app.store, &tenant).await?;
    let provider =
        find::<Provider>(&configuration, id).ok_or_else(|| Error::not_found("provider"))?;
    let model = chosen(&configuration, provider, input.model_name.as_ref())?;
    let begun = Instant::now();
    let stand_in = anything(&app, &caller, provider)?;
    let (first_token, bill, failure) =
        match reach(&app, tenant, provider, model.unwrap_or(&stand_in)).await {
            Err(error) => (None, Bill::default(), Some(error)),
            Ok(target) => match model {
                Some(model) => {
                    let tried = complete(&app, model, target).await?;
                    (tried.first_token, tried.bill, tried.failure)
                }
                None => (None, Bill::default(), names(&app, &target).await.err()),
            },
        };
    let latency_ms = milliseconds(begun.elapsed());
    spend(&app.completions, &tenant, id, bill.cost_micros).await;
    let code = failure.as_ref().map(|error| error.code.as_str());
    if let Some(code) = code {
        let is_out = matches!(code, "provider_auth_failed");
        let change = |state: &mut crate::domain::ProviderState| {
            state.last_error = Some(code.to_owned());
            is_out
        };
        judge(&app.completions, &tenant, caller.cause(), id, change).await?;
    }
    let mut write = submission.write(&app.store, &caller);
    write.emit(&ProviderTested(TestData {
        provider_id: id,
        ok: failure.is_none(),
        latency_ms,
        error_code: code.map(str::to_owned),
    }))?;
    let result = ProviderTestResult {
        ok: failure.is_none(),
        model_name: model.map(|model| model.name.to_string()),
        latency_ms,
        first_token_ms: first_token.map(milliseconds),
        error_code: code.map(str::to_owned),
        message: failure.map(|error| error.message),
    };
    Ok(write.commit(Plain(result)).await?)
}

/// The named model; else the first that is enabled, else any; none if the provider has none.
fn chosen<'c>(
    configuration: &'c Configuration,
    provider: &Provider,
    name: Option<&Line<1, 120>>,
) -> Result<Option<&'c Model>> {
    let of_provider = || configuration.models.iter().filter(|it| it.provider_id == provider.id);
    match name {
        Some(name) => {
            let found = of_provider().find(|it| it.name.as_str() == name.as_str());
            let detail = "the provider has no such model";
            let unknown = || Error::fault("/modelName", FaultCode::UnknownReference, detail);
            found.map(Some).ok_or_else(unknown)
        }
        None => Ok(of_provider().find(|it| it.enabled).or_else(|| of_provider().next())),
    }
}

/// What a provider's list of models has changed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SyncedModels {
    /// Names that are new here; their models are disabled.
    added: Vec<String>,
    /// Names of models that the provider no longer lists; they stay as they are.
    missing: Vec<String>,
}

/// Models that are made in one transaction, of three items each.
const AT_ONCE: usize = 25;

/// Fetch a provider's models
///
/// Reads the provider's own list and adds what is new as disabled models, with what the catalogue
/// knows of them; deletes none. One query, one invoke for the key, one call of the provider, and one
/// transaction for each 25 new models. If it breaks off the rest is added by doing it again.
#[utoipa::path(post, path = "/api/v1/ai/providers/{id}/sync-models", tag = "Providers")]
pub async fn provider_sync_models(
    caller: Allowed<ProviderManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ProviderId,)>,
    submission: Submission<Empty>,
) -> Answered<Plain<SyncedModels>> {
    let (submission, _) = submission.take();
    let tenant = caller.tenant();
    let configuration = read_configuration(&app.store, &tenant).await?;
    let provider =
        find::<Provider>(&configuration, id).ok_or_else(|| Error::not_found("provider"))?;
    let stand_in = anything(&app, &caller, provider)?;
    let listed = match reach(&app, tenant, provider, &stand_in).await {
        Ok(target) => names(&app, &target).await,
        Err(error) => Err(error),
    };
    let listed = listed.map_err(|error| {
        let detail = format!("the provider did not list its models: {}", error.message);
        Error::new(codes::UNAVAILABLE, detail).with("errorCode", error.code.as_str())
    })?;
    let own = configuration.models.iter().filter(|it| it.provider_id == id);
    let own: HashSet<&str> = own.map(|it| it.name.as_str()).collect();
    let of_provider: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
    let max = usize::try_from(MAX_MODELS).unwrap_or(usize::MAX);
    let mut added = Vec::new();
    for name in of_provider.iter().filter(|name| !own.contains(**name)).take(max) {
        // What has a name that is none here cannot be asked either.
        let Ok(name) = name.parse::<Line<1, 120>>() else { continue };
        added.push(Model {
            catalog_key: Model::catalog_key_of(provider.kind, name.as_str()),
            name,
            ..anything(&app, &caller, provider)?
        });
    }
    let missing = own.iter().filter(|name| !of_provider.contains(**name));
    let mut missing: Vec<String> = missing.map(|name| (*name).to_owned()).collect();
    missing.sort();
    let result =
        SyncedModels { added: added.iter().map(|model| model.name.to_string()).collect(), missing };
    let last = added.split_off(added.len() - added.len() % AT_ONCE);
    for some in added.chunks(AT_ONCE) {
        let mut write = caller.write(&app.store);
        thing::create_several(&mut write, some)?;
        write.commit(NoContent).await?;
    }
    let mut write = submission.write(&app.store, &caller);
    thing::create_several(&mut write, &last)?;
    Ok(write.commit(Plain(result)).await?)
}
