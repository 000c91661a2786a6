//! Sending a batch of invitations.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::OrganizationStatus;
use millwright_core::{Error, Fault, FaultCode, Faults, Result, Tenant, UserId, codes as shared};
use millwright_http::{Allowed, Answered, FromCsv, Rehearsable, Tabular};
use millwright_job::{JobStatus, NewJob};
use utoipa::ToSchema;

use super::{
    BatchInput, BatchKind, BatchRow, InvitationBatch, ROWS_KEPT, RowCounts, RowIn, RowStatus, csv,
    judge::Judge,
};
use crate::{app::UserManagement, permissions::InvitationCreate};

/// The most rows of a batch.
const MAX_ROWS: usize = 1_000;
/// All of them are one item.
const MAX_BYTES: usize = 300 * 1024;

/// Many people are invited.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "rows": [{ "email": "grace@example.com", "role": "member", "teamNames": [] }],
    "dryRun": true,
}))]
pub struct InvitationBatchIn {
    /// 1-1,000; together at most 300 KB.
    #[schema(min_items = 1, max_items = 1_000)]
    rows: Vec<RowIn>,
    /// Only tells what would become of the rows.
    #[deserr(default)]
    #[schema(required = false)]
    dry_run: bool,
}

impl InvitationBatchIn {
    fn check(&self) -> Result<(), Faults> {
        let fault = |code, detail: String| Err(Faults::of(Fault::new("/rows", code, detail)));
        match self.rows.len() {
            0 => fault(FaultCode::TooShort, "must have a row".to_owned()),
            rows if rows > MAX_ROWS => {
                fault(FaultCode::TooLong, format!("must have at most {MAX_ROWS} rows, has {rows}"))
            }
            _ => Ok(()),
        }
    }
}

impl FromCsv for InvitationBatchIn {
    fn from_csv(text: &str) -> Result<InvitationBatchIn> {
        let batch = serde_json::json!({ "rows": csv::rows(text)? });
        Ok(deserr::deserialize::<_, _, Faults>(batch)?)
    }
}

/// Invite many people
///
/// As JSON, or as CSV in UTF-8 with a header of `email`, `role`, `teamNames` (several with `;` between
/// them) and `message`, of which only `email` must be there; CSV is never a dry run. A job does it, row by row: read the batch for its progress, its rows for what became of each.
/// One at a time for each organization. The permission of who sends it is checked again for every
/// row: no key of an organization can. One transaction of at most eight items; a dry run takes two
/// queries and as many reads as rows.
#[utoipa::path(post, path = "/api/v1/invitations/batches", tag = "Invitations")]
pub async fn invitation_batch_create(
    caller: Allowed<InvitationCreate>,
    State(app): State<UserManagement>,
    Tabular(submission): Tabular<InvitationBatchIn>,
) -> Answered<Rehearsable<InvitationBatch>> {
    let input = &submission.input;
    input.check()?;
    let tenant = caller.tenant();
    let Some(creator) = caller.user() else {
        let detail = "a batch is a person's, whose permission is checked for every row";
        return Err(Error::new(shared::FORBIDDEN, detail).into());
    };
    let organization = app.organization(&tenant).await?;
    if organization.status != OrganizationStatus::Active {
        let detail = format!("the organization is {}", organization.status);
        return Err(Error::new(shared::INVALID_STATE, detail).into());
    }
    let mut write = submission.write(&app.store, &caller);
    if input.dry_run {
        let batch = rehearse(&app, &tenant, creator, input).await?;
        return Ok(write.commit(Rehearsable::Rehearsed(batch)).await?);
    }
    let rows = serde_json::to_string(&input.rows).map_err(Error::internal)?;
    if rows.len() > MAX_BYTES {
        let detail = "the rows are larger than 300 KB together";
        return Err(Error::new(shared::TOO_LARGE, detail).with("limit", MAX_BYTES).into());
    }
    let total = input.rows.len() as u64;
    let details = RowCounts { total, ..RowCounts::default() };
    let job = NewJob { kind: BatchKind::Invitations, details, extra: (), request: () };
    let head = job.start(&mut write, caller.actor())?;
    let expires_at = app.store.clock().now().plus(ROWS_KEPT);
    write.create(&BatchInput { batch_id: head.summary.id, rows, expires_at });
    Ok(write.commit(Rehearsable::Accepted(InvitationBatch::of(head.summary))).await?)
}

/// What would become of the rows.
async fn rehearse(
    app: &UserManagement,
    tenant: &Tenant,
    creator: UserId,
    input: &InvitationBatchIn,
) -> Result<InvitationBatch> {
    let judge = Judge::read(&app.store, tenant, &input.rows, app.catalogue).await?;
    let mut counts = RowCounts { total: input.rows.len() as u64, ..RowCounts::default() };
    let mut rows = Vec::with_capacity(input.rows.len());
    for (index, row) in input.rows.iter().enumerate() {
        let judged = judge.judge(&app.store, tenant, creator, index, row).await?;
        let (status, code) = match judged {
            Ok(_) => (RowStatus::Created, None),
            Err(reason) if reason.is_skipped => (RowStatus::Skipped, Some(reason.code)),
            Err(reason) => (RowStatus::Failed, Some(reason.code)),
        };
        counts.count(status);
        rows.push(BatchRow {
            index: index as u64,
            email: row.email.to_string(),
            status,
            invitation_id: None,
            code: code.map(str::to_owned),
        });
    }
    let now = app.store.clock().now();
    Ok(InvitationBatch {
        id: None,
        status: JobStatus::Completed,
        total: counts.total,
        processed: counts.processed(),
        created: counts.created,
        skipped: counts.skipped,
        failed: counts.failed,
        dry_run: true,
        rows: Some(rows),
        finished_at: Some(now),
        version: 1,
        created_at: now,
        created_by: creator.to_string(),
    })
}
