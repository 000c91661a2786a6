//! The one place where this service says whose data it is about to touch, beside the gates.

#![allow(
    clippy::disallowed_methods,
    reason = "a person whose identity was just proven, an organization whose membership was read"
)]

use millwright_core::{OrgId, Tenant, UserId, Voucher};

/// A person who has just proven who they are: by a provider, by a code or token of ours.
pub fn person(user: UserId) -> Tenant {
    Tenant::person(user, Voucher::Credential)
}

/// The organization a session wants a token for: its facts decide.
pub fn organization(organization: OrgId) -> Tenant {
    Tenant::vouched(organization, Voucher::Membership)
}

/// Sign-ins that have not come to a person yet.
pub fn nobody() -> Tenant {
    Tenant::installation(Voucher::Event)
}
