//! Bindings: which resource of which service uses a secret.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Line};
use millwright_http::{
    Answered, Asking, Entitled, NoContent, PathParameter, Plain, Representation, Submission,
    Upserted,
};
use millwright_store::{Condition, Contention};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::SecretManagement,
    authority::Asker,
    domain::{Binding, BindingId, Right, SecretId},
    events::{BindingCreated, BindingData, BindingDeleted},
    permissions::SecretUse,
    secret::check_present,
    store::{BINDINGS, BindingItem, Counts, one_less, one_more},
};

impl Representation for Binding {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/secrets/{}/bindings/{}", self.secret_id, self.id)
    }

    fn can_be_read(&self) -> bool {
        false
    }
}

/// What is to use a secret.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "service": "ai-service",
    "resourceType": "provider",
    "resourceId": "prv_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "resourceName": "Main provider",
}))]
pub struct BindingIn {
    /// May reveal the secret from now on.
    service: Line<1, 50>,
    #[schema(inline)]
    resource_type: Line<1, 50>,
    #[schema(inline)]
    resource_id: Line<1, 100>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    resource_name: Line<0, 200>,
}

/// Bind a secret
///
/// The service may reveal it, in this organization. Bound again, the binding that there is comes
/// back. At most 100 per secret. One query and one transaction of at most five items.
#[utoipa::path(post, path = "/api/v1/secrets/{secretId}/bindings", tag = "Bindings")]
pub async fn binding_create(
    caller: Entitled<SecretUse>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    submission: Submission<BindingIn>,
) -> Answered<Upserted<Binding>> {
    let asker = Asker::of(&app, &caller, &asking);
    let attempt = || async {
        let (loaded, _) = asker.demand::<SecretUse>(id, Right::Use).await?;
        check_present(&loaded.secret)?;
        let input = submission.input.clone();
        let stamp = app.stamp(&caller);
        let binding = Binding {
            id: app.store.ids().next(),
            secret_id: id,
            service: input.service,
            resource_type: input.resource_type,
            resource_id: input.resource_id,
            resource_name: input.resource_name,
            version: 1,
            created_at: stamp.at,
            created_by: stamp.by,
            last_used_at: None,
        };
        let is_same = |other: &&Binding| {
            (&other.service, &other.resource_type, &other.resource_id)
                == (&binding.service, &binding.resource_type, &binding.resource_id)
        };
        let mut write = submission.write(&app.store, &caller);
        if let Some(present) = loaded.bindings.iter().find(is_same) {
            return write.commit(Upserted::Changed(present.clone())).await;
        }
        let step = write.create(&BindingItem::of(binding.clone()));
        write.refused_as(step, Error::lost_race());
        one_more(&mut write, &Counts::place(&caller.tenant(), id), "bindings", BINDINGS);
        write.put(&asker.record("binding_create", Some(&loaded.secret)));
        write.emit(&BindingCreated(BindingData::of(&loaded.secret, &binding)))?;
        write.commit(Upserted::Created(binding)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// All of them at once: there are at most 100.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingsOfSecret {
    items: Vec<Binding>,
    /// Always null.
    next_cursor: Option<String>,
}

/// List bindings
///
/// In the order in which they were made; not paged. One query.
#[utoipa::path(get, path = "/api/v1/secrets/{secretId}/bindings", tag = "Bindings")]
pub async fn binding_list(
    caller: Entitled<SecretUse>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
) -> Answered<Plain<BindingsOfSecret>> {
    let asker = Asker::of(&app, &caller, &asking);
    let (loaded, _) = asker.demand::<SecretUse>(id, Right::Use).await?;
    let mut items = loaded.bindings;
    items.sort_by_key(|binding| (binding.created_at, binding.id));
    Ok(Plain(BindingsOfSecret { items, next_cursor: None }))
}

/// Unbind a secret
///
/// Also by the service itself, its own ones. One query and one transaction of four items.
#[utoipa::path(delete, path = "/api/v1/secrets/{secretId}/bindings/{bindingId}", tag = "Bindings")]
pub async fn binding_delete(
    caller: Entitled<SecretUse>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, binding_id)): PathParameter<(SecretId, BindingId)>,
) -> Answered<NoContent> {
    let asker = Asker::of(&app, &caller, &asking);
    let tenant = caller.tenant();
    let attempt = || async {
        let (loaded, _) = asker.demand::<SecretUse>(id, Right::Use).await?;
        let is_meant = |binding: &&Binding| {
            let is_own = !caller.is_service() || binding.service.as_str() == caller.actor();
            binding.id == binding_id && is_own
        };
        let found = loaded.bindings.iter().find(is_meant);
        let binding = found.ok_or_else(|| Error::not_found("binding"))?;
        let mut write = caller.write(&app.store);
        let place = BindingItem::place(&tenant, binding);
        let step = write.delete_when(&place, Condition::exists());
        write.refused_as(step, Error::lost_race());
        one_less(&mut write, &Counts::place(&tenant, id), "bindings");
        write.put(&asker.record("binding_delete", Some(&loaded.secret)));
        write.emit(&BindingDeleted(BindingData::of(&loaded.secret, binding)))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
