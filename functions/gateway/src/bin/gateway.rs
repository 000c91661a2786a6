//! Answers whatever no service serves.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(gateway::gateway())
}
