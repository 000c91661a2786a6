//! How memberships begin.

use millwright_core::{Error, Result, RoleId};
use millwright_event::Effects;
use millwright_identity::SystemRole;
use millwright_store::Condition;

use crate::{
    codes,
    domain::{Member, Organization, Stamp, User},
    store::{Counted, Counters, Memberships, RoleItem, write_member},
    vouch,
};

/// Who joins, and how.
pub struct Joining<'a> {
    pub user: &'a User,
    pub role: (RoleId, Option<SystemRole>),
    /// The membership that has ended, if there was one.
    pub former: Option<&'a Member>,
    pub invitation_id: Option<String>,
    /// A pending invitation into the role is settled with it.
    pub settles_invitation: bool,
    pub invited_by: Option<String>,
}

/// Makes somebody a member, within the limit of the organization: six items of the organization
/// that `effects` is in. Counts one active owner more if it is one.
///
/// Refused: `member_limit_reached`, `role_archived`, or a lost race, as when the account is not in use
/// any more or belongs to as many organizations as it may: the caller checks both before.
///
/// # Errors
/// `already_member`, `membership_suspended`.
pub fn join(
    effects: &mut Effects,
    organization: &Organization,
    joining: Joining<'_>,
    stamp: Stamp,
) -> Result<Member> {
    let Joining { user, role, former, invitation_id, invited_by, settles_invitation } = joining;
    if let Some(former) = former.filter(|former| former.is_present()) {
        return Err(match former.suspended_at {
            Some(_) => Error::new(codes::MEMBERSHIP_SUSPENDED, "a member has to reactivate you"),
            None => Error::new(codes::ALREADY_MEMBER, "you are a member already"),
        });
    }
    let access_version = former.map_or(1, |former| former.access_version + 1);
    let mut member = Member::joining(organization.id, user.card(), role, access_version, stamp);
    member.invitation_id = invitation_id;
    member.invited_by = invited_by;
    member.version = former.map_or(1, |former| former.version + 1);
    write_member(effects, former.map(|former| former.version), &member);
    match settles_invitation {
        true => RoleItem::redeem(effects, role.0),
        false => {
            RoleItem::give(effects, role.0);
        }
    }
    let limit = organization.member_limit;
    let room = Condition::default().equals("memberLimit", limit).less_than("memberCount", limit);
    let counted = Counted {
        members: 1,
        active_owners: i64::from(member.is_active_owner()),
        pending_invitations: -i64::from(settles_invitation),
        ..Counted::default()
    };
    if let Some(step) = Counters::count_when(effects, counted, room) {
        effects.refused_as(step, member_limit_reached(limit));
    }
    let person = vouch::person(user.id);
    Memberships::add(effects, &person);
    effects.within(&person, |own| {
        own.put(&member.of_user());
    });
    Ok(member)
}

/// The organization is full.
pub fn member_limit_reached(limit: u32) -> Error {
    let detail = "an operator can raise the limit";
    Error::new(codes::MEMBER_LIMIT_REACHED, detail).with("limit", limit)
}
