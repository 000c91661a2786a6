//! SQS batches: what is read, what is refused, what is answered.

use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use millwright_core::{Clock, Error, FaultCode, Result};
use millwright_event::batch::{Batch, DeadLetters, MAX_AGE, Message, Rejected};
use millwright_testkit::{beginning, settled};
use serde_json::{Value, json};

use crate::{Rang, envelope_of, rang};

fn sqs(bodies: &[String]) -> SqsEvent {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(index, body)| {
            json!({
                "messageId": format!("m{index}"),
                "receiptHandle": "AQEB",
                "body": body,
                "attributes": { "ApproximateReceiveCount": "1" },
                "messageAttributes": {},
                "md5OfBody": "0",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:test-tower-on-events",
                "awsRegion": "eu-central-1"
            })
        })
        .collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

fn read(bodies: &[String]) -> Batch {
    Batch::read(sqs(bodies), &Clock::fixed(beginning()))
}

/// Nothing is to be delivered again; the ids of what was rejected.
async fn rejected(batch: Batch) -> Vec<String> {
    let (failed, rejected) = settled(batch).await;
    assert!(failed.is_empty(), "{failed:?}");
    rejected.into_iter().map(|rejected| rejected.message_id).collect()
}

/// As EventBridge delivers an event to a queue.
fn framed(number: u128) -> String {
    json!({
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "tower.bell.rang",
        "source": "millwright.tower",
        "account": "123456789012",
        "time": "2026-11-23T01:04:58Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": rang(number)
    })
    .to_string()
}

fn bare(number: u128) -> String {
    serde_json::to_string(&rang(number)).unwrap()
}

#[tokio::test]
async fn events_of_the_bus_and_messages_of_a_queue_are_read_alike() {
    let batch = read(&[framed(1), bare(2)]);
    let read: Vec<(&str, &_)> =
        batch.messages.iter().map(|m| (m.message_id.as_str(), &m.envelope)).collect();
    assert_eq!(read, [("m0", &rang(1)), ("m1", &rang(2))]);
    assert!(rejected(batch).await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_is_rejected_for_itself() {
    let mut without_actor = serde_json::to_value(rang(1)).unwrap();
    without_actor.as_object_mut().unwrap().remove("actorid");
    let mut foreign_id = serde_json::to_value(rang(1)).unwrap();
    foreign_id["orgid"] = "usr_00000000000000000000000001".into();
    let bodies = [
        framed(1),
        String::new(),
        "not JSON".into(),
        "[]".into(),
        "null".into(),
        "{}".into(),
        r#"{"detail":{}}"#.into(),
        r#"{"detail":"text"}"#.into(),
        without_actor.to_string(),
        foreign_id.to_string(),
        format!("{}{}", bare(1), bare(2)),
        bare(1)[..100].to_owned(),
        bare(2),
    ];
    let batch = read(&bodies);
    let good: Vec<&str> = batch.messages.iter().map(|m| m.message_id.as_str()).collect();
    assert_eq!(good, ["m0", "m12"]);
    let expected: Vec<String> = (1..=11).map(|n| format!("m{n}")).collect();
    assert_eq!(rejected(batch).await, expected);
}

#[tokio::test]
async fn a_message_without_a_body_is_rejected() {
    let mut event = sqs(&[bare(1)]);
    event.records[0].body = None;
    assert_eq!(rejected(Batch::read(event, &Clock::fixed(beginning()))).await, ["m0"]);
}

/// Inbox items are kept 45 days: an older message could count twice.
#[tokio::test]
async fn a_message_older_than_40_days_is_refused() {
    assert_eq!(MAX_AGE, Duration::from_secs(40 * 24 * 3600));
    let at = |time| {
        let event = envelope_of(&Rang { bell: "b".into() }, 1, time);
        serde_json::to_string(&event).unwrap()
    };
    let just_in_time = beginning().minus(MAX_AGE);
    let too_old = just_in_time.minus(Duration::from_millis(1));
    let from_the_future = beginning().plus(Duration::from_secs(60));
    let batch = read(&[at(just_in_time), at(too_old), at(from_the_future)]);
    assert_eq!(batch.messages.len(), 2);
    assert_eq!(rejected(batch).await, ["m1"]);
}

#[tokio::test]
async fn what_may_succeed_later_comes_back_and_what_never_will_does_not() {
    let messages: Vec<Message> = (1..=4).map(|n| Message::of(format!("m{n}"), rang(n))).collect();
    let mut batch = Batch::of(messages.clone());
    batch.fail(&messages[1], &Error::unavailable("the table"));
    batch.fail(&messages[2], &Error::fault("", FaultCode::BadFormat, "no bell"));
    batch.postpone(&messages[3]);
    let (failed, rejected) = settled(batch).await;
    assert_eq!(failed, ["m2", "m4"]);
    assert_eq!(rejected.len(), 1);
    assert_eq!((rejected[0].message_id.as_str(), rejected[0].code), ("m3", "invalid_request"));
    assert!(rejected[0].reason.contains("no bell"));
    let again = read(&[rejected[0].body.clone()]);
    assert_eq!(again.messages[0].envelope, rang(3), "it can be redriven as it is");
    assert_eq!(settled(Batch::default()).await, (Vec::new(), Vec::new()));
}

/// A dead-letter queue that is away.
struct Away;

impl DeadLetters for Away {
    async fn keep(&self, _rejected: &Rejected) -> Result<()> {
        Err(Error::unavailable("the queue"))
    }
}

#[tokio::test]
async fn a_rejected_message_that_cannot_be_kept_stays_in_its_queue() {
    let response = read(&["not JSON".into(), bare(1)]).settle(&Away).await;
    let response = serde_json::to_value(response).unwrap();
    assert_eq!(response, json!({ "batchItemFailures": [{ "itemIdentifier": "m0" }] }));
}

#[tokio::test]
async fn a_message_knows_how_often_it_was_delivered() {
    let mut event = sqs(&[bare(1), bare(2), bare(3)]);
    let count = |n: &str| n.to_owned();
    event.records[1].attributes.insert("ApproximateReceiveCount".into(), count("5"));
    event.records[2].attributes.clear();
    let batch = Batch::read(event, &Clock::fixed(beginning()));
    let counts: Vec<(u32, bool)> =
        batch.messages.iter().map(|m| (m.receive_count, m.is_last_delivery())).collect();
    assert_eq!(counts, [(1, false), (5, true), (1, false)]);
    assert_eq!(batch.messages[0].receipt_handle, "AQEB");
}
