//! What is told of a job, and how it changes.

use millwright_core::{Error, Result, Timestamp, codes};
use millwright_store::RawItem;
use serde::{Deserialize, Serialize};

use crate::{End, JobId, JobProblem, JobStatus, Jobs};

/// A job, as lists show it. Services answer a representation of their own that is made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", bound = "")]
pub struct JobSummary<J: Jobs> {
    pub id: JobId<J>,
    pub kind: J::Kind,
    pub status: JobStatus,
    /// What it is doing, a few words in snake_case.
    pub stage: String,
    /// How much of the whole work is done, in any unit.
    pub done: u64,
    /// The whole work in the same unit, once known.
    pub total: Option<u64>,
    /// 0-100; never decreases.
    pub percent: u8,
    /// An estimate; none while there is nothing to estimate from.
    pub remaining_seconds: Option<u64>,
    /// Why it failed.
    pub problem: Option<JobProblem>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// From then on the job is not found, nor what it left.
    pub expires_at: Option<Timestamp>,
    pub version: u64,
    pub created_at: Timestamp,
    /// Who started it.
    pub created_by: String,
    pub updated_at: Timestamp,
    /// Who started or ended it.
    pub updated_by: String,
    /// What the service adds.
    pub details: J::Details,
}

impl<J: Jobs> JobSummary<J> {
    /// A job that waits for its worker.
    pub fn queued(
        id: JobId<J>,
        kind: J::Kind,
        details: J::Details,
        now: Timestamp,
        by: &str,
    ) -> JobSummary<J> {
        JobSummary {
            id,
            kind,
            status: JobStatus::Queued,
            stage: JobStatus::Queued.to_string(),
            done: 0,
            total: None,
            percent: 0,
            remaining_seconds: None,
            problem: None,
            started_at: None,
            finished_at: None,
            expires_at: None,
            version: 1,
            created_at: now,
            created_by: by.to_owned(),
            updated_at: now,
            updated_by: by.to_owned(),
            details,
        }
    }

    /// A job as an index or its item holds it.
    ///
    /// # Errors
    /// `internal` if it has another form.
    pub fn of(item: &RawItem) -> Result<JobSummary<J>> {
        item.decode_attribute("summary")
    }

    /// Orders jobs by their creation.
    pub fn sort_key(&self) -> String {
        format!("{}#{}", self.created_at, self.id)
    }

    /// True from 30 days, or [`Jobs::KEPT`], after the end on.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// What is left of the whole work; none until that is known.
    pub fn left(&self) -> Option<u64> {
        self.total.map(|total| total.saturating_sub(self.done))
    }

    /// Its worker has begun; nothing changes if it had before.
    pub fn start(&mut self, now: Timestamp) {
        if self.status == JobStatus::Queued {
            self.status = JobStatus::Running;
            self.stage = JobStatus::Running.to_string();
            self.started_at = Some(now);
            self.changed(now);
        }
    }

    /// Some of the work is done, `done` of `total`; 100 percent is for the end alone.
    pub fn advance(&mut self, now: Timestamp) {
        let total = self.total.unwrap_or_default();
        let done = self.done.min(total);
        let percent = (done * 100).checked_div(total).unwrap_or_default().min(99);
        let percent = u8::try_from(percent).unwrap_or(99);
        self.percent = self.percent.max(percent);
        let percent = u64::from(self.percent);
        let spent = self.started_at.map(|at| now.since(at).as_secs()).unwrap_or_default();
        self.remaining_seconds = (spent * (100 - percent)).checked_div(percent);
        self.changed(now);
    }

    /// # Errors
    /// `invalid_state` if it has ended already.
    pub fn end(&mut self, end: End, now: Timestamp, by: &str) -> Result<()> {
        let (status, problem) = match end {
            End::Completed => (JobStatus::Completed, None),
            End::Failed(problem) => (JobStatus::Failed, Some(problem)),
            End::Cancelled => (JobStatus::Cancelled, None),
        };
        if self.status.is_final() {
            let detail = format!("the job is {} already", self.status);
            return Err(Error::new(codes::INVALID_STATE, detail)
                .with("from", self.status.as_str())
                .with("to", status.as_str())
                .with("allowed", Vec::<String>::new()));
        }
        self.status = status;
        self.stage = status.to_string();
        self.problem = problem;
        self.remaining_seconds = None;
        self.finished_at = Some(now);
        self.expires_at = Some(now.plus(J::KEPT));
        by.clone_into(&mut self.updated_by);
        if status == JobStatus::Completed {
            self.percent = 100;
        }
        self.changed(now);
        Ok(())
    }

    fn changed(&mut self, now: Timestamp) {
        self.version += 1;
        self.updated_at = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use millwright_event::Effects;
    use proptest::prelude::*;

    use super::*;

    millwright_core::id! {
        ToyId = ToyNoun("top");
    }

    millwright_core::wire_enum! {
        enum ToyKind {
            Toy = "toy",
        }
    }

    #[derive(Clone, Debug, PartialEq)]
    struct Toys;

    impl Jobs for Toys {
        type Noun = ToyNoun;
        type Kind = ToyKind;
        type Details = ();
        type Extra = ();
        const SERVICE: &'static str = "toys";
        const FUNCTION: &'static str = "toys-jobs";
        const SLICE_DUE: &'static str = "toys.job.slice_due";

        fn ending(_effects: &mut Effects, _job: &JobSummary<Toys>) -> Result<()> {
            Ok(())
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH.plus(Duration::from_secs(seconds))
    }

    fn job() -> JobSummary<Toys> {
        let id: ToyId = "top_01h455vb4pex5vsknk084sn02q".parse().expect("an id");
        JobSummary::queued(id, ToyKind::Toy, (), at(0), "usr_1")
    }

    fn advance(job: &mut JobSummary<Toys>, done: u64, total: u64, now: Timestamp) {
        (job.done, job.total) = (done, Some(total));
        job.advance(now);
    }

    #[test]
    fn half_of_the_work_in_ten_seconds_leaves_ten() {
        let mut job = job();
        job.start(at(5));
        assert_eq!(job.left(), None);
        advance(&mut job, 0, 10, at(5));
        assert_eq!(job.remaining_seconds, None, "nothing to estimate from");
        advance(&mut job, 5, 10, at(15));
        assert_eq!((job.percent, job.remaining_seconds, job.left()), (50, Some(10), Some(5)));
        advance(&mut job, 10, 10, at(25));
        assert_eq!(job.percent, 99, "100 is for the end");
        job.end(End::Completed, at(26), "usr_1").expect("it runs");
        assert_eq!((job.percent, job.remaining_seconds), (100, None));
        assert_eq!(job.expires_at, Some(at(26 + 30 * 24 * 3600)));
        assert!(!job.is_expired(at(25 + 30 * 24 * 3600)));
        assert!(job.is_expired(at(26 + 30 * 24 * 3600)));
    }

    #[test]
    fn a_job_ends_once() {
        for first in [End::Completed, End::Cancelled] {
            let mut job = job();
            job.end(first, at(1), "usr_1").expect("it is queued");
            let before = job.clone();
            let error = job.end(End::Cancelled, at(2), "usr_1").expect_err("it has ended");
            assert!(error.is(codes::INVALID_STATE));
            assert_eq!(job, before);
        }
    }

    proptest! {
        #[test]
        fn percent_never_decreases_and_stays_below_100(
            steps in proptest::collection::vec((0u64..200, 0u64..100), 1..50)
        ) {
            let mut job = job();
            job.start(at(0));
            let mut last = 0;
            for (number, (done, total)) in steps.into_iter().enumerate() {
                advance(&mut job, done, total, at(number as u64));
                prop_assert!(job.percent >= last && job.percent < 100);
                last = job.percent;
            }
        }
    }
}
