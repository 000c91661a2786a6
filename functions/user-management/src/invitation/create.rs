//! Inviting people.

use std::time::Duration;

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::{MembershipFacts, MembershipStatus};
use millwright_core::{
    Error, Fault, FaultCode, Faults, Result, RoleId, TeamId, Tenant, codes as shared_codes,
};
use millwright_http::{Allowed, Answered, Created, Submission};
use millwright_identity::{Permission, codes_of};
use millwright_store::{Condition, Contention, RawItem, Store};
use utoipa::ToSchema;

use super::{SentInvitation, settle, token::Token};
use crate::{
    app::UserManagement,
    codes,
    domain::{
        CancelReason, EMAIL_LIFETIME, Email, EmailDomain, Few, Invitation, InvitationStatus,
        InvitationType, LinkHours, MailStatus, MaxUses, Message, Organization, SecuritySettings,
        Stamp,
    },
    events::{InvitationCancelled, InvitationCreated, InvitationData},
    member::member_limit_reached,
    organization::handlers::MAX_PENDING_INVITATIONS,
    permissions::InvitationCreate,
    role::{Held, find_role, require_assignable},
    store::{
        Counted, Counters, Due, DueItem, EmailMarker, InvitationItem, Invitee, PendingMarker,
        RoleItem, SettingsItem, TokenMarker, count_sent, organization_place, read_forest,
        security_place, settings_place,
    },
};

/// Somebody is invited.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "email": "grace@example.com" }))]
pub struct InvitationIn {
    /// `email` binds it to one address; `link` must be allowed by the organization.
    #[deserr(rename = "type", default = InvitationType::Email)]
    #[schema(rename = "type", required = false)]
    kind: InvitationType,
    /// For `email`.
    #[deserr(default)]
    email: Option<Email>,
    /// An active role; that of the settings if not given.
    #[deserr(default)]
    role_id: Option<RoleId>,
    /// Teams of the organization, in which whoever accepts is a member; at most ten.
    #[deserr(default)]
    #[schema(required = false)]
    team_ids: Few<TeamId, 0, 10>,
    #[deserr(default)]
    message: Option<Message>,
    /// For `link`: how long it lives. 48 if not given.
    #[deserr(default)]
    expires_in_hours: Option<LinkHours>,
    /// For `link`: how often it may be used. 10 if not given.
    #[deserr(default)]
    max_uses: Option<MaxUses>,
    /// For `link`: the domains it is good for; empty: any.
    #[deserr(default)]
    #[schema(required = false)]
    allowed_email_domains: Few<EmailDomain, 0, 10>,
}

impl InvitationIn {
    /// What belongs to the other type is refused.
    fn check(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let mut fault = |pointer: &str, code, detail: &str| {
            faults.0.push(Fault::new(pointer, code, detail));
        };
        match self.kind {
            InvitationType::Email => {
                if self.email.is_none() {
                    fault("/email", FaultCode::Required, "must be given");
                }
                let of_links = "is for links alone";
                if self.expires_in_hours.is_some() {
                    fault("/expiresInHours", FaultCode::NotAllowed, of_links);
                }
                if self.max_uses.is_some() {
                    fault("/maxUses", FaultCode::NotAllowed, of_links);
                }
                if !self.allowed_email_domains.as_slice().is_empty() {
                    fault("/allowedEmailDomains", FaultCode::NotAllowed, of_links);
                }
            }
            InvitationType::Link if self.email.is_some() => {
                fault("/email", FaultCode::NotAllowed, "a link is for no address");
            }
            InvitationType::Link => {}
        }
        if faults.0.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// By e-mail.
    pub fn to(email: Email, team_ids: Vec<TeamId>, message: Option<Message>) -> InvitationIn {
        InvitationIn {
            kind: InvitationType::Email,
            email: Some(email),
            role_id: None,
            team_ids: Few::of(team_ids),
            message,
            expires_in_hours: None,
            max_uses: None,
            allowed_email_domains: Few::default(),
        }
    }

    fn lifetime(&self) -> Duration {
        match self.kind {
            InvitationType::Email => EMAIL_LIFETIME,
            InvitationType::Link => {
                let hours = self.expires_in_hours.map_or(48, LinkHours::get);
                Duration::from_secs(u64::from(hours) * 3600)
            }
        }
    }
}

/// Invite somebody
///
/// The answer is the same whether the address has an account. A pending invitation of the same
/// address is superseded. The link of the answer is shown once. At most 2,000 pending ones, and
/// 2,000 sent within a day. One batch read, at most two reads, and one transaction of at most 15
/// items; with teams one query more. If the installation sends mail, the letter goes out afterwards:
/// one batch read and one write more. A repeat with the same key is told what stood before that.
#[utoipa::path(post, path = "/api/v1/invitations", tag = "Invitations")]
pub async fn invitation_create(
    caller: Allowed<InvitationCreate>,
    State(app): State<UserManagement>,
    submission: Submission<InvitationIn>,
) -> Answered<Created<SentInvitation>> {
    let tenant = caller.tenant();
    let input = &submission.input;
    input.check()?;
    let token = Token::random(app.store.ids());
    let accept_url = token.accept_url(app.post.app_url.get().await?);
    let attempt = || async {
        let scene = Scene::read(&app, &tenant, input).await?;
        let role = find_role(&app, &tenant, input.role_id.unwrap_or(scene.default_role)).await?;
        require_assignable::<InvitationCreate>(&app, &caller, &role).await?;
        scene.check(&app, &tenant, input).await?;
        if !input.team_ids.as_slice().is_empty() {
            let forest = read_forest(&app.store, &tenant).await?;
            for team in input.team_ids.as_slice() {
                forest.team(*team)?;
            }
        }
        if input.kind == InvitationType::Link {
            check_harmless(&app, &role)?;
        }
        let stamp = app.stamp(&caller);
        let mut invitation =
            new(&app.store, &scene.organization, input, role.facts.role_id, &stamp);
        invitation.mail_status = app.post.before(invitation.kind);
        let mut write = submission.write(&app.store, &caller);
        let superseded = match scene.pending {
            Some(marker) => {
                app.store.get(&InvitationItem::place(&tenant, marker.invitation_id)).await?
            }
            None => None,
        };
        let superseded: Option<InvitationItem> = superseded;
        if let Some(before) = &superseded {
            let reason = Some(CancelReason::Superseded);
            let cancelled = InvitationStatus::Cancelled;
            let after = before.invitation.ended(cancelled, reason, stamp.clone());
            settle(&mut write, before, &after)?;
            write.emit(&InvitationCancelled(InvitationData::of(&after)))?;
        }
        // The role of the superseded one may be the same: then it is promised as often as before.
        match superseded.as_ref().map(|before| before.invitation.role_id) {
            Some(old) if old == invitation.role_id => {
                RoleItem::check_active(&mut write, invitation.role_id);
            }
            Some(old) => {
                RoleItem::settle(&mut write, old);
                RoleItem::promise(&mut write, invitation.role_id);
            }
            None => {
                RoleItem::promise(&mut write, invitation.role_id);
            }
        }
        if superseded.is_none() {
            count_pending(&mut write);
        }
        count_sent(&mut write, stamp.at);
        write.create(&InvitationItem::of(&invitation, &token.hash()));
        lead_to(&mut write, &invitation, &token);
        if let Some(email) = &invitation.email {
            let marker = PendingMarker { email: email.clone(), invitation_id: invitation.id };
            marker.take(&mut write, superseded.map(|before| before.invitation.id));
        }
        write.emit(&InvitationCreated(InvitationData::of(&invitation)))?;
        let accept_url = Some(accept_url.clone());
        write.commit(Created(SentInvitation { invitation, accept_url })).await
    };
    let Created(sent) = Contention::new(&app.store).settle(&app.store, attempt).await?;
    Ok(Created(sent.posted(&app, &tenant, &token).await))
}

/// An invitation as it begins.
pub fn new(
    store: &Store,
    organization: &Organization,
    input: &InvitationIn,
    role_id: RoleId,
    stamp: &Stamp,
) -> Invitation {
    let is_link = input.kind == InvitationType::Link;
    Invitation {
        id: store.ids().next(),
        organization_id: organization.id,
        kind: input.kind,
        email: input.email.clone(),
        role_id,
        team_ids: input.team_ids.as_slice().to_vec(),
        message: input.message.clone(),
        status: InvitationStatus::Pending,
        cancel_reason: None,
        expires_at: stamp.at.plus(input.lifetime()),
        resend_count: 0,
        last_sent_at: stamp.at,
        mail_status: MailStatus::NotConfigured,
        max_uses: is_link.then(|| input.max_uses.map_or(10, MaxUses::get)),
        use_count: 0,
        allowed_email_domains: input.allowed_email_domains.as_slice().to_vec(),
        accepted_by: None,
        accepted_at: None,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by.clone(),
        updated_at: stamp.at,
        updated_by: stamp.by.clone(),
    }
}

/// What leads from token, address and time to the invitation: at most three items.
pub fn lead_to(
    transaction: &mut millwright_store::Transaction,
    invitation: &Invitation,
    token: &Token,
) {
    let Invitation { id, organization_id, expires_at, .. } = *invitation;
    transaction.put(&TokenMarker {
        token_hash: token.hash(),
        organization_id,
        invitation_id: id,
        expires_at,
    });
    DueItem::put(transaction, Due::Expiry(organization_id, id), expires_at);
    if let Some(email) = invitation.email.clone() {
        transaction.put(&Invitee { email, organization_id, invitation_id: id, expires_at });
    }
}

/// One pending invitation more, within the limit. One item.
pub fn count_pending(transaction: &mut millwright_store::Transaction) {
    let max = MAX_PENDING_INVITATIONS;
    let room = Condition::default().less_than("pendingInvitationCount", max);
    let one = Counted { pending_invitations: 1, ..Counted::default() };
    if let Some(step) = Counters::count_when(transaction, one, room) {
        let detail = format!("at most {max} pending invitations");
        let refused = Error::new(codes::INVITATION_LIMIT_REACHED, detail);
        transaction.refused_as(step, refused.with("limit", max));
    }
}

/// What an invitation depends on.
struct Scene {
    organization: Organization,
    counters: Counters,
    security: Option<SecuritySettings>,
    default_role: RoleId,
    pending: Option<PendingMarker>,
    account: Option<EmailMarker>,
}

impl Scene {
    /// One BatchGetItem.
    async fn read(app: &UserManagement, tenant: &Tenant, input: &InvitationIn) -> Result<Scene> {
        let mut places = vec![
            organization_place(tenant),
            Counters::place(tenant),
            settings_place(tenant),
            security_place(tenant),
        ];
        if let Some(email) = &input.email {
            places.push(PendingMarker::place(tenant, email));
            places.push(EmailMarker::place(email));
        }
        let items = app.store.get_many(&places).await?;
        let organization: Organization =
            find(&items)?.ok_or_else(|| Error::not_found("organization"))?;
        let settings: Option<SettingsItem> = find(&items)?;
        let default_role = match settings {
            Some(settings) => settings.settings()?.invitation_role_id,
            None => organization.system_role_ids.viewer,
        };
        let counters = items.iter().find(|item| item.is::<Counters>());
        Ok(Scene {
            counters: Counters::read(counters)?,
            security: find(&items)?,
            default_role,
            pending: find(&items)?,
            account: find(&items)?,
            organization,
        })
    }

    /// One GetItem if the address has an account.
    async fn check(
        &self,
        app: &UserManagement,
        tenant: &Tenant,
        input: &InvitationIn,
    ) -> Result<()> {
        let Counters { member_count, pending_invitation_count, member_limit, .. } = self.counters;
        let replaces = u64::from(self.pending.is_some());
        let promised = member_count + pending_invitation_count - replaces;
        if promised >= member_limit.into() {
            return Err(member_limit_reached(member_limit));
        }
        let security = self.security.as_ref();
        let Some(email) = &input.email else {
            return match security.is_some_and(|it| it.link_invitations_allowed) {
                true => Ok(()),
                false => Err(links_disabled()),
            };
        };
        let domains = security.map(|it| it.allowed_email_domains.as_slice()).unwrap_or_default();
        if !EmailDomain::admit(domains, email) {
            let detail = "the organization invites only addresses of its domains";
            return Err(Error::new(codes::EMAIL_DOMAIN_NOT_ALLOWED, detail));
        }
        let Some(account) = &self.account else { return Ok(()) };
        let facts: Option<MembershipFacts> =
            app.store.get(&MembershipFacts::place(tenant, account.user_id)).await?;
        match facts.map(|facts| facts.status) {
            None | Some(MembershipStatus::Ended) => Ok(()),
            Some(_) => Err(Error::new(codes::ALREADY_MEMBER, "the address is a member's")),
        }
    }
}

fn find<I: millwright_store::Item>(items: &[RawItem]) -> Result<Option<I>> {
    items.iter().find(|item| item.is::<I>()).map(RawItem::decode).transpose()
}

/// The organization forbids links.
pub fn links_disabled() -> Error {
    Error::new(codes::LINK_INVITATIONS_DISABLED, "an owner can allow them")
}

/// A link is passed on: it must not lead to power over members, roles or the organization.
fn check_harmless(app: &UserManagement, role: &RoleItem) -> Result<()> {
    let reached = match Held::of(role) {
        Held::System(system) => codes_of(system, app.catalogue),
        Held::Patterns(patterns) => {
            patterns.iter().flat_map(|pattern| pattern.reach(app.catalogue)).collect()
        }
    };
    match reached.iter().find(|permission| is_powerful(permission)) {
        None => Ok(()),
        Some(permission) => {
            let detail = "no link gives a role with this permission";
            Err(Error::new(codes::ROLE_TOO_POWERFUL, detail).with("permission", permission.code))
        }
    }
}

fn is_powerful(permission: &Permission) -> bool {
    let mut segments = permission.code.split('.');
    let mut next = || segments.next().unwrap_or_default();
    match (next(), next(), next()) {
        ("users", "invitation" | "membership", _) | ("auth", "service_key", _) => true,
        ("roles", "role", action) => matches!(action, "create" | "update" | "delete"),
        ("organizations", _, action) => matches!(action, "update" | "delete"),
        _ => false,
    }
}

/// # Errors
/// `invalid_state` of an organization in which nobody acts.
pub fn check_open(organization: &Organization) -> Result<()> {
    match organization.status {
        millwright_access::facts::OrganizationStatus::Active => Ok(()),
        status => {
            let detail = format!("the organization is {status}");
            Err(Error::new(shared_codes::INVALID_STATE, detail))
        }
    }
}
