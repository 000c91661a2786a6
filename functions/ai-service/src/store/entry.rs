//! Configured things: where they are, their names, how many there are.

use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_store::{Condition, Item, Key, Partition, Step, Store, Transaction, Update};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::domain::{
    Chain, Common, MAX_CHAINS, MAX_LIMITS, MAX_MODELS, MAX_PROMPTS, MAX_PROVIDERS, MAX_RULES,
    Model, Prompt, Provider, RateLimit, Rule,
};

/// A thing that is configured.
pub trait Configured: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync {
    /// As stored.
    const KIND: &'static str;
    /// The first part of its sort key.
    const PREFIX: &'static str;
    /// As people read it.
    const NOUN: &'static str;
    /// Several, and how many there may be.
    const MAX: (&'static str, u64);

    fn key_id(&self) -> String;
    fn common(&self) -> &Common;
    fn common_mut(&mut self) -> &mut Common;
    /// What no other may be called, folded; unique among its kind.
    fn unique_name(&self) -> String;
}

macro_rules! configured {
    ($($type:ty, $kind:literal, $prefix:literal, $noun:literal, $many:literal, $max:expr, |$it:ident| $name:expr;)+) => {$(
        impl Configured for $type {
            const KIND: &'static str = $kind;
            const PREFIX: &'static str = $prefix;
            const NOUN: &'static str = $noun;
            const MAX: (&'static str, u64) = ($many, $max);

            fn key_id(&self) -> String {
                self.id.to_string()
            }

            fn common(&self) -> &Common {
                &self.common
            }

            fn common_mut(&mut self) -> &mut Common {
                &mut self.common
            }

            fn unique_name(&self) -> String {
                let $it = self;
                $name
            }
        }
    )+};
}

configured! {
    Provider, "provider", "PROVIDER", "provider", "providers", MAX_PROVIDERS,
        |it| it.slug.to_string();
    Model, "model", "MODEL", "model", "models", MAX_MODELS,
        |it| format!("{}#{}", it.provider_id, it.name);
    Chain, "chain", "CHAIN", "fallback chain", "fallback chains", MAX_CHAINS,
        |it| it.slug.to_string();
    Prompt, "prompt", "PROMPT", "prompt", "prompts", MAX_PROMPTS,
        |it| it.slug.to_string();
    Rule, "rule", "RULE", "routing rule", "routing rules", MAX_RULES,
        |it| it.name.as_str().to_lowercase();
    RateLimit, "rate_limit", "LIMIT", "rate limit", "rate limits", MAX_LIMITS,
        |it| format!("{}#{}", it.scope, it.subject_id.as_ref().map_or("", |id| id.as_str()));
}

/// Where everything configured is.
pub fn configuration_of(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("CFG")
}

/// A configured thing, stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "T: Configured")]
pub struct Entry<T> {
    pub version: u64,
    pub thing: T,
}

impl<T: Configured> Entry<T> {
    pub fn of(thing: &T) -> Entry<T> {
        Entry { version: thing.common().version, thing: thing.clone() }
    }

    pub fn place(tenant: &Tenant, id: impl std::fmt::Display) -> Key {
        configuration_of(tenant).at(format!("{}#{id}", T::PREFIX))
    }
}

impl<T: Configured> Item for Entry<T> {
    const KIND: &'static str = T::KIND;

    fn key(&self, tenant: &Tenant) -> Key {
        Entry::<T>::place(tenant, self.thing.key_id())
    }
}

/// A name is held by one thing of a kind at a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NameMarker {
    pub name: String,
    pub holder_id: String,
}

impl NameMarker {
    pub fn of<T: Configured>(thing: &T) -> NameMarker {
        let name = format!("{}#{}", T::KIND, thing.unique_name());
        NameMarker { name, holder_id: thing.key_id() }
    }
}

impl Item for NameMarker {
    const KIND: &'static str = "name";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).and("SLUG").at(&self.name)
    }
}

/// Takes the name of a thing. One item; refused with `taken`.
pub fn take_name<T: Configured>(transaction: &mut Transaction, thing: &T, taken: Error) {
    let step = transaction.create(&NameMarker::of(thing));
    transaction.refused_as(step, taken);
}

/// Remembers that there was one: who deletes twice is answered twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gone {
    /// `<NOUN>#<id>`
    pub what: String,
    pub deleted_at: Timestamp,
}

impl Gone {
    pub fn of<T: Configured>(thing: &T, deleted_at: Timestamp) -> Gone {
        Gone { what: format!("{}#{}", T::PREFIX, thing.key_id()), deleted_at }
    }

    pub fn place<T: Configured>(tenant: &Tenant, id: impl std::fmt::Display) -> Key {
        Partition::of(tenant).and("GONE").at(format!("{}#{id}", T::PREFIX))
    }
}

impl Item for Gone {
    const KIND: &'static str = "gone";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).and("GONE").at(&self.what)
    }
}

/// True if there was one. One GetItem.
///
/// # Errors
/// `unavailable`.
pub async fn is_gone<T: Configured>(
    store: &Store,
    tenant: &Tenant,
    id: impl std::fmt::Display,
) -> Result<bool> {
    Ok(store.get::<Gone>(&Gone::place::<T>(tenant, id)).await?.is_some())
}

fn count_place<T: Configured>(tenant: &Tenant) -> Key {
    Partition::of(tenant).and("COUNT").at(T::PREFIX)
}

/// So many more of them, if there is room. One item; refused: `limit_reached`.
pub fn more<T: Configured>(transaction: &mut Transaction, how_many: usize) -> Step {
    let key = count_place::<T>(transaction.tenant());
    let (what, max) = T::MAX;
    let how_many = i64::try_from(how_many).unwrap_or(i64::MAX);
    let room = i128::from(max) - i128::from(how_many);
    let room = Condition::default().at_most("present", room).or_attribute_absent("present");
    let step = transaction.update(&key, &Update::when(room).add("present", how_many));
    transaction.refused_as(step, Error::limit_reached(what, max))
}

/// So many less of them. One item.
pub fn one_less<T: Configured>(transaction: &mut Transaction, how_many: usize) -> Step {
    let key = count_place::<T>(transaction.tenant());
    let less = i64::try_from(how_many).unwrap_or(i64::MAX);
    transaction.update(&key, &Update::new().add("present", -less))
}
