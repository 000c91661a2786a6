//! What is to become of a row.

use std::collections::HashMap;

use millwright_access::facts::{
    MembershipFacts, OrganizationFacts, RoleFacts, RoleStatus, UserFacts,
};
use millwright_core::{Error, Result, TeamId, Tenant, Timestamp, UserId};
use millwright_identity::{Catalogue, Grants, Requires, SystemRole};
use millwright_store::{RawItem, Store};

use super::RowIn;
use crate::{
    codes,
    domain::{
        Email, EmailDomain, Forest, InvitationStatus, Organization, SecuritySettings, Standing,
        fold,
    },
    invitation::handlers::check_open,
    permissions::InvitationCreate,
    role::Held,
    store::{
        Counters, EmailMarker, InvitationItem, PendingMarker, RoleItem, SettingsItem,
        organization_place, read_forest, roles_of, security_place, settings_place,
    },
    vouch,
};

/// Why a row leads to no invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub code: &'static str,
    /// Nothing is wrong with it: there is one already.
    pub is_skipped: bool,
}

const fn fails(code: &'static str) -> Reason {
    Reason { code, is_skipped: false }
}

const fn skips(code: &'static str) -> Reason {
    Reason { code, is_skipped: true }
}

/// What a row wants, if it can have it.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub email: Email,
    pub role: RoleItem,
    pub teams: Vec<TeamId>,
    /// The one that has expired, in whose place the new one comes.
    pub expired: Option<InvitationItem>,
}

/// What rows are judged by.
pub(super) struct Judge {
    pub organization: Organization,
    roles: Vec<RoleItem>,
    forest: Forest,
    first: HashMap<Email, usize>,
    catalogue: Catalogue<'static>,
}

impl Judge {
    /// Two Queries and one GetItem.
    pub async fn read(
        store: &Store,
        tenant: &Tenant,
        rows: &[RowIn],
        catalogue: Catalogue<'static>,
    ) -> Result<Judge> {
        const MAX_ROLES: usize = 1_000;
        let organization: Option<Organization> = store.get(&organization_place(tenant)).await?;
        let roles = store.collect(&roles_of(tenant), MAX_ROLES).await?;
        let roles: Result<Vec<RoleItem>> = roles.iter().map(RawItem::decode).collect();
        let mut first = HashMap::new();
        for (index, row) in rows.iter().enumerate() {
            if let Ok(email) = row.email.as_str().parse::<Email>() {
                first.entry(email).or_insert(index);
            }
        }
        Ok(Judge {
            organization: organization.ok_or_else(|| Error::not_found("organization"))?,
            roles: roles?,
            forest: read_forest(store, tenant).await?,
            first,
            catalogue,
        })
    }

    /// One BatchGetItem, and one GetItem if the address has an account or an invitation. `creator`
    /// must hold, at this moment, what the row gives.
    pub async fn judge(
        &self,
        store: &Store,
        tenant: &Tenant,
        creator: UserId,
        index: usize,
        row: &RowIn,
    ) -> Result<Result<Wanted, Reason>> {
        let Ok(email) = row.email.as_str().parse::<Email>() else {
            return Ok(Err(fails("invalid_email")));
        };
        if self.first.get(&email).is_some_and(|first| *first < index) {
            return Ok(Err(fails("duplicate_row")));
        }
        let person = vouch::person(creator);
        let places = [
            organization_place(tenant),
            OrganizationFacts::place(tenant),
            UserFacts::place(&person),
            MembershipFacts::place(tenant, creator),
            settings_place(tenant),
            security_place(tenant),
            Counters::place(tenant),
            PendingMarker::place(tenant, &email),
            EmailMarker::place(&email),
        ];
        let items = store.get_many(&places).await?;
        let organization: Organization =
            find(&items)?.ok_or_else(|| Error::not_found("organization"))?;
        check_open(&organization)?;
        let settings: Option<SettingsItem> = find(&items)?;
        let default_role = match settings {
            Some(settings) => settings.settings()?.invitation_role_id,
            None => organization.system_role_ids.viewer,
        };
        let role = match &row.role {
            None => self.roles.iter().find(|role| role.facts.role_id == default_role),
            Some(name) => self.called(name.as_str()),
        };
        let Some(role) = role.filter(|role| role.facts.status == RoleStatus::Active) else {
            return Ok(Err(fails("unknown_role")));
        };
        let mut teams = Vec::new();
        for name in row.team_names.as_slice() {
            let name = fold(name.as_str());
            match self.forest.teams.iter().find(|team| team.folded_name() == name) {
                Some(team) => teams.push(team.id),
                None => return Ok(Err(fails("unknown_team"))),
            }
        }
        if !self.may_give(&items, role)? {
            return Ok(Err(fails(codes::EXCEEDS_OWN_PERMISSIONS.name)));
        }
        let security: Option<SecuritySettings> = find(&items)?;
        let domains =
            security.as_ref().map(|it| it.allowed_email_domains.as_slice()).unwrap_or_default();
        if !EmailDomain::admit(domains, &email) {
            return Ok(Err(fails(codes::EMAIL_DOMAIN_NOT_ALLOWED.name)));
        }
        if let Some(account) = find::<EmailMarker>(&items)? {
            let place = MembershipFacts::place(tenant, account.user_id);
            let facts: Option<MembershipFacts> = store.get(&place).await?;
            if facts.is_some_and(|facts| {
                facts.status != millwright_access::facts::MembershipStatus::Ended
            }) {
                return Ok(Err(skips(codes::ALREADY_MEMBER.name)));
            }
        }
        let mut expired = None;
        if let Some(marker) = find::<PendingMarker>(&items)? {
            let place = InvitationItem::place(tenant, marker.invitation_id);
            let found: Option<InvitationItem> = store.get(&place).await?;
            let is_over = |it: &InvitationItem, now: Timestamp| {
                it.invitation.status_at(now) != InvitationStatus::Pending
            };
            match found.filter(|it| is_over(it, store.clock().now())) {
                Some(over) => expired = Some(over),
                None => return Ok(Err(skips("already_invited"))),
            }
        }
        let counters = items.iter().find(|item| item.is::<Counters>());
        let counters = Counters::read(counters)?;
        let promised = counters.member_count + counters.pending_invitation_count
            - u64::from(expired.is_some());
        if promised >= counters.member_limit.into() {
            return Ok(Err(fails(codes::MEMBER_LIMIT_REACHED.name)));
        }
        Ok(Ok(Wanted { email, role: role.clone(), teams, expired }))
    }

    fn called(&self, name: &str) -> Option<&RoleItem> {
        let system: Option<SystemRole> = name.parse().ok();
        let by_key = |role: &&RoleItem| system.is_some() && role.system_key == system;
        let by_name = |role: &&RoleItem| fold(&role.name) == fold(name);
        self.roles.iter().find(by_key).or_else(|| self.roles.iter().find(by_name))
    }

    fn may_give(&self, items: &[RawItem], role: &RoleItem) -> Result<bool> {
        let membership: Option<MembershipFacts> = find(items)?;
        let own = membership.as_ref().map(|it| it.role_id);
        let own = self.roles.iter().find(|it| Some(it.facts.role_id) == own);
        let standing = Standing {
            user: find(items)?,
            organization: find(items)?,
            membership,
            role: own.map(|it| -> RoleFacts { it.facts.clone() }),
        };
        let grants: Grants = standing.grants();
        let may_invite = grants.reason(InvitationCreate::PERMISSION).is_some();
        Ok(may_invite && Held::of(role).may_be_given(&grants, self.catalogue))
    }
}

fn find<I: millwright_store::Item>(items: &[RawItem]) -> Result<Option<I>> {
    items.iter().find(|item| item.is::<I>()).map(RawItem::decode).transpose()
}
