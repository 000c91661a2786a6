//! Items of a secret itself.

use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_store::{Index, IndexKeys, Item, Key, Partition, Query, RawItem, Store};
use serde::{Deserialize, Serialize};

use super::{BindingItem, DueThing, GrantItem, due_at};
use crate::domain::{Binding, Grant, Inside, Place, Secret, SecretId, SecretName};

pub fn secret_partition(tenant: &Tenant, id: SecretId) -> Partition {
    Partition::of(tenant).and("SEC").and(id)
}

/// All secrets of an organization, by name.
pub fn secrets_by_name(tenant: &Tenant) -> Query {
    Query::index(Index::Gsi1, Partition::of(tenant).and("SECRETS"))
}

/// The secrets of one place, by name.
pub fn secrets_of_place(tenant: &Tenant, place: &Place) -> Query {
    Query::index(Index::Gsi3, Partition::of(tenant).and("SCOPE").and(place))
}

/// A stored secret. Indexes show `version` and `summary`, and nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecretItem {
    pub version: u64,
    pub summary: Secret,
    pub inside: Inside,
}

impl SecretItem {
    pub fn of(secret: &Secret, inside: &Inside) -> SecretItem {
        SecretItem { version: secret.version, summary: secret.clone(), inside: inside.clone() }
    }

    pub fn place(tenant: &Tenant, id: SecretId) -> Key {
        secret_partition(tenant, id).at("A")
    }
}

impl Item for SecretItem {
    const KIND: &'static str = "secret";

    fn key(&self, tenant: &Tenant) -> Key {
        SecretItem::place(tenant, self.summary.id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let by_name = format!("{}#{}", self.summary.name, self.summary.id);
        let own = Partition::of(tenant).and("SECRETS");
        let keys = IndexKeys::default().on(Index::Gsi1, own, &by_name);
        let keys = due_at(keys, tenant, self.inside.due, DueThing::Secret(self.summary.id));
        match self.summary.place() {
            Ok(place) => {
                let partition = Partition::of(tenant).and("SCOPE").and(place);
                keys.on(Index::Gsi3, partition, by_name)
            }
            Err(_) => keys,
        }
    }
}

/// How many grants and bindings a secret has, and when it was revealed last: apart from the secret,
/// whose version they do not change.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    #[serde(default)]
    pub grants: u64,
    #[serde(default)]
    pub bindings: u64,
    #[serde(default)]
    pub last_revealed_at: Option<Timestamp>,
}

impl Counts {
    pub fn place(tenant: &Tenant, id: SecretId) -> Key {
        secret_partition(tenant, id).at("AC")
    }
}

/// A name is held by one secret of a place at a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NameMarker {
    #[serde(skip)]
    place: Option<Place>,
    pub name: SecretName,
    pub secret_id: SecretId,
}

impl NameMarker {
    pub fn of(secret: &Secret) -> Result<NameMarker> {
        let place = Some(secret.place()?);
        Ok(NameMarker { place, name: secret.name.clone(), secret_id: secret.id })
    }

    pub fn partition(tenant: &Tenant, place: &Place) -> Partition {
        Partition::of(tenant).and("NAME").and(place)
    }

    pub fn at(tenant: &Tenant, place: &Place, name: &SecretName) -> Key {
        NameMarker::partition(tenant, place).at(name)
    }
}

impl Item for NameMarker {
    const KIND: &'static str = "secret_name";

    fn key(&self, tenant: &Tenant) -> Key {
        match &self.place {
            Some(place) => NameMarker::at(tenant, place, &self.name),
            // Only a decoded marker has no place, and nobody writes one back.
            None => Partition::of(tenant).and("NAME").at(""),
        }
    }
}

/// A secret with everything that says who may do what with it.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub secret: Secret,
    pub inside: Inside,
    pub counts: Counts,
    pub grants: Vec<Grant>,
    pub bindings: Vec<Binding>,
}

/// More grants and bindings no secret has.
const MAX_ITEMS: usize = 300;

/// A secret with its grants and bindings. One Query.
pub async fn load(store: &Store, tenant: &Tenant, id: SecretId) -> Result<Option<Loaded>> {
    let query = Query::partition(secret_partition(tenant, id)).until_sort_key("G~");
    assembled(&store.collect(&query, MAX_ITEMS).await?)
}

/// What the items of a secret come to.
pub fn assembled(items: &[RawItem]) -> Result<Option<Loaded>> {
    let Some(item) = items.iter().find(|item| item.is::<SecretItem>()) else { return Ok(None) };
    let SecretItem { summary, inside, .. } = item.decode()?;
    let mut loaded = Loaded {
        secret: summary,
        inside,
        counts: Counts::default(),
        grants: Vec::new(),
        bindings: Vec::new(),
    };
    for item in items {
        if item.is::<GrantItem>() {
            loaded.grants.push(item.decode::<GrantItem>()?.summary);
        } else if item.is::<BindingItem>() {
            loaded.bindings.push(item.decode::<BindingItem>()?.summary);
        } else if item.sort_key() == "AC" {
            let number = |name| item.number(name).unwrap_or_default();
            loaded.counts = Counts {
                grants: number("grants"),
                bindings: number("bindings"),
                last_revealed_at: item.text("lastRevealedAt").and_then(|text| text.parse().ok()),
            };
        }
    }
    Ok(Some(loaded))
}

impl Loaded {
    pub fn grant(&self, id: crate::domain::GrantId) -> Result<&Grant> {
        let found = self.grants.iter().find(|grant| grant.id == id);
        found.ok_or_else(|| Error::not_found("grant"))
    }
}
