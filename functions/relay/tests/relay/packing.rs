//! Parcels into calls.

use futures::executor::block_on;
use millwright_event::Entry;
use proptest::prelude::*;
use relay::{Failure, Parcel, deliver};
use uuid::Uuid;

use crate::{
    envelope, to,
    wire::{Verdict, Wire},
};

fn entry(destination: &str, name: &str, bytes: usize) -> Entry {
    Entry { to: to(destination), envelope: envelope(Uuid::from_u128(1), name, bytes) }
}

fn parcel(entries: &[(&str, &str)]) -> Parcel {
    Parcel { entries: entries.iter().map(|(to, name)| entry(to, name, 10)).collect() }
}

fn deliver_all(wire: &Wire, parcels: &[Parcel]) -> Vec<Result<(), Failure>> {
    block_on(deliver(wire, parcels))
}

#[test]
fn ten_entries_make_a_call_and_each_destination_keeps_its_order() {
    let wire = Wire::default();
    let all: Vec<String> = (0..23).map(|n| format!("{n:02}")).collect();
    let parcels: Vec<Parcel> = all
        .iter()
        .map(|name| parcel(&[("bus", name), ("queue:jobs", name), ("queue:mail", name)]))
        .collect();
    assert!(deliver_all(&wire, &parcels).iter().all(Result::is_ok));
    for destination in ["bus", "jobs", "mail"] {
        let calls = wire.calls_to(destination);
        assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3], "{destination}");
        assert_eq!(calls.concat(), all, "{destination}");
    }
}

#[test]
fn nothing_to_deliver_calls_nobody() {
    let wire = Wire::default();
    assert!(deliver_all(&wire, &[]).is_empty());
    assert_eq!(deliver_all(&wire, &[parcel(&[])]), [Ok(())]);
    assert!(wire.calls().is_empty());
}

#[test]
fn a_parcel_arrived_only_if_all_of_it_did() {
    let wire = Wire::default();
    wire.refuse(&["b"]);
    let parcels = [
        parcel(&[("bus", "a"), ("queue:jobs", "b")]),
        parcel(&[("queue:jobs", "c")]),
        parcel(&[("bus", "b"), ("bus", "d")]),
    ];
    let results = deliver_all(&wire, &parcels);
    assert_eq!(results, [Err("refused b".to_owned()), Ok(()), Err("refused b".to_owned())]);
    // What could be delivered was, also of the parcels that will come again.
    assert_eq!(wire.taken(), ["a", "d", "c"]);
}

#[test]
fn an_entry_without_an_answer_is_not_delivered() {
    let wire = Wire::default();
    wire.rule(|asked| if asked.name == "c" { Verdict::Silence } else { Verdict::Take });
    let parcels = ["a", "b", "c", "d"].map(|name| parcel(&[("bus", name)]));
    let results = deliver_all(&wire, &parcels);
    let arrived: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(arrived, [true, true, false, false]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Never too many, never too large, nothing lost or swapped, and no call that could have
    /// taken the first entry of the next.
    #[test]
    fn calls_are_as_full_as_they_may_be(
        sizes in prop::collection::vec(
            prop_oneof![3 => 0usize..65_000, 1 => Just(60_900usize), 2 => 0usize..500], 0..60,
        )
    ) {
        const MAX_BYTES: usize = 240 * 1024;
        let wire = Wire::default();
        let parcels: Vec<Parcel> = sizes
            .iter()
            .enumerate()
            .map(|(n, bytes)| Parcel { entries: vec![entry("bus", &n.to_string(), *bytes)] })
            .collect();
        let results = deliver_all(&wire, &parcels);
        prop_assert!(results.iter().all(Result::is_ok));
        let all: Vec<String> = (0..sizes.len()).map(|n| n.to_string()).collect();
        prop_assert_eq!(wire.taken(), all);
        let calls = wire.calls();
        for call in &calls {
            prop_assert!(call.bytes.len() <= 10 && call.bytes.iter().sum::<usize>() <= MAX_BYTES);
        }
        for pair in calls.windows(2) {
            let had_room = pair[0].bytes.len() < 10
                && pair[0].bytes.iter().sum::<usize>() + pair[1].bytes[0] <= MAX_BYTES;
            prop_assert!(!had_room, "{:?}", pair);
        }
    }
}
