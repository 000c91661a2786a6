//! The problem codes of planning, beside the shared ones.

millwright_core::codes! {
    UNSUPPORTED_FILTER = Invalid "unsupported_filter" "No index serves this combination of filters";
    REVIEW_REQUIRED = Conflict "review_required" "The project lets tasks be done only from review";
    CRITERIA_UNMET = Conflict "criteria_unmet" "An acceptance criterion is not met";
    PROJECT_ARCHIVED = Conflict "project_archived" "The project is archived and read-only";
    KEY_TAKEN = Conflict "key_taken" "The project key is taken";
    PROJECT_BUSY = Conflict "project_busy" "A job of the project is running";
    JOB_LIMIT = RateLimited "job_limit" "Too many jobs at once";
    UPLOAD_MISSING = Invalid "upload_missing" "The upload was never sent";
    CONTENTION = Unavailable "contention" "Too many writers at once";
}
