//! Serves every operation of user-management.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(user_management::user_management_api())
}
