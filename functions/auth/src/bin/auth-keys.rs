//! Rotates the keys of tokens.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(auth::auth_keys())
}
