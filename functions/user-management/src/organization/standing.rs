//! Whether an organization issues tokens, and how that changes.

use millwright_access::{
    facts::{OrganizationFacts, OrganizationStatus},
    feed::{Subject, outdate},
};
use millwright_core::{Error, Result, Tenant, codes};
use millwright_event::Effects;
use millwright_store::{Condition, Store};

use crate::{
    domain::Organization,
    store::{Counters, Due, DueItem, organization_place},
};

/// An organization, and the facts that tokens need of it.
pub struct Standing {
    pub organization: Organization,
    facts: OrganizationFacts,
}

impl Standing {
    /// One BatchGetItem.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn read(store: &Store, tenant: &Tenant) -> Result<Standing> {
        let places = [organization_place(tenant), OrganizationFacts::place(tenant)];
        let items = store.get_many(&places).await?;
        let organization = items.iter().find(|item| item.is::<Organization>());
        let organization = organization.ok_or_else(|| Error::not_found("organization"))?;
        let facts = items.iter().find(|item| item.is::<OrganizationFacts>());
        let facts = facts.ok_or_else(|| Error::internal("an organization without facts"))?;
        Ok(Standing { organization: organization.decode()?, facts: facts.decode()? })
    }

    /// # Errors
    /// `invalid_state` in any other status; `not_found` of one that is no more.
    pub fn check(&self, from: OrganizationStatus) -> Result<()> {
        match self.organization.status {
            status if status == from => Ok(()),
            OrganizationStatus::Deleted => Err(Error::not_found("organization")),
            status => {
                let detail = format!("the organization is {status}");
                Err(Error::new(codes::INVALID_STATE, detail))
            }
        }
    }

    /// Writes what the organization becomes, within it: at most five items; refused as a lost race.
    /// What issues tokens no more, whose tokens are refused within 60 seconds.
    pub fn turn(&self, effects: &mut Effects, after: &Organization) {
        let (before, id) = (&self.organization, after.id);
        let step = effects.replace(after, before.version);
        effects.refused_as(step, Error::lost_race());
        let known = Condition::default().equals("accessVersion", self.facts.access_version);
        let access_version = self.facts.access_version + 1;
        let status = after.status;
        let renewed = OrganizationFacts { status, access_version, ..self.facts.clone() };
        let step = effects.put_when(&renewed, known);
        effects.refused_as(step, Error::lost_race());
        if status != OrganizationStatus::Active {
            outdate(effects, Subject::Organization(id), access_version);
        }
        match (before.deletes_at, after.deletes_at) {
            (None, Some(at)) => {
                Counters::close(effects);
                DueItem::put(effects, Due::Purge(id), at);
            }
            (Some(at), None) => {
                Counters::reopen(effects, id);
                DueItem::drop(effects, Due::Purge(id), at);
            }
            _ => {}
        }
    }
}
