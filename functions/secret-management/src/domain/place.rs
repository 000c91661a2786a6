//! Whom a secret belongs to.

use std::{fmt, str::FromStr};

use millwright_core::{
    Error, FaultCode, InputError, ProjectId, Result, TeamId, UserId, deserr_from_str, wire_enum,
};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

wire_enum! {
    /// Whom a secret belongs to.
    pub enum Scope {
        Organization = "organization",
        Team = "team",
        Project = "project",
        User = "user",
        Platform = "platform",
    }
}

/// A stage of a project such as `production`: `^[a-z][a-z0-9-]{0,31}$`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Environment(String);

impl FromStr for Environment {
    type Err = InputError;

    fn from_str(text: &str) -> std::result::Result<Environment, InputError> {
        let starts = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !starts || text.len() > 32 || !text.bytes().all(fits) {
            return Err(InputError::bad_format("must match ^[a-z][a-z0-9-]{0,31}$"));
        }
        Ok(Environment(text.to_owned()))
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

deserr_from_str!(Environment);

impl PartialSchema for Environment {
    fn schema() -> RefOr<Schema> {
        let object =
            ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[a-z][a-z0-9-]{0,31}$"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Environment {}

/// Where a secret is: a name is unique within it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    Organization,
    Team(TeamId),
    Project(ProjectId, Option<Environment>),
    User(UserId),
    /// Of nobody: what the platform itself signs and signs in with.
    Platform,
}

impl Place {
    /// What the members of an input come to.
    ///
    /// # Errors
    /// `invalid_request`: an id too many, too few or of another kind; `operator_required` for the
    /// platform's.
    pub fn of(
        scope: Scope,
        scope_id: Option<&str>,
        environment: Option<Environment>,
        caller: Option<UserId>,
    ) -> Result<Place> {
        if environment.is_some() && scope != Scope::Project {
            let detail = "only secrets of a project have an environment";
            return Err(Error::fault("/environment", FaultCode::NotAllowed, detail));
        }
        let missing = || Error::fault("/scopeId", FaultCode::Required, "is required by the scope");
        let id = |parsed: std::result::Result<(), InputError>| {
            parsed.map_err(|wrong| Error::fault("/scopeId", wrong.code, wrong.detail))
        };
        match scope {
            Scope::Organization if scope_id.is_some() => {
                let detail = "must be absent for secrets of the organization";
                Err(Error::fault("/scopeId", FaultCode::NotAllowed, detail))
            }
            Scope::Organization => Ok(Place::Organization),
            Scope::Team => {
                let team = scope_id.ok_or_else(missing)?.parse::<TeamId>();
                id(team.clone().map(drop))?;
                team.map(Place::Team).map_err(Into::into)
            }
            Scope::Project => {
                let project = scope_id.ok_or_else(missing)?.parse::<ProjectId>();
                id(project.clone().map(drop))?;
                project.map(|project| Place::Project(project, environment)).map_err(Into::into)
            }
            Scope::User => {
                let own =
                    caller.filter(|user| scope_id.is_none_or(|wanted| wanted == user.to_string()));
                let detail = "must be the caller's own id";
                own.map(Place::User)
                    .ok_or_else(|| Error::fault("/scopeId", FaultCode::NotAllowed, detail))
            }
            Scope::Platform => {
                let detail = "secrets of the platform are the operators'";
                Err(Error::new(millwright_core::codes::OPERATOR_REQUIRED, detail))
            }
        }
    }

    pub fn scope(&self) -> Scope {
        match self {
            Place::Organization => Scope::Organization,
            Place::Team(_) => Scope::Team,
            Place::Project(..) => Scope::Project,
            Place::User(_) => Scope::User,
            Place::Platform => Scope::Platform,
        }
    }

    pub fn scope_id(&self) -> Option<String> {
        match self {
            Place::Organization | Place::Platform => None,
            Place::Team(id) => Some(id.to_string()),
            Place::Project(id, _) => Some(id.to_string()),
            Place::User(id) => Some(id.to_string()),
        }
    }

    pub fn environment(&self) -> Option<&Environment> {
        match self {
            Place::Project(_, environment) => environment.as_ref(),
            _ => None,
        }
    }
}

/// `<scope>#<id>#<environment>`, as keys have it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.scope_id().unwrap_or_default();
        write!(f, "{}#{id}#", self.scope())?;
        self.environment().map_or(Ok(()), |environment| write!(f, "{environment}"))
    }
}
