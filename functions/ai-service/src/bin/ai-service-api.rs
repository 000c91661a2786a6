//! Serves every operation of ai-service.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(ai_service::ai_service_api())
}
