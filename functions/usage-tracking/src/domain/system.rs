//! The categories every organization has. Their pointers follow the events of the producers.

use std::sync::LazyLock;

use millwright_core::Timestamp;

use super::{
    Category, CategoryCode, CategoryName, Description, Dimension, EventTypeName, MeasureName,
    Metric, Pointer, UpTo,
};

/// Where events of every other type go.
pub const UNCATEGORIZED: &str = "uncategorized";

struct Row {
    code: &'static str,
    name: &'static str,
    event_types: &'static [&'static str],
    /// Name, pointer, unit; all optional, the first two averaged.
    metrics: &'static [(&'static str, &'static str, &'static str)],
    dimensions: &'static [(&'static str, &'static str)],
    /// Pointers to cost, to "unknown", to the reference of a reservation.
    pointers: [Option<&'static str>; 3],
}

const NO_POINTERS: [Option<&str>; 3] = [None, None, None];

const ROWS: &[Row] = &[
    Row {
        code: "ai.completion",
        name: "AI completions",
        event_types: &["ai.completion.completed", "ai.completion.failed"],
        metrics: &[
            ("inputTokens", "/usage/inputTokens", "tokens"),
            ("outputTokens", "/usage/outputTokens", "tokens"),
            ("cacheReadTokens", "/usage/cacheReadTokens", "tokens"),
            ("cacheWriteTokens", "/usage/cacheWriteTokens", "tokens"),
            ("reasoningTokens", "/usage/reasoningTokens", "tokens"),
            ("durationSeconds", "/durationMs", "s"),
        ],
        dimensions: &[
            ("provider", "/provider"),
            ("model", "/model"),
            ("status", "/status"),
            ("taskType", "/taskType"),
        ],
        pointers: [Some("/costMicros"), Some("/priceUnknown"), Some("/completionId")],
    },
    Row {
        code: "ai.agent_run",
        name: "Agent runs",
        event_types: &["ai.agent_run.completed", "ai.agent_run.failed"],
        metrics: &[("turns", "/turns", ""), ("toolCalls", "/toolCalls", "")],
        dimensions: &[("agentId", "/agentId"), ("status", "/status")],
        pointers: NO_POINTERS,
    },
    Row {
        code: "execution.run",
        name: "Executions",
        event_types: &[
            "execution.run.completed",
            "execution.run.failed",
            "execution.run.cancelled",
        ],
        metrics: &[("durationSeconds", "/durationSeconds", "s")],
        dimensions: &[("status", "/status")],
        pointers: NO_POINTERS,
    },
    Row {
        code: "workflow.run",
        name: "Workflow runs",
        event_types: &[
            "workflow.run.succeeded",
            "workflow.run.failed",
            "workflow.run.timed_out",
            "workflow.run.cancelled",
        ],
        metrics: &[("durationSeconds", "/durationSeconds", "s")],
        dimensions: &[("status", "/status")],
        pointers: NO_POINTERS,
    },
    Row {
        code: "secrets.reveal",
        name: "Secrets revealed",
        event_types: &["secrets.secret.revealed"],
        metrics: &[("values", "/count", "")],
        dimensions: &[("action", "/action")],
        pointers: NO_POINTERS,
    },
    Row {
        code: "ai.embedding",
        name: "Embeddings",
        event_types: &["embeddings.embedding.generated"],
        metrics: &[("tokens", "/tokens", "tokens")],
        dimensions: &[("model", "/modelKey")],
        pointers: [Some("/costMicros"), Some("/priceUnknown"), None],
    },
    Row {
        code: "mcp.tool",
        name: "MCP tools",
        event_types: &[],
        metrics: &[],
        dimensions: &[("server", "/server"), ("tool", "/tool"), ("status", "/status")],
        pointers: NO_POINTERS,
    },
    Row {
        code: "search.query",
        name: "Searches",
        event_types: &[],
        metrics: &[],
        dimensions: &[],
        pointers: NO_POINTERS,
    },
    Row {
        code: "storage.file",
        name: "Files",
        event_types: &[],
        metrics: &[("bytes", "/bytes", "bytes")],
        dimensions: &[],
        pointers: NO_POINTERS,
    },
    Row {
        code: UNCATEGORIZED,
        name: "Uncategorized",
        event_types: &[],
        metrics: &[],
        // Of the event itself, not of its data.
        dimensions: &[("type", "/")],
        pointers: NO_POINTERS,
    },
];

/// The event types of the platform that are usage.
pub const USAGE_TYPES: &[&str] = &[
    "ai.agent_run.completed",
    "ai.agent_run.failed",
    "ai.completion.completed",
    "ai.completion.failed",
    "embeddings.embedding.generated",
    "execution.run.cancelled",
    "execution.run.completed",
    "execution.run.failed",
    "secrets.secret.revealed",
    "workflow.run.cancelled",
    "workflow.run.failed",
    "workflow.run.succeeded",
    "workflow.run.timed_out",
];

fn read<T: std::str::FromStr + Default>(text: &str) -> T {
    text.parse().unwrap_or_default()
}

fn category(row: &Row) -> Category {
    let metric = |(at, (name, pointer, unit)): (usize, &(&str, &str, &str))| Metric {
        name: MeasureName::of(name),
        pointer: Pointer::of(pointer),
        unit: read(unit),
        optional: true,
        averaged: at < 2,
        in_thousandths: pointer.ends_with("Ms"),
    };
    let dimension = |(name, pointer): &(&str, &str)| Dimension {
        name: MeasureName::of(name),
        pointer: Pointer::of(pointer),
    };
    let [cost, unknown, reference] = row.pointers.map(|pointer| pointer.map(Pointer::of));
    Category {
        code: CategoryCode::of(row.code),
        name: read::<CategoryName>(row.name),
        description: Description::default(),
        event_types: UpTo(row.event_types.iter().map(|kind| EventTypeName::of(kind)).collect()),
        metrics: UpTo(row.metrics.iter().enumerate().map(metric).collect()),
        dimensions: UpTo(row.dimensions.iter().map(dimension).collect()),
        cost_pointer: cost,
        price_unknown_pointer: unknown,
        reference_pointer: reference,
        color: None,
        display_order: None,
        is_system: true,
        archived_at: None,
        version: 1,
        created_at: Timestamp::UNIX_EPOCH,
        created_by: "platform".to_owned(),
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

/// All of them, by code.
pub fn system_categories() -> &'static [Category] {
    static ALL: LazyLock<Vec<Category>> = LazyLock::new(|| {
        let mut all: Vec<Category> = ROWS.iter().map(category).collect();
        all.sort_by(|a, b| a.code.cmp(&b.code));
        all
    });
    &ALL
}

pub fn is_system_code(code: &str) -> bool {
    ROWS.iter().any(|row| row.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_code_says_is_what_a_caller_could_say() {
        for category in system_categories() {
            assert_eq!(category.code.as_str().parse::<CategoryCode>().as_ref(), Ok(&category.code));
            assert!(!category.name.as_str().is_empty());
            for metric in &category.metrics.0 {
                assert!(metric.name.as_str().parse::<MeasureName>().is_ok());
                assert!(metric.pointer.to_string().parse::<Pointer>().is_ok());
            }
            for dimension in &category.dimensions.0 {
                assert!(dimension.name.as_str().parse::<MeasureName>().is_ok());
                assert!(dimension.pointer.to_string().parse::<Pointer>().is_ok());
            }
            for kind in &category.event_types.0 {
                assert!(USAGE_TYPES.contains(&kind.as_str()), "{kind} is not consumed");
            }
        }
        let types: usize = system_categories().iter().map(|it| it.event_types.0.len()).sum();
        assert_eq!(types, USAGE_TYPES.len());
    }
}
