//! user-management under guard.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::BoxFuture;
use millwright_testkit::{Contract, TestApp};
use serde_json::json;
use user_management::UserManagement;

use crate::{
    MINE,
    fixture::{Call, Guarded},
};

pub fn guarded() -> Guarded {
    let service = user_management::service();
    let contract = Arc::new(Contract::new((service.openapi)()));
    Guarded {
        service,
        router: |platform, store, _files| {
            user_management::router(UserManagement::new(platform, store))
        },
        contract,
        calls,
        further: &[],
        owner: crate::fixture::owner,
        skipping_unknown: &[],
        said_elsewhere: &[],
    }
}

/// One call for each operation, which succeeds for an owner. Titles differ from those of the
/// examples in the document, which run in the same scene.
fn calls(app: TestApp) -> BoxFuture<'static, BTreeMap<&'static str, Call>> {
    Box::pin(async move {
        let owner = app.client(MINE, "owner");
        let all = "/api/v1/organizations/organizations";
        let made = owner.post(all, json!({ "title": "T" })).await.expect(201);
        let one = format!("{all}/{}", made["id"].as_str().unwrap());
        BTreeMap::from([
            ("health_get", Call::get("/api/v1/organizations/health")),
            ("readiness_get", Call::get("/api/v1/organizations/ready")),
            ("organization_create", Call::post(all, json!({ "title": "N" }))),
            ("organization_list", Call::get(all)),
            ("organization_get", Call::get(&one).refers()),
            ("organization_update", Call::patch(&one, json!({ "title": "X" })).refers()),
            ("organization_delete", Call::delete(&one).refers()),
        ])
    })
}
