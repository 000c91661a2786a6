//! The message that sets a worker to a job.

use std::{borrow::Cow, marker::PhantomData};

use millwright_core::{Tenant, UserId, Voucher};
use millwright_event::{Envelope, Event};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema},
};

use crate::{JobId, Jobs};

/// To the queue of [`Jobs::FUNCTION`], not to the bus: the slice of a job that is to be done next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", bound = "")]
pub struct Slice<J: Jobs> {
    pub job_id: JobId<J>,
    /// From 1 on.
    pub slice: u64,
    /// Whose the job is, if it is a person's: envelopes name organizations alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(skip)]
    jobs: PhantomData<J>,
}

impl<J: Jobs> Slice<J> {
    pub(crate) fn of(tenant: &Tenant, job_id: JobId<J>, slice: u64) -> Slice<J> {
        Slice { job_id, slice, user_id: tenant.user(), jobs: PhantomData }
    }

    /// Whose the job is, for which our own queues vouch.
    #[allow(
        clippy::disallowed_methods,
        reason = "a delivered message is what a tenant may come from"
    )]
    pub(crate) fn tenant(&self, envelope: &Envelope) -> Tenant {
        match self.user_id {
            Some(user) => Tenant::person(user, Voucher::Event),
            None => envelope.tenant(),
        }
    }
}

impl<J: Jobs> Event for Slice<J> {
    const TYPE: &'static str = J::SLICE_DUE;
    const SERVICE: &'static str = J::SERVICE;
    /// A job may be a person's, or of the installation.
    const IN_ORGANIZATION: bool = false;

    fn subject(&self) -> String {
        self.job_id.to_string()
    }

    fn example() -> Slice<J> {
        Slice {
            job_id: JobId::<J>::from_uuid(uuid::Uuid::nil()),
            slice: 1,
            user_id: None,
            jobs: PhantomData,
        }
    }
}

impl<J: Jobs> PartialSchema for Slice<J> {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .property("jobId", JobId::<J>::schema())
            .required("jobId")
            .property("slice", u64::schema())
            .required("slice")
            .property("userId", UserId::schema());
        RefOr::T(Schema::Object(object.build()))
    }
}

impl<J: Jobs> ToSchema for Slice<J> {
    fn name() -> Cow<'static, str> {
        "JobSlice".into()
    }
}
