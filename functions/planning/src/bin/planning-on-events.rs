//! Keeps the task counts of project summaries.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(planning::planning_on_events())
}
