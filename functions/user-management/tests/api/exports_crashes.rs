//! The worker of an export dies, its messages come again and again.

use std::sync::Arc;

use millwright_testkit::{CrashPoint, TestApp};
use serde_json::{Value, json};

use crate::{
    app,
    exports::{Auth, MINE, download, furnished, path_of, work_off},
    said,
};

/// One archive with everything in it, and one event.
async fn assert_whole(app: &TestApp, export: &Value) {
    let done = app.person(1).get(&path_of(MINE, export)).await.expect(200);
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["parts"], json!({ "auth": "completed", "user-management": "completed" }));
    let files = download(app, &done).await;
    let counts: Vec<usize> = ["memberships", "teams", "invitations-sent", "invitations-received"]
        .iter()
        .map(|name| files[&format!("user-management/{name}.json")].as_array().unwrap().len())
        .collect();
    assert_eq!(counts, [2, 1, 1, 1]);
    assert_eq!(files["auth/data.json"].as_array().unwrap().len(), 2, "nothing twice");
    assert_eq!(said(app, "users.export.completed").await.len(), 1);
}

#[tokio::test]
async fn an_export_that_dies_anywhere_is_whole() {
    for delivery in [0, 1] {
        for call in [1, 2, 3, 5, 8, 11, 14, 17, 21] {
            for point in [CrashPoint::Before(call), CrashPoint::After(call)] {
                let app = app().await;
                let (_, me) = furnished(&app).await;
                let export = me.post(MINE, json!({})).await.expect(202);
                let crash = |number| (number == delivery).then_some(point);
                work_off(&app, &Arc::<Auth>::default(), 2, crash).await;
                assert_whole(&app, &export).await;
            }
        }
    }
}

#[tokio::test]
async fn an_export_that_dies_four_times_in_a_row_is_whole() {
    let app = app().await;
    let (_, me) = furnished(&app).await;
    let export = me.post(MINE, json!({})).await.expect(202);
    let crash = |number| (number < 4).then_some(CrashPoint::Before(4));
    work_off(&app, &Arc::<Auth>::default(), 1, crash).await;
    assert_whole(&app, &export).await;
}

/// A failing part and dying workers at once: the count of failures survives them.
#[tokio::test]
async fn failures_are_counted_across_deaths() {
    for failures in [3, 5] {
        let app = app().await;
        let (_, me) = furnished(&app).await;
        let export = me.post(MINE, json!({})).await.expect(202);
        let auth = Arc::new(Auth { failures, ..Auth::default() });
        let crash = |number| (number == 2).then_some(CrashPoint::After(1));
        work_off(&app, &auth, 1, crash).await;
        let done = app.person(1).get(&path_of(MINE, &export)).await.expect(200);
        let expected = if failures == 5 { "failed" } else { "completed" };
        assert_eq!(
            (&done["status"], &done["parts"]["auth"]),
            (&json!("completed"), &json!(expected))
        );
        let files = download(&app, &done).await;
        assert_eq!(
            files["auth/data.json"].as_array().unwrap().len(),
            if failures == 5 { 1 } else { 2 }
        );
    }
}

/// S3 is away for a while: the pieces are read again, and nothing is twice.
#[tokio::test]
async fn an_export_outlives_an_outage_of_the_bucket() {
    let app = app().await;
    let (_, me) = furnished(&app).await;
    let export = me.post(MINE, json!({})).await.expect(202);
    let delivery = std::sync::atomic::AtomicUsize::new(0);
    let crash = |number| {
        delivery.store(number, std::sync::atomic::Ordering::SeqCst);
        app.files.faults.outage(number < 2);
        None
    };
    work_off(&app, &Arc::<Auth>::default(), 1, crash).await;
    assert_whole(&app, &export).await;
}
