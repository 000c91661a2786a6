//! Serves every operation of auth.

fn main() -> Result<(), millwright_runtime::StartError> {
    millwright_runtime::block_on(auth::auth_token())
}
