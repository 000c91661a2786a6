//! What a job is to do, where it goes on, and how many there are.

use std::{marker::PhantomData, time::Duration};

use millwright_core::{Error, Result, Tenant};
use millwright_store::{Condition, Item, Key, Partition, Transaction, Update};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{JobId, Jobs, Limit, job_partition};

macro_rules! json_item {
    ($($(#[$doc:meta])* $item:ident.$field:ident = $kind:literal at $sort_key:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", bound = "")]
        pub(crate) struct $item<J: Jobs> {
            job_id: JobId<J>,
            /// JSON.
            $field: String,
            #[serde(skip)]
            jobs: PhantomData<J>,
        }

        impl<J: Jobs> $item<J> {
            /// # Errors
            /// `internal` if it is no JSON.
            pub(crate) fn of(job_id: JobId<J>, value: &impl Serialize) -> Result<$item<J>> {
                let $field = serde_json::to_string(value).map_err(Error::internal)?;
                Ok($item { job_id, $field, jobs: PhantomData })
            }

            pub(crate) fn place(tenant: &Tenant, id: JobId<J>) -> Key {
                job_partition::<J>(tenant, id).at($sort_key)
            }

            /// # Errors
            /// `internal` if it has another form.
            pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T> {
                serde_json::from_str(&self.$field)
                    .map_err(|error| Error::internal(format!("{} of {}: {error}", $kind, self.job_id)))
            }
        }

        impl<J: Jobs> Item for $item<J> {
            const KIND: &'static str = $kind;

            fn key(&self, tenant: &Tenant) -> Key {
                $item::<J>::place(tenant, self.job_id)
            }
        }
    )+};
}

json_item! {
    /// What a job is to do; its kind knows the form.
    JobRequest.request = "job_request" at "REQUEST";
    /// Where a job goes on; its kind knows the form.
    JobCheckpoint.checkpoint = "job_checkpoint" at "CHECKPOINT";
}

/// How many jobs a tenant has queued or running.
pub(crate) struct Slots;

impl Slots {
    /// Seconds after which a refused client tries again.
    const RETRY_AFTER: Duration = Duration::from_secs(30);

    fn place(tenant: &Tenant, limit: &Limit) -> Key {
        Partition::of(tenant).and("COUNT").at(format!("JOBS#{}", limit.counter))
    }

    /// One more, within the limit.
    pub(crate) fn take<J: Jobs>(transaction: &mut Transaction, kind: J::Kind) {
        let Some(limit) = J::limit(kind) else { return };
        let key = Slots::place(transaction.tenant(), &limit);
        let free = Condition::default().less_than("count", limit.most).or_attribute_absent("count");
        let step = transaction.update(&key, &Update::when(free).add("count", 1));
        let detail = format!("{} jobs of kind {} are queued or running", limit.most, limit.counter);
        let error = Error::new(limit.code, detail)
            .with("limit", "jobs queued or running")
            .with("max", limit.most)
            .retry_after(Slots::RETRY_AFTER);
        transaction.refused_as(step, error);
    }

    pub(crate) fn give_back<J: Jobs>(transaction: &mut Transaction, kind: J::Kind) {
        if let Some(limit) = J::limit(kind) {
            let key = Slots::place(transaction.tenant(), &limit);
            transaction.update(&key, &Update::new().add("count", -1));
        }
    }
}
