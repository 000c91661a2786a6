//! Definitions of an organization: one partition, read as a whole and remembered for ten seconds.

use millwright_core::{Result, Tenant};
use millwright_store::{GlobalPartition, Item, Key, Partition, Query, Store};
use serde::{Deserialize, Serialize};

use crate::domain::{Category, Limit, Meter, Price, Settings};

/// The most definitions of one organization: the limits of all nouns together.
const MAX_DEFINITIONS: usize = 3_000;

/// Everything an organization has defined.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    /// Its own ones, archived ones included.
    pub categories: Vec<Category>,
    pub meters: Vec<Meter>,
    pub limits: Vec<Limit>,
    pub prices: Vec<Price>,
    pub settings: Settings,
}

/// What belongs to no organization: prices that operators set.
pub struct PlatformDefinitions;

impl GlobalPartition for PlatformDefinitions {
    fn partition(&self) -> String {
        "PLATFORM#DEF".to_owned()
    }
}

/// Where the revisions of global prices are.
pub struct PlatformRevisions;

impl GlobalPartition for PlatformRevisions {
    fn partition(&self) -> String {
        "PLATFORM#UNIQ".to_owned()
    }
}

pub fn definitions(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("DEF")
}

macro_rules! definition {
    ($($item:ident($thing:ty) = $kind:literal, |$it:ident| $id:expr;)+) => {$(
        /// A stored definition.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $item(pub $thing);

        impl $item {
            pub fn place(tenant: &Tenant, id: impl std::fmt::Display) -> Key {
                definitions(tenant).at(format!(concat!($kind, "#{}"), id))
            }
        }

        impl Item for $item {
            const KIND: &'static str = $kind;

            fn key(&self, tenant: &Tenant) -> Key {
                let $it = &self.0;
                $item::place(tenant, $id)
            }
        }
    )+};
}

definition! {
    CategoryItem(Category) = "category", |it| &it.code;
    MeterItem(Meter) = "meter", |it| &it.id;
    LimitItem(Limit) = "limit", |it| &it.id;
    PriceItem(Price) = "price", |it| &it.id;
    SettingsItem(Settings) = "settings", |_it| "";
}

/// A global price.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GlobalPriceItem(pub Price);

impl GlobalPriceItem {
    pub fn place(id: impl std::fmt::Display) -> Key {
        Partition::global(&PlatformDefinitions).at(format!("price#{id}"))
    }
}

impl Item for GlobalPriceItem {
    const KIND: &'static str = "global_price";

    fn key(&self, _tenant: &Tenant) -> Key {
        GlobalPriceItem::place(self.0.id)
    }
}

/// A name, slug or event type that one thing has at a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UniqueMarker {
    /// What it is of, such as `quota` or `slug`.
    pub of: String,
    pub value: String,
    pub holder: String,
}

impl UniqueMarker {
    pub fn new(of: &str, value: &str, holder: impl std::fmt::Display) -> UniqueMarker {
        UniqueMarker { of: of.to_owned(), value: value.to_lowercase(), holder: holder.to_string() }
    }
}

impl Item for UniqueMarker {
    const KIND: &'static str = "unique";

    fn key(&self, tenant: &Tenant) -> Key {
        let value = super::key_part(&self.value);
        Partition::of(tenant).and("UNIQ").at(format!("{}#{value}", self.of))
    }
}

/// Reads all definitions: one Query of the organization's, one of the global prices.
pub async fn read_definitions(store: &Store, tenant: &Tenant) -> Result<Definitions> {
    let own = Query::partition(definitions(tenant));
    let global = Query::partition(Partition::global(&PlatformDefinitions));
    let (own, global) = futures::future::join(
        store.collect(&own, MAX_DEFINITIONS),
        store.collect(&global, MAX_DEFINITIONS),
    )
    .await;
    let mut all = Definitions::default();
    for item in own? {
        if item.is::<CategoryItem>() {
            all.categories.push(item.decode::<CategoryItem>()?.0);
        } else if item.is::<MeterItem>() {
            all.meters.push(item.decode::<MeterItem>()?.0);
        } else if item.is::<LimitItem>() {
            all.limits.push(item.decode::<LimitItem>()?.0);
        } else if item.is::<PriceItem>() {
            all.prices.push(item.decode::<PriceItem>()?.0);
        } else if item.is::<SettingsItem>() {
            all.settings = item.decode::<SettingsItem>()?.0;
        }
    }
    all.settings = all.settings.at(store.clock().now());
    for item in global? {
        all.prices.push(item.decode::<GlobalPriceItem>()?.0);
    }
    Ok(all)
}
