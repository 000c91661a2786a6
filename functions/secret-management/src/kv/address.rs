//! Where a client of the dialect looks: a mount, and a path that spans segments.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use millwright_core::{Error, Fault, FaultCode, Faults, InputError, ProjectId, Result, TeamId};
use millwright_http::{Caller, Describe, OperationDocument, Problem};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::{
    authority::Asker,
    domain::{Environment, Place, SecretId, SecretName},
    store::NameMarker,
};

/// `secret` (the organization's), `user` (one's own), a team, a project or
/// `<project>~<environment>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvMount {
    Organization,
    Own,
    Team(TeamId),
    Project(ProjectId, Option<Environment>),
}

impl std::str::FromStr for KvMount {
    type Err = InputError;

    fn from_str(text: &str) -> std::result::Result<KvMount, InputError> {
        let wrong = || {
            InputError::bad_format(
                "must be secret, user, a team, a project or <project>~<environment>",
            )
        };
        match (text, text.split_once('~')) {
            ("secret", _) => Ok(KvMount::Organization),
            ("user", _) => Ok(KvMount::Own),
            (_, Some((project, environment))) => {
                let project = project.parse().map_err(|_| wrong())?;
                Ok(KvMount::Project(project, Some(environment.parse().map_err(|_| wrong())?)))
            }
            (text, None) => match (text.parse(), text.parse()) {
                (Ok(team), _) => Ok(KvMount::Team(team)),
                (_, Ok(project)) => Ok(KvMount::Project(project, None)),
                _ => Err(wrong()),
            },
        }
    }
}

impl PartialSchema for KvMount {
    fn schema() -> RefOr<Schema> {
        let id = "[0-7][0-9a-hjkmnp-tv-z]{25}";
        let pattern = format!("^(secret|user|team_{id}|prj_{id}(~[a-z][a-z0-9-]{{0,31}})?)$");
        let object = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for KvMount {}

impl KvMount {
    /// # Errors
    /// `not_found`: who is nobody in person has no secrets of their own.
    pub fn place(&self, caller: &Caller) -> Result<Place> {
        match self {
            KvMount::Organization => Ok(Place::Organization),
            KvMount::Own => caller.user().map(Place::User).ok_or_else(|| Error::not_found("mount")),
            KvMount::Team(team) => Ok(Place::Team(*team)),
            KvMount::Project(project, environment) => {
                Ok(Place::Project(*project, environment.clone()))
            }
        }
    }
}

/// A mount and a path. The path is the only part of this API that spans segments; gateways hand it
/// over decoded or encoded.
#[derive(Clone, Debug)]
pub struct KvAddress {
    pub mount: KvMount,
    pub name: SecretName,
}

impl<S: Send + Sync> FromRequestParts<S> for KvAddress {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> std::result::Result<Self, Problem> {
        check_namespace(parts)?;
        let read = Path::<(String, String)>::from_request_parts(parts, &()).await;
        let Path((mount, path)) = read.map_err(|_| {
            let detail = "is not UTF-8";
            Problem::from(Faults::of(Fault::new("path:path", FaultCode::BadFormat, detail)))
        })?;
        let fault = |name: &str, wrong: InputError| {
            Fault::new(format!("path:{name}"), wrong.code, wrong.detail)
        };
        let name: std::result::Result<SecretName, _> = path.trim_matches('/').parse();
        match (mount.parse(), name) {
            (Ok(mount), Ok(name)) => Ok(KvAddress { mount, name }),
            (mount, name) => {
                let mount = mount.err().map(|wrong| fault("mount", wrong));
                let name = name.err().map(|wrong| fault("path", wrong));
                Err(Faults(mount.into_iter().chain(name).collect()).into())
            }
        }
    }
}

impl Describe for KvAddress {
    fn describe(document: &mut OperationDocument) {
        document.path_parameters(vec![KvMount::schema(), SecretName::schema()]);
    }
}

/// `X-Vault-Namespace`, if it is sent, is the organization.
fn check_namespace(parts: &Parts) -> Result<()> {
    let Some(namespace) = parts.headers.get("x-vault-namespace") else { return Ok(()) };
    let caller = parts.extensions.get::<Caller>();
    let own = caller.and_then(|caller| caller.tenant().organization());
    let wanted = namespace.to_str().unwrap_or_default().trim_matches('/');
    match own.is_some_and(|own| own.to_string() == wanted) {
        true => Ok(()),
        false => Err(Error::not_found("namespace")),
    }
}

impl KvAddress {
    /// The secret of that name; none if there is none. One GetItem.
    pub async fn find(&self, asker: &Asker<'_>) -> Result<Option<SecretId>> {
        let place = self.mount.place(asker.caller)?;
        let key = NameMarker::at(&asker.tenant(), &place, &self.name);
        let marker: Option<NameMarker> = asker.app.store.get(&key).await?;
        Ok(marker.map(|marker| marker.secret_id))
    }

    /// # Errors
    /// `not_found`; who may see nothing learns nothing.
    pub async fn id<P: millwright_identity::Requires>(
        &self,
        asker: &Asker<'_>,
    ) -> Result<SecretId> {
        match self.find(asker).await? {
            Some(id) => Ok(id),
            None => Err(asker.absent::<P>().await),
        }
    }
}
