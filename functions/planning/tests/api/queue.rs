//! The queue of planning-jobs, and its workers.

use std::time::Duration;

use millwright_testkit::{CrashPoint, Database, JobQueue, TestApp};
use planning::worker::{PLANNING_JOBS, Times, Worker, Works};

pub const TIMES: Times = Times {
    lease: Duration::from_secs(90),
    slice: Duration::from_secs(45),
    retry: Duration::from_secs(15),
};

/// Every chunk is a slice.
pub const SHORT: Times = Times { slice: Duration::ZERO, ..TIMES };

pub fn worker(process: &Database, works: &Works, times: Times) -> Worker {
    Worker::new(process.store(), works.clone(), times)
}

/// The queue of planning-jobs, as SQS has it, with the clock of the test.
pub struct Queue {
    pub queue: JobQueue,
    works: Works,
}

impl Queue {
    /// Each message is there `copies` times.
    pub fn of(app: &TestApp, works: &Works, copies: usize) -> Queue {
        let queue = JobQueue::of(&app.database, PLANNING_JOBS, copies);
        Queue { queue, works: works.clone() }
    }

    /// Delivers until nothing is left. `crash` says where the worker of a delivery dies, by the
    /// number of the delivery.
    pub async fn drain(&mut self, times: Times, crash: impl Fn(usize) -> Option<CrashPoint>) {
        let works = &self.works;
        let work = async |process, message| worker(&process, works, times).work(&message).await;
        self.queue.drain(work, crash).await;
    }
}
