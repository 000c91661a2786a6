//! How a provider fares: what the last minutes say.

use std::{collections::BTreeMap, time::Duration};

use millwright_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ModelId;

millwright_core::wire_enum! {
    /// How a provider fares.
    pub enum HealthStatus {
        Unknown = "unknown",
        Healthy = "healthy",
        Degraded = "degraded",
        Unhealthy = "unhealthy",
    }
}

/// How a provider fared in the last five minutes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProviderHealth)]
pub struct Health {
    pub status: HealthStatus,
    /// Since when it has this status.
    pub since: Option<Timestamp>,
    /// 0-1; null without samples.
    pub failure_rate: Option<f64>,
    /// Median time to the first token, rounded up to a bound of the histogram, in milliseconds.
    pub p50_ms: Option<u64>,
    pub samples: u64,
    /// The code of the last failure.
    pub last_error: Option<String>,
}

/// Upper bounds of the histogram of times to the first token, in milliseconds; the last bucket has
/// none.
pub const FIRST_TOKEN_BOUNDS: [u64; 11] =
    [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200];

/// How many of each bucket.
pub type Bucket = u64;

/// What is judged by: the last five minutes.
pub const WINDOW_MINUTES: i64 = 5;

/// One minute of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthMinute {
    pub samples: u64,
    /// Failures that are not the client's.
    pub failures: u64,
    /// How many first tokens came within each of [`FIRST_TOKEN_BOUNDS`], and beyond.
    pub buckets: [Bucket; 12],
}

impl HealthMinute {
    /// One try; the time to its first token in milliseconds, if there was one.
    pub fn of(is_failure: bool, first_token: Option<u64>) -> HealthMinute {
        let mut one = HealthMinute { samples: 1, failures: is_failure.into(), buckets: [0; 12] };
        if let Some(time) = first_token {
            one.buckets[HealthMinute::bucket_of(time)] = 1;
        }
        one
    }

    /// Both together.
    pub fn add(&mut self, other: &HealthMinute) {
        self.samples += other.samples;
        self.failures += other.failures;
        for (own, more) in self.buckets.iter_mut().zip(other.buckets) {
            *own += more;
        }
    }

    /// 0-1; None without samples.
    #[allow(clippy::cast_precision_loss, reason = "counts of minutes")]
    pub fn failure_rate(&self) -> Option<f64> {
        (self.samples > 0).then(|| self.failures as f64 / self.samples as f64)
    }

    /// Rule 11: unhealthy from five samples and half of them failed, degraded from a tenth.
    pub fn status(&self) -> HealthStatus {
        match self.samples {
            0 => HealthStatus::Unknown,
            samples if samples >= 5 && self.failures * 2 >= samples => HealthStatus::Unhealthy,
            samples if self.failures * 10 >= samples => HealthStatus::Degraded,
            _ => HealthStatus::Healthy,
        }
    }

    /// The bucket of a time to the first token.
    pub fn bucket_of(milliseconds: u64) -> usize {
        let bounds = FIRST_TOKEN_BOUNDS.iter();
        bounds.take_while(|bound| milliseconds > **bound).count()
    }
}

/// The median as the bound of its bucket; None without any.
pub fn p50(buckets: &[Bucket; 12]) -> Option<u64> {
    let all: u64 = buckets.iter().sum();
    let mut seen = 0;
    for (place, count) in buckets.iter().enumerate() {
        seen += count;
        if all > 0 && seen * 2 >= all {
            let last = FIRST_TOKEN_BOUNDS.len() - 1;
            return FIRST_TOKEN_BOUNDS.get(place.min(last)).copied();
        }
    }
    None
}

/// What is remembered of a provider between the minutes: its status as it was announced, and what
/// its models' last failures say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProviderState {
    pub status: Option<HealthStatus>,
    pub since: Option<Timestamp>,
    pub failure_rate: Option<f64>,
    pub p50_ms: Option<u64>,
    pub samples: u64,
    /// The code of the last failure, `secret_unavailable` among them.
    pub last_error: Option<String>,
    /// By model, oldest first: those that may still lead to a cooldown.
    pub failures: BTreeMap<ModelId, Vec<Timestamp>>,
    /// Models that are left alone, and until when.
    pub cooling: BTreeMap<ModelId, Timestamp>,
}

/// Rule 11: so many failures of a model within [`FAILURES_WITHIN`] have it left alone.
const FAILURES: usize = 5;
const FAILURES_WITHIN: Duration = Duration::from_secs(60);
/// For so long, unless the provider says otherwise.
const COOLDOWN: Duration = Duration::from_secs(60);
const LONGEST_COOLDOWN: Duration = Duration::from_secs(3_600);
/// A provider that asks for more than this is left alone at once.
const PATIENCE: Duration = Duration::from_secs(5);

impl ProviderState {
    /// As announced.
    pub fn health(&self) -> Health {
        Health {
            status: self.status.unwrap_or(HealthStatus::Unknown),
            since: self.since,
            failure_rate: self.failure_rate,
            p50_ms: self.p50_ms,
            samples: self.samples,
            last_error: self.last_error.clone(),
        }
    }

    /// As the last five minutes have it, where there is anything in them.
    pub fn health_by(&self, sum: &HealthMinute) -> Health {
        if sum.samples == 0 {
            return self.health();
        }
        let status = match self.status {
            // A wrong or missing key is mended by people, not by time.
            Some(HealthStatus::Unhealthy) if sum.samples == sum.failures => HealthStatus::Unhealthy,
            _ => sum.status(),
        };
        Health {
            status,
            since: self.since.filter(|_| self.status == Some(status)),
            failure_rate: sum.failure_rate(),
            p50_ms: p50(&sum.buckets),
            samples: sum.samples,
            last_error: self.last_error.clone(),
        }
    }

    /// Announces what is the case now. True if the status is another than before.
    pub fn announce(&mut self, health: Health, now: Timestamp) -> bool {
        let changes = self.status.unwrap_or(HealthStatus::Unknown) != health.status;
        if changes {
            self.since = Some(now);
        }
        self.status = Some(health.status);
        self.failure_rate = health.failure_rate;
        self.p50_ms = health.p50_ms;
        self.samples = health.samples;
        changes
    }

    /// A model has failed; the provider may have said when to come back.
    pub fn failed(&mut self, model: ModelId, now: Timestamp, retry_after: Option<Duration>) {
        self.cooling.retain(|_, until| *until > now);
        self.failures.retain(|_, times| {
            times.retain(|time| time.is_within(FAILURES_WITHIN, now));
            !times.is_empty()
        });
        let times = self.failures.entry(model).or_default();
        times.push(now);
        let pause = match retry_after.filter(|after| *after > PATIENCE) {
            Some(after) => after.min(LONGEST_COOLDOWN),
            None if times.len() >= FAILURES => COOLDOWN,
            None => return,
        };
        self.failures.remove(&model);
        let until = now.plus(pause);
        let standing = self.cooling.entry(model).or_insert(until);
        *standing = until.max(*standing);
    }

    /// The models that are left alone now.
    pub fn cooling(&self, now: Timestamp) -> impl Iterator<Item = ModelId> {
        self.cooling.iter().filter(move |(_, until)| **until > now).map(|(model, _)| *model)
    }

    /// Until when a model of it is left alone.
    pub fn cooldown_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.cooling.values().copied().filter(|until| *until > now).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(samples: u64, failures: u64) -> HealthMinute {
        HealthMinute { samples, failures, buckets: [0; 12] }
    }

    #[test]
    fn a_status_follows_the_share_of_failures() {
        let status = |samples, failures| minute(samples, failures).status();
        assert_eq!(status(0, 0), HealthStatus::Unknown);
        assert_eq!(status(4, 4), HealthStatus::Degraded);
        assert_eq!(status(5, 3), HealthStatus::Unhealthy);
        assert_eq!(status(6, 3), HealthStatus::Unhealthy);
        assert_eq!(status(10, 1), HealthStatus::Degraded);
        assert_eq!(status(11, 1), HealthStatus::Healthy);
    }

    #[test]
    fn a_median_is_the_bound_of_its_bucket() {
        assert_eq!(p50(&[0; 12]), None);
        let mut buckets = [0; 12];
        for time in [10, 90, 95, 100, 7_000] {
            buckets[HealthMinute::bucket_of(time)] += 1;
        }
        assert_eq!(p50(&buckets), Some(100));
        assert_eq!(HealthMinute::bucket_of(1_000_000), 11);
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + second * 1_000)
    }

    #[test]
    fn five_failures_within_a_minute_have_a_model_left_alone_for_one() {
        let model = "mdl_01jdz7xk2nf5h9vq3w8c6m4t0b".parse().expect("an id");
        let mut state = ProviderState::default();
        for second in [0, 50, 60, 70, 80] {
            state.failed(model, at(second), None);
            assert_eq!(state.cooldown_until(at(second)), None, "{second}");
        }
        state.failed(model, at(81), Some(Duration::from_secs(2)));
        assert_eq!(state.cooldown_until(at(81)), Some(at(141)));
        assert_eq!(state.cooling(at(140)).count(), 1);
        assert_eq!(state.cooling(at(141)).count(), 0);
    }

    #[test]
    fn a_provider_says_for_how_long_up_to_an_hour() {
        let model = "mdl_01jdz7xk2nf5h9vq3w8c6m4t0b".parse().expect("an id");
        let mut state = ProviderState::default();
        state.failed(model, at(0), Some(Duration::from_secs(6)));
        assert_eq!(state.cooldown_until(at(0)), Some(at(6)));
        state.failed(model, at(1), Some(Duration::from_secs(100_000)));
        assert_eq!(state.cooldown_until(at(1)), Some(at(3_601)));
    }
}
