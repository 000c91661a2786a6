//! Reading what goes into an archive, some things at a time.

use std::sync::Arc;

use millwright_core::{Error, Result, TeamId, Tenant, UserId};
use millwright_identity::Catalogue;
use millwright_store::{Key, Position, Query, RawItem, Store};
use serde::Serialize;
use serde_json::{Value, json};

use super::{auth::AuthData, sections::Section};
use crate::{
    app::members_of,
    domain::{
        Member, Organization, Preferences, SecuritySettings, Settings, Stamp, TeamMember, User,
    },
    store::{
        InvitationItem, Invitee, MemberItem, PreferencesItem, RoleItem, SettingsItem,
        TeamsOfMember, every_member, member_place, newest_invitations, organization_place,
        read_forest, roles_of, security_place, settings_place, team_member_place, team_members,
        user_place,
    },
    vouch,
};

/// Some things of a file, as JSON.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub things: Vec<Value>,
    /// Where to go on; none: that is all.
    pub next: Option<String>,
}

impl Page {
    fn all(things: Vec<Value>) -> Page {
        Page { things, next: None }
    }
}

/// Where everything is read.
#[derive(Clone)]
pub(super) struct Source {
    pub store: Store,
    pub catalogue: Catalogue<'static>,
    pub auth: Arc<dyn AuthData>,
}

/// Things of one page, where they are read page by page.
const AT_ONCE: usize = 500;
/// Teams, or organizations, of one page: each takes calls of its own.
const FEW_AT_ONCE: usize = 25;

impl Source {
    /// The next page of a file. One call for things that lie together, up to three for each team or
    /// organization.
    ///
    /// # Errors
    /// `not_found` if there is no such person or organization any more.
    pub async fn page(
        &self,
        section: Section,
        tenant: &Tenant,
        after: Option<&str>,
    ) -> Result<Page> {
        match section {
            Section::Profile => Ok(Page::all(vec![value(&self.user(tenant).await?)?])),
            Section::Preferences => self.preferences(tenant).await,
            Section::Memberships => self.memberships(tenant).await,
            Section::TeamsOfUser => self.teams_of_user(tenant, after).await,
            Section::InvitationsReceived => self.invitations_received(tenant, after).await,
            Section::InvitationsSent => self.invitations_sent(tenant, after).await,
            Section::Authentication => {
                let page = self.auth.page(user(tenant)?, after).await?;
                Ok(Page { things: page.items, next: page.next_cursor })
            }
            Section::Organization => Ok(Page::all(vec![value(&self.organization(tenant).await?)?])),
            Section::Settings => self.settings(tenant).await,
            Section::SecuritySettings => self.security_settings(tenant).await,
            Section::Roles => self.roles(tenant).await,
            Section::Members => self.members(tenant, after).await,
            Section::Teams => self.teams(tenant, after).await,
            Section::Invitations => self.invitations(tenant, after, |_| true).await,
        }
    }

    async fn user(&self, person: &Tenant) -> Result<User> {
        let found: Option<User> = self.store.get(&user_place(person)).await?;
        found.ok_or_else(|| Error::not_found("user"))
    }

    async fn preferences(&self, person: &Tenant) -> Result<Page> {
        let stored: Option<PreferencesItem> =
            self.store.get(&PreferencesItem::place(person)).await?;
        let preferences = match stored {
            Some(stored) => stored.preferences()?,
            None => Preferences::initial(self.user(person).await?.created_at),
        };
        Ok(Page::all(vec![value(&preferences)?]))
    }

    /// Former ones included, each with what the organization and the role are called.
    async fn memberships(&self, person: &Tenant) -> Result<Page> {
        let mut things = Vec::new();
        for some in members_of(&self.store, person).await?.chunks(FEW_AT_ONCE) {
            let places: Vec<Key> = some
                .iter()
                .flat_map(|member| {
                    let tenant = vouch::joined(member.organization_id);
                    let role = millwright_access::facts::RoleFacts::place(&tenant, member.role_id);
                    [organization_place(&tenant), role]
                })
                .collect();
            let items = self.store.get_many(&places).await?;
            let at = |key: &Key| {
                let wanted = (key.partition(), key.sort_key());
                items.iter().find(|item| (item.partition_key(), item.sort_key()) == wanted)
            };
            for (member, places) in some.iter().zip(places.chunks(2)) {
                let organization: Option<Organization> =
                    at(&places[0]).map(RawItem::decode).transpose()?;
                let role: Option<RoleItem> = at(&places[1]).map(RawItem::decode).transpose()?;
                let mut thing = value(member)?;
                thing["organizationName"] = json!(organization.map(|it| it.name));
                thing["roleName"] = json!(role.map(|it| it.name));
                things.push(thing);
            }
        }
        Ok(Page::all(things))
    }

    /// Organization by organization; `after` counts those behind us.
    async fn teams_of_user(&self, person: &Tenant, after: Option<&str>) -> Result<Page> {
        let id = user(person)?;
        let (from, members) = (count(after), self.present(person).await?);
        let mut things = Vec::new();
        for member in members.iter().skip(from).take(FEW_AT_ONCE) {
            let tenant = vouch::joined(member.organization_id);
            let teams = TeamsOfMember::read(&self.store, &tenant, id).await?.teams;
            if teams.is_empty() {
                continue;
            }
            let forest = read_forest(&self.store, &tenant).await?;
            let places: Vec<Key> =
                teams.iter().map(|team| team_member_place(&tenant, *team, id)).collect();
            for item in self.store.get_many(&places).await? {
                let of_team: TeamMember = item.decode()?;
                let mut thing = value(&of_team)?;
                thing["organizationId"] = json!(member.organization_id);
                thing["teamName"] = json!(forest.find(of_team.team_id).map(|team| &team.name));
                things.push(thing);
            }
        }
        Ok(Page { things, next: further(from, members.len()) })
    }

    /// Address by address; `after` counts those behind us.
    async fn invitations_received(&self, person: &Tenant, after: Option<&str>) -> Result<Page> {
        const MOST: usize = 5_000;
        let (from, emails) = (count(after), self.user(person).await?.emails);
        let Some(mine) = emails.get(from) else { return Ok(Page::default()) };
        let mut things = Vec::new();
        let found = self.store.collect(&Invitee::newest(&mine.email), MOST).await?;
        for some in found.chunks(100) {
            let places: Result<Vec<Key>> = some.iter().map(invitation_place).collect();
            for item in self.store.get_many(&places?).await? {
                things.push(value(&item.decode::<InvitationItem>()?.invitation)?);
            }
        }
        let next = from + 1;
        Ok(Page { things, next: (next < emails.len()).then(|| next.to_string()) })
    }

    /// Organization by organization, page by page: `<count of those behind us> <invitation>`.
    async fn invitations_sent(&self, person: &Tenant, after: Option<&str>) -> Result<Page> {
        let by = user(person)?.to_string();
        let (from, within) = after.and_then(|it| it.split_once(' ')).unwrap_or(("0", ""));
        let (from, members) = (count(Some(from)), members_of(&self.store, person).await?);
        let Some(member) = members.get(from) else { return Ok(Page::default()) };
        let tenant = vouch::joined(member.organization_id);
        let within = Some(within).filter(|it| !it.is_empty());
        let mine = |item: &InvitationItem| item.invitation.created_by == by;
        let Page { things, next } = self.invitations(&tenant, within, mine).await?;
        let next = match next {
            Some(within) => Some(format!("{from} {within}")),
            None if from + 1 < members.len() => Some(format!("{} ", from + 1)),
            None => None,
        };
        Ok(Page { things, next })
    }

    /// In the order of their ids; of a token there is not even a hash.
    async fn invitations(
        &self,
        tenant: &Tenant,
        after: Option<&str>,
        admit: impl Fn(&InvitationItem) -> bool,
    ) -> Result<Page> {
        let behind = match after {
            Some(id) => {
                let id = id.parse().map_err(|_| Error::internal("no id of an invitation"))?;
                Some(Position::behind(&InvitationItem::place(tenant, id)))
            }
            None => None,
        };
        let page = self.store.page(&newest_invitations(tenant), AT_ONCE, behind.as_ref()).await?;
        let mut things = Vec::new();
        for item in &page.items {
            let item: InvitationItem = item.decode()?;
            if admit(&item) {
                things.push(value(&item.invitation)?);
            }
        }
        Ok(Page { things, next: page.next.map(|next| next.sort_key().to_owned()) })
    }

    async fn organization(&self, tenant: &Tenant) -> Result<Organization> {
        let found: Option<Organization> = self.store.get(&organization_place(tenant)).await?;
        found.ok_or_else(|| Error::not_found("organization"))
    }

    async fn settings(&self, tenant: &Tenant) -> Result<Page> {
        let stored: Option<SettingsItem> = self.store.get(&settings_place(tenant)).await?;
        let settings = match stored {
            Some(stored) => stored.settings()?,
            None => {
                let organization = self.organization(tenant).await?;
                let stamp = Stamp { at: organization.created_at, by: organization.created_by };
                Settings::initial(organization.system_role_ids.viewer, stamp)
            }
        };
        Ok(Page::all(vec![value(&settings)?]))
    }

    async fn security_settings(&self, tenant: &Tenant) -> Result<Page> {
        let stored: Option<SecuritySettings> = self.store.get(&security_place(tenant)).await?;
        let settings = match stored {
            Some(stored) => stored,
            None => {
                let organization = self.organization(tenant).await?;
                let stamp = Stamp { at: organization.created_at, by: organization.created_by };
                SecuritySettings::initial(stamp)?
            }
        };
        Ok(Page::all(vec![value(&settings)?]))
    }

    async fn roles(&self, tenant: &Tenant) -> Result<Page> {
        const MOST: usize = 1_000;
        let id = self.organization(tenant).await?.id;
        let mut things = Vec::new();
        for item in self.store.collect(&roles_of(tenant), MOST).await? {
            things.push(value(&item.decode::<RoleItem>()?.role(id, self.catalogue))?);
        }
        Ok(Page::all(things))
    }

    async fn members(&self, tenant: &Tenant, after: Option<&str>) -> Result<Page> {
        let behind = match after {
            Some(id) => {
                let id = id.parse().map_err(|_| Error::internal("no id of a user"))?;
                Some(Position::behind(&member_place(tenant, id)))
            }
            None => None,
        };
        let page = self.store.page(&every_member(tenant), AT_ONCE, behind.as_ref()).await?;
        let things = page.items.iter().map(|item| value(&item.decode::<MemberItem>()?.member));
        Ok(Page {
            things: things.collect::<Result<_>>()?,
            next: page.next.map(|next| next.sort_key().to_owned()),
        })
    }

    /// Team by team, in the order of their ids; `after` is the last one.
    async fn teams(&self, tenant: &Tenant, after: Option<&str>) -> Result<Page> {
        const MOST_MEMBERS: usize = 1_000;
        let after: Option<TeamId> = after.and_then(|id| id.parse().ok());
        let mut teams = read_forest(&self.store, tenant).await?.teams;
        teams.sort_unstable_by_key(|team| team.id);
        teams.retain(|team| after.is_none_or(|after| team.id > after));
        let mut things = Vec::new();
        for team in teams.iter().take(FEW_AT_ONCE) {
            let query: Query = team_members(tenant, team.id);
            let found = self.store.collect(&query, MOST_MEMBERS).await?;
            let members: Result<Vec<TeamMember>> = found.iter().map(RawItem::decode).collect();
            let mut thing = value(team)?;
            thing["members"] = value(&members?)?;
            things.push(thing);
        }
        let last = teams.get(FEW_AT_ONCE - 1).filter(|_| teams.len() > FEW_AT_ONCE);
        Ok(Page { things, next: last.map(|team| team.id.to_string()) })
    }

    async fn present(&self, person: &Tenant) -> Result<Vec<Member>> {
        let mut members = members_of(&self.store, person).await?;
        members.retain(Member::is_present);
        Ok(members)
    }
}

fn user(person: &Tenant) -> Result<UserId> {
    person.user().ok_or_else(|| Error::internal("an export of no person"))
}

fn value(thing: &impl Serialize) -> Result<Value> {
    serde_json::to_value(thing).map_err(Error::internal)
}

fn count(after: Option<&str>) -> usize {
    after.and_then(|it| it.parse().ok()).unwrap_or_default()
}

fn further(from: usize, all: usize) -> Option<String> {
    let next = from + FEW_AT_ONCE;
    (next < all).then(|| next.to_string())
}

fn invitation_place(item: &RawItem) -> Result<Key> {
    let Invitee { organization_id, invitation_id, .. } = item.decode()?;
    Ok(InvitationItem::place(&vouch::joined(organization_id), invitation_id))
}
