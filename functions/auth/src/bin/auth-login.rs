//! Signs people in.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(auth::auth_login())
}
