//! The one table shape, and creating it where no template does (local stage, tests).

use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
        TimeToLiveSpecification,
    },
};
use millwright_core::{Error, Result};

/// Attribute names of the table shape.
pub const PARTITION_KEY: &str = "pk";
pub const SORT_KEY: &str = "sk";
pub const KIND: &str = "kind";
pub const VERSION: &str = "version";
pub const SUMMARY: &str = "summary";
pub const TTL: &str = "ttl";

/// What the indexes project beside the keys.
pub const PROJECTED: [&str; 2] = [VERSION, SUMMARY];

/// The four secondary indexes, declared from the start: a table update creates one at a time, and
/// an empty one is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    Gsi1,
    Gsi2,
    Gsi3,
    Gsi4,
}

impl Index {
    pub const ALL: [Index; 4] = [Index::Gsi1, Index::Gsi2, Index::Gsi3, Index::Gsi4];

    pub fn name(self) -> &'static str {
        match self {
            Index::Gsi1 => "gsi1",
            Index::Gsi2 => "gsi2",
            Index::Gsi3 => "gsi3",
            Index::Gsi4 => "gsi4",
        }
    }

    pub fn partition_key(self) -> &'static str {
        match self {
            Index::Gsi1 => "gsi1pk",
            Index::Gsi2 => "gsi2pk",
            Index::Gsi3 => "gsi3pk",
            Index::Gsi4 => "gsi4pk",
        }
    }

    pub fn sort_key(self) -> &'static str {
        match self {
            Index::Gsi1 => "gsi1sk",
            Index::Gsi2 => "gsi2sk",
            Index::Gsi3 => "gsi3sk",
            Index::Gsi4 => "gsi4sk",
        }
    }
}

/// Creates a service's table with its indexes, TTL and stream; does nothing if it is there.
///
/// # Errors
/// Whatever DynamoDB answers.
pub async fn create_table(client: &Client, table: &str) -> Result<()> {
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(PARTITION_KEY, SORT_KEY)?))
        .attribute_definitions(attribute(PARTITION_KEY)?)
        .attribute_definitions(attribute(SORT_KEY)?)
        .stream_specification(stream(true)?);
    for index in Index::ALL {
        request = request
            .attribute_definitions(attribute(index.partition_key())?)
            .attribute_definitions(attribute(index.sort_key())?)
            .global_secondary_indexes(
                GlobalSecondaryIndex::builder()
                    .index_name(index.name())
                    .set_key_schema(Some(key_schema(index.partition_key(), index.sort_key())?))
                    .projection(
                        Projection::builder()
                            .projection_type(ProjectionType::Include)
                            .set_non_key_attributes(Some(PROJECTED.map(str::to_owned).to_vec()))
                            .build(),
                    )
                    .build()
                    .map_err(Error::internal)?,
            );
    }
    match request.send().await {
        Ok(_) => {}
        Err(error)
            if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) =>
        {
            return Ok(());
        }
        Err(error) => return Err(crate::failure::unavailable("CreateTable", &error)),
    }
    let ttl = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(TTL)
        .build()
        .map_err(Error::internal)?;
    client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(ttl)
        .send()
        .await
        .map_err(|error| crate::failure::unavailable("UpdateTimeToLive", &error))?;
    Ok(())
}

/// Switches the stream of a table on or off, for who has a double and no reader of it: a double may
/// be slower with it than DynamoDB is.
///
/// # Errors
/// Whatever DynamoDB answers.
pub async fn set_stream(client: &Client, table: &str, enabled: bool) -> Result<()> {
    let request = client.update_table().table_name(table).stream_specification(stream(enabled)?);
    let updated = request.send().await;
    updated.map(drop).map_err(|error| crate::failure::unavailable("UpdateTable", &error))
}

fn stream(enabled: bool) -> Result<StreamSpecification> {
    let view = enabled.then_some(StreamViewType::NewImage);
    StreamSpecification::builder()
        .stream_enabled(enabled)
        .set_stream_view_type(view)
        .build()
        .map_err(Error::internal)
}

fn key_schema(partition: &str, sort: &str) -> Result<Vec<KeySchemaElement>> {
    let element = |name: &str, kind: KeyType| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
            .map_err(Error::internal)
    };
    Ok(vec![element(partition, KeyType::Hash)?, element(sort, KeyType::Range)?])
}

fn attribute(name: &str) -> Result<AttributeDefinition> {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .map_err(Error::internal)
}
