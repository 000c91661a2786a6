//! Founding organizations.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::{OrganizationStatus, RoleFacts, RoleStatus};
use millwright_core::{
    Change, Error, Faults, OrgId, Patch, Result, RoleId, Tenant, codes as shared_codes,
};
use millwright_event::Effects;
use millwright_http::{Answered, Created, Session, SignedIn, Submission};
use millwright_identity::SystemRole;
use millwright_store::{Key, RawItem};
use utoipa::ToSchema;

use crate::{
    app::UserManagement,
    codes,
    domain::{
        DEFAULT_MEMBER_LIMIT, Description, HttpsUrl, Language, Member, Organization,
        OrganizationName, SLUG_ATTEMPTS, SecuritySettings, Settings, SettingsPatch, Slug, Stamp,
        SystemRoleIds, Timezone, User, WeekStart,
    },
    events::{MembershipCreated, MembershipStarted, OrganizationCreated, OrganizationData},
    store::{
        Counters, Foundings, Memberships, RoleItem, SettingsItem, SlugMarker, user_place,
        write_member,
    },
    vouch,
};

/// A new organization.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "name": "Analytical Engines", "slug": "engines", "description": "We count.",
}))]
pub struct OrganizationIn {
    name: OrganizationName,
    /// Made from the name if not given.
    #[deserr(default)]
    slug: Option<Slug>,
    #[deserr(default)]
    #[schema(required = false)]
    description: Description,
    #[deserr(default)]
    logo_url: Option<HttpsUrl>,
    #[deserr(default)]
    settings: Option<FirstSettingsIn>,
}

/// Settings of a new organization, which has no roles to choose from yet.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct FirstSettingsIn {
    #[deserr(default)]
    timezone: Option<Timezone>,
    #[deserr(default)]
    language: Option<Language>,
    #[deserr(default)]
    week_start: Option<WeekStart>,
}

/// Create an organization
///
/// The caller becomes its owner. A slug that is not given is made from the name, with a suffix if
/// others are called so. At most 50 organizations per user, and 10 foundings within 24 hours. One
/// batch read and one transaction of at most 16 items, both again for each derived slug that is
/// taken.
#[utoipa::path(post, path = "/api/v1/organizations", tag = "Organizations")]
pub async fn organization_create(
    caller: Session<SignedIn>,
    State(app): State<UserManagement>,
    submission: Submission<OrganizationIn>,
) -> Answered<Created<Organization>> {
    let person = caller.tenant();
    let input = &submission.input;
    let id: OrgId = app.store.ids().next();
    let mut attempt = 0;
    let mut contention = millwright_store::Contention::new(&app.store);
    loop {
        let slug = match &input.slug {
            Some(slug) => slug.clone(),
            None => {
                let random = u64::from_be_bytes(app.store.ids().random_bytes());
                Slug::derived(input.name.as_str(), attempt, random)
            }
        };
        let stamp = app.stamp(&caller);
        let (user, before) = founder(&app, &person).await?;
        let foundings = before.with_another(stamp.at)?;
        let mut write = submission.write(&app.store, &caller);
        foundings.succeed(&mut write, &before);
        let founding = Founding {
            id,
            name: input.name.clone(),
            slug,
            description: input.description.clone(),
            logo_url: input.logo_url.clone(),
            settings: input.settings.as_ref().map(FirstSettingsIn::patch),
        };
        let organization = found(&mut write, &person, founding, &user, stamp)?;
        match write.commit(Created(organization)).await {
            Err(error) if error.is(codes::SLUG_TAKEN) && input.slug.is_none() => {
                attempt += 1;
                if attempt >= SLUG_ATTEMPTS {
                    return Err(error.into());
                }
            }
            Err(error) if error.is(shared_codes::CONTENTION) => {
                contention.lost(&app.store).await?;
            }
            outcome => return Ok(outcome?),
        }
    }
}

/// Who founds, if that is allowed. One BatchGetItem.
async fn founder(app: &UserManagement, person: &Tenant) -> Result<(User, Foundings)> {
    let places = [user_place(person), Memberships::place(person), Foundings::place(person)];
    let items = app.store.get_many(&places).await?;
    let at = |place: &Key| items.iter().find(|item| item.sort_key() == place.sort_key());
    let user = at(&places[0]).ok_or_else(|| Error::not_found("user"))?;
    let user: User = user.decode()?;
    if !user.is_active() {
        return Err(Error::new(shared_codes::INVALID_STATE, "the account is not active"));
    }
    Memberships::of(at(&places[1])).check_room()?;
    let foundings = at(&places[2]).map(RawItem::decode).transpose()?;
    Ok((user, foundings.unwrap_or_default()))
}

impl FirstSettingsIn {
    fn patch(&self) -> SettingsPatch {
        let FirstSettingsIn { timezone, language, week_start } = self;
        SettingsPatch {
            timezone: timezone.clone().map_or(Patch::Keep, Patch::Set),
            language: language.clone().map_or(Patch::Keep, Patch::Set),
            week_start: week_start.map_or(Change::Keep, Change::Set),
            ..SettingsPatch::default()
        }
    }
}

/// What an organization begins with.
#[derive(Clone, Debug)]
pub struct Founding {
    pub id: OrgId,
    pub name: OrganizationName,
    pub slug: Slug,
    pub description: Description,
    pub logo_url: Option<HttpsUrl>,
    pub settings: Option<SettingsPatch>,
}

/// Writes a new organization with its four roles and its founder as the owner: at most 13 items,
/// and what is to be said of it.
///
/// # Errors
/// If the settings do not fit.
pub fn found(
    effects: &mut Effects,
    person: &Tenant,
    founding: Founding,
    founder: &User,
    stamp: Stamp,
) -> Result<Organization> {
    let tenant = vouch::founded(founding.id);
    let ids = effects.store().ids().clone();
    let system_role_ids = SystemRoleIds {
        owner: ids.next(),
        admin: ids.next(),
        member: ids.next(),
        viewer: ids.next(),
    };
    let organization = Organization {
        id: founding.id,
        name: founding.name,
        slug: founding.slug,
        description: founding.description,
        logo_url: founding.logo_url,
        status: OrganizationStatus::Active,
        suspended_reason: None,
        deletes_at: None,
        member_limit: DEFAULT_MEMBER_LIMIT,
        system_role_ids,
        external_id: None,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by.clone(),
        updated_at: stamp.at,
        updated_by: stamp.by.clone(),
    };
    let owner = (system_role_ids.owner, Some(SystemRole::Owner));
    let member = Member::joining(founding.id, founder.card(), owner, 1, stamp.clone());
    let security = SecuritySettings::initial(stamp.clone())?;
    effects.within(&tenant, |effects| {
        SlugMarker::take(effects, &organization.slug, organization.id, stamp.at);
        effects.create(&organization);
        effects.create(&organization.facts(&security, 1));
        effects.create(&Counters::first());
        for role in SystemRole::ALL {
            effects.create(&system_role(*role, system_role_ids.of(*role), &stamp));
        }
        if let Some(patch) = founding.settings {
            let initial = Settings::initial(system_role_ids.viewer, stamp.clone());
            effects.create(&SettingsItem::of(&initial.patched(patch)?)?);
        }
        write_member(effects, None, &member);
        effects.emit(&OrganizationCreated(OrganizationData::of(&organization)))?;
        effects.emit(&MembershipCreated(MembershipStarted::of(&member, Vec::new())))
    })?;
    Memberships::add(effects, person);
    effects.within(person, |effects| {
        effects.put(&member.of_user());
    });
    Ok(organization)
}

fn system_role(role: SystemRole, role_id: RoleId, stamp: &Stamp) -> RoleItem {
    let (name, description) = match role {
        SystemRole::Owner => ("Owner", "Everything, also what concerns the organization itself"),
        SystemRole::Admin => ("Admin", "Everything but what only owners may"),
        SystemRole::Member => ("Member", "Works in the organization"),
        SystemRole::Viewer => ("Viewer", "Reads"),
    };
    RoleItem {
        facts: RoleFacts {
            role_id,
            permissions: Vec::new(),
            status: RoleStatus::Active,
            access_version: 1,
        },
        name: name.to_owned(),
        description: description.to_owned(),
        system_key: Some(role),
        member_count: u64::from(role == SystemRole::Owner),
        invitation_count: 0,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by.clone(),
        updated_at: stamp.at,
        updated_by: stamp.by.clone(),
    }
}
