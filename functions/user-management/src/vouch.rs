//! Who vouches for a tenant. This service is the directory of memberships: a membership that it has
//! read lets a user act in an organization, and what it writes of a member concerns the person.

#![allow(clippy::disallowed_methods, reason = "the directory of memberships vouches for tenants")]

use millwright_access::facts::{MembershipFacts, MembershipStatus};
use millwright_core::{Error, OrgId, Result, Tenant, UserId, Voucher};
use millwright_http::Caller;
use millwright_store::Store;

/// The organization in the path, if it is the credential's. Any other does not exist for the
/// caller.
pub fn own(caller: &Caller, organization: OrgId) -> Result<Tenant> {
    let tenant = caller.tenant();
    match tenant.organization() == Some(organization) {
        true => Ok(tenant),
        false => Err(Error::not_found("organization")),
    }
}

/// An organization that is about to be.
pub fn founded(organization: OrgId) -> Tenant {
    Tenant::vouched(organization, Voucher::Membership)
}

/// An organization that was found among a person's memberships, or in an invitation of theirs.
pub fn joined(organization: OrgId) -> Tenant {
    Tenant::vouched(organization, Voucher::Membership)
}

/// A person whom a change of this service is about.
pub fn person(user: UserId) -> Tenant {
    Tenant::person(user, Voucher::Membership)
}

/// What the sweep finds due is nobody's in particular.
pub fn installation() -> Tenant {
    Tenant::installation(Voucher::Event)
}

/// The organization in the path, if the user is a member of it, suspended or not. One GetItem.
///
/// # Errors
/// `not_found`, whether there is such an organization or not.
pub async fn member(
    store: &Store,
    organization: OrgId,
    user: UserId,
) -> Result<(Tenant, MembershipFacts)> {
    let tenant = joined(organization);
    let facts: Option<MembershipFacts> = store.get(&MembershipFacts::place(&tenant, user)).await?;
    let present = facts.filter(|facts| facts.status != MembershipStatus::Ended);
    let facts = present.ok_or_else(|| Error::not_found("organization"))?;
    Ok((tenant, facts))
}
