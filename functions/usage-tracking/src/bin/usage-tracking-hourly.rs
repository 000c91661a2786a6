//! Orders a job for every organization in which something has fallen due.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(usage_tracking::usage_tracking_hourly())
}
