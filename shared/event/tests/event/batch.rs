//! SQS batches: what is read, what is refused, what is answered.

use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use millwright_core::{Clock, Error};
use millwright_event::batch::{Batch, MAX_AGE, Message};
use millwright_testkit::beginning;
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

fn failed(batch: Batch) -> Vec<String> {
    let failures = batch.into_response().batch_item_failures;
    failures.into_iter().map(|failure| failure.item_identifier).collect()
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

#[test]
fn events_of_the_bus_and_messages_of_a_queue_are_read_alike() {
    let batch = read(&[framed(1), bare(2)]);
    let read: Vec<(&str, &_)> =
        batch.messages.iter().map(|m| (m.message_id.as_str(), &m.envelope)).collect();
    assert_eq!(read, [("m0", &rang(1)), ("m1", &rang(2))]);
    assert!(failed(batch).is_empty());
}

#[test]
fn what_cannot_be_read_fails_for_itself() {
    let mut without_tenant = serde_json::to_value(rang(1)).unwrap();
    without_tenant.as_object_mut().unwrap().remove("orgid");
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
        without_tenant.to_string(),
        foreign_id.to_string(),
        format!("{}{}", bare(1), bare(2)),
        bare(1)[..100].to_owned(),
        bare(2),
    ];
    let batch = read(&bodies);
    let good: Vec<&str> = batch.messages.iter().map(|m| m.message_id.as_str()).collect();
    assert_eq!(good, ["m0", "m12"]);
    let expected: Vec<String> = (1..=11).map(|n| format!("m{n}")).collect();
    assert_eq!(failed(batch), expected);
}

#[test]
fn a_message_without_a_body_fails() {
    let mut event = sqs(&[bare(1)]);
    event.records[0].body = None;
    assert_eq!(failed(Batch::read(event, &Clock::fixed(beginning()))), ["m0"]);
}

/// Inbox items are kept 45 days: an older message could count twice.
#[test]
fn a_message_older_than_40_days_is_refused() {
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
    assert_eq!(failed(batch), ["m1"]);
}

#[test]
fn what_the_consumer_gives_back_is_answered() {
    let message = |n: u128| Message { message_id: format!("m{n}"), envelope: rang(n) };
    let mut batch = Batch::of(vec![message(1), message(2), message(3)]);
    batch.fail("m2", &Error::unavailable("the table"));
    let response = serde_json::to_value(batch.into_response()).unwrap();
    assert_eq!(response, json!({ "batchItemFailures": [{ "itemIdentifier": "m2" }] }));
    let done = serde_json::to_value(Batch::default().into_response()).unwrap();
    assert_eq!(done, json!({ "batchItemFailures": [] }));
}
