//! How many calls operations take, with settings and data keys in memory.

use std::collections::BTreeMap;

use millwright_testkit::{Client, TestApp};
use serde_json::json;

use crate::{A, PATH, api_key, create, start, surroundings};

/// The calls of one request, and how often the key service was asked.
async fn calls(
    app: &TestApp,
    request: impl Future<Output = millwright_testkit::Answer>,
) -> (BTreeMap<String, usize>, usize) {
    app.faults().reset_calls();
    let before = surroundings().keys.calls();
    let answer = request.await;
    assert!(answer.status.is_success(), "{answer:?}");
    (app.faults().calls(), surroundings().keys.calls() - before)
}

fn of(pairs: &[(&str, usize)]) -> (BTreeMap<String, usize>, usize) {
    (pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(), 0)
}

#[tokio::test]
async fn warm_operations_take_as_many_calls_as_they_say() {
    let app = start().await;
    let owner: Client = app.client(A, "owner");
    let path = create(&owner, api_key("warm", "v")).await;
    owner.post(&format!("{path}/reveal"), json!({})).await.expect(200);
    let create = owner.post(PATH, api_key("another", "v"));
    assert_eq!(calls(&app, create).await, of(&[("TransactWriteItems", 1)]));
    let get = owner.get(&path);
    assert_eq!(calls(&app, get).await, of(&[("Query", 1)]));
    let list = owner.get(PATH);
    assert_eq!(calls(&app, list).await, of(&[("Query", 1)]));
    let versions = format!("{path}/versions");
    let write = owner.post(&versions, json!({ "value": { "key": "w" } }));
    assert_eq!(calls(&app, write).await, of(&[("Query", 1), ("TransactWriteItems", 1)]));
    let revealing = format!("{path}/reveal");
    let reveal = owner.post(&revealing, json!({}));
    let expected = of(&[("BatchGetItem", 1), ("Query", 1), ("TransactWriteItems", 1)]);
    assert_eq!(calls(&app, reveal).await, expected);
    let reading = format!("{PATH}/kv/v1/secret/data/warm");
    let read = owner.get(&reading);
    let expected =
        of(&[("BatchGetItem", 1), ("GetItem", 2), ("Query", 1), ("TransactWriteItems", 1)]);
    assert_eq!(calls(&app, read).await, expected);
    let rolling = format!("{path}/rollback");
    let roll = owner.post(&rolling, json!({ "version": 1 }));
    let expected = of(&[("BatchGetItem", 1), ("Query", 1), ("TransactWriteItems", 1)]);
    assert_eq!(calls(&app, roll).await, expected);
}
