//! What a kind of job does.

use std::sync::Arc;

use futures::future::BoxFuture;
use millwright_core::{Error, Result, Tenant};

use crate::{JobHead, Jobs, Run};

/// What a kind of job does. Made for each slice, so it may keep what it has read meanwhile.
pub trait Work<J: Jobs>: Send + Sync {
    /// Does the next piece: reads the checkpoint, and commits at most one [`crate::Chunk`], which
    /// says where to go on. Called again until it answers [`Advance::Finished`], perhaps by another
    /// process, and at least once after the last chunk.
    ///
    /// # Errors
    /// What may pass (`unavailable`, `internal`, `rate_limited`) is tried again, up to five times;
    /// any other error ends the job as failed, with that problem. Errors of rows are no errors:
    /// count them.
    fn advance<'a>(&'a self, run: &'a mut Run<J>) -> BoxFuture<'a, Result<Advance, Halt>>;

    /// After the end, whatever it was: removes what the job was given outside of the table, such as
    /// an upload. Perhaps more than once; after a cancellation when the next message comes.
    ///
    /// # Errors
    /// Then the message comes again.
    fn clear<'a>(&'a self, _tenant: &'a Tenant, _job: &'a JobHead<J>) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// What is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    More,
    Finished,
}

/// Why the work stops.
#[derive(Debug)]
pub enum Halt {
    /// Somebody else took the job over, or cancelled it: nothing more is written.
    Superseded,
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Halt {
        Halt::Failed(error)
    }
}

/// The works by kind; a job of a kind without one fails.
pub type Works<J> = Arc<dyn Fn(<J as Jobs>::Kind) -> Option<Arc<dyn Work<J>>> + Send + Sync>;
