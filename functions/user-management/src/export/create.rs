//! Asking for an export.

use axum::extract::State;
use millwright_core::{OrgId, Result, Tenant};
use millwright_http::{
    Accepted, Allowed, Answered, Caller, Empty, PathParameter, Recent, SignedIn, Submission,
};
use millwright_job::NewJob;
use millwright_store::Contention;

use super::{AskedExport, Exports, pending};
use crate::{
    app::UserManagement,
    domain::{DataExport, ExportDetails, ExportScope, LastExport},
    invitation::handlers::check_open,
    permissions::OrganizationExport,
    vouch,
};

/// Export one's own data
///
/// Profile, preferences, memberships, teams, invitations sent and received, and what `auth` keeps:
/// identities, sessions, keys without secrets, sign-ins. A job makes an archive of it; follow the
/// export that `Location` names, then download it within seven days. Once in 24 hours. Two reads
/// and one transaction of at most five items.
#[utoipa::path(post, path = "/api/v1/users/me/data-exports", tag = "Data exports")]
pub async fn my_data_export_create(
    caller: Recent<SignedIn>,
    State(app): State<UserManagement>,
    submission: Submission<Empty>,
) -> Answered<Accepted<AskedExport>> {
    let person = caller.tenant();
    app.user(&person).await?;
    let folder = "/api/v1/users/me/data-exports".to_owned();
    let asking = Asking { app: &app, caller: &caller, tenant: person, folder };
    Ok(asking.settle(ExportScope::User, &submission).await?)
}

/// Export the data of the organization
///
/// Profile, settings, roles, members, teams and invitations. A job makes an archive of it; follow
/// the export that `Location` names, then download it within seven days. Once in 24 hours. Two
/// reads and one transaction of at most five items.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organizationId}/data-exports",
    tag = "Data exports"
)]
pub async fn data_export_create(
    caller: Recent<Allowed<OrganizationExport>>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    submission: Submission<Empty>,
) -> Answered<Accepted<AskedExport>> {
    let tenant = vouch::own(&caller, id)?;
    check_open(&app.organization(&tenant).await?)?;
    let folder = format!("/api/v1/organizations/{id}/data-exports");
    let asking = Asking { app: &app, caller: &caller, tenant, folder };
    Ok(asking.settle(ExportScope::Organization, &submission).await?)
}

/// Who asks, and for whose data.
struct Asking<'a> {
    app: &'a UserManagement,
    caller: &'a Caller,
    tenant: Tenant,
    /// Where its exports are.
    folder: String,
}

impl Asking<'_> {
    /// One GetItem and one transaction.
    async fn settle(
        &self,
        scope: ExportScope,
        submission: &Submission<Empty>,
    ) -> Result<Accepted<AskedExport>> {
        let store = &self.app.store;
        let attempt = || async {
            let last = LastExport::read(store, &self.tenant).await?;
            let now = store.clock().now();
            let mut write = submission.write(store, self.caller);
            LastExport { asked_at: now }.succeed(&mut write, last);
            let details = ExportDetails { parts: pending(scope), size_bytes: None };
            let new: NewJob<Exports, ()> = NewJob { kind: scope, details, extra: (), request: () };
            let head = new.start(&mut write, self.caller.actor())?;
            let location = format!("{}/{}", self.folder, head.summary.id);
            let export = DataExport::of(head.summary, now);
            write.commit(Accepted(AskedExport { export, location })).await
        };
        Contention::new(store).settle(store, attempt).await
    }
}
