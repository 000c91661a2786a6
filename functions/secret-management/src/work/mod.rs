//! What is done without a request: what falls due, what follows from events, and jobs.
//!
//! `secret-management-on-events` decides what is to be done and sends orders, which hold ids;
//! `secret-management-jobs` carries them out. An order reads what is left and does it step by step,
//! each step one transaction that requires what was read: whoever dies in the middle leaves less to
//! do for the next one, and two at once do it once.

mod bound;
mod consume;
mod desk;
mod grant;
mod key;
mod order;
mod organization;
mod outside;
mod posture;
mod purge;
mod scope;
mod settle;
mod sweep;

pub use consume::{CONSUMED, consume};
pub use desk::Desk;
pub use key::{Pass, count_secrets, note_progress, renew, reseal_some};
pub use order::{Order, WorkDue};
pub use purge::{is_due, is_outside, purge_some};
pub use sweep::{Report, sweep};

use std::time::Duration;

use futures::future::BoxFuture;
use millwright_core::{Result, Tenant, Timestamp};
use millwright_event::{Cause, Effects, batch::Message};
use millwright_runtime::Worked;

use crate::{
    domain::{Access, AccessOutcome, ActorType, Secret, Stamp},
    store::AccessItem,
    vault::Vault,
};

/// The function that carries orders out, and its queue.
pub const JOBS: &str = "secret-management-jobs";

/// Who acts where nobody does.
const ACTOR: &str = "secret-management";

/// How long a message is worked on before another one takes over; shorter than the function's
/// timeout.
pub const SLICE: Duration = Duration::from_secs(40);

/// How far a piece of work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Finished,
    /// The time is up.
    More,
}

/// For whom, why, and how long.
struct Task<'a> {
    vault: &'a Vault,
    cause: Cause,
    until: Timestamp,
    /// Names this piece of work, and no other one.
    token: String,
}

impl Task<'_> {
    fn tenant(&self) -> Tenant {
        self.cause.tenant
    }

    fn effects(&self) -> Effects {
        Effects::new(&self.vault.store, self.cause.clone())
    }

    fn stamp(&self) -> Stamp {
        Stamp { at: self.vault.now(), by: self.cause.actor_id.clone() }
    }

    fn is_over(&self) -> bool {
        self.vault.now() >= self.until
    }

    /// A record of what is done, to be written with it.
    fn record(&self, action: &str, secret: &Secret) -> AccessItem {
        let Cause { actor_id, correlation_id, .. } = &self.cause;
        record_of(self.vault, actor_id, correlation_id, action, Some(secret))
    }
}

/// A record of what is done without a request, to be written with it; `by` is who caused it.
pub fn record_of(
    vault: &Vault,
    by: &str,
    request: &str,
    action: &str,
    secret: Option<&Secret>,
) -> AccessItem {
    AccessItem {
        summary: Access {
            id: vault.store.ids().next(),
            at: vault.now(),
            actor_type: ActorType::System,
            actor_id: by.to_owned(),
            action: action.to_owned(),
            outcome: AccessOutcome::Success,
            secret_id: secret.map(|secret| secret.id),
            secret_name: secret.map(|secret| secret.name.to_string()),
            value_version: None,
            binding_id: None,
            reason: None,
            request_id: request.to_owned(),
            ip: None,
            user_agent: None,
            error_code: None,
        },
    }
}

/// Carries one order out; what does not get done in a slice goes on by another message.
///
/// # Errors
/// What may pass is delivered again; a message of no known kind never succeeds.
pub async fn work(vault: &Vault, message: &Message, slice: Duration) -> Result<Worked> {
    let envelope = &message.envelope;
    let Some(due) = envelope.event::<WorkDue>() else {
        return Err(envelope.unreadable(format_args!("it is no order for {JOBS}")));
    };
    let due = due?;
    let until = vault.now().plus(slice);
    let token = vault.store.ids().next_uuid().to_string();
    let task = Task { vault, cause: Cause::from(envelope), until, token };
    // Each on the heap: together they are more than a stack has to spare.
    let order: BoxFuture<'_, Result<Progress>> = match &due.order {
        Order::Secret { secret_id } => Box::pin(settle::secret(&task, *secret_id)),
        Order::Grant { secret_id, grantee_type, grantee_id } => {
            Box::pin(grant::expire(&task, *secret_id, *grantee_type, grantee_id))
        }
        Order::DataKey { data_key_id } => Box::pin(key::settle(&task, *data_key_id)),
        Order::Posture => Box::pin(posture::look(&task)),
        Order::Project { project_id } => Box::pin(scope::project(&task, *project_id)),
        Order::Team { team_id } => Box::pin(scope::team(&task, *team_id)),
        Order::Member { user_id, until } => Box::pin(scope::member(&task, *user_id, *until)),
        Order::ServiceKey { key_id } => Box::pin(scope::service_key(&task, *key_id)),
        Order::Bound { service, resource_type, resource_id } => {
            Box::pin(bound::drop_all(&task, service, resource_type, resource_id))
        }
        Order::Labels { secret_id } => Box::pin(outside::labels(&task, *secret_id)),
        Order::TakeBack { secret_id } => Box::pin(outside::take_back(&task, *secret_id)),
        Order::Organization => Box::pin(organization::purge(&task)),
    };
    let progress = order.await?;
    if progress == Progress::More {
        let mut effects = task.effects();
        effects.send(JOBS, &due)?;
        effects.commit().await?;
    }
    Ok(Worked::Done)
}
