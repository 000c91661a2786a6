//! A model at its provider: all that a call needs.

use std::fmt;

use millwright_egress::{Call, Waits};
use millwright_model::{Capabilities, Defaults, Dialect, Prices};
use serde_json::Value;

use crate::domain::{ModelId, ProviderId, ProviderKind};

/// What proves to a provider who asks. Shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(String);

impl Credential {
    pub fn new(text: impl Into<String>) -> Credential {
        Credential(text.into())
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// Where a request can go.
#[derive(Clone, Debug)]
pub struct Target {
    pub model_id: ModelId,
    /// Of its settings: an answer of another version is another answer.
    pub model_version: u64,
    pub provider_id: ProviderId,
    /// `<provider slug>/<name>`, as clients name it.
    pub address: String,
    pub kind: ProviderKind,
    pub dialect: Dialect,
    /// Without a slash at its end.
    pub base_url: String,
    pub headers: Vec<(String, String)>,
    pub credential: Option<Credential>,
    /// As the provider names it.
    pub name: String,
    pub capabilities: Capabilities,
    pub max_output_tokens: u64,
    /// None: unknown, and charged as nothing.
    pub prices: Option<Prices>,
    pub defaults: Defaults,
    pub waits: Waits,
    /// Tries after the first.
    pub retries: u32,
}

/// Of Anthropic's interface; the newest there is.
const ANTHROPIC_VERSION: &str = "2023-06-01";

impl Target {
    /// A completion.
    pub fn completion(&self, body: &Value) -> Call {
        let path = match self.dialect {
            Dialect::OpenAi => "/chat/completions",
            Dialect::Anthropic => "/v1/messages",
            Dialect::Ollama => "/api/chat",
        };
        self.signed(Call::post(format!("{}{path}", self.base_url), body.to_string()))
    }

    /// The provider's list of its models.
    pub fn models(&self) -> Call {
        let path = match self.dialect {
            Dialect::OpenAi => "/models",
            Dialect::Anthropic => "/v1/models?limit=1000",
            Dialect::Ollama => "/api/tags",
        };
        self.signed(Call::get(format!("{}{path}", self.base_url)))
    }

    fn signed(&self, mut call: Call) -> Call {
        if self.dialect == Dialect::Anthropic {
            call = call.header("anthropic-version", ANTHROPIC_VERSION);
        }
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        match (&self.credential, self.dialect) {
            (Some(Credential(key)), Dialect::Anthropic) => call.credential("x-api-key", key),
            (Some(Credential(key)), _) => {
                call.credential("authorization", &format!("Bearer {key}"))
            }
            (None, _) => call,
        }
    }
}
