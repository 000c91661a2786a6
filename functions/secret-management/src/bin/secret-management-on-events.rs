//! Serves every operation of secret-management.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(secret_management::secret_management_on_events())
}
