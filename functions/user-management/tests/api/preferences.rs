//! /users/me/preferences

use serde_json::{Value, json};

use crate::{app, user};

const PATH: &str = "/api/v1/users/me/preferences";

#[tokio::test]
async fn preferences_begin_as_usual_and_are_merged() {
    let app = app().await;
    let person = user(&app, 1).await;
    let first = person.get(PATH).await.expect(200);
    assert_eq!((&first["theme"], &first["timeFormat"]), (&json!("system"), &json!("h24")));
    let nine_to_five = json!([{ "start": "09:00", "end": "17:00" }]);
    assert_eq!(first["workingHours"]["friday"], nine_to_five);
    assert_eq!(first["workingHours"]["sunday"], json!([]));
    let patch = json!({
        "theme": "dark",
        "workingHours": { "friday": [{ "start": "09:00", "end": "13:00" }], "sunday": null },
        "focusBlocks": [{ "weekday": "monday", "start": "09:00", "end": "11:00", "label": "Write" }],
        "notifications": { "planning.task": ["in_app", "email"], "users": [] },
        "custom": { "web": { "sidebar": "narrow" }, "ide": 1 },
    });
    let patched = person.patch(PATH, patch.clone()).await;
    assert_eq!(patched.etag(), "\"2\"");
    let whole = patched.expect(200);
    assert_eq!(whole["workingHours"]["monday"], nine_to_five, "the other days stay");
    assert_eq!(person.patch(PATH, patch).await.expect(200), whole, "a change of nothing is none");
    let other = json!({
        "notifications": { "users": null }, "custom": { "web": { "zoom": 2 }, "ide": null },
        "theme": null,
    });
    let merged = person.patch(PATH, other).await.expect(200);
    assert_eq!(merged["custom"], json!({ "web": { "sidebar": "narrow", "zoom": 2 } }));
    assert_eq!(merged["notifications"], json!({ "planning.task": ["in_app", "email"] }));
    assert_eq!(merged["theme"], "system");
    assert_eq!(person.get(PATH).await.expect(200), merged);
    let stale = person.patch_if(PATH, "\"1\"", json!({ "theme": "light" })).await;
    assert_eq!(stale.expect_problem(412, "version_stale")["currentVersion"], 3);
    user(&app, 2).await.get(PATH).await.expect(200);
    app.person(9).get(PATH).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let app = app().await;
    let person = user(&app, 1).await;
    let hours = |from: &str, to: &str| json!({ "start": from, "end": to });
    let many: Vec<Value> = (0..21)
        .map(|_| json!({ "weekday": "monday", "start": "09:00", "end": "10:00", "label": "x" }))
        .collect();
    for bad in [
        json!({ "workingHours": { "monday": [hours("10:00", "09:00")] } }),
        json!({ "workingHours": { "monday": [hours("09:00", "12:00"), hours("11:00", "13:00")] } }),
        json!({ "workingHours": { "someday": [] } }),
        json!({ "workingHours": { "monday": [hours("9:00", "12:00")] } }),
        json!({ "focusBlocks": many }),
        json!({ "notifications": { "Planning": ["in_app"] } }),
        json!({ "notifications": { "planning": ["pigeon"] } }),
        json!({ "notifications": { "planning": ["email", "email"] } }),
        json!({ "custom": { "Web": 1 } }),
        json!({ "custom": [] }),
        json!({ "unknown": 1 }),
    ] {
        let refused = person.patch(PATH, bad.clone()).await;
        assert_eq!(refused.status, 400, "{bad}: {refused:?}");
    }
    let large = json!({ "custom": { "web": "x".repeat(33 * 1024) } });
    person.patch(PATH, large).await.expect_problem(413, "too_large");
    assert_eq!(person.get(PATH).await.expect(200)["version"], 1);
}
