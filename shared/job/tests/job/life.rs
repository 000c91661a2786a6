//! Beginning, slices, end.

use std::{collections::BTreeMap, time::Duration};

use millwright_core::codes;
use millwright_event::batch::Message;
use millwright_job::{JobHead, JobStatus, JobSummary, Worker, jobs_of};
use millwright_runtime::Worked;
use millwright_store::{Index, Query};
use millwright_testkit::JobQueue;

use crate::{
    SHORT, TIMES, database, drain, everybody, organization, person,
    toy::{
        Request, ToyKind, Toys, assert_tidy, cancel, counts, effects, ends, pieces, start,
        try_start,
    },
    worker,
};

#[tokio::test]
async fn a_job_of_anybody_is_done_slice_by_slice() {
    for tenant in everybody() {
        for times in [TIMES, SHORT] {
            let database = database().await;
            let store = database.store();
            let id = start(&database, tenant, pieces(23, 5)).await;
            let queued = JobHead::<Toys>::read(&store, &tenant, id).await.unwrap();
            assert_eq!((queued.summary.status, queued.summary.percent), (JobStatus::Queued, 0));
            let mut queue = JobQueue::of(&database, "toys-jobs", 1);
            drain(&mut queue, times, |_| None).await;
            let done = JobHead::<Toys>::read(&store, &tenant, id).await.unwrap();
            assert_eq!((done.summary.status, done.summary.percent), (JobStatus::Completed, 100));
            assert_eq!((done.summary.done, done.summary.left()), (23, Some(0)));
            assert_eq!((done.summary.details.pieces_done, done.extra), (23, Some(23)));
            assert_eq!(counts(&database).await, vec![1; 23]);
            assert_eq!(ends(&database).await.len(), 1);
            let slices = database.messages_to("toys-jobs").await.len();
            assert_eq!(slices, if times.slice.is_zero() { 6 } else { 1 });
            assert_tidy(&database).await;
        }
    }
}

#[tokio::test]
async fn a_job_can_be_somebody_elses_than_the_transaction() {
    let database = database().await;
    let mut both = effects(&database, organization());
    let new = |name: &str| millwright_job::NewJob::<Toys, _> {
        kind: ToyKind::Unlimited,
        details: crate::toy::Details { name: name.to_owned(), pieces_done: 0 },
        extra: None,
        request: pieces(3, 2),
    };
    let head = both.within(&person(), |effects| new("theirs").start(effects, "usr_1")).unwrap();
    both.commit().await.unwrap();
    let mut queue = JobQueue::of(&database, "toys-jobs", 1);
    drain(&mut queue, SHORT, |_| None).await;
    let store = database.store();
    let done = JobHead::<Toys>::read(&store, &person(), head.summary.id).await.unwrap();
    assert_eq!(done.summary.status, JobStatus::Completed);
    let foreign = JobHead::<Toys>::read(&store, &organization(), head.summary.id).await;
    assert!(foreign.unwrap_err().is(codes::NOT_FOUND));
}

#[tokio::test]
async fn jobs_are_listed_by_their_summaries_and_expire() {
    let database = database().await;
    let store = database.store();
    let tenant = organization();
    let mut ids = Vec::new();
    for _ in 0..3 {
        database.clock.advance(Duration::from_secs(1));
        ids.push(start(&database, tenant, pieces(1, 1)).await);
    }
    start(&database, person(), pieces(1, 1)).await;
    let query = Query::index(Index::Gsi2, jobs_of::<Toys>(&tenant)).descending(true);
    let page = store.page(&query, 10, None).await.unwrap();
    let listed: Vec<_> =
        page.items.iter().map(|item| JobSummary::<Toys>::of(item).unwrap()).collect();
    let newest_first: Vec<_> = ids.iter().rev().copied().collect();
    assert_eq!(listed.iter().map(|job| job.id).collect::<Vec<_>>(), newest_first);
    assert_eq!(listed[0].details.name, "a toy");
    cancel(&database, tenant, ids[0]).await.unwrap();
    database.clock.advance(Duration::from_secs(30 * 24 * 3600 - 1));
    JobHead::<Toys>::read(&store, &tenant, ids[0]).await.unwrap();
    database.clock.advance(Duration::from_secs(1));
    let gone = JobHead::<Toys>::read(&store, &tenant, ids[0]).await;
    assert!(gone.unwrap_err().is(codes::NOT_FOUND));
    JobHead::<Toys>::read(&store, &tenant, ids[1]).await.expect("it has not ended");
}

#[tokio::test]
async fn a_failure_that_passes_is_tried_again_and_one_that_does_not_ends_the_job() {
    for (kind, code, attempts) in [("passing", "unavailable", 5), ("final", "name_taken", 1)] {
        let database = database().await;
        let request = Request { error_at: Some((12, kind.into())), ..pieces(23, 5) };
        let id = start(&database, organization(), request).await;
        let mut queue = JobQueue::of(&database, "toys-jobs", 1);
        let began = database.clock.now();
        drain(&mut queue, TIMES, |_| None).await;
        let job = JobHead::<Toys>::read(&database.store(), &organization(), id).await.unwrap();
        assert_eq!(job.summary.status, JobStatus::Failed);
        assert_eq!(job.summary.problem.unwrap().code, code);
        assert_eq!(counts(&database).await, vec![1; 10], "what is done stays");
        let said = ends(&database).await;
        assert_eq!((said.len(), said[0].status), (1, JobStatus::Failed));
        let waited = database.clock.now().since(began) > Duration::from_secs(60);
        assert_eq!(waited, attempts > 1, "{kind}");
        assert!(queue.dead.is_empty());
        assert_tidy(&database).await;
    }
}

#[tokio::test]
async fn a_job_that_nothing_works_off_fails() {
    let database = database().await;
    let (tenant, kind) = (organization(), ToyKind::Unknown);
    let id = try_start(&database, tenant, kind, pieces(1, 1)).await.unwrap().summary.id;
    let mut queue = JobQueue::of(&database, "toys-jobs", 1);
    drain(&mut queue, TIMES, |_| None).await;
    let job = JobHead::<Toys>::read(&database.store(), &tenant, id).await.unwrap();
    assert_eq!(job.summary.problem.unwrap().code, "internal");
}

#[tokio::test]
async fn a_message_for_nothing_is_done_and_a_foreign_one_is_rejected() {
    let database = database().await;
    start(&database, organization(), pieces(5, 5)).await;
    let mut message = database.messages_to("toys-jobs").await.remove(0);
    let worker = worker(&database, TIMES);
    let delivered = |envelope: &millwright_event::Envelope| Message::of("m", envelope.clone());
    assert!(Worker::<Toys>::takes(&delivered(&message)));
    message.data["jobId"] = "top_01h455vb4pex5vsknk084sn02q".into();
    assert_eq!(worker.work(&delivered(&message)).await.unwrap(), Worked::Done);
    message.data["jobId"] = "nonsense".into();
    let error = worker.work(&delivered(&message)).await.unwrap_err();
    assert!(error.is(codes::INVALID_REQUEST));
    message.kind = "toys.toy.created".into();
    assert!(!Worker::<Toys>::takes(&delivered(&message)));
    let error = worker.work(&delivered(&message)).await.unwrap_err();
    assert!(error.is(codes::INVALID_REQUEST));
    assert!(counts(&database).await.is_empty());
}

#[tokio::test]
async fn a_slice_costs_what_is_documented() {
    for chunks in [1, 7] {
        let database = database().await;
        start(&database, organization(), pieces(chunks, 1)).await;
        let message = Message::of("m", database.messages_to("toys-jobs").await.remove(0));
        database.faults.reset_calls();
        worker(&database, TIMES).work(&message).await.unwrap();
        // The lease, the chunks, the end, and the mark of the toy's clearing.
        let written = 1 + usize::try_from(chunks).unwrap() + 1 + 1;
        let expected = [("BatchGetItem", 1), ("GetItem", 1), ("TransactWriteItems", written)];
        let expected = expected.map(|(name, calls)| (name.to_owned(), calls));
        assert_eq!(database.faults.calls(), BTreeMap::from(expected));
    }
}
