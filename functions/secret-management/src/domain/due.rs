//! What falls due for a secret, and what of it has happened: the sweep finds it by the earliest.

use std::time::Duration;

use millwright_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DAY, Inside, RotationMode, Secret, Status};

/// Something that is to happen to a secret at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueStep {
    /// It expires in so many days.
    Remind(u32),
    Expire,
    /// The open rotation was not confirmed in time.
    Deadline,
    /// A value should be changed by hand.
    RotationDue,
    /// A value is changed here.
    Rotate,
    /// A value was announced, and nobody has said that it is there.
    Unfinished,
    Purge,
}

/// How far an expiry has been told of. A new expiry, or other days, start over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notices {
    of: Option<Timestamp>,
    days: Vec<u32>,
    /// Reminders of so many days and more are told or were past when it was set; 0: it has expired.
    told: Option<u32>,
}

impl Notices {
    fn armed(&mut self, secret: &Secret, now: Timestamp) {
        if self.of == secret.expires_at && self.days == secret.expiry_reminder_days {
            return;
        }
        let is_same = self.of == secret.expires_at;
        let is_past = |day: &u32| secret.expires_at.is_some_and(|end| before(end, *day) <= now);
        let past = secret.expiry_reminder_days.iter().copied().filter(is_past).min();
        let told = match self.told {
            // It expires once.
            Some(0) if is_same => Some(0),
            _ => past,
        };
        let days = secret.expiry_reminder_days.clone();
        *self = Notices { of: secret.expires_at, days, told };
    }

    pub fn tell(&mut self, day: u32) {
        self.told = Some(day);
    }

    fn next(&self) -> Option<(Timestamp, DueStep)> {
        let (end, told) = (self.of?, self.told.unwrap_or(u32::MAX));
        if told == 0 {
            return None;
        }
        let next = self.days.iter().copied().filter(|day| *day < told).max();
        Some(match next {
            Some(day) => (before(end, day), DueStep::Remind(day)),
            None => (end, DueStep::Expire),
        })
    }
}

fn before(end: Timestamp, days: u32) -> Timestamp {
    end.minus(DAY.saturating_mul(days))
}

/// How often it was a secret's turn to be rotated since its value changed last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    of: Option<(RotationMode, Timestamp)>,
    times: u32,
    next: Option<Timestamp>,
}

/// After so long a rotation that failed is tried again; then it waits for a person.
const RETRIES: [Duration; 3] =
    [Duration::from_secs(3_600), Duration::from_secs(4 * 3_600), Duration::from_secs(24 * 3_600)];

impl Turn {
    fn armed(&mut self, secret: &Secret) {
        let at = secret.rotation.next_rotation_at;
        let of = at.map(|at| (secret.rotation.mode, at));
        if self.of != of {
            *self = Turn { of, times: 0, next: at };
        }
    }

    /// A reminder was sent; the next one a week later.
    pub fn told(&mut self, now: Timestamp) {
        self.times += 1;
        while let Some(next) = self.next.filter(|next| *next <= now) {
            self.next = Some(next.plus(7 * DAY));
        }
    }

    /// A rotation came to nothing.
    pub fn missed(&mut self, now: Timestamp) {
        if self.of.is_some_and(|(_, at)| at <= now) {
            let wait = RETRIES.get(self.times as usize);
            self.next = wait.map(|wait| now.plus(*wait));
            self.times += 1;
        }
    }
}

impl Inside {
    /// What is to happen, with its time, the earliest first.
    fn steps(&self, secret: &Secret) -> Vec<(Timestamp, DueStep)> {
        let mut steps = Vec::new();
        if secret.status == Status::Deleted {
            steps.extend(secret.purge_at.map(|at| (at, DueStep::Purge)));
            return steps;
        }
        steps.extend(self.announced.as_ref().map(|one| (one.due(), DueStep::Unfinished)));
        steps.extend(self.notices.next());
        if self.open_rotation.is_some() {
            steps.extend(self.open_until.map(|at| (at, DueStep::Deadline)));
        } else if let (Some((mode, _)), Some(at)) = (self.turn.of, self.turn.next) {
            match mode {
                RotationMode::Manual => steps.push((at, DueStep::RotationDue)),
                // Nobody could read the value to apply it.
                RotationMode::Scheduled if secret.status == Status::Active => {
                    steps.push((at, DueStep::Rotate));
                }
                RotationMode::Scheduled | RotationMode::None => {}
            }
        }
        steps.sort_by_key(|(at, _)| *at);
        steps
    }

    /// What is due now.
    pub fn due_step(&self, secret: &Secret, now: Timestamp) -> Option<DueStep> {
        self.steps(secret).into_iter().find(|(at, _)| *at <= now).map(|(_, step)| step)
    }

    /// As it is stored with a secret: takes up new times, and says when the next one is. Never in
    /// the past, which the sweep may have left behind.
    #[must_use]
    pub fn armed(mut self, secret: &Secret, now: Timestamp) -> Inside {
        self.notices.armed(secret, now);
        self.turn.armed(secret);
        self.due = self.steps(secret).first().map(|(at, _)| (*at).max(now));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH.plus(DAY * u32::try_from(days).unwrap())
    }

    fn notices(end: u64, days: &[u32], told: Option<u32>) -> Notices {
        Notices { of: Some(at(end)), days: days.to_vec(), told }
    }

    #[test]
    fn reminders_come_one_after_the_other_and_then_the_end() {
        let mut notices = notices(40, &[30, 14, 7, 1], None);
        for (day, step) in [
            (10, DueStep::Remind(30)),
            (26, DueStep::Remind(14)),
            (33, DueStep::Remind(7)),
            (39, DueStep::Remind(1)),
            (40, DueStep::Expire),
        ] {
            assert_eq!(notices.next(), Some((at(day), step)));
            notices.tell(match step {
                DueStep::Remind(days) => days,
                _ => 0,
            });
        }
        assert_eq!(notices.next(), None);
    }

    #[test]
    fn a_failed_rotation_is_tried_thrice_more() {
        let start = Some((RotationMode::Scheduled, at(1)));
        let mut turn = Turn { of: start, times: 0, next: Some(at(1)) };
        let now = at(2);
        for hours in [1, 4, 24] {
            turn.missed(now);
            assert_eq!(turn.next, Some(now.plus(Duration::from_secs(hours * 3_600))));
        }
        turn.missed(now);
        assert_eq!(turn.next, None);
    }

    #[test]
    fn weekly_reminders_skip_what_was_missed() {
        let start = Some((RotationMode::Manual, at(1)));
        let mut turn = Turn { of: start, times: 0, next: Some(at(1)) };
        turn.told(at(1));
        assert_eq!(turn.next, Some(at(8)));
        turn.told(at(30));
        assert_eq!(turn.next, Some(at(36)));
    }
}
