//! Changing, archiving and deleting roles.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::{
    facts::{RoleFacts, RoleStatus},
    feed::{Subject, outdate},
};
use millwright_core::{
    Change, Error, Faults, OrgId, Patch, Result, RoleId, Tenant, codes as shared_codes,
};
use millwright_event::Event;
use millwright_http::{
    Allowed, Answered, Body, Caller, Empty, IfMatch, NoContent, PathParameter, Submission,
    Versioned, Write,
};
use millwright_store::{Condition, Contention, RawItem};
use utoipa::ToSchema;

use super::{Held, accept, create::take_name, data, find_role};
use crate::{
    app::UserManagement,
    codes,
    domain::{
        InvitationStatus, MemberSummary, Patterns, Role, RoleDescription, RoleName, Stamp, fold,
    },
    events::{
        InvitationData, InvitationExpired, RoleArchived, RoleData, RoleDeleted, RoleUnarchived,
        RoleUpdated,
    },
    invitation::settle_for_good,
    organization::read_settings,
    permissions::{RoleDelete, RoleUpdate},
    store::{
        Counted, Counters, InvitationItem, RoleItem, RoleNameMarker, Tombstone, holders_of,
        newest_invitations, settings_place,
    },
    vouch,
};

/// A change of a role.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "permissions": ["users.*"] }))]
pub struct RolePatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    name: Change<RoleName>,
    #[deserr(default)]
    #[schema(required = false)]
    description: Patch<RoleDescription>,
    #[deserr(default)]
    #[schema(required = false)]
    permissions: Change<Patterns>,
}

/// Change a role
///
/// The caller must hold what it grants, before and after. What it grants less is refused everywhere
/// within 60 seconds. A change of nothing is no change. One read and one transaction of at most
/// five items.
#[utoipa::path(
    patch,
    path = "/api/v1/organizations/{organizationId}/roles/{roleId}",
    tag = "Roles"
)]
pub async fn role_update(
    caller: Allowed<RoleUpdate>,
    State(app): State<UserManagement>,
    PathParameter((id, role)): PathParameter<(OrgId, RoleId)>,
    if_match: IfMatch,
    Body(patch): Body<RolePatchIn>,
) -> Answered<Versioned<Role>> {
    let tenant = vouch::own(&caller, id)?;
    let permissions = match &patch.permissions {
        Change::Keep => None,
        Change::Set(patterns) => Some(accept(patterns, app.catalogue)?),
    };
    let attempt = || async {
        let before = find_custom(&app, &tenant, role).await?;
        if_match.check(before.version)?;
        Held::of(&before).require::<RoleUpdate>(&app, &caller).await?;
        let mut after = before.clone();
        if let Change::Set(name) = &patch.name {
            after.name = name.to_string();
        }
        match &patch.description {
            Patch::Keep => {}
            Patch::Clear => after.description.clear(),
            Patch::Set(description) => after.description = description.to_string(),
        }
        if let Some(patterns) = &permissions {
            Held::Patterns(patterns.clone()).require::<RoleUpdate>(&app, &caller).await?;
            after.facts.permissions = patterns.iter().map(ToString::to_string).collect();
        }
        let mut write = caller.write(&app.store);
        if after == before {
            return write.commit(Versioned(before.role(id, app.catalogue))).await;
        }
        if after.facts.permissions != before.facts.permissions {
            after.facts.access_version += 1;
            outdate(&mut write, Subject::Role(role), after.facts.access_version);
        }
        if fold(&after.name) != fold(&before.name) {
            take_name(&mut write, &after)?;
            write.remove(&RoleNameMarker::of(&before.name, role));
        }
        let after = after.stamped(app.stamp(&caller));
        after.rewrite(&mut write, before.version);
        write.emit(&RoleUpdated(data(&before.facts.permissions, &after)))?;
        write.commit(Versioned(after.role(id, app.catalogue))).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Archive a role
///
/// Who holds it keeps it; it is given to nobody else. Not the one that invitations give by
/// themselves. One read, one batch read and one transaction of at most four items.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organizationId}/roles/{roleId}/archive",
    tag = "Roles"
)]
pub async fn role_archive(
    caller: Allowed<RoleUpdate>,
    State(app): State<UserManagement>,
    PathParameter((id, role)): PathParameter<(OrgId, RoleId)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<Role>> {
    let tenant = vouch::own(&caller, id)?;
    let begin = || submission.write(&app.store, &caller);
    let turn = Turn { id, tenant, role, to: RoleStatus::Archived, event: RoleArchived };
    Ok(turn.settle(&app, &caller, begin).await?)
}

/// Unarchive a role
///
/// It can be given again. One read and one transaction of at most three items.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organizationId}/roles/{roleId}/unarchive",
    tag = "Roles"
)]
pub async fn role_unarchive(
    caller: Allowed<RoleUpdate>,
    State(app): State<UserManagement>,
    PathParameter((id, role)): PathParameter<(OrgId, RoleId)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<Role>> {
    let tenant = vouch::own(&caller, id)?;
    let begin = || submission.write(&app.store, &caller);
    let turn = Turn { id, tenant, role, to: RoleStatus::Active, event: RoleUnarchived };
    Ok(turn.settle(&app, &caller, begin).await?)
}

/// Archiving, and back.
struct Turn<E> {
    id: OrgId,
    tenant: Tenant,
    role: RoleId,
    to: RoleStatus,
    event: fn(RoleData) -> E,
}

impl<E: Event> Turn<E> {
    async fn settle(
        &self,
        app: &UserManagement,
        caller: &Caller,
        begin: impl Fn() -> Write,
    ) -> Result<Versioned<Role>> {
        let id = self.id;
        let attempt = || async {
            let before = find_custom(app, &self.tenant, self.role).await?;
            Held::of(&before).require::<RoleUpdate>(app, caller).await?;
            let mut write = begin();
            if before.facts.status == self.to {
                return write.commit(Versioned(before.role(id, app.catalogue))).await;
            }
            if self.to == RoleStatus::Archived {
                keep_settings(app, &mut write, &self.tenant, self.role).await?;
            }
            let mut after = before.clone().stamped(app.stamp(caller));
            after.facts.status = self.to;
            after.rewrite(&mut write, before.version);
            write.emit(&(self.event)(data(&before.facts.permissions, &after)))?;
            write.commit(Versioned(after.role(id, app.catalogue))).await
        };
        Contention::new(&app.store).settle(&app.store, attempt).await
    }
}

/// The settings do not give the role to who is invited, and stay so meanwhile. One BatchGetItem,
/// and one item.
async fn keep_settings(
    app: &UserManagement,
    write: &mut Write,
    tenant: &Tenant,
    role: RoleId,
) -> Result<()> {
    let (settings, is_stored) = read_settings(app, tenant).await?;
    if settings.invitation_role_id == role {
        let detail = "the settings give this role to who is invited: choose another one there";
        return Err(Error::new(shared_codes::INVALID_STATE, detail));
    }
    let unchanged = match is_stored {
        true => Condition::version(settings.version),
        false => Condition::absent(),
    };
    let step = write.check(&settings_place(tenant), unchanged);
    write.refused_as(step, Error::lost_race());
    Ok(())
}

/// Delete a role
///
/// Only if no member holds it and no pending invitation gives it; `role_in_use` names up to 20
/// holders. One batch read and one transaction of at most six items; expired invitations that were
/// not settled yet are settled before.
#[utoipa::path(
    delete,
    path = "/api/v1/organizations/{organizationId}/roles/{roleId}",
    tag = "Roles"
)]
pub async fn role_delete(
    caller: Allowed<RoleDelete>,
    State(app): State<UserManagement>,
    PathParameter((id, role)): PathParameter<(OrgId, RoleId)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let tenant = vouch::own(&caller, id)?;
    let places = [RoleFacts::place(&tenant, role), Tombstone::place(&tenant, &role)];
    let attempt = || async {
        let items = app.store.get_many(&places).await?;
        let Some(item) = items.iter().find(|item| item.is::<RoleItem>()) else {
            return match items.is_empty() {
                true => Err(Error::not_found("role")),
                false => Ok(NoContent),
            };
        };
        let before: RoleItem = item.decode()?;
        check_custom(&before)?;
        Held::of(&before).require::<RoleDelete>(&app, &caller).await?;
        if_match.check(before.version)?;
        if before.member_count == 0
            && before.invitation_count > 0
            && settle_expired(&app, &caller, &tenant, role).await? > 0
        {
            return Err(Error::lost_race());
        }
        if before.member_count > 0 || before.invitation_count > 0 {
            return Err(in_use(&app, &tenant, &before).await?);
        }
        let mut write = caller.write(&app.store);
        keep_settings(&app, &mut write, &tenant, role).await?;
        let unused = Condition::version(before.version)
            .equals("memberCount", 0)
            .equals("invitationCount", 0);
        let step = write.delete_when(&places[0], unused);
        write.refused_as(step, Error::lost_race());
        write.remove(&RoleNameMarker::of(&before.name, role));
        Counters::count(&mut write, Counted { custom_roles: -1, ..Counted::default() });
        write.create(&Tombstone::of(&role, app.store.clock().now()));
        let granted = before.facts.permissions.clone();
        let mut gone = before;
        gone.facts.permissions.clear();
        write.emit(&RoleDeleted(data(&granted, &gone)))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Settles the expired invitations into a role, which count until then; how many there were. A
/// Query for each thousand invitations, and one transaction for each expired one.
async fn settle_expired(
    app: &UserManagement,
    caller: &Caller,
    tenant: &Tenant,
    role: RoleId,
) -> Result<usize> {
    const AT_ONCE: usize = 1_000;
    let (now, mut from, mut settled) = (app.store.clock().now(), None, 0);
    loop {
        let page = app.store.page(&newest_invitations(tenant), AT_ONCE, from.as_ref()).await?;
        for item in &page.items {
            let before: InvitationItem = item.decode()?;
            let invitation = &before.invitation;
            let is_pending = invitation.status == InvitationStatus::Pending;
            if invitation.role_id != role || !is_pending || now < invitation.expires_at {
                continue;
            }
            let after = invitation.ended(InvitationStatus::Expired, None, app.stamp(caller));
            let mut write = caller.write(&app.store);
            settle_for_good(&mut write, &before, &after)?;
            write.emit(&InvitationExpired(InvitationData::of(&after)))?;
            write.commit(NoContent).await?;
            settled += 1;
        }
        from = page.next;
        if from.is_none() {
            return Ok(settled);
        }
    }
}

async fn in_use(app: &UserManagement, tenant: &Tenant, role: &RoleItem) -> Result<Error> {
    const NAMED: usize = 20;
    let page = app.store.page(&holders_of(tenant, role.facts.role_id), NAMED, None).await?;
    let summary = |item: &RawItem| item.decode_attribute::<MemberSummary>("summary");
    let users: Result<Vec<MemberSummary>> = page.items.iter().map(summary).collect();
    let users: Vec<String> = users?.iter().map(|user| user.user_id.to_string()).collect();
    let detail = "give its holders another role, and cancel its invitations";
    Ok(Error::new(codes::ROLE_IN_USE, detail)
        .with("memberCount", role.member_count)
        .with("invitationCount", role.invitation_count)
        .with("userIds", users))
}

/// # Errors
/// `not_found`, `system_role`.
async fn find_custom(app: &UserManagement, tenant: &Tenant, role: RoleId) -> Result<RoleItem> {
    let role = find_role(app, tenant, role).await?;
    check_custom(&role)?;
    Ok(role)
}

fn check_custom(role: &RoleItem) -> Result<()> {
    match role.system_key {
        None => Ok(()),
        Some(_) => Err(Error::new(codes::SYSTEM_ROLE, "copy it, and change the copy")),
    }
}

impl RoleItem {
    /// The next version. Times never run backwards.
    #[must_use]
    fn stamped(mut self, stamp: Stamp) -> RoleItem {
        self.version += 1;
        self.updated_at = stamp.at.max(self.updated_at);
        self.updated_by = stamp.by;
        self
    }
}
