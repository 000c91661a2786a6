//! Where the messages to the jobs are worked on.

use millwright_core::Result;
use millwright_event::batch::Message;
use millwright_job::{Times, Worker};
use millwright_runtime::Worked;

use super::{SLICE, work};
use crate::{
    job::{SecretJobs, works},
    vault::Vault,
};

/// Orders and slices of jobs. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    vault: Vault,
    jobs: Worker<SecretJobs>,
}

impl Desk {
    pub fn new(vault: Vault) -> Desk {
        let jobs = Worker::new(vault.store.clone(), works(vault.clone()), Times::default());
        Desk { vault, jobs }
    }

    /// Works on one message.
    ///
    /// # Errors
    /// As [`work`] and [`Worker::work`].
    pub async fn work(&self, message: &Message) -> Result<Worked> {
        match Worker::<SecretJobs>::takes(message) {
            true => self.jobs.work(message).await,
            false => work(&self.vault, message, SLICE).await,
        }
    }
}
