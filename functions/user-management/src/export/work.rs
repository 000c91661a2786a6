//! The work of an export: reading file by file, and joining what was read into one archive.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use millwright_core::{Error, Kind, Result, Timestamp, codes};
use millwright_files::Files;
use millwright_identity::Catalogue;
use millwright_job::{Advance, Halt, Run, StoredResult, Work, Works};
use millwright_store::{Outcome, Store};
use serde::{Deserialize, Serialize};

use super::{
    Exports,
    archive::{Archive, piece},
    archive_key,
    auth::AuthData,
    pages::{Page, Source},
    piece_key,
    sections::{Section, of},
};
use crate::domain::{DataExportId, ExportScope, PartStatus};

/// What one export reads at most; the archive is made in memory.
const MAX_BYTES: u64 = 128 * 1024 * 1024;
/// A part that fails so often is given up.
const MAX_FAILURES: u32 = 5;
/// So long lies between two tries.
const RETRY: Duration = Duration::from_secs(15);

/// What exports are made with.
#[derive(Clone)]
pub struct Exporting {
    pub store: Store,
    pub files: Files,
    pub catalogue: Catalogue<'static>,
    pub auth: Arc<dyn AuthData>,
}

/// What exports do.
pub fn works(with: Exporting) -> Works<Exports> {
    let Exporting { store, files, catalogue, auth } = with;
    let source = Source { store, catalogue, auth };
    Arc::new(move |_: ExportScope| {
        let work = ExportWork { source: source.clone(), files: files.clone() };
        Some(Arc::new(work) as Arc<dyn Work<Exports>>)
    })
}

/// Where an export goes on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checkpoint {
    /// How many files are read.
    section: usize,
    /// Where the next one goes on.
    after: Option<String>,
    /// What was read so far, in its order: of which file, and where it lies.
    pieces: Vec<(usize, DataExportId)>,
    bytes: u64,
    /// Of the part that is read now, since it last got on.
    failures: u32,
    failed_at: Option<Timestamp>,
    /// The archive is there; the pieces may go.
    stored: bool,
}

struct ExportWork {
    source: Source,
    files: Files,
}

impl Work<Exports> for ExportWork {
    /// One page of one file: its reading, one PutObject if there is something, one transaction of
    /// three items. At the end one GetObject and one DeleteObject for each piece.
    fn advance<'a>(&'a self, run: &'a mut Run<Exports>) -> BoxFuture<'a, Result<Advance, Halt>> {
        Box::pin(async move {
            let at: Checkpoint = run.checkpoint()?.unwrap_or_default();
            match of(run.job().kind).get(at.section) {
                Some(section) => self.read(run, at, *section).await,
                None if !at.stored => self.join(run, at).await,
                None => {
                    // Again and again, if it must be.
                    for (_, id) in &at.pieces {
                        self.files.delete(&piece_key(run.tenant(), *id)).await?;
                    }
                    Ok(Advance::Finished)
                }
            }
        })
    }
}

impl ExportWork {
    async fn read(
        &self,
        run: &mut Run<Exports>,
        mut at: Checkpoint,
        section: Section,
    ) -> Result<Advance, Halt> {
        let now = run.store().clock().now();
        if at.failed_at.is_some_and(|failed_at| now < failed_at.plus(RETRY)) {
            return Err(Error::unavailable("a part failed a moment ago").into());
        }
        let tenant = *run.tenant();
        let page = self.source.page(section, &tenant, at.after.as_deref()).await;
        let page = page.and_then(|page| within_bounds(page, &at));
        let mut chunk = run.chunk();
        chunk.stage("reading");
        let sections = of(run.job().kind);
        let mut failed = None;
        match page {
            Ok((page, bytes)) => {
                if !bytes.is_empty() {
                    let id = run.store().ids().next();
                    at.bytes += bytes.len() as u64;
                    self.files.put(&piece_key(&tenant, id), "application/json", bytes).await?;
                    at.pieces.push((at.section, id));
                }
                at.section += usize::from(page.next.is_none());
                (at.after, at.failures, at.failed_at) = (page.next, 0, None);
                let part = section.part();
                if sections.get(at.section).is_none_or(|next| next.part() != part) {
                    let parts = &mut chunk.details().parts;
                    parts.insert(part.to_owned(), PartStatus::Completed);
                }
            }
            Err(error) if at.failures + 1 >= MAX_FAILURES || !may_pass(&error) => {
                let part = section.part();
                tracing::error!(export = %run.job().id, part, %error, "a part is given up");
                let of_part = sections.iter().skip(at.section).take_while(|it| it.part() == part);
                at.section += of_part.count();
                (at.after, at.failures, at.failed_at) = (None, 0, None);
                chunk.details().parts.insert(part.to_owned(), PartStatus::Failed);
            }
            Err(error) => {
                at.failures += 1;
                at.failed_at = Some(now);
                failed = Some(error);
            }
        }
        chunk.done(at.section as u64, Some(sections.len() as u64 + 1));
        match (chunk.commit(run, &at).await?, failed) {
            (Outcome::Refused(refusals), _) => Err(refusals.into_error().into()),
            (Outcome::Done, Some(error)) => Err(error.into()),
            (Outcome::Done, None) => Ok(Advance::More),
        }
    }

    /// Makes the archive. One GetObject for each piece, and one PutObject.
    async fn join(&self, run: &mut Run<Exports>, mut at: Checkpoint) -> Result<Advance, Halt> {
        let (tenant, id) = (*run.tenant(), run.job().id);
        let mut archive = Archive::begin();
        for (index, section) in of(run.job().kind).iter().enumerate() {
            let of_section = at.pieces.iter().filter(|(of, _)| *of == index);
            let mut pieces = Vec::new();
            for (_, piece) in of_section {
                let bytes = self.files.read_whole(&piece_key(&tenant, *piece), MAX_BYTES).await?;
                let gone = || Error::internal("a piece of an export is gone");
                pieces.push(bytes.ok_or_else(gone)?);
            }
            // What could not be read is not there, rather than empty.
            if !pieces.is_empty() || (section.is_list() && !is_given_up(run, *section)) {
                archive.file(*section, &pieces)?;
            }
        }
        let key = archive_key(&tenant, id);
        let stored = self.files.put(&key, "application/zip", archive.end()?).await?;
        let mut chunk = run.chunk();
        chunk.stage("storing");
        chunk.details().size_bytes = Some(stored.size_bytes);
        let date: String = run.job().created_at.to_string().chars().take(10).collect();
        chunk.result(StoredResult::of(format!("{}-data-{date}.zip", run.job().kind), stored));
        at.stored = true;
        match chunk.commit(run, &at).await? {
            Outcome::Done => Ok(Advance::More),
            Outcome::Refused(refusals) => Err(refusals.into_error().into()),
        }
    }
}

fn is_given_up(run: &Run<Exports>, section: Section) -> bool {
    run.job().details.parts.get(section.part()) == Some(&PartStatus::Failed)
}

/// The page with its bytes.
fn within_bounds(page: Page, at: &Checkpoint) -> Result<(Page, Vec<u8>)> {
    let bytes = piece(&page.things);
    if at.bytes + bytes.len() as u64 > MAX_BYTES {
        let detail = format!("the export has over {MAX_BYTES} bytes");
        return Err(Error::new(codes::TOO_LARGE, detail));
    }
    Ok((page, bytes))
}

fn may_pass(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::Internal | Kind::RateLimited)
}
