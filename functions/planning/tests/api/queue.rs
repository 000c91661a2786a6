//! The queue of planning-jobs, and its workers.

use std::{collections::BTreeSet, time::Duration};

use millwright_event::{Envelope, batch::Message};
use millwright_runtime::Worked;
use millwright_testkit::{CrashPoint, Database, TestApp};
use planning::worker::{PLANNING_JOBS, Times, Worker, Works};

pub const TIMES: Times = Times {
    lease: Duration::from_secs(90),
    slice: Duration::from_secs(45),
    retry: Duration::from_secs(15),
};

/// Every chunk is a slice.
pub const SHORT: Times = Times { slice: Duration::ZERO, ..TIMES };

pub fn worker(app: &TestApp, process: &Database, works: &Works, times: Times) -> Worker {
    Worker::new(process.store(), app.files.client(), works.clone(), times)
}

/// The queue of planning-jobs, as SQS has it, with the clock of the test.
pub struct Queue {
    app: TestApp,
    works: Works,
    /// How often each message is there.
    copies: usize,
    taken: BTreeSet<String>,
    waiting: Vec<Waiting>,
    pub dead: Vec<Envelope>,
    /// The most deliveries of one message.
    pub most: u32,
}

struct Waiting {
    envelope: Envelope,
    receives: u32,
    visible_in: Duration,
}

/// The queue's own visibility.
const VISIBILITY: Duration = Duration::from_secs(360);

impl Queue {
    /// Each message is there `copies` times.
    pub fn of(app: &TestApp, works: &Works, copies: usize) -> Queue {
        Queue {
            app: app.clone(),
            works: works.clone(),
            copies,
            taken: BTreeSet::new(),
            waiting: Vec::new(),
            dead: Vec::new(),
            most: 0,
        }
    }

    /// Delivers until nothing is left. `crash` says where the worker of a delivery dies, by the
    /// number of the delivery.
    pub async fn drain(&mut self, times: Times, crash: impl Fn(usize) -> Option<CrashPoint>) {
        for number in 0.. {
            assert!(number < 2_000, "it never ends");
            let Some((envelope, receives, index)) = self.next().await else { return };
            let process = self.app.database.other_process();
            if let Some(point) = crash(number) {
                process.faults.crash(point);
            }
            let worker = worker(&self.app, &process, &self.works, times);
            let message = Message { receive_count: receives, ..Message::of("m", envelope) };
            let outcome = tokio::select! {
                outcome = worker.work(&message) => Some(outcome),
                () = process.faults.crashed() => None,
            };
            match outcome {
                Some(Ok(Worked::Done)) => drop(self.waiting.remove(index)),
                Some(Ok(Worked::Later(rest))) => self.waiting[index].visible_in = rest,
                Some(Err(_)) | None => self.waiting[index].visible_in = VISIBILITY,
            }
        }
    }

    /// The next delivery; the clock moves on to it.
    async fn next(&mut self) -> Option<(Envelope, u32, usize)> {
        for envelope in self.app.messages_to(PLANNING_JOBS).await {
            if self.taken.insert(envelope.id.clone()) {
                for _ in 0..self.copies {
                    let (envelope, visible_in) = (envelope.clone(), Duration::ZERO);
                    self.waiting.push(Waiting { envelope, receives: 0, visible_in });
                }
            }
        }
        let wait = self.waiting.iter().map(|waiting| waiting.visible_in).min()?;
        self.app.database.clock.advance(wait);
        for waiting in &mut self.waiting {
            waiting.visible_in -= wait;
        }
        let (index, next) =
            self.waiting.iter_mut().enumerate().find(|(_, w)| w.visible_in.is_zero())?;
        next.receives += 1;
        self.most = self.most.max(next.receives);
        if next.receives > 5 {
            let dead = self.waiting.remove(index);
            self.dead.push(dead.envelope);
            return Box::pin(self.next()).await;
        }
        Some((next.envelope.clone(), next.receives, index))
    }
}
