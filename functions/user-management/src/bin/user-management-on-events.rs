//! Follows what is said of users.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(user_management::user_management_on_events())
}
