//! Closes what a crash of ai-service has left open.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(ai_service::ai_service_on_events())
}
