//! Works off jobs.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(planning::planning_jobs())
}
