//! The table of contents: every operation of planning, grouped by noun.

use axum::Router;
use millwright_http::{Api, Platform, Purpose, Serving, operation};

use crate::{
    app::{Planning, Served},
    codes::{
        ALREADY_CLAIMED, CRITERIA_UNMET, DEPTH_EXCEEDED, EXTERNAL_ID_TAKEN, GRAPH_TOO_LARGE,
        JOB_LIMIT, KEY_TAKEN, OPEN_SUBTASKS, PROJECT_ARCHIVED, PROJECT_BUSY, RELATION_CYCLE,
        REVIEW_REQUIRED, TASK_NOT_READY, UNSUPPORTED_FILTER,
    },
    comment, export, history, import, job, key, project, relation, summary, task, watch,
};
use millwright_core::codes::{CONTENTION, INVALID_STATE, LIMIT_REACHED, NAME_TAKEN, NOT_FOUND};

/// Planning, served.
pub fn router(platform: Platform, planning: Planning) -> Router {
    api::<Serving>().router(Served { platform, planning })
}

/// All operations of planning.
pub fn api<P: Purpose>() -> Api<Served, P> {
    Api::new("planning", "planning")
        // projects
        .with(operation!(project::project_create).answers(&[KEY_TAKEN, NAME_TAKEN, LIMIT_REACHED]))
        .with(operation!(project::project_list).answers(&[UNSUPPORTED_FILTER]))
        .with(operation!(project::project_get))
        .with(operation!(project::change::project_update).answers(&[
            PROJECT_ARCHIVED,
            NAME_TAKEN,
            CONTENTION,
        ]))
        .with(operation!(project::change::project_archive).answers(&[
            INVALID_STATE,
            PROJECT_BUSY,
            CONTENTION,
        ]))
        .with(operation!(project::change::project_unarchive).answers(&[INVALID_STATE, CONTENTION]))
        .with(operation!(project::change::project_delete).answers(&[INVALID_STATE, CONTENTION]))
        .with(operation!(project::change::project_restore).answers(&[
            NAME_TAKEN,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(summary::project_summary))
        .with(operation!(history::project_history_list))
        // tasks
        .with(operation!(task::task_create).answers(&[
            NOT_FOUND,
            PROJECT_ARCHIVED,
            DEPTH_EXCEEDED,
            EXTERNAL_ID_TAKEN,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(task::task_list).answers(&[NOT_FOUND, UNSUPPORTED_FILTER]))
        .with(operation!(task::task_get))
        .with(operation!(task::task_update).answers(&[
            PROJECT_ARCHIVED,
            RELATION_CYCLE,
            DEPTH_EXCEEDED,
            EXTERNAL_ID_TAKEN,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(task::task_delete).answers(&[PROJECT_ARCHIVED, OPEN_SUBTASKS, CONTENTION]))
        .with(operation!(task::task_restore).answers(&[
            PROJECT_ARCHIVED,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(task::task_transition).answers(&[
            INVALID_STATE,
            TASK_NOT_READY,
            OPEN_SUBTASKS,
            CRITERIA_UNMET,
            REVIEW_REQUIRED,
            PROJECT_ARCHIVED,
            CONTENTION,
        ]))
        .with(operation!(task::task_claim).answers(&[
            ALREADY_CLAIMED,
            INVALID_STATE,
            TASK_NOT_READY,
            PROJECT_ARCHIVED,
            CONTENTION,
        ]))
        .with(operation!(task::task_move).answers(&[
            INVALID_STATE,
            PROJECT_ARCHIVED,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(task::task_batch))
        .with(operation!(task::task_subtask_list))
        .with(operation!(history::task_history_list))
        // relations of tasks
        .with(operation!(relation::task_relation_list))
        .with(operation!(relation::task_relation_add).answers(&[
            RELATION_CYCLE,
            GRAPH_TOO_LARGE,
            PROJECT_ARCHIVED,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(relation::task_relation_remove).answers(&[PROJECT_ARCHIVED, CONTENTION]))
        .with(operation!(relation::task_readiness))
        // watchers of tasks
        .with(operation!(watch::task_watcher_list))
        .with(operation!(watch::task_watch).answers(&[PROJECT_ARCHIVED, LIMIT_REACHED, CONTENTION]))
        .with(operation!(watch::task_unwatch).answers(&[PROJECT_ARCHIVED]))
        // comments of tasks
        .with(operation!(comment::task_comment_list))
        .with(operation!(comment::task_comment_create).answers(&[
            PROJECT_ARCHIVED,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(comment::task_comment_update).answers(&[PROJECT_ARCHIVED, CONTENTION]))
        .with(operation!(comment::task_comment_delete).answers(&[PROJECT_ARCHIVED, CONTENTION]))
        // uploads and jobs
        .with(operation!(job::upload_create))
        .with(operation!(job::job_list).answers(&[NOT_FOUND]))
        .with(operation!(job::job_get))
        .with(operation!(job::job_cancel).answers(&[INVALID_STATE, CONTENTION]))
        .with(operation!(job::job_row_list))
        .with(operation!(job::job_result_get).answers(&[INVALID_STATE]))
        // import and export
        .with(operation!(import::import_create).answers(&[
            NOT_FOUND,
            PROJECT_ARCHIVED,
            JOB_LIMIT,
            CONTENTION,
        ]))
        .with(operation!(export::export_create).answers(&[
            NOT_FOUND,
            PROJECT_ARCHIVED,
            JOB_LIMIT,
            CONTENTION,
        ]))
        // keys
        .with(operation!(key::key_resolve))
}
