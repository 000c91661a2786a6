//! secret-management under guard.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::BoxFuture;
use millwright_identity::SystemRole;
use millwright_testkit::{Contract, TestApp};
use secret_management::{SecretManagement, doubles::Surroundings};
use serde_json::{Value, json};

use crate::{
    MINE,
    fixture::{Call, Guarded},
};

pub fn guarded() -> Guarded {
    let service = secret_management::service();
    let contract = Arc::new(Contract::new((service.openapi)()));
    Guarded {
        service,
        router: |platform, store, _files| {
            let ports = Surroundings::of_process().ports();
            secret_management::router(SecretManagement::new(platform, store, ports))
        },
        contract,
        calls,
        further: &[],
        owner: crate::fixture::owner,
        skipping_unknown: &[],
        said_elsewhere: &[
            "secrets.secret.purged",
            "secrets.secret.migrated",
            "secrets.secret.expiring",
            "secrets.secret.expired",
            "secrets.grant.expired",
            "secrets.rotation.due",
        ],
    }
}

/// The facade for clients of KV v2, in the dialect of others: its errors are worded otherwise, a
/// missing credential is 403, and bodies may have members that it does not know.
pub const KV: &[&str] = &[
    "kv_data_read",
    "kv_data_write",
    "kv_latest_delete",
    "kv_versions_delete",
    "kv_versions_undelete",
    "kv_versions_destroy",
    "kv_metadata_list",
    "kv_metadata_read",
    "kv_metadata_update",
    "kv_metadata_delete",
    "kv_token_lookup",
];

const PATH: &str = "/api/v1/secrets";

fn at(path: &str) -> String {
    format!("{PATH}{path}")
}

/// One call for each operation, which succeeds for an owner. Names differ from those of the
/// examples in the document, which run in the same scene.
fn calls(app: TestApp) -> BoxFuture<'static, BTreeMap<&'static str, Call>> {
    Box::pin(async move {
        let owner = app.client(MINE, "owner");
        let user = owner.user;
        Surroundings::of_process().directory.member(user, SystemRole::Owner);
        let login = |word: &str| json!({ "username": "app", "password": word });
        let made = async |name: &str, rotation: Value| -> String {
            let body = json!({
                "name": name, "type": "username_password", "scope": "organization",
                "value": login("one"), "rotation": rotation,
            });
            let created = owner.post(PATH, body).await;
            created.expect(201);
            created.header("location").unwrap().to_owned()
        };
        let post = async |path: String, body: Value| -> String {
            let answer = owner.post(&path, body).await;
            assert!(answer.status.is_success(), "{path}: {answer:?}");
            answer.json()["id"].as_str().unwrap_or_default().to_owned()
        };
        // `main`, which the example of the template names, has two versions and a third pending.
        let one = made("guarded", json!({})).await;
        // The example of a purge names it; the name is free again.
        let purged = made("db/main", json!({})).await;
        owner.delete(&purged).await.expect(204);
        made("db/main", json!({})).await;
        let backends = json!({ "allowedBackends": ["internal", "aws_secrets_manager"] });
        owner.patch(&at("/settings"), backends).await.expect(200);
        let moving = made("moving", json!({})).await;
        let purging = made("purging", json!({})).await;
        owner.delete(&purging).await.expect(204);
        let confirm = json!({ "confirmName": "purging" });
        let job = post(format!("{purging}/purge"), confirm).await;
        post(format!("{one}/versions"), json!({ "value": login("two") })).await;
        post(format!("{one}/versions"), json!({ "value": login("three"), "stage": "pending" }))
            .await;
        let disabled = made("disabled", json!({})).await;
        post(format!("{disabled}/disable"), json!({})).await;
        let deleted = made("deleted", json!({})).await;
        owner.delete(&deleted).await.expect(204);
        let undone = made("undone", json!({})).await;
        post(format!("{undone}/versions"), json!({ "value": login("two") })).await;
        owner.delete(&format!("{undone}/versions/1")).await.expect(204);
        let confirm = json!({ "mode": "manual", "strategy": "confirm" });
        let rotated = made("rotated", confirm).await;
        let next = json!({ "value": login("next") });
        let rotation = post(format!("{rotated}/rotate"), next.clone()).await;
        let rotation = format!("{rotated}/rotations/{rotation}");
        let key = "svk_01jdz7xk2nf5h9vq3w8c6m4t0b";
        let grant = json!({ "granteeType": "service_key", "granteeId": key, "rights": ["read"] });
        let granted = format!("{one}/grants/{}", post(format!("{one}/grants"), grant).await);
        let binding = json!({ "service": "planning", "resourceType": "t", "resourceId": "1" });
        let bound = format!("{one}/bindings/{}", post(format!("{one}/bindings"), binding).await);
        let policies = at("/generation-policies");
        let policy = json!({ "name": "P", "length": 40 });
        let policy = format!("{policies}/{}", post(policies.clone(), policy).await);
        let kv = |path: &str| at(&format!("/kv/v1/secret/{path}"));
        let of = |suffix: &str| format!("{one}{suffix}");
        BTreeMap::from([
            ("health_get", Call::get(&at("/health"))),
            ("readiness_get", Call::get(&at("/ready"))),
            (
                "secret_create",
                Call::post(
                    PATH,
                    json!({
                        "name": "n", "type": "api_key", "scope": "organization",
                        "value": { "key": "k" },
                    }),
                ),
            ),
            ("secret_list", Call::get(PATH)),
            ("secret_get", Call::get(&one).refers()),
            ("secret_update", Call::patch(&one, json!({ "tags": ["x"] })).refers()),
            ("secret_delete", Call::delete(&rotated).refers()),
            ("secret_restore", Call::post(&format!("{deleted}/restore"), json!({})).refers()),
            ("secret_disable", Call::post(&of("/disable"), json!({ "reason": "x" })).refers()),
            (
                "secret_enable",
                Call::post(&format!("{disabled}/enable"), json!({ "reason": "x" })).refers(),
            ),
            (
                "version_create",
                Call::post(&of("/versions"), json!({ "value": login("four") })).refers(),
            ),
            (
                "secret_migrate",
                Call::post(
                    &format!("{moving}/migrate"),
                    json!({ "backend": "aws_secrets_manager" }),
                )
                .refers(),
            ),
            (
                "secret_purge",
                Call::post(&format!("{purged}/purge"), json!({ "confirmName": "db/main" }))
                    .refers(),
            ),
            ("secret_job_get", Call::get(&at(&format!("/jobs/{job}"))).refers()),
            (
                "secret_import",
                Call::post(
                    &at("/import"),
                    json!({ "format": "dotenv", "content": "K=v", "scope": "organization" }),
                ),
            ),
            (
                "secret_export",
                Call::post(
                    &at("/export"),
                    json!({ "format": "json", "scope": "organization", "includeValues": true }),
                ),
            ),
            ("posture_get", Call::get(&at("/posture"))),
            ("data_key_rotate", Call::post(&at("/data-keys/rotate"), json!({}))),
            ("version_list", Call::get(&of("/versions")).refers()),
            ("version_get", Call::get(&of("/versions/1")).refers()),
            ("version_promote", Call::post(&of("/versions/3/promote"), json!({})).refers()),
            ("version_delete", Call::delete(&of("/versions/2")).refers()),
            (
                "version_restore",
                Call::post(&format!("{undone}/versions/1/restore"), json!({})).refers(),
            ),
            ("version_destroy", Call::post(&of("/versions/1/destroy"), json!({})).refers()),
            ("secret_rollback", Call::post(&of("/rollback"), json!({ "version": 1 })).refers()),
            ("secret_reveal", Call::post(&of("/reveal"), json!({ "reason": "x" })).refers()),
            ("secret_resolve", Call::post(&at("/resolve"), json!({ "references": ["guarded"] }))),
            (
                "template_resolve",
                Call::post(
                    &at("/resolve-template"),
                    json!({ "template": "{{secret:guarded#password}}" }),
                ),
            ),
            ("value_generate", Call::post(&at("/generate"), json!({ "count": 1 }))),
            (
                "grant_create",
                Call::post(
                    &of("/grants"),
                    json!({ "granteeType": "role", "granteeId": "viewer", "rights": ["use"] }),
                )
                .refers(),
            ),
            ("grant_list", Call::get(&of("/grants")).refers()),
            ("grant_update", Call::patch(&granted, json!({ "rights": ["use"] })).refers()),
            ("grant_delete", Call::delete(&granted).refers()),
            (
                "grant_search",
                Call::get(&at(&format!("/grants?granteeType=service_key&granteeId={key}"))),
            ),
            ("access_check", Call::get(&of(&format!("/access-check?userId={user}"))).refers()),
            (
                "binding_create",
                Call::post(
                    &of("/bindings"),
                    json!({ "service": "planning", "resourceType": "t", "resourceId": "2" }),
                )
                .refers(),
            ),
            ("binding_list", Call::get(&of("/bindings")).refers()),
            ("binding_delete", Call::delete(&bound).refers()),
            ("rotation_start", Call::post(&format!("{undone}/rotate"), next).refers()),
            ("rotation_list", Call::get(&format!("{rotated}/rotations")).refers()),
            ("rotation_get", Call::get(&rotation).refers()),
            (
                "rotation_confirm",
                Call::post(&format!("{rotation}/confirm"), json!({ "reason": "x" })).refers(),
            ),
            (
                "rotation_fail",
                Call::post(&format!("{rotation}/fail"), json!({ "reason": "x" })).refers(),
            ),
            (
                "rotation_cancel",
                Call::post(&format!("{rotation}/cancel"), json!({ "reason": "x" })).refers(),
            ),
            ("policy_create", Call::post(&policies, json!({ "name": "Q" }))),
            ("policy_list", Call::get(&policies)),
            ("policy_get", Call::get(&policy).refers()),
            ("policy_update", Call::patch(&policy, json!({ "length": 41 })).refers()),
            ("policy_delete", Call::delete(&policy).refers()),
            ("access_list", Call::get(&at("/accesses"))),
            ("secret_access_list", Call::get(&of("/accesses")).refers()),
            ("settings_get", Call::get(&at("/settings"))),
            ("settings_update", Call::patch(&at("/settings"), json!({ "showHints": false }))),
            ("data_key_list", Call::get(&at("/data-keys"))),
            ("kv_data_read", Call::get(&kv("data/guarded")).refers()),
            ("kv_data_write", Call::post(&kv("data/new/one"), json!({ "data": { "a": 1 } }))),
            ("kv_latest_delete", Call::delete(&kv("data/guarded")).refers()),
            (
                "kv_versions_delete",
                Call::post(&kv("delete/guarded"), json!({ "versions": [1] })).refers(),
            ),
            (
                "kv_versions_undelete",
                Call::post(&kv("undelete/undone"), json!({ "versions": [1] })).refers(),
            ),
            (
                "kv_versions_destroy",
                Call::post(&kv("destroy/guarded"), json!({ "versions": [1] })).refers(),
            ),
            ("kv_metadata_list", Call::get(&kv("metadata?list=true"))),
            ("kv_metadata_read", Call::get(&kv("metadata/guarded")).refers()),
            (
                "kv_metadata_update",
                Call::post(&kv("metadata/guarded"), json!({ "max_versions": 5 })).refers(),
            ),
            ("kv_metadata_delete", Call::delete(&kv("metadata/rotated")).refers()),
            ("kv_token_lookup", Call::get(&at("/kv/v1/auth/token/lookup-self"))),
        ])
    })
}
