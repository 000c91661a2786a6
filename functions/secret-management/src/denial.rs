//! Denials among the records of accesses: at most once per caller, operation and minute.

use millwright_core::ServiceKeyId;
use millwright_http::{Caller, DenialRecords};
use millwright_store::Transaction;

use crate::{
    domain::{Access, AccessOutcome, ActorType},
    store::DeniedAccess,
};

/// Writes a record with the mark of each denial.
pub struct Denials;

impl DenialRecords for Denials {
    fn add(
        &self,
        transaction: &mut Transaction,
        caller: &Caller,
        operation: &'static str,
        code: &'static str,
    ) {
        let store = transaction.store();
        let (id, at) = (store.ids().next(), store.clock().now());
        let request = &caller.request;
        let summary = Access {
            id,
            at,
            actor_type: actor_type(caller),
            actor_id: caller.actor().to_owned(),
            action: operation.to_owned(),
            outcome: AccessOutcome::Denied,
            secret_id: None,
            secret_name: None,
            value_version: None,
            binding_id: None,
            reason: None,
            request_id: request.request_id.clone(),
            ip: request.source_ip.map(|ip| ip.to_string()),
            user_agent: None,
            error_code: Some(code.to_owned()),
        };
        transaction.put(&DeniedAccess { summary });
    }
}

fn actor_type(caller: &Caller) -> ActorType {
    match (caller.user(), &caller.principal.key_id) {
        (Some(_), None) => ActorType::User,
        (Some(_), Some(_)) => ActorType::ApiKey,
        (None, _) if caller.actor().parse::<ServiceKeyId>().is_ok() => ActorType::ServiceKey,
        (None, _) => ActorType::Service,
    }
}
