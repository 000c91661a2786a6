//! Purging an organization (specs 5.2): everything of it goes, in steps of at most 100 items; its
//! slug leads nowhere for 90 days, and then is free.

use millwright_access::facts::{
    MembershipFacts, OrganizationFacts, OrganizationStatus, UserMembership,
};
use millwright_core::{Error, OrgId, Result, TeamId, Tenant};
use millwright_job::{JobSummary, Jobs, job_partition, jobs_of};
use millwright_store::{Condition, Contention, Index, Key, Partition, Query, RawItem};

use super::{Progress, Task};
use crate::{
    domain::{CancelReason, EndReason, InvitationStatus, Team},
    events::{
        InvitationCancelled, InvitationData, MembershipEnded, MembershipRemoved,
        OrganizationDeleted, OrganizationGone,
    },
    export::Exports,
    invitation::batch::Batches,
    organization::Standing,
    store::{
        Due, DueItem, InvitationItem, Invitee, MemberItem, Memberships, PendingMarker, SlugMarker,
        TeamsOfMember, TokenMarker, every_member, newest_invitations, organization_place,
        parts_of_organization, read_forest, team_names_partition, team_partition,
    },
    vouch,
};

/// Purges what is left of an organization whose time has come. Nothing of one that was restored, or
/// is gone.
pub(super) async fn purge(task: &Task<'_>, id: OrgId) -> Result<Progress> {
    let tenant = vouch::joined(id);
    let Some(standing) = begin(task, &tenant).await? else { return Ok(Progress::Finished) };
    let steps = [
        forget_invitations(task, &tenant).await?,
        forget_members(task, &tenant).await?,
        forget_teams(task, &tenant).await?,
        forget_jobs::<Batches>(task, &tenant).await?,
        forget_jobs::<Exports>(task, &tenant).await?,
        forget_parts(task, &tenant).await?,
    ];
    match steps.contains(&Progress::More) {
        true => Ok(Progress::More),
        false => finish(task, &tenant, &standing).await,
    }
}

/// From now on nobody restores it: every service erases its part. The organization, if there is
/// something left of it.
async fn begin(task: &Task<'_>, tenant: &Tenant) -> Result<Option<Standing>> {
    let attempt = || async {
        let standing = match Standing::read(task.store, tenant).await {
            Ok(standing) => standing,
            Err(error) if error.is(millwright_core::codes::NOT_FOUND) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (before, stamp) = (&standing.organization, task.stamp());
        match before.status {
            OrganizationStatus::Deleted => Ok(Some(standing)),
            _ if before.is_due(stamp.at) => {
                let mut after = before.clone();
                after.status = OrganizationStatus::Deleted;
                let after = after.stamped(stamp);
                let mut effects = task.effects(tenant);
                standing.turn(&mut effects, &after);
                let gone = OrganizationGone { organization_id: after.id };
                effects.emit(&OrganizationDeleted(gone))?;
                effects.commit().await?;
                Standing::read(task.store, tenant).await.map(Some)
            }
            _ => Ok(None),
        }
    };
    Contention::new(task.store).settle(task.store, attempt).await
}

/// One Query, and one transaction of at most 86 items, for each fifteen.
async fn forget_invitations(task: &Task<'_>, tenant: &Tenant) -> Result<Progress> {
    let attempt = |items: Vec<RawItem>| async move {
        let mut effects = task.effects(tenant);
        for item in &items {
            let InvitationItem { version, invitation, token_hash } = item.decode()?;
            let place = InvitationItem::place(tenant, invitation.id);
            let step = effects.delete_when(&place, Condition::version(version));
            effects.refused_as(step, Error::lost_race());
            effects.delete(&TokenMarker::place(&token_hash));
            if let Some(email) = &invitation.email {
                effects.delete(&Invitee::place(email, invitation.id));
            }
            if invitation.status != InvitationStatus::Pending {
                continue;
            }
            if let Some(email) = &invitation.email {
                effects.delete(&PendingMarker::place(tenant, email));
            }
            let due = Due::Expiry(invitation.organization_id, invitation.id);
            DueItem::drop(&mut effects, due, invitation.expires_at);
            let reason = Some(CancelReason::OrganizationDeleted);
            let gone = invitation.ended(InvitationStatus::Cancelled, reason, task.stamp());
            effects.emit(&InvitationCancelled(InvitationData::of(&gone)))?;
        }
        effects.commit().await
    };
    each(task, &newest_invitations(tenant), 15, attempt).await
}

/// One Query, one BatchGetItem and one transaction of at most 81 items for each twenty.
async fn forget_members(task: &Task<'_>, tenant: &Tenant) -> Result<Progress> {
    let attempt = |items: Vec<RawItem>| async move {
        let members: Result<Vec<MemberItem>> = items.iter().map(RawItem::decode).collect();
        let members = members?;
        let places: Vec<Key> =
            members.iter().map(|it| TeamsOfMember::place(tenant, it.member.user_id)).collect();
        let teams = task.store.get_many(&places).await?;
        let mut effects = task.effects(tenant);
        for MemberItem { version, member, .. } in &members {
            let (user, organization) = (member.user_id, member.organization_id);
            let place = crate::store::member_place(tenant, user);
            let step = effects.delete_when(&place, Condition::version(*version));
            effects.refused_as(step, Error::lost_race());
            effects.delete(&MembershipFacts::place(tenant, user));
            let person = vouch::person(user);
            effects.delete(&UserMembership::place(&person, organization));
            if !member.is_present() {
                continue;
            }
            Memberships::remove(&mut effects, &person, None);
            let of_user = TeamsOfMember::place(tenant, user);
            let of_user = teams.iter().find(|item| item.sort_key() == of_user.sort_key());
            effects.emit(&MembershipRemoved(MembershipEnded {
                user_id: user,
                by: task.cause.actor_id.clone(),
                end_reason: EndReason::OrganizationDeleted,
                team_ids: TeamsOfMember::of(of_user).teams,
            }))?;
        }
        effects.commit().await
    };
    each(task, &every_member(tenant), 20, attempt).await
}

/// Two partitions for each team, and those of the root.
async fn forget_teams(task: &Task<'_>, tenant: &Tenant) -> Result<Progress> {
    let forest = read_forest(task.store, tenant).await?;
    let teams: Vec<TeamId> = forest.teams.iter().map(|team: &Team| team.id).collect();
    let mut partitions = vec![team_names_partition(tenant, None)];
    for team in teams {
        partitions.push(team_partition(tenant, team));
        partitions.push(team_names_partition(tenant, Some(team)));
    }
    forget_all(task, tenant, partitions).await
}

/// The partition of each job. Files of exports are gone by themselves long before.
async fn forget_jobs<J: Jobs>(task: &Task<'_>, tenant: &Tenant) -> Result<Progress> {
    const MAX: usize = 1_000;
    let query = Query::index(Index::Gsi2, jobs_of::<J>(tenant));
    let jobs = task.store.collect(&query, MAX).await?;
    let partition = |item: &RawItem| {
        let job = JobSummary::<J>::of(item)?;
        Ok(job_partition::<J>(tenant, job.id))
    };
    let partitions: Result<Vec<Partition>> = jobs.iter().map(partition).collect();
    forget_all(task, tenant, partitions?).await
}

/// Everything that lies below the organization, but for its head and its facts.
async fn forget_parts(task: &Task<'_>, tenant: &Tenant) -> Result<Progress> {
    forget_all(task, tenant, parts_of_organization(tenant)).await
}

async fn forget_all(
    task: &Task<'_>,
    tenant: &Tenant,
    partitions: Vec<Partition>,
) -> Result<Progress> {
    // The head says that there is something left; facts are the contract with others.
    let keep = [organization_place(tenant), OrganizationFacts::place(tenant)];
    let keep = keep.iter().map(|key| (key.partition().to_owned(), key.sort_key().to_owned()));
    let keep: Vec<(String, String)> = keep.collect();
    for partition in partitions {
        let query = Query::partition(partition.clone());
        let mut from = None;
        loop {
            if task.is_over() {
                return Ok(Progress::More);
            }
            let page = task.store.page(&query, 99, from.as_ref()).await?;
            let mut effects = task.effects(tenant);
            for item in &page.items {
                let place = (item.partition_key().to_owned(), item.sort_key().to_owned());
                if !keep.contains(&place) {
                    effects.delete(&partition.clone().at(item.sort_key()));
                }
            }
            effects.commit().await?;
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok(Progress::Finished)
}

/// The head goes last.
async fn finish(task: &Task<'_>, tenant: &Tenant, standing: &Standing) -> Result<Progress> {
    let organization = &standing.organization;
    let mut effects = task.effects(tenant);
    let unchanged = Condition::version(organization.version);
    let step = effects.delete_when(&organization_place(tenant), unchanged);
    effects.refused_as(step, Error::lost_race());
    effects.delete(&OrganizationFacts::place(tenant));
    SlugMarker::give_up(&mut effects, &organization.slug, organization.id, task.stamp().at);
    if let Some(at) = organization.deletes_at {
        DueItem::drop(&mut effects, Due::Purge(organization.id), at);
    }
    match effects.commit().await {
        // Somebody else was faster.
        Err(error) if error.is(millwright_core::codes::CONTENTION) => Ok(Progress::Finished),
        outcome => outcome.map(|()| Progress::Finished),
    }
}

/// Takes the items that are there a few at a time, until none is left: `take` takes all it is given
/// away, in one transaction.
async fn each<A: Future<Output = Result<()>>>(
    task: &Task<'_>,
    query: &Query,
    at_once: usize,
    take: impl Fn(Vec<RawItem>) -> A,
) -> Result<Progress> {
    loop {
        if task.is_over() {
            return Ok(Progress::More);
        }
        let attempt = || async {
            let items = task.store.page(query, at_once, None).await?.items;
            if items.is_empty() {
                return Ok(true);
            }
            take(items).await.map(|()| false)
        };
        if Contention::new(task.store).settle(task.store, attempt).await? {
            return Ok(Progress::Finished);
        }
    }
}
