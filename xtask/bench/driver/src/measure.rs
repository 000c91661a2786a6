//! The stopwatch.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use axum::body::Bytes;
use hdrhistogram::Histogram;
use millwright_bench_driver::{
    Carry, Invoke, Invoked, Latency, Measure, Measured, Probe, Start, Started, Usage,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    counter::Counter,
    instance::{Answer, Instance},
    resources::Resources,
};

/// Calls that are not measured before those that are.
const PROBE_WARM_UP: usize = 200;

pub async fn start(command: &Start) -> Result<Started> {
    let event = Bytes::from(command.event.to_string());
    let (mut polls, mut answers) = (Stopwatch::new()?, Stopwatch::new()?);
    let mut resident_bytes = 0;
    for _ in 0..command.times {
        let mut instance = Instance::start(&command.function).await?;
        polls.record(instance.first_poll().await?)?;
        let answer = instance.invoke(event.clone()).await?;
        check(&answer, None)?;
        answers.record(instance.since_start(answer.at))?;
        resident_bytes = resident_bytes.max(instance.resources()?.resident_bytes);
    }
    let (first_poll, first_answer) = (polls.latency(), answers.latency());
    Ok(Started { first_poll, first_answer, resident_bytes })
}

pub async fn invoke(
    fleet: &mut [Instance],
    counter: &Counter,
    command: &Invoke,
) -> Result<Invoked> {
    let instance = fleet.first_mut().context("no function was launched")?;
    counter.take();
    let before = instance.resources()?;
    let Answer { body, took, .. } = instance.invoke(Bytes::from(command.event.to_string())).await?;
    let after = instance.resources()?;
    Ok(Invoked {
        answer: serde_json::from_slice(&body).context("an answer that is no JSON")?,
        usage: counter.take(),
        seconds: took.as_secs_f64(),
        cpu_seconds: after.cpu_seconds - before.cpu_seconds,
        peak_bytes: after.peak_bytes,
    })
}

/// The answer of a function that is not measured.
pub fn beside(answer: &[u8]) -> Result<Invoked> {
    Ok(Invoked {
        answer: serde_json::from_slice(answer).context("an answer that is no JSON")?,
        usage: Usage::default(),
        seconds: 0.0,
        cpu_seconds: 0.0,
        peak_bytes: 0,
    })
}

pub async fn measure(
    fleet: &mut [Instance],
    counter: &Counter,
    command: &Measure,
) -> Result<Measured> {
    let events: Vec<Bytes> =
        command.events.iter().map(|event| Bytes::from(event.to_string())).collect();
    let carried = command.carry.as_ref().map(|carry| carry.first.clone()).unwrap_or_default();
    let round = Round {
        events: &events,
        processes: fleet.len(),
        status: command.status,
        carry: command.carry.as_ref(),
        carried: dealt(carried, fleet.len()),
    };
    let warmed = round.run(fleet, Some(command.warm_up), usize::MAX, 0).await?;
    let before = used(fleet)?;
    counter.take();
    let started = Instant::now();
    let latency = round.run(fleet, None, command.requests, warmed.len()).await?;
    let wall = started.elapsed();
    let usage = counter.take();
    let after = used(fleet)?;
    Ok(Measured {
        requests: latency.len(),
        latency: latency.latency(),
        wall_seconds: wall.as_secs_f64(),
        cpu_seconds: after.cpu_seconds - before.cpu_seconds,
        peak_bytes: after.peak_bytes,
        usage,
    })
}

/// The CPU time of all processes, the memory of the largest.
fn used(fleet: &[Instance]) -> Result<Resources> {
    let mut sum = Resources::default();
    for instance in fleet {
        let one = instance.resources()?;
        sum.cpu_seconds += one.cpu_seconds;
        sum.resident_bytes = sum.resident_bytes.max(one.resident_bytes);
        sum.peak_bytes = sum.peak_bytes.max(one.peak_bytes);
    }
    Ok(sum)
}

struct Round<'a> {
    events: &'a [Bytes],
    processes: usize,
    status: u16,
    carry: Option<&'a Carry>,
    /// What each process holds: it uses them in turns.
    carried: Vec<Mutex<VecDeque<String>>>,
}

/// One after the other to each process.
fn dealt(texts: Vec<String>, processes: usize) -> Vec<Mutex<VecDeque<String>>> {
    let mut hands = vec![VecDeque::new(); if texts.is_empty() { 0 } else { processes }];
    for (index, text) in texts.into_iter().enumerate() {
        hands[index % processes].push_back(text);
    }
    hands.into_iter().map(Mutex::new).collect()
}

impl Round<'_> {
    /// The n-th event of all, for the process of a lane.
    fn event(&self, lane: usize, index: usize) -> Result<Bytes> {
        let event = self.events.get(index % self.events.len().max(1)).context("no events")?;
        let Some(held) = self.carry.and(self.carried.get(lane)) else { return Ok(event.clone()) };
        let held = held.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let held = held.context("nothing is left to carry")?;
        let text = std::str::from_utf8(event).context("an event that is no text")?;
        Ok(Bytes::from(text.replace(Carry::PLACE, &held)))
    }

    fn keep(&self, lane: usize, answer: &Answer) -> Result<()> {
        let Some((carry, held)) = self.carry.zip(self.carried.get(lane)) else { return Ok(()) };
        let body: Value = serde_json::from_slice(&answer.body).context("no JSON")?;
        let text = body.pointer(&carry.pointer).and_then(Value::as_str);
        let text = text.and_then(|text| text.split(';').next());
        let text = text.with_context(|| format!("nothing to carry in {body}"))?;
        held.lock().unwrap_or_else(PoisonError::into_inner).push_back(text.to_owned());
        Ok(())
    }

    /// All processes at once, until each has answered `each` or all together `total`; goes on
    /// where `done` requests before have ended.
    async fn run(
        &self,
        fleet: &mut [Instance],
        each: Option<usize>,
        total: usize,
        done: usize,
    ) -> Result<Stopwatch> {
        let taken = AtomicUsize::new(0);
        let done_each = done / self.processes.max(1);
        let lanes = fleet.iter_mut().enumerate().map(|(lane, instance)| {
            let taken = &taken;
            async move {
                let mut stopwatch = Stopwatch::new()?;
                let mut turn = 0;
                while each.is_none_or(|each| turn < each)
                    && taken.fetch_add(1, Ordering::Relaxed) < total
                {
                    let index = lane + (done_each + turn) * self.processes;
                    let answer = instance.invoke(self.event(lane, index)?).await?;
                    check(&answer, Some(self.status))?;
                    self.keep(lane, &answer)?;
                    stopwatch.record(answer.took)?;
                    turn += 1;
                }
                Ok::<Stopwatch, anyhow::Error>(stopwatch)
            }
        });
        let mut sum = Stopwatch::new()?;
        for stopwatch in futures::future::try_join_all(lanes).await? {
            sum.0.add(stopwatch.0).context("histograms differ")?;
        }
        Ok(sum)
    }
}

/// An answer that is not what was expected makes a measurement worthless.
fn check(answer: &Answer, expected: Option<u16>) -> Result<()> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        status_code: u16,
    }
    let status: Status = serde_json::from_slice(&answer.body).with_context(|| {
        format!("not an answer for the gateway: {}", String::from_utf8_lossy(&answer.body))
    })?;
    let is_expected =
        expected.map_or(status.status_code < 400, |expected| status.status_code == expected);
    if !is_expected {
        bail!("unexpected answer: {}", String::from_utf8_lossy(&answer.body));
    }
    Ok(())
}

pub async fn probe(dynamodb: &str, command: &Probe) -> Result<Latency> {
    let client = reqwest::Client::builder().no_proxy().build().context("no HTTP client")?;
    let body = Bytes::from(command.body.to_string());
    let mut stopwatch = Stopwatch::new()?;
    for turn in 0..PROBE_WARM_UP + command.requests {
        let request = client
            .post(dynamodb)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{}", command.operation))
            .header("authorization", AUTHORIZATION)
            .header("x-amz-date", "20261123T010458Z")
            .body(body.clone());
        let started = Instant::now();
        let answer = request.send().await.context("DynamoDB does not answer")?;
        let status = answer.status();
        let text = answer.text().await.context("DynamoDB's answer broke off")?;
        let took = started.elapsed();
        if !status.is_success() {
            bail!("{} answered {status}: {text}", command.operation);
        }
        if turn >= PROBE_WARM_UP {
            stopwatch.record(took)?;
        }
    }
    Ok(stopwatch.latency())
}

/// The double reads the form of a signature, not whether it holds.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=bench/20261123/eu-central-1/dynamodb/\
                             aws4_request, SignedHeaders=host;x-amz-date, Signature=0";

/// Durations in nanoseconds, to three digits, up to a minute.
struct Stopwatch(Histogram<u64>);

impl Stopwatch {
    fn new() -> Result<Stopwatch> {
        Ok(Stopwatch(Histogram::new_with_bounds(1, 60_000_000_000, 3)?))
    }

    fn record(&mut self, took: Duration) -> Result<()> {
        let nanoseconds = u64::try_from(took.as_nanos())?;
        self.0.record(nanoseconds).context("longer than a minute")
    }

    fn len(&self) -> usize {
        usize::try_from(self.0.len()).unwrap_or(usize::MAX)
    }

    fn latency(&self) -> Latency {
        let at = |quantile| {
            Duration::from_nanos(self.0.value_at_quantile(quantile)).as_secs_f64() * 1000.0
        };
        Latency { p50: at(0.5), p99: at(0.99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut stopwatch = Stopwatch::new().expect("bounds");
        for milliseconds in 1..=100 {
            stopwatch.record(Duration::from_millis(milliseconds)).expect("in bounds");
        }
        let Latency { p50, p99 } = stopwatch.latency();
        assert!((p50 - 50.0).abs() < 0.1, "{p50}");
        assert!((p99 - 99.0).abs() < 0.2, "{p99}");
    }

    #[test]
    fn an_answer_of_another_status_counts_for_nothing() {
        let answer = |body: &'static str| Answer {
            body: Bytes::from_static(body.as_bytes()),
            took: Duration::ZERO,
            at: Instant::now(),
            is_failure: false,
        };
        assert!(check(&answer(r#"{"statusCode":200}"#), Some(200)).is_ok());
        assert!(check(&answer(r#"{"statusCode":201}"#), None).is_ok());
        assert!(check(&answer(r#"{"statusCode":404}"#), None).is_err());
        assert!(check(&answer(r#"{"statusCode":200}"#), Some(201)).is_err());
        assert!(check(&answer("null"), Some(200)).is_err());
    }
}
