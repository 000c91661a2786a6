//! Workers that die, messages that come again, and others who are faster.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::future::join_all;
use millwright_core::codes;
use millwright_event::batch::Message;
use millwright_job::{JobHead, JobStatus, Worker};
use millwright_runtime::Worked;
use millwright_testkit::{CrashPoint, Database, JobQueue};
use serde_json::{Value, json};

use crate::{
    SHORT, TIMES, database, drain, everybody, organization,
    toy::{Pause, ToyId, Toys, assert_tidy, cancel, counts, ends, pieces, start, works_with},
    worker,
};

async fn head(database: &Database, id: ToyId) -> JobHead<Toys> {
    JobHead::<Toys>::read(&database.store(), &organization(), id).await.unwrap()
}

/// All that jobs leave, but for times and versions.
async fn outcome(database: &Database) -> Value {
    let mut left = Vec::new();
    for item in database.items().await {
        if item.kind() == "job" {
            let head: JobHead<Toys> = item.decode().unwrap();
            let job = head.summary;
            left.push(json!([
                job.status,
                job.percent,
                job.done,
                job.details,
                job.problem,
                head.extra,
            ]));
        }
    }
    let ends = ends(database).await.into_iter().map(|end| json!([end.status, end.problem]));
    json!([left, ends.collect::<Vec<_>>(), counts(database).await])
}

/// Killed before and after each call, every message twice; the jobs of one after the other.
#[tokio::test]
async fn a_job_whose_workers_die_everywhere_ends_as_if_none_had() {
    let undisturbed = database().await;
    start(&undisturbed, organization(), pieces(11, 3)).await;
    drain(&mut JobQueue::of(&undisturbed, "toys-jobs", 1), TIMES, |_| None).await;
    let expected = outcome(&undisturbed).await;
    let mut tenants = everybody().into_iter().cycle();
    for times in [TIMES, SHORT] {
        for call in 1..=6 {
            for crash in [CrashPoint::Before(call), CrashPoint::After(call)] {
                // Each delivery dies if it has done a chunk before, which is the fourth call;
                // if not, every other one, or nothing would ever get done.
                let gets_on = call > 4 || crash == CrashPoint::After(4);
                for share in if gets_on { 1..=2 } else { 2..=2 } {
                    let database = database().await;
                    let tenant = tenants.next().unwrap();
                    start(&database, tenant, pieces(11, 3)).await;
                    let mut queue = JobQueue::of(&database, "toys-jobs", 2);
                    let dies = |number: usize| number.is_multiple_of(share).then_some(crash);
                    drain(&mut queue, times, dies).await;
                    let case = format!("{crash:?} of every {share}. delivery, {times:?}, {tenant}");
                    assert!(queue.dead.is_empty(), "{case}");
                    assert_eq!(outcome(&database).await, expected, "{case}");
                    assert_tidy(&database).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_job_whose_workers_always_die_fails_and_leaves_no_dead_letter() {
    let database = database().await;
    let id = start(&database, organization(), pieces(23, 5)).await;
    let mut queue = JobQueue::of(&database, "toys-jobs", 1);
    // Each dies at its first chunk, the fourth call.
    drain(&mut queue, TIMES, |_| Some(CrashPoint::Before(4))).await;
    let job = head(&database, id).await.summary;
    assert_eq!((job.status, job.problem.unwrap().code.as_str()), (JobStatus::Failed, "internal"));
    assert!(queue.dead.is_empty());
    assert!(counts(&database).await.is_empty());
    assert_tidy(&database).await;
}

#[tokio::test]
async fn of_32_deliveries_at_once_one_works_and_the_others_wait() {
    for round in 0..5u64 {
        let database = database().await;
        let id = start(&database, organization(), pieces(40, 5)).await;
        let message = database.messages_to("toys-jobs").await.remove(0);
        let deliveries = (0..32).map(|number| {
            let process = database.other_process();
            process.faults.conflict(round * 32 + number, 0.1);
            let worker = worker(&process, TIMES);
            let message = Message::of(format!("m{number}"), message.clone());
            async move { worker.work(&message).await }
        });
        let answers = join_all(deliveries).await;
        let done = answers.iter().filter(|answer| matches!(answer, Ok(Worked::Done))).count();
        assert!(done >= 1, "{answers:?}");
        for answer in &answers {
            match answer {
                Ok(Worked::Done) => {}
                Ok(Worked::Later(rest)) => assert!(*rest <= TIMES.lease, "{rest:?}"),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(counts(&database).await, vec![1; 40]);
        assert_eq!(head(&database, id).await.summary.status, JobStatus::Completed);
        assert_eq!(ends(&database).await.len(), 1);
        assert_tidy(&database).await;
    }
}

/// A worker that lives on when its lease is over writes nothing after another took the job, nor
/// after the job was cancelled.
#[tokio::test]
async fn nobody_writes_after_the_lease_is_lost() {
    for (times, cancels) in [(TIMES, false), (SHORT, false), (TIMES, true)] {
        let database = database().await;
        let id = start(&database, organization(), pieces(4, 1)).await;
        let message = Message::of("m", database.messages_to("toys-jobs").await.remove(0));
        let pause = Arc::new(Pause::default());
        let process = database.other_process();
        let slow = Worker::new(process.store(), works_with(&process, Some(pause.clone())), TIMES);
        let meanwhile = async {
            pause.reached.notified().await;
            if cancels {
                cancel(&database, organization(), id).await.unwrap();
            } else {
                database.clock.advance(TIMES.lease);
                let fast = worker(&database, times).work(&message).await;
                assert_eq!(fast.unwrap(), Worked::Done);
            }
            let left = (head(&database, id).await, counts(&database).await);
            pause.go_on.notify_one();
            left
        };
        let (slow, left) = tokio::join!(slow.work(&message), meanwhile);
        assert_eq!(slow.unwrap(), Worked::Done);
        assert_eq!((head(&database, id).await, counts(&database).await), left);
        drain(&mut JobQueue::of(&database, "toys-jobs", 1), TIMES, |_| None).await;
        assert_eq!(counts(&database).await, vec![1; if cancels { 0 } else { 4 }]);
        assert_eq!(ends(&database).await.len(), 1);
        assert_tidy(&database).await;
    }
}

#[tokio::test]
async fn cancelling_meanwhile_stops_at_the_next_chunk_and_counts_once() {
    for round in 0..8u64 {
        let database = database().await;
        let id = start(&database, organization(), pieces(100, 5)).await;
        let message = Message::of("m", database.messages_to("toys-jobs").await.remove(0));
        let (process, another) = (database.other_process(), database.other_process());
        let worker = worker(&process, TIMES);
        let cancelling = async {
            tokio::time::sleep(Duration::from_millis(round * 7)).await;
            cancel(&another, organization(), id).await
        };
        let (worked, cancelled) = tokio::join!(worker.work(&message), cancelling);
        assert_eq!(worked.unwrap(), Worked::Done);
        let job = head(&database, id).await.summary;
        match cancelled {
            Ok(told) => {
                assert_eq!(job.status, JobStatus::Cancelled);
                assert_eq!((&told.summary, job.updated_by.as_str()), (&job, "usr_of_another"));
            }
            Err(error) => {
                assert!(error.is(codes::INVALID_STATE), "{error}");
                assert_eq!(job.status, JobStatus::Completed);
            }
        }
        assert_eq!(counts(&database).await, vec![1; usize::try_from(job.done).unwrap()]);
        assert_eq!(ends(&database).await.len(), 1);
        assert_tidy(&database).await;
    }
}

#[tokio::test]
async fn percent_never_decreases_and_each_chunk_is_a_version() {
    let database = database().await;
    let id = start(&database, organization(), pieces(30, 4)).await;
    let (mut percents, mut versions) = (Vec::new(), BTreeSet::new());
    let worker = worker(&database, SHORT);
    for slice in 0.. {
        let job = head(&database, id).await.summary;
        percents.push(job.percent);
        versions.insert(job.version);
        let Some(message) = database.messages_to("toys-jobs").await.into_iter().nth(slice) else {
            break;
        };
        database.clock.advance(Duration::from_secs(1));
        assert_eq!(worker.work(&Message::of("m", message)).await.unwrap(), Worked::Done);
    }
    assert!(percents.is_sorted(), "{percents:?}");
    assert_eq!(percents.last(), Some(&100));
    assert_eq!(versions.len(), percents.len());
}
