//! The table of contents: every operation of usage-tracking.

use axum::Router;
use millwright_core::codes::{CONTENTION, LIMIT_REACHED, NAME_TAKEN, NOT_FOUND};
use millwright_http::{Api, Purpose, Serving, operation};

use crate::{
    alert,
    app::UsageTracking,
    category,
    codes::{
        CATEGORY_IN_USE, CORRECTION_EXCEEDS_USAGE, EVENT_ALREADY_VOIDED, EVENT_IN_FUTURE,
        EVENT_TOO_OLD, EVENT_TYPE_TAKEN, IDEMPOTENCY_KEY_REQUIRED, INGEST_UNAVAILABLE, JOB_RUNNING,
        LIMIT_CONTENDED, PAST_PRICE_NEEDS_REPRICE, PRICE_OVERLAP, PRICE_STARTED, QUERY_TOO_LARGE,
        REFERENCE_TAKEN, RESERVATION_FINISHED, SLUG_TAKEN, STATEMENT_FINAL, SYSTEM_CATEGORY,
        TENANT_MISMATCH, TOO_MANY_LIMITS, WINDOW_UNAVAILABLE,
    },
    event, job, limits, meter, price, query, settings, statement,
};

/// `usage-tracking`, served.
pub fn router(state: UsageTracking) -> Router {
    api::<Serving>().router(state)
}

/// All operations of usage-tracking.
pub fn api<P: Purpose>() -> Api<UsageTracking, P> {
    let api = Api::new("usage-tracking", "usage");
    with_prices(with_limits(with_reports(with_events(api))))
}

fn with_events<P: Purpose>(api: Api<UsageTracking, P>) -> Api<UsageTracking, P> {
    api.with(operation!(event::event_ingest).answers(&[
        EVENT_TOO_OLD,
        EVENT_IN_FUTURE,
        TENANT_MISMATCH,
        INGEST_UNAVAILABLE,
    ]))
    .with(operation!(event::event_ingest_batch).answers(&[INGEST_UNAVAILABLE]))
    .with(operation!(event::event_list))
    .with(operation!(event::event_get))
    .with(operation!(event::event_void).answers(&[
        EVENT_ALREADY_VOIDED,
        STATEMENT_FINAL,
        CONTENTION,
    ]))
    .with(operation!(event::correction_create).answers(&[
        NOT_FOUND,
        EVENT_TOO_OLD,
        EVENT_IN_FUTURE,
        CORRECTION_EXCEEDS_USAGE,
        CONTENTION,
    ]))
    .with(operation!(event::rejection_list))
}

fn with_reports<P: Purpose>(api: Api<UsageTracking, P>) -> Api<UsageTracking, P> {
    api.with(operation!(category::category_create).answers(&[
        NAME_TAKEN,
        LIMIT_REACHED,
        EVENT_TYPE_TAKEN,
        SYSTEM_CATEGORY,
    ]))
    .with(operation!(category::category_list))
    .with(operation!(category::category_get))
    .with(operation!(category::category_update).answers(&[
        EVENT_TYPE_TAKEN,
        SYSTEM_CATEGORY,
        CATEGORY_IN_USE,
        CONTENTION,
    ]))
    .with(operation!(job::category_reclassify).answers(&[SYSTEM_CATEGORY, JOB_RUNNING]))
    .with(operation!(category::category_archive).answers(&[SYSTEM_CATEGORY, CONTENTION]))
    .with(operation!(meter::meter_create).answers(&[SLUG_TAKEN, LIMIT_REACHED]))
    .with(operation!(meter::meter_list))
    .with(operation!(meter::meter_get))
    .with(operation!(meter::meter_update).answers(&[CONTENTION]))
    .with(operation!(meter::meter_archive).answers(&[CONTENTION]))
    .with(operation!(query::meter_query).answers(&[QUERY_TOO_LARGE, WINDOW_UNAVAILABLE]))
    .with(operation!(query::meter_value_list).answers(&[QUERY_TOO_LARGE, WINDOW_UNAVAILABLE]))
    .with(operation!(query::usage_query).answers(&[NOT_FOUND, QUERY_TOO_LARGE, WINDOW_UNAVAILABLE]))
    .with(operation!(query::usage_summary).answers(&[QUERY_TOO_LARGE, WINDOW_UNAVAILABLE]))
    .with(operation!(query::usage_realtime).answers(&[QUERY_TOO_LARGE]))
    .with(operation!(query::metrics_get).answers(&[QUERY_TOO_LARGE]))
}

fn with_limits<P: Purpose>(api: Api<UsageTracking, P>) -> Api<UsageTracking, P> {
    api.with(operation!(limits::limit_effective).answers(&[NOT_FOUND]))
        .with(operation!(limits::limit_check).answers(&[NOT_FOUND]))
        .with(operation!(limits::limit_consume).answers(&[
            NOT_FOUND,
            IDEMPOTENCY_KEY_REQUIRED,
            LIMIT_CONTENDED,
        ]))
        .with(operation!(limits::reservation_create).answers(&[
            NOT_FOUND,
            IDEMPOTENCY_KEY_REQUIRED,
            REFERENCE_TAKEN,
            LIMIT_CONTENDED,
        ]))
        .with(operation!(limits::reservation_list))
        .with(operation!(limits::reservation_get))
        .with(operation!(limits::reservation_commit).answers(&[RESERVATION_FINISHED, CONTENTION]))
        .with(operation!(limits::reservation_release).answers(&[RESERVATION_FINISHED, CONTENTION]))
        .with(operation!(limits::reservation_extend).answers(&[RESERVATION_FINISHED, CONTENTION]))
        .with(operation!(limits::quota_create).answers(&[
            NAME_TAKEN,
            LIMIT_REACHED,
            TOO_MANY_LIMITS,
        ]))
        .with(operation!(limits::quota_list))
        .with(operation!(limits::quota_get))
        .with(operation!(limits::quota_update).answers(&[NAME_TAKEN, CONTENTION]))
        .with(operation!(limits::quota_archive).answers(&[CONTENTION]))
        .with(operation!(limits::quota_status))
        .with(operation!(limits::quota_top_up))
        .with(operation!(limits::budget_create).answers(&[
            NAME_TAKEN,
            LIMIT_REACHED,
            TOO_MANY_LIMITS,
        ]))
        .with(operation!(limits::budget_list))
        .with(operation!(limits::budget_get))
        .with(operation!(limits::budget_update).answers(&[NAME_TAKEN, CONTENTION]))
        .with(operation!(limits::budget_archive).answers(&[CONTENTION]))
        .with(operation!(limits::budget_status))
        .with(operation!(limits::budget_top_up))
}

fn with_prices<P: Purpose>(api: Api<UsageTracking, P>) -> Api<UsageTracking, P> {
    api.with(operation!(price::price_create).answers(&[
        NOT_FOUND,
        LIMIT_REACHED,
        PRICE_OVERLAP,
        PAST_PRICE_NEEDS_REPRICE,
        JOB_RUNNING,
        CONTENTION,
    ]))
    .with(operation!(price::price_list))
    .with(operation!(price::price_effective).answers(&[NOT_FOUND]))
    .with(operation!(price::price_get))
    .with(operation!(price::price_update).answers(&[
        PRICE_OVERLAP,
        PRICE_STARTED,
        PAST_PRICE_NEEDS_REPRICE,
        CONTENTION,
    ]))
    .with(operation!(price::price_delete).answers(&[PRICE_STARTED, CONTENTION]))
    .with(operation!(price::global_price_create).answers(&[
        NOT_FOUND,
        LIMIT_REACHED,
        PRICE_OVERLAP,
        PAST_PRICE_NEEDS_REPRICE,
        CONTENTION,
    ]))
    .with(operation!(price::global_price_list))
    .with(operation!(price::global_price_get))
    .with(operation!(price::global_price_update).answers(&[
        PRICE_OVERLAP,
        PRICE_STARTED,
        PAST_PRICE_NEEDS_REPRICE,
        CONTENTION,
    ]))
    .with(operation!(price::global_price_delete).answers(&[PRICE_STARTED, CONTENTION]))
    .with(operation!(job::repricing_start).answers(&[NOT_FOUND, JOB_RUNNING]))
    .with(operation!(job::export_create).answers(&[JOB_RUNNING]))
    .with(operation!(statement::statement_list))
    .with(operation!(statement::statement_get).answers(&[QUERY_TOO_LARGE]))
    .with(operation!(job::job_list))
    .with(operation!(job::job_get))
    .with(operation!(settings::settings_get))
    .with(operation!(settings::settings_update).answers(&[CONTENTION]))
    .with(operation!(alert::alert_list))
    .with(operation!(alert::alert_get))
    .with(operation!(alert::alert_acknowledge).answers(&[CONTENTION]))
    .with(operation!(alert::alert_resolve).answers(&[CONTENTION]))
}
