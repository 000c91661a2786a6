//! planning-jobs: each row once, whatever crashes and however often messages come.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use millwright_event::batch::Message;
use millwright_runtime::Worked;
use millwright_testkit::{CrashPoint, TestApp};
use serde_json::{Value, json};

use crate::{
    A, app, project,
    queue::{Queue, SHORT, TIMES, worker},
    toy::{Request, counts, rows, start, works},
};

/// All that a job leaves, but for times and versions.
async fn outcome(app: &TestApp, path: &str) -> Value {
    let owner = app.client(A, "owner");
    let job = owner.get(path).await.expect(200);
    let rows = owner.all(&format!("{path}/rows"), 100).await;
    let events: Vec<Value> = app
        .events()
        .await
        .into_iter()
        .filter(|event| event.kind.starts_with("planning.job."))
        .map(|event| json!([event.kind, event.data["progress"], event.data["problemCode"]]))
        .collect();
    json!({
        "status": job["status"], "progress": job["progress"], "percent": job["percent"],
        "problem": job["problem"], "rows": rows, "events": events, "counts": counts(app).await,
    })
}

/// Nothing but the job and its rows is left, and its place is free.
async fn assert_tidy(app: &TestApp) {
    for item in app.database.items().await {
        assert!(!["job_request", "job_checkpoint"].contains(&item.kind()), "{item:?}");
        if item.sort_key().starts_with("JOBS") {
            let left = item.signed_number("count").or(item.signed_number("running"));
            assert_eq!(left, Some(0), "{item:?}");
        }
    }
}

#[tokio::test]
async fn a_job_is_done_slice_by_slice() {
    for times in [TIMES, SHORT] {
        let app = app().await;
        let owner = app.client(A, "owner");
        let id = project(&owner, "WEB").await;
        let path = start(&app, &owner, &id, rows(23, 5)).await;
        let queued = owner.get(&path).await.expect(200);
        assert_eq!((&queued["status"], &queued["percent"]), (&json!("queued"), &json!(0)));
        let mut queue = Queue::of(&app, &works(&app), 1);
        queue.drain(times, |_| None).await;
        let done = outcome(&app, &path).await;
        assert_eq!(done["status"], "completed");
        assert_eq!(done["percent"], 100);
        assert_eq!(done["counts"], json!(vec![1; 23]));
        assert_eq!(
            done["progress"],
            json!({
                "total": 23, "processed": 23, "created": 21, "updated": 0, "unchanged": 0,
                "skipped": 0, "failed": 2,
            })
        );
        assert_eq!(done["rows"].as_array().unwrap().len(), 23);
        assert_eq!(done["events"].as_array().unwrap().len(), 1);
        let slices = app.messages_to("planning-jobs").await.len();
        assert_eq!(slices, if times.slice.is_zero() { 6 } else { 1 });
        assert_tidy(&app).await;
    }
}

/// The acceptance: killed after each chunk, every message twice.
#[tokio::test]
async fn a_job_whose_workers_die_everywhere_ends_as_if_none_had() {
    let undisturbed = app().await;
    let owner = undisturbed.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = start(&undisturbed, &owner, &id, rows(11, 3)).await;
    Queue::of(&undisturbed, &works(&undisturbed), 1).drain(TIMES, |_| None).await;
    let expected = outcome(&undisturbed, &path).await;

    for times in [TIMES, SHORT] {
        for call in 1..=6 {
            for crash in [CrashPoint::Before(call), CrashPoint::After(call)] {
                // Each delivery dies if it has done a chunk before, which is the fourth call;
                // if not, every other one, or nothing would ever get done.
                let gets_on = call > 4 || crash == CrashPoint::After(4);
                for share in if gets_on { 1..=2 } else { 2..=2 } {
                    let app = app().await;
                    let owner = app.client(A, "owner");
                    let id = project(&owner, "WEB").await;
                    let path = start(&app, &owner, &id, rows(11, 3)).await;
                    let mut queue = Queue::of(&app, &works(&app), 2);
                    queue
                        .drain(times, |number| number.is_multiple_of(share).then_some(crash))
                        .await;
                    let case = format!("{crash:?} of every {share}. delivery, {times:?}");
                    assert!(queue.queue.dead.is_empty(), "{case}");
                    assert_eq!(outcome(&app, &path).await, expected, "{case}");
                    assert_tidy(&app).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_job_whose_workers_always_die_fails_and_leaves_no_dead_letter() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = start(&app, &owner, &id, rows(23, 5)).await;
    let mut queue = Queue::of(&app, &works(&app), 1);
    // Each dies at its first chunk, the fourth call.
    queue.drain(TIMES, |_| Some(CrashPoint::Before(4))).await;
    let end = outcome(&app, &path).await;
    assert_eq!(end["status"], "failed");
    assert_eq!(end["problem"], json!({ "code": "internal", "title": "Something went wrong" }));
    assert!(queue.queue.dead.is_empty());
    assert!(counts(&app).await.is_empty());
    assert_tidy(&app).await;
}

#[tokio::test]
async fn a_failure_that_passes_is_tried_again_and_one_that_does_not_ends_the_job() {
    for (kind, code, attempts) in [("passing", "unavailable", 5), ("final", "upload_missing", 1)] {
        let app = app().await;
        let owner = app.client(A, "owner");
        let id = project(&owner, "WEB").await;
        let request = Request { error_at: Some((12, kind.into())), ..rows(23, 5) };
        let path = start(&app, &owner, &id, request).await;
        let mut queue = Queue::of(&app, &works(&app), 1);
        let began = app.database.clock.now();
        queue.drain(TIMES, |_| None).await;
        let end = outcome(&app, &path).await;
        assert_eq!((&end["status"], &end["problem"]["code"]), (&json!("failed"), &json!(code)));
        assert_eq!(end["counts"], json!(vec![1; 10]), "what is done stays");
        assert_eq!(end["events"][0][0], "planning.job.failed");
        assert_eq!(end["events"][0][2], code);
        let waited = app.database.clock.now().since(began) > Duration::from_secs(60);
        assert_eq!(waited, attempts > 1, "{kind}");
        assert!(queue.queue.dead.is_empty());
        assert_tidy(&app).await;
    }
}

#[tokio::test]
async fn of_32_deliveries_at_once_one_works_and_the_others_wait() {
    for round in 0..5u64 {
        let app = app().await;
        let owner = app.client(A, "owner");
        let id = project(&owner, "WEB").await;
        let path = start(&app, &owner, &id, rows(40, 5)).await;
        let message = app.messages_to("planning-jobs").await.remove(0);
        let deliveries = (0..32).map(|number| {
            let process = app.database.other_process();
            process.faults.conflict(round * 32 + number, 0.1);
            let worker = worker(&process, &works(&app), TIMES);
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
        assert_eq!(counts(&app).await, vec![1; 40]);
        assert_eq!(owner.get(&path).await.expect(200)["status"], "completed");
        assert_tidy(&app).await;
    }
}

#[tokio::test]
async fn cancelling_meanwhile_stops_at_the_next_chunk_and_counts_once() {
    for round in 0..8u64 {
        let app = app().await;
        let owner = app.client(A, "owner");
        let id = project(&owner, "WEB").await;
        let path = start(&app, &owner, &id, rows(100, 5)).await;
        let message = app.messages_to("planning-jobs").await.remove(0);
        let process = app.database.other_process();
        let worker = worker(&process, &works(&app), TIMES);
        let message = Message::of("m", message);
        let cancel = async {
            tokio::time::sleep(Duration::from_millis(round * 7)).await;
            owner.post(&format!("{path}/cancel"), json!({})).await
        };
        let (worked, cancelled) = tokio::join!(worker.work(&message), cancel);
        assert_eq!(worked.unwrap(), Worked::Done);
        let end = outcome(&app, &path).await;
        match cancelled.status.as_u16() {
            202 => assert_eq!(end["status"], "cancelled"),
            _ => {
                cancelled.expect_problem(409, "invalid_state");
                assert_eq!(end["status"], "completed");
            }
        }
        let done = end["progress"]["processed"].as_u64().unwrap();
        assert_eq!(counts(&app).await, vec![1; usize::try_from(done).unwrap()]);
        assert_eq!(end["rows"].as_array().unwrap().len() as u64, done);
        assert_eq!(end["events"].as_array().unwrap().len(), 1, "{}", end["events"]);
        assert_tidy(&app).await;
    }
}

#[tokio::test]
async fn percent_never_decreases_and_each_chunk_is_a_version() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = start(&app, &owner, &id, rows(30, 4)).await;
    let (mut percents, mut versions) = (Vec::new(), BTreeSet::new());
    let process = app.database.other_process();
    let worker = worker(&process, &works(&app), SHORT);
    for slice in 0.. {
        let job = owner.get(&path).await.expect(200);
        percents.push(job["percent"].as_u64().unwrap());
        versions.insert(job["version"].as_u64().unwrap());
        let Some(message) = app.messages_to("planning-jobs").await.into_iter().nth(slice) else {
            break;
        };
        app.database.clock.advance(Duration::from_secs(1));
        assert_eq!(worker.work(&Message::of("m", message)).await.unwrap(), Worked::Done);
    }
    assert!(percents.is_sorted(), "{percents:?}");
    assert_eq!(percents.last(), Some(&100));
    assert_eq!(versions.len(), percents.len());
}

#[tokio::test]
async fn a_message_for_nothing_is_done_and_a_foreign_one_is_rejected() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    start(&app, &owner, &id, rows(5, 5)).await;
    let mut message = app.messages_to("planning-jobs").await.remove(0);
    let process = app.database.other_process();
    let worker = worker(&process, &works(&app), TIMES);
    message.data["jobId"] = "pjob_01h455vb4pex5vsknk084sn02q".into();
    let gone = worker.work(&Message::of("m", message.clone())).await.unwrap();
    assert_eq!(gone, Worked::Done);
    message.data["jobId"] = "nonsense".into();
    let error = worker.work(&Message::of("m", message.clone())).await.unwrap_err();
    assert!(error.is(millwright_core::codes::INVALID_REQUEST));
    message.kind = "planning.task.created".into();
    let error = worker.work(&Message::of("m", message)).await.unwrap_err();
    assert!(error.is(millwright_core::codes::INVALID_REQUEST));
    assert!(counts(&app).await.is_empty());
}
