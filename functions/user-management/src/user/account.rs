//! An account as a whole: what its being in use, or not, means everywhere.

use millwright_access::{
    facts::UserFacts,
    feed::{Subject, outdate},
};
use millwright_core::{Error, OrgId, Result, Tenant};
use millwright_event::Effects;
use millwright_http::{Answer, Write};
use millwright_store::{Condition, Outcome, Refusals, Step, Store};

use super::renew_cards;
use crate::{
    app::members_of,
    domain::{Member, Stamp, User},
    events::{AccountData, UserDeactivated, UserDeletionScheduled, UserReactivated},
    store::{Counted, Counters, Due, DueItem, Memberships, last_owner, user_place},
    vouch,
};

/// A user, and everything that says whether the account is in use.
pub struct Account {
    pub user: User,
    pub members: Vec<Member>,
    person: Tenant,
    facts: UserFacts,
    memberships: Memberships,
}

/// Who turns an account, and how.
#[derive(Clone, Debug)]
pub struct Turn {
    pub stamp: Stamp,
    pub by_operator: bool,
    /// Organizations may be left without an owner.
    pub is_forced: bool,
}

/// The steps that an organization without another owner refuses.
#[derive(Debug, Default)]
pub struct Guards(Vec<(Step, OrgId)>);

impl Account {
    /// One BatchGetItem, one Query, and one BatchGetItem for each hundred memberships.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn read(store: &Store, person: &Tenant) -> Result<Account> {
        let places = [user_place(person), UserFacts::place(person), Memberships::place(person)];
        let items = store.get_many(&places).await?;
        let at = |place: usize| {
            let wanted = (places[place].partition(), places[place].sort_key());
            items.iter().find(|item| (item.partition_key(), item.sort_key()) == wanted)
        };
        let user = at(0).ok_or_else(|| Error::not_found("user"))?.decode()?;
        let facts = at(1).ok_or_else(|| Error::internal("a user without facts"))?.decode()?;
        // Read before the members: whatever they miss has changed it since.
        let memberships = Memberships::of(at(2));
        let members = members_of(store, person).await?;
        Ok(Account { user, members, person: *person, facts, memberships })
    }

    /// The organizations the user belongs to.
    pub fn organizations(&self) -> Vec<OrgId> {
        let present = self.members.iter().filter(|member| member.is_present());
        present.map(|member| member.organization_id).collect()
    }

    /// Writes what the account becomes: at most six items, one for each organization that it owns,
    /// and as many cards as there is room for; the others follow by the event.
    pub fn turn(&self, effects: &mut Effects, after: &User, turn: &Turn) -> Result<Guards> {
        let (was_active, is_active) = (self.user.is_active(), after.is_active());
        let turns = was_active != is_active;
        effects.within(&self.person, |effects| {
            let step = effects.replace(after, self.user.version);
            effects.refused_as(step, Error::lost_race());
            let withdrawn = turns && !is_active;
            let access_version = self.facts.access_version + u64::from(withdrawn);
            let known = Condition::default().equals("accessVersion", self.facts.access_version);
            let step = effects.put_when(&after.facts(access_version), known);
            effects.refused_as(step, Error::lost_race());
            if withdrawn {
                outdate(effects, Subject::User(after.id), access_version);
            }
            if turns {
                self.memberships.turn(effects, &self.person, is_active);
            }
            match (self.user.deletes_at, after.deletes_at) {
                (None, Some(at)) => DueItem::put(effects, Due::Erasure(after.id), at),
                (Some(at), None) => DueItem::drop(effects, Due::Erasure(after.id), at),
                _ => {}
            }
            self.announce(effects, after, turn)
        })?;
        let mut guards = Guards::default();
        if turns {
            for member in self.members.iter().filter(|it| self.counts(it)) {
                let organization = member.organization_id;
                effects.within(&vouch::joined(organization), |effects| {
                    let counted = |active_owners| Counted { active_owners, ..Counted::default() };
                    match (is_active, turn.is_forced) {
                        (true, _) => Counters::count(effects, counted(1)),
                        (false, true) => Counters::count(effects, counted(-1)),
                        (false, false) => {
                            let step = Counters::lose_owner(effects, counted(0), organization);
                            guards.0.extend(step.map(|step| (step, organization)));
                        }
                    }
                });
            }
        }
        renew_cards(effects, &self.members, after, &turn.stamp);
        Ok(guards)
    }

    /// The membership makes an active owner, if the account is in use.
    fn counts(&self, member: &Member) -> bool {
        let mut in_use = member.clone();
        in_use.user.status = millwright_access::facts::UserStatus::Active;
        in_use.is_active_owner()
    }

    fn announce(&self, effects: &mut Effects, after: &User, turn: &Turn) -> Result<()> {
        use millwright_access::facts::UserStatus;
        let data = AccountData {
            user_id: after.id,
            version: after.version,
            by: turn.stamp.by.clone(),
            by_operator: turn.by_operator,
            organization_ids: self.organizations(),
            deletes_at: after.deletes_at,
        };
        match after.status {
            UserStatus::Active => effects.emit(&UserReactivated(data)),
            UserStatus::Deactivated => effects.emit(&UserDeactivated(data)),
            UserStatus::DeletionScheduled => effects.emit(&UserDeletionScheduled(data)),
            // Announced when nothing is left of the person.
            UserStatus::Deleted => Ok(()),
        }
    }
}

impl Guards {
    /// Commits, and names every organization that would be left without an owner.
    ///
    /// # Errors
    /// `last_owner`; a lost race.
    pub async fn commit<A: Answer>(&self, write: Write, answer: A) -> Result<A> {
        match write.attempt(&answer).await? {
            Outcome::Done => Ok(answer),
            Outcome::Refused(refusals) => Err(self.refusal(refusals)),
        }
    }

    fn refusal(&self, refusals: Refusals) -> Error {
        let organization_of = |step: Step| self.0.iter().find(|(guard, _)| *guard == step);
        let named: Option<Vec<OrgId>> = refusals
            .0
            .iter()
            .map(|refusal| organization_of(refusal.step).map(|(_, organization)| *organization))
            .collect();
        match named {
            Some(organizations) => last_owner(&organizations),
            None => refusals.into_error(),
        }
    }
}
