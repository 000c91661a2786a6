//! auth under guard.

use std::{collections::BTreeMap, sync::Arc};

use auth::Auth;
use futures::future::BoxFuture;
use millwright_testkit::{Contract, TestApp};
use serde_json::json;

use crate::{
    MINE,
    fixture::{Call, Guarded},
};

pub fn guarded() -> Guarded {
    let service = auth::service();
    let contract = Arc::new(Contract::new((service.openapi)()));
    Guarded {
        service,
        router: |platform, store, _files| auth::router(Auth::new(platform, store)),
        contract,
        calls,
        further: &[],
    }
}

/// One call for each operation, which succeeds for an owner. Titles differ from those of the
/// examples in the document, which run in the same scene.
fn calls(app: TestApp) -> BoxFuture<'static, BTreeMap<&'static str, Call>> {
    Box::pin(async move {
        let owner = app.client(MINE, "owner");
        let all = "/api/v1/auth/sessions";
        let made = owner.post(all, json!({ "title": "T" })).await.expect(201);
        let one = format!("{all}/{}", made["id"].as_str().unwrap());
        BTreeMap::from([
            ("health_get", Call::get("/api/v1/auth/health")),
            ("readiness_get", Call::get("/api/v1/auth/ready")),
            ("session_create", Call::post(all, json!({ "title": "N" }))),
            ("session_list", Call::get(all)),
            ("session_get", Call::get(&one).refers()),
            ("session_update", Call::patch(&one, json!({ "title": "X" })).refers()),
            ("session_delete", Call::delete(&one).refers()),
        ])
    })
}
