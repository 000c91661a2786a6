//! Jobs: work that is longer than a request, and perhaps longer than any invocation.
//!
//! - [`Jobs`]: what a service says of its jobs: names, limits, what else begins and ends with one.
//! - [`NewJob`]: starts a job, within the transaction of whoever asks for it.
//! - [`JobHead`], [`JobSummary`]: a job; [`JobHead::read`], [`JobHead::cancel`].
//! - [`Work`]: what a kind of job does, one [`Chunk`] after the other, within a [`Run`].
//! - [`Worker`]: takes the messages of the queue.
//!
//! A message says "slice n of this job". Its worker takes the lease of the job, so that there is
//! one at a time, and lets the [`Work`] of the job's kind do one [`Chunk`] after the other. A chunk
//! is one transaction: effects, events, progress and the checkpoint from which to go on, on the
//! condition that nobody else has touched the job since. When the time of the slice is up (45 s),
//! the last chunk also gives the lease back and sends the message for the next slice.
//!
//! # Promises
//!
//! - Whatever dies, wherever, and however often messages come: the effects of each chunk happen
//!   once, and the job ends as if nothing had happened. What a work does outside of its chunks
//!   (files, calls) may happen twice, and must be the same then.
//! - Nobody writes after losing the lease, or after the job was cancelled: every write requires the
//!   revision of the job that was read.
//! - A job that was accepted ends. A message that comes again, since its worker died, does one chunk
//!   and sends a new message with it; one that comes for the last time only sends itself anew. So no
//!   message is given up. A job whose lease was taken five times without a chunk in between fails.
//! - A job ends once, with what [`Jobs::ending`] says of it.
//!
//! # Round trips
//!
//! Starting and ending are part of one transaction each: start 2 items, the count of a limit, the
//! message; end 3 items and the count of a limit; each with what the service adds. A slice is one
//! read, one transaction (the lease), one read of two items (request and checkpoint), and one
//! transaction for each chunk, of which 2 items and the message for the next slice are the job's.
//! [`JobHead::read`] is one read.
//!
//! # How a service makes a job
//!
//! Its manifest has a function with `Trigger::Jobs`, a timeout of 60 s and the right to read and
//! write the table. `functions.rs` serves the queue by `serve_jobs` and [`Worker::work`]; a queue
//! that takes other messages as well asks [`Worker::takes`]. Tests deliver messages by
//! `millwright_testkit::JobQueue`, and let workers die wherever they like.
//!
//! ```
//! use std::sync::Arc;
//!
//! use futures::future::BoxFuture;
//! use millwright_core::{Result, codes};
//! use millwright_event::Effects;
//! use millwright_job::{
//!     Advance, Halt, JobHead, JobSummary, Jobs, Limit, NewJob, Run, Work, Works,
//! };
//! use millwright_store::Outcome;
//!
//! millwright_core::id! {
//!     /// A job.
//!     SweepId = SweepNoun("swp");
//! }
//!
//! millwright_core::wire_enum! {
//!     pub enum SweepKind {
//!         Notes = "notes",
//!     }
//! }
//!
//! /// The jobs of `notes`.
//! #[derive(Clone, Debug, PartialEq)]
//! struct Sweeps;
//!
//! impl Jobs for Sweeps {
//!     type Noun = SweepNoun;
//!     type Kind = SweepKind;
//!     type Details = ();
//!     type Extra = ();
//!     const SERVICE: &'static str = "notes";
//!     const FUNCTION: &'static str = "notes-jobs";
//!     const SLICE_DUE: &'static str = "notes.sweep.slice_due";
//!
//!     fn limit(kind: SweepKind) -> Option<Limit> {
//!         Some(Limit { counter: kind.as_str(), most: 3, code: codes::LIMIT_REACHED })
//!     }
//!
//!     fn ending(_effects: &mut Effects, _job: &JobSummary<Sweeps>) -> Result<()> {
//!         Ok(()) // effects.emit(&SweepCompleted(…)) by the status of the job
//!     }
//! }
//!
//! /// In a handler: `submission.write(&store, &caller)` dereferences to the effects.
//! fn start(effects: &mut Effects, notes: u64, by: &str) -> Result<JobHead<Sweeps>> {
//!     NewJob { kind: SweepKind::Notes, details: (), extra: (), request: notes }.start(effects, by)
//! }
//!
//! struct Sweep;
//!
//! impl Work<Sweeps> for Sweep {
//!     fn advance<'a>(&'a self, run: &'a mut Run<Sweeps>) -> BoxFuture<'a, Result<Advance, Halt>> {
//!         Box::pin(async move {
//!             let notes: u64 = run.request()?;
//!             let next: u64 = run.checkpoint()?.unwrap_or(0);
//!             if next == notes {
//!                 return Ok(Advance::Finished);
//!             }
//!             let mut chunk = run.chunk();
//!             // chunk.delete(…); chunk.emit(…)
//!             chunk.done(next + 1, Some(notes));
//!             match chunk.commit(run, &(next + 1)).await? {
//!                 Outcome::Done => Ok(Advance::More),
//!                 Outcome::Refused(refusals) => Err(refusals.into_error().into()),
//!             }
//!         })
//!     }
//! }
//!
//! fn works() -> Works<Sweeps> {
//!     Arc::new(|kind| match kind {
//!         SweepKind::Notes => Some(Arc::new(Sweep)),
//!     })
//! }
//! ```

mod chunk;
mod head;
mod items;
mod jobs;
mod run;
mod slice;
mod start;
mod status;
mod summary;
mod work;
mod worker;

pub use chunk::Chunk;
pub use head::{JobHead, Lease, StoredResult, job_partition, jobs_of};
pub use jobs::{JobId, Jobs, Limit};
pub use run::Run;
pub use slice::Slice;
pub use start::NewJob;
pub use status::{End, JobFault, JobProblem, JobStatus};
pub use summary::JobSummary;
pub use work::{Advance, Halt, Work, Works};
pub use worker::{Times, Worker};
