//! The limit of jobs queued or running.

use futures::future::join_all;
use millwright_core::codes;

use crate::{
    database, organization, person,
    toy::{ToyKind, cancel, pieces, start, try_start},
};

#[tokio::test]
async fn of_64_jobs_at_once_a_tenant_gets_3() {
    let database = database().await;
    let tenant = organization();
    for round in 0..3 {
        let started = (0..64).map(|number| {
            let process = database.other_process();
            process.faults.conflict(round * 64 + number, 0.1);
            async move { try_start(&process, tenant, ToyKind::Limited, pieces(1, 1)).await }
        });
        let mut ids = Vec::new();
        for answer in join_all(started).await {
            match answer {
                Ok(head) => ids.push(head.summary.id),
                Err(error) => {
                    assert!(error.is(codes::LIMIT_REACHED), "{error}");
                    assert_eq!(error.retry_after_seconds(), Some(30));
                }
            }
        }
        assert_eq!(ids.len(), 3, "round {round}");
        // What is not limited does not count, nor do the jobs of others.
        try_start(&database, tenant, ToyKind::Unlimited, pieces(1, 1)).await.unwrap();
        let theirs = start(&database, person(), pieces(1, 1)).await;
        cancel(&database, person(), theirs).await.unwrap();
        for id in ids {
            cancel(&database, tenant, id).await.unwrap();
        }
        let more = start(&database, tenant, pieces(1, 1)).await;
        cancel(&database, tenant, more).await.unwrap();
        let again = cancel(&database, tenant, more).await.unwrap_err();
        assert!(again.is(codes::INVALID_STATE), "{again}");
    }
}
