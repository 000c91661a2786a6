//! Taking an invitation.

use axum::extract::State;
use millwright_core::{Error, OrgId, Result, TeamId, codes as shared_codes};
use millwright_http::{Answered, Empty, PathParameter, Session, SignedIn, Submission, Versioned};
use millwright_store::{Contention, Key, RawItem};

use super::{
    create::{check_open, links_disabled},
    mine::address_of,
    token::TokenIn,
};
use crate::{
    app::UserManagement,
    codes,
    domain::{
        EmailDomain, InvitationId, InvitationStatus, InvitationType, Member, Organization,
        SecuritySettings, Stamp, TeamMember, TeamRole, User,
    },
    events::{InvitationAccepted, InvitationData, MembershipCreated, MembershipStarted},
    member::{Joining, MemberView, join, viewed},
    role::find_role,
    store::{
        Due, DueItem, InvitationItem, MAX_TEAM_MEMBERS, MemberItem, Memberships, PendingMarker,
        TeamsOfMember, TokenMarker, count_of, member_place, organization_place, read_forest,
        security_place, team_count_place, user_place,
    },
    vouch,
};

/// Accept an invitation by token
///
/// Who repeats it is answered the same. At most 30 a minute for each user. One read, one batch read, one read and one transaction of
/// at most 13 items; one read more for a custom role, with teams one query, one batch read and up to
/// 31 items.
#[utoipa::path(post, path = "/api/v1/invitations/accept", tag = "Invitations")]
pub async fn invitation_accept(
    caller: Session<SignedIn>,
    State(app): State<UserManagement>,
    submission: Submission<TokenIn>,
) -> Answered<Versioned<MemberView>> {
    app.buckets.accept(caller.user())?;
    let (rest, TokenIn { token }) = submission.take();
    let hash = token.hash();
    let marker: Option<TokenMarker> = app.store.get(&TokenMarker::place(&hash)).await?;
    let marker = marker.ok_or_else(|| Error::not_found("invitation"))?;
    let way = Way {
        organization: marker.organization_id,
        id: marker.invitation_id,
        token_hash: Some(&hash),
    };
    Ok(way.accept(&app, &caller, &rest).await?)
}

/// Accept an invitation by id
///
/// One addressed to an address of one's own; any other is not found. At most 30 a minute for each
/// user. One read, two batch reads, one
/// read and one transaction of at most 13 items; one read more for a custom role, with teams one query, one batch read and up to
/// 31 items.
#[utoipa::path(post, path = "/api/v1/invitations/{invitationId}/accept", tag = "Invitations")]
pub async fn my_invitation_accept(
    caller: Session<SignedIn>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(InvitationId,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<MemberView>> {
    app.buckets.accept(caller.user())?;
    let (rest, _) = submission.take();
    let user = app.user(&caller.tenant()).await?;
    let organization = address_of(&app, &user, id).await?;
    let way = Way { organization, id, token_hash: None };
    Ok(way.accept(&app, &caller, &rest).await?)
}

/// How the caller came to an invitation.
struct Way<'a> {
    organization: OrgId,
    id: InvitationId,
    /// None: by one's address.
    token_hash: Option<&'a str>,
}

/// What accepting depends on.
struct Scene {
    item: InvitationItem,
    organization: Organization,
    security: Option<SecuritySettings>,
    user: User,
    former: Option<Member>,
    memberships: Memberships,
}

impl Way<'_> {
    async fn accept(
        &self,
        app: &UserManagement,
        caller: &SignedIn,
        submission: &Submission<()>,
    ) -> Result<Versioned<MemberView>> {
        let tenant = vouch::joined(self.organization);
        let attempt = || async {
            let scene = self.read(app, caller).await?;
            let mut write = submission.write(&app.store, caller);
            if let Some(member) = scene.already() {
                let view = viewed(app, &tenant, member.clone()).await?;
                return write.commit(Versioned(view)).await;
            }
            self.check(&scene, app.store.clock().now())?;
            let invitation = &scene.item.invitation;
            let role = find_role(app, &tenant, invitation.role_id).await?;
            let stamp = app.stamp(caller);
            let teams = self.teams(app, &scene, &stamp).await?;
            let used = invitation.used(scene.user.id, stamp.clone());
            let is_over = used.status == InvitationStatus::Accepted;
            let member = write.within(&tenant, |effects| {
                let item = InvitationItem::of(&used, &scene.item.token_hash);
                let step = effects.replace(&item, scene.item.version);
                effects.refused_as(step, Error::lost_race());
                if is_over {
                    let due = Due::Expiry(used.organization_id, used.id);
                    DueItem::drop(effects, due, used.expires_at);
                }
                if let Some(email) = &used.email {
                    effects.delete(&PendingMarker::place(&tenant, email));
                }
                let joining = Joining {
                    user: &scene.user,
                    role: (role.facts.role_id, role.system_key),
                    former: scene.former.as_ref(),
                    invitation_id: Some(used.id.to_string()),
                    settles_invitation: is_over,
                    invited_by: Some(used.created_by.clone()),
                };
                let member = join(effects, &scene.organization, joining, stamp)?;
                TeamsOfMember::begin(effects, &teams);
                let team_ids = teams.iter().map(|member| member.team_id).collect();
                let mut accepted = InvitationData::of(&used);
                accepted.user_id = Some(scene.user.id);
                effects.emit(&InvitationAccepted(accepted))?;
                effects.emit(&MembershipCreated(MembershipStarted::of(&member, team_ids)))?;
                Ok::<_, Error>(member)
            })?;
            write.commit(Versioned(viewed(app, &tenant, member).await?)).await
        };
        Contention::new(&app.store).settle(&app.store, attempt).await
    }

    /// The teams that the invitation leads into, without those that are gone or full. Nothing is
    /// asked if there are none; else one Query and one BatchGetItem.
    async fn teams(
        &self,
        app: &UserManagement,
        scene: &Scene,
        stamp: &Stamp,
    ) -> Result<Vec<TeamMember>> {
        let wanted = &scene.item.invitation.team_ids;
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let tenant = vouch::joined(self.organization);
        let forest = read_forest(&app.store, &tenant).await?;
        let there = wanted.iter().copied().filter(|team| forest.find(*team).is_some());
        let there: Vec<TeamId> = there.collect();
        let places: Vec<_> = there.iter().map(|team| team_count_place(&tenant, *team)).collect();
        let counts = app.store.get_many(&places).await?;
        let has_room = |place: &Key| {
            let count = counts.iter().find(|it| it.partition_key() == place.partition());
            count_of(count) < MAX_TEAM_MEMBERS
        };
        let open = there.into_iter().zip(&places).filter(|(_, place)| has_room(place));
        Ok(open
            .map(|(team_id, _)| TeamMember {
                team_id,
                user_id: scene.user.id,
                role: TeamRole::Member,
                added_at: stamp.at,
                added_by: stamp.by.clone(),
                version: 1,
            })
            .collect())
    }

    /// One BatchGetItem.
    async fn read(&self, app: &UserManagement, caller: &SignedIn) -> Result<Scene> {
        let (tenant, person) = (vouch::joined(self.organization), caller.tenant());
        let places = [
            InvitationItem::place(&tenant, self.id),
            organization_place(&tenant),
            security_place(&tenant),
            user_place(&person),
            member_place(&tenant, caller.user()),
            Memberships::place(&person),
        ];
        let items = app.store.get_many(&places).await?;
        let item: InvitationItem = found(&items)?.ok_or_else(missing)?;
        if self.token_hash.is_some_and(|hash| item.token_hash != hash) {
            return Err(missing());
        }
        let former: Option<MemberItem> = found(&items)?;
        let memberships = items.iter().find(|item| item.sort_key() == places[5].sort_key());
        Ok(Scene {
            memberships: Memberships::of(memberships),
            item,
            organization: found(&items)?.ok_or_else(missing)?,
            security: found(&items)?,
            user: found(&items)?.ok_or_else(|| Error::not_found("user"))?,
            former: former.map(|former| former.member),
        })
    }

    /// Everything that was checked when it was written, again.
    fn check(&self, scene: &Scene, now: millwright_core::Timestamp) -> Result<()> {
        let invitation = &scene.item.invitation;
        if !scene.user.is_active() {
            return Err(Error::new(shared_codes::INVALID_STATE, "the account is not active"));
        }
        if let Some(email) = invitation.email.as_ref().filter(|email| !scene.user.holds(email)) {
            return Err(match self.token_hash {
                None => missing(),
                Some(_) => {
                    let detail = "sign in with the address that was invited";
                    Error::new(codes::INVITATION_EMAIL_MISMATCH, detail)
                        .with("emailHint", email.hint())
                }
            });
        }
        if self.token_hash.is_none() && invitation.status == InvitationStatus::Cancelled {
            return Err(missing());
        }
        invitation.check_pending(now)?;
        check_open(&scene.organization)?;
        scene.memberships.check_room()?;
        let security = scene.security.as_ref();
        let is_link = invitation.kind == InvitationType::Link;
        if is_link && !security.is_some_and(|it| it.link_invitations_allowed) {
            return Err(links_disabled());
        }
        let of_organization =
            security.map(|it| it.allowed_email_domains.as_slice()).unwrap_or_default();
        for domains in [of_organization, &invitation.allowed_email_domains] {
            let admits = |mine: &crate::domain::UserEmail| EmailDomain::admit(domains, &mine.email);
            if !scene.user.emails.iter().any(admits) {
                let detail = "none of your addresses is in the domains that may join";
                return Err(Error::new(codes::EMAIL_DOMAIN_NOT_ALLOWED, detail));
            }
        }
        Ok(())
    }
}

impl Scene {
    /// The membership this very invitation has led to before.
    fn already(&self) -> Option<&Member> {
        let member = self.former.as_ref().filter(|member| member.is_present())?;
        let id = self.item.invitation.id.to_string();
        (member.invitation_id.as_deref() == Some(id.as_str())).then_some(member)
    }
}

fn missing() -> Error {
    Error::not_found("invitation")
}

fn found<I: millwright_store::Item>(items: &[RawItem]) -> Result<Option<I>> {
    items.iter().find(|item| item.is::<I>()).map(RawItem::decode).transpose()
}
