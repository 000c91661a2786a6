//! The table of contents: every operation of planning, grouped by noun.

use millwright_http::{Api, operation};

use crate::{
    app::Planning,
    codes::{
        CONTENTION, CRITERIA_UNMET, KEY_TAKEN, PROJECT_ARCHIVED, REVIEW_REQUIRED,
        UNSUPPORTED_FILTER,
    },
    comment, history, job, key, project, summary, task,
};
use millwright_core::codes::{INVALID_STATE, LIMIT_REACHED, NAME_TAKEN, NOT_FOUND};

/// All operations of planning.
pub fn api() -> Api<Planning> {
    Api::new("planning", "planning")
        // projects
        .with(operation!(project::project_create).answers(&[KEY_TAKEN, NAME_TAKEN, LIMIT_REACHED]))
        .with(operation!(project::project_list).answers(&[UNSUPPORTED_FILTER]))
        .with(operation!(project::project_get))
        .with(operation!(project::project_update).answers(&[
            PROJECT_ARCHIVED,
            NAME_TAKEN,
            CONTENTION,
        ]))
        .with(operation!(project::project_archive).answers(&[INVALID_STATE, CONTENTION]))
        .with(operation!(project::project_unarchive).answers(&[INVALID_STATE, CONTENTION]))
        .with(operation!(summary::project_summary))
        .with(operation!(history::project_history_list))
        // tasks
        .with(operation!(task::task_create).answers(&[
            NOT_FOUND,
            PROJECT_ARCHIVED,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(task::task_list).answers(&[NOT_FOUND, UNSUPPORTED_FILTER]))
        .with(operation!(task::task_get))
        .with(operation!(task::task_update).answers(&[PROJECT_ARCHIVED, CONTENTION]))
        .with(operation!(task::task_delete).answers(&[PROJECT_ARCHIVED, CONTENTION]))
        .with(operation!(task::task_restore).answers(&[PROJECT_ARCHIVED, CONTENTION]))
        .with(operation!(task::task_transition).answers(&[
            INVALID_STATE,
            CRITERIA_UNMET,
            REVIEW_REQUIRED,
            PROJECT_ARCHIVED,
            CONTENTION,
        ]))
        .with(operation!(history::task_history_list))
        // comments of tasks
        .with(operation!(comment::task_comment_list))
        .with(operation!(comment::task_comment_create).answers(&[PROJECT_ARCHIVED, LIMIT_REACHED]))
        .with(operation!(comment::task_comment_update).answers(&[PROJECT_ARCHIVED, CONTENTION]))
        .with(operation!(comment::task_comment_delete).answers(&[PROJECT_ARCHIVED, CONTENTION]))
        // uploads and jobs
        .with(operation!(job::upload_create))
        .with(operation!(job::job_list).answers(&[NOT_FOUND]))
        .with(operation!(job::job_get))
        .with(operation!(job::job_cancel).answers(&[INVALID_STATE, CONTENTION]))
        .with(operation!(job::job_row_list))
        .with(operation!(job::job_result_get).answers(&[INVALID_STATE]))
        // keys
        .with(operation!(key::key_resolve))
}
