//! Jobs over DynamoDB in memory: each piece once, whatever crashes and however often messages come.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests vouch for their tenants")]

mod crashes;
mod life;
mod limits;
mod toy;

use std::time::Duration;

use millwright_core::{Clock, OrgId, Tenant, UserId, Voucher};
use millwright_job::{Times, Worker};
use millwright_testkit::{CrashPoint, Database, JobQueue, beginning};
use uuid::Uuid;

use toy::{Toys, works};

const TIMES: Times = Times {
    lease: Duration::from_secs(90),
    slice: Duration::from_secs(45),
    retry: Duration::from_secs(15),
};

/// Every chunk is a slice.
const SHORT: Times = Times { slice: Duration::ZERO, ..TIMES };

async fn database() -> Database {
    Database::start("toys", Clock::fixed(beginning())).await
}

fn organization() -> Tenant {
    Tenant::vouched(OrgId::from_uuid(Uuid::from_u128(1)), Voucher::Test)
}

fn person() -> Tenant {
    Tenant::person(UserId::from_uuid(Uuid::from_u128(2)), Voucher::Test)
}

fn everybody() -> [Tenant; 3] {
    [organization(), person(), Tenant::installation(Voucher::Test)]
}

fn worker(process: &Database, times: Times) -> Worker<Toys> {
    Worker::new(process.store(), works(process), times)
}

async fn drain(queue: &mut JobQueue, times: Times, crash: impl Fn(usize) -> Option<CrashPoint>) {
    let work = async |process, message| worker(&process, times).work(&message).await;
    queue.drain(work, crash).await;
}
