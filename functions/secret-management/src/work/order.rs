//! Messages to the jobs: what is to be done, by its id. Never a value.

use millwright_core::{ProjectId, ServiceKeyId, TeamId, Timestamp, UserId};
use millwright_event::Event;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::JOBS;
use crate::{
    domain::{DataKeyId, GranteeType, SecretId},
    store::DueThing,
};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "what", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Order {
    /// Whatever is due of a secret.
    Secret {
        secret_id: SecretId,
    },
    /// A grant has ended.
    Grant {
        secret_id: SecretId,
        grantee_type: GranteeType,
        grantee_id: String,
    },
    /// Whatever is due of a data key.
    DataKey {
        data_key_id: DataKeyId,
    },
    /// The daily look at an organization's secrets.
    Posture,
    /// A project was deleted, or came back.
    Project {
        project_id: ProjectId,
    },
    Team {
        team_id: TeamId,
    },
    /// A membership has ended; what came after is another membership's.
    Member {
        user_id: UserId,
        until: Timestamp,
    },
    ServiceKey {
        key_id: ServiceKeyId,
    },
    /// What secrets were bound to is gone.
    Bound {
        service: String,
        resource_type: String,
        resource_id: String,
    },
    /// Which values of a secret are kept in the secret store, and which is current there.
    Labels {
        secret_id: SecretId,
    },
    /// A value was put into the secret store, and its secret never came to be.
    TakeBack {
        secret_id: SecretId,
    },
    /// The organization is gone for ever.
    Organization,
}

impl From<DueThing> for Order {
    fn from(thing: DueThing) -> Order {
        match thing {
            DueThing::Secret(secret_id) => Order::Secret { secret_id },
            DueThing::Grant(secret_id, grantee_type, grantee_id) => {
                Order::Grant { secret_id, grantee_type, grantee_id }
            }
            DueThing::DataKey(data_key_id) => Order::DataKey { data_key_id },
            DueThing::Posture => Order::Posture,
            DueThing::Stored(secret_id) => Order::TakeBack { secret_id },
        }
    }
}

/// To the jobs, not to the bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkDue {
    pub order: Order,
}

impl Event for WorkDue {
    const TYPE: &'static str = "secrets.work.due";
    const SERVICE: &'static str = "secret-management";

    fn subject(&self) -> String {
        JOBS.to_owned()
    }

    fn example() -> WorkDue {
        WorkDue { order: Order::Posture }
    }
}
