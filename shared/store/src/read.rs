//! Reads. Each method says what it calls.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, KeysAndAttributes},
};
use millwright_core::{Clock, Error, IdGenerator, Result, Tenant};

use crate::{
    Backoff, Key, Partition, Transaction,
    cursor::Position,
    item::{Attributes, Item, RawItem},
    schema::{Index, PARTITION_KEY, SORT_KEY},
};

/// One service's table.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    client: Client,
    table: String,
    clock: Clock,
    ids: IdGenerator,
}

/// A question to one partition of the table or of an index.
#[derive(Clone, Debug)]
pub struct Query {
    index: Option<Index>,
    partition: Partition,
    sort_keys: SortKeys,
    descending: bool,
}

/// DynamoDB's own limit of keys in one BatchGetItem.
const MAX_BATCH: usize = 100;

/// The most entries a page with residual filters examines.
const MAX_EXAMINED: usize = 1_000;

impl Query {
    /// The items of a partition of the table, read strongly consistent.
    pub fn partition(partition: Partition) -> Query {
        Query { index: None, partition, sort_keys: SortKeys::Any, descending: false }
    }

    /// The items of a partition of an index, eventually consistent.
    pub fn index(index: Index, partition: Partition) -> Query {
        Query { index: Some(index), partition, sort_keys: SortKeys::Any, descending: false }
    }

    /// The index it asks, if not the table.
    pub fn used_index(&self) -> Option<Index> {
        self.index
    }

    /// Only those whose sort key begins so.
    #[must_use]
    pub fn starting_with(mut self, prefix: impl Into<String>) -> Query {
        self.sort_keys = SortKeys::Beginning(prefix.into());
        self
    }

    /// Only those whose sort key is this one or sorts after it.
    #[must_use]
    pub fn from_sort_key(mut self, least: impl Into<String>) -> Query {
        self.sort_keys = SortKeys::From(least.into());
        self
    }

    /// Only those whose sort key is this one or sorts before it.
    #[must_use]
    pub fn until_sort_key(mut self, most: impl Into<String>) -> Query {
        self.sort_keys = SortKeys::Until(most.into());
        self
    }

    #[must_use]
    pub fn descending(mut self, descending: bool) -> Query {
        self.descending = descending;
        self
    }
}

/// Which sort keys of the partition are asked for.
#[derive(Clone, Debug)]
enum SortKeys {
    Any,
    Beginning(String),
    From(String),
    Until(String),
}

/// What the items of one thing come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assembled<T> {
    Whole(T),
    /// The items are of different writes: read again.
    Torn,
    Nothing,
}

/// Part of an answer, and where to go on.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<Position>,
}

impl Store {
    pub fn new(client: Client, table: impl Into<String>, clock: Clock) -> Store {
        let ids = IdGenerator::new(clock.clone());
        Store(Arc::new(Inner { client, table: table.into(), clock, ids }))
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub fn table(&self) -> &str {
        &self.0.table
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub fn ids(&self) -> &IdGenerator {
        &self.0.ids
    }

    /// Begins a transaction.
    pub fn transaction(&self, tenant: &Tenant) -> Transaction {
        Transaction::new(self.clone(), *tenant)
    }

    /// One item, strongly consistent. One GetItem.
    pub async fn get<I: Item>(&self, key: &Key) -> Result<Option<I>> {
        match self.get_raw(key).await? {
            Some(item) if item.is::<I>() => item.decode().map(Some),
            _ => Ok(None),
        }
    }

    /// One item, not decoded, strongly consistent. One GetItem.
    pub async fn get_raw(&self, key: &Key) -> Result<Option<RawItem>> {
        let answer = self
            .client()
            .get_item()
            .table_name(self.table())
            .set_key(Some(key_attributes(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| crate::failure::unavailable("GetItem", &error))?;
        Ok(answer.item.map(RawItem))
    }

    /// Different items, strongly consistent, in the order of the keys; what is not there is left
    /// out. One BatchGetItem per 100 keys, more only if DynamoDB leaves keys unprocessed.
    pub async fn get_many(&self, keys: &[Key]) -> Result<Vec<RawItem>> {
        let mut found: Vec<RawItem> = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MAX_BATCH) {
            self.get_batch(keys, &mut found).await?;
        }
        let places: HashMap<(&str, &str), usize> = keys
            .iter()
            .enumerate()
            .map(|(place, key)| ((key.partition(), key.sort_key()), place))
            .collect();
        found.sort_by_key(|item| places.get(&(item.partition_key(), item.sort_key())).copied());
        Ok(found)
    }

    async fn get_batch(&self, keys: &[Key], found: &mut Vec<RawItem>) -> Result<()> {
        let mut wanted: Vec<Attributes> = keys.iter().map(key_attributes).collect();
        let mut backoff = Backoff::default();
        while !wanted.is_empty() {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(std::mem::take(&mut wanted)))
                .consistent_read(true)
                .build()
                .map_err(Error::internal)?;
            let answer = self
                .client()
                .batch_get_item()
                .request_items(self.table(), request)
                .send()
                .await
                .map_err(|error| crate::failure::unavailable("BatchGetItem", &error))?;
            let mut items = answer.responses.unwrap_or_default();
            found.extend(items.remove(self.table()).unwrap_or_default().into_iter().map(RawItem));
            let mut unprocessed = answer.unprocessed_keys.unwrap_or_default();
            if let Some(rest) = unprocessed.remove(self.table()) {
                wanted = rest.keys;
                backoff.wait(self.ids()).await;
            }
        }
        Ok(())
    }

    /// Every item that matches, up to `max`. One Query for each megabyte of them.
    pub async fn collect(&self, query: &Query, max: usize) -> Result<Vec<RawItem>> {
        let mut items = Vec::new();
        let mut from = None;
        loop {
            let page = self.page(query, max - items.len(), from.as_ref()).await?;
            items.extend(page.items);
            from = page.next;
            if from.is_none() || items.len() >= max {
                return Ok(items);
            }
        }
    }

    /// A thing that is stored in a few items of one partition. One Query; another for each time it
    /// is met half written, since a Query does not wait for a transaction.
    ///
    /// # Errors
    /// `internal` if it stays torn: then its halves were never written together.
    pub async fn assemble<T>(
        &self,
        query: &Query,
        assemble: impl Fn(&[RawItem]) -> Result<Assembled<T>>,
    ) -> Result<Option<T>> {
        const MAX_ITEMS: usize = 10;
        const MAX_READS: usize = 6;
        let mut backoff = Backoff::default();
        for _ in 0..MAX_READS {
            let items = self.collect(query, MAX_ITEMS).await?;
            match assemble(&items)? {
                Assembled::Whole(thing) => return Ok(Some(thing)),
                Assembled::Nothing => return Ok(None),
                Assembled::Torn => backoff.wait(self.ids()).await,
            }
        }
        Err(Error::internal(format!("{query:?} finds halves of different writes")))
    }

    /// At most `limit` items from a position on. One Query.
    pub async fn page(
        &self,
        query: &Query,
        limit: usize,
        from: Option<&Position>,
    ) -> Result<Page<RawItem>> {
        let (partition_key, sort_key) = match query.index {
            Some(index) => (index.partition_key(), index.sort_key()),
            None => (PARTITION_KEY, SORT_KEY),
        };
        let condition = match query.sort_keys {
            SortKeys::Any => "#pk = :pk",
            SortKeys::Beginning(_) => "#pk = :pk AND begins_with(#sk, :sk)",
            SortKeys::From(_) => "#pk = :pk AND #sk >= :sk",
            SortKeys::Until(_) => "#pk = :pk AND #sk <= :sk",
        };
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut request = self
            .client()
            .query()
            .table_name(self.table())
            .set_index_name(query.index.map(|index| index.name().to_owned()))
            .consistent_read(query.index.is_none())
            .key_condition_expression(condition)
            .expression_attribute_names("#pk", partition_key)
            .expression_attribute_values(":pk", text(query.partition.as_str()))
            .scan_index_forward(!query.descending)
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(from.map(Position::to_attributes));
        if let SortKeys::Beginning(bound) | SortKeys::From(bound) | SortKeys::Until(bound) =
            &query.sort_keys
        {
            request = request
                .expression_attribute_names("#sk", sort_key)
                .expression_attribute_values(":sk", text(bound));
        }
        let answer =
            request.send().await.map_err(|error| crate::failure::unavailable("Query", &error))?;
        let next = answer.last_evaluated_key.as_ref().map(Position::from_attributes);
        let items = answer.items.unwrap_or_default().into_iter().map(RawItem).collect();
        Ok(Page { items, next })
    }

    /// A page of what passes `admit`, which decodes an item or leaves it out. One Query. Without
    /// residual filters it reads `limit` entries; with them up to 1,000, so a page may be short or
    /// empty and still have a next one.
    pub async fn filtered_page<T>(
        &self,
        query: &Query,
        limit: usize,
        from: Option<&Position>,
        is_filtered: bool,
        admit: impl Fn(&RawItem) -> Result<Option<T>>,
    ) -> Result<Page<T>> {
        let examined = if is_filtered { MAX_EXAMINED } else { limit };
        let page = self.page(query, examined, from).await?;
        let mut items = Vec::new();
        for item in &page.items {
            let Some(admitted) = admit(item)? else { continue };
            items.push(admitted);
            if items.len() == limit && is_filtered {
                return Ok(Page { items, next: Some(item.position(query.index)) });
            }
        }
        Ok(Page { items, next: page.next })
    }

    /// True if the table answers. One DescribeTable-free GetItem of an item that is never there.
    pub async fn answers(&self) -> Result<()> {
        struct Probe;
        impl crate::GlobalPartition for Probe {
            fn partition(&self) -> String {
                "READY".to_owned()
            }
        }
        self.get_raw(&Partition::global(&Probe).at("READY")).await.map(|_| ())
    }
}

pub(crate) fn key_attributes(key: &Key) -> Attributes {
    Attributes::from([
        (PARTITION_KEY.to_owned(), AttributeValue::S(key.partition().to_owned())),
        (SORT_KEY.to_owned(), AttributeValue::S(key.sort_key().to_owned())),
    ])
}
