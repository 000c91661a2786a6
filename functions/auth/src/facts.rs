//! What user-management knows of people and memberships, read where it is written.

use millwright_access::facts::{
    MembershipFacts, OrganizationFacts, RoleFacts, USER_MEMBERSHIPS, UserFacts, UserMembership,
    access_partition,
};
use millwright_core::{OrgId, Result, UserId};
use millwright_store::{Key, Query, Store};

use crate::{domain::Access, vouch};

/// The access facts, strongly consistent: a token issued after a change's answer carries it.
#[derive(Clone)]
pub struct Facts(Store);

/// More organizations than anybody belongs to.
const MAX_MEMBERSHIPS: usize = 1_000;

impl Facts {
    /// Reads the table of user-management.
    pub fn new(table: Store) -> Facts {
        Facts(table)
    }

    /// A person, and where they belong. One Query.
    pub async fn person(&self, user: UserId) -> Result<(Option<UserFacts>, Vec<UserMembership>)> {
        let query = Query::partition(access_partition(&vouch::person(user)));
        let items = self.0.collect(&query, MAX_MEMBERSHIPS).await?;
        let facts = items.iter().find(|item| item.is::<UserFacts>());
        let facts = facts.map(|item| item.decode()).transpose()?;
        let memberships = items
            .iter()
            .filter(|item| item.sort_key().starts_with(USER_MEMBERSHIPS))
            .map(|item| item.decode())
            .collect::<Result<_>>()?;
        Ok((facts, memberships))
    }

    /// What is said of an organization. One GetItem.
    pub async fn organization(&self, place: &Key) -> Result<Option<OrganizationFacts>> {
        self.0.get(place).await
    }

    /// What a token of a person is issued from. One BatchGetItem; one GetItem more for a custom
    /// role.
    pub async fn access(&self, user: UserId, organization: Option<OrgId>) -> Result<Access> {
        let mut keys = vec![UserFacts::place(&vouch::person(user))];
        if let Some(organization) = organization.map(vouch::organization) {
            keys.push(OrganizationFacts::place(&organization));
            keys.push(MembershipFacts::place(&organization, user));
        }
        let mut access = Access::default();
        for item in self.0.get_many(&keys).await? {
            if item.is::<UserFacts>() {
                access.user = Some(item.decode()?);
            } else if item.is::<OrganizationFacts>() {
                access.organization = Some(item.decode()?);
            } else if item.is::<MembershipFacts>() {
                access.membership = Some(item.decode()?);
            }
        }
        if let (Some(organization), Some(membership)) = (organization, &access.membership)
            && membership.system_role.is_none()
        {
            let place = RoleFacts::place(&vouch::organization(organization), membership.role_id);
            access.role = self.0.get(&place).await?;
        }
        Ok(access)
    }
}
