//! The sweep interrupted: by a crash, by its time limit, by another sweep, by the stream.

use std::{collections::BTreeSet, time::Duration};

use millwright_event::OutboxWatermark;
use millwright_testkit::CrashPoint;
use relay::sweep;

use crate::{Bench, HOUR, bench, names, time, wire::Verdict};

/// Five items in two hours that are over; everything is due, nothing before.
async fn left_behind() -> Bench {
    let bench = bench().await;
    let mark = OutboxWatermark::set(bench.database.clock.now().start_of_hour());
    bench.store.update(&OutboxWatermark::place(), &mark).await.unwrap();
    bench.say(&[("bus", "a"), ("queue:jobs", "b")]).await;
    bench.say_all(["c", "d"]).await;
    bench.advance(HOUR);
    bench.say_all(["e", "f"]).await;
    bench.advance(3 * HOUR);
    bench
}

fn everything() -> BTreeSet<String> {
    names(&["a", "b", "c", "d", "e", "f"])
}

#[tokio::test]
async fn a_sweep_that_dies_anywhere_loses_nothing() {
    let calls: usize = {
        let bench = left_behind().await;
        bench.database.faults.reset_calls();
        bench.sweep().await;
        assert_eq!(bench.wire.taken().len(), 6);
        bench.database.faults.calls().values().sum()
    };
    assert_eq!(calls, 1 + 5 * 4 + 5 + 1, "the watermark, the shards, the marks, the watermark");
    for call in 1..=calls {
        for point in [CrashPoint::Before(call), CrashPoint::After(call)] {
            let bench = left_behind().await;
            let dying = bench.database.other_process();
            dying.faults.crash(point);
            let (store, clock) = (dying.store(), &dying.clock);
            tokio::select! {
                _ = sweep(&bench.wire, &store, clock, clock.now()) => panic!("{point:?}: survived"),
                () = dying.faults.crashed() => {}
            }
            // The watermark never stands past what is not sent.
            let wholly_sent = bench.wire.taken_once_or_more() == everything();
            let began = Some(time("2026-11-23T01:00:00Z"));
            assert!(wholly_sent || bench.watermark().await == began, "{point:?}");
            bench.sweep().await;
            assert_eq!(bench.wire.taken_once_or_more(), everything(), "{point:?}");
            assert!(bench.unmarked().await.is_empty(), "{point:?}");
            assert_eq!(bench.watermark().await, Some(time("2026-11-23T04:00:00Z")), "{point:?}");
        }
    }
}

/// The outlet is slow: after 40 seconds the rest is left to the next run.
#[tokio::test]
async fn a_sweep_out_of_time_goes_on_where_it_stopped() {
    let bench = left_behind().await;
    let clock = bench.database.clock.clone();
    bench.wire.rule(move |_| {
        clock.advance(Duration::from_secs(21));
        Verdict::Take
    });
    bench.sweep().await;
    assert_eq!(bench.wire.taken_once_or_more(), names(&["a", "b", "c", "d"]));
    assert_eq!(bench.watermark().await, Some(time("2026-11-23T02:00:00Z")));
    bench.sweep().await;
    assert_eq!(bench.wire.taken_once_or_more(), everything());
    assert_eq!(bench.wire.taken().len(), 6, "each once");
    bench.wire.heal();
    bench.sweep().await;
    assert_eq!(bench.watermark().await, Some(time("2026-11-23T04:00:00Z")));
}

#[tokio::test]
async fn two_sweeps_and_the_stream_at_once_lose_nothing() {
    for _ in 0..5 {
        let bench = left_behind().await;
        bench.wire.rule(|asked| match asked.call % 3 {
            0 => Verdict::Refuse,
            _ => Verdict::Take,
        });
        let other = bench.database.other_process();
        let (store, clock) = (other.store(), &other.clock);
        let (one, two, _) = tokio::join!(
            sweep(&bench.wire, &store, clock, clock.now()),
            sweep(&bench.wire, &bench.store, clock, clock.now()),
            bench.relay(bench.inserts()),
        );
        one.unwrap();
        two.unwrap();
        // Whatever was refused is either unmarked and before the watermark, or was sent by another.
        let unmarked = bench.unmarked().await;
        let unsent: BTreeSet<String> =
            everything().difference(&bench.wire.taken_once_or_more()).cloned().collect();
        assert!(unsent.is_subset(&unmarked), "{unsent:?} of {unmarked:?}");
        bench.wire.heal();
        bench.sweep().await;
        assert_eq!(bench.wire.taken_once_or_more(), everything());
        assert!(bench.unmarked().await.is_empty());
    }
}
