//! Creating secrets.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Bounded, Error, FaultCode, Faults, Result, Timestamp, codes as shared_codes,
};
use millwright_event::Effects;
use millwright_http::{Allowed, Answered, Asking, Created, OrOperator, Submission};
use utoipa::ToSchema;

use super::SecretView;
use crate::{
    app::SecretManagement,
    authority::{Asker, Held},
    backend::{self, Spot, put_first, version_of},
    codes,
    domain::{
        Announced, Backend, Bucket, ChangeReason, Checked, Description, Environment, Generate,
        Inside, MAX_LIFETIME, Metadata, Origin, Place, Plaintext, Right, RotationPolicy, Scope,
        Secret, SecretName, SecretType, Settings, Stage, Stamp, Status, Tags, USUAL_OUTSIDE,
        Version, reminder_days,
    },
    events::{SecretCreated, SecretData, VersionCreated, VersionData},
    generate::generated,
    permissions::SecretCreate,
    store::{Counts, Loaded, NameMarker, SECRETS, SecretItem, count_place, one_more},
    value::{NewValue, append, check_shape, rotation_impossible},
};

/// A new secret.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "name": "db/replica",
    "description": "The service user of the main database",
    "type": "username_password",
    "scope": "organization",
    "value": { "username": "app", "password": "correct horse battery staple" },
    "tags": ["database"],
}))]
pub struct SecretIn {
    /// Unique in its scope and environment, case-sensitive.
    pub name: SecretName,
    #[deserr(default)]
    #[schema(required = false)]
    pub description: Description,
    #[deserr(rename = "type")]
    #[schema(rename = "type")]
    pub kind: SecretType,
    pub scope: Scope,
    /// The team, project or user; of the organization's none.
    #[deserr(default)]
    pub scope_id: Option<String>,
    /// Only of a project; without one it is of every environment.
    #[deserr(default)]
    pub environment: Option<Environment>,
    /// Either this or `generate`. Members by the type.
    #[deserr(default)]
    pub value: Option<Plaintext>,
    #[deserr(default)]
    pub generate: Option<Generate>,
    #[deserr(default)]
    pub backend: Option<Backend>,
    #[deserr(default)]
    #[schema(required = false)]
    pub tags: Tags,
    // Without a comment: with one the schema would say object twice.
    #[deserr(default)]
    #[schema(required = false, inline)]
    pub metadata: Metadata,
    /// In the future, at most ten years. Of a certificate its end, if not given.
    #[deserr(default)]
    pub expires_at: Option<Timestamp>,
    #[deserr(default)]
    pub expiry_reminder_days: Option<Vec<u32>>,
    #[deserr(default)]
    #[schema(required = false)]
    pub rotation: RotationPolicy,
    /// 2-100, 20 if not given; in `aws_secrets_manager` 2-15, 10 if not given.
    #[deserr(default)]
    pub max_versions: Option<Bounded<2, 100>>,
    /// Values are written with `expectedCurrentVersion` only.
    #[deserr(default)]
    #[schema(required = false)]
    pub cas_required: bool,
}

/// What a secret is made of, checked.
#[derive(Clone)]
pub struct Draft {
    pub name: SecretName,
    pub description: Description,
    pub kind: SecretType,
    pub place: Place,
    pub value: Plaintext,
    pub checked: Checked,
    pub origin: Origin,
    pub change_reason: Option<ChangeReason>,
    pub tags: Tags,
    pub metadata: Metadata,
    pub expires_at: Option<Timestamp>,
    pub expiry_reminder_days: Vec<u32>,
    pub rotation: RotationPolicy,
    pub backend: Backend,
    pub max_versions: u32,
    pub cas_required: bool,
}

/// Create a secret
///
/// With its first value, given or generated. Operators make those of the platform, and nobody else
/// does. One transaction of at most nine items; settings and
/// the data keys are read if they are not in memory, and the project or the teams asked for.
#[utoipa::path(post, path = "/api/v1/secrets", tag = "Secrets")]
pub async fn secret_create(
    caller: OrOperator<Allowed<SecretCreate>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    submission: Submission<SecretIn>,
) -> Answered<Created<SecretView>> {
    let (submission, input) = submission.take();
    let is_operator = caller.is_operator();
    let asker = Asker { is_operator, ..Asker::allowed(&app, &caller, &asking) };
    let settings = app.settings(&caller.tenant()).await?;
    let draft = draft(&asker, input, &settings).await?;
    let mut write = submission.write(&app.store, &caller);
    let (loaded, held) = create_secret(&asker, &mut write, draft).await?;
    write.put(&asker.record("secret_create", Some(&loaded.secret)));
    let view = SecretView::of(&loaded, &held, app.now());
    Ok(write.commit(Created(view)).await?)
}

async fn draft(asker: &Asker<'_>, input: SecretIn, settings: &Settings) -> Result<Draft> {
    let place = place_of(asker, &input)?;
    let backend = match place {
        Place::Platform => platform_backend(input.backend)?,
        _ => input.backend.unwrap_or(settings.default_backend),
    };
    if place != Place::Platform {
        check_backend(backend, settings)?;
    }
    let max_versions = versions_of(backend, input.max_versions.map(Bounded::get))?;
    check_expiry(input.expires_at, asker.app.now())?;
    input.rotation.check(input.kind, rotation_impossible)?;
    let days = match input.expiry_reminder_days {
        Some(days) => reminder_days(days, "/expiryReminderDays")?,
        None => settings.default_expiry_reminder_days.clone(),
    };
    may_create_at(asker, &place, settings).await?;
    let (value, origin) =
        generated(asker, input.kind, input.value, input.generate.as_ref(), None).await?;
    let checked = check_shape(input.kind, &value)?;
    Ok(Draft {
        name: input.name,
        description: input.description,
        kind: input.kind,
        place,
        value,
        checked,
        origin,
        change_reason: None,
        tags: input.tags,
        metadata: input.metadata,
        expires_at: input.expires_at,
        expiry_reminder_days: days,
        rotation: input.rotation,
        backend,
        max_versions,
        cas_required: input.cas_required,
    })
}

/// Where a new secret is to be: an operator's are the platform's, and nobody else's are.
fn place_of(asker: &Asker<'_>, input: &SecretIn) -> Result<Place> {
    let (scope_id, environment) = (input.scope_id.as_deref(), input.environment.clone());
    if !asker.is_operator {
        return Place::of(input.scope, scope_id, environment, asker.caller.user());
    }
    let refused = |pointer, detail| Err(Error::fault(pointer, FaultCode::NotAllowed, detail));
    match (input.scope, scope_id, environment) {
        (Scope::Platform, None, None) => Ok(Place::Platform),
        (Scope::Platform, Some(_), _) => {
            refused("/scopeId", "must be absent for secrets of the platform")
        }
        (Scope::Platform, None, Some(_)) => {
            refused("/environment", "only secrets of a project have an environment")
        }
        _ => refused("/scope", "an operator makes secrets of the platform"),
    }
}

/// What reads secrets of the platform knows them by the secret store alone.
fn platform_backend(wanted: Option<Backend>) -> Result<Backend> {
    match wanted {
        Some(Backend::Internal) => {
            let detail = "secrets of the platform are in the secret store";
            Err(Error::fault("/backend", FaultCode::NotAllowed, detail))
        }
        _ => Ok(Backend::AwsSecretsManager),
    }
}

/// # Errors
/// `backend_not_allowed`.
pub fn check_backend(backend: Backend, settings: &Settings) -> Result<()> {
    match settings.allowed_backends.contains(&backend) {
        true => Ok(()),
        false => {
            let detail = "the settings of the organization do not allow this backend";
            Err(Error::new(codes::BACKEND_NOT_ALLOWED, detail))
        }
    }
}

/// How many versions are kept: what was asked for, if the backend can.
///
/// # Errors
/// `invalid_request`.
pub fn versions_of(backend: Backend, wanted: Option<u32>) -> Result<u32> {
    let usual = match backend {
        Backend::Internal => 20,
        Backend::AwsSecretsManager => USUAL_OUTSIDE,
    };
    check_most(wanted.unwrap_or(usual), Secret::most_versions(backend))
}

/// # Errors
/// `invalid_request`.
pub fn check_most(wanted: u32, most: u32) -> Result<u32> {
    match wanted <= most {
        true => Ok(wanted),
        false => {
            let detail = format!("the backend keeps at most {most} versions");
            Err(Error::fault("/maxVersions", FaultCode::TooLarge, detail))
        }
    }
}

pub fn check_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Result<()> {
    let fits = |end: Timestamp| end > now && end <= now.plus(MAX_LIFETIME);
    match expires_at {
        Some(end) if !fits(end) => {
            let detail = "must be in the future, at most ten years ahead";
            Err(Error::fault("/expiresAt", FaultCode::NotAllowed, detail))
        }
        _ => Ok(()),
    }
}

/// The caller may change secrets of this place, and the settings let members make them there. At
/// most one invoke for a project, three for teams.
///
/// # Errors
/// `right_missing`; `not_found` for a project or team that is not there.
pub async fn may_create_at(asker: &Asker<'_>, place: &Place, settings: &Settings) -> Result<()> {
    let mut standing = asker.standing();
    if let Place::Project(project, _) = place
        && !asker.app.directory.project_exists(*project, asker.asking).await?
    {
        return Err(Error::not_found("project"));
    }
    if let Place::Team(team) = place {
        if !asker.app.directory.team_exists(*team, asker.asking).await? {
            return Err(Error::not_found("team"));
        }
        if !standing.is_admin() {
            standing = asker.standing_with_teams().await?;
        }
    }
    let allowed = standing.is_admin()
        || standing.operates
        || settings.member_may_create.contains(&place.scope());
    if allowed && standing.rights_at(place).has(Right::Update) {
        return Ok(());
    }
    let detail = "you may not create secrets there";
    Err(asker.caller.deny_as::<SecretCreate>(codes::RIGHT_MISSING, detail).await)
}

/// Adds a new secret to a transaction: seven items, and two for each data key that is made.
///
/// # Errors
/// `key_service_unavailable`.
pub async fn create_secret(
    asker: &Asker<'_>,
    effects: &mut Effects,
    draft: Draft,
) -> Result<(Loaded, Held)> {
    let app = asker.app;
    let (tenant, stamp) = (asker.tenant(), app.stamp(asker.caller));
    let mut secret = Secret {
        id: app.store.ids().next(),
        organization_id: asker.organization()?,
        name: draft.name,
        description: draft.description,
        kind: draft.kind,
        scope: draft.place.scope(),
        scope_id: draft.place.scope_id(),
        environment: draft.place.environment().cloned(),
        backend: draft.backend,
        tags: draft.tags,
        metadata: draft.metadata,
        status: Status::Active,
        expires_at: draft.expires_at,
        expiry_reminder_days: draft.expiry_reminder_days,
        rotation: draft.rotation,
        max_versions: draft.max_versions,
        cas_required: draft.cas_required,
        current_version: None,
        previous_version: None,
        pending_version: None,
        last_version: 0,
        value_changed_at: None,
        deleted_at: None,
        deleted_by: None,
        deleted_because: None,
        purge_at: None,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by.clone(),
        updated_at: stamp.at,
        updated_by: stamp.by.clone(),
    };
    let mut inside = Inside::default();
    let value = NewValue {
        value: draft.value,
        checked: draft.checked,
        stage: Stage::Current,
        origin: draft.origin,
        rolled_back_from: None,
        change_reason: draft.change_reason,
    };
    let version = match secret.backend {
        Backend::Internal => append(app, effects, &mut secret, &mut inside, value, &stamp).await?,
        Backend::AwsSecretsManager => {
            // Boxed: it is rare, and would make every creation larger.
            let first = first_outside(app, effects, &mut secret, &mut inside, value, &stamp);
            Box::pin(first).await?
        }
    };
    let inside = inside.armed(&secret, stamp.at);
    effects.create(&SecretItem::of(&secret, &inside));
    let step = effects.create(&NameMarker::of(&secret)?);
    effects.refused_as(step, name_taken());
    one_more(effects, &count_place(&tenant, SECRETS), "count", SECRETS);
    effects.emit(&SecretCreated(SecretData::of(&secret)))?;
    let said = VersionData::of(&secret, version.number, Some(version.origin));
    effects.emit(&VersionCreated(said))?;
    let standing = asker.standing();
    let scope = match draft.place {
        // That it may be changed was found before; teams are not asked again.
        Place::Team(_) => crate::domain::Rights::all(),
        place => standing.rights_at(&place),
    };
    let held = Held { scope, ..Held::default() };
    let counts = Counts::default();
    Ok((Loaded { secret, inside, counts, grants: Vec::new(), bindings: Vec::new() }, held))
}

/// The first value goes to the secret store before there is a secret: one read and one transaction of
/// one item, and three calls to the store.
async fn first_outside(
    app: &SecretManagement,
    effects: &mut Effects,
    secret: &mut Secret,
    inside: &mut Inside,
    value: NewValue,
    stamp: &Stamp,
) -> Result<Version> {
    let tenant = *effects.tenant();
    // Nothing is put there in vain.
    let marker = NameMarker::at(&tenant, &secret.place()?, &secret.name);
    if app.store.get_raw(&marker).await?.is_some() {
        return Err(name_taken());
    }
    let (organization, number) = (secret.organization_id, 1);
    let spot = Spot { organization, secret: secret.id, number };
    inside.announced_until = number;
    inside.announced = Some(Announced {
        token: String::new(),
        at: stamp.at,
        version: version_of(secret, number, &value, stamp),
        stage: value.stage,
        digest: Some(app.keys.digest(&tenant, &value.value).await?),
        known: value.checked.known.clone(),
    });
    inside.bucket = Bucket::full(stamp.at).take(stamp.at).ok();
    put_first(app, effects, spot, &value.value).await?;
    backend::append(effects, secret, inside, stamp)
}

pub fn name_taken() -> Error {
    Error::new(shared_codes::NAME_TAKEN, "another secret there has this name")
}
