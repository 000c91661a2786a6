//! The sweep: what it sends, what it leaves, how far it looks back.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use millwright_core::codes;
use millwright_event::OutboxWatermark;
use millwright_testkit::beginning;
use relay::sweep;
use uuid::{NoContext, Uuid};

use crate::{HOUR, MINUTE, bench, names, time};

#[tokio::test]
async fn what_is_old_and_unsent_is_sent_and_nothing_else() {
    let bench = bench().await;
    bench.say(&[("bus", "sent")]).await;
    bench.relay(bench.inserts()).await;
    bench.wire.forget();
    bench.say(&[("bus", "left"), ("queue:jobs", "behind")]).await;
    bench.advance(4 * MINUTE);
    bench.say(&[("bus", "young")]).await;
    bench.advance(MINUTE);
    let report = bench.sweep().await;
    assert_eq!(bench.wire.taken_once_or_more(), names(&["left", "behind"]));
    assert_eq!((report.examined, report.delivered, report.failed), (3, 1, 0));
    let marks = bench.marks().await;
    let now = Some(bench.database.clock.now().to_string());
    assert_eq!((&marks["left"], &marks["behind"]), (&now, &now));
    assert_eq!(marks["sent"].as_deref(), Some(beginning().to_string().as_str()));
    assert_eq!(marks["young"], None);
    // Once sent, always sent.
    bench.sweep().await;
    assert_eq!(bench.wire.taken().len(), 2);
    bench.advance(4 * MINUTE);
    bench.sweep().await;
    assert_eq!(bench.wire.taken_once_or_more(), names(&["left", "behind", "young"]));
    assert_eq!(bench.wire.taken().len(), 3);
}

#[tokio::test]
async fn five_minutes_is_old_and_a_millisecond_less_is_not() {
    let bench = bench().await;
    bench.say(&[("bus", "a")]).await;
    bench.advance(5 * MINUTE - Duration::from_millis(1));
    bench.sweep().await;
    assert!(bench.wire.calls().is_empty());
    bench.advance(Duration::from_millis(1));
    bench.sweep().await;
    assert_eq!(bench.wire.taken(), ["a"]);
}

/// 01:04:58 to 03:04:58: the hour of 01 has been over for an hour, that of 02 has not.
#[tokio::test]
async fn the_watermark_passes_hours_that_are_over_and_wholly_sent() {
    let bench = bench().await;
    bench.say(&[("bus", "one")]).await;
    bench.advance(HOUR);
    bench.say(&[("bus", "two")]).await;
    let early = bench.sweep().await;
    assert_eq!(early.watermark.as_deref(), Some("2026-11-23T01:00:00.000Z"));
    bench.advance(HOUR);
    let report = bench.sweep().await;
    assert_eq!(bench.wire.taken(), ["one", "two"]);
    assert_eq!(report.watermark.as_deref(), Some("2026-11-23T02:00:00.000Z"));
    assert_eq!(bench.watermark().await, Some(time("2026-11-23T02:00:00Z")));
    // From there on only: two hours of four shards.
    bench.database.faults.reset_calls();
    bench.sweep().await;
    assert_eq!(bench.database.faults.calls()["Query"], 8);
}

#[tokio::test]
async fn a_failing_item_holds_the_watermark_and_nothing_else() {
    let bench = bench().await;
    for name in ["one", "two", "three"] {
        bench.say(&[("bus", name)]).await;
        bench.advance(HOUR);
    }
    bench.advance(2 * HOUR);
    bench.wire.refuse(&["two"]);
    let report = bench.sweep().await;
    assert_eq!((report.delivered, report.failed), (2, 1));
    assert_eq!(bench.watermark().await, Some(time("2026-11-23T02:00:00Z")));
    assert_eq!(bench.unmarked().await, names(&["two"]));
    bench.advance(3 * HOUR);
    bench.sweep().await;
    assert_eq!(bench.watermark().await, Some(time("2026-11-23T02:00:00Z")));
    bench.wire.heal();
    bench.sweep().await;
    assert_eq!(bench.wire.taken_once_or_more(), names(&["one", "two", "three"]));
    assert_eq!(bench.wire.taken().len(), 3, "each of them once");
    assert_eq!(bench.watermark().await, Some(time("2026-11-23T08:00:00Z")));
}

#[tokio::test]
async fn a_table_without_a_watermark_is_swept_for_a_day() {
    let bench = bench().await;
    bench.say(&[("bus", "beyond the stream")]).await;
    bench.advance(HOUR);
    bench.say(&[("bus", "within")]).await;
    bench.advance(24 * HOUR);
    bench.sweep().await;
    assert_eq!(bench.wire.taken(), ["within"]);
    assert_eq!(bench.database.faults.calls()["Query"], 25 * 4);
}

#[tokio::test]
async fn an_old_watermark_reaches_back_as_far_as_items_are_kept() {
    let bench = bench().await;
    bench.say(&[("bus", "expired")]).await;
    bench.advance(HOUR);
    bench.say(&[("bus", "kept")]).await;
    let mark = OutboxWatermark::set(beginning().minus(30 * 24 * HOUR));
    bench.store.update(&OutboxWatermark::place(), &mark).await.unwrap();
    bench.advance(14 * 24 * HOUR);
    bench.database.faults.reset_calls();
    bench.sweep().await;
    assert_eq!(bench.wire.taken(), ["kept"]);
    assert_eq!(bench.database.faults.calls()["Query"], (14 * 24 + 1) * 4);
    assert_eq!(bench.watermark().await, Some(time("2026-12-07T01:00:00Z")));
}

#[tokio::test]
async fn a_shard_larger_than_a_page_is_read_to_its_end() {
    let bench = bench().await;
    bench.say(&[("bus", "0")]).await;
    let model = bench.outbox_items().await[0].attributes().clone();
    for number in 1..250 {
        let seconds = beginning().as_second().cast_unsigned();
        let id = Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, number * 1_000_000));
        let mut item: HashMap<String, AttributeValue> = model.clone();
        item.insert("sk".into(), AttributeValue::S(id.to_string()));
        let AttributeValue::L(entries) = item.get_mut("entries").unwrap() else { panic!() };
        let AttributeValue::M(entry) = &mut entries[0] else { panic!() };
        let AttributeValue::M(envelope) = entry.get_mut("envelope").unwrap() else { panic!() };
        envelope.insert("subject".into(), AttributeValue::S(number.to_string()));
        let put = bench.database.client().put_item().table_name(bench.database.table());
        put.set_item(Some(item)).send().await.unwrap();
    }
    bench.advance(6 * MINUTE);
    let report = bench.sweep().await;
    assert_eq!((report.examined, report.delivered), (250, 250));
    assert_eq!(bench.wire.taken_once_or_more().len(), 250);
    assert_eq!(bench.wire.calls().len(), 25, "ten a call");
    assert!(bench.unmarked().await.is_empty());
}

#[tokio::test]
async fn an_unreadable_item_blocks_nothing() {
    let bench = bench().await;
    bench.say_all(["a", "b"]).await;
    let mut broken = bench.outbox_items().await[0].attributes().clone();
    broken.insert("sk".into(), AttributeValue::S(Uuid::from_u128(7).to_string()));
    broken.insert("entries".into(), AttributeValue::S("garbage".into()));
    let put = bench.database.client().put_item().table_name(bench.database.table());
    put.set_item(Some(broken)).send().await.unwrap();
    bench.advance(3 * HOUR);
    assert_eq!(bench.sweep().await.failed, 1);
    assert_eq!(bench.wire.taken_once_or_more(), names(&["a", "b"]));
    assert_eq!(bench.watermark().await, Some(time("2026-11-23T03:00:00Z")));
}

#[tokio::test]
async fn an_outage_moves_nothing() {
    let bench = bench().await;
    bench.say(&[("bus", "a")]).await;
    bench.advance(3 * HOUR);
    bench.database.faults.outage(true);
    let clock = &bench.database.clock;
    let failed = sweep(&bench.wire, &bench.store, clock, clock.now()).await;
    assert_eq!(failed.unwrap_err().code(), codes::UNAVAILABLE);
    bench.database.faults.outage(false);
    assert_eq!(bench.watermark().await, None);
    bench.sweep().await;
    assert_eq!(bench.wire.taken(), ["a"]);
}
