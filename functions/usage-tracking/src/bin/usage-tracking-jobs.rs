//! Works off jobs.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(usage_tracking::usage_tracking_jobs())
}
