//! Limit counters.

use std::time::Duration;

use millwright_core::{Result, Tenant, Timestamp};
use millwright_store::{
    Condition, Key, Partition, RawItem, Step, Store, Transaction, Update,
    schema::{KIND, TTL},
};

use super::key_part;
use crate::domain::{Counted, Limit, LimitId, Window, end_of_time};

/// The kind of limit counters; the stream that feeds alerts is filtered by it.
pub const LIMIT_COUNTER: &str = "limit_counter";

/// How long a counter is kept after the end of its window: 13 months.
const KEPT: Duration = Duration::from_secs(396 * 24 * 3_600);

/// Which counter: of a limit, a scope and a window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitCounter {
    pub limit_id: LimitId,
    /// Empty for the organization.
    pub scope_id: String,
    pub window: Window,
}

impl LimitCounter {
    pub fn of(limit: &Limit, scope_id: String, at: Timestamp) -> Result<LimitCounter> {
        Ok(LimitCounter { limit_id: limit.id, scope_id, window: limit.window(at)? })
    }

    pub fn place(&self, tenant: &Tenant) -> Key {
        let partition = Partition::of(tenant).and("LC").and(self.limit_id);
        partition.and(key_part(&self.scope_id)).at(self.window.start)
    }

    /// Moves the counter. With a ceiling, only as far as used + reserved - top-ups stay within it:
    /// `load` is kept beside them since a condition cannot add.
    pub fn move_by(
        &self,
        transaction: &mut Transaction,
        moved: Counted,
        ceiling: Option<i128>,
    ) -> Step {
        let load = moved.used + moved.reserved - moved.extra;
        let condition = match ceiling {
            None => Condition::default(),
            Some(ceiling) => {
                let fits = Condition::default().at_most("load", ceiling - load);
                // A counter that is not there yet stands at zero.
                if load <= ceiling { fits.or_attribute_absent("load") } else { fits }
            }
        };
        let mut update = Update::when(condition)
            .set(KIND, LIMIT_COUNTER)
            .set("limitId", self.limit_id)
            .set("scopeId", &self.scope_id)
            .set("windowStart", self.window.start)
            .set("windowEnd", self.window.end)
            .add_number("load", load)
            .add_number("used", moved.used)
            .add_number("reserved", moved.reserved);
        if moved.extra != 0 {
            update = update.add_number("extra", moved.extra);
        }
        if self.window.end < end_of_time() {
            let expires = self.window.end.plus(KEPT).as_second();
            update = update.set_number(TTL, i128::from(expires));
        }
        let key = self.place(transaction.tenant());
        transaction.update(&key, &update)
    }

    /// Adds what was used, whatever the limit says.
    pub fn add_used(&self, transaction: &mut Transaction, used: i128) -> Step {
        self.move_by(transaction, Counted { used, ..Counted::default() }, None)
    }

    /// What an item of it holds.
    pub fn counted(item: Option<&RawItem>) -> Counted {
        let number = |name| item.and_then(|item| item.large_number(name)).unwrap_or(0);
        Counted { used: number("used"), reserved: number("reserved"), extra: number("extra") }
    }

    /// What several counters hold, in their order. One BatchGetItem per hundred.
    pub async fn read(
        store: &Store,
        tenant: &Tenant,
        counters: &[LimitCounter],
    ) -> Result<Vec<Counted>> {
        if counters.is_empty() {
            return Ok(Vec::new());
        }
        let mut places: Vec<Key> = counters.iter().map(|counter| counter.place(tenant)).collect();
        let wanted = places.clone();
        places.sort();
        places.dedup();
        let items = store.get_many(&places).await?;
        let find = |key: &Key| {
            items.iter().find(|item| {
                item.partition_key() == key.partition() && item.sort_key() == key.sort_key()
            })
        };
        Ok(wanted.iter().map(|key| LimitCounter::counted(find(key))).collect())
    }
}
