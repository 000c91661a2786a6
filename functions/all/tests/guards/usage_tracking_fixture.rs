//! usage-tracking under guard.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::BoxFuture;
use millwright_testkit::{Contract, TestApp};
use serde_json::json;
use usage_tracking::UsageTracking;

use crate::{
    MINE,
    fixture::{Call, Guarded},
};

pub fn guarded() -> Guarded {
    let service = usage_tracking::service();
    let contract = Arc::new(Contract::new((service.openapi)()));
    Guarded {
        service,
        router: |platform, store, _files| {
            usage_tracking::router(UsageTracking::new(platform, store))
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
        let all = "/api/v1/usage/quotas";
        let made = owner.post(all, json!({ "title": "T" })).await.expect(201);
        let one = format!("{all}/{}", made["id"].as_str().unwrap());
        BTreeMap::from([
            ("health_get", Call::get("/api/v1/usage/health")),
            ("readiness_get", Call::get("/api/v1/usage/ready")),
            ("quota_create", Call::post(all, json!({ "title": "N" }))),
            ("quota_list", Call::get(all)),
            ("quota_get", Call::get(&one).refers()),
            ("quota_update", Call::patch(&one, json!({ "title": "X" })).refers()),
            ("quota_delete", Call::delete(&one).refers()),
        ])
    })
}
