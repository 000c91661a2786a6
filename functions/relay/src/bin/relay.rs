//! Delivers outbox items to bus and queues.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(relay::relay())
}
