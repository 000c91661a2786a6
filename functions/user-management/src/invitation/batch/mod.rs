//! Many invitations at once: a job, row by row, each with its own result.

mod create;
mod csv;
mod judge;
mod read;
mod work;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{create::*, read::*};
}

pub use work::works;

use std::time::Duration;

use deserr::Deserr;
use millwright_core::{Faults, Line, Result, Tenant, Timestamp, wire_enum};
use millwright_event::Effects;
use millwright_http::Representation;
use millwright_job::{JobHead, JobStatus, JobSummary, Jobs, Limit, job_partition};
use millwright_store::{Item, Key};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    codes,
    domain::{Few, InvitationBatchId, InvitationBatchNoun, InvitationId, Message},
    events::{InvitationBatchCompleted, InvitationBatchData},
    work::JOBS,
};

wire_enum! {
    /// What a batch does.
    pub enum BatchKind {
        Invitations = "invitations",
    }
}

wire_enum! {
    /// What became of a row.
    pub enum RowStatus {
        Pending = "pending",
        Created = "created",
        Skipped = "skipped",
        Failed = "failed",
    }
}

/// The batches of invitations: one of an organization at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Batches;

impl Jobs for Batches {
    type Noun = InvitationBatchNoun;
    type Kind = BatchKind;
    type Details = RowCounts;
    type Extra = ();
    const SERVICE: &'static str = "user-management";
    const FUNCTION: &'static str = JOBS;
    const SLICE_DUE: &'static str = "users.invitation_batch.slice_due";
    const PARTITION: &'static str = "BATCH";

    fn limit(kind: BatchKind) -> Option<Limit> {
        Some(Limit { counter: kind.as_str(), most: 1, code: codes::BATCH_RUNNING })
    }

    fn ending(effects: &mut Effects, job: &JobSummary<Batches>) -> Result<()> {
        if job.status != JobStatus::Completed {
            return Ok(());
        }
        let RowCounts { created, skipped, failed, .. } = job.details;
        let batch_id = job.id;
        let data = InvitationBatchData { batch_id, created, skipped, failed };
        effects.emit(&InvitationBatchCompleted(data))
    }
}

/// What became of the rows so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowCounts {
    pub total: u64,
    pub created: u64,
    pub skipped: u64,
    pub failed: u64,
}

impl RowCounts {
    fn count(&mut self, status: RowStatus) {
        match status {
            RowStatus::Pending => {}
            RowStatus::Created => self.created += 1,
            RowStatus::Skipped => self.skipped += 1,
            RowStatus::Failed => self.failed += 1,
        }
    }

    fn processed(&self) -> u64 {
        self.created + self.skipped + self.failed
    }
}

/// A batch of invitations.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationBatch {
    /// Null for a dry run, of which nothing is kept.
    id: Option<InvitationBatchId>,
    status: JobStatus,
    total: u64,
    processed: u64,
    created: u64,
    skipped: u64,
    failed: u64,
    dry_run: bool,
    /// Of a dry run, what would become of the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    rows: Option<Vec<BatchRow>>,
    finished_at: Option<Timestamp>,
    version: u64,
    created_at: Timestamp,
    created_by: String,
}

impl InvitationBatch {
    fn of(job: JobSummary<Batches>) -> InvitationBatch {
        let counts = job.details;
        InvitationBatch {
            id: Some(job.id),
            status: job.status,
            total: counts.total,
            processed: counts.processed(),
            created: counts.created,
            skipped: counts.skipped,
            failed: counts.failed,
            dry_run: false,
            rows: None,
            finished_at: job.finished_at,
            version: job.version,
            created_at: job.created_at,
            created_by: job.created_by,
        }
    }
}

impl Representation for InvitationBatch {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        let id = self.id.map(|id| format!("/{id}")).unwrap_or_default();
        format!("/api/v1/invitations/batches{id}")
    }

    /// By who may read invitations: not everybody who sends them.
    fn can_be_read(&self) -> bool {
        false
    }
}

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchRow {
    /// From 0 on, as it was sent.
    pub index: u64,
    pub email: String,
    pub status: RowStatus,
    pub invitation_id: Option<InvitationId>,
    /// Why there is no invitation.
    pub code: Option<String>,
}

/// One row, as it was sent.
#[derive(Clone, Debug, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct RowIn {
    /// What is no address fails for itself.
    email: Line<1, 320>,
    /// The key of a built-in role, or the name of any; that of the settings if not given.
    #[deserr(default)]
    role: Option<Line<1, 100>>,
    /// Names of teams, wherever they stand; at most ten.
    #[deserr(default)]
    #[serde(default)]
    #[schema(required = false)]
    team_names: Few<Line<1, 200>, 0, 10>,
    #[deserr(default)]
    message: Option<Message>,
}

/// How long the rows of a batch are kept: longer than the batch.
const ROWS_KEPT: Duration = Duration::from_secs(45 * 24 * 3600);

/// What was sent, in one piece.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchInput {
    batch_id: InvitationBatchId,
    /// JSON.
    rows: String,
    expires_at: Timestamp,
}

impl BatchInput {
    fn place(tenant: &Tenant, id: InvitationBatchId) -> Key {
        job_partition::<Batches>(tenant, id).at("INPUT")
    }

    fn rows(&self) -> Result<Vec<RowIn>> {
        serde_json::from_str(&self.rows).map_err(millwright_core::Error::internal)
    }
}

impl Item for BatchInput {
    const KIND: &'static str = "batch_input";

    fn key(&self, tenant: &Tenant) -> Key {
        BatchInput::place(tenant, self.batch_id)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

/// What became of a row, stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RowItem {
    batch_id: InvitationBatchId,
    row: BatchRow,
    expires_at: Timestamp,
}

/// What the sort keys of rows begin with.
const ROWS: &str = "ROW#";

fn row_place(index: u64) -> String {
    format!("{ROWS}{index:04}")
}

impl Item for RowItem {
    const KIND: &'static str = "batch_row";

    fn key(&self, tenant: &Tenant) -> Key {
        job_partition::<Batches>(tenant, self.batch_id).at(row_place(self.row.index))
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

/// The batch, if there is one and it has not expired. One GetItem.
async fn head(
    store: &millwright_store::Store,
    tenant: &Tenant,
    id: InvitationBatchId,
) -> Result<JobHead<Batches>> {
    JobHead::<Batches>::read(store, tenant, id).await
}
