//! Deleting organizations, and taking it back.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::{MembershipStatus, OrganizationStatus};
use millwright_core::{Error, Faults, OrgId, codes as shared_codes};
use millwright_http::{
    Allowed, Answered, Empty, NoContent, Parameters, PathParameter, Recent, Session, SignedIn,
    Submission, Versioned,
};
use millwright_identity::SystemRole;
use millwright_store::Contention;
use utoipa::IntoParams;

use super::Standing;
use crate::{
    app::UserManagement,
    codes,
    domain::{ORGANIZATION_DELETION_WINDOW, Organization, Slug},
    events::{OrganizationAct, OrganizationDeletionScheduled, OrganizationRestored},
    permissions::OrganizationDelete,
    vouch,
};

/// That it is meant.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct Confirmation {
    /// The slug of the organization.
    #[param(inline)]
    confirm: Slug,
}

/// Delete the organization
///
/// In 30 days; until then an owner can restore it. Its tokens and keys are refused within 60
/// seconds. One batch read and one transaction of at most six items.
#[utoipa::path(delete, path = "/api/v1/organizations/{organizationId}", tag = "Organizations")]
pub async fn organization_delete(
    caller: Recent<Allowed<OrganizationDelete>>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    Parameters(Confirmation { confirm }): Parameters<Confirmation>,
) -> Answered<NoContent> {
    let tenant = vouch::own(&caller, id)?;
    let attempt = || async {
        let standing = Standing::read(&app.store, &tenant).await?;
        if standing.organization.slug != confirm {
            let detail = "confirm must be the slug of the organization";
            return Err(Error::new(codes::CONFIRM_MISMATCH, detail));
        }
        if standing.organization.status == OrganizationStatus::DeletionScheduled {
            return Ok(NoContent);
        }
        standing.check(OrganizationStatus::Active)?;
        let stamp = app.stamp(&caller);
        let mut after = standing.organization.clone();
        after.status = OrganizationStatus::DeletionScheduled;
        after.deletes_at = Some(stamp.at.plus(ORGANIZATION_DELETION_WINDOW));
        let after = after.stamped(stamp.clone());
        let mut write = caller.write(&app.store);
        standing.turn(&mut write, &after);
        write.emit(&OrganizationDeletionScheduled(OrganizationAct {
            organization_id: id,
            by: stamp.by,
            by_operator: false,
            reason: None,
            deletes_at: after.deletes_at,
        }))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Restore the organization
///
/// By an owner, before it is deleted, with any token of a session: the organization gives none. One
/// read, one batch read and one transaction of at most seven items.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organizationId}/restore",
    tag = "Organizations"
)]
pub async fn organization_restore(
    caller: Session<SignedIn>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<Organization>> {
    let (tenant, facts) = vouch::member(&app.store, id, caller.user()).await?;
    let is_owner = facts.system_role == Some(SystemRole::Owner);
    if !is_owner || facts.status != MembershipStatus::Active {
        let detail = "only an active owner restores the organization";
        return Err(caller.deny_as::<OrganizationDelete>(codes::OWNER_ONLY, detail).await.into());
    }
    let attempt = || async {
        let standing = Standing::read(&app.store, &tenant).await?;
        standing.check(OrganizationStatus::DeletionScheduled)?;
        let stamp = app.stamp(&caller);
        if standing.organization.is_due(stamp.at) {
            let detail = "the time to restore it is over";
            return Err(Error::new(shared_codes::INVALID_STATE, detail));
        }
        let mut after = standing.organization.clone();
        after.status = OrganizationStatus::Active;
        after.deletes_at = None;
        let after = after.stamped(stamp.clone());
        let mut write = submission.write(&app.store, &caller);
        write.within(&tenant, |effects| {
            standing.turn(effects, &after);
            effects.emit(&OrganizationRestored(OrganizationAct {
                organization_id: id,
                by: stamp.by,
                by_operator: false,
                reason: None,
                deletes_at: None,
            }))
        })?;
        write.commit(Versioned(after)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
