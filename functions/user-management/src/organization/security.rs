//! The security settings of an organization.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::{
    facts::OrganizationFacts,
    feed::{Subject, outdate},
};
use millwright_core::{Bounded, Change, Error, Faults, OrgId, Patch, Result, Tenant};
use millwright_http::{
    Allowed, Answered, Body, IfMatch, PathParameter, Recent, Representation, Versioned, Write,
};
use millwright_store::Contention;
use utoipa::ToSchema;

use crate::{
    app::UserManagement,
    codes,
    domain::{AllowedDomains, EmailDomain, Organization, SecurityPatch, SecuritySettings, Stamp},
    events::{SecurityData, SecurityUpdated},
    permissions::{SecurityRead, SecurityUpdate},
    store::{organization_place, security_place},
    vouch,
};

/// A change of the security settings.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "linkInvitationsAllowed": true }))]
pub struct SecurityPatchIn {
    /// Must contain the domain of one of the caller's own addresses, if any.
    #[deserr(default)]
    #[schema(required = false)]
    allowed_email_domains: Patch<AllowedDomains>,
    #[deserr(default)]
    #[schema(required = false)]
    link_invitations_allowed: Change<bool>,
    #[deserr(default)]
    #[schema(required = false)]
    personal_api_keys_allowed: Change<bool>,
    #[deserr(default)]
    #[schema(required = false)]
    api_key_max_lifetime_days: Change<Bounded<1, 365>>,
    #[deserr(default)]
    #[schema(required = false)]
    session_max_age_seconds: Patch<Bounded<3_600, 2_592_000>>,
}

impl From<SecurityPatchIn> for SecurityPatch {
    fn from(patch: SecurityPatchIn) -> SecurityPatch {
        SecurityPatch {
            allowed_email_domains: patch.allowed_email_domains,
            link_invitations_allowed: patch.link_invitations_allowed,
            personal_api_keys_allowed: patch.personal_api_keys_allowed,
            api_key_max_lifetime_days: patch.api_key_max_lifetime_days,
            session_max_age_seconds: patch.session_max_age_seconds,
        }
    }
}

impl Representation for SecuritySettings {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        "/api/v1/organizations/security-settings".to_owned()
    }

    fn can_be_read(&self) -> bool {
        false
    }
}

/// Read the security settings
///
/// One batch read.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organizationId}/security-settings",
    tag = "Organizations"
)]
pub async fn security_get(
    caller: Allowed<SecurityRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
) -> Answered<Versioned<SecuritySettings>> {
    Ok(Versioned(Security::read(&app, &vouch::own(&caller, id)?).await?.settings))
}

/// Change the security settings
///
/// What forbids keys or old sign-ins takes effect everywhere within 60 seconds. The list of domains
/// governs joining only: members stay. One batch read and one transaction of at most four items;
/// with other domains one read more.
#[utoipa::path(
    patch,
    path = "/api/v1/organizations/{organizationId}/security-settings",
    tag = "Organizations"
)]
pub async fn security_update(
    caller: Recent<Allowed<SecurityUpdate>>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    if_match: IfMatch,
    Body(patch): Body<SecurityPatchIn>,
) -> Answered<Versioned<SecuritySettings>> {
    let tenant = vouch::own(&caller, id)?;
    let patch = SecurityPatch::from(patch);
    let attempt = || async {
        let before = Security::read(&app, &tenant).await?;
        if_match.check(before.settings.version)?;
        let after = before.settings.patched(patch.clone());
        let mut write = caller.write(&app.store);
        if after == before.settings {
            return write.commit(Versioned(after)).await;
        }
        if after.allowed_email_domains != before.settings.allowed_email_domains {
            check_own_domain(&app, caller.user(), &after).await?;
        }
        let after = before.succeed(&mut write, after, app.stamp(&caller));
        let data = SecurityData::between(id, &before.settings, &after);
        write.emit(&SecurityUpdated(data))?;
        write.commit(Versioned(after)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Nobody shuts themselves out.
async fn check_own_domain(
    app: &UserManagement,
    user: Option<millwright_core::UserId>,
    settings: &SecuritySettings,
) -> Result<()> {
    let Some(user) = user else { return Ok(()) };
    let user = app.user(&vouch::person(user)).await?;
    let domains = settings.allowed_email_domains.as_slice();
    match user.emails.iter().any(|mine| EmailDomain::admit(domains, &mine.email)) {
        true => Ok(()),
        false => {
            let detail = "the list must contain the domain of one of your own addresses";
            Err(Error::new(codes::EMAIL_DOMAIN_NOT_ALLOWED, detail))
        }
    }
}

/// Security settings, and what follows from them.
pub struct Security {
    pub organization: Organization,
    pub settings: SecuritySettings,
    facts: OrganizationFacts,
    is_stored: bool,
}

impl Security {
    /// One BatchGetItem.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn read(app: &UserManagement, tenant: &Tenant) -> Result<Security> {
        let places =
            [organization_place(tenant), OrganizationFacts::place(tenant), security_place(tenant)];
        let items = app.store.get_many(&places).await?;
        let organization = items.iter().find(|item| item.is::<Organization>());
        let organization: Organization =
            organization.ok_or_else(|| Error::not_found("organization"))?.decode()?;
        let facts = items.iter().find(|item| item.is::<OrganizationFacts>());
        let facts = facts.ok_or_else(|| Error::internal("an organization without facts"))?;
        let stored = items.iter().find(|item| item.is::<SecuritySettings>());
        let is_stored = stored.is_some();
        let settings = match stored {
            Some(item) => item.decode()?,
            None => {
                let (at, by) = (organization.created_at, organization.created_by.clone());
                SecuritySettings::initial(Stamp { at, by })?
            }
        };
        Ok(Security { organization, settings, facts: facts.decode()?, is_stored })
    }

    /// Writes the successor: at most three items.
    pub fn succeed(
        &self,
        write: &mut Write,
        mut next: SecuritySettings,
        stamp: Stamp,
    ) -> SecuritySettings {
        next.version += 1;
        next.updated_at = stamp.at.max(self.settings.updated_at);
        next.updated_by = stamp.by;
        let step = match self.is_stored {
            true => write.replace(&next, self.settings.version),
            false => write.create(&next),
        };
        write.refused_as(step, Error::lost_race());
        let mut access_version = self.facts.access_version;
        if self.settings.is_stricter_in(&next) {
            access_version += 1;
            outdate(write, Subject::Organization(self.organization.id), access_version);
        }
        let facts = self.organization.facts(&next, access_version);
        let unchanged = millwright_store::Condition::default()
            .equals("accessVersion", self.facts.access_version);
        let step = write.put_when(&facts, unchanged);
        write.refused_as(step, Error::lost_race());
        next
    }
}
