//! GET /auth/identities, DELETE /auth/identities/{identityId}

use axum::extract::State;
use millwright_core::Error;
use millwright_http::{Answered, NoContent, PathParameter, Plain, Recent, SignedIn};
use millwright_store::Contention;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::Auth,
    codes::LAST_IDENTITY,
    domain::{Identity, IdentityId, MAX_IDENTITIES},
    events::IdentityUnlinked,
    store::{PersonHead, head_key, identities_of, identity_key, owner_key},
};

/// The ways to sign in; at most five.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Identities {
    pub items: Vec<Identity>,
}

/// List own identities
///
/// At most five. One query.
#[utoipa::path(get, path = "/api/v1/auth/identities", tag = "Identities")]
pub async fn identity_list(
    caller: SignedIn,
    State(app): State<Auth>,
) -> Answered<Plain<Identities>> {
    let items = app.store.collect(&identities_of(&caller.tenant()), MAX_IDENTITIES).await?;
    let items = items.iter().map(|item| item.decode()).collect::<Result<_, _>>()?;
    Ok(Plain(Identities { items }))
}

/// Unlink an own identity
///
/// Never the last one. Whoever has it may sign up anew. One GetItem, one query and one transaction
/// of four items.
#[utoipa::path(delete, path = "/api/v1/auth/identities/{identityId}", tag = "Identities")]
pub async fn identity_unlink(
    caller: Recent<SignedIn>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(IdentityId,)>,
) -> Answered<NoContent> {
    let person = caller.tenant();
    let attempt = || async {
        let head: Option<PersonHead> = app.store.get(&head_key(&person)).await?;
        let head = head.unwrap_or_default();
        let items = app.store.collect(&identities_of(&person), MAX_IDENTITIES).await?;
        let mut all = Vec::new();
        for item in &items {
            all.push(item.decode::<Identity>()?);
        }
        let unlinked = all.iter().find(|identity| identity.id == id);
        let unlinked = unlinked.ok_or_else(|| Error::not_found("identity"))?;
        if head.identities.len() <= 1 {
            let detail = "link another identity first: nobody could sign in any more";
            return Err(Error::new(LAST_IDENTITY, detail));
        }
        let unchanged = head.unchanged();
        let identities = head.identities.into_iter().filter(|it| *it != id).collect();
        let next = PersonHead { identities, version: head.version + 1, sessions: head.sessions };
        let mut write = caller.write(&app.store);
        let step = write.put_when(&next, unchanged);
        write.refused_as(step, Error::lost_race());
        write.delete(&identity_key(&person, id));
        write.delete(&owner_key(&unlinked.issuer, &unlinked.subject));
        let others = all.iter().filter(|identity| identity.id != id);
        write.emit(&IdentityUnlinked {
            user_id: caller.user(),
            identity_id: id,
            provider: unlinked.provider.clone(),
            issuer: unlinked.issuer.clone(),
            remaining_emails: others.map(|identity| identity.email.clone()).collect(),
        })?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
