//! The problem codes of planning, beside the shared ones.

millwright_core::codes! {
    UNSUPPORTED_FILTER = Invalid "unsupported_filter" "No index serves this combination of filters";
    TASK_NOT_READY = Conflict "task_not_ready" "A blocker of the task is not done";
    OPEN_SUBTASKS = Conflict "open_subtasks" "A subtask is not done";
    REVIEW_REQUIRED = Conflict "review_required" "The project lets tasks be done only from review";
    CRITERIA_UNMET = Conflict "criteria_unmet" "An acceptance criterion is not met";
    ALREADY_CLAIMED = Conflict "already_claimed" "Somebody works on the task";
    PROJECT_ARCHIVED = Conflict "project_archived" "The project is archived and read-only";
    PROJECT_BUSY = Conflict "project_busy" "A job works on the project";
    RELATION_CYCLE = Conflict "relation_cycle" "The relation would close a cycle";
    DEPTH_EXCEEDED = Conflict "depth_exceeded" "The subtasks would be nested too deep";
    GRAPH_TOO_LARGE = Conflict "graph_too_large" "Too many tasks are connected to check them at once";
    KEY_TAKEN = Conflict "key_taken" "The project key is taken";
    EXTERNAL_ID_TAKEN = Conflict "external_id_taken" "Another task has this external id";
    JOB_LIMIT = RateLimited "job_limit" "Too many jobs at once";
    IMPORT_UNREADABLE = Invalid "import_unreadable" "The file cannot be read";
    UPLOAD_MISSING = Invalid "upload_missing" "The upload was never sent";
}
