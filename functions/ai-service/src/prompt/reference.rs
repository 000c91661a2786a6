//! Prompts in requests: looked up, rendered, put before the request's own messages.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use deserr::Deserr;
use millwright_core::{Bounded, Entries, Faults, Line, Result, Tenant};
use millwright_model::{Code, Message, Part, Request, Role, SurfaceError};
use millwright_store::Store;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    completion::{Extension, Refused},
    domain::{
        LabelName, Prompt, PromptId, PromptRole, PromptSlug, PromptVersion, Settings, values,
    },
    store::{prompt_of_slug, read_prompt, read_version},
};

/// Which prompt a request begins with.
#[derive(Clone, Debug, Deserr)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct PromptWish {
    slug: PromptSlug,
    /// `production`, if neither is given.
    #[deserr(default)]
    label: Option<LabelName>,
    #[deserr(default)]
    version: Option<Bounded<1, 1000>>,
    #[deserr(default)]
    variables: Entries<Value>,
}

/// Which version of a prompt a completion began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromptUse {
    pub prompt_id: PromptId,
    pub version: u32,
}

/// What of prompts never changes, remembered: ids of slugs, and versions.
#[derive(Debug, Default)]
pub struct Prompts {
    ids: Mutex<HashMap<(Tenant, String), PromptId>>,
    versions: Mutex<HashMap<(Tenant, PromptId, u32), Arc<PromptVersion>>>,
}

/// Ids that are remembered.
const MAX_IDS: usize = 1_000;
/// Versions that are remembered: of a few kilobytes mostly, of 500 at most.
const MAX_VERSIONS: usize = 50;

impl Prompts {
    async fn id(&self, store: &Store, tenant: &Tenant, slug: &str) -> Result<Option<PromptId>> {
        let key = (*tenant, slug.to_owned());
        let known = lock(&self.ids).get(&key).copied();
        if known.is_some() {
            return Ok(known);
        }
        let found = prompt_of_slug(store, tenant, slug).await?;
        if let Some(id) = found {
            remember(&self.ids, MAX_IDS, key, id);
        }
        Ok(found)
    }

    async fn version(
        &self,
        store: &Store,
        tenant: &Tenant,
        id: PromptId,
        version: u32,
    ) -> Result<Arc<PromptVersion>> {
        let key = (*tenant, id, version);
        if let Some(known) = lock(&self.versions).get(&key) {
            return Ok(known.clone());
        }
        let found = Arc::new(read_version(store, tenant, id, version).await?);
        remember(&self.versions, MAX_VERSIONS, key, found.clone());
        Ok(found)
    }

    /// Puts what the prompt says before the request's messages, and fills in what the request
    /// leaves open. One GetItem; the first time for a prompt one more, and for a version one more.
    ///
    /// # Errors
    /// `invalid_request`: no such prompt, label or version, it is archived, a value does not fit,
    /// the rendering fails.
    pub async fn apply(
        &self,
        store: &Store,
        tenant: &Tenant,
        extension: &mut Extension,
        request: &mut Request,
    ) -> Result<Option<PromptUse>, Refused> {
        let Some(wish) = extension.prompt.take() else { return Ok(None) };
        if wish.label.is_some() && wish.version.is_some() {
            return Err(refused("label", "must have a label or a version, not both").into());
        }
        let none = || refused("slug", format!("there is no prompt {}", wish.slug));
        let id = self.id(store, tenant, wish.slug.as_str()).await?.ok_or_else(none)?;
        let prompt = read_prompt(store, tenant, id).await?;
        if prompt.archived {
            return Err(refused("slug", format!("the prompt {} is archived", wish.slug)).into());
        }
        let number = chosen(&prompt, wish.label.as_ref(), wish.version)
            .map_err(|detail| refused("label", detail))?;
        let version = self.version(store, tenant, id, number).await?;
        let content = &version.content;
        let given = wish.variables.0.into_iter().collect();
        let values = values(&content.variables, &given, "variables").map_err(all)?;
        let messages = content.render(&values).map_err(|detail| refused("variables", detail))?;
        let message = |it: crate::domain::RenderedMessage| Message {
            role: match it.role {
                PromptRole::System => Role::System,
                PromptRole::User => Role::User,
                PromptRole::Assistant => Role::Assistant,
            },
            name: None,
            parts: vec![Part::of(it.content)],
        };
        // Nobody takes an empty message.
        let said = messages.into_iter().filter(|it| !it.content.trim().is_empty());
        request.prepend(said.map(message).collect());
        request.set_defaults(&(&content.params).into());
        if let Some(schema) = &content.response_schema {
            let is_set = request.set_schema(wish.slug.as_str(), schema);
            // Who saves a schema wants answers that match.
            extension.validate_schema = extension.validate_schema.or(is_set.then_some(true));
        }
        if let Some(hint) = &version.summary.model_hint {
            name_model(request, hint);
        }
        Ok(Some(PromptUse { prompt_id: id, version: number }))
    }
}

fn name_model(request: &mut Request, hint: &Line<1, 160>) {
    if matches!(request.model.as_str(), "" | Settings::AUTO) {
        request.model = hint.to_string();
    }
}

/// The version that is meant.
///
/// # Errors
/// What is wrong, for people.
pub(super) fn chosen(
    prompt: &Prompt,
    label: Option<&LabelName>,
    version: Option<Bounded<1, 1000>>,
) -> Result<u32, String> {
    let label = label.map_or(Prompt::LABELS[0], LabelName::as_str);
    match (version, prompt.labels.get(label)) {
        (Some(version), _) if version.get() > prompt.latest_version => {
            Err(format!("the prompt has no version {}", version.get()))
        }
        (Some(version), _) => Ok(version.get()),
        (None, Some(version)) => Ok(*version),
        (None, None) => Err(format!("the prompt has no label {label}: name a label or a version")),
    }
}

fn refused(field: &str, detail: impl Into<String>) -> SurfaceError {
    let param = format!("millwright.prompt.{field}");
    SurfaceError {
        code: Code::InvalidRequest,
        message: format!("{param}: {}", detail.into()),
        param: Some(param),
    }
}

/// All faults, the first by its place.
fn all(faults: Faults) -> SurfaceError {
    let told = faults.0.iter().map(|it| format!("{}: {}", it.pointer.replace('/', "."), it.detail));
    let told: Vec<String> = told.collect();
    let first = faults.0.first().map_or_else(String::new, |it| it.pointer.replace('/', "."));
    SurfaceError { message: told.join("; "), ..refused(&first, "") }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember<K: std::hash::Hash + Eq, V>(
    memory: &Mutex<HashMap<K, V>>,
    most: usize,
    key: K,
    value: V,
) {
    let mut memory = lock(memory);
    if memory.len() >= most {
        memory.clear();
    }
    memory.insert(key, value);
}
