//! Identities, twice: for the person, and to find the person by.

use millwright_core::{Tenant, UserId};
use millwright_store::{GlobalPartition, Item, Key, Partition, Query};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{Identity, IdentityId},
    secret::Fingerprint,
};

/// What sort keys of identities begin with.
const IDENTITIES: &str = "IDN#";

struct Owner(Fingerprint);

impl GlobalPartition for Owner {
    fn partition(&self) -> String {
        format!("IDENTITY#{}", self.0.as_str())
    }
}

/// Whose identity it is. There is one for each issuer and subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityOwner {
    pub issuer: String,
    pub subject: String,
    pub user_id: UserId,
    pub identity_id: IdentityId,
}

impl IdentityOwner {
    pub fn of(identity: &Identity) -> IdentityOwner {
        IdentityOwner {
            issuer: identity.issuer.clone(),
            subject: identity.subject.clone(),
            user_id: identity.user_id,
            identity_id: identity.id,
        }
    }
}

/// An issuer has no line break in it.
pub fn owner_key(issuer: &str, subject: &str) -> Key {
    Partition::global(&Owner(Fingerprint::of(&format!("{issuer}\n{subject}")))).at("HEAD")
}

impl Item for IdentityOwner {
    const KIND: &'static str = "identity_owner";

    fn key(&self, _tenant: &Tenant) -> Key {
        owner_key(&self.issuer, &self.subject)
    }
}

pub fn identity_key(person: &Tenant, id: IdentityId) -> Key {
    Partition::of(person).at(format!("{IDENTITIES}{id}"))
}

/// At most five.
pub fn identities_of(person: &Tenant) -> Query {
    Query::partition(Partition::of(person)).starting_with(IDENTITIES)
}

impl Item for Identity {
    const KIND: &'static str = "identity";

    fn key(&self, tenant: &Tenant) -> Key {
        identity_key(tenant, self.id)
    }
}
