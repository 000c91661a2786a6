//! Several tries, at several models, until one answers.

use std::{collections::BTreeSet, time::Duration};

use millwright_core::{Clock, IdGenerator, Timestamp, wire_enum};
use millwright_egress::Client;
use millwright_model::{Code, Request, SurfaceError, Target as Fit, Unfit, write_request};
use millwright_store::Backoff;
use tokio::time::{Instant, timeout_at};

use super::{
    Class, Miss, Target,
    upstream::{Reply, Stream, Whole, ask},
};

wire_enum! {
    /// How an attempt ended.
    pub enum AttemptOutcome {
        Answered = "answered",
        Failed = "failed",
        /// The model does not understand the request.
        Unfit = "unfit",
    }
}

/// One try, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Index among the plan's targets.
    pub target: usize,
    pub started_at: Timestamp,
    pub duration: Duration,
    pub outcome: AttemptOutcome,
    pub upstream_status: Option<u16>,
    pub error_code: Option<&'static str>,
    pub class: Option<Class>,
    /// When the provider wants to be asked again.
    pub retry_after: Option<Duration>,
}

/// Which models are tried, in this order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub targets: Vec<Target>,
    /// After which failures the next one is tried.
    pub triggers: BTreeSet<Class>,
    /// For all of them together.
    pub total: Duration,
}

/// What it takes to run a plan.
pub struct Run<'a> {
    pub client: &'a Client,
    pub clock: &'a Clock,
    pub ids: &'a IdGenerator,
    /// The completion, where a dialect has no names of its own.
    pub id: &'a str,
}

/// An answer, or the beginning of one.
#[derive(Debug)]
pub enum Begun {
    Whole { target: usize, whole: Box<Whole> },
    Stream { target: usize, stream: Box<Stream> },
}

/// Nobody answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub error: SurfaceError,
    /// When to come back, if the provider said so.
    pub retry_after: Option<Duration>,
}

/// Between tries of the same model: full jitter.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

impl Run<'_> {
    /// Asks until somebody answers, from one of the plan's targets on. Says of every try how it went, also when dropped in between.
    ///
    /// # Errors
    /// [`Failed`]: the last failure, and the names of all that were tried.
    pub async fn begin(
        &self,
        request: &Request,
        plan: &Plan,
        from: usize,
        attempts: &mut Vec<Attempt>,
    ) -> Result<Begun, Failed> {
        let end = Instant::now() + plan.total;
        let mut last: Option<Failed> = None;
        for (place, target) in plan.targets.iter().enumerate().skip(from) {
            match self.at(request, place, target, end, attempts).await {
                Ok(begun) => return Ok(begun),
                Err(Stop::Unfit(unfit)) => last = Some(Failed::of(unfit.into())),
                Err(Stop::Missed(miss)) => {
                    let goes_on = plan.triggers.contains(&miss.class);
                    last = Some(failed(&miss, plan, attempts));
                    if !goes_on {
                        break;
                    }
                }
            }
        }
        let nobody = || {
            Failed::of(SurfaceError::new(Code::ProviderUnavailable, "no model can be asked now"))
        };
        Err(last.unwrap_or_else(nobody))
    }

    async fn at(
        &self,
        request: &Request,
        place: usize,
        target: &Target,
        end: Instant,
        attempts: &mut Vec<Attempt>,
    ) -> Result<Begun, Stop> {
        let fit = Fit {
            model: &target.name,
            capabilities: &target.capabilities,
            max_output_tokens: target.max_output_tokens,
        };
        let mut request = request.clone();
        request.set_defaults(&target.defaults);
        let mut backoff = Backoff::new(PAUSE, LONGEST_PAUSE);
        let mut left = target.retries;
        loop {
            let started_at = self.clock.now();
            let begun = Instant::now();
            let written = request
                .fits(&target.capabilities)
                .and_then(|()| write_request(target.dialect, &request, &fit));
            let mut attempt = Attempt {
                target: place,
                started_at,
                duration: Duration::ZERO,
                outcome: AttemptOutcome::Unfit,
                upstream_status: None,
                error_code: None,
                class: None,
                retry_after: None,
            };
            let translated = match written {
                Ok(translated) => translated,
                Err(unfit) => {
                    attempt.error_code = Some(unfit.code());
                    attempts.push(attempt);
                    return Err(Stop::Unfit(unfit));
                }
            };
            // Noted before it is made: who is dropped while waiting has asked all the same.
            attempt.outcome = AttemptOutcome::Failed;
            attempts.push(attempt);
            let asked = timeout_at(end, ask(self.client, target, &request, translated, self.id));
            let asked = asked.await.unwrap_or_else(|_| Err(out_of_time()));
            let Some(attempt) = attempts.last_mut() else {
                return Err(Stop::Missed(out_of_time()));
            };
            attempt.duration = begun.elapsed();
            let miss = match asked {
                Ok(reply) => {
                    attempt.outcome = AttemptOutcome::Answered;
                    return Ok(match reply {
                        Reply::Whole(whole) => Begun::Whole { target: place, whole },
                        Reply::Stream(stream) => Begun::Stream { target: place, stream },
                    });
                }
                Err(miss) => miss,
            };
            attempt.upstream_status = miss.status.filter(|status| *status != 0);
            attempt.error_code = Some(miss.code().as_str());
            attempt.class = Some(miss.class);
            attempt.retry_after = miss.retry_after;
            if !miss.may_pass() || left == 0 {
                return Err(Stop::Missed(miss));
            }
            left -= 1;
            let pause = backoff.next(self.ids).max(miss.retry_after.unwrap_or_default());
            if Instant::now() + pause >= end {
                return Err(Stop::Missed(miss));
            }
            tokio::time::sleep(pause).await;
        }
    }
}

enum Stop {
    Unfit(Unfit),
    Missed(Miss),
}

fn out_of_time() -> Miss {
    let message = "no answer within the time of the whole request".to_owned();
    Miss { class: Class::Timeout, status: None, message, retry_after: None }
}

impl Failed {
    fn of(error: SurfaceError) -> Failed {
        Failed { error, retry_after: None }
    }
}

fn failed(miss: &Miss, plan: &Plan, attempts: &[Attempt]) -> Failed {
    let mut tried: Vec<&str> = Vec::new();
    for attempt in attempts {
        let address = plan.targets.get(attempt.target).map(|target| target.address.as_str());
        tried.extend(address.filter(|address| !tried.contains(address)));
    }
    let message = format!("{} (asked: {})", miss.message, tried.join(", "));
    Failed { error: SurfaceError::new(miss.code(), message), retry_after: miss.retry_after }
}
