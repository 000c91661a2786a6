//! Writes of single items, outside a transaction. Each method says what it calls.

use aws_sdk_dynamodb::{
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use millwright_core::{Result, Tenant};

use crate::{
    Key, Store,
    item::{Item, RawItem},
    read::key_attributes,
};

/// What came of a conditional change.
#[derive(Clone, Debug)]
pub enum Updated {
    /// The item as it is now.
    Done(RawItem),
    /// The item as it is, unchanged.
    Refused(RawItem),
}

impl Store {
    /// Takes one item away, for what may be used once. One DeleteItem; whoever comes second gets
    /// none.
    pub async fn take<I: Item>(&self, key: &Key) -> Result<Option<I>> {
        let answer = self
            .client()
            .delete_item()
            .table_name(self.table())
            .set_key(Some(key_attributes(key)))
            .return_values(ReturnValue::AllOld)
            .send()
            .await
            .map_err(|error| crate::failure::unavailable("DeleteItem", &error))?;
        match answer.attributes.map(RawItem) {
            Some(item) if item.is::<I>() => item.decode().map(Some),
            _ => Ok(None),
        }
    }

    /// One item written outside a transaction, for records that stand alone (claims, marks). One
    /// PutItem. Answers the item that stands in the way if the condition does not hold.
    pub async fn put_when<I: Item>(
        &self,
        tenant: &Tenant,
        item: &I,
        condition: &crate::Condition,
    ) -> Result<Option<RawItem>> {
        condition.placeholders.check()?;
        let attributes = crate::item::to_attributes(item, tenant)?;
        let mut request = self
            .client()
            .put_item()
            .table_name(self.table())
            .set_item(Some(attributes))
            .set_condition_expression(condition.expression())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (placeholder, name) in &condition.placeholders.names {
            request = request.expression_attribute_names(placeholder, name);
        }
        for (placeholder, value) in &condition.placeholders.values {
            request = request.expression_attribute_values(placeholder, value.clone());
        }
        let error = match request.send().await {
            Ok(_) => return Ok(None),
            Err(error) => error,
        };
        if let Some(PutItemError::ConditionalCheckFailedException(refused)) =
            error.as_service_error()
        {
            return Ok(Some(RawItem(refused.item.clone().unwrap_or_default())));
        }
        Err(crate::failure::unavailable("PutItem", &error))
    }

    /// Single attributes changed outside a transaction, for marks that stand alone. One UpdateItem;
    /// false if the condition did not hold.
    pub async fn update(&self, key: &Key, update: &crate::Update) -> Result<bool> {
        let updated = self.send_update(key, update, false).await?;
        Ok(matches!(updated, Updated::Done(_)))
    }

    /// The same, with the item: as it is after the change, or as it is without it. One UpdateItem.
    pub async fn update_counted(&self, key: &Key, update: &crate::Update) -> Result<Updated> {
        self.send_update(key, update, true).await
    }

    async fn send_update(
        &self,
        key: &Key,
        update: &crate::Update,
        is_read: bool,
    ) -> Result<Updated> {
        let placeholders = &update.condition.placeholders;
        placeholders.check()?;
        let mut request = self
            .client()
            .update_item()
            .table_name(self.table())
            .set_key(Some(key_attributes(key)))
            .update_expression(update.expression())
            .set_condition_expression(update.condition.expression())
            .set_return_values(is_read.then_some(ReturnValue::AllNew))
            .set_return_values_on_condition_check_failure(
                is_read.then_some(ReturnValuesOnConditionCheckFailure::AllOld),
            );
        for (placeholder, name) in &placeholders.names {
            request = request.expression_attribute_names(placeholder, name);
        }
        for (placeholder, value) in &placeholders.values {
            request = request.expression_attribute_values(placeholder, value.clone());
        }
        let error = match request.send().await {
            Ok(done) => return Ok(Updated::Done(RawItem(done.attributes.unwrap_or_default()))),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                Ok(Updated::Refused(RawItem(refused.item.clone().unwrap_or_default())))
            }
            _ => Err(crate::failure::unavailable("UpdateItem", &error)),
        }
    }
}
