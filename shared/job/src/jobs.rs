//! What a service says of its jobs.

use std::{
    fmt::{Debug, Display},
    time::Duration,
};

use millwright_core::{Code, Id, Noun, Result, Tenant};
use millwright_event::Effects;
use millwright_store::{Index, IndexKeys};
use serde::{Serialize, de::DeserializeOwned};

use crate::{JobSummary, jobs_of};

/// The jobs of a service: their names, their places, and what else happens when one begins or ends.
/// Implemented by a unit struct; a service whose jobs have ids of several nouns implements it once
/// for each, with [`Jobs::PARTITION`] and [`Jobs::SLICE_DUE`] of its own.
pub trait Jobs: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// Of the ids of jobs.
    type Noun: Noun;
    /// What a job does, as `wire_enum!` makes it.
    type Kind: Copy
        + Debug
        + Display
        + PartialEq
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    /// What lists show of a job beside what all jobs have: what it works on, counts. Small: indexes
    /// hold a copy. `()` for nothing.
    type Details: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What only the job itself holds, and lists do not read: larger things, or what the work needs
    /// after the end. `()` for nothing.
    type Extra: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The service.
    const SERVICE: &'static str;
    /// The function that works the jobs off; its queue takes the messages.
    const FUNCTION: &'static str;
    /// The type of the messages, `<module>.<noun>.slice_due`. They never reach the bus.
    const SLICE_DUE: &'static str;
    /// Tells these jobs apart from others in the keys of the same table.
    const PARTITION: &'static str = "JOB";
    /// How long an ended job can be read.
    const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

    /// How many may be queued or running at once; without limit by default.
    fn limit(_kind: Self::Kind) -> Option<Limit> {
        None
    }

    /// Where lists find a job; by default among those of its tenant, the oldest first, in gsi2
    /// ([`jobs_of`]).
    fn index_keys(job: &JobSummary<Self>, tenant: &Tenant) -> IndexKeys {
        IndexKeys::default().on(Index::Gsi2, jobs_of::<Self>(tenant), job.sort_key())
    }

    /// What else the transaction requires and writes that starts a job: that a thing is not
    /// archived, a count of its running jobs. `refused_as` says what a refusal means.
    ///
    /// # Errors
    /// Then no job is started.
    fn starting(_effects: &mut Effects, _job: &JobSummary<Self>) -> Result<()> {
        Ok(())
    }

    /// What else the transaction writes and announces that ends a job, once for each job and
    /// whoever ends it: events by [`JobSummary::status`], counts given back. Without conditions: a
    /// refusal is taken for a job that somebody else has touched.
    ///
    /// # Errors
    /// Then the job is not ended; a message that comes again tries anew.
    fn ending(effects: &mut Effects, job: &JobSummary<Self>) -> Result<()>;
}

/// The id of a job.
pub type JobId<J> = Id<<J as Jobs>::Noun>;

/// The most jobs of a tenant that are queued or running at once.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The kinds that count together have the same name here.
    pub counter: &'static str,
    pub most: u64,
    /// What one more is refused as.
    pub code: Code,
}
