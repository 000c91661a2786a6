//! Alerts as soon as a limit is used up to a threshold.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(usage_tracking::usage_tracking_on_limits())
}
