//! Prompt templates: their versions, which never change, and the labels that point at them.

use std::collections::{BTreeMap, BTreeSet};

use deserr::Deserr;
use millwright_core::{Faults, Line, Markdown, Text, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Common, Few, ModelDefaults, PromptId, Slug, Variable, template};

/// How many prompts an organization may have.
pub const MAX_PROMPTS: u64 = 1_000;
/// How many versions a prompt may have.
pub const MAX_VERSIONS: u32 = 1_000;
/// Labels beside `production` and `staging`.
pub const MAX_OWN_LABELS: usize = 10;
/// Messages of a version.
pub const MAX_MESSAGES: usize = 50;
/// Bytes of all templates of a version together.
pub const MAX_TEMPLATE_BYTES: usize = 256 * 1024;

/// The slug of a prompt.
pub type PromptSlug = Slug<2, 61>;
/// The name of a label.
pub type LabelName = Slug<1, 40>;

/// A prompt template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Prompt {
    pub id: PromptId,
    #[serde(flatten)]
    pub common: Common,
    // What requests call it.
    #[schema(inline)]
    pub slug: PromptSlug,
    #[schema(inline)]
    pub name: Line<1, 120>,
    #[schema(inline)]
    pub description: Text<0, 2000>,
    /// 0 while there is none.
    pub latest_version: u32,
    /// The version that each label points at.
    pub labels: BTreeMap<String, u32>,
    /// It is not in lists, not used, and not changed.
    pub archived: bool,
}

impl Prompt {
    /// Those that have a meaning for everybody.
    pub const LABELS: [&str; 2] = ["production", "staging"];

    /// Whether there is room for a label.
    pub fn has_room_for(&self, label: &str) -> bool {
        let is_own = |label: &str| !Prompt::LABELS.contains(&label);
        let own = self.labels.keys().filter(|label| is_own(label)).count();
        !is_own(label) || self.labels.contains_key(label) || own < MAX_OWN_LABELS
    }
}

millwright_core::wire_enum! {
    /// Who speaks.
    pub enum PromptRole {
        System = "system",
        User = "user",
        Assistant = "assistant",
    }
}

/// One message of a prompt. Its template is of minijinja's language (`{{ variable }}`, `for`, `if`,
/// filters), and has at most 64 KB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct PromptMessage {
    pub role: PromptRole,
    #[schema(inline)]
    pub template: Markdown<1, 65_536>,
}

/// What a version of a prompt says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromptContent {
    /// 1 to 50, at most 256 KB together.
    #[schema(min_items = 1, max_items = 50)]
    pub messages: Vec<PromptMessage>,
    #[schema(inline)]
    pub variables: Few<Variable, 0, 50>,
    pub params: ModelDefaults,
    /// What answers must match.
    #[schema(value_type = Option<Object>)]
    pub response_schema: Option<Value>,
}

impl PromptContent {
    /// Whether all templates can be rendered.
    ///
    /// # Errors
    /// What is wrong with the first that cannot.
    pub fn check(&self) -> Result<(), String> {
        let bytes: usize = self.templates().map(str::len).sum();
        if bytes > MAX_TEMPLATE_BYTES {
            return Err(format!("the templates have more than {MAX_TEMPLATE_BYTES} bytes"));
        }
        let variables = self.variables.as_slice().iter();
        let declared: BTreeSet<&str> = variables.map(|it| it.name.as_str()).collect();
        for (place, template) in self.templates().enumerate() {
            template::check(template, &declared)
                .map_err(|error| format!("message {}: {error}", place + 1))?;
        }
        Ok(())
    }

    fn templates(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().map(|message| message.template.as_str())
    }

    /// The messages with these values, which have been checked.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn render(&self, values: &Value) -> Result<Vec<RenderedMessage>, String> {
        let templates: Vec<&str> = self.templates().collect();
        let texts = template::render(&templates, values)?.into_iter();
        let message = |(message, content): (&PromptMessage, String)| RenderedMessage {
            role: message.role,
            content,
        };
        Ok(self.messages.iter().zip(texts).map(message).collect())
    }
}

/// A message as it goes to a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RenderedMessage {
    pub role: PromptRole,
    pub content: String,
}

/// A version without what it says: what lists show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromptVersionSummary {
    pub prompt_id: PromptId,
    /// From 1.
    pub version: u32,
    /// The model of requests that name none.
    #[schema(inline)]
    pub model_hint: Option<Line<1, 160>>,
    #[schema(inline)]
    pub notes: Text<0, 1000>,
    pub created_at: Timestamp,
    pub created_by: String,
}

/// A version of a prompt; it never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromptVersion {
    #[serde(flatten)]
    pub summary: PromptVersionSummary,
    #[serde(flatten)]
    pub content: PromptContent,
}
