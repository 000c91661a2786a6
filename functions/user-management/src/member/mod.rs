//! Members: who they are, and what is done to them.

mod act;
mod end;
mod join;
mod list;
mod lookup;
mod owner;
mod role;
mod view;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{act::*, end::*, list::*, lookup::*, owner::*, role::*};
}

pub use join::{Joining, join, member_limit_reached};
pub use view::{MemberView, viewed, viewed_all};

use std::collections::BTreeMap;

use millwright_core::{OrgId, RoleId};
use millwright_store::Transaction;

use crate::{
    domain::Member,
    store::{Counted, Counters, Memberships, RoleItem, write_member},
    vouch,
};

/// Writes what becomes of members of one organization, with everything that is counted: per member
/// three items, of owners four, one per role whose holders change in number, and one of counters.
///
/// Refused: `last_owner`, `role_archived`, or a lost race.
pub fn write_changes(
    transaction: &mut Transaction,
    organization: OrgId,
    changes: &[(&Member, &Member)],
) {
    let mut holders: BTreeMap<RoleId, i64> = BTreeMap::new();
    let mut counted = Counted::default();
    for (before, after) in changes {
        write_member(transaction, Some(before.version), after);
        if before.of_user() != after.of_user() {
            transaction.within(&vouch::person(after.user_id), |own| {
                own.put(&after.of_user());
            });
        }
        let is_owner = before.is_owner() || after.is_owner();
        let differs = before.role_id != after.role_id || before.status != after.status;
        if is_owner && differs && after.is_present() {
            let person = vouch::person(after.user_id);
            Memberships::touch(transaction, &person, before.is_account_active());
        }
        for (member, sign) in [(before, -1), (after, 1)] {
            if member.is_present() {
                *holders.entry(member.role_id).or_default() += sign;
                counted.members += sign;
            }
            if member.is_active_owner() {
                counted.active_owners += sign;
            }
        }
    }
    for (role, change) in holders {
        match change {
            1.. => {
                RoleItem::give(transaction, role);
            }
            0 => {}
            _ => RoleItem::take(transaction, role),
        }
    }
    match counted.active_owners {
        -1 => {
            let counted = Counted { active_owners: 0, ..counted };
            Counters::lose_owner(transaction, counted, organization);
        }
        _ => Counters::count(transaction, counted),
    }
}
