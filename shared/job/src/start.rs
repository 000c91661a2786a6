//! How a job begins and ends: within the transaction of whoever asks for it.

use millwright_core::{Error, Result};
use millwright_event::Effects;
use millwright_store::Step;
use serde::Serialize;

use crate::{
    End, JobHead, JobSummary, Jobs, Slice,
    items::{JobCheckpoint, JobRequest, Slots},
};

/// A job to be done.
#[derive(Clone, Debug)]
pub struct NewJob<J: Jobs, R> {
    pub kind: J::Kind,
    pub details: J::Details,
    pub extra: J::Extra,
    /// What it is to do; [`crate::Run::request`] reads it. At most some hundred KB of JSON.
    pub request: R,
}

impl<J: Jobs, R: Serialize> NewJob<J, R> {
    /// Adds the job and the message to its worker to a transaction: head, request, the count of a
    /// limit, what [`Jobs::starting`] adds; so what was accepted cannot be lost. Refused as the code
    /// of the [`crate::Limit`]. The job is the tenant's whose part of the transaction it is.
    ///
    /// # Errors
    /// `internal` if the request is no JSON; what [`Jobs::starting`] answers.
    pub fn start(self, effects: &mut Effects, by: &str) -> Result<JobHead<J>> {
        let (now, id) = (effects.store().clock().now(), effects.store().ids().next());
        let summary = JobSummary::queued(id, self.kind, self.details, now, by);
        J::starting(effects, &summary)?;
        Slots::take::<J>(effects, self.kind);
        let head = JobHead::queued(summary, self.extra);
        effects.create(&head);
        effects.create(&JobRequest::<J>::of(id, &self.request)?);
        let slice = Slice::<J>::of(effects.tenant(), id, head.slice);
        effects.send(J::FUNCTION, &slice)?;
        Ok(head)
    }
}

impl<J: Jobs> JobHead<J> {
    /// Adds the cancellation of a job that was read to a transaction: head, the count of a limit,
    /// request and checkpoint, what [`Jobs::ending`] adds. What the job has done stays; what its
    /// worker does at this moment is discarded. The job as it is then. Refused as a lost race if
    /// its worker was faster: read it again (`Contention`).
    ///
    /// # Errors
    /// `invalid_state` if it has ended already.
    pub fn cancel(&self, effects: &mut Effects, by: &str) -> Result<JobHead<J>> {
        let (ended, step) = self.end(effects, End::Cancelled, by)?;
        effects.refused_as(step, Error::lost_race());
        Ok(ended)
    }

    /// Adds the end of a job; the step requires that nobody has touched it since it was read.
    ///
    /// # Errors
    /// `invalid_state` if it has ended already.
    pub(crate) fn end(
        &self,
        effects: &mut Effects,
        end: End,
        by: &str,
    ) -> Result<(JobHead<J>, Step)> {
        let mut summary = self.summary.clone();
        summary.end(end, effects.store().clock().now(), by)?;
        let after = JobHead { lease: None, ..self.with(summary) };
        let step = after.replace(effects, self);
        Slots::give_back::<J>(effects, self.summary.kind);
        let (tenant, id) = (*effects.tenant(), self.summary.id);
        effects.delete(&JobRequest::<J>::place(&tenant, id));
        effects.delete(&JobCheckpoint::<J>::place(&tenant, id));
        J::ending(effects, &after.summary)?;
        Ok((after, step))
    }
}
