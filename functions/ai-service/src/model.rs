//! Models: input, handlers.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Change, Error, FaultCode, Faults, Line, Patch, Result, RoleId, Timestamp, codes::NAME_TAKEN,
};
use millwright_event::Effects;
use millwright_http::{
    Allowed, Answered, Body, Created, Flag, IfMatch, Listed, Listing, NoContent, PathParameter,
    Representation, Submission, Versioned,
};
use millwright_model::{Capability, catalogue};
use millwright_store::Condition;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::AiService,
    domain::{
        Common, Configuration, Few, Model, ModelDefaults, ModelId, ModelTier, ModelView,
        PriceTable, Provider, ProviderId, Purge, Tokens,
    },
    events::{ModelCreated, ModelDeleted, ModelUpdated, ThingData},
    permissions::{ModelManage, ModelRead},
    store::{Entry, PurgeItem, read_configuration, target},
    thing::{self, Thing},
};

impl Representation for ModelView {
    fn version(&self) -> u64 {
        self.common.version
    }

    fn location(&self) -> String {
        format!("/api/v1/ai/models/{}", self.id)
    }
}

impl Thing for Model {
    fn all(configuration: &Configuration) -> &[Model] {
        &configuration.models
    }

    fn order(&self) -> String {
        format!("{}#{}", self.display_name().to_lowercase(), self.id)
    }

    fn taken() -> Error {
        Error::new(NAME_TAKEN, "the provider has a model of this name already")
    }

    fn announce(
        effects: &mut Effects,
        before: Option<&Model>,
        after: Option<&Model>,
    ) -> Result<()> {
        let Some(either) = after.or(before) else { return Ok(()) };
        let shown = |model: Option<&Model>| thing::json(&model.map(Model::view));
        let (id, version) = (either.id.to_string(), either.common.version);
        let data = ThingData { id, version, before: shown(before)?, after: shown(after)? };
        match (before, after) {
            (None, _) => effects.emit(&ModelCreated(data)),
            (_, None) => effects.emit(&ModelDeleted(data)),
            _ => effects.emit(&ModelUpdated(data)),
        }
    }

    /// Answers that it has given.
    fn take_along(&self, effects: &mut Effects, now: Timestamp) -> Result<()> {
        let purge = Purge { model_id: Some(self.id), user_id: None, at: now };
        effects.put(&PurgeItem::of(purge));
        Ok(())
    }

    fn hold_references(&self, effects: &mut Effects) {
        let place = Entry::<Provider>::place(effects.tenant(), self.provider_id);
        let step = effects.check(&place, Condition::exists());
        effects.refused_as(step, unknown_provider());
        if self.common.version == 1 {
            // Who deletes the provider must see it.
            target(effects);
        }
    }

    fn user(&self, configuration: &Configuration) -> Option<String> {
        configuration.user_of_model(self.id)
    }
}

fn unknown_provider() -> Error {
    Error::not_found("provider")
}

type Roles = Few<RoleId, 0, 50>;
type CapabilitySet = Few<Capability, 0, 10>;

/// A new model. What is not given comes from the catalogue.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "providerId": "aip_01jdz7xk2nf5h9vq3w8c6m4t0b", "name": "gpt-4.1-mini",
}))]
pub struct ModelIn {
    provider_id: ProviderId,
    // The provider's name of it; unique there.
    #[schema(inline)]
    name: Line<1, 120>,
    // The best match by name if not given; null for none.
    #[deserr(default)]
    #[schema(required = false, inline)]
    catalog_key: Patch<Line<1, 200>>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    display_name: Option<Line<1, 120>>,
    #[deserr(default)]
    #[schema(required = false)]
    tier: Option<ModelTier>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    capabilities: Option<CapabilitySet>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    context_window: Option<Tokens>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    max_output_tokens: Option<Tokens>,
    #[deserr(default)]
    #[schema(required = false)]
    prices: Option<PriceTable>,
    #[deserr(default)]
    #[schema(required = false)]
    defaults: ModelDefaults,
    #[deserr(default = true)]
    #[schema(required = false)]
    enabled: bool,
    /// Everybody who may complete, if null.
    #[deserr(default)]
    #[schema(required = false, inline)]
    allowed_roles: Option<Roles>,
}

/// A change of a model. Null goes back to the catalogue, or to the default.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "prices": null, "enabled": true }))]
pub struct ModelPatchIn {
    #[deserr(default)]
    #[schema(required = false, inline)]
    catalog_key: Patch<Line<1, 200>>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    display_name: Patch<Line<1, 120>>,
    #[deserr(default)]
    #[schema(required = false)]
    tier: Patch<ModelTier>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    capabilities: Patch<CapabilitySet>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    context_window: Patch<Tokens>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    max_output_tokens: Patch<Tokens>,
    #[deserr(default)]
    #[schema(required = false)]
    prices: Patch<PriceTable>,
    #[deserr(default)]
    #[schema(required = false)]
    defaults: Patch<ModelDefaults>,
    #[deserr(default)]
    #[schema(required = false)]
    enabled: Change<bool>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    allowed_roles: Patch<Roles>,
}

/// Which models to list.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct ModelFilters {
    #[deserr(default)]
    provider_id: Option<ProviderId>,
    #[deserr(default)]
    capability: Option<Capability>,
    #[deserr(default)]
    tier: Option<ModelTier>,
    #[deserr(default)]
    enabled: Option<Flag>,
}

fn known_key(key: Line<1, 200>) -> Result<String> {
    match catalogue::get(key.as_str()) {
        Some(entry) => Ok(entry.key.clone()),
        None => {
            let detail = "is no key of the catalogue";
            Err(Error::fault("/catalogKey", FaultCode::UnknownReference, detail))
        }
    }
}

/// Create a model
///
/// One read and one transaction of at most seven items.
#[utoipa::path(post, path = "/api/v1/ai/models", tag = "Models")]
pub async fn model_create(
    caller: Allowed<ModelManage>,
    State(app): State<AiService>,
    submission: Submission<ModelIn>,
) -> Answered<Created<ModelView>> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    let place = Entry::<Provider>::place(&tenant, input.provider_id);
    let provider: Option<Entry<Provider>> = app.store.get(&place).await?;
    let provider = provider.ok_or_else(unknown_provider)?.thing;
    let catalog_key = match input.catalog_key {
        Patch::Keep => Model::catalog_key_of(provider.kind, input.name.as_str()),
        Patch::Clear => None,
        Patch::Set(key) => Some(known_key(key)?),
    };
    let model = Model {
        id: app.store.ids().next(),
        common: Common::first(app.organization(&tenant)?, app.stamp(&caller)),
        provider_id: input.provider_id,
        name: input.name,
        catalog_key,
        display_name: input.display_name,
        tier: input.tier,
        capabilities: input.capabilities,
        context_window: input.context_window,
        max_output_tokens: input.max_output_tokens,
        prices: input.prices,
        defaults: input.defaults,
        enabled: input.enabled,
        allowed_roles: input.allowed_roles,
    };
    let mut write = submission.write(&app.store, &caller);
    thing::create(&mut write, &model)?;
    Ok(write.commit(Created(model.view())).await?)
}

/// List models
///
/// By the name that is shown. One query, strongly consistent.
#[utoipa::path(get, path = "/api/v1/ai/models", tag = "Models")]
pub async fn model_list(
    caller: Allowed<ModelRead>,
    State(app): State<AiService>,
    listing: Listing<ModelFilters>,
) -> Answered<Listed<ModelView>> {
    let tenant = caller.tenant();
    let configuration = read_configuration(&app.store, &tenant).await?;
    let filters = &listing.filters;
    let passes = |model: &Model| {
        filters.provider_id.is_none_or(|id| model.provider_id == id)
            && filters.capability.is_none_or(|it| model.capabilities().contains(&it))
            && filters.tier.is_none_or(|tier| model.tier() == tier)
            && filters.enabled.is_none_or(|Flag(enabled)| model.enabled == enabled)
    };
    Ok(thing::page(&listing, &tenant, &configuration.models, passes, Model::view).await?)
}

/// Read a model
///
/// With what it inherits from the catalogue. Strongly consistent. One query.
#[utoipa::path(get, path = "/api/v1/ai/models/{id}", tag = "Models")]
pub async fn model_get(
    caller: Allowed<ModelRead>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ModelId,)>,
) -> Answered<Versioned<ModelView>> {
    let model: Model = thing::get(&app, &caller.tenant(), id).await?;
    Ok(Versioned(model.view()))
}

/// Change a model
///
/// A change of nothing is no change. One query and one transaction of at most three items.
#[utoipa::path(patch, path = "/api/v1/ai/models/{id}", tag = "Models")]
pub async fn model_update(
    caller: Allowed<ModelManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ModelId,)>,
    if_match: IfMatch,
    Body(patch): Body<ModelPatchIn>,
) -> Answered<Versioned<ModelView>> {
    let catalog_key = match patch.catalog_key.clone() {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(key) => Patch::Set(known_key(key)?),
    };
    let change = |_: &Configuration, model: &mut Model| {
        let patch = patch.clone();
        catalog_key.clone().apply_to_option(&mut model.catalog_key);
        patch.display_name.apply_to_option(&mut model.display_name);
        patch.tier.apply_to_option(&mut model.tier);
        patch.capabilities.apply_to_option(&mut model.capabilities);
        patch.context_window.apply_to_option(&mut model.context_window);
        patch.max_output_tokens.apply_to_option(&mut model.max_output_tokens);
        patch.prices.apply_to_option(&mut model.prices);
        patch.defaults.apply_or_default(&mut model.defaults);
        patch.enabled.apply_to(&mut model.enabled);
        patch.allowed_roles.apply_to_option(&mut model.allowed_roles);
        Ok(())
    };
    let (_, after) = thing::update::<Model>(&app, &caller, id, Some(&if_match), change).await?;
    Ok(Versioned(after.view()))
}

/// Delete a model
///
/// For ever, unless a chain or rule targets it. Answers of it that the cache has are deleted within 15
/// minutes. One query and one transaction of seven items.
#[utoipa::path(delete, path = "/api/v1/ai/models/{id}", tag = "Models")]
pub async fn model_delete(
    caller: Allowed<ModelManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ModelId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    Ok(thing::delete::<Model>(&app, &caller, id, &if_match).await?)
}
