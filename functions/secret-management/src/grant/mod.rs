//! Grants: rights on one secret, for somebody.

mod find;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{find::*, *};
}

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, FaultCode, Faults, Line, Patch, Result, Timestamp, UserId};
use millwright_http::{
    Answered, Asking, Body, Created, Entitled, IfMatch, NoContent, PathParameter, Plain,
    Representation, Submission, Versioned,
};
use millwright_identity::SystemRole;
use millwright_store::{Condition, Contention, Update};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::SecretManagement,
    authority::{Asker, Held},
    codes,
    domain::{Grant, GrantId, GrantReason, GranteeType, Right, SecretId, check_grantee, rights_of},
    events::{GrantCreated, GrantData, GrantDeleted, GrantUpdated},
    permissions::{GrantManage, GrantRead},
    secret::{check_expiry, check_present},
    store::{Counts, GRANTS, GrantItem, one_less, one_more, roles_place},
};

impl Representation for Grant {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/secrets/{}/grants/{}", self.secret_id, self.id)
    }

    fn can_be_read(&self) -> bool {
        false
    }
}

/// A new grant.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "granteeType": "role",
    "granteeId": "viewer",
    "rights": ["read"],
    "reason": "Everybody deploys",
}))]
pub struct GrantIn {
    grantee_type: GranteeType,
    /// Of the same organization; a built-in role by its name.
    grantee_id: Line<1, 40>,
    /// At least one; `read`, `update` and `delete` imply `use`.
    rights: Vec<Right>,
    /// In the future, at most ten years.
    #[deserr(default)]
    expires_at: Option<Timestamp>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    reason: GrantReason,
}

/// Nobody passes on what they do not hold; `grant` is passed on by the place alone.
async fn check_held(asker: &Asker<'_>, held: &Held, rights: &[Right]) -> Result<()> {
    let may_pass = |right: &Right| match right {
        Right::Grant => held.scope.has(Right::Grant),
        right => held.all().has(*right),
    };
    if rights.iter().all(may_pass) {
        return Ok(());
    }
    let detail = "you hold less than that yourself, or hold `grant` by a grant";
    Err(asker.caller.deny_as::<GrantManage>(codes::CANNOT_GRANT_MORE_THAN_HELD, detail).await)
}

/// That there is one of this id. At most two reads, or one invoke.
async fn check_exists(asker: &Asker<'_>, kind: GranteeType, id: &str) -> Result<()> {
    check_grantee(kind, id)?;
    let (directory, tenant) = (&asker.app.directory, asker.tenant());
    let exists = match kind {
        GranteeType::User => match id.parse::<UserId>() {
            Ok(user) => directory.member_role(&tenant, user).await?.is_some(),
            Err(_) => false,
        },
        GranteeType::Team => match id.parse() {
            Ok(team) => directory.team_exists(team, asker.asking).await?,
            Err(_) => false,
        },
        GranteeType::Role => match (id.parse::<SystemRole>(), id.parse()) {
            (Ok(_), _) => true,
            (_, Ok(role)) => directory.role_exists(&tenant, role).await?,
            _ => false,
        },
        // A key that does not exist uses no grant; those of auth are not ours to read.
        GranteeType::ServiceKey => true,
    };
    if exists {
        return Ok(());
    }
    let detail = format!("no such {kind} in this organization");
    Err(Error::fault("/granteeId", FaultCode::UnknownReference, detail))
}

/// Grant rights
///
/// At most 100 per secret, one per grantee. Nobody grants what they do not hold, and who holds
/// `grant` by a grant cannot pass it on. One query, at most two reads or one invoke, and one
/// transaction of at most six items.
#[utoipa::path(post, path = "/api/v1/secrets/{secretId}/grants", tag = "Grants")]
pub async fn grant_create(
    caller: Entitled<GrantManage>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    submission: Submission<GrantIn>,
) -> Answered<Created<Grant>> {
    let asker = Asker::of(&app, &caller, &asking);
    let input = submission.input.clone();
    check_expiry(input.expires_at, app.now())?;
    let rights = rights_of(input.rights)?;
    let (loaded, held) = asker.demand::<GrantManage>(id, Right::Grant).await?;
    check_present(&loaded.secret)?;
    check_held(&asker, &held, &rights).await?;
    check_exists(&asker, input.grantee_type, input.grantee_id.as_str()).await?;
    let stamp = app.stamp(&caller);
    let grant = Grant {
        id: app.store.ids().next(),
        secret_id: id,
        secret_name: loaded.secret.name.clone(),
        grantee_type: input.grantee_type,
        grantee_id: input.grantee_id.into_string(),
        rights,
        expires_at: input.expires_at,
        reason: input.reason,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by.clone(),
        updated_at: stamp.at,
        updated_by: stamp.by,
    };
    let mut write = submission.write(&app.store, &caller);
    let step = write.create(&GrantItem::of(grant.clone()));
    let detail = "change the grant that there is";
    write.refused_as(step, Error::new(codes::GRANT_EXISTS, detail));
    one_more(&mut write, &Counts::place(&caller.tenant(), id), "grants", GRANTS);
    if grant.grantee_type == GranteeType::Role {
        let roles = Update::new().add_to_set("roles", &[&grant.grantee_id]);
        write.update(&roles_place(&caller.tenant()), &roles);
    }
    write.put(&asker.record("grant_create", Some(&loaded.secret)));
    let said = GrantData::of(&loaded.secret, &grant, &[], &grant.rights);
    write.emit(&GrantCreated(said))?;
    Ok(write.commit(Created(grant)).await?)
}

/// All of them at once: there are at most 100.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantsOfSecret {
    items: Vec<Grant>,
    /// Always null.
    next_cursor: Option<String>,
}

/// List grants
///
/// In the order in which they were made; not paged. One query.
#[utoipa::path(get, path = "/api/v1/secrets/{secretId}/grants", tag = "Grants")]
pub async fn grant_list(
    caller: Entitled<GrantRead>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
) -> Answered<Plain<GrantsOfSecret>> {
    let asker = Asker::of(&app, &caller, &asking);
    let (loaded, _) = asker.demand::<GrantRead>(id, Right::Grant).await?;
    let mut items = loaded.grants;
    items.sort_by_key(|grant| (grant.created_at, grant.id));
    Ok(Plain(GrantsOfSecret { items, next_cursor: None }))
}

/// A change of a grant.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "rights": ["read", "update"] }))]
pub struct GrantPatchIn {
    #[deserr(default)]
    rights: Option<Vec<Right>>,
    #[deserr(default)]
    #[schema(required = false)]
    expires_at: Patch<Timestamp>,
    #[deserr(default)]
    #[schema(inline)]
    reason: Option<GrantReason>,
}

/// Change a grant
///
/// A change of nothing is no change. One query and one transaction of three items.
#[utoipa::path(patch, path = "/api/v1/secrets/{secretId}/grants/{grantId}", tag = "Grants")]
pub async fn grant_update(
    caller: Entitled<GrantManage>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, grant_id)): PathParameter<(SecretId, GrantId)>,
    if_match: IfMatch,
    Body(patch): Body<GrantPatchIn>,
) -> Answered<Versioned<Grant>> {
    let asker = Asker::of(&app, &caller, &asking);
    if let Patch::Set(end) = patch.expires_at {
        check_expiry(Some(end), app.now())?;
    }
    let rights = patch.rights.clone().map(rights_of).transpose()?;
    let attempt = || async {
        let (loaded, held) = asker.demand::<GrantManage>(id, Right::Grant).await?;
        let before = loaded.grant(grant_id)?.clone();
        if_match.check(before.version)?;
        let mut after = before.clone();
        if let Some(rights) = &rights {
            after.rights.clone_from(rights);
        }
        patch.expires_at.apply_to_option(&mut after.expires_at);
        if let Some(reason) = &patch.reason {
            after.reason.clone_from(reason);
        }
        let mut write = caller.write(&app.store);
        if after == before {
            return write.commit(Versioned(before)).await;
        }
        check_held(&asker, &held, &after.rights).await?;
        let stamp = app.stamp(&caller);
        after.version += 1;
        after.updated_at = stamp.at;
        after.updated_by = stamp.by;
        let step = write.replace(&GrantItem::of(after.clone()), before.version);
        write.refused_as(step, Error::lost_race());
        write.put(&asker.record("grant_update", Some(&loaded.secret)));
        let said = GrantData::of(&loaded.secret, &after, &before.rights, &after.rights);
        write.emit(&GrantUpdated(said))?;
        write.commit(Versioned(after)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Take rights away
///
/// At once. One query and one transaction of four items.
#[utoipa::path(delete, path = "/api/v1/secrets/{secretId}/grants/{grantId}", tag = "Grants")]
pub async fn grant_delete(
    caller: Entitled<GrantManage>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, grant_id)): PathParameter<(SecretId, GrantId)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let asker = Asker::of(&app, &caller, &asking);
    let tenant = caller.tenant();
    let attempt = || async {
        let (loaded, _) = asker.demand::<GrantManage>(id, Right::Grant).await?;
        let grant = loaded.grant(grant_id)?;
        if_match.check(grant.version)?;
        let mut write = caller.write(&app.store);
        let place = GrantItem::place(&tenant, id, grant.grantee_type, &grant.grantee_id);
        let step = write.delete_when(&place, Condition::version(grant.version));
        write.refused_as(step, Error::lost_race());
        one_less(&mut write, &Counts::place(&tenant, id), "grants");
        write.put(&asker.record("grant_delete", Some(&loaded.secret)));
        let said = GrantData::of(&loaded.secret, grant, &grant.rights, &[]);
        write.emit(&GrantDeleted(said))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
