//! Batches of stream records.

use aws_lambda_events::dynamodb::EventRecord;
use millwright_event::OutboxItem;
use millwright_testkit::{Database, beginning};
use serde_json::{Value, json};

use crate::{
    MINUTE, bench, names, time,
    wire::{Verdict, Wire},
};

#[tokio::test]
async fn what_a_service_wrote_arrives_and_is_marked() {
    let bench = bench().await;
    bench.say(&[("bus", "a"), ("queue:jobs", "b")]).await;
    bench.say(&[("bus", "c")]).await;
    assert_eq!(bench.unmarked().await, names(&["a", "b", "c"]));
    bench.advance(MINUTE);
    assert_eq!(bench.relay(bench.inserts()).await, None);
    assert_eq!(bench.wire.calls_to("bus"), [["a", "c"]]);
    assert_eq!(bench.wire.calls_to("jobs"), [["b"]]);
    let marks = bench.marks().await;
    assert_eq!(marks.len(), 3);
    for at in marks.into_values() {
        assert_eq!(at.map(|at| time(&at)), Some(beginning().plus(MINUTE)));
    }
}

#[tokio::test]
async fn a_mark_changes_nothing_else_of_the_item() {
    let bench = bench().await;
    bench.say(&[("bus", "a")]).await;
    let before = bench.outbox_items().await;
    bench.relay(bench.inserts()).await;
    let mut after = bench.outbox_items().await[0].attributes().clone();
    assert!(after.remove("sentAt").is_some());
    assert_eq!(&after, before[0].attributes());
    let ttl = after["ttl"].as_n().unwrap().parse::<i64>().unwrap();
    assert_eq!(ttl - beginning().as_second(), 14 * 24 * 3600);
}

#[tokio::test]
async fn the_first_failure_is_given_back_and_everything_else_is_done() {
    let bench = bench().await;
    let all: Vec<String> = (1..=12).map(|n| n.to_string()).collect();
    bench.say_all(&all).await;
    bench.wire.refuse(&["3", "7", "12"]);
    let records = bench.inserts();
    let third = records[2].change.sequence_number.clone().unwrap();
    assert_eq!(bench.relay(records).await, Some(third));
    assert_eq!(bench.unmarked().await, names(&["3", "7", "12"]));
    assert_eq!(bench.wire.taken().len(), 9);
}

/// Queues are called after the bus; the order of the stream counts, not that of the calls.
#[tokio::test]
async fn the_first_failure_is_the_first_of_the_stream() {
    let bench = bench().await;
    bench.say(&[("bus", "fine")]).await;
    bench.say(&[("queue:jobs", "early")]).await;
    bench.say(&[("bus", "late")]).await;
    bench.wire.refuse(&["early", "late"]);
    let records = bench.inserts();
    let early = records[1].change.sequence_number.clone().unwrap();
    assert_eq!(bench.relay(records).await, Some(early));
}

#[tokio::test]
async fn a_call_that_fails_whole_fails_its_ten() {
    let bench = bench().await;
    bench.say_all((1..=25).map(|n| n.to_string())).await;
    bench.wire.rule(|asked| if asked.call == 2 { Verdict::Refuse } else { Verdict::Take });
    let records = bench.inserts();
    let eleventh = records[10].change.sequence_number.clone().unwrap();
    assert_eq!(bench.relay(records).await, Some(eleventh));
    let expected = (11..=20).map(|n| n.to_string()).collect();
    assert_eq!(bench.unmarked().await, expected);
}

#[tokio::test]
async fn a_missing_answer_is_a_failure() {
    let bench = bench().await;
    bench.say_all(["a", "b", "c", "d"]).await;
    bench.wire.rule(|asked| if asked.name == "c" { Verdict::Silence } else { Verdict::Take });
    let records = bench.inserts();
    let third = records[2].change.sequence_number.clone().unwrap();
    assert_eq!(bench.relay(records).await, Some(third));
    assert_eq!(bench.unmarked().await, names(&["c", "d"]));
}

#[tokio::test]
async fn half_an_item_is_not_sent() {
    let bench = bench().await;
    bench.say(&[("bus", "a"), ("bus", "b")]).await;
    bench.wire.refuse(&["b"]);
    let records = bench.inserts();
    assert!(bench.relay(records.clone()).await.is_some());
    assert_eq!(bench.unmarked().await, names(&["a", "b"]));
    // It comes again as a whole: consumers keep an inbox.
    bench.wire.heal();
    assert_eq!(bench.relay(records).await, None);
    assert!(bench.unmarked().await.is_empty());
    assert_eq!(bench.wire.taken(), ["a", "a", "b"]);
}

/// The real mapping filters; the relay does not count on it. Above all, its own marks come by as
/// changes of outbox items and must not be sent again.
#[tokio::test]
async fn whatever_is_no_new_outbox_item_is_ignored() {
    let bench = bench().await;
    bench.say(&[("bus", "a")]).await;
    bench.relay(bench.inserts()).await;
    bench.advance(10 * MINUTE);
    bench.sweep().await;
    assert_eq!(bench.wire.taken(), ["a"]);
    let stream = bench.database.stream();
    let kinds: Vec<&str> = stream.iter().map(|r| r["eventName"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["INSERT", "MODIFY", "INSERT"], "item, mark, watermark");
    let mut others: Vec<Value> = stream[1..].to_vec();
    let mut removed = stream[0].clone();
    removed["eventName"] = "REMOVE".into();
    removed["dynamodb"].as_object_mut().unwrap().remove("NewImage");
    let mut entity = stream[0].clone();
    entity["dynamodb"]["NewImage"] = json!({
        "pk": { "S": "ORG#org_1#PROJECT#prj_1" }, "sk": { "S": "HEAD" }, "kind": { "S": "project" },
        "version": { "N": "1" }
    });
    others.extend([removed, entity]);
    let records = others.into_iter().map(|record| serde_json::from_value(record).unwrap());
    assert_eq!(bench.relay(records.collect()).await, None);
    assert_eq!(bench.wire.taken(), ["a"]);
}

#[tokio::test]
async fn an_unreadable_item_is_left_to_the_stream_and_blocks_nothing() {
    let bench = bench().await;
    bench.say_all(["a", "b", "c", "d", "e"]).await;
    let mut stream: Vec<Value> = bench
        .database
        .stream()
        .into_iter()
        .filter(|record| record["eventName"] == "INSERT")
        .collect();
    stream[0]["dynamodb"]["NewImage"]["entries"] = json!({ "S": "garbage" });
    stream[1]["dynamodb"]["NewImage"]["entries"]["L"][0]["M"]["to"] = json!({ "S": "nowhere" });
    stream[2]["dynamodb"]["NewImage"]["sk"] = json!({ "S": "not a UUID" });
    let envelope = &mut stream[3]["dynamodb"]["NewImage"]["entries"]["L"][0]["M"]["envelope"]["M"];
    envelope.as_object_mut().unwrap().remove("id");
    let first = stream[0]["dynamodb"]["SequenceNumber"].as_str().unwrap().to_owned();
    let records = stream.into_iter().map(|record| serde_json::from_value(record).unwrap());
    // The stream tries it ten times more, then keeps it in the failures bucket, with an alarm.
    assert_eq!(bench.relay(records.collect()).await, Some(first));
    assert_eq!(bench.wire.taken(), ["e"]);
    assert_eq!(bench.unmarked().await, names(&["a", "b", "c", "d"]));
}

/// Delivered is delivered: asking for the record again would only send it twice.
#[tokio::test]
async fn an_item_that_cannot_be_marked_is_left_to_the_sweep() {
    let bench = bench().await;
    bench.say(&[("bus", "a")]).await;
    let records = bench.inserts();
    bench.database.faults.outage(true);
    assert_eq!(bench.relay(records).await, None);
    bench.database.faults.outage(false);
    assert_eq!(bench.wire.taken(), ["a"]);
    assert_eq!(bench.unmarked().await, names(&["a"]));
    bench.advance(5 * MINUTE);
    bench.sweep().await;
    assert_eq!(bench.wire.taken(), ["a", "a"]);
    assert!(bench.unmarked().await.is_empty());
}

#[tokio::test]
async fn a_mark_never_brings_back_what_expired() {
    let bench = bench().await;
    bench.say(&[("bus", "a")]).await;
    let records = bench.inserts();
    let item = &bench.outbox_items().await[0];
    let key = OutboxItem::locate(item.partition_key(), item.sort_key()).unwrap();
    let mut removal = bench.store.transaction(&crate::tenant());
    removal.delete(&key);
    removal.commit().await.unwrap();
    assert_eq!(bench.relay(records).await, None);
    assert_eq!(bench.wire.taken(), ["a"]);
    assert!(bench.database.items().await.is_empty());
}

/// Each table's items are marked where they stand; those of a table it does not know are sent.
#[tokio::test]
async fn records_of_several_tables_find_their_own() {
    let bench = bench().await;
    bench.say(&[("bus", "ours")]).await;
    let other = Database::start("auth", bench.database.clock.clone()).await;
    other.record_stream().await;
    let theirs = crate::Bench { store: other.store(), database: other, wire: Wire::default() };
    theirs.say(&[("bus", "theirs")]).await;
    let mut records = bench.inserts();
    records.extend(theirs.inserts());
    assert_eq!(bench.relay(records).await, None);
    assert_eq!(bench.wire.taken(), ["ours", "theirs"]);
    assert!(bench.unmarked().await.is_empty());
    assert_eq!(theirs.unmarked().await, names(&["theirs"]));
}

/// As Lambda sends it, written by hand: what the double leaves out is here.
#[tokio::test]
async fn a_record_as_lambda_sends_it_is_understood() {
    let record: EventRecord = serde_json::from_str(include_str!("record.json")).unwrap();
    let bench = bench().await;
    bench.wire.refuse(&["task_01jdz7xk2nf5h9vq3w8c6m4t0b"]);
    let again = bench.relay(vec![record.clone()]).await;
    assert_eq!(again.as_deref(), Some("100000000003498069978"));
    bench.wire.heal();
    assert_eq!(bench.relay(vec![record]).await, None);
    assert_eq!(bench.wire.calls_to("planning-on-events").len(), 2);
    assert_eq!(bench.wire.taken().len(), 1);
    // The image is not in this table: nothing is written.
    assert!(bench.database.items().await.is_empty());
}

#[tokio::test]
async fn an_empty_batch_is_done() {
    let bench = bench().await;
    assert_eq!(bench.relay(Vec::new()).await, None);
    assert!(bench.wire.calls().is_empty());
}
