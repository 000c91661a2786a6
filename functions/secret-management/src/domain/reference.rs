//! References to values: `sec_…` or a name, `#member`, `@version`.

use std::{fmt, str::FromStr};

use deserr::Deserr;
use millwright_core::{Faults, InputError, ProjectId, TeamId};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::{Environment, Place, SecretId, SecretName, Stage};

/// Which secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Id(SecretId),
    /// Looked up from the nearest place outwards.
    Name(SecretName),
}

/// Which version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    Stage(Stage),
    Number(u32),
}

/// `db/main#password@previous`: a secret, a member of its value, one of its versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    pub target: Target,
    pub member: Vec<String>,
    pub wanted: Wanted,
    text: String,
}

impl Reference {
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Reference {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Reference, InputError> {
        let wrong = || {
            InputError::bad_format(
                "must be a sec_ id or a name, then #member and @previous or @<number> if wanted",
            )
        };
        if text.len() > 600 {
            return Err(wrong());
        }
        let (rest, version) = match text.rsplit_once('@') {
            Some((rest, version)) => (rest, Some(version)),
            None => (text, None),
        };
        let wanted = match version {
            None => Wanted::Stage(Stage::Current),
            Some("previous") => Wanted::Stage(Stage::Previous),
            Some(number) => {
                let number = number.parse().ok().filter(|number| *number > 0);
                Wanted::Number(number.ok_or_else(wrong)?)
            }
        };
        let (target, member) = match rest.split_once('#') {
            Some((target, path)) => (target, path.split('.').map(str::to_owned).collect()),
            None => (rest, Vec::new()),
        };
        if member.iter().any(String::is_empty) {
            return Err(wrong());
        }
        let target = match target.parse::<SecretId>() {
            Ok(id) => Target::Id(id),
            Err(_) => Target::Name(target.parse().map_err(|_| wrong())?),
        };
        Ok(Reference { target, member, wanted, text: text.to_owned() })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

millwright_core::deserr_from_str!(Reference);

impl PartialSchema for Reference {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(600))
            .description(Some("`db/main`, `sec_…`, `db/main#password`, `db/main@previous`"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Reference {}

/// Where names are looked up beside the caller's own secrets and the organization's.
#[derive(Clone, Debug, Default, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct Context {
    #[deserr(default)]
    #[schema(inline)]
    pub project_id: Option<ProjectId>,
    /// Of the project.
    #[deserr(default)]
    #[schema(inline)]
    pub environment: Option<Environment>,
    #[deserr(default)]
    #[schema(inline)]
    pub team_id: Option<TeamId>,
}

impl Context {
    /// In this order: the caller's own, the project's environment, the project, the team, the
    /// organization.
    pub fn places(&self, user: Option<millwright_core::UserId>) -> Vec<Place> {
        let mut places: Vec<Place> = user.map(Place::User).into_iter().collect();
        if let Some(project) = self.project_id {
            if let Some(environment) = &self.environment {
                places.push(Place::Project(project, Some(environment.clone())));
            }
            places.push(Place::Project(project, None));
        }
        places.extend(self.team_id.map(Place::Team));
        places.push(Place::Organization);
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_secret_member_and_version() {
        let read = |text: &str| text.parse::<Reference>();
        let full = read("db/main#login.password@3").unwrap();
        assert_eq!(full.member, ["login", "password"]);
        assert_eq!(full.wanted, Wanted::Number(3));
        assert_eq!(read("db").unwrap().wanted, Wanted::Stage(Stage::Current));
        assert_eq!(read("db@previous").unwrap().wanted, Wanted::Stage(Stage::Previous));
        let id = read("sec_01jdz7xk2nf5h9vq3w8c6m4t0b").unwrap();
        assert!(matches!(id.target, Target::Id(_)));
        for wrong in ["", "#a", "db#", "db#a..b", "db@", "db@0", "db@x", "a b", "/a"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
