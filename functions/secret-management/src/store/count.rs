//! Counters that keep limits exact.

use millwright_core::{Error, Tenant};
use millwright_store::{Condition, Key, Partition, Step, Transaction, Update};

/// What is counted, by the name of its attribute, and how many there may be.
pub const SECRETS: (&str, u64) = ("secrets", 10_000);
pub const POLICIES: (&str, u64) = ("generation policies", 100);
pub const GRANTS: (&str, u64) = ("grants", 100);
pub const BINDINGS: (&str, u64) = ("bindings", 100);

/// Where the organization's own counters are.
pub fn count_place(tenant: &Tenant, what: (&str, u64)) -> Key {
    Partition::of(tenant).and("COUNT").at(what.0.to_uppercase().replace(' ', "_"))
}

/// One more at `key`, if there is room. One item; refused: `limit_reached`.
pub fn one_more(
    transaction: &mut Transaction,
    key: &Key,
    attribute: &str,
    (what, max): (&str, u64),
) -> Step {
    let room = Condition::default().less_than(attribute, max).or_attribute_absent(attribute);
    let step = transaction.update(key, &Update::when(room).add(attribute, 1));
    transaction.refused_as(step, Error::limit_reached(what, max))
}

/// One less at `key`. One item.
pub fn one_less(transaction: &mut Transaction, key: &Key, attribute: &str) -> Step {
    transaction.update(key, &Update::new().add(attribute, -1))
}
