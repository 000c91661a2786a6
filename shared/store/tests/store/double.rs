//! The contract with dynoxide: what DynamoDB does and our code counts on. A double that stops
//! doing it fails here, not somewhere in a service.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, ConditionCheck, KeysAndAttributes, Put,
        ReturnValuesOnConditionCheckFailure as OnFailure, TransactWriteItem, Update,
    },
};
use millwright_testkit::Database;
use serde_json::Value;

use crate::database;

type Attributes = HashMap<String, AttributeValue>;

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn key(pk: &str, sk: &str) -> Attributes {
    Attributes::from([("pk".into(), text(pk)), ("sk".into(), text(sk))])
}

fn item(pk: &str, sk: &str, more: &[(&str, AttributeValue)]) -> Attributes {
    let mut item = key(pk, sk);
    item.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    item
}

async fn put(database: &Database, item: Attributes) {
    let put = database.client().put_item().table_name(database.table());
    put.set_item(Some(item)).send().await.unwrap();
}

async fn get(database: &Database, pk: &str, sk: &str) -> Option<Attributes> {
    let get = database.client().get_item().table_name(database.table()).consistent_read(true);
    get.set_key(Some(key(pk, sk))).send().await.unwrap().item
}

fn creation(database: &Database, item: Attributes) -> TransactWriteItem {
    let put = Put::builder()
        .table_name(database.table())
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(OnFailure::AllOld)
        .build()
        .unwrap();
    TransactWriteItem::builder().put(put).build()
}

fn addition(database: &Database, key: Attributes, condition: Option<&str>) -> TransactWriteItem {
    let update = Update::builder()
        .table_name(database.table())
        .set_key(Some(key))
        .update_expression("ADD #count :one")
        .set_condition_expression(condition.map(str::to_owned))
        .expression_attribute_names("#count", "count")
        .expression_attribute_values(":one", AttributeValue::N("1".into()))
        .return_values_on_condition_check_failure(OnFailure::AllOld)
        .build()
        .unwrap();
    TransactWriteItem::builder().update(update).build()
}

async fn transact(
    database: &Database,
    items: Vec<TransactWriteItem>,
) -> Result<(), TransactWriteItemsError> {
    let sent = database.client().transact_write_items().set_transact_items(Some(items)).send();
    sent.await.map(|_| ()).map_err(|error| error.into_service_error())
}

fn reasons(error: TransactWriteItemsError) -> Vec<CancellationReason> {
    match error {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            cancelled.cancellation_reasons().to_vec()
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_refused_transaction_names_each_step_and_shows_what_stands_there() {
    let database = database().await;
    let existing = item("P", "b", &[("version", AttributeValue::N("7".into()))]);
    put(&database, existing.clone()).await;
    let before = database.snapshot(&[]).await;
    let check = ConditionCheck::builder()
        .table_name(database.table())
        .set_key(Some(key("P", "missing")))
        .condition_expression("attribute_exists(pk)")
        .return_values_on_condition_check_failure(OnFailure::AllOld)
        .build()
        .unwrap();
    let items = vec![
        creation(&database, item("P", "a", &[])),
        creation(&database, item("P", "b", &[])),
        TransactWriteItem::builder().condition_check(check).build(),
        addition(&database, key("P", "b2"), Some("attribute_exists(pk)")),
        addition(&database, key("P", "c"), None),
    ];
    let reasons = reasons(transact(&database, items).await.unwrap_err());
    let codes: Vec<&str> = reasons.iter().map(|reason| reason.code().unwrap()).collect();
    let failed = "ConditionalCheckFailed";
    assert_eq!(codes, ["None", failed, failed, failed, "None"]);
    assert_eq!(reasons[1].item(), Some(&existing));
    for nothing_there in [&reasons[0], &reasons[2], &reasons[3], &reasons[4]] {
        assert!(nothing_there.item().is_none_or(HashMap::is_empty), "{nothing_there:?}");
    }
    assert_eq!(database.snapshot(&[]).await, before, "all or nothing");
}

#[tokio::test]
async fn add_counts_from_zero_and_below() {
    let database = database().await;
    for _ in 0..3 {
        transact(&database, vec![addition(&database, key("P", "new"), None)]).await.unwrap();
    }
    put(&database, item("P", "there", &[("other", text("kept"))])).await;
    transact(&database, vec![addition(&database, key("P", "there"), None)]).await.unwrap();
    let count = |item: Option<Attributes>| item.unwrap()["count"].as_n().unwrap().clone();
    assert_eq!(count(get(&database, "P", "new").await), "3");
    assert_eq!(count(get(&database, "P", "there").await), "1");
    assert_eq!(get(&database, "P", "there").await.unwrap()["other"], text("kept"));
    let update = database.client().update_item().table_name(database.table());
    update
        .set_key(Some(key("P", "below")))
        .update_expression("ADD a :minus, b :minus SET c = :minus")
        .expression_attribute_values(":minus", AttributeValue::N("-2".into()))
        .send()
        .await
        .unwrap();
    let below = get(&database, "P", "below").await.unwrap();
    assert_eq!([&below["a"], &below["b"], &below["c"]], [&AttributeValue::N("-2".into()); 3]);
}

/// Pages of a query, each as sort keys.
async fn pages(database: &Database, index: Option<&str>, forward: bool) -> Vec<Vec<String>> {
    let (pk, sk) = if index.is_some() { ("gsi1pk", "gsi1sk") } else { ("pk", "sk") };
    let mut pages = Vec::new();
    let mut from: Option<Attributes> = None;
    loop {
        let page = database
            .client()
            .query()
            .table_name(database.table())
            .set_index_name(index.map(str::to_owned))
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
            .expression_attribute_names("#pk", pk)
            .expression_attribute_names("#sk", sk)
            .expression_attribute_values(":pk", text("P"))
            .expression_attribute_values(":prefix", text("K#"))
            .scan_index_forward(forward)
            .limit(3)
            .set_exclusive_start_key(from)
            .send()
            .await
            .unwrap();
        let items = page.items.unwrap();
        pages.push(items.iter().map(|item| item[sk].as_s().unwrap().clone()).collect());
        from = page.last_evaluated_key;
        let Some(last) = &from else { return pages };
        // The key of the last item, of the table and of the index: enough to go on.
        let mut names: Vec<&str> = last.keys().map(String::as_str).collect();
        names.sort_unstable();
        let expected = match index {
            Some(_) => vec!["gsi1pk", "gsi1sk", "pk", "sk"],
            None => vec!["pk", "sk"],
        };
        assert_eq!(names, expected);
        assert_eq!(last[sk], items.last().unwrap()[sk]);
    }
}

#[tokio::test]
async fn queries_go_in_byte_order_page_by_page() {
    let database = database().await;
    for name in ["K#b", "K#a", "K#B", "K#10", "K#9", "K#ü", "K#", "K", "J#a", "L#a"] {
        let index = [("gsi1pk", text("P")), ("gsi1sk", text(name))];
        put(&database, item("P", name, &index)).await;
        put(&database, item("Q", name, &[])).await;
    }
    let expected = ["K#", "K#10", "K#9", "K#B", "K#a", "K#b", "K#ü"];
    for index in [None, Some("gsi1")] {
        let forward = pages(&database, index, true).await;
        assert_eq!(forward.iter().take(2).map(Vec::len).collect::<Vec<_>>(), [3, 3]);
        assert_eq!(forward.concat(), expected, "{index:?}");
        let mut backward = pages(&database, index, false).await.concat();
        backward.reverse();
        assert_eq!(backward, expected, "{index:?}");
    }
}

/// Items of one index key: pages neither repeat nor lose one.
#[tokio::test]
async fn pages_of_equal_index_keys_are_whole() {
    let database = database().await;
    for number in 0..10 {
        let index = [("gsi1pk", text("P")), ("gsi1sk", text("K#same"))];
        put(&database, item(&format!("T{number}"), "HEAD", &index)).await;
    }
    assert_eq!(pages(&database, Some("gsi1"), true).await.concat().len(), 10);
    assert_eq!(pages(&database, Some("gsi1"), false).await.concat().len(), 10);
}

#[tokio::test]
async fn an_index_holds_keys_version_and_summary_of_those_that_want_to_be_in_it() {
    let database = database().await;
    let fields = [
        ("gsi1pk", text("P")),
        ("gsi1sk", text("K#1")),
        ("version", AttributeValue::N("1".into())),
        ("summary", text("short")),
        ("kind", text("note")),
        ("body", text("long")),
    ];
    put(&database, item("A", "HEAD", &fields)).await;
    put(&database, item("B", "HEAD", &fields[1..])).await;
    let query = || {
        let query = database.client().query().table_name(database.table()).index_name("gsi1");
        query.key_condition_expression("gsi1pk = :pk").expression_attribute_values(":pk", text("P"))
    };
    let found = query().send().await.unwrap().items.unwrap();
    assert_eq!(found.len(), 1, "B has no partition in the index");
    let mut names: Vec<&str> = found[0].keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["gsi1pk", "gsi1sk", "pk", "sk", "summary", "version"]);
    let refused = query().consistent_read(true).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"), "indexes are eventually consistent");
    put(&database, item("A", "HEAD", &fields[2..])).await;
    assert_eq!(query().send().await.unwrap().count, 0, "it left the index");
}

#[tokio::test]
async fn a_refused_put_shows_what_stands_there() {
    let database = database().await;
    let existing = item("P", "a", &[("owner", text("first"))]);
    put(&database, existing.clone()).await;
    let again = database
        .client()
        .put_item()
        .table_name(database.table())
        .set_item(Some(item("P", "a", &[("owner", text("second"))])))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(OnFailure::AllOld)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(
        refused,
    ) = again
    else {
        panic!("{again}");
    };
    assert_eq!(refused.item.as_ref(), Some(&existing));
    assert_eq!(get(&database, "P", "a").await, Some(existing));
}

#[tokio::test]
async fn a_refused_update_creates_nothing() {
    let database = database().await;
    let update = database.client().update_item().table_name(database.table());
    let refused = update
        .set_key(Some(key("P", "a")))
        .update_expression("SET x = :x")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_values(":x", text("x"))
        .send()
        .await
        .unwrap_err();
    assert!(refused.into_service_error().is_conditional_check_failed_exception());
    assert!(database.items().await.is_empty());
}

#[tokio::test]
async fn a_batch_reads_100_items_and_leaves_out_what_is_not_there() {
    let database = database().await;
    for number in 0..50 {
        put(&database, item("P", &number.to_string(), &[])).await;
    }
    let read = |count: usize| {
        let keys = (0..count).map(|number| key("P", &number.to_string())).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true);
        let batch = database.client().batch_get_item();
        batch.request_items(database.table(), keys.build().unwrap()).send()
    };
    let found = read(100).await.unwrap();
    assert_eq!(found.responses.unwrap()[database.table()].len(), 50);
    assert!(found.unprocessed_keys.is_none_or(|keys| keys.is_empty()));
    assert_eq!(read(101).await.unwrap_err().code(), Some("ValidationException"));
}

#[tokio::test]
async fn a_transaction_takes_100_items_and_each_once() {
    let database = database().await;
    let creations = |count: usize| -> Vec<TransactWriteItem> {
        (0..count).map(|number| creation(&database, item("P", &number.to_string(), &[]))).collect()
    };
    let refused = transact(&database, creations(101)).await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"));
    assert!(database.items().await.is_empty());
    transact(&database, creations(100)).await.unwrap();
    assert_eq!(database.items().await.len(), 100);
    let twice =
        vec![addition(&database, key("P", "x"), None), addition(&database, key("P", "x"), None)];
    assert_eq!(transact(&database, twice).await.unwrap_err().code(), Some("ValidationException"));
}

#[tokio::test]
async fn an_item_has_400_kilobytes() {
    const LIMIT: usize = 400 * 1024;
    let database = database().await;
    // Names count, too: pk, sk, body and their values.
    let frame = "pk".len() + "P".len() + "sk".len() + "a".len() + "body".len();
    let of_size = |size: usize| item("P", "a", &[("body", text("x".repeat(size - frame)))]);
    put(&database, of_size(LIMIT)).await;
    let put = database.client().put_item().table_name(database.table());
    let refused = put.set_item(Some(of_size(LIMIT + 1))).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"));
    assert_eq!(get(&database, "P", "a").await, Some(of_size(LIMIT)));
}

/// The filter of the mapping looks at names and keys: they must be there, in order.
#[tokio::test]
async fn the_stream_tells_inserts_with_their_image_changes_and_removals() {
    let database = database().await;
    database.record_stream().await;
    put(&database, item("ORG#1#TASK#1", "HEAD", &[("version", AttributeValue::N("1".into()))]))
        .await;
    let transaction = vec![
        creation(&database, item("ORG#1#TASK#2", "HEAD", &[])),
        creation(&database, item("OUT#2026112301#0", "1", &[("entries", text("e"))])),
    ];
    transact(&database, transaction).await.unwrap();
    let refused = vec![
        creation(&database, item("OUT#2026112301#0", "2", &[])),
        creation(&database, item("ORG#1#TASK#2", "HEAD", &[])),
    ];
    transact(&database, refused).await.unwrap_err();
    let mark = database.client().update_item().table_name(database.table());
    mark.set_key(Some(key("OUT#2026112301#0", "1")))
        .update_expression("SET sentAt = :now")
        .expression_attribute_values(":now", text("now"))
        .send()
        .await
        .unwrap();
    let delete = database.client().delete_item().table_name(database.table());
    delete.set_key(Some(key("OUT#2026112301#0", "1"))).send().await.unwrap();
    let stream = database.stream();
    let told: Vec<(&str, &str)> = stream
        .iter()
        .map(|record| {
            let name = record["eventName"].as_str().unwrap();
            (name, record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("INSERT", "ORG#1#TASK#1"),
            ("INSERT", "ORG#1#TASK#2"),
            ("INSERT", "OUT#2026112301#0"),
            ("MODIFY", "OUT#2026112301#0"),
            ("REMOVE", "OUT#2026112301#0"),
        ]
    );
    let inserted = &stream[2]["dynamodb"];
    assert_eq!(inserted["NewImage"]["entries"]["S"], "e");
    assert_eq!(inserted["NewImage"]["sk"]["S"], "1");
    assert_eq!(inserted["StreamViewType"], "NEW_IMAGE");
    assert_eq!(inserted["OldImage"], Value::Null);
    assert_eq!(stream[3]["dynamodb"]["NewImage"]["sentAt"]["S"], "now");
    assert_eq!(stream[4]["dynamodb"]["NewImage"], Value::Null);
    let numbers: Vec<&str> =
        stream.iter().map(|r| r["dynamodb"]["SequenceNumber"].as_str().unwrap()).collect();
    assert!(numbers.is_sorted() && numbers.len() == 5);
    let arn = stream[0]["eventSourceARN"].as_str().unwrap();
    assert_eq!(arn.split('/').nth(1), Some(database.table()), "{arn}");
}

/// Readers check business time themselves: an expired item is there until it is swept.
#[tokio::test]
async fn an_expired_item_may_still_be_read() {
    let database = database().await;
    put(&database, item("P", "a", &[("ttl", AttributeValue::N("1".into()))])).await;
    assert!(get(&database, "P", "a").await.is_some());
}

#[tokio::test]
async fn texts_are_kept_to_the_byte_and_keys_are_never_empty() {
    let database = database().await;
    let odd = "e\u{301} \u{0} \u{10ffff} \u{feff}\n";
    put(&database, item("P", odd, &[("empty", text("")), ("odd", text(odd))])).await;
    let kept = get(&database, "P", odd).await.unwrap();
    assert_eq!((&kept["empty"], &kept["odd"]), (&text(""), &text(odd)));
    let put = database.client().put_item().table_name(database.table());
    let refused = put.set_item(Some(item("P", "", &[]))).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"));
}
