//! Providers deleted, and their models with them.

use axum::extract::State;
use millwright_core::{Error, Result};
use millwright_http::{Allowed, Answered, Caller, IfMatch, NoContent, PathParameter};
use millwright_store::Contention;

use super::{change::unbind, models_of};
use crate::{
    app::AiService,
    domain::{Configuration, Model, Provider, ProviderId},
    permissions::ProviderManage,
    store::{ProviderStateItem, Targets, is_gone, one_less, read_configuration},
    thing::{check_unused, find, remove},
};

/// Models that are deleted in one transaction, of four items each.
const AT_ONCE: usize = 18;

/// The last of its models go with the provider; those before go first.
async fn next_part(
    app: &AiService,
    caller: &Caller,
    configuration: &Configuration,
    provider: &Provider,
) -> Result<bool> {
    let mut models: Vec<&Model> = models_of(configuration, provider);
    let is_last = models.len() <= AT_ONCE;
    models.truncate(AT_ONCE);
    let mut write = caller.write(&app.store);
    let step = Targets::unchanged(&mut write, configuration);
    write.refused_as(step, Error::lost_race());
    for model in &models {
        remove(&mut write, app, *model)?;
    }
    if !models.is_empty() {
        one_less::<Model>(&mut write, models.len());
    }
    if is_last {
        remove(&mut write, app, provider)?;
        write.delete(&ProviderStateItem::place(&caller.tenant(), provider.id));
        one_less::<Provider>(&mut write, 1);
    }
    write.commit(NoContent).await?;
    Ok(is_last)
}

/// Delete a provider
///
/// For ever, and its models with it, unless a chain or rule targets one of them; its secret is
/// unbound. One query and one transaction for each 18 models, and one call of secret-management. If
/// it breaks off between them some models are gone: delete it again.
#[utoipa::path(delete, path = "/api/v1/ai/providers/{id}", tag = "Providers")]
pub async fn provider_delete(
    caller: Allowed<ProviderManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ProviderId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let tenant = caller.tenant();
    let attempt = || async {
        loop {
            let configuration = read_configuration(&app.store, &tenant).await?;
            let Some(provider) = find::<Provider>(&configuration, id) else {
                return match is_gone::<Provider>(&app.store, &tenant, id).await? {
                    true => Ok(None),
                    false => Err(Error::not_found(<Provider as crate::store::Configured>::NOUN)),
                };
            };
            if_match.check(provider.common.version)?;
            check_unused(provider, &configuration)?;
            if next_part(&app, &caller, &configuration, provider).await? {
                return Ok(Some(provider.clone()));
            }
        }
    };
    let deleted = Contention::new(&app.store).settle(&app.store, attempt).await?;
    if let Some(provider) = deleted {
        unbind(&app, &caller, &provider).await;
    }
    Ok(NoContent)
}
