//! What can go wrong besides what can go wrong everywhere.

millwright_core::codes! {
    EVENT_TOO_OLD = Invalid "event_too_old" "The event is too old";
    EVENT_IN_FUTURE = Invalid "event_in_future" "The event is in the future";
    UNKNOWN_EVENT_TYPE = Invalid "unknown_event_type" "No category takes this type";
    METRIC_INVALID = Invalid "metric_invalid" "A metric is missing or no number";
    TENANT_MISMATCH = Invalid "tenant_mismatch" "The event names another organization";
    QUERY_TOO_LARGE = Invalid "query_too_large" "The query is too large";
    WINDOW_UNAVAILABLE = Invalid "window_unavailable" "There are no such windows";
    TIME_ZONE_UNAVAILABLE = Invalid "time_zone_unavailable" "Such days exist in another time zone";
    IDEMPOTENCY_KEY_REQUIRED = Invalid "idempotency_key_required" "Send an Idempotency-Key";
    DUPLICATE_DIFFERS = Conflict "duplicate_differs" "An event with this key and another body was counted before";
    CATEGORY_IN_USE = Conflict "category_in_use" "The category has counted already";
    SYSTEM_CATEGORY = Conflict "system_category" "The category is the system's";
    EVENT_TYPE_TAKEN = Conflict "event_type_taken" "Another category has this event type";
    SLUG_TAKEN = Conflict "slug_taken" "The slug is taken";
    PRICE_OVERLAP = Conflict "price_overlap" "Another price holds at that time";
    PRICE_STARTED = Conflict "price_started" "The price has begun";
    PAST_PRICE_NEEDS_REPRICE = Conflict "past_price_needs_reprice" "The price begins in the past";
    EVENT_ALREADY_VOIDED = Conflict "event_already_voided" "The event was voided before";
    CORRECTION_EXCEEDS_USAGE = Conflict "correction_exceeds_usage" "There is not so much to correct";
    RESERVATION_FINISHED = Conflict "reservation_finished" "The reservation is settled";
    JOB_RUNNING = Conflict "job_running" "Three jobs are queued or running";
    STATEMENT_FINAL = Conflict "statement_final" "The statement of that month is final";
    REFERENCE_TAKEN = Conflict "reference_taken" "Another reservation has this reference";
    TOO_MANY_LIMITS = Conflict "too_many_limits" "More than 20 limits would apply";
    LIMIT_CONTENDED = Unavailable "limit_contended" "Too many at once at one limit";
    INGEST_UNAVAILABLE = Unavailable "ingest_unavailable" "Events cannot be taken at the moment";
}
