//! /secrets/settings, /secrets/data-keys

use serde_json::json;

use crate::{A, PATH, api_key, create, start, surroundings};

#[tokio::test]
async fn settings_have_defaults_and_bind_members() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let settings = format!("{PATH}/settings");
    let first = owner.get(&settings).await.expect(200);
    assert_eq!((&first["version"], &first["revealsPerMinuteUser"]), (&json!(0), &json!(100)));
    app.client(A, "member").get(&settings).await.expect_problem(403, "forbidden");
    let only_user = json!({ "memberMayCreate": ["user"] });
    let changed = owner.patch_if(&settings, "\"0\"", only_user).await.expect(200);
    assert_eq!(changed["version"], 1);
    let project = json!({
        "name": "k", "type": "api_key", "scope": "project",
        "scopeId": "prj_01jdz7xk2nf5h9vq3w8c6m4t0b", "value": { "key": "v" },
    });
    let member = app.client(A, "member");
    member.post(PATH, project).await.expect_problem(403, "right_missing");
    let store = json!({ "defaultBackend": "aws_secrets_manager" });
    owner.patch(&settings, store).await.expect_problem(409, "backend_not_allowed");
    let few = json!({ "revealsPerMinuteUser": 1 });
    owner.patch(&settings, few).await.expect(200);
    let path = create(&owner, api_key("k", "v")).await;
    owner.post(&format!("{path}/reveal"), json!({})).await.expect(200);
    owner
        .post(&format!("{path}/reveal"), json!({}))
        .await
        .expect_problem(429, "reveal_rate_limited");
}

#[tokio::test]
async fn data_keys_are_listed_without_the_keys_and_asked_for_once_in_five_minutes() {
    let app = start().await;
    let owner = app.client(A, "owner");
    create(&owner, api_key("a", "v")).await;
    let calls = surroundings().keys.calls();
    for n in 0..5 {
        create(&owner, api_key(&format!("k{n}"), "v")).await;
    }
    assert_eq!(surroundings().keys.calls(), calls, "both keys are in memory");
    let keys = owner.get(&format!("{PATH}/data-keys")).await.expect(200);
    let keys = keys["items"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|key| key["state"] == "active" && key.get("wrappedKey").is_none()));
    app.database.clock.advance(std::time::Duration::from_secs(300));
    surroundings().keys.set_down(true);
    let late = app.client(A, "owner");
    late.post(PATH, api_key("z", "v")).await.expect_problem(503, "key_service_unavailable");
    surroundings().keys.set_down(false);
    late.post(PATH, api_key("z", "v")).await.expect(201);
}
