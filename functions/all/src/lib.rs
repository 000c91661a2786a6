//! The list of all services: whatever goes over every one of them starts here.

use millwright_manifest::{Function, Service};

/// Every service, the gateway first.
pub fn services() -> Vec<Service> {
    vec![
        gateway::service(),
        ai_service::service(),
        auth::service(),
        planning::service(),
        relay::service(),
        usage_tracking::service(),
        secret_management::service(),
        user_management::service(),
    ]
}

/// The function of that name, e.g. `planning-api`.
pub fn function(name: &str) -> Option<Function> {
    services().iter().find_map(|service| service.function(name).cloned())
}
