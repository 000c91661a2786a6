//! The wire form of events.

use millwright_event::{Envelope, MAX_EVENT_BYTES};
use millwright_testkit::beginning;
use serde_json::json;
use uuid::Uuid;

use crate::{Rang, assert_internal, cause, envelope_of, rang};

#[test]
fn an_event_is_a_cloud_event() {
    let event = serde_json::to_value(rang(7)).unwrap();
    assert_eq!(
        event,
        json!({
            "specversion": "1.0",
            "id": "00000000-0000-0000-0000-000000000007",
            "source": "millwright.tower",
            "type": "tower.bell.rang",
            "time": "2026-11-23T01:04:58.000Z",
            "subject": "bell_7",
            "datacontenttype": "application/json",
            "dataschema": "urn:millwright:event:tower.bell.rang:3",
            "orgid": "org_00000000000000000000000001",
            "actorid": "usr_1",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "correlationid": "req_1",
            "data": { "bell": "bell_7" }
        })
    );
    let read: Envelope = serde_json::from_value(event).unwrap();
    assert_eq!(read, rang(7));
    assert_eq!(read.tenant(), crate::tenant());
}

#[test]
fn an_event_is_read_as_its_own_type_only() {
    let envelope = rang(7);
    assert_eq!(envelope.event::<Rang>().unwrap().unwrap(), Rang { bell: "bell_7".into() });
    let another = Envelope { kind: "tower.bell.cracked".into(), ..envelope.clone() };
    assert!(another.event::<Rang>().is_none());
    let misshapen = Envelope { data: json!({ "bell": 7 }), ..envelope };
    assert!(misshapen.event::<Rang>().unwrap().is_err());
}

#[test]
fn an_event_has_64_kilobytes_and_not_one_byte_more() {
    assert_eq!(MAX_EVENT_BYTES, 65_536);
    let of_length = |length: usize| {
        let event = Rang { bell: "x".repeat(length) };
        Envelope::new(&event, Uuid::from_u128(1), beginning(), &cause())
    };
    let ten = envelope_of(&Rang { bell: "x".repeat(10) }, 1, beginning());
    let frame = serde_json::to_string(&ten).unwrap().len() - 10;
    let largest = of_length(MAX_EVENT_BYTES - frame).unwrap();
    assert_eq!(serde_json::to_string(&largest).unwrap().len(), MAX_EVENT_BYTES);
    let refused = of_length(MAX_EVENT_BYTES - frame + 1).unwrap_err();
    assert_internal(&refused, "65537 bytes");
}

#[test]
fn bytes_count_not_characters() {
    let event = Rang { bell: "ü".repeat(MAX_EVENT_BYTES / 2) };
    assert!(Envelope::new(&event, Uuid::from_u128(1), beginning(), &cause()).is_err());
}

#[test]
fn an_event_of_an_organization_names_it() {
    let mut envelope = rang(1);
    assert!(envelope.event::<Rang>().unwrap().is_ok());
    envelope.orgid = None;
    assert!(envelope.event::<Rang>().unwrap().is_err());
}
