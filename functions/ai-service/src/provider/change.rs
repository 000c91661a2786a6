//! Providers made, changed, switched on and off.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Bounded, Change, Error, FaultCode, Faults, Line, Patch, Result};
use millwright_http::{
    Allowed, Answered, Asking, Body, Caller, Created, Empty, IfMatch, PathParameter, Submission,
    Versioned,
};
use utoipa::ToSchema;

use super::{ProviderView, RunTime, check, read::view};
use crate::{
    app::AiService,
    domain::{
        BaseUrl, Common, Configuration, ExtraHeaders, Provider, ProviderId, ProviderKind, SecretId,
        Slug, TimeoutOverrides, Timeouts, UpTo,
    },
    permissions::ProviderManage,
    store::read_configuration,
    thing::{self, Thing},
};

type Budget = UpTo<1_000_000_000_000_000>;

/// A new provider.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "slug": "open-ai", "name": "OpenAI", "kind": "openai",
    "secretId": "sec_01jdz7xk2nf5h9vq3w8c6m4t0b",
}))]
pub struct ProviderIn {
    // Unique in the organization; it never changes, as it is part of model strings.
    #[schema(inline)]
    slug: Slug<2, 31>,
    #[schema(inline)]
    name: Line<1, 80>,
    kind: ProviderKind,
    /// The vendor's public URL if not given; required for `ollama` and `openai_compatible`.
    #[deserr(default)]
    #[schema(required = false)]
    base_url: Option<BaseUrl>,
    /// A secret with the provider's key. You need the right to use it, and it is bound to the
    /// provider. Required, but for `ollama` and hosts of the installation's own network.
    #[deserr(default)]
    #[schema(required = false)]
    secret_id: Option<SecretId>,
    #[deserr(default)]
    #[schema(required = false)]
    extra_headers: ExtraHeaders,
    #[deserr(default = true)]
    #[schema(required = false)]
    enabled: bool,
    /// 100 if not given; the least is tried first where a bare name fits several providers.
    #[deserr(default)]
    #[schema(required = false, inline)]
    priority: Option<Bounded<0, 1_000>>,
    /// 5, 60, 30 and 600 if not given.
    #[deserr(default)]
    #[schema(required = false)]
    timeouts: TimeoutOverrides,
    /// Of each target; 2 if not given.
    #[deserr(default)]
    #[schema(required = false, inline)]
    max_retries: Option<Bounded<0, 5>>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    max_concurrency: Option<Bounded<1, 1_000>>,
    /// Of a calendar month in UTC; nothing is asked beyond it.
    #[deserr(default)]
    #[schema(required = false, inline)]
    monthly_budget_micros: Option<Budget>,
}

/// A change of a provider. Null sets back to the default.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "priority": 50 }))]
pub struct ProviderPatchIn {
    #[deserr(default)]
    #[schema(required = false, inline)]
    name: Change<Line<1, 80>>,
    #[deserr(default)]
    #[schema(required = false)]
    base_url: Patch<BaseUrl>,
    #[deserr(default)]
    #[schema(required = false)]
    secret_id: Patch<SecretId>,
    #[deserr(default)]
    #[schema(required = false)]
    extra_headers: Patch<ExtraHeaders>,
    #[deserr(default)]
    #[schema(required = false)]
    enabled: Change<bool>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    priority: Patch<Bounded<0, 1_000>>,
    /// Those that are given; the others stay.
    #[deserr(default)]
    #[schema(required = false)]
    timeouts: Patch<TimeoutOverrides>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    max_retries: Patch<Bounded<0, 5>>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    max_concurrency: Patch<Bounded<1, 1_000>>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    monthly_budget_micros: Patch<Budget>,
}

const PRIORITY: u32 = 100;
const MAX_RETRIES: u32 = 2;

fn no_public_url() -> Error {
    let detail = "is required: this kind has no public URL";
    Error::fault("/baseUrl", FaultCode::Required, detail)
}

/// The number after a patch that null sets back to `default`.
fn number<const MIN: u32, const MAX: u32>(
    patch: Patch<Bounded<MIN, MAX>>,
    field: &mut u32,
    default: u32,
) {
    match patch {
        Patch::Keep => {}
        Patch::Clear => *field = default,
        Patch::Set(number) => *field = number.get(),
    }
}

impl ProviderPatchIn {
    fn apply(self, provider: &mut Provider) -> Result<()> {
        self.name.apply_to(&mut provider.name);
        match self.base_url {
            Patch::Keep => {}
            Patch::Clear => {
                provider.base_url = provider.kind.public_url().ok_or_else(no_public_url)?;
            }
            Patch::Set(url) => provider.base_url = url,
        }
        self.extra_headers.apply_or_default(&mut provider.extra_headers);
        self.enabled.apply_to(&mut provider.enabled);
        number(self.priority, &mut provider.priority, PRIORITY);
        match self.timeouts {
            Patch::Keep => {}
            Patch::Clear => provider.timeouts = Timeouts::default(),
            Patch::Set(overrides) => provider.timeouts = provider.timeouts.with(&overrides),
        }
        number(self.max_retries, &mut provider.max_retries, MAX_RETRIES);
        let mut most = None;
        match self.max_concurrency {
            Patch::Keep => most = provider.max_concurrency,
            Patch::Clear => {}
            Patch::Set(number) => most = Some(number.get()),
        }
        provider.max_concurrency = most;
        self.monthly_budget_micros.apply_to_option(&mut provider.monthly_budget_micros);
        Ok(())
    }
}

/// Ends a binding that no provider needs. What cannot be ended stays, and lets us read a secret that
/// we have no use for: it is seen among the bindings of the secret.
pub(super) async fn unbind(app: &AiService, caller: &Caller, provider: &Provider) {
    let (Some(secret), Some(binding)) = (provider.secret_id, &provider.binding_id) else { return };
    if let Err(error) = app.secrets.unbind(&caller.tenant(), secret, binding).await {
        let provider = provider.id.to_string();
        tracing::warn!(%error, provider, %secret, "a binding could not be ended");
    }
}

/// Create a provider
///
/// One query, one call of secret-management if there is a secret, and one transaction of at most
/// five items.
#[utoipa::path(post, path = "/api/v1/ai/providers", tag = "Providers")]
pub async fn provider_create(
    caller: Allowed<ProviderManage>,
    State(app): State<AiService>,
    asking: Asking,
    submission: Submission<ProviderIn>,
) -> Answered<Created<ProviderView>> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    let base_url = input.base_url.or_else(|| input.kind.public_url());
    let mut provider = Provider {
        id: app.store.ids().next(),
        common: Common::first(app.organization(&tenant)?, app.stamp(&caller)),
        slug: input.slug,
        name: input.name,
        kind: input.kind,
        base_url: base_url.ok_or_else(no_public_url)?,
        secret_id: input.secret_id,
        binding_id: None,
        extra_headers: input.extra_headers,
        enabled: input.enabled,
        priority: input.priority.map_or(PRIORITY, Bounded::get),
        timeouts: Timeouts::default().with(&input.timeouts),
        max_retries: input.max_retries.map_or(MAX_RETRIES, Bounded::get),
        max_concurrency: input.max_concurrency.map(Bounded::get),
        monthly_budget_micros: input.monthly_budget_micros,
    };
    check(&app, &provider)?;
    // Nothing is bound for what is refused anyway.
    let configuration = read_configuration(&app.store, &tenant).await?;
    if configuration.providers.iter().any(|other| other.slug == provider.slug) {
        return Err(Provider::taken().into());
    }
    if let Some(secret) = provider.secret_id {
        let name = provider.name.as_str();
        provider.binding_id = Some(app.secrets.bind(&asking, secret, provider.id, name).await?);
    }
    let mut write = submission.write(&app.store, &caller);
    thing::create(&mut write, &provider)?;
    let view = RunTime::default().fresh_view(provider.clone());
    match write.commit(Created(view)).await {
        Ok(created) => Ok(created),
        Err(error) => {
            unbind(&app, &caller, &provider).await;
            Err(error.into())
        }
    }
}

/// Change a provider
///
/// Another secret is bound before, and the one before unbound afterwards. In force everywhere within
/// half a minute. A change of nothing is no change. One query, one transaction of two items, one
/// batch read and one query of its health, and two calls of secret-management where the secret
/// changes.
#[utoipa::path(patch, path = "/api/v1/ai/providers/{id}", tag = "Providers")]
pub async fn provider_update(
    caller: Allowed<ProviderManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ProviderId,)>,
    asking: Asking,
    if_match: IfMatch,
    Body(patch): Body<ProviderPatchIn>,
) -> Answered<Versioned<ProviderView>> {
    let tenant = caller.tenant();
    let mut bound = None;
    if let Patch::Set(secret) = patch.secret_id {
        let present: Provider = thing::get(&app, &tenant, id).await?;
        if_match.check(present.common.version)?;
        if present.secret_id != Some(secret) {
            let mut wanted = present.clone();
            wanted.secret_id = Some(secret);
            patch.clone().apply(&mut wanted)?;
            check(&app, &wanted)?;
            let name = present.name.as_str();
            bound = Some((secret, app.secrets.bind(&asking, secret, id, name).await?));
        }
    }
    let change = |_: &Configuration, provider: &mut Provider| {
        patch.clone().apply(provider)?;
        match (patch.secret_id, &bound) {
            (Patch::Clear, _) => (provider.secret_id, provider.binding_id) = (None, None),
            (Patch::Set(_), Some((secret, binding))) => {
                (provider.secret_id, provider.binding_id) = (Some(*secret), Some(binding.clone()));
            }
            // Somebody else has changed it meanwhile, and it is not bound for us.
            (Patch::Set(secret), None) if provider.secret_id != Some(secret) => {
                return Err(Error::lost_race());
            }
            _ => {}
        }
        check(&app, provider)
    };
    let (before, after) =
        match thing::update::<Provider>(&app, &caller, id, Some(&if_match), change).await {
            Ok(both) => both,
            Err(error) => {
                if let Some((secret, binding)) = bound {
                    let present = thing::get::<Provider>(&app, &tenant, id).await.ok();
                    if present.is_none_or(|it| it.binding_id.as_ref() != Some(&binding))
                        && let Err(error) = app.secrets.unbind(&tenant, secret, &binding).await
                    {
                        tracing::warn!(%error, provider = %id, "a binding could not be ended");
                    }
                }
                return Err(error.into());
            }
        };
    if before.binding_id != after.binding_id {
        unbind(&app, &caller, &before).await;
    }
    Ok(Versioned(view(&app, &tenant, after).await?))
}

async fn switch(
    app: &AiService,
    caller: &Caller,
    id: ProviderId,
    enabled: bool,
) -> Result<ProviderView> {
    let change = |_: &Configuration, provider: &mut Provider| {
        provider.enabled = enabled;
        Ok(())
    };
    let (_, after) = thing::update::<Provider>(app, caller, id, None, change).await?;
    view(app, &caller.tenant(), after).await
}

/// Enable a provider
///
/// Enabled again is fine. One query, one transaction of at most three items, one batch read and one
/// query of its health.
#[utoipa::path(post, path = "/api/v1/ai/providers/{id}/enable", tag = "Providers")]
pub async fn provider_enable(
    caller: Allowed<ProviderManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ProviderId,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<ProviderView>> {
    let view = switch(&app, &caller, id, true).await?;
    Ok(submission.write(&app.store, &caller).commit(Versioned(view)).await?)
}

/// Disable a provider
///
/// Within half a minute nothing is asked of it any more. Disabled again is fine. One query, one
/// transaction of at most three items, one batch read and one query of its health.
#[utoipa::path(post, path = "/api/v1/ai/providers/{id}/disable", tag = "Providers")]
pub async fn provider_disable(
    caller: Allowed<ProviderManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ProviderId,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<ProviderView>> {
    let view = switch(&app, &caller, id, false).await?;
    Ok(submission.write(&app.store, &caller).commit(Versioned(view)).await?)
}
