//! What is done without a request beside jobs: erasing accounts, purging organizations, settling what has
//! expired, and following the events of `auth` and of this service.
//!
//! Erasing and purging read what is left and take it away, step by step: whoever dies in the middle
//! leaves less to do for the next one, and two at once do it once.

mod consume;
mod erase;
mod purge;
mod sweep;

pub use consume::{CONSUMED, consume};
pub use sweep::{Report, sweep};

use std::time::Duration;

use millwright_core::{Error, FaultCode, OrgId, Result, Tenant, Timestamp, UserId};
use millwright_event::{Cause, Effects, Event, batch::Message};
use millwright_job::{Times, Worker};
use millwright_runtime::Worked;
use millwright_store::Store;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    domain::Stamp,
    export::{self, Exporting, Exports},
    invitation::batch::{Batches, works},
    post::Post,
};

/// The function that erases and purges, and its queue.
pub const JOBS: &str = "user-management-jobs";

/// How long a message is worked on before another one takes over; shorter than the function's
/// timeout.
pub const SLICE: Duration = Duration::from_secs(40);

/// To the jobs: erase what is left of a person.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EraseUser {
    pub user_id: UserId,
}

impl Event for EraseUser {
    const TYPE: &'static str = "users.user.erase";
    const SERVICE: &'static str = "user-management";
    const IN_ORGANIZATION: bool = false;

    fn subject(&self) -> String {
        self.user_id.to_string()
    }

    fn example() -> EraseUser {
        EraseUser { user_id: UserId::derived(Timestamp::UNIX_EPOCH, &[7; 10]) }
    }
}

/// To the jobs: purge what is left of an organization.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PurgeOrganization {
    pub organization_id: OrgId,
}

impl Event for PurgeOrganization {
    const TYPE: &'static str = "organizations.organization.purge";
    const SERVICE: &'static str = "user-management";
    const IN_ORGANIZATION: bool = false;

    fn subject(&self) -> String {
        self.organization_id.to_string()
    }

    fn example() -> PurgeOrganization {
        PurgeOrganization { organization_id: OrgId::derived(Timestamp::UNIX_EPOCH, &[7; 10]) }
    }
}

/// Where the messages to the jobs are worked on. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    store: Store,
    batches: Worker<Batches>,
    exports: Worker<Exports>,
}

impl Desk {
    pub fn new(store: Store, exporting: Exporting, post: Post) -> Desk {
        let inviting = works(exporting.catalogue, post);
        let batches = Worker::new(store.clone(), inviting, Times::default());
        let exports = Worker::new(store.clone(), export::works(exporting), Times::default());
        Desk { store, batches, exports }
    }

    /// Works on one message.
    ///
    /// # Errors
    /// As [`work`] and [`Worker::work`].
    pub async fn work(&self, message: &Message) -> Result<Worked> {
        if Worker::<Batches>::takes(message) {
            return self.batches.work(message).await;
        }
        if Worker::<Exports>::takes(message) {
            return self.exports.work(message).await;
        }
        work(&self.store, message, SLICE).await
    }
}

/// How far a piece of work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Finished,
    /// The time is up.
    More,
}

/// On whose behalf, and how long.
struct Task<'a> {
    store: &'a Store,
    cause: Cause,
    until: Timestamp,
}

impl Task<'_> {
    fn effects(&self, tenant: &Tenant) -> Effects {
        Effects::new(self.store, Cause { tenant: *tenant, ..self.cause.clone() })
    }

    fn stamp(&self) -> Stamp {
        Stamp { at: self.store.clock().now(), by: self.cause.actor_id.clone() }
    }

    fn is_over(&self) -> bool {
        self.store.clock().now() >= self.until
    }
}

/// Works on one message; what does not get done in a slice goes on by another message.
///
/// # Errors
/// What may pass is delivered again; a message of no known kind never succeeds.
pub async fn work(store: &Store, message: &Message, slice: Duration) -> Result<Worked> {
    let envelope = &message.envelope;
    let until = store.clock().now().plus(slice);
    let task = Task { store, cause: Cause::from(envelope), until };
    if let Some(order) = envelope.event::<EraseUser>() {
        let order = order?;
        let progress = erase::erase(&task, order.user_id).await?;
        return go_on(&task, progress, &order).await;
    }
    if let Some(order) = envelope.event::<PurgeOrganization>() {
        let order = order?;
        let progress = purge::purge(&task, order.organization_id).await?;
        return go_on(&task, progress, &order).await;
    }
    let detail = format!("{} is no order for {JOBS}", envelope.kind);
    Err(Error::fault("", FaultCode::BadFormat, detail))
}

async fn go_on(task: &Task<'_>, progress: Progress, order: &impl Event) -> Result<Worked> {
    if progress == Progress::More {
        let mut effects = task.effects(&task.cause.tenant);
        effects.send(JOBS, order)?;
        effects.commit().await?;
    }
    Ok(Worked::Done)
}
