//! All writes: one transaction, each step with the error it stands for.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure as OnFailure,
    TransactWriteItem, Update as UpdateItem,
};
use millwright_core::{Error, Result, Tenant, codes};

use crate::{
    Backoff, Key, RawItem, Store,
    item::{Item, to_attributes},
    read::key_attributes,
    update::{Condition, Update},
};

/// DynamoDB's own limit.
pub const MAX_TRANSACTION_ITEMS: usize = 100;

/// A transaction that keeps conflicting is given up after this many tries.
const MAX_CONFLICTS: u32 = 8;

/// Writes that happen together or not at all.
///
/// One call; a `TransactionConflict` is repeated with full jitter, at most 8 times (3 s), then
/// `unavailable`. At most 100 items and 4 MB.
#[must_use = "nothing is written before commit"]
pub struct Transaction {
    store: Store,
    tenant: Tenant,
    items: Vec<TransactWriteItem>,
    refusals: Vec<Option<Error>>,
    fault: Option<Error>,
}

/// The position of a step, to find its refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step(usize);

impl Step {
    /// Its position in the transaction, from 0 on.
    pub fn index(self) -> usize {
        self.0
    }
}

/// A step whose condition did not hold, with the item as it stood.
#[derive(Debug)]
pub struct Refusal {
    pub step: Step,
    pub item: Option<RawItem>,
    error: Option<Error>,
}

/// Every step that was refused, in order.
#[derive(Debug)]
pub struct Refusals(pub Vec<Refusal>);

impl Refusals {
    pub fn at(&self, step: Step) -> Option<&Refusal> {
        self.0.iter().find(|refusal| refusal.step == step)
    }

    /// What [`Transaction::refused_as`] set for the first refused step that has one; else
    /// `version_stale` with the current version, or `conflict`.
    pub fn into_error(mut self) -> Error {
        if let Some(error) = self.0.iter_mut().find_map(|refusal| refusal.error.take()) {
            return error;
        }
        let item = |refusal: &Refusal| refusal.item.as_ref().and_then(RawItem::version);
        match self.0.iter().find_map(item) {
            Some(version) => Error::version_stale(version),
            None => Error::new(codes::CONFLICT, "somebody else was faster: read it again"),
        }
    }
}

/// How an attempt ended.
#[derive(Debug)]
pub enum Outcome {
    Done,
    Refused(Refusals),
}

impl Transaction {
    pub(crate) fn new(store: Store, tenant: Tenant) -> Transaction {
        Transaction { store, tenant, items: Vec::new(), refusals: Vec::new(), fault: None }
    }

    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Writes something of another tenant with it: a person's part of a membership, say.
    pub fn within<R>(&mut self, tenant: &Tenant, write: impl FnOnce(&mut Transaction) -> R) -> R {
        let own = self.switch(tenant);
        let written = write(self);
        self.switch(&own);
        written
    }

    /// Whose the items are that follow; gives back whose they were before.
    pub fn switch(&mut self, tenant: &Tenant) -> Tenant {
        std::mem::replace(&mut self.tenant, *tenant)
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Writes an item that must not be there yet.
    pub fn create(&mut self, item: &impl Item) -> Step {
        self.put_when(item, Condition::absent())
    }

    /// Writes the successor of an item that must still have version `expected`.
    /// Refused: `version_stale` with the current version, or `conflict` if it is gone.
    pub fn replace(&mut self, item: &impl Item, expected: u64) -> Step {
        self.put_when(item, Condition::version(expected))
    }

    /// Writes an item, whatever stood there.
    pub fn put(&mut self, item: &impl Item) -> Step {
        self.put_when(item, Condition::default())
    }

    pub fn put_when<I: Item>(&mut self, item: &I, condition: Condition) -> Step {
        let attributes = to_attributes(item, &self.tenant);
        self.push(&condition, |table, expression, placeholders| {
            let put = Put::builder()
                .table_name(table)
                .set_item(Some(attributes?))
                .set_condition_expression(expression)
                .set_expression_attribute_names(non_empty(placeholders.names))
                .set_expression_attribute_values(non_empty(placeholders.values))
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .build()
                .map_err(Error::internal)?;
            Ok(TransactWriteItem::builder().put(put).build())
        })
    }

    /// Changes single attributes.
    pub fn update(&mut self, key: &Key, update: &Update) -> Step {
        let expression = update.expression();
        self.push(&update.condition, |table, condition, placeholders| {
            let update = UpdateItem::builder()
                .table_name(table)
                .set_key(Some(key_attributes(key)))
                .update_expression(expression)
                .set_condition_expression(condition)
                .set_expression_attribute_names(non_empty(placeholders.names))
                .set_expression_attribute_values(non_empty(placeholders.values))
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .build()
                .map_err(Error::internal)?;
            Ok(TransactWriteItem::builder().update(update).build())
        })
    }

    /// Removes an item, whether it is there or not.
    pub fn delete(&mut self, key: &Key) -> Step {
        self.delete_when(key, Condition::default())
    }

    /// Removes the item that stands where this one would.
    pub fn remove(&mut self, item: &impl Item) -> Step {
        let key = item.key(&self.tenant);
        self.delete(&key)
    }

    pub fn delete_when(&mut self, key: &Key, condition: Condition) -> Step {
        self.push(&condition, |table, condition, placeholders| {
            let delete = Delete::builder()
                .table_name(table)
                .set_key(Some(key_attributes(key)))
                .set_condition_expression(condition)
                .set_expression_attribute_names(non_empty(placeholders.names))
                .set_expression_attribute_values(non_empty(placeholders.values))
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .build()
                .map_err(Error::internal)?;
            Ok(TransactWriteItem::builder().delete(delete).build())
        })
    }

    /// Requires something of an item that is not written.
    pub fn check(&mut self, key: &Key, condition: Condition) -> Step {
        self.push(&condition, |table, condition, placeholders| {
            let check = ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(key_attributes(key)))
                .set_condition_expression(condition)
                .set_expression_attribute_names(non_empty(placeholders.names))
                .set_expression_attribute_values(non_empty(placeholders.values))
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .build()
                .map_err(Error::internal)?;
            Ok(TransactWriteItem::builder().condition_check(check).build())
        })
    }

    /// What [`Refusals::into_error`] answers if `step` is refused.
    pub fn refused_as(&mut self, step: Step, error: Error) -> Step {
        if let Some(slot) = self.refusals.get_mut(step.0) {
            *slot = Some(error);
        }
        step
    }

    fn push(
        &mut self,
        condition: &Condition,
        build: impl FnOnce(
            &str,
            Option<String>,
            crate::update::Placeholders,
        ) -> Result<TransactWriteItem>,
    ) -> Step {
        let built = condition.placeholders.check().and_then(|()| {
            build(self.store.table(), condition.expression(), condition.placeholders.clone())
        });
        match built {
            Ok(item) => self.items.push(item),
            Err(error) => {
                self.fault.get_or_insert(error);
            }
        }
        self.refusals.push(None);
        Step(self.refusals.len() - 1)
    }

    /// Writes everything, or answers the error of the first refused step.
    ///
    /// # Errors
    /// As [`Refusals::into_error`]; `unavailable` if DynamoDB is.
    pub async fn commit(mut self) -> Result<()> {
        match self.attempt().await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(refusals) => Err(refusals.into_error()),
        }
    }

    /// Writes everything, or tells which steps were refused.
    ///
    /// # Errors
    /// `unavailable` if DynamoDB is, or if the transaction kept conflicting.
    pub async fn attempt(&mut self) -> Result<Outcome> {
        if let Some(error) = self.fault.take() {
            return Err(error);
        }
        if self.items.is_empty() {
            return Ok(Outcome::Done);
        }
        let mut backoff = Backoff::default();
        for _ in 0..MAX_CONFLICTS {
            let sent = self
                .store
                .client()
                .transact_write_items()
                .set_transact_items(Some(self.items.clone()))
                .send()
                .await;
            let error = match sent {
                Ok(_) => return Ok(Outcome::Done),
                Err(error) => error,
            };
            let Some(reasons) = error.as_service_error().and_then(|error| match error {
                aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(canceled) => {
                    Some(canceled.cancellation_reasons().to_vec())
                }
                _ => None,
            }) else {
                return Err(crate::failure::unavailable("TransactWriteItems", &error));
            };
            let refused: Vec<Refusal> = reasons
                .iter()
                .enumerate()
                .filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"))
                .map(|(index, reason)| Refusal {
                    step: Step(index),
                    item: reason.item().map(|item| RawItem::from_attributes(item.clone())),
                    error: self.refusals.get_mut(index).and_then(Option::take),
                })
                .collect();
            if !refused.is_empty() {
                return Ok(Outcome::Refused(Refusals(refused)));
            }
            let may_pass = |code: Option<&str>| {
                matches!(
                    code,
                    Some(
                        "None"
                            | "TransactionConflict"
                            | "ThrottlingError"
                            | "ProvisionedThroughputExceeded"
                    ) | None
                )
            };
            if !reasons.iter().all(|reason| may_pass(reason.code())) {
                return Err(crate::failure::unavailable("TransactWriteItems", &error));
            }
            backoff.wait(self.store.ids()).await;
        }
        Err(Error::unavailable("the transaction kept conflicting")
            .retry_after(Duration::from_secs(1)))
    }
}

fn non_empty<K, V>(
    map: std::collections::HashMap<K, V>,
) -> Option<std::collections::HashMap<K, V>> {
    (!map.is_empty()).then_some(map)
}
