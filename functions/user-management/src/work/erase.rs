//! Erasing a person (specs 5.8): memberships end, invitations go, then whatever tells of the person;
//! the id stays, and a name that is everybody's.

use millwright_access::facts::UserStatus;
use millwright_core::{Error, OrgId, Result, Tenant, UserId};
use millwright_store::{Contention, RawItem};

use super::{Progress, Task};
use crate::{
    domain::{CancelReason, Email, EndReason, InvitationStatus, LastExport, Member, UserCard},
    events::{AccountData, InvitationCancelled, InvitationData, UserDeleted},
    invitation::uncount,
    member::handlers::end,
    store::{
        Due, DueItem, EmailMarker, Foundings, InvitationItem, Invitee, MemberItem, PreferencesItem,
        TeamsOfMember, TokenMarker, member_place,
    },
    user::{Account, Turn},
    vouch,
};

/// Erases what is left of a user whose time has come. Nothing for one who has come back, or is
/// erased already. Per membership two reads and one transaction of at most 71 items, per invitation
/// one read and one transaction of at most eight.
pub(super) async fn erase(task: &Task<'_>, user: UserId) -> Result<Progress> {
    let person = vouch::person(user);
    let Some(account) = begin(task, &person).await? else { return Ok(Progress::Finished) };
    let card = account.user.erased_card();
    for member in &account.members {
        if task.is_over() {
            return Ok(Progress::More);
        }
        leave(task, member, &card).await?;
    }
    for mine in &account.user.emails {
        if forget_invitations(task, &mine.email).await? == Progress::More {
            return Ok(Progress::More);
        }
    }
    finish(task, &person).await
}

/// From now on nobody comes back. The account, if there is something left to do.
async fn begin(task: &Task<'_>, person: &Tenant) -> Result<Option<Account>> {
    let attempt = || async {
        let account = match Account::read(task.store, person).await {
            Ok(account) => account,
            Err(error) if error.is(millwright_core::codes::NOT_FOUND) => return Ok(None),
            Err(error) => return Err(error),
        };
        let stamp = task.stamp();
        match account.user.status {
            UserStatus::Deleted => Ok(Some(account).filter(|it| it.user != it.user.erased())),
            _ if account.user.is_due(stamp.at) => {
                let mut after = account.user.clone();
                after.status = UserStatus::Deleted;
                let after = after.stamped(stamp.clone());
                let turn = Turn { stamp, by_operator: false, is_forced: false };
                let mut effects = task.effects(person);
                account.turn(&mut effects, &after, &turn)?;
                effects.commit().await?;
                Account::read(task.store, person).await.map(Some)
            }
            _ => Ok(None),
        }
    };
    Contention::new(task.store).settle(task.store, attempt).await
}

/// Ends a membership, or takes the person off the card of one that has ended.
async fn leave(task: &Task<'_>, member: &Member, card: &UserCard) -> Result<()> {
    let tenant = vouch::joined(member.organization_id);
    let attempt = || async {
        let place = member_place(&tenant, member.user_id);
        let found: Option<MemberItem> = task.store.get(&place).await?;
        let Some(MemberItem { member: found, .. }) = found else { return Ok(()) };
        let before = Member { user: card.clone(), ..found.clone() };
        let mut effects = task.effects(&tenant);
        if before.is_present() {
            let teams = TeamsOfMember::read(task.store, &tenant, member.user_id).await?;
            end(&mut effects, &before, &teams, EndReason::UserDeleted, task.stamp())?;
        } else if found.user != *card {
            let step =
                effects.replace(&MemberItem::of(&before.stamped(task.stamp())), found.version);
            effects.refused_as(step, Error::lost_race());
        } else {
            return Ok(());
        }
        effects.commit().await
    };
    Contention::new(task.store).settle(task.store, attempt).await
}

/// Takes away the invitations to an address, whatever became of them.
async fn forget_invitations(task: &Task<'_>, email: &Email) -> Result<Progress> {
    const AT_ONCE: usize = 100;
    loop {
        let page = task.store.page(&Invitee::newest(email), AT_ONCE, None).await?;
        if page.items.is_empty() {
            return Ok(Progress::Finished);
        }
        for item in &page.items {
            if task.is_over() {
                return Ok(Progress::More);
            }
            forget_invitation(task, item).await?;
        }
    }
}

async fn forget_invitation(task: &Task<'_>, item: &RawItem) -> Result<()> {
    let invitee: Invitee = item.decode()?;
    let tenant = vouch::joined(invitee.organization_id);
    let place = InvitationItem::place(&tenant, invitee.invitation_id);
    let attempt = || async {
        let found: Option<InvitationItem> = task.store.get(&place).await?;
        let mut effects = task.effects(&tenant);
        effects.delete(&Invitee::place(&invitee.email, invitee.invitation_id));
        if let Some(InvitationItem { version, invitation, token_hash }) = found {
            let unchanged = millwright_store::Condition::version(version);
            let step = effects.delete_when(&place, unchanged);
            effects.refused_as(step, Error::lost_race());
            effects.delete(&TokenMarker::place(&token_hash));
            if invitation.status == InvitationStatus::Pending {
                let due = Due::Expiry(invitation.organization_id, invitation.id);
                DueItem::drop(&mut effects, due, invitation.expires_at);
                uncount(&mut effects, &invitation);
                let reason = Some(CancelReason::ByUser);
                let gone = invitation.ended(InvitationStatus::Cancelled, reason, task.stamp());
                effects.emit(&InvitationCancelled(InvitationData::of(&gone)))?;
            }
        }
        effects.commit().await
    };
    Contention::new(task.store).settle(task.store, attempt).await
}

/// Takes away the rest, in one step, and says so.
async fn finish(task: &Task<'_>, person: &Tenant) -> Result<Progress> {
    let attempt = || async {
        let account = Account::read(task.store, person).await?;
        let before = &account.user;
        if *before == before.erased() {
            return Ok(Progress::Finished);
        }
        let stamp = task.stamp();
        let after = before.erased().stamped(stamp.clone());
        let mut effects = task.effects(person);
        let step = effects.replace(&after, before.version);
        effects.refused_as(step, Error::lost_race());
        let update = millwright_store::Update::new().remove("defaultOrganizationId");
        effects.update(&millwright_access::facts::UserFacts::place(person), &update);
        for mine in &before.emails {
            effects.delete(&EmailMarker::place(&mine.email));
        }
        effects.delete(&PreferencesItem::place(person));
        effects.delete(&Foundings::place(person));
        LastExport::forget(&mut effects);
        if let Some(at) = before.deletes_at {
            DueItem::drop(&mut effects, Due::Erasure(before.id), at);
        }
        effects.emit(&UserDeleted(AccountData {
            user_id: before.id,
            version: after.version,
            by: stamp.by,
            by_operator: false,
            organization_ids: ended_now(&account.members),
            deletes_at: None,
        }))?;
        effects.commit().await?;
        Ok(Progress::Finished)
    };
    Contention::new(task.store).settle(task.store, attempt).await
}

/// Where the person belonged until the erasure.
fn ended_now(members: &[Member]) -> Vec<OrgId> {
    let ended = members.iter().filter(|it| it.end_reason == Some(EndReason::UserDeleted));
    ended.map(|member| member.organization_id).collect()
}
