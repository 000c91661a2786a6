//! Who may do what with a secret (rule 1): scope rights by the place, grant rights by grants.

use std::ops::Deref;

use millwright_access::CATALOGUE;
use millwright_core::{Error, OrgId, Result, Tenant, UserId};
use millwright_http::{Asking, Caller, Entitled, OrOperator, Submission};
use millwright_identity::{Grants, Permission, Requires, SystemRole};

use crate::{
    app::SecretManagement,
    codes,
    domain::{
        Access, AccessOutcome, ActorType, Binding, Grant, GranteeType, Place, Right, Rights,
        Secret, SecretId, Standing, not_found,
    },
    permissions::SecretRead,
    store::{AccessItem, Loaded, load},
};

/// Somebody who asks for something of a secret.
pub struct Asker<'a> {
    pub app: &'a SecretManagement,
    pub caller: &'a Caller,
    pub asking: &'a Asking,
    pub is_service: bool,
    /// About the secrets of the platform, and no others.
    pub is_operator: bool,
    /// Names this request, and no other one: it meets what it has announced again. One with an
    /// `Idempotency-Key` has the same name each time it is sent.
    pub token: String,
}

/// What somebody may do with one secret, and by what.
#[derive(Clone, Debug, Default)]
pub struct Held {
    pub scope: Rights,
    pub granted: Rights,
    /// Ids of grants, and `scope`.
    pub because: Vec<String>,
    /// The binding by which a service may read.
    pub binding: Option<Binding>,
}

impl Held {
    pub fn all(&self) -> Rights {
        self.scope.and(self.granted)
    }
}

impl Deref for Asker<'_> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        self.caller
    }
}

/// A permission of any service, by its code.
fn permission(code: &str) -> Option<&'static Permission> {
    CATALOGUE.iter().copied().find(|permission| permission.code == code)
}

fn system_role(grants: &Grants) -> Option<SystemRole> {
    match grants {
        Grants::Role(role) => Some(*role),
        Grants::Scoped { role, .. } => system_role(role),
        Grants::Patterns(_) | Grants::Nothing => None,
    }
}

impl<'a> Asker<'a> {
    pub fn of<P>(
        app: &'a SecretManagement,
        caller: &'a Entitled<P>,
        asking: &'a Asking,
    ) -> Asker<'a> {
        let is_service = caller.is_service();
        Asker { is_service, ..Asker::allowed(app, caller, asking) }
    }

    /// Of an operation that operators may ask for as well.
    pub fn operated<P>(
        app: &'a SecretManagement,
        caller: &'a OrOperator<Entitled<P>>,
        asking: &'a Asking,
    ) -> Asker<'a> {
        let is_service = caller.by_gate().is_some_and(Entitled::is_service);
        let is_operator = caller.is_operator();
        Asker { is_service, is_operator, ..Asker::allowed(app, caller, asking) }
    }

    /// Of an operation that only people and keys may ask for.
    pub fn allowed(app: &'a SecretManagement, caller: &'a Caller, asking: &'a Asking) -> Asker<'a> {
        let token = app.store.ids().next_uuid().to_string();
        Asker { app, caller, asking, is_service: false, is_operator: false, token }
    }

    /// What was announced by an attempt that died is met again when the same submission comes again.
    #[must_use]
    pub fn submitting<T>(mut self, submission: &Submission<T>) -> Asker<'a> {
        self.token = submission.name().unwrap_or(self.token);
        self
    }

    pub fn organization(&self) -> Result<OrgId> {
        let organization = self.caller.tenant().organization();
        organization.ok_or_else(|| Error::internal("a caller without an organization"))
    }

    pub fn is_service_key(&self) -> bool {
        !self.is_service && self.caller.user().is_none()
    }

    pub fn actor_type(&self) -> ActorType {
        if self.is_operator {
            return ActorType::Operator;
        }
        match (self.is_service, self.is_service_key(), &self.caller.principal.key_id) {
            (true, ..) => ActorType::Service,
            (_, true, _) => ActorType::ServiceKey,
            (_, _, Some(_)) => ActorType::ApiKey,
            _ => ActorType::User,
        }
    }

    /// What is known without asking anybody.
    pub fn standing(&self) -> Standing {
        let standing = standing_of(&self.caller.principal.grants, self.caller.user());
        Standing { operates: self.is_operator, ..standing }
    }

    /// With the teams. At most two invokes a minute.
    ///
    /// # Errors
    /// `directory_unavailable`.
    pub async fn standing_with_teams(&self) -> Result<Standing> {
        let mut standing = self.standing();
        if let Some(user) = standing.user {
            let directory = &*self.app.directory;
            let organization = self.organization()?;
            standing.teams = self.app.teams.get(directory, organization, user, self.asking).await?;
        }
        Ok(standing)
    }

    /// What the caller may do with a secret. At most two invokes a minute, and only where teams
    /// matter.
    ///
    /// # Errors
    /// `directory_unavailable`.
    pub async fn held(
        &self,
        secret: &Secret,
        grants: &[Grant],
        bindings: &[Binding],
    ) -> Result<Held> {
        if self.is_service {
            let own = bindings.iter().find(|b| b.service.as_str() == self.caller.actor());
            let granted = own.map_or(Rights::NONE, |_| Rights::of(&[Right::Read]));
            let because = own.map(|binding| binding.id.to_string()).into_iter().collect();
            return Ok(Held { granted, because, binding: own.cloned(), ..Held::default() });
        }
        let place = secret.place()?;
        let now = self.app.now();
        let live = || grants.iter().filter(|grant| grant.holds_at(now));
        let mut standing = self.standing();
        let by_team = |grant: &Grant| grant.grantee_type == GranteeType::Team;
        if standing.needs_teams(&place) || (!standing.is_admin() && live().any(by_team)) {
            standing = self.standing_with_teams().await?;
        }
        Ok(decide(&place, live(), self.caller.actor(), self.role(), &standing))
    }

    /// The name of a built-in role, or the id of a custom one.
    fn role(&self) -> Option<&str> {
        self.caller.principal.role.as_deref()
    }

    /// True if the credential reaches as far as `P`, whatever its owner may: keys are narrowed.
    fn reaches<P: Requires>(&self) -> bool {
        match &self.caller.principal.grants {
            Grants::Scoped { scopes, .. } => {
                scopes.iter().any(|scope| scope.reaches(P::PERMISSION))
            }
            _ if self.is_service_key() => self.caller.may::<P>(),
            _ => true,
        }
    }

    /// True if the caller holds the permission; operators need none for what is the platform's.
    pub fn permits<P: Requires>(&self) -> bool {
        self.is_operator || self.caller.may::<P>()
    }

    /// True if the right is there: by permission and place, or by a grant.
    pub fn may_with<P: Requires>(&self, held: &Held, right: Right) -> bool {
        let by_place = self.permits::<P>() && held.scope.has(right);
        by_place || (held.granted.has(right) && (self.is_service || self.reaches::<P>()))
    }

    /// True if the secret may be seen.
    pub fn sees(&self, held: &Held) -> bool {
        (self.permits::<SecretRead>() && held.scope.sees_metadata()) || held.granted.sees_metadata()
    }

    /// The secret, if the caller may do that with it. One Query.
    ///
    /// # Errors
    /// `not_found` for what the caller does not see; `forbidden`, `right_missing`;
    /// `directory_unavailable`.
    pub async fn demand<P: Requires>(&self, id: SecretId, right: Right) -> Result<(Loaded, Held)> {
        let found = load(&self.app.store, &self.caller.tenant(), id).await?;
        let Some(loaded) = found else { return Err(self.absent::<P>().await) };
        let held = self.held(&loaded.secret, &loaded.grants, &loaded.bindings).await?;
        if self.may_with::<P>(&held, right) {
            return Ok((loaded, held));
        }
        Err(self.refusal::<P>(&held).await)
    }

    /// The secret, if the caller may see it. One Query.
    ///
    /// # Errors
    /// As [`Asker::demand`].
    pub async fn demand_sight(&self, id: SecretId) -> Result<(Loaded, Held)> {
        let found = load(&self.app.store, &self.caller.tenant(), id).await?;
        let Some(loaded) = found else { return Err(self.absent::<SecretRead>().await) };
        let held = self.held(&loaded.secret, &loaded.grants, &loaded.bindings).await?;
        match self.sees(&held) {
            true => Ok((loaded, held)),
            false => Err(self.refusal::<SecretRead>(&held).await),
        }
    }

    /// What somebody is told of a secret that is not there: who lacks the permission learns nothing.
    pub async fn absent<P: Requires>(&self) -> Error {
        match self.permits::<P>() {
            true => not_found(),
            false => self.lacks::<P>().await,
        }
    }

    async fn lacks<P: Requires>(&self) -> Error {
        self.caller.deny::<P>("your role lacks the permission, and no grant stands for it").await
    }

    /// Why somebody may not.
    pub async fn refusal<P: Requires>(&self, held: &Held) -> Error {
        if !self.permits::<P>() {
            return self.lacks::<P>().await;
        }
        if !self.sees(held) {
            return not_found();
        }
        let detail = "you see the secret, but hold no right to this";
        self.caller.deny_as::<P>(codes::RIGHT_MISSING, detail).await
    }

    /// A record of this access, to be written with what is done.
    pub fn record(&self, action: &'static str, secret: Option<&Secret>) -> AccessItem {
        let request = &self.caller.request;
        AccessItem {
            summary: Access {
                id: self.app.store.ids().next(),
                at: self.app.now(),
                actor_type: self.actor_type(),
                actor_id: self.caller.actor().to_owned(),
                action: action.to_owned(),
                outcome: AccessOutcome::Success,
                secret_id: secret.map(|secret| secret.id),
                secret_name: secret.map(|secret| secret.name.to_string()),
                value_version: None,
                binding_id: None,
                reason: None,
                request_id: request.request_id.clone(),
                ip: request.source_ip.map(|ip| ip.to_string()),
                user_agent: self.asking.user_agent.clone(),
                error_code: None,
            },
        }
    }

    pub fn tenant(&self) -> Tenant {
        self.caller.tenant()
    }
}

/// What a role comes to.
pub fn standing_of(grants: &Grants, user: Option<UserId>) -> Standing {
    let holds =
        |code: &str| permission(code).is_some_and(|permission| grants.reason(permission).is_some());
    Standing {
        role: system_role(grants),
        user,
        teams: Default::default(),
        operates: false,
        reads_projects: holds("planning.project.read"),
        updates_projects: holds("planning.project.update"),
    }
}

/// The rights of somebody whose standing is known.
pub fn decide<'g>(
    place: &Place,
    grants: impl Iterator<Item = &'g Grant>,
    subject: &str,
    role: Option<&str>,
    standing: &Standing,
) -> Held {
    let scope = standing.rights_at(place);
    let mut because: Vec<String> = Vec::new();
    if scope != Rights::NONE {
        because.push(format!("scope:{}", place.scope()));
    }
    let mut granted = Rights::NONE;
    for grant in grants.filter(|grant| grant.reaches(subject, role, standing)) {
        granted = granted.and(grant.rights());
        because.push(grant.id.to_string());
    }
    Held { scope, granted, because, binding: None }
}
