//! The demo organization, entered as anybody would: by signing in.

use std::path::Path;

use anyhow::{Context, Result};
use millwright_core::{OrgId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Api, PEOPLE, Settings, sign_in, text};
use crate::paths;

const NAME: &str = "Analytical Engines";

/// Ada's organization; she is its owner.
pub struct Demo {
    /// A token of hers for it.
    pub token: String,
}

/// Who and where, for `cargo xtask token`.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DemoIds {
    pub user_id: UserId,
    pub organization_id: OrgId,
}

impl Demo {
    /// Signs Ada in, and founds the organization unless it is there.
    pub async fn enter(settings: &Settings) -> Result<Demo> {
        let api = Api::with_token(settings, &sign_in(settings, PEOPLE[0]).await?)?;
        let me = api.get("/users/me").await?.context("nobody is signed in")?;
        let mine = api.get("/organizations").await?.context("no organizations")?;
        let items = mine["items"].as_array().cloned().unwrap_or_default();
        let organization = match items.iter().find_map(named) {
            Some(organization) => organization,
            None => {
                let body = json!({ "name": NAME });
                text(&api.post("/organizations", &body, Some("demo")).await?, "id")?
            }
        };
        let switch = json!({ "organizationId": organization });
        let path = "/auth/sessions/current/switch-organization";
        let switched = api.post(path, &switch, None).await?;
        let parsed = |what: &str, text: &str| format!("{text} is no id of {what}");
        let user = text(&me, "id")?;
        let ids = DemoIds {
            user_id: user.parse().ok().with_context(|| parsed("a user", &user))?,
            organization_id: organization
                .parse()
                .ok()
                .with_context(|| parsed("an organization", &organization))?,
        };
        paths::replace(&settings.data().join("demo.json"), serde_json::to_string(&ids)?)?;
        Ok(Demo { token: text(&switched, "accessToken")? })
    }
}

impl DemoIds {
    /// Those of the last start in this folder, if there was one.
    pub fn last(folder: &Path) -> Option<DemoIds> {
        let text = std::fs::read_to_string(folder.join("data/demo.json")).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// The id of the demo organization in an entry of the list.
fn named(entry: &Value) -> Option<String> {
    let organization = &entry["organization"];
    let id = organization["id"].as_str().map(str::to_owned);
    id.filter(|_| organization["name"] == NAME)
}
