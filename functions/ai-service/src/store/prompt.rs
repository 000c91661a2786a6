//! Prompts and their versions.

use millwright_core::{Error, Result, Tenant};
use millwright_store::{Index, IndexKeys, Item, Key, Partition, Store};
use serde::{Deserialize, Serialize};

use super::{Configured, NameMarker};
use crate::domain::{Prompt, PromptContent, PromptId, PromptVersion, PromptVersionSummary};

/// The prompts of an organization, by slug, on gsi1.
pub fn prompts_of(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("PRMS")
}

/// The versions of a prompt, by number, on gsi1.
pub fn versions_of(tenant: &Tenant, id: PromptId) -> Partition {
    Partition::of(tenant).and("PRMV").and(id)
}

fn prompt_partition(tenant: &Tenant, id: PromptId) -> Partition {
    Partition::of(tenant).and("PRM").and(id)
}

/// A prompt, with its labels.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PromptItem {
    pub version: u64,
    pub summary: Prompt,
}

impl PromptItem {
    pub fn of(prompt: &Prompt) -> PromptItem {
        PromptItem { version: prompt.common.version, summary: prompt.clone() }
    }

    pub fn place(tenant: &Tenant, id: PromptId) -> Key {
        prompt_partition(tenant, id).at("META")
    }
}

impl Item for PromptItem {
    const KIND: &'static str = "prompt";

    fn key(&self, tenant: &Tenant) -> Key {
        PromptItem::place(tenant, self.summary.id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        IndexKeys::default().on(Index::Gsi1, prompts_of(tenant), &self.summary.slug)
    }
}

/// A version of a prompt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PromptVersionItem {
    pub version: u64,
    pub summary: PromptVersionSummary,
    pub content: PromptContent,
}

/// Numbers as sort keys: of as many digits as the highest has.
fn number(version: u32) -> String {
    format!("{version:04}")
}

impl PromptVersionItem {
    pub fn of(version: &PromptVersion) -> PromptVersionItem {
        let PromptVersion { summary, content } = version.clone();
        PromptVersionItem { version: 1, summary, content }
    }

    pub fn place(tenant: &Tenant, id: PromptId, version: u32) -> Key {
        prompt_partition(tenant, id).at(format!("V#{}", number(version)))
    }
}

impl Item for PromptVersionItem {
    const KIND: &'static str = "prompt_version";

    fn key(&self, tenant: &Tenant) -> Key {
        PromptVersionItem::place(tenant, self.summary.prompt_id, self.summary.version)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let PromptVersionSummary { prompt_id, version, .. } = &self.summary;
        IndexKeys::default().on(Index::Gsi1, versions_of(tenant, *prompt_id), number(*version))
    }
}

/// A prompt. One GetItem.
///
/// # Errors
/// `not_found`.
pub async fn read_prompt(store: &Store, tenant: &Tenant, id: PromptId) -> Result<Prompt> {
    let item = store.get::<PromptItem>(&PromptItem::place(tenant, id)).await?;
    item.map(|item| item.summary).ok_or_else(|| Error::not_found(Prompt::NOUN))
}

/// The prompt of a slug, archived ones too. One GetItem.
///
/// # Errors
/// `unavailable`.
pub async fn prompt_of_slug(
    store: &Store,
    tenant: &Tenant,
    slug: &str,
) -> Result<Option<PromptId>> {
    let name = format!("{}#{slug}", <Prompt as Configured>::KIND);
    let place = Partition::of(tenant).and("SLUG").at(name);
    let marker = store.get::<NameMarker>(&place).await?;
    marker.map(|marker| marker.holder_id.parse().map_err(Error::internal)).transpose()
}

/// A version of a prompt. One GetItem.
///
/// # Errors
/// `not_found`.
pub async fn read_version(
    store: &Store,
    tenant: &Tenant,
    id: PromptId,
    version: u32,
) -> Result<PromptVersion> {
    let place = PromptVersionItem::place(tenant, id, version);
    let item = store.get::<PromptVersionItem>(&place).await?;
    let whole = |PromptVersionItem { summary, content, .. }| PromptVersion { summary, content };
    item.map(whole).ok_or_else(|| Error::not_found("version"))
}
