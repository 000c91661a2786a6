//! Models for the demo organization: whoever is there, else a stand-in.

use std::{env, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{
    Settings,
    api::Api,
    seed::text,
    stand_in::{self, StandIn},
};
use crate::output;

/// A vendor whose key is in the environment.
struct Vendor {
    variable: &'static str,
    /// Slug and kind of the provider.
    kind: &'static str,
    name: &'static str,
    models: &'static [&'static str],
}

const VENDORS: [Vendor; 2] = [
    Vendor {
        variable: "OPENAI_API_KEY",
        kind: "openai",
        name: "OpenAI",
        models: &["gpt-5-mini", "gpt-4.1-mini"],
    },
    Vendor {
        variable: "ANTHROPIC_API_KEY",
        kind: "anthropic",
        name: "Anthropic",
        models: &["claude-haiku-4-5", "claude-sonnet-4-5"],
    },
];

/// Where Ollama listens unless told otherwise.
const OLLAMA: &str = "http://127.0.0.1:11434";
/// Between two words of the stand-in.
const PAUSE: Duration = Duration::from_millis(40);

/// What there is to ask.
pub struct Models {
    /// To try; as the gateway names it.
    pub example: String,
    /// Where it comes from, for people.
    pub origin: String,
    _stand_in: Option<StandIn>,
}

/// Makes providers and models of the keys in the environment and of an Ollama on this machine; where
/// there is none, of a stand-in that it starts. Done again it adds what is missing.
pub async fn provide(settings: &Settings, api: &Api) -> Result<Models> {
    let known = Known::read(api).await?;
    let mut found: Vec<(String, String)> = Vec::new();
    for vendor in &VENDORS {
        let Some(key) = env::var(vendor.variable).ok().filter(|key| !key.trim().is_empty()) else {
            continue;
        };
        let secret = known.secret(api, vendor, key.trim()).await?;
        let provider = json!({
            "slug": vendor.kind, "name": vendor.name, "kind": vendor.kind, "secretId": secret,
        });
        let names: Vec<String> = vendor.models.iter().map(|name| (*name).to_owned()).collect();
        let example = known.furnish(api, vendor.kind, provider, &names, Value::Null).await?;
        found.push((example, format!("{} ({})", vendor.name, vendor.variable)));
    }
    let ollama = ollama_models().await;
    if !ollama.is_empty() {
        let provider =
            json!({ "slug": "ollama", "name": "Ollama", "kind": "ollama", "baseUrl": OLLAMA });
        let example = known.furnish(api, "ollama", provider, &ollama, Value::Null).await?;
        found.push((example, format!("Ollama at {OLLAMA}")));
    }
    if let Some((example, _)) = found.first() {
        let origins: Vec<&str> = found.iter().map(|(_, origin)| origin.as_str()).collect();
        let origin = origins.join(", ");
        return Ok(Models { example: example.clone(), origin, _stand_in: None });
    }
    let port = settings.ports.models;
    let stand_in = StandIn::start(port, PAUSE).await?;
    let provider = json!({
        "slug": "stand-in", "name": "Stand-in", "kind": "openai_compatible",
        "baseUrl": format!("http://127.0.0.1:{port}/v1"), "priority": 1000,
    });
    let prices = json!({ "inputMicrosPerMTok": 1_000_000, "outputMicrosPerMTok": 4_000_000 });
    let names = [stand_in::MODEL.to_owned()];
    let example = known.furnish(api, "stand-in", provider, &names, prices).await?;
    let origin = "a stand-in that answers what it is asked; with OPENAI_API_KEY or \
                  ANTHROPIC_API_KEY, or an Ollama on this machine, those are used"
        .to_owned();
    Ok(Models { example, origin, _stand_in: Some(stand_in) })
}

/// What the organization has already.
struct Known {
    providers: Vec<Value>,
    models: Vec<Value>,
}

impl Known {
    async fn read(api: &Api) -> Result<Known> {
        let list = async |path: &str| -> Result<Vec<Value>> {
            let page = api.get(path).await?.unwrap_or_default();
            Ok(page["items"].as_array().cloned().unwrap_or_default())
        };
        Ok(Known {
            providers: list("/ai/providers?limit=100").await?,
            models: list("/ai/models?limit=100").await?,
        })
    }

    /// The secret with the vendor's key, as it is in the environment now.
    async fn secret(&self, api: &Api, vendor: &Vendor, key: &str) -> Result<String> {
        let provider = self.providers.iter().find(|it| it["slug"] == vendor.kind);
        if let Some(secret) = provider.and_then(|it| it["secretId"].as_str()) {
            let value = json!({ "value": { "key": key } });
            api.post(&format!("/secrets/{secret}/versions"), &value, None).await?;
            return Ok(secret.to_owned());
        }
        output::progress(format_args!("keeping {} as a secret", vendor.variable));
        let secret = json!({
            "name": format!("models/{}", vendor.kind), "type": "api_key",
            "scope": "organization", "value": { "key": key },
        });
        text(&api.post("/secrets", &secret, None).await?, "id")
    }

    /// The provider with its models; answers the first as the gateway names it.
    async fn furnish(
        &self,
        api: &Api,
        slug: &str,
        provider: Value,
        names: &[String],
        prices: Value,
    ) -> Result<String> {
        let there = self.providers.iter().find(|it| it["slug"] == slug);
        let id = match there {
            None => text(&api.post("/ai/providers", &provider, None).await?, "id")?,
            Some(there) => {
                let id = text(there, "id")?;
                // The port may be another one today.
                if provider["baseUrl"].is_string() && provider["baseUrl"] != there["baseUrl"] {
                    let change = json!({ "baseUrl": provider["baseUrl"] });
                    api.patch(&format!("/ai/providers/{id}"), &change).await?;
                }
                id
            }
        };
        for name in names {
            let is_there =
                self.models.iter().any(|it| it["providerId"] == id && it["name"] == *name);
            if !is_there {
                let mut model = json!({ "providerId": id, "name": name });
                if !prices.is_null() {
                    model["prices"] = prices.clone();
                }
                api.post("/ai/models", &model, None).await?;
            }
        }
        let first = names.first().context("a provider without models")?;
        Ok(format!("{slug}/{first}"))
    }
}

/// The models of an Ollama on this machine; none where nobody answers at once.
async fn ollama_models() -> Vec<String> {
    let asked = async {
        let client =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(1)).build().ok()?;
        let answer = client.get(format!("{OLLAMA}/api/tags")).send().await.ok()?;
        let list: Value = answer.json().await.ok()?;
        let names = list["models"].as_array()?.iter();
        Some(names.filter_map(|it| it["name"].as_str().map(str::to_owned)).collect())
    };
    asked.await.unwrap_or_default()
}
