//! Values that are kept in the secret store of the cloud: what is written first, how often, and how
//! they move (rule 17).

use std::time::Duration;

use millwright_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Backend, Inside, Known, Origin, Secret, Stage, Version};

/// The most versions that a secret keeps there: each has a label of its own, and there are 20.
pub const MAX_OUTSIDE: u32 = 15;
/// How many it keeps there if nobody says.
pub const USUAL_OUTSIDE: u32 = 10;

/// An announced write that nobody has finished for so long is finished or dropped by the jobs.
pub const FINISHED_WITHIN: Duration = Duration::from_secs(15 * 60);
/// After so long whoever announced it has ended: no function runs longer than a minute. Another
/// writer may finish it.
pub const ABANDONED_AFTER: Duration = Duration::from_secs(90);

/// Values written at once, and the time after which one more may be: faster writing fills the store,
/// which drops versions without a label only past 100 and after a day.
const BUCKET: u32 = 5;
const REFILLED: Duration = Duration::from_secs(600);

/// A value that is announced: all that is to be known of it once it is in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announced {
    /// Whose it is: a request meets its own again.
    pub token: String,
    pub at: Timestamp,
    pub version: Version,
    pub stage: Stage,
    pub digest: Option<String>,
    pub known: Known,
}

impl Announced {
    /// True if somebody else may finish it.
    pub fn is_abandoned(&self, now: Timestamp) -> bool {
        !self.at.is_within(ABANDONED_AFTER, now)
    }

    pub fn due(&self) -> Timestamp {
        self.at.plus(FINISHED_WITHIN)
    }

    /// A rotation is begun anew rather than finished: more than its value belongs to it.
    pub fn can_be_finished(&self) -> bool {
        self.version.origin != Origin::Rotated
    }
}

/// A value that was announced by one and finished by another: who sends the same again gets this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finished {
    pub token: String,
    pub number: u32,
}

/// So many are remembered: no more are written at once.
const MAX_FINISHED: usize = BUCKET as usize;

/// How many values may be written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    left: u32,
    /// Since when it fills.
    at: Timestamp,
}

impl Bucket {
    pub fn full(now: Timestamp) -> Bucket {
        Bucket { left: BUCKET, at: now }
    }

    /// One less; else how long to wait.
    ///
    /// # Errors
    /// The time until there is one.
    pub fn take(self, now: Timestamp) -> Result<Bucket, Duration> {
        let Bucket { mut left, mut at } = self;
        while left < BUCKET && at.plus(REFILLED) <= now {
            left += 1;
            at = at.plus(REFILLED);
        }
        if left == BUCKET {
            at = now;
        }
        match left.checked_sub(1) {
            Some(left) => Ok(Bucket { left, at }),
            None => Err(at.plus(REFILLED).since(now)),
        }
    }
}

/// A secret that moves from one backend to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    pub to: Backend,
}

impl Secret {
    /// The most versions that its backend can keep.
    pub fn most_versions(backend: Backend) -> u32 {
        match backend {
            Backend::Internal => 100,
            Backend::AwsSecretsManager => MAX_OUTSIDE,
        }
    }
}

impl Inside {
    /// The most versions that may be kept: also of where it moves to.
    pub fn most_versions(&self, secret: &Secret) -> u32 {
        let to = self.migrating.map_or(secret.backend, |migration| migration.to);
        Secret::most_versions(secret.backend).min(Secret::most_versions(to))
    }

    /// Remembers for whom a version was finished.
    pub fn finished_for(&mut self, token: String, number: u32) {
        self.finished.push(Finished { token, number });
        let beyond = self.finished.len().saturating_sub(MAX_FINISHED);
        self.finished.drain(..beyond);
    }

    /// The version that was finished for somebody.
    pub fn was_finished(&self, token: &str) -> Option<u32> {
        self.finished.iter().find(|one| one.token == token).map(|one| one.number)
    }

    /// True if an attempt at the same submission has announced its value before: what the submission
    /// expects held then.
    pub fn has_begun(&self, token: &str) -> bool {
        let is_announced = self.announced.as_ref().is_some_and(|one| one.token == token);
        is_announced || self.was_finished(token).is_some()
    }

    /// The number of the next version. One that was announced and dropped is never used again.
    pub fn next_number(&self, secret: &Secret) -> u32 {
        secret.last_version.max(self.announced_until) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_at_once_and_then_one_every_ten_minutes() {
        let now = Timestamp::UNIX_EPOCH;
        let mut bucket = Bucket::full(now);
        for _ in 0..5 {
            bucket = bucket.take(now).unwrap();
        }
        assert_eq!(bucket.take(now), Err(REFILLED));
        let later = now.plus(REFILLED);
        bucket = bucket.take(later).unwrap();
        assert_eq!(bucket.take(later.plus(REFILLED / 2)), Err(REFILLED / 2));
        let mut rested = later.plus(REFILLED * 50);
        for _ in 0..5 {
            bucket = bucket.take(rested).unwrap();
            rested = rested.plus(Duration::from_secs(1));
        }
        assert!(bucket.take(rested).is_err());
    }
}
