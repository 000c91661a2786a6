//! /planning/jobs

use std::time::Duration;

use futures::future::join_all;
use millwright_core::codes;
use millwright_testkit::Client;
use serde_json::{Value, json};

use crate::{
    A, B, app, project,
    queue::{Queue, TIMES},
    toy::{Request, rows, start, try_start, works},
};

const JOBS: &str = "/api/v1/planning/jobs";

async fn ids(client: &Client, query: &str) -> Vec<String> {
    let jobs = client.all(&format!("{JOBS}{query}"), 2).await;
    jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

fn id(path: &str) -> String {
    path.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn jobs_are_listed_newest_first_by_project_and_for_all() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let (web, ios) = (project(&owner, "WEB").await, project(&owner, "IOS").await);
    let mut paths = Vec::new();
    for of in [&web, &ios, &web] {
        app.database.clock.advance(Duration::from_secs(1));
        paths.push(id(&start(&app, &owner, of, rows(1, 1)).await));
    }
    let newest_first: Vec<String> = paths.iter().rev().cloned().collect();
    assert_eq!(ids(&owner, "").await, newest_first);
    assert_eq!(ids(&owner, &format!("?projectId={web}")).await, [&*paths[2], &*paths[0]]);
    assert_eq!(ids(&owner, "?kind=task_export").await, [""; 0]);
    owner.post(&format!("{JOBS}/{}/cancel", paths[1]), json!({})).await.expect(202);
    assert_eq!(ids(&owner, "?status=cancelled").await, [&*paths[1]]);
    assert_eq!(ids(&owner, "?status=queued&status=running").await, [&*paths[2], &*paths[0]]);
    let foreign = app.client(B, "owner");
    assert_eq!(ids(&foreign, "").await, [""; 0]);
    foreign.get(&format!("{JOBS}?projectId={web}")).await.expect_problem(404, "not_found");
    foreign.get(&format!("{JOBS}/{}", paths[0])).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_job_expires_30_days_after_its_end_with_rows_and_result() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let web = project(&owner, "WEB").await;
    let path = start(&app, &owner, &web, Request { result: true, ..rows(3, 2) }).await;
    Queue::of(&app, &works(&app), 1).drain(TIMES, |_| None).await;
    app.database.clock.advance(Duration::from_secs(30 * 24 * 3600 - 1));
    // Tokens are good for minutes.
    let owner = app.client(A, "owner");
    owner.get(&path).await.expect(200);
    assert_eq!(ids(&owner, "").await.len(), 1);
    app.database.clock.advance(Duration::from_secs(1));
    for path in [path.clone(), format!("{path}/rows"), format!("{path}/result")] {
        owner.get(&path).await.expect_problem(404, "not_found");
    }
    owner.post(&format!("{path}/cancel"), json!({})).await.expect_problem(404, "not_found");
    assert!(ids(&owner, "").await.is_empty());
}

#[tokio::test]
async fn a_result_is_downloaded_by_its_link() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let web = project(&owner, "WEB").await;
    let path = start(&app, &owner, &web, Request { result: true, ..rows(3, 2) }).await;
    let early = owner.get(&format!("{path}/result")).await;
    assert_eq!(early.expect_problem(409, "invalid_state")["from"], "queued");
    Queue::of(&app, &works(&app), 1).drain(TIMES, |_| None).await;
    let result = owner.get(&format!("{path}/result")).await.expect(200);
    assert_eq!(result["sizeBytes"], 5);
    let url = result["downloadUrl"].as_str().unwrap();
    let (status, body) = app.files.send("GET", url, std::iter::empty(), b"").await;
    assert_eq!((status, body), (200, b"a;b\r\n".to_vec()));
    let without = start(&app, &owner, &web, rows(1, 1)).await;
    Queue::of(&app, &works(&app), 1).drain(TIMES, |_| None).await;
    owner.get(&format!("{without}/result")).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn its_creator_or_who_may_delete_jobs_cancels_a_job_once() {
    let app = app().await;
    let (owner, member) = (app.client(A, "owner"), app.client(A, "member"));
    let web = project(&owner, "WEB").await;
    let of_owner = start(&app, &owner, &web, rows(1, 1)).await;
    let cancel = |path: &str| format!("{path}/cancel");
    let refused = member.post(&cancel(&of_owner), json!({})).await;
    assert_eq!(refused.expect_problem(403, "forbidden")["permission"], "planning.job.delete");
    let viewer = app.client(A, "viewer");
    viewer.post(&cancel(&of_owner), json!({})).await.expect_problem(403, "forbidden");
    for path in [of_owner, start(&app, &member, &web, rows(1, 1)).await] {
        let cancelled = owner.post(&cancel(&path), json!({})).await;
        let job = cancelled.expect(202);
        assert_eq!(cancelled.header("location"), Some(path.as_str()));
        assert_eq!(job["status"], "cancelled");
        assert!(job["finishedAt"].is_string() && job["expiresAt"].is_string());
        assert_eq!(owner.get(&path).await.expect(200), job);
        let again = owner.post(&cancel(&path), json!({})).await;
        assert_eq!(again.expect_problem(409, "invalid_state")["from"], "cancelled");
    }
    let path = start(&app, &member, &web, rows(1, 1)).await;
    member.post(&cancel(&path), json!({})).await.expect(202);
    let said: Vec<Value> = app
        .events()
        .await
        .into_iter()
        .filter(|event| event.kind == "planning.job.cancelled")
        .map(|event| event.data)
        .collect();
    assert_eq!(said.len(), 3);
    assert_eq!(said[2]["jobId"], id(&path));
}

#[tokio::test]
async fn of_64_jobs_at_once_an_organization_gets_5() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let web = project(&owner, "WEB").await;
    for round in 0..3 {
        let started = (0..64).map(|_| {
            let (app, owner, web) = (app.instance(), owner.clone(), web.clone());
            app.faults().conflict(round, 0.1);
            async move { try_start(&app, &owner, &web, rows(1, 1)).await }
        });
        let mut paths = Vec::new();
        for answer in join_all(started).await {
            match answer {
                Ok(path) => paths.push(path),
                Err(error) => {
                    assert!(error.is(planning::codes::JOB_LIMIT), "{error}");
                    assert_eq!(error.retry_after_seconds(), Some(30));
                }
            }
        }
        assert_eq!(paths.len(), 5, "round {round}");
        if round == 0 {
            // Another organization has its own five.
            let foreign = app.client(B, "owner");
            let theirs = project(&foreign, "WEB").await;
            start(&app, &foreign, &theirs, rows(1, 1)).await;
        }
        for path in paths {
            owner.post(&format!("{path}/cancel"), json!({})).await.expect(202);
        }
        let more = start(&app, &owner, &web, rows(1, 1)).await;
        owner.post(&format!("{more}/cancel"), json!({})).await.expect(202);
    }
}

#[tokio::test]
async fn no_job_begins_in_an_archived_project() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let web = project(&owner, "WEB").await;
    owner.post(&format!("/api/v1/planning/projects/{web}/archive"), json!({})).await.expect(200);
    let error = try_start(&app, &owner, &web, rows(1, 1)).await.unwrap_err();
    assert!(error.is(planning::codes::PROJECT_ARCHIVED), "{error}");
}

#[tokio::test]
async fn whether_jobs_run_in_a_project_is_known_exactly() {
    use planning::store::RunningJobs;
    let app = app().await;
    let owner = app.client(A, "owner");
    let web = project(&owner, "WEB").await;
    let none = async || {
        let mut transaction = app.database.store().transaction(&owner.tenant());
        RunningJobs::none(&mut transaction, web.parse().unwrap());
        transaction.commit().await
    };
    none().await.unwrap();
    let path = start(&app, &owner, &web, rows(1, 1)).await;
    assert!(none().await.unwrap_err().is(planning::codes::PROJECT_BUSY));
    owner.post(&format!("{path}/cancel"), json!({})).await.expect(202);
    none().await.unwrap();
    start(&app, &owner, &web, rows(1, 1)).await;
    assert!(none().await.unwrap_err().is(planning::codes::PROJECT_BUSY));
    Queue::of(&app, &works(&app), 1).drain(TIMES, |_| None).await;
    none().await.unwrap();
    assert_eq!(none().await.err().map(|error| error.is(codes::CONFLICT)), None);
}
