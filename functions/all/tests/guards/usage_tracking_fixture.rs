//! usage-tracking under guard.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::BoxFuture;
use millwright_testkit::{Client, Contract, TestApp};
use serde_json::{Value, json};
use usage_tracking::{Usage, UsageTracking, doubles::StoredQueue, ingest::Ingest};

use crate::{
    MINE,
    fixture::{By, Call, Guarded},
};

pub fn guarded() -> Guarded {
    let service = usage_tracking::service();
    let contract = Arc::new(Contract::new((service.openapi)()));
    Guarded {
        service,
        router: |platform, store, files| {
            let queue = Arc::new(StoredQueue(store.clone()));
            usage_tracking::router(UsageTracking::new(platform, store, queue, files))
        },
        contract,
        calls,
        further: &[],
        owner: consuming_owner,
        skipping_unknown: &[],
        // Told by workers, or once something has been used: the tests of the service see to them.
        said_elsewhere: &[
            "usage.limit.denied",
            "usage.reservation.expired",
            "usage.reservation.overran",
            "usage.alert.raised",
            "usage.quota.threshold_reached",
            "usage.quota.exceeded",
            "usage.budget.threshold_reached",
            "usage.budget.exceeded",
            "usage.anomaly.detected",
            "usage.export.completed",
            "usage.job.failed",
            "usage.statement.finalized",
        ],
    }
}

/// No built-in role consumes: an owner who also holds that.
fn consuming_owner(app: &TestApp) -> Client {
    app.client_with(MINE, "usage.* usage.price.manage usage.settings.manage")
}

/// One call for each operation, which succeeds for who may. Names differ from those of the
/// examples in the document, which run in the same scene.
fn calls(app: TestApp) -> BoxFuture<'static, BTreeMap<&'static str, Call>> {
    Box::pin(async move {
        let owner = consuming_owner(&app);
        let u = "/api/v1/usage";
        let at = |path: &str| format!("{u}/{path}");
        let made = async |path: &str, body: Value| {
            let answer = owner.post_with(&at(path), &[("idempotency-key", path)], body).await;
            let made = answer.expect(201);
            let name = ["id", "code"].into_iter().find_map(|name| made[name].as_str());
            at(&format!("{path}/{}", name.unwrap()))
        };
        let category = made(
            "categories",
            json!({
                "code": "build.minutes", "name": "Builds", "eventTypes": ["ci.build.finished"],
                "metrics": [{ "name": "seconds", "pointer": "/seconds" }],
                "dimensions": [{ "name": "runner", "pointer": "/runner" }],
            }),
        )
        .await;
        let event = json!({
            "specversion": "1.0", "id": "g", "source": "/ci", "type": "ci.build.finished",
            "data": { "seconds": 1, "runner": "small" },
        });
        let id = owner.post(&at("events"), event.clone()).await.expect(202)["id"].clone();
        let event_place = at(&format!("events/{}", id.as_str().unwrap()));
        let store = app.database.store();
        let deliveries = StoredQueue::deliveries(&store).await.unwrap();
        Ingest::new(Usage::new(store)).consume(deliveries).await;
        let meter = made(
            "meters",
            json!({ "slug": "builds", "name": "Builds", "categoryPattern": "build.minutes", "aggregation": "count" }),
        )
        .await;
        let quota = made(
            "quotas",
            json!({ "name": "Q", "categoryPattern": "ai.*", "measure": "count", "period": "day", "limit": 9, "enforcement": "hard" }),
        )
        .await;
        let budget =
            made("budgets", json!({ "name": "B", "period": "month", "amountMicros": 9_000_000 }))
                .await;
        let reservation =
            made("reservations", json!({ "categoryCode": "ai.completion", "amounts": {} })).await;
        let later = "2027-01-01T00:00:00Z";
        let price = made(
            "prices",
            json!({ "categoryCode": "mcp.tool", "metric": "count", "model": "per_unit", "unitPriceMicros": 1, "effectiveFrom": later }),
        )
        .await;
        let global = json!({ "categoryCode": "mcp.tool", "metric": "count", "model": "per_unit", "unitPriceMicros": 1, "effectiveFrom": later });
        let global = app.operator().post(&at("global-prices"), global).await.expect(201);
        let global = at(&format!("global-prices/{}", global["id"].as_str().unwrap()));
        let alert = usage_tracking::doubles::raise(&app.database.store(), &owner.tenant()).await;
        let alert = at(&format!("alerts/{alert}"));
        let month = json!({ "from": "2026-11-01T00:00:00Z", "to": "2026-11-23T00:00:00Z" });
        let export = json!({ "kind": "series", "format": "csv", "from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z" });
        let job = owner.post(&at("exports"), export.clone()).await.expect(202);
        let job = at(&format!("jobs/{}", job["id"].as_str().unwrap()));
        let mut repriced = month.clone();
        repriced["categoryCode"] = json!("build.minutes");
        let using = json!({ "categoryCode": "ai.completion", "amounts": { "count": 2 } });
        let on = |place: &str, action: &str| format!("{place}/{action}");
        let from = "from=2026-11-23T00:00:00Z";
        BTreeMap::from([
            ("health_get", Call::get(&at("health"))),
            ("readiness_get", Call::get(&at("ready"))),
            ("event_ingest", Call::post(&at("events"), event.clone())),
            ("event_ingest_batch", Call::post(&at("events/batch"), json!([event]))),
            ("event_list", Call::get(&at("events"))),
            ("event_get", Call::get(&event_place).refers()),
            ("event_void", Call::post(&on(&event_place, "void"), json!({ "reason": "r" })).refers()),
            (
                "correction_create",
                Call::post(
                    &at("corrections"),
                    json!({ "categoryCode": "build.minutes", "time": "2026-11-23T01:00:00Z", "quantities": { "seconds": 1 }, "reason": "r" }),
                )
                .refers(),
            ),
            ("rejection_list", Call::get(&at("rejections"))),
            ("category_create", Call::post(&at("categories"), json!({ "code": "x.y", "name": "X" }))),
            ("category_list", Call::get(&at("categories"))),
            ("category_get", Call::get(&category).refers()),
            ("category_update", Call::patch(&category, json!({ "name": "Y" })).refers()),
            ("category_reclassify", Call::post(&on(&category, "reclassify"), month.clone()).refers()),
            ("repricing_start", Call::post(&at("reprice"), repriced).refers()),
            ("export_create", Call::post(&at("exports"), export)),
            ("statement_list", Call::get(&at("statements"))),
            ("statement_get", Call::get(&at("statements/2026-11"))),
            ("job_list", Call::get(&at("jobs"))),
            ("job_get", Call::get(&job).refers()),
            ("category_archive", Call::delete(&category).refers()),
            (
                "meter_create",
                Call::post(&at("meters"), json!({ "slug": "all", "name": "A", "categoryPattern": "*", "aggregation": "count" })),
            ),
            ("meter_list", Call::get(&at("meters"))),
            ("meter_get", Call::get(&meter).refers()),
            ("meter_update", Call::patch(&meter, json!({ "name": "Y" })).refers()),
            ("meter_archive", Call::delete(&meter).refers()),
            ("meter_query", Call::get(&format!("{meter}/query?{from}")).refers()),
            ("meter_value_list", Call::get(&format!("{meter}/values/runner?{from}")).refers()),
            (
                "usage_query",
                Call::post(&at("query"), json!({ "categoryPattern": "build.minutes", "measures": ["count"], "from": "2026-11-23T00:00:00Z" }))
                    .refers(),
            ),
            ("usage_summary", Call::get(&at(&format!("summary?{from}")))),
            ("usage_realtime", Call::get(&at("realtime"))),
            ("metrics_get", Call::get(&at("metrics"))),
            ("limit_effective", Call::get(&at("limits/effective?categoryCode=ai.completion"))),
            ("limit_check", Call::post(&at("limits/check"), using.clone())),
            ("limit_consume", Call::post(&at("limits/consume"), using.clone()).with("idempotency-key", "c")),
            ("reservation_create", Call::post(&at("reservations"), using.clone()).with("idempotency-key", "r")),
            ("reservation_list", Call::get(&at("reservations"))),
            ("reservation_get", Call::get(&reservation).refers()),
            ("reservation_commit", Call::post(&on(&reservation, "commit"), json!({ "amounts": { "count": 1 } }))),
            ("reservation_release", Call::post(&on(&reservation, "release"), json!({}))),
            ("reservation_extend", Call::post(&on(&reservation, "extend"), json!({ "ttlSeconds": 60 }))),
            (
                "quota_create",
                Call::post(&at("quotas"), json!({ "name": "N", "categoryPattern": "*", "measure": "count", "period": "day", "limit": 1, "enforcement": "warn" })),
            ),
            ("quota_list", Call::get(&at("quotas"))),
            ("quota_get", Call::get(&quota).refers()),
            ("quota_update", Call::patch(&quota, json!({ "limit": 2 })).refers()),
            ("quota_archive", Call::delete(&quota).refers()),
            ("quota_status", Call::get(&on(&quota, "status")).refers()),
            ("quota_top_up", Call::post(&on(&quota, "top-ups"), json!({ "quantity": 1, "reason": "r" })).refers()),
            ("budget_create", Call::post(&at("budgets"), json!({ "name": "N", "period": "month", "amountMicros": 1 }))),
            ("budget_list", Call::get(&at("budgets"))),
            ("budget_get", Call::get(&budget).refers()),
            ("budget_update", Call::patch(&budget, json!({ "amountMicros": 2 })).refers()),
            ("budget_archive", Call::delete(&budget).refers()),
            ("budget_status", Call::get(&on(&budget, "status")).refers()),
            (
                "price_create",
                Call::post(&at("prices"), json!({ "categoryCode": "search.query", "metric": "count", "model": "per_unit", "unitPriceMicros": 1 })),
            ),
            ("price_list", Call::get(&at("prices"))),
            ("price_effective", Call::get(&at("prices/effective?categoryCode=mcp.tool&metric=count"))),
            ("price_get", Call::get(&price).refers()),
            ("price_update", Call::patch(&price, json!({ "unitPriceMicros": 2 })).refers()),
            ("price_delete", Call::delete(&price).refers()),
            (
                "global_price_create",
                Call::post(&at("global-prices"), json!({ "categoryCode": "search.query", "metric": "count", "model": "per_unit", "unitPriceMicros": 1 })).by(By::Operator),
            ),
            ("global_price_list", Call::get(&at("global-prices")).by(By::Operator)),
            ("global_price_get", Call::get(&global).by(By::Operator)),
            (
                "global_price_update",
                Call::patch(&global, json!({ "unitPriceMicros": 2 })).by(By::Operator),
            ),
            ("global_price_delete", Call::delete(&global).by(By::Operator)),
            ("settings_get", Call::get(&at("settings"))),
            ("settings_update", Call::patch(&at("settings"), json!({ "timeZone": "Asia/Kathmandu" }))),
            ("alert_list", Call::get(&at("alerts"))),
            ("alert_get", Call::get(&alert).refers()),
            ("alert_acknowledge", Call::post(&on(&alert, "acknowledge"), json!({ "note": "n" })).refers()),
            ("alert_resolve", Call::post(&on(&alert, "resolve"), json!({ "note": "n" })).refers()),
            ("budget_top_up", Call::post(&on(&budget, "top-ups"), json!({ "amountMicros": 1, "reason": "r" })).refers()),
        ])
    })
}
