//! A queue of jobs, as SQS has it.

use std::{collections::BTreeSet, time::Duration};

use millwright_core::Result;
use millwright_event::{Destination, Envelope, batch::MAX_RECEIVES, batch::Message};
use millwright_runtime::Worked;

use crate::{CrashPoint, Database};

/// The queue of a function that works off jobs, with the clock of the test: what the outbox has for
/// it, delivered until it is done, at most five times.
pub struct JobQueue {
    database: Database,
    function: &'static str,
    /// How often each message is there.
    copies: usize,
    taken: BTreeSet<String>,
    waiting: Vec<Waiting>,
    /// What was delivered five times in vain.
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

impl JobQueue {
    /// Each message is there `copies` times.
    pub fn of(database: &Database, function: &'static str, copies: usize) -> JobQueue {
        JobQueue {
            database: database.clone(),
            function,
            copies,
            taken: BTreeSet::new(),
            waiting: Vec::new(),
            dead: Vec::new(),
            most: 0,
        }
    }

    /// Delivers until nothing is left, each time to a new process, of which `work` makes its
    /// worker. `crash` says where that dies, by the number of the delivery from 0 on.
    pub async fn drain(
        &mut self,
        work: impl AsyncFn(Database, Message) -> Result<Worked>,
        crash: impl Fn(usize) -> Option<CrashPoint>,
    ) {
        for number in 0.. {
            assert!(number < 2_000, "it never ends");
            let Some((envelope, receives, index)) = self.next().await else { return };
            let process = self.database.other_process();
            if let Some(point) = crash(number) {
                process.faults.crash(point);
            }
            let message = Message { receive_count: receives, ..Message::of("m", envelope) };
            let outcome = tokio::select! {
                outcome = Box::pin(work(process.clone(), message)) => Some(outcome),
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
        for envelope in self.database.messages_to(self.function).await {
            if self.taken.insert(envelope.id.clone()) {
                for _ in 0..self.copies {
                    let (envelope, visible_in) = (envelope.clone(), Duration::ZERO);
                    self.waiting.push(Waiting { envelope, receives: 0, visible_in });
                }
            }
        }
        let wait = self.waiting.iter().map(|waiting| waiting.visible_in).min()?;
        self.database.clock.advance(wait);
        for waiting in &mut self.waiting {
            waiting.visible_in -= wait;
        }
        let (index, next) =
            self.waiting.iter_mut().enumerate().find(|(_, w)| w.visible_in.is_zero())?;
        next.receives += 1;
        self.most = self.most.max(next.receives);
        if next.receives > MAX_RECEIVES {
            let dead = self.waiting.remove(index);
            self.dead.push(dead.envelope);
            return Box::pin(self.next()).await;
        }
        Some((next.envelope.clone(), next.receives, index))
    }
}

impl Database {
    /// The messages sent to the queue of a function so far.
    pub async fn messages_to(&self, function: &str) -> Vec<Envelope> {
        self.said_to(&Destination::Queue(function.to_owned())).await
    }

    /// What was sent there so far, in the order of writing.
    pub async fn said_to(&self, destination: &Destination) -> Vec<Envelope> {
        let entries = self.outbox().await.into_iter();
        entries.filter(|entry| entry.to == *destination).map(|entry| entry.envelope).collect()
    }
}
