//! The state behind the handlers.

use std::sync::Arc;

use axum::extract::FromRef;
use millwright_access::facts::{OrganizationStatus, UserMembership};
use millwright_core::{Error, Result, Tenant, UserId};
use millwright_files::Files;
use millwright_http::{Caller, Platform};
use millwright_identity::Permission;
use millwright_store::{RawItem, Store};

use crate::{
    buckets::Buckets,
    domain::{Member, Organization, Stamp, User},
    post::Post,
    store::{MemberItem, member_place, memberships_of, organization_place, user_place},
    vouch,
};

/// What the service needs of others.
#[derive(Clone)]
pub struct Ports {
    /// The archives of exports.
    pub files: Files,
    /// Every permission of the installation, of all services.
    pub catalogue: &'static [&'static Permission],
    pub post: Post,
}

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct UserManagement {
    platform: Platform,
    pub store: Store,
    pub files: Files,
    /// Every permission of the installation, of all services.
    pub catalogue: &'static [&'static Permission],
    pub post: Post,
    pub buckets: Arc<Buckets>,
}

impl UserManagement {
    pub fn new(platform: Platform, store: Store, ports: Ports) -> UserManagement {
        let Ports { files, catalogue, post } = ports;
        let buckets = Arc::new(Buckets::new());
        UserManagement { platform, store, files, catalogue, post, buckets }
    }

    /// Now, and by whom.
    pub fn stamp(&self, caller: &Caller) -> Stamp {
        Stamp { at: self.store.clock().now(), by: caller.actor().to_owned() }
    }

    /// A person's own record. One GetItem.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn user(&self, person: &Tenant) -> Result<User> {
        let found: Option<User> = self.store.get(&user_place(person)).await?;
        found.ok_or_else(|| Error::not_found("user"))
    }

    /// One GetItem.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn organization(&self, tenant: &Tenant) -> Result<Organization> {
        let found: Option<Organization> = self.store.get(&organization_place(tenant)).await?;
        let found = found.filter(|found| found.status != OrganizationStatus::Deleted);
        found.ok_or_else(|| Error::not_found("organization"))
    }

    /// A member, also one who has left. One GetItem.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn member_or_former(&self, tenant: &Tenant, user: UserId) -> Result<Member> {
        let found: Option<MemberItem> = self.store.get(&member_place(tenant, user)).await?;
        Ok(found.ok_or_else(|| Error::not_found("member"))?.member)
    }

    /// A member who has not left. One GetItem.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn member(&self, tenant: &Tenant, user: UserId) -> Result<Member> {
        let member = self.member_or_former(tenant, user).await?;
        match member.is_present() {
            true => Ok(member),
            false => Err(Error::not_found("member")),
        }
    }

    /// As [`members_of`].
    pub async fn members_of(&self, person: &Tenant) -> Result<Vec<Member>> {
        members_of(&self.store, person).await
    }
}

/// The members that a person is or was, one of each organization. One Query, and one BatchGetItem
/// for each hundred.
pub async fn members_of(store: &Store, person: &Tenant) -> Result<Vec<Member>> {
    // Former ones included, of which there is no limit.
    const MAX: usize = 2_000;
    let Some(user) = person.user() else {
        return Err(Error::internal("memberships of no person"));
    };
    let items = store.collect(&memberships_of(person), MAX).await?;
    let memberships: Result<Vec<UserMembership>> = items.iter().map(RawItem::decode).collect();
    let places: Vec<_> = memberships?
        .iter()
        .map(|membership| member_place(&vouch::joined(membership.organization_id), user))
        .collect();
    let items = store.get_many(&places).await?;
    items.iter().map(|item| Ok(item.decode::<MemberItem>()?.member)).collect()
}

impl FromRef<UserManagement> for Platform {
    fn from_ref(app: &UserManagement) -> Platform {
        app.platform.clone()
    }
}
