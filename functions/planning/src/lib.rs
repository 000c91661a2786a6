//! planning (skeleton; being written)
use millwright_manifest::{Function, Right, Service, StartError, Table, TableAction, Trigger};

/// The manifest.
pub fn service() -> Service {
    Service {
        name: "planning",
        summary: "Projects, tasks, comments and their history",
        bases: &["planning"],
        permissions: &[],
        codes: &[],
        operations: vec![],
        events: vec![],
        table: Some(Table { has_outbox: true }),
        functions: vec![
            Function {
                name: "planning-api",
                summary: "Serves every planning operation",
                memory_megabytes: 512,
                timeout_seconds: 15,
                triggers: vec![Trigger::Http],
                rights: vec![
                    Right::OwnTable(&[
                        TableAction::GetItem,
                        TableAction::BatchGetItem,
                        TableAction::Query,
                        TableAction::PutItem,
                        TableAction::UpdateItem,
                        TableAction::DeleteItem,
                        TableAction::ConditionCheckItem,
                    ]),
                    Right::ReadSecret("auth/jwks"),
                    Right::ReadSecret("internal"),
                ],
                start: || Box::pin(not_yet()),
            },
            Function {
                name: "planning-on-events",
                summary: "Keeps the task counts of project summaries",
                memory_megabytes: 256,
                timeout_seconds: 30,
                triggers: vec![Trigger::Events {
                    types: &["planning.task.created", "planning.task.deleted"],
                    batch_size: 100,
                    window_seconds: 1,
                }],
                rights: vec![Right::OwnTable(&[TableAction::PutItem, TableAction::UpdateItem])],
                start: || Box::pin(not_yet()),
            },
        ],
        openapi: || serde_json::json!({}),
    }
}

async fn not_yet() -> Result<(), StartError> {
    Ok(())
}
