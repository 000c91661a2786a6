//! Organizations and members with ids of choice, for demonstrations and tests: what no operation
//! does.

use millwright_core::{Error, OrgId, Result, Tenant, UserId};
use millwright_event::{Cause, Effects};
use millwright_identity::SystemRole;
use millwright_job::NewJob;
use millwright_store::Store;

use crate::{
    domain::{
        DataExportId, Email, ExportDetails, ExportScope, Member, NewUser, Organization, Stamp,
        User, UserName,
    },
    events::{MembershipCreated, MembershipStarted, UserCreated, UserData},
    export::Exports,
    member::{Joining, join},
    organization::{Founding, found},
    store::{EmailMarker, MemberItem, member_place, organization_place, user_place},
    vouch,
};

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Seed {
    pub user: UserId,
    pub email: Email,
    pub name: UserName,
}

/// Makes the account, and an organization that it owns.
///
/// # Errors
/// If one of them is there already.
pub async fn organization(
    store: &Store,
    id: OrgId,
    name: &str,
    owner: Seed,
) -> Result<Organization> {
    let (stamp, person) = (stamp(store), vouch::person(owner.user));
    let mut effects = begin(store, &person);
    let user = account(&mut effects, owner, &stamp)?;
    let founding = Founding {
        id,
        name: name.parse().map_err(Error::from)?,
        slug: crate::domain::Slug::derived(name, 0, 0),
        description: crate::domain::Description::default(),
        logo_url: None,
        settings: None,
    };
    let organization = found(&mut effects, &person, founding, &user, stamp)?;
    effects.commit().await?;
    Ok(organization)
}

/// Makes the account, and a member of it.
///
/// # Errors
/// If the account is there already, or the organization is not.
pub async fn member(store: &Store, id: OrgId, role: SystemRole, seed: Seed) -> Result<Member> {
    let mut effects = begin(store, &vouch::joined(id));
    let user = account(&mut effects, seed, &stamp(store))?;
    add(effects, id, role, &user).await
}

/// Makes a member of an account.
///
/// # Errors
/// If it is one, or there is none.
pub async fn rejoin(store: &Store, id: OrgId, role: SystemRole, user: UserId) -> Result<Member> {
    let found: Option<User> = store.get(&user_place(&vouch::person(user))).await?;
    let user = found.ok_or_else(|| Error::not_found("user"))?;
    add(begin(store, &vouch::joined(id)), id, role, &user).await
}

async fn add(mut effects: Effects, id: OrgId, role: SystemRole, user: &User) -> Result<Member> {
    let (store, tenant) = (effects.store().clone(), vouch::joined(id));
    let organization: Option<Organization> = store.get(&organization_place(&tenant)).await?;
    let organization = organization.ok_or_else(|| Error::not_found("organization"))?;
    let former: Option<MemberItem> = store.get(&member_place(&tenant, user.id)).await?;
    let joining = Joining {
        user,
        role: (organization.system_role_ids.of(role), Some(role)),
        former: former.as_ref().map(|former| &former.member),
        invitation_id: None,
        settles_invitation: false,
        invited_by: None,
    };
    let member = join(&mut effects, &organization, joining, stamp(&store))?;
    effects.emit(&MembershipCreated(MembershipStarted::of(&member, Vec::new())))?;
    effects.commit().await?;
    Ok(member)
}

/// Asks for an export of a person's data, or of an organization's, however long ago the last one
/// was.
///
/// # Errors
/// If the table cannot be written.
pub async fn export(store: &Store, user: UserId, id: Option<OrgId>) -> Result<DataExportId> {
    let tenant = id.map_or_else(|| vouch::person(user), vouch::joined);
    let kind = id.map_or(ExportScope::User, |_| ExportScope::Organization);
    let mut effects = begin(store, &tenant);
    let new: NewJob<Exports, ()> =
        NewJob { kind, details: ExportDetails::default(), extra: (), request: () };
    let head = new.start(&mut effects, &user.to_string())?;
    effects.commit().await?;
    Ok(head.summary.id)
}

fn account(effects: &mut Effects, seed: Seed, stamp: &Stamp) -> Result<User> {
    let new = NewUser {
        id: seed.user,
        email: seed.email,
        display_name: Some(seed.name),
        given_name: None,
        family_name: None,
        avatar_url: None,
        language: None,
    };
    let user = User::new(new, stamp.clone());
    effects.within(&vouch::person(user.id), |effects| {
        effects.create(&user);
        effects.put(&user.facts(1));
        for mine in &user.emails {
            EmailMarker::take(effects, &mine.email, user.id);
        }
        effects.emit(&UserCreated(UserData::of(&user, &[])))
    })?;
    Ok(user)
}

fn stamp(store: &Store) -> Stamp {
    Stamp { at: store.clock().now(), by: "seed".to_owned() }
}

fn begin(store: &Store, tenant: &Tenant) -> Effects {
    let cause = Cause {
        tenant: *tenant,
        actor_id: "seed".to_owned(),
        traceparent: None,
        correlation_id: "seed".to_owned(),
        causation_id: None,
    };
    Effects::new(store, cause)
}
